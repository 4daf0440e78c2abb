"""What is in force stays in force when somebody flushes the firewall, and ends on time when no agent runs."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import threading
import time

import netns
import pytest
from world import SOURCE_COMMAND, Agent, iptables_rules, make_home, nft_elements, wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def host(tmp_path):
    netns.require("nft", "iptables")
    log = tmp_path / "auth.log"
    log.touch()
    with netns.hosts("reconcile") as (namespace,):
        agent = Agent(namespace, make_home(tmp_path, log))
        yield namespace, agent
        agent.stop()


def test_blocks_that_somebody_flushed_are_put_back_when_it_is_wanted(host):
    namespace, agent = host
    agent.start()
    for address in ("203.0.113.7", "203.0.113.8", "203.0.113.9"):
        assert agent.verb("block", address, "--for", "10m").returncode == 0
        agent.wait_for_block(address)
    assert agent.verb("reconcile").stdout == "3 blocks asked about: 0 missing, 0 put back.\n"
    namespace.run(["nft", "delete", "element", "inet", "ar_agent", "blocked4", "{ 203.0.113.8 }"], check=True)
    assert agent.verb("reconcile").stdout == "3 blocks asked about: 1 missing, 1 put back.\n"
    wait_for(lambda: len(nft_elements(namespace)) == 3, "what was missing to be put back")
    namespace.run(["nft", "flush", "ruleset"], check=True)
    done = agent.verb("reconcile", "--json")
    assert json.loads(done.stdout) == {"asked": 3, "missing": 3, "put_back": 3, "unclear": 0, "cannot_tell": []}
    wait_for(lambda: len(nft_elements(namespace)) == 3, "all of them to be put back")
    assert "firewall-drop: 3 blocks were not in the firewall any more; put back." in agent.said()
    assert agent.status()["reconcile"]["missing"] == 4


def test_after_an_interval_the_agent_asks_by_itself(host):
    namespace, agent = host
    (agent.home / "etc/agent.toml").write_text('reconcile_every = "1s"\n')
    agent.start()
    assert agent.verb("block", "203.0.113.7", "--for", "10m").returncode == 0
    agent.wait_for_block("203.0.113.7")
    namespace.run(["nft", "flush", "ruleset"], check=True)
    wait_for(lambda: nft_elements(namespace) == ["203.0.113.7"], "the block to be put back")


def test_reconciling_needs_an_agent_that_acts(host):
    _, agent = host
    assert agent.verb("reconcile").returncode == 69
    agent.start("--observe")
    assert "only observes" in agent.verb("reconcile").stderr


@pytest.fixture
def swept(tmp_path):
    """A host whose firewall ends no block by itself."""
    netns.require("iptables")
    log = tmp_path / "auth.log"
    log.touch()
    with netns.hosts("sweep") as (namespace,):
        agent = Agent(namespace, make_home(tmp_path, log, "iptables-drop.sh"))
        yield namespace, agent
        agent.stop()


def test_while_no_agent_runs_a_sweep_releases_what_is_overdue_and_nothing_else(swept):
    namespace, agent = swept
    agent.start()
    assert agent.verb("block", "203.0.113.7", "--for", "6s").returncode == 0
    assert agent.verb("block", "203.0.113.8", "--for", "10m").returncode == 0
    row = agent.wait_for_block("203.0.113.7")
    agent.wait_for_block("203.0.113.8")
    assert agent.verb("sweep").stdout == "", "a running agent sees to it"
    agent.kill()
    wait_for(lambda: time.time() > row["until"], "the end of the block")
    assert sorted(iptables_rules(namespace)) == ["203.0.113.7", "203.0.113.8"]
    done = agent.verb("sweep")
    assert (done.returncode, done.stdout) == (0, "No agent runs in this home; 1 overdue block released.\n")
    assert iptables_rules(namespace) == ["203.0.113.8"]
    assert agent.verb("sweep").stdout == ""
    assert [row["subject"] for row in agent.rows()] == ["203.0.113.8"]
    agent.start()
    assert agent.wait_for_block("203.0.113.8")


def test_what_a_sweep_cannot_release_it_tells_and_the_next_one_tries_again(swept):
    namespace, agent = swept
    agent.start()
    assert agent.verb("block", "203.0.113.7", "--for", "5s").returncode == 0
    row = agent.wait_for_block("203.0.113.7")
    agent.kill()
    wait_for(lambda: time.time() > row["until"], "the end of the block")
    script = agent.home / "active-response/bin/iptables-drop.sh"
    script.rename(script.with_name("away"))
    done = agent.verb("sweep")
    assert done.returncode == 69
    assert "203.0.113.7 (firewall-drop) could not be released: not run: there is no such script" in done.stdout
    script.with_name("away").rename(script)
    assert agent.verb("sweep").returncode == 0
    assert iptables_rules(namespace) == []


def test_an_agent_that_starts_while_a_sweep_runs_waits_for_it(swept):
    _, agent = swept
    (agent.home / "var/lock").write_text("1 sweep\n")
    folder = os.open(agent.home / "var", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        starting = threading.Thread(target=agent.start)
        starting.start()
        waiting = "Waiting for `ar-agent sweep` (process 1), which holds this home."
        wait_for(lambda: waiting in agent.said(), "it to wait")
        assert starting.is_alive()
    finally:
        os.close(folder)
    starting.join()
    assert agent.status()["blocks"] == 0


def test_an_agent_told_to_stop_while_it_waits_for_a_sweep_stops(swept):
    namespace, agent = swept
    (agent.home / "var/lock").write_text("1 sweep\n")
    folder = os.open(agent.home / "var", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        process = namespace.start([*SOURCE_COMMAND, "--home", str(agent.home), "run"], stdout=subprocess.DEVNULL)
        log = agent.home / "logs/ossec.log"
        wait_for(lambda: log.exists() and "Waiting for `ar-agent sweep`" in log.read_text(), "it to wait")
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        os.close(folder)


def test_beside_an_agent_that_only_observes_a_sweep_releases_and_another_agent_runs(swept):
    namespace, agent = swept
    agent.start()
    assert agent.verb("block", "203.0.113.7", "--for", "6s").returncode == 0
    agent.wait_for_block("203.0.113.7")
    agent.kill()
    observer = namespace.start(
        [*SOURCE_COMMAND, "--home", str(agent.home), "run", "--observe"], stdout=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: agent.verb("status").returncode == 0, "the observer to answer")
        assert "observing: no script is run" in agent.verb("status").stdout
        assert "only observes" in agent.verb("block", "203.0.113.8").stderr
        wait_for(lambda: "1 overdue block released." in agent.verb("sweep").stdout, "the release")
        assert iptables_rules(namespace) == []
        agent.start()
        assert agent.status()["observing"] is False
        assert agent.stop() == 0
    finally:
        observer.terminate()
        assert observer.wait(timeout=30) == 0


def test_a_home_without_a_journal_needs_no_sweep(swept):
    _, agent = swept
    done = agent.verb("sweep")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (agent.home / "var/journal.json").exists()


def test_a_sweep_where_there_is_no_home_says_so(swept):
    """Else a mistake in a crontab would go unnoticed until it matters."""
    _, agent = swept
    agent.home /= "elsewhere"
    done = agent.verb("sweep")
    assert done.returncode == 69
    assert "no home of an agent" in done.stderr
    agent.home = agent.home.parent
