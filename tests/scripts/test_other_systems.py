"""The scripts for the firewalls of the BSDs, macOS, illumos and AIX, on strict doubles of their programs.

What holds for all of them is here; what only one does is in a room of its own. No real firewall of these systems is
asked here: build/acceptance.sh does that, on the machines of the Vagrantfile.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doubled import BACKENDS, Host, settled
from netns import require
from shells import SCRIPTS, SHELLS

SUBJECTS = {  # what is blocked, and an address that is meant by it
    "ipv4": ("203.0.113.7", "203.0.113.7"),
    "ipv6": ("2001:db8::7", "2001:db8::7"),
    "prefix": ("2001:db8:5::/64", "2001:db8:5::7"),
}
BATCHED = [name for name, backend in BACKENDS.items() if "# ar: batch" in (SCRIPTS / backend.script).read_text()]

# busybox ash runs busybox's own sysctl, route and uname, whatever the PATH says.
IN_SHELLS = [
    (name, shell) for name, backend in BACKENDS.items() for shell in SHELLS
    if shell != "busybox" or not {"sysctl", "route", "uname"} & set(backend.programs)
]  # fmt: skip

each_backend_in_each_shell = pytest.mark.parametrize(("name", "shell"), IN_SHELLS)
each_batched_in_each_shell = pytest.mark.parametrize(
    ("name", "shell"), [(name, shell) for name, shell in IN_SHELLS if name in BATCHED]
)
each_backend = pytest.mark.parametrize("name", BACKENDS)
each_subject = pytest.mark.parametrize(("subject", "attacker"), SUBJECTS.values(), ids=SUBJECTS)


class Blocker:
    """A script on a host of doubles."""

    def __init__(self, name: str, folder: Path, shell: str = "dash") -> None:
        require(SHELLS[shell][0])
        self.backend = BACKENDS[name]
        self.host = Host(folder, self.backend.programs, self.backend.state)
        self.shell = shell

    def call(self, action: str, subject: str, **options):
        return self.host.call(self.backend.script, action, "-", subject, shell=self.shell, timeout_s=600, **options)

    def succeed(self, action: str, subject: str) -> None:
        done = self.call(action, subject)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def batch(self, action: str, *subjects: str) -> str:
        lines = "".join(f"{subject} 600\n" for subject in subjects)
        done = self.host.call(self.backend.script, action, "--batch", shell=self.shell, lines=lines)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def present(self, subject: str) -> bool:
        done = self.call("present", subject)
        assert (done.returncode, done.stdout, done.stderr) in ((0, "", ""), (1, "", ""))
        return done.returncode == 0

    def blocks(self, address: str) -> bool:
        return self.backend.blocks(self.host.state, address)


@each_backend_in_each_shell
@each_subject
def test_an_address_is_blocked_from_its_add_to_its_delete_each_of_them_once_or_twice(
    tmp_path, name, subject, attacker, shell
):
    blocker = Blocker(name, tmp_path, shell)
    blocker.succeed("delete", subject)
    assert not blocker.present(subject)
    for _ in range(2):
        blocker.succeed("add", subject)
        assert blocker.blocks(attacker)
        assert not blocker.blocks("203.0.113.77")
        assert not blocker.blocks("2001:db8:77::7")
        assert blocker.present(subject)
    for _ in range(2):
        blocker.succeed("delete", subject)
        assert not blocker.blocks(attacker)
        assert not blocker.present(subject)


@each_backend
def test_one_block_is_released_without_the_others_and_what_is_foreign_stays(tmp_path, name):
    blocker = Blocker(name, tmp_path)
    blocker.succeed("add", "203.0.113.9")  # makes what all blocks share
    blocker.succeed("delete", "203.0.113.9")
    blocker.succeed("add", "2001:db8::9")
    blocker.succeed("delete", "2001:db8::9")
    before = settled(blocker.host.state)
    for subject, _ in SUBJECTS.values():
        blocker.succeed("add", subject)
    for subject, attacker in SUBJECTS.values():
        assert blocker.blocks(attacker)
        blocker.succeed("delete", subject)
        assert not blocker.blocks(attacker)
    assert settled(blocker.host.state) == before
    assert "198.51.100." in json.dumps(before)


@each_backend
def test_an_address_that_begins_like_another_is_another(tmp_path, name):
    blocker = Blocker(name, tmp_path)
    blocker.succeed("add", "203.0.113.77")
    assert not blocker.present("203.0.113.7")
    blocker.succeed("delete", "203.0.113.7")
    assert blocker.blocks("203.0.113.77")


@each_backend
@each_subject
def test_what_somebody_flushed_is_not_present_and_an_add_repairs_it(tmp_path, name, subject, attacker):
    blocker = Blocker(name, tmp_path)
    for _ in range(2):
        blocker.succeed("add", subject)
        state = blocker.host.state
        blocker.backend.flush(state)
        blocker.host.state = state
        assert not blocker.blocks(attacker)
        assert not blocker.present(subject)
    blocker.succeed("delete", subject)
    assert not blocker.present(subject)


@each_backend
@pytest.mark.parametrize("action", ["add", "delete", "present"])
def test_a_program_that_fails_is_status_69_with_what_it_said(tmp_path, name, action):
    for number, program in enumerate(BACKENDS[name].programs):
        blocker = Blocker(name, tmp_path / str(number))
        blocker.succeed("add", "203.0.113.7")
        before = settled(blocker.host.state)
        blocker.host.changes()
        blocker.host.change(broken={program: "/dev/it: Permission denied"})
        done = blocker.call(action, "203.0.113.7")
        if program in [called[0] for called in blocker.host.state["calls"]]:
            assert done.returncode == 69
            assert "Permission denied" in done.stderr
            assert done.stderr.splitlines()[-1].strip()
        blocker.host.change(broken={})
        after = settled(blocker.host.state)
        assert after.pop("broken") == {}
        assert action != "present" or after == before


@each_backend
def test_a_missing_program_is_named(tmp_path, name):
    blocker = Blocker(name, tmp_path)
    program = blocker.backend.programs[0]
    blocker.host.uninstall(program)
    done = blocker.call("delete", "203.0.113.7")
    assert done.returncode == 69
    assert done.stderr.startswith(f"{blocker.backend.script}: there is no {program} here: install ")


@each_batched_in_each_shell
def test_a_batch_does_for_all_what_is_done_for_one(tmp_path, name, shell):
    blocker = Blocker(name, tmp_path, shell)
    subjects = [*(f"203.0.113.{number}" for number in range(1, 9)), "2001:db8::7", "2001:db8:5::/64"]
    assert blocker.batch("present", *subjects) == "".join(f"missing {subject}\n" for subject in subjects)
    assert blocker.batch("delete", *subjects) == ""
    before = blocker.host.state
    for _ in range(2):
        assert blocker.batch("add", *subjects) == ""
        assert blocker.batch("present", *subjects) == ""
    assert all(map(blocker.blocks, ("203.0.113.1", "203.0.113.8", "2001:db8::7", "2001:db8:5::1")))
    assert all(map(blocker.present, subjects))
    blocker.batch("delete", subjects[0], subjects[-1])
    assert blocker.batch("present", *subjects) == f"missing {subjects[0]}\nmissing {subjects[-1]}\n"
    assert blocker.blocks("203.0.113.8")
    blocker.batch("delete", *subjects)
    assert not any(map(blocker.present, subjects))
    assert before.keys() == blocker.host.state.keys()


@pytest.mark.parametrize("name", BATCHED)
@pytest.mark.parametrize("action", ["add", "delete", "present"])
def test_a_batch_fails_when_the_program_does(tmp_path, name, action):
    blocker = Blocker(name, tmp_path)
    blocker.host.change(broken=dict.fromkeys(blocker.backend.programs, "out of memory"))
    done = blocker.host.call(blocker.backend.script, action, "--batch", lines="203.0.113.7 60\n2001:db8::7 60\n")
    assert done.returncode == 69
    assert "out of memory" in done.stderr
