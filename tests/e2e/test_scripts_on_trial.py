"""Trying and telling scripts on a real host: a real firewall, a real agent beside, and scripts as users write them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import netns
import pytest
from world import Agent, make_home, nft_elements, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

ADDRESS = "203.0.113.7"
WELL = [("present", "not in force"), ("add", "exit status 0"), ("present", "in force"), ("delete", "exit status 0"),
        ("present", "not in force")]  # fmt: skip


@pytest.fixture
def namespace() -> Iterator[netns.Namespace]:
    netns.require("nft", "iptables")
    with netns.pair() as (_, host):
        yield host


@pytest.fixture
def agent(namespace: netns.Namespace, tmp_path: Path) -> Iterator[Agent]:
    log = tmp_path / "auth.log"
    log.touch()
    agent = Agent(namespace, make_home(tmp_path, log))
    yield agent
    agent.stop()


def steps(done: subprocess.CompletedProcess[str]) -> List[tuple[str, str]]:
    return [(step["verb"], step["how"]) for step in map(json.loads, done.stdout.splitlines())]


@pytest.mark.parametrize("is_running", [False, True])
@pytest.mark.parametrize("script", ["firewall-drop.sh", "iptables-drop.sh"])
@pytest.mark.parametrize("subject", [ADDRESS, "2001:db8:77::7"])
def test_a_firewall_script_is_tried_with_and_without_an_agent(
    agent: Agent, script: str, subject: str, *, is_running: bool
) -> None:
    conf = agent.home / "etc/ossec.conf"
    conf.write_text(conf.read_text().replace(">firewall-drop.sh<", f">{script}<"))
    if is_running:
        agent.start()
    done = agent.verb("try", "firewall-drop", "--subject", subject, "--json")
    assert (done.returncode, steps(done)) == (0, WELL), done.stdout + done.stderr
    filters = (["nft", "list", "ruleset"], ["iptables", "-S"], ["ip6tables", "-S"])
    assert not any(subject in agent.namespace.run(listing).stdout for listing in filters)
    assert agent.rows() == []
    again = agent.verb("try", "firewall-drop", "--subject", "192.0.2.99")
    assert (again.returncode, again.stdout) == (64, "")
    assert "allowlisted" in again.stderr


def test_what_a_running_agent_blocks_is_not_tried(agent: Agent) -> None:
    agent.start()
    assert agent.verb("block", ADDRESS, "--for", "10m").returncode == 0
    agent.wait_for_block(ADDRESS)
    done = agent.verb("try", "firewall-drop", "--subject", ADDRESS)
    assert done.returncode == 64
    assert f"{ADDRESS} is in the journal, in force by firewall-drop" in done.stderr
    assert nft_elements(agent.namespace) == [ADDRESS]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_agent_ends_a_trial_that_was_interrupted(agent: Agent, number: int) -> None:
    """The client may be interrupted or killed: the block goes all the same."""
    script = agent.home / "active-response/bin/firewall-drop.sh"
    slow = script.with_name("slow.sh")
    script.rename(script.with_name("real.sh"))
    slow.write_text('#!/bin/sh\n"${0%/*}/real.sh" "$@" && sleep 1\n')
    slow.rename(script)
    script.chmod(0o755)
    agent.start()
    command = [*agent.command, "--home", str(agent.home), "try", "firewall-drop", "--subject", ADDRESS]
    client = agent.namespace.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: nft_elements(agent.namespace) == [ADDRESS], f"{ADDRESS} to be blocked")
    client.send_signal(number)
    out, _ = client.communicate(timeout=60)
    assert client.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), out
    wait_for(lambda: nft_elements(agent.namespace) == [] and not agent.rows(), f"{ADDRESS} to be released")


# Written as their users write them, each with its own idea of how to read.
STATEFUL = f"""#!{sys.executable}
import json, os, subprocess, sys

def read():
    while True:  # as in the manual's sample, which never looks for the end
        line = sys.stdin.readline()
        if line:
            return json.loads(line)

told = read()
address = told["parameters"]["alert"]["data"]["srcip"]
if told["command"] == "add":
    print(json.dumps({{"version": 1, "origin": {{"name": sys.argv[0], "module": "active-response"}},
                      "command": "check_keys", "parameters": {{"keys": [address]}}}}))
    sys.stdout.flush()
    if read()["command"] != "continue":
        sys.exit(0)
    flag = "-I"
else:
    flag = "-D"
with open("logs/own.log", "a") as log:
    log.write(told["command"] + "\\n")
sys.exit(subprocess.call(["iptables", flag, "INPUT", "-s", address, "-j", "DROP"]))
"""


def rules(namespace: netns.Namespace) -> List[str]:
    return [line for line in namespace.run(["iptables", "-S", "INPUT"]).stdout.splitlines() if "DROP" in line]


def test_a_stateful_script_of_wazuh_blocks_once_and_releases_on_time_over_offences_and_a_restart(agent: Agent) -> None:
    """It inserts a rule each time it runs to its end: were it told to go on each time, rules would be left over."""
    script = agent.home / "active-response/bin/custom.py"
    script.write_text(STATEFUL)
    script.chmod(0o755)
    conf = agent.home / "etc/ossec.conf"
    text = conf.read_text().replace(">firewall-drop.sh<", ">custom.py<")
    conf.write_text(text.replace("</command>", "<contract>wazuh4</contract></command>", 1))
    agent.start()
    for sentence in ("10m", "20m"):  # the second one prolongs: the script asks, and is told to abort
        assert agent.verb("block", ADDRESS, "--for", sentence).returncode == 0
        agent.wait_for_block(ADDRESS)
    assert rules(agent.namespace) == [f"-A INPUT -s {ADDRESS}/32 -j DROP"]
    agent.kill()
    conf.write_text(text)
    agent.start()
    assert agent.verb("unblock", ADDRESS).returncode == 0
    wait_for(lambda: not agent.rows(), "the release, by the contract of the block")
    assert rules(agent.namespace) == []
    assert (agent.home / "logs/own.log").read_text() == "add\ndelete\n"
