"""A real sshd attacked by real ssh clients: blocked in a real firewall, released on time, longer each time."""

from __future__ import annotations

import time

import executable
import netns
import pytest
from world import Agent, failing_logins, iptables_rules, make_home, nft_elements, wait_for, world

pytestmark = pytest.mark.e2e

FIREWALLS = [
    pytest.param("firewall-drop.sh", nft_elements, id="nftables"),
    pytest.param("iptables-drop.sh", iptables_rules, id="iptables chain"),
]
AGENTS = [pytest.param(False, id="source"), pytest.param(True, id="executable", marks=pytest.mark.frozen)]


@pytest.mark.parametrize(("script", "blocked"), FIREWALLS)
@pytest.mark.parametrize("frozen", AGENTS)
def test_an_attacker_is_blocked_and_released_and_blocked_for_longer(tmp_path, script, blocked, frozen):
    """Three offences of 3, 6 and 9 s; a new connection fails during each block and works after each."""
    command = [str(executable.build())] if frozen else []
    with world(tmp_path) as (attacker, host):
        agent = Agent(host.namespace, make_home(tmp_path, host.log, script), command)
        agent.start()
        try:
            for offence, sentence_s in enumerate((3, 6, 9), 1):
                assert attacker.reaches(netns.HOST_4, 22, within_s=5)
                with failing_logins(attacker, 10):
                    row = agent.wait_for_block(netns.ATTACKER_4)
                    assert (row["offence"], round(row["until"] - row["since"])) == (offence, sentence_s)
                    assert blocked(host.namespace) == [netns.ATTACKER_4]
                    assert not attacker.reaches(netns.HOST_4, 22)
                wait_for(lambda: attacker.reaches(netns.HOST_4, 22, within_s=1), "the attacker to be released")
                assert time.time() - row["since"] >= sentence_s, "released early"
                assert blocked(host.namespace) == []
        finally:
            assert agent.stop() == 0


def test_an_allowlisted_client_is_never_blocked(tmp_path):
    with world(tmp_path) as (attacker, host):
        agent = Agent(host.namespace, make_home(tmp_path, host.log))
        agent.start()
        try:
            with failing_logins(attacker, 20, source="192.0.2.99") as tries:
                for attempt in tries:
                    attempt.wait(timeout=60)
            assert host.log.read_text().count("Failed password for root from 192.0.2.99 ") == 20
            wait_for(lambda: "allowlisted (192.0.2.99)" in agent.said(), "the agent to say that it lets 192.0.2.99 be")
            with failing_logins(attacker, 10):
                agent.wait_for_block(netns.ATTACKER_4)
                assert nft_elements(host.namespace) == [netns.ATTACKER_4]
            assert attacker.reaches(netns.HOST_4, 22, source="192.0.2.99", within_s=5)
        finally:
            agent.stop()


def test_the_host_itself_is_never_blocked(tmp_path):
    with world(tmp_path) as (_, host):
        agent = Agent(host.namespace, make_home(tmp_path, host.log))
        agent.start()
        try:
            with failing_logins(host.namespace, 12):
                wait_for(lambda: "this host's own address" in agent.said(), "the agent to recognise its own address")
            assert nft_elements(host.namespace) == []
        finally:
            agent.stop()


def test_observing_does_everything_but_run_scripts(tmp_path):
    with world(tmp_path) as (attacker, host):
        agent = Agent(host.namespace, make_home(tmp_path, host.log))
        agent.start("--observe")
        try:
            would_run = f"would run {agent.home}/active-response/bin/firewall-drop.sh add - {netns.ATTACKER_4}"
            with failing_logins(attacker, 10):
                wait_for(lambda: would_run in agent.said(), "the agent to say what it would run")
            assert agent.status()["observing"] is True
            assert nft_elements(host.namespace) == []
            assert attacker.reaches(netns.HOST_4, 22, within_s=5)
            assert not (agent.home / "var/journal.json").exists()
        finally:
            assert agent.stop() == 0
