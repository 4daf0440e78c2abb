"""Killed while a block is in force, and started again: released on time, at once if overdue, counts kept."""

from __future__ import annotations

import signal
import time

import netns
import pytest
from world import Agent, iptables_rules, make_home, nft_elements, wait_for

pytestmark = pytest.mark.e2e

LINE = "{stamp} host sshd[99]: Failed password for root from {address} port 4242 ssh2\n"


@pytest.fixture
def host(tmp_path):
    """A namespace, a log in it, and an agent that follows it."""
    netns.require("nft")
    with netns.hosts("host") as (namespace,):
        log = tmp_path / "auth.log"
        log.touch()
        agent = Agent(namespace, make_home(tmp_path, log))
        yield namespace, log, agent
        agent.stop()


def offend(log, address=netns.ATTACKER_4, times=8):
    line = LINE.format(stamp=time.strftime("%b %e %H:%M:%S"), address=address)
    with log.open("a") as file:
        file.write(line * times)


def test_killed_and_started_before_the_end_it_releases_on_time_and_keeps_the_count(host):
    namespace, log, agent = host
    agent.start()
    offend(log)
    row = agent.wait_for_block(netns.ATTACKER_4)
    agent.kill()
    assert nft_elements(namespace) == [netns.ATTACKER_4]
    agent.start()
    wait_for(lambda: nft_elements(namespace) == [], "the release")
    assert row["until"] <= time.time()
    offend(log)
    row = agent.wait_for_block(netns.ATTACKER_4)
    assert (row["offence"], round(row["until"] - row["since"])) == (2, 6)


def test_killed_and_started_after_the_end_it_releases_at_once(host):
    namespace, log, agent = host
    agent.start()
    offend(log)
    row = agent.wait_for_block(netns.ATTACKER_4)
    agent.kill()
    wait_for(lambda: time.time() > row["until"], "the end of the block")
    agent.start()
    wait_for(lambda: nft_elements(namespace) == [], "the release")
    assert agent.rows() == []
    offend(log)
    assert agent.wait_for_block(netns.ATTACKER_4)["offence"] == 2


def test_killed_for_good_the_firewall_itself_ends_the_block(host):
    namespace, log, agent = host
    agent.start()
    offend(log)
    agent.wait_for_block(netns.ATTACKER_4)
    agent.kill()
    wait_for(lambda: nft_elements(namespace) == [], "nftables to end the block")


def test_stopping_leaves_blocks_in_force_and_the_journal_tells_of_them(host):
    namespace, log, agent = host
    agent.start()
    offend(log)
    agent.wait_for_block(netns.ATTACKER_4)
    assert agent.stop() == 0
    assert nft_elements(namespace) == [netns.ATTACKER_4]
    (row,) = agent.rows()
    assert (row["subject"], row["state"]) == (netns.ATTACKER_4, "in force")
    done = agent.verb("unblock", netns.ATTACKER_4)
    assert done.returncode == 0, done.stderr
    assert nft_elements(namespace) == []
    assert agent.rows() == []


def test_a_second_agent_on_the_same_home_is_turned_away(host):
    _, _, agent = host
    agent.start()
    done = agent.verb("run")
    assert done.returncode == 69
    assert "another ar-agent" in done.stderr


def test_blocking_and_releasing_by_hand(host):
    namespace, _, agent = host
    agent.start()
    assert agent.verb("block", "203.0.113.9", "--for", "10m").returncode == 0
    assert agent.verb("block", "2001:db8::9", "--for", "10m").returncode == 0
    assert agent.wait_for_block("203.0.113.9")["rule"] == 0
    done = agent.verb("block", "192.0.2.99")
    assert (done.returncode, done.stderr) == (
        64,
        "ar-agent: 192.0.2.99 is not blocked: it is allowlisted (192.0.2.99)\n",
    )
    done = agent.verb("unblock", "203.0.113.10")
    assert (done.returncode, done.stderr) == (69, "ar-agent: 203.0.113.10 is not blocked: `list` shows what is\n")
    assert agent.verb("unblock", "--all").returncode == 0
    wait_for(lambda: agent.rows() == [] and nft_elements(namespace) == [], "everything to be released")


def test_a_reload_keeps_blocks_and_lines_and_takes_new_rules_over(host):
    namespace, log, agent = host
    agent.start()
    offend(log, times=5)
    wait_for(lambda: agent.status()["lines"] == 5, "five lines to be read")
    conf = agent.home / "etc/ossec.conf"
    good = conf.read_text()
    conf.write_text(good.replace("<timeout>3</timeout>", "<timeout>600</timeout>"))
    agent.signal(signal.SIGHUP)
    wait_for(lambda: agent.status()["reloads"] == 1, "the reload")
    offend(log, times=3)
    row = agent.wait_for_block(netns.ATTACKER_4)
    assert round(row["until"] - row["since"]) == 600, "events from before the reload count, and its timeout applies"
    conf.write_text(good.replace("<rules_id>", "<rule_id>"))
    agent.signal(signal.SIGHUP)
    wait_for(lambda: "the former one goes on" in agent.said(), "the refusal of a configuration with mistakes")
    assert "etc/ossec.conf:4: " in agent.said()
    conf.write_text(good.replace("192.0.2.99", netns.ATTACKER_4))
    agent.signal(signal.SIGHUP)
    wait_for(lambda: nft_elements(namespace) == [], "the release of an address that was allowlisted")


def test_a_script_that_outlives_the_agent_does_not_undo_what_the_next_one_does(tmp_path):
    """An `add` that hangs is still running when the next agent starts after the end of its block."""
    netns.require("iptables")
    log = tmp_path / "auth.log"
    log.touch()
    with netns.hosts("orphan") as (namespace,):
        agent = Agent(namespace, make_home(tmp_path, log, "slow.sh"))
        script = agent.home / "active-response/bin/slow.sh"
        script.write_text('#!/bin/sh\n[ "$1" = delete ] || sleep 4\nexec "${0%/*}/iptables-drop.sh" "$@"\n')
        script.chmod(0o755)
        agent.start()
        assert agent.verb("block", "203.0.113.9", "--for", "1s").returncode == 0
        wait_for(lambda: agent.status()["scripts_running"] == 1, "the script to start")
        agent.kill()
        time.sleep(1)  # the block has ended, and its script is still to put it in force
        agent.start()
        wait_for(lambda: "203.0.113.9: released." in agent.said(), "the release")
        assert iptables_rules(namespace) == []
        assert "still run; nothing is started before they end" in agent.said()
        time.sleep(3)
        assert iptables_rules(namespace) == []
        agent.stop()
