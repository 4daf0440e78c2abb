"""The manual's restart of the agent and its makelists, run by a real agent on their rules."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import Iterator

import netns
import pytest
from world import SOURCE_COMMAND, Agent, make_home, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

COMMANDS = """
<rules><list>lists/users</list></rules>
<command><name>restart-ossec</name><executable>restart-ossec.sh</executable><expect></expect></command>
<command><name>makelists</name><executable>makelists.sh</executable><expect>hostname</expect></command>
<active-response><command>restart-ossec</command><location>local</location><rules_id>510010</rules_id></active-response>
<active-response><command>makelists</command><location>local</location><rules_id>510011</rules_id></active-response>
"""
RULES = """
<group name="local,">
  <rule id="510010" level="10"><match>configuration changed</match><description>It changed.</description></rule>
  <rule id="510011" level="10"><match>list changed</match><description>A list changed.</description></rule>
</group>
"""


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """An agent that the scripts find as `ar-agent`, as on a host where it is installed."""
    netns.require("unshare")
    log = tmp_path / "auth.log"
    log.touch()
    home = make_home(tmp_path, log, more=COMMANDS)
    (home / "rules/local_rules.xml").write_text(RULES)
    (home / "lists").mkdir()
    (home / "lists/users").write_text("ann:admin\n")
    (tmp_path / "sbin").mkdir()
    (tmp_path / "sbin/ar-agent").write_text(f'#!/bin/sh\nexec {shlex.join(SOURCE_COMMAND)} "$@"\n')
    (tmp_path / "sbin/ar-agent").chmod(0o755)
    installed = f'mount --bind {tmp_path}/sbin /usr/local/sbin && exec "$@"'
    with netns.pair() as (_, host):
        agent = Agent(host, home, ["unshare", "--mount", "sh", "-c", installed, "sh", *SOURCE_COMMAND])
        agent.start()
        yield agent
        agent.stop()


def append(agent: Agent, text: str) -> None:
    with (agent.home.parent / "auth.log").open("a") as log:
        log.write(time.strftime(f"%b %e %H:%M:%S web1 admin: {text}\n"))


def test_the_restart_has_the_agent_read_its_configuration_anew(agent: Agent) -> None:
    block = agent.verb("block", "198.51.100.7", "--command", "firewall-drop", "--for", "600")
    assert block.returncode == 0, block.stderr
    append(agent, "configuration changed")
    wait_for(lambda: "Reloaded: " in agent.said(), f"a reload; the agent said:\n{agent.said()}")
    assert [row["subject"] for row in agent.rows()] == ["198.51.100.7"]


def test_makelists_builds_the_list_and_has_the_agent_read_it(agent: Agent) -> None:
    append(agent, "list changed")
    wait_for(lambda: "Reloaded: " in agent.said(), f"a reload; the agent said:\n{agent.said()}")
    assert (agent.home / "lists/users.cdb").exists()
