"""The service files in build/service: each is read by a tool of its system where there is one, else by its rules."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, Tuple

import pytest

from ar.config.home import DEFAULT

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = ROOT / "build/service"
UNIT = SERVICES / "ar-agent.service"

# What each script must say for its system to run it, and to stop it without losing a block.
RUNNERS: Dict[str, Tuple[str, ...]] = {
    "freebsd.rc": ("#!/bin/sh", "# PROVIDE: ar_agent", ". /etc/rc.subr", 'run_rc_command "$1"'),
    "netbsd.rc": ("#!/bin/sh", "# PROVIDE: ar_agent", ". /etc/rc.subr", 'run_rc_command "$1"'),
    "openbsd.rc": ("#!/bin/ksh", "daemon=/usr/local/sbin/ar-agent", ". /etc/rc.d/rc.subr", "rc_bg=YES", 'rc_cmd "$1"'),
    "openrc.init": ("#!/sbin/openrc-run", "supervisor=supervise-daemon", "retry=TERM/20/KILL/5"),
    "procd.init": ("#!/bin/sh /etc/rc.common", "USE_PROCD=1", "procd_open_instance", "procd_close_instance"),
}

# What stands in for each system's own functions: each prints the command line that the system would run.
STUBS: Dict[str, str] = {
    "freebsd.rc": 'load_rc_config() { :; }; run_rc_command() { echo "$command $command_args"; }',
    "netbsd.rc": """load_rc_config() { :; }
        run_rc_command() { exec 3>&1; program=$command; command=show; "$start_cmd" >&2; wait; }
        show() { echo "$program $*" >&3; }""",
    "openbsd.rc": 'rc_cmd() { echo "$daemon $daemon_flags"; }',
    "openrc.init": "",
    "procd.init": """procd_open_instance() { :; }; procd_close_instance() { :; }
        procd_set_param() { if [ "$1" = command ]; then shift; echo "$*"; fi; }""",
}
ENDS = {"openrc.init": 'echo "$command $command_args"', "procd.init": "start_service"}
COMMAND_LINES: Dict[str, str] = {
    "freebsd.rc": "/usr/sbin/daemon -P /var/run/ar_agent.pid -p /var/run/ar_agent.child.pid -R 5 -f -t ar-agent "
    "/usr/local/sbin/ar-agent run --home /var/ossec",
    "netbsd.rc": "/usr/local/sbin/ar-agent run --home /var/ossec",
    "openbsd.rc": "/usr/local/sbin/ar-agent run",  # the home is the default one
    "openrc.init": "/usr/local/sbin/ar-agent run --home /var/ossec",
    "procd.init": "/usr/sbin/ar-agent run --home /etc/ossec",  # no /usr/local there, and /var is in memory
    "ar-agent.service": "/usr/local/sbin/ar-agent run",  # the home is in its environment
}


def command_line(name: str) -> str:
    """Return what the service file makes its system run, as the shell that reads it has it."""
    text = (SERVICES / name).read_text()
    if name == UNIT.name:
        return unit_of(text)["ExecStart"]
    script = "\n".join([STUBS[name], re.sub(r"^\. /etc/.*$", "", text, flags=re.MULTILINE), ENDS.get(name, "")])
    done = subprocess.run(["sh", "-euc", script, name, "start"], capture_output=True, text=True, check=False, env={})
    assert (done.returncode, [line for line in done.stderr.splitlines() if "Starting" not in line]) == (0, [])
    return done.stdout.strip()


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
    assert command_line(name) == COMMAND_LINES[name]


def test_the_unit_names_the_home_and_so_does_every_command_line_or_the_default() -> None:
    """A service whose home is another one than the documents say would find no configuration."""
    assert "Environment=AR_HOME=/var/ossec" in UNIT.read_text().splitlines()
    assert DEFAULT == "/var/ossec"


def test_what_is_written_about_installing_puts_the_executable_where_the_services_look_for_it() -> None:
    """The documents, the headers of the files and the command lines name the same paths."""
    guide = (ROOT / "build/README.md").read_text()
    assert "`cp dist/ar-agent /usr/local/sbin/`" in guide
    assert "`/usr/sbin` and the home `/etc/ossec`" in guide
    assert "/usr/sbin/ar-agent, and its home is /etc/ossec" in (SERVICES / "procd.init").read_text()
    copied_to = re.findall(r"cp dist/ar-agent (\S+?)/?[`\s]", (ROOT / "README.md").read_text())
    assert copied_to == ["/usr/local/sbin"]


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
