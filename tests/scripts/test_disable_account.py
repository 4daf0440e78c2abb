"""disable-account.sh: on Linux with the real tools of shadow, elsewhere with strict doubles; /etc is a copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple

import pytest
from netns import require
from shells import PATH, SHELLS, call, path_without

pytestmark = pytest.mark.e2e

DOUBLE = Path(__file__).with_name("accounts_double.py")
SYSTEMS: Dict[str, tuple[str, ...]] = {
    "Linux": (), "FreeBSD": ("pw",), "OpenBSD": ("usermod",), "NetBSD": ("usermod",), "SunOS": ("passwd",),
    "AIX": ("lsuser", "chuser"),
}  # fmt: skip
# Debian's busybox has a uname of its own, which says Linux whatever stands in PATH.
EVERYWHERE = [(system, shell) for system in SYSTEMS for shell in SHELLS if system == "Linux" or shell != "busybox"]
FIRST_UID = {"SunOS": 100, "AIX": 200}
ACCOUNTS = {  # name: (number, shell, password)
    "root": (0, "/bin/sh", "$6$root"), "toor": (0, "/bin/sh", "$6$toor"), "www": (33, "/bin/sh", "$6$www"),
    "below": (-1, "/bin/sh", "$6$below"), "nobody": (65534, "/bin/sh", "$6$nobody"),
    "robot": (2001, "/usr/sbin/nologin", "$6$robot"), "ann": (2002, "/bin/sh", "$6$ann"),
    "ann2": (2003, "", "$6$ann2"), "locked": (2004, "/bin/sh", "$6$locked"), "1e3": (2005, "/bin/sh", "$6$e"),
    "key": (2006, "/bin/sh", "*"), "open": (2007, "/bin/sh", ""),
}  # fmt: skip
LOCK = {"Linux": "!", "FreeBSD": "*LOCKED*", "NetBSD": "*LOCKED*", "SunOS": "*LK*", "OpenBSD": "*"}


class Machine(NamedTuple):
    """A system with accounts in a copy of /etc; `run` runs the script there."""

    etc: Path
    run: Callable[..., subprocess.CompletedProcess[str]]

    def content(self) -> Dict[str, str]:
        names = ("passwd", "shadow", "master.passwd", "security.users")
        return {name: (self.etc / name).read_text() for name in names if (self.etc / name).exists()}

    def line(self, user: str) -> str:
        file = next(self.etc / n for n in ("security.users", "master.passwd", "shadow") if (self.etc / n).exists())
        return next(line for line in file.read_text().splitlines() if line.startswith((f"{user}:", f"{user} ")))


def write_accounts(etc: Path, system: str) -> None:
    """Write the files that the system keeps its accounts in."""
    etc.mkdir()
    if Path("/etc/alternatives").exists():  # Debian's awk is a link to there
        shutil.copytree("/etc/alternatives", etc / "alternatives", symlinks=True)
    rows = []
    for name, (number, shell, password) in ACCOUNTS.items():
        uid = FIRST_UID.get(system, 1000) - 1 if number < 0 else number
        before = LOCK.get(system, "") if name == "locked" else ""
        rows.append((name, uid, f"{shell}-" if name == "locked" and system == "OpenBSD" else shell, before + password))
    if system == "AIX":
        lines = (f"{n} {uid} {str(n == 'locked').lower()} {shell or '/bin/ksh'}\n" for n, uid, shell, _ in rows)
        (etc / "security.users").write_text("".join(lines))
    elif system in ("Linux", "SunOS"):
        (etc / "passwd").write_text("".join(f"{n}:x:{uid}:1:A person:/tmp:{shell}\n" for n, uid, shell, _ in rows))
        (etc / "shadow").write_text("".join(f"{n}:{pw}:19000:0:99999:7:::\n" for n, _, _, pw in rows))
        (etc / "group").write_text("all:x:1:\n")
        (etc / "login.defs").write_text("# UID_MIN 5\nUID_MIN 1000\nUID_MAX 60000\n")
    else:
        lines = (f"{n}:{pw}:{uid}:1::0:0:A person:/tmp:{shell}\n" for n, uid, shell, pw in rows)
        (etc / "master.passwd").write_text("".join(lines))


def doubles(folder: Path, system: str, programs: tuple[str, ...]) -> None:
    """Write the system's programs, and its uname, into a folder."""
    folder.mkdir(exist_ok=True)
    texts = {"uname": f"echo {system}"}
    texts.update({name: f'exec "{sys.executable}" "{DOUBLE}" {system} {name} "$@"' for name in programs})
    for name, text in texts.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """Return a function that makes a machine of a system."""
    require("unshare", "usermod")

    def machine(system: str, path: str = "") -> Machine:
        write_accounts(tmp_path / "etc", system)
        if not path:
            doubles(tmp_path / "bin", system, SYSTEMS[system])
            path = f"{tmp_path}/bin:{PATH}"
        wrapper = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', str(tmp_path / "etc")]

        def run(action: str, user: str, **options: Any) -> subprocess.CompletedProcess[str]:
            options = {"PATH": path, "AR_HOME": str(tmp_path), "AR_RUN": str(tmp_path), **options}
            return call("disable-account.sh", action, user, "-", wrapper=wrapper, **options)

        return Machine(tmp_path / "etc", run)

    return machine


def assert_done(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.parametrize(("system", "shell"), EVERYWHERE)
def test_an_account_is_locked_and_then_as_it_was(machine, system, shell):
    require(SHELLS[shell][0])
    host = machine(system)
    before = host.content()
    assert_done(host.run("delete", "ann", shell=shell))
    assert host.run("present", "ann", shell=shell).returncode == 1
    for _ in range(2):
        assert_done(host.run("add", "ann", shell=shell))
        assert_done(host.run("present", "ann", shell=shell))
    assert host.line("ann") != next(line for line in "".join(before.values()).splitlines() if line.startswith("ann"))
    assert host.run("present", "ann2", shell=shell).returncode == 1
    for _ in range(2):
        assert_done(host.run("delete", "ann", shell=shell))
        assert host.content() == before
    assert host.run("present", "ann", shell=shell).returncode == 1


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_the_administrator_had_locked_stays_locked(machine, system):
    host = machine(system)
    before = host.content()
    assert host.run("present", "locked").returncode == 1
    assert_done(host.run("add", "locked"))
    assert_done(host.run("present", "locked"))
    assert_done(host.run("delete", "locked"))
    assert host.content() == before


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("user", ["root", "toor", "www", "below", "nobody", "robot"])
def test_root_the_systems_own_and_services_are_never_locked(machine, system, user):
    host = machine(system)
    before = host.content()
    done = host.run("add", user)
    assert done.returncode == 77
    assert "disable-account.sh: not locked: " in done.stderr
    assert host.run("present", user).returncode == 1
    assert_done(host.run("delete", user))
    assert host.content() == before


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("user", ["nix", "an", "1000", "..", ".", "2002"])
def test_a_user_who_is_not_there_is_no_account_and_nothing_is_to_be_undone(machine, system, user):
    host = machine(system)
    done = host.run("add", user)
    assert (done.returncode, done.stderr) == (67, "disable-account.sh: there is no such account on this host\n")
    assert host.run("present", user).returncode == 1
    assert_done(host.run("delete", user))


def test_on_linux_neither_password_nor_key_lets_anybody_in(machine):
    """usermod's own lock is of the password; sshd lets in who has a key, unless the account has expired."""
    host = machine("Linux")
    assert_done(host.run("add", "ann"))
    assert host.line("ann") == "ann:!$6$ann:19000:0:99999:7::1:"


@pytest.mark.parametrize("expires", ["", "0", "1", "20000"])
@pytest.mark.parametrize("user", ["ann", "locked", "key", "open", "1e3"])
def test_on_linux_each_state_comes_back_as_it_was(machine, user, expires):
    host = machine("Linux")
    shadow = host.etc / "shadow"
    shadow.write_text(shadow.read_text().replace(":7:::", f":7::{expires}:"))
    before = host.line(user)
    assert_done(host.run("add", user))
    assert host.line(user).split(":")[1].startswith("!")
    assert host.line(user).split(":")[7] == "1"
    assert_done(host.run("present", user))
    assert_done(host.run("delete", user))
    name, password, changed, *rest = host.line(user).split(":")
    if user == "open":  # usermod takes that for a new password
        changed = "19000"
    assert ":".join([name, password, changed, *rest]) == before


def test_what_somebody_unlocked_meanwhile_is_missing_and_is_locked_again(machine):
    host = machine("Linux")
    before = host.content()
    assert_done(host.run("add", "ann"))
    (host.etc / "shadow").write_text(before["shadow"])
    assert host.run("present", "ann").returncode == 1
    assert_done(host.run("add", "ann"))
    assert_done(host.run("present", "ann"))
    assert_done(host.run("delete", "ann"))
    assert host.content() == before


def test_an_account_that_is_gone_is_released(machine):
    host = machine("Linux")
    assert_done(host.run("add", "ann"))
    for name in ("passwd", "shadow"):
        lines = (host.etc / name).read_text().splitlines(keepends=True)
        (host.etc / name).write_text("".join(line for line in lines if not line.startswith("ann:")))
    assert host.run("present", "ann").returncode == 1
    assert_done(host.run("delete", "ann"))


def test_on_linux_without_the_tools_of_shadow_busybox_locks_the_password(machine, tmp_path):
    """It says so, and takes it for a new password: the day of the last change is the day."""
    require("busybox")
    path = path_without(tmp_path / "bin", "usermod", "passwd")
    (tmp_path / "bin/passwd").symlink_to(shutil.which("busybox"))
    host = machine("Linux", path)
    before = host.content()
    assert_done(host.run("add", "locked"))
    assert_done(host.run("delete", "locked"))
    assert host.content() == before
    for _ in range(2):
        assert host.run("add", "ann").returncode == 0
        assert host.line("ann").startswith("ann:!$6$ann:")
    assert_done(host.run("present", "ann"))
    for _ in range(2):
        assert host.run("delete", "ann").returncode == 0
        assert host.line("ann").startswith("ann:$6$ann:")


def test_a_lock_that_fails_is_no_success_and_nothing_stays_of_it(machine, tmp_path):
    """The way out is the same as ever: delete puts back what was before."""
    path = path_without(tmp_path / "bin", "usermod")
    (tmp_path / "bin/usermod").write_text("#!/bin/sh\necho 'cannot lock /etc/passwd' >&2\nexit 1\n")
    (tmp_path / "bin/usermod").chmod(0o755)
    host = machine("Linux", path)
    before = host.content()
    done = host.run("add", "ann")
    assert done.returncode == 1
    assert done.stderr == "cannot lock /etc/passwd\ndisable-account.sh: usermod failed with status 1: add -\n"
    assert host.run("present", "ann").returncode == 1
    assert host.run("delete", "ann").returncode == 1
    assert host.content() == before


def test_on_a_system_that_is_not_known_nothing_is_promised(machine, tmp_path):
    doubles(tmp_path / "bin", "Plan9", ())
    done = machine("Linux", f"{tmp_path}/bin:{PATH}").run("add", "ann")
    assert (done.returncode, done.stdout) == (69, "")
    assert "nothing is known here of how this system locks accounts" in done.stderr
