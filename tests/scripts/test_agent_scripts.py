"""restart-agent.sh, restart-ossec.sh and makelists.sh: the agent of the home is told, and nobody else."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from netns import require
from shells import PATH, SHELLS, call, in_each_shell, path_without, succeed

ROOT = Path(__file__).parents[2]
HOLDER = """
import signal, sys
from pathlib import Path
from ar.respond.lock import Lock
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGTERM])
lock = Lock(Path(sys.argv[1]), *sys.argv[2:])
print("held", flush=True)
while signal.sigwait([signal.SIGHUP, signal.SIGTERM]) == signal.SIGHUP:
    print("HUP", flush=True)
"""
RESTARTS = ["restart-agent.sh", "restart-ossec.sh"]


@contextlib.contextmanager
def holding(home: Path, *verb: str) -> Iterator[subprocess.Popen[str]]:
    """Hold the home as an agent does, in a process that prints HUP for each of these that it gets."""
    argv = [sys.executable, "-c", HOLDER, str(home / "var/lock"), *verb]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]  # a pipe


def said(process: subprocess.Popen[str]) -> str:
    """End it, and return what it printed since it was held."""
    process.terminate()
    return process.stdout.read()  # type: ignore[union-attr]  # a pipe


@pytest.fixture
def home(tmp_path):
    (tmp_path / "var").mkdir()
    return tmp_path


@in_each_shell
@pytest.mark.parametrize("script", RESTARTS)
@pytest.mark.parametrize("subject", [("-", "-"), ("root", "192.0.2.1")])
def test_the_agent_that_holds_the_home_is_told_once(home, shell, script, subject):
    require(SHELLS[shell][0])
    with holding(home) as agent:
        assert succeed(script, "add", *subject, shell=shell, AR_HOME=str(home)) == ""
        assert succeed(script, "delete", *subject, shell=shell, AR_HOME=str(home)) == ""
        assert call(script, "present", *subject, shell=shell, AR_HOME=str(home)).returncode == 1
        assert said(agent) == "HUP\n"


@in_each_shell
@pytest.mark.parametrize("script", RESTARTS)
def test_without_an_agent_nobody_is_told_and_that_is_an_error(home, shell, script):
    require(SHELLS[shell][0])
    done = call(script, "add", "-", "-", shell=shell, AR_HOME=str(home))
    assert done.returncode == 69
    assert f"{script}: no agent has run in {home}" in done.stderr
    innocent = subprocess.Popen(["sleep", "60"])  # it has the number of an agent that is gone; HUP would end it
    try:
        (home / "var/lock").write_text(f"{innocent.pid}\n")
        done = call(script, "add", "-", "-", shell=shell, AR_HOME=str(home))
        assert (done.returncode, done.stderr) == (69, f"{script}: no agent runs in {home}\n")
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.parametrize("content", ["", "nonsense\n", "-1\n", "1 2\n"])
def test_a_lock_that_names_no_process_is_an_error(home, content):
    (home / "var/lock").write_text(content)
    done = call("restart-agent.sh", "add", "-", "-", AR_HOME=str(home))
    assert done.returncode == 69


def test_a_verb_that_holds_the_home_for_a_while_is_not_told(home):
    """It would be the end of `ar-agent unblock`."""
    with holding(home, "unblock") as verb:
        assert call("restart-agent.sh", "add", "-", "-", AR_HOME=str(home)).returncode == 69
        assert said(verb) == ""


def test_without_flock_it_is_the_command_line_that_tells(home, tmp_path):
    path = path_without(tmp_path / "bin", "flock")
    with holding(home) as agent:
        done = call("restart-agent.sh", "add", "-", "-", AR_HOME=str(home), PATH=path)
        assert (done.returncode, said(agent)) == (69, ""), "no agent, as far as its command line says"
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a shell cannot trap what was ignored before it, as under nohup
    looks_so = subprocess.Popen(["sh", "-c", "trap 'exit 7' HUP; echo; while :; do sleep 0.05; done", "ar-agent run"],
                                stdout=subprocess.PIPE)  # fmt: skip
    assert looks_so.stdout is not None
    looks_so.stdout.readline()
    (home / "var/lock").write_text(f"{looks_so.pid}\n")
    succeed("restart-agent.sh", "add", "-", "-", AR_HOME=str(home), PATH=path)
    assert looks_so.wait(timeout=20) == 7
    looks_so.stdout.close()


# ── makelists.sh ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def listed(home, tmp_path):
    """A home with a list, and where the program lies."""
    (home / "etc").mkdir()
    (home / "lists").mkdir()
    (home / "lists/users").write_text("ann:admin\nbob:guest\n")
    (home / "etc/ossec.conf").write_text("<ossec_config><rules><list>lists/users</list></rules></ossec_config>\n")
    program = tmp_path / "program"
    program.mkdir()
    (program / "ar-agent").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/agent.py" "$@"\n')
    (program / "ar-agent").chmod(0o755)
    return home, f"{program}:{PATH}"


@in_each_shell
def test_lists_are_built_and_the_agent_reads_them(listed, shell):
    require(SHELLS[shell][0])
    home, path = listed
    with holding(home) as agent:
        said_first = succeed("makelists.sh", "add", "-", "-", shell=shell, AR_HOME=str(home), PATH=path)
        assert said_first.startswith("lists/users.cdb: built, 2 entries")
        assert "kept" in succeed("makelists.sh", "add", "-", "-", shell=shell, AR_HOME=str(home), PATH=path)
        assert said(agent) == "HUP\n", "once: the second time nothing was built"
    assert (home / "lists/users.cdb").exists()


def test_a_list_with_mistakes_is_an_error_and_the_agent_is_not_told(listed):
    home, path = listed
    (home / "lists/users").unlink()
    with holding(home) as agent:
        done = call("makelists.sh", "add", "-", "-", AR_HOME=str(home), PATH=path)
        assert done.returncode == 78
        assert "there is no such list" in done.stderr
        assert said(agent) == ""


def test_without_the_program_it_says_what_to_install(home):
    done = call("makelists.sh", "add", "-", "-", AR_HOME=str(home), PATH=path_without(home / "bin", "ar-agent"))
    assert done.returncode == 69
    assert "makelists.sh: there is no ar-agent here: install its executable, or a link to it" in done.stderr
