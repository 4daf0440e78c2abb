"""The runner: what a script sees, and what becomes of one that fails, hangs, floods or may not be run."""

import os
import select
import time
from pathlib import Path

import pytest

from ar.policy.records import Arguments
from ar.policy.tasks import Task
from ar.respond.runner import Runner
from ar.respond.running import OUTPUT_MAX_BYTES

ARGUMENTS = Arguments("-", "203.0.113.7", "1763706239.12", 5712, "/var/log/a b.log", "-")


@pytest.fixture
def scripts(tmp_path):
    folder = tmp_path / "active-response/bin"
    folder.mkdir(parents=True)

    def write(text, name="x.sh"):
        path = folder / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return name

    write.folder = folder
    return write


def runner_of(scripts, fault=lambda path: None, **limits):
    limits = {"scripts_max": 4, "deadline_s": 1000, **limits}
    return Runner(scripts.folder, scripts.folder.parents[1], fault_of_script=fault, **limits)


def task(name, verb="add", **environment):
    return Task(verb, name, ARGUMENTS, environment)


def wait(runner, boot_s=0.0, count=1):
    """Collect outcomes until there are `count`; the time the runner sees stands still."""
    finished, give_up = [], time.monotonic() + 30
    while len(finished) < count and time.monotonic() < give_up:
        select.select(runner.filenos(), [], [], 0.01)
        finished += runner.reap(boot_s)
    assert len(finished) == count
    return finished


def test_a_script_gets_the_arguments_and_only_the_environment_meant_for_it(scripts, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/unpacked")
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "/x")
    monkeypatch.setenv("SECRET", "1")
    monkeypatch.setenv("TZ", "UTC")
    runner = runner_of(scripts)
    runner.submit(task(scripts('printf "<%s>" "$@"; pwd; env | sort'), AR_TIMEOUT="600"), 0.0)
    (outcome,) = wait(runner)
    assert (outcome.worked, outcome.how) == (True, "exit status 0")
    arguments, *environment = outcome.output.split("\n")
    assert arguments == "<add><-><203.0.113.7><1763706239.12><5712></var/log/a b.log><->/"
    assert [line for line in environment if not line.startswith(("PWD=", "OLDPWD=", "_=", "SHLVL="))] == [
        f"AR_HOME={scripts.folder.parents[1]}",
        "AR_TIMEOUT=600",
        "HOME=/",
        "LC_ALL=C",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "TZ=UTC",
    ]


def test_a_script_leads_its_own_process_group_and_reads_an_empty_standard_input(scripts):
    runner = runner_of(scripts)
    runner.submit(task(scripts('cat; read -r pid comm state ppid pgrp rest < /proc/self/stat; echo "$$ $pgrp"')), 0.0)
    (outcome,) = wait(runner)
    own, group = outcome.output.split()
    assert own == group != str(os.getpgrp())


@pytest.mark.parametrize(
    ("script", "how"),
    [("echo no >&2; exit 3", "exit status 3"), ("kill -KILL $$", "killed by signal 9 (Killed)")],
)
def test_a_script_that_fails_is_told_as_failed_with_its_last_words(scripts, script, how):
    runner = runner_of(scripts)
    runner.submit(task(scripts(script)), 0.0)
    (outcome,) = wait(runner)
    assert (outcome.worked, outcome.how) == (False, how)
    assert outcome.output == ("no" if "no" in script else "")


def test_a_script_that_may_not_be_run_is_refused_with_the_reason(scripts):
    runner = runner_of(scripts, fault=lambda path: f"{path.name} is writable by others")
    runner.submit(task(scripts("exit 0")), 0.0)
    assert runner.next_wake_s() == 0.0
    (outcome,) = wait(runner)
    assert (outcome.worked, outcome.how) == (False, "not run: x.sh is writable by others")


@pytest.mark.parametrize(
    ("content", "how"),
    [(None, "not run: No such file or directory"), (b"\x7fELF nonsense", "not run: Exec format error")],
)
def test_a_file_that_cannot_be_executed_is_a_failure_like_any_other(scripts, content, how):
    if content is not None:
        (scripts.folder / "bad").write_bytes(content)
        (scripts.folder / "bad").chmod(0o755)
    runner = runner_of(scripts)
    runner.submit(task("bad"), 0.0)
    (outcome,) = wait(runner)
    assert (outcome.worked, outcome.how) == (False, how)


def test_a_script_that_hangs_is_ended_at_its_deadline_with_all_it_started(scripts):
    runner = runner_of(scripts, deadline_s=30)
    runner.submit(task(scripts("trap '' TERM; sh -c 'trap \"\" TERM; echo $$; exec sleep 600' & sleep 600; wait")), 0.0)
    assert runner.next_wake_s() == 30.0
    give_up = time.monotonic() + 30
    while not next(iter(runner._running.values())).output and time.monotonic() < give_up:
        select.select(runner.filenos(), [], [], 0.01)
        assert runner.reap(29.9) == []
    child = int(next(iter(runner._running.values())).output)
    assert runner.reap(30.0) == []  # TERM, which this one ignores
    assert runner.next_wake_s() == 35.0
    (outcome,) = wait(runner, boot_s=35.0)
    assert (outcome.worked, outcome.how) == (False, "ended after 30 s without an end of its own")
    give_up = time.monotonic() + 30
    while _alive(child) and time.monotonic() < give_up:
        select.select([], [], [], 0.01)
    assert not _alive(child)


def test_time_in_which_the_machine_slept_does_not_count_towards_a_deadline(scripts):
    """The boot clock goes on through it, and no script could."""
    slept_s = [500.0]
    runner = runner_of(scripts, deadline_s=30, slept_s=lambda: slept_s[0])
    runner.submit(task(scripts("exec sleep 600")), 1000.0)
    assert runner.next_wake_s() == 1030.0
    slept_s[0] += 8000.0
    assert runner.reap(9010.0) == []
    assert runner.next_wake_s() == 9030.0, "it was not told to end"
    runner.reap(9030.0)
    (outcome,) = wait(runner, boot_s=9031.0)
    assert (outcome.how, outcome.took_s) == ("ended after 30 s without an end of its own", 31.0)


def test_all_that_run_are_ended_when_that_is_asked_for_even_those_that_do_not_heed_it(scripts):
    runner = runner_of(scripts, deadline_s=1000)
    runner.submit(task(scripts("echo up; exec sleep 600", "obeys.sh")), 0.0)
    runner.submit(task(scripts("trap '' TERM; echo up; sleep 600; sleep 600", "resists.sh")), 0.0)
    give_up = time.monotonic() + 30
    while not all(run.output for run in runner._running.values()) and time.monotonic() < give_up:
        runner.reap(2.0)
    runner.end_all(2.5)
    (outcome,) = wait(runner, boot_s=2.5)
    assert (outcome.task.executable, outcome.how) == ("obeys.sh", "ended after 2.5 s without an end of its own")
    runner.end_all(3.0)
    assert runner.next_wake_s() == 7.5, "its time does not begin anew"
    (outcome,) = wait(runner, boot_s=7.5)
    assert (outcome.task.executable, runner.running) == ("resists.sh", 0)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_flood_of_output_is_read_away_and_only_its_end_is_kept(scripts):
    runner = runner_of(scripts)
    runner.submit(task(scripts("yes flood | head -c 3000000; echo the end")), 0.0)
    (outcome,) = wait(runner)
    assert outcome.worked
    assert len(outcome.output) <= OUTPUT_MAX_BYTES
    assert outcome.output.endswith("the end")


def test_a_script_that_closes_its_output_and_goes_on_wakes_nobody(scripts):
    runner = runner_of(scripts)
    runner.submit(task(scripts("exec >&- 2>&-; exec sleep 600")), 0.0)
    give_up = time.monotonic() + 30
    while runner.filenos() and time.monotonic() < give_up:
        select.select(runner.filenos(), [], [], 0.01)
        assert runner.reap(0.0) == []
    assert (runner.filenos(), runner.running) == ([], 1)
    runner.reap(1000.0)
    wait(runner, boot_s=1000.0)


def test_what_a_script_leaves_in_the_background_does_not_keep_it_from_being_done(scripts):
    runner = runner_of(scripts)
    runner.submit(task(scripts("sleep 20 & echo $!")), 0.0)
    (outcome,) = wait(runner)
    assert outcome.worked
    os.kill(int(outcome.output), 9)


def test_no_more_scripts_run_at_once_than_allowed_and_the_others_keep_their_order(scripts):
    name = scripts('while [ ! -e "$AR_GATE" ]; do sleep 0.01; done; echo "$1"')
    gate = scripts.folder / "gate"
    runner = runner_of(scripts, scripts_max=1)
    for verb in ("one", "two", "three"):
        runner.submit(task(name, verb, AR_GATE=str(gate)), 0.0)
    assert (runner.running, runner.waiting, runner.has_room) == (1, 2, False)
    gate.touch()
    assert [outcome.output for outcome in wait(runner, count=3)] == ["one", "two", "three"]
    assert (runner.running, runner.waiting, runner.has_room) == (0, 0, True)


def test_a_batch_stands_on_standard_input_and_has_an_end(scripts):
    runner = runner_of(scripts)
    lines = tuple(f"203.0.{n // 250}.{n % 250} 60" for n in range(700))
    runner.submit(task(scripts('echo "$@"; wc -l; sleep 0'))._replace(lines=lines), 0.0)
    (outcome,) = wait(runner)
    assert (outcome.output.split(), outcome.status) == (["add", "--batch", "700"], 0)


def test_a_script_that_ends_without_reading_its_batch_is_judged_by_its_status(scripts):
    runner = runner_of(scripts)
    runner.submit(task(scripts("exit 3"))._replace(lines=("203.0.113.1 60",) * 700), 0.0)
    (outcome,) = wait(runner)
    assert (outcome.worked, outcome.status) == (False, 3)


def test_a_batch_may_answer_with_a_line_for_each_address(scripts):
    lines = tuple(f"2001:db8:{n:x}:ffff::/64 60" for n in range(500))
    runner = runner_of(scripts)
    runner.submit(task(scripts('while read -r a _; do echo "missing $a"; done'))._replace(lines=lines), 0.0)
    (outcome,) = wait(runner)
    assert len(outcome.output.splitlines()) == 500


def test_what_a_script_declares_is_read_anew_when_it_changes(scripts):
    runner = runner_of(scripts)
    assert runner.abilities("x.sh") == frozenset()
    scripts("# usage: x\n# ar: batch timeout wings\n")
    assert runner.abilities("x.sh") == {"batch", "timeout"}
    scripts("# ar: present\n# more of it\n")
    assert runner.abilities("x.sh") == {"present"}
    (scripts.folder / "x.sh").unlink()
    assert runner.abilities("x.sh") == frozenset()
