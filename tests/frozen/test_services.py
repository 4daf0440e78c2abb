"""The service files in build/service: each is read by a tool of its system where there is one, else by its rules."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Dict, Tuple

import pytest

SERVICES = Path(__file__).resolve().parent.parent.parent / "build/service"
UNIT = SERVICES / "ar-agent.service"

# What each script must say for its system to run it, and to stop it without losing a block.
RUNNERS: Dict[str, Tuple[str, ...]] = {
    "freebsd.rc": ("#!/bin/sh", "# PROVIDE: ar_agent", ". /etc/rc.subr", 'run_rc_command "$1"'),
    "netbsd.rc": ("#!/bin/sh", "# PROVIDE: ar_agent", ". /etc/rc.subr", 'run_rc_command "$1"'),
    "openbsd.rc": ("#!/bin/ksh", "daemon=/usr/local/sbin/ar-agent", ". /etc/rc.d/rc.subr", "rc_bg=YES", 'rc_cmd "$1"'),
    "openrc.init": ("#!/sbin/openrc-run", "supervisor=supervise-daemon", "retry=TERM/20/KILL/5"),
    "procd.init": ("#!/bin/sh /etc/rc.common", "USE_PROCD=1", "procd_open_instance", "procd_close_instance"),
}


def test_every_service_file_is_tested() -> None:
    """A file added to build/service needs a row here."""
    assert {path.name for path in SERVICES.iterdir()} == {*RUNNERS, UNIT.name}


@pytest.mark.parametrize("name", RUNNERS)
def test_a_service_script_is_shell_and_speaks_to_its_runner(name: str) -> None:
    """The script parses, is executable, and has the words its runner looks for."""
    path = SERVICES / name
    lines = path.read_text().splitlines()
    assert not [words for words in RUNNERS[name] if not any(line.strip().startswith(words) for line in lines)]
    assert lines[0] == RUNNERS[name][0]
    assert path.stat().st_mode & 0o111 == 0o111
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0


@pytest.mark.parametrize("name", [*RUNNERS, UNIT.name])
def test_a_service_runs_the_agent_in_the_foreground_and_acting(name: str) -> None:
    """Each starts `ar-agent run`, never observing, from a place outside the home."""
    text = (SERVICES / name).read_text()
    assert "ar-agent" in text
    assert "run" in text
    assert "--observe" not in text


def test_the_unit_leaves_blocks_and_scripts_alone_when_it_stops() -> None:
    """Only the agent gets SIGTERM, and it gets longer than a running script may take to end."""
    unit = unit_of(UNIT.read_text())
    assert unit["KillMode"] == "mixed"
    assert int(unit["TimeoutStopSec"]) > 10  # the engine waits that long for scripts


def test_the_unit_starts_again_after_a_crash_but_not_after_a_mistake() -> None:
    """What the administrator has to correct (64 usage, 78 configuration) is not tried for ever."""
    unit = unit_of(UNIT.read_text())
    assert unit["Restart"] == "on-failure"
    assert unit["RestartPreventExitStatus"].split() == ["64", "78"]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing to say about the unit, with programs that exist on this machine."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/usr/local/sbin/ar-agent", "/bin/true"))
    done = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def unit_of(text: str) -> Dict[str, str]:
    """Return the settings of a unit whose names stand once."""
    settings = (line for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in settings)}
