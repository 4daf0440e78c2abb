"""A block ends by the boot clock: a stepped wall clock changes nothing, and time that passed unseen counts.

The boot clock is moved by a time namespace (`unshare --time`), within one boot of the machine as after a suspend.
The wall clock is stepped by libfaketime, which leaves the other clocks alone and reads its step from a file.
"""

from __future__ import annotations

import re
import time

import netns
import pytest
from world import SOURCE_COMMAND, Agent, iptables_rules, make_home, wait_for

from ar.policy.records import Promised
from ar.respond import clock
from ar.respond.journal import read

pytestmark = pytest.mark.e2e

LINE = "{stamp} host sshd[99]: Failed password for root from {address} port 4242 ssh2\n"
STEP_S = 3600


class Host:
    """A namespace, a log, and homes whose blocks last as long as the test says; iptables ends none by itself."""

    def __init__(self, namespace, folder):
        self.namespace = namespace
        self.log = folder / "auth.log"
        self.log.touch()
        self._folder = folder

    def agent(self, sentence_s, command):
        response = (
            "<active-response><command>firewall-drop</command><location>local</location><rules_id>5716</rules_id>"
            f"<timeout>{sentence_s}</timeout></active-response>"
        )
        home = make_home(self._folder, self.log, "iptables-drop.sh", response=response)
        return Agent(self.namespace, home, command)

    def offend(self):
        line = LINE.format(stamp=time.strftime("%b %e %H:%M:%S"), address=netns.ATTACKER_4)
        with self.log.open("a") as file:
            file.write(line)

    def wait_for_block(self):
        wait_for(lambda: iptables_rules(self.namespace) == [netns.ATTACKER_4], "the block")

    def wait_for_release(self):
        wait_for(lambda: iptables_rules(self.namespace) == [], "the release")


@pytest.fixture
def host(tmp_path):
    netns.require("iptables")
    with netns.hosts("clock") as (namespace,):
        yield Host(namespace, tmp_path)


def promised_end_s(agent):
    """Return when the block ends, on the boot clock, as the journal promises."""
    (promise,) = [r for r in read(agent.home / "var/journal.json").records if isinstance(r, Promised)]
    return promise.ends_boot_s


# ── the boot clock ─────────────────────────────────────────────────────────────────────────────────────────────


def with_boot_clock(ahead_s):
    """Return the command of an agent whose boot clock is that far ahead of the machine's."""
    netns.require("unshare")
    return ["unshare", "--time", "--boottime", str(ahead_s), "--monotonic", str(ahead_s), *SOURCE_COMMAND]


def test_time_that_passed_on_the_boot_clock_while_no_agent_ran_counts(host):
    agent = host.agent(600, with_boot_clock(0))
    agent.start()
    try:
        host.offend()
        offended_s = time.time()
        host.wait_for_block()
        agent.kill()
        agent.command = with_boot_clock(STEP_S)
        agent.start()
        host.wait_for_release()
        assert time.time() < offended_s + 600, "by the wall clock it had time left"
        wait_for(lambda: agent.rows() == [], "the release to be recorded")
    finally:
        agent.stop()


def test_a_boot_clock_that_stands_lower_releases_no_block_early(host):
    """Not on this kernel's own clock, but a home may be handed to a container whose time namespace is another."""
    agent = host.agent(3, with_boot_clock(2))
    agent.start()
    try:
        host.offend()
        host.wait_for_block()
        agent.kill()
        agent.command = with_boot_clock(0)
        agent.start()
        host.wait_for_release()
        assert clock.now().boot_s >= promised_end_s(agent) - 2
    finally:
        agent.stop()


# ── the wall clock ─────────────────────────────────────────────────────────────────────────────────────────────


class WallClock:
    """A wall clock that a test can step, for an agent that was started by `command`."""

    def __init__(self, file):
        netns.require("faketime")
        self._file = file
        self.step(0)
        self.command = [
            "env",
            "LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1",  # the loader knows what $LIB is on this machine
            f"FAKETIME_TIMESTAMP_FILE={file}",
            "FAKETIME_NO_CACHE=1",
            "DONT_FAKE_MONOTONIC=1",
            *SOURCE_COMMAND,
        ]

    def step(self, seconds):
        """Let it stand that far from the machine's from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        fresh.replace(self._file)


@pytest.mark.parametrize("step_s", [-STEP_S, STEP_S], ids=["an hour back", "an hour forward"])
@pytest.mark.parametrize("crashed", [False, True], ids=["while it runs", "across a crash"])
def test_a_stepped_wall_clock_neither_lengthens_nor_shortens_a_block(host, tmp_path, step_s, crashed):
    wall = WallClock(tmp_path / "clock")
    agent = host.agent(3, wall.command)
    agent.start()
    try:
        host.offend()
        host.wait_for_block()
        if crashed:
            agent.kill()
        wall.step(step_s)
        if crashed:
            agent.start()
        host.wait_for_release()
        (stamp,) = wait_for(lambda: re.findall("(.*) ar-agent: .* released", agent.said()), "the release to be told")
        told_s = time.mktime(time.strptime(stamp, "%Y/%m/%d %H:%M:%S"))
        assert abs(told_s - time.time() - step_s) < STEP_S / 2, "its wall clock was not stepped"
        assert clock.now().boot_s >= promised_end_s(agent)
        wait_for(lambda: agent.rows() == [], "the release to be recorded")
    finally:
        agent.stop()
