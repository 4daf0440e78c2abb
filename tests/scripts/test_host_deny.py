"""host-deny.sh: its own lines come and go, all others stay, and no run undoes another's work."""

from __future__ import annotations

import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Optional

import pytest
from netns import require
from shells import PATH, SCRIPTS, SHELLS, call, in_each_shell, path_without

FOREIGN = "# denied by hand\nALL: 203.0.113.5\n\nsshd: .example.com  # odd, but theirs \\t\n"
FIRST = "# ar-agent: the lines up to its end are made and removed by the agent\n"
LAST = "# ar-agent: end\n"


@pytest.fixture
def denied(tmp_path: Path) -> Path:
    file = tmp_path / "etc" / "hosts.deny"
    file.parent.mkdir()
    file.write_text(FOREIGN)
    return file


@pytest.fixture
def run(denied: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(
        action: str, address: str, shell: Optional[str] = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        options: Dict[str, Any] = {
            "AR_HOSTS_DENY": str(denied),
            "AR_RUN": str(denied.parents[1]),
            "shell": shell,
            **environment,
        }
        return call("host-deny.sh", action, "-", address, **options)

    return run


def assert_done(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@in_each_shell
@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("192.0.2.1", "ALL: 192.0.2.1\n"),
        ("2001:db8::1", "ALL: [2001:db8::1]\n"),
        ("2001:db8::/64", "ALL: [2001:db8::]/64\n"),
    ],
)
def test_a_line_as_tcp_wrappers_want_it_comes_once_and_goes_without_a_trace(denied, run, shell, address, line):
    require(SHELLS[shell][0])
    assert_done(run("delete", address, shell))
    assert run("present", address, shell).returncode == 1
    for _ in range(2):
        assert_done(run("add", address, shell))
        assert denied.read_text() == FOREIGN + FIRST + line + LAST
        assert_done(run("present", address, shell))
    for _ in range(2):
        assert_done(run("delete", address, shell))
        assert denied.read_text() == FOREIGN
    assert run("present", address, shell).returncode == 1
    assert sorted(path.name for path in denied.parent.iterdir()) == ["hosts.deny"]


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])  # its uname is its own
@pytest.mark.parametrize("spelt", ["192.0.2.1", "[2001:db8::1]", "[2001:db8::]/64"])
def test_on_freebsd_it_comes_before_the_line_that_allows_all(tmp_path, denied, run, shell, spelt):
    address, line = re.sub(r"[\[\]]", "", spelt), f"ALL: {spelt} : deny\n"
    require(SHELLS[shell][0])
    stock = "# hosts.allow\nALL : ALL : allow\n"
    denied.write_text(stock)
    (tmp_path / "uname").write_text("#!/bin/sh\necho FreeBSD\n")
    (tmp_path / "uname").chmod(0o755)
    path = f"{tmp_path}:{PATH}"
    for _ in range(2):
        assert_done(run("add", address, shell, PATH=path))
        assert denied.read_text() == FIRST + line + LAST + stock
        assert_done(run("present", address, shell, PATH=path))
    for _ in range(2):
        assert_done(run("delete", address, shell, PATH=path))
        assert denied.read_text() == stock
    assert run("present", address, shell, PATH=path).returncode == 1


def test_only_the_address_itself_goes(denied, run):
    for address in ("192.0.2.1", "192.0.2.11", "192.0.2.111"):
        assert_done(run("add", address))
    assert_done(run("delete", "192.0.2.11"))
    assert denied.read_text() == FOREIGN + FIRST + "ALL: 192.0.2.1\nALL: 192.0.2.111\n" + LAST


def test_a_line_that_the_administrator_wrote_stays_though_the_agent_blocked_it_too(denied, run):
    assert run("present", "203.0.113.5").returncode == 1
    assert_done(run("add", "203.0.113.5"))
    assert denied.read_text() == FOREIGN + FIRST + "ALL: 203.0.113.5\n" + LAST
    assert_done(run("delete", "203.0.113.5"))
    assert denied.read_text() == FOREIGN


def test_what_the_administrator_wrote_below_or_among_the_agents_lines_stays(denied, run):
    denied.write_text(FIRST + "ALL: 192.0.2.1\nALL: theirs\n" + LAST + "ALL: below\n")
    assert_done(run("delete", "192.0.2.1"))
    assert denied.read_text() == "ALL: below\n" + FIRST + "ALL: theirs\n" + LAST


def test_a_last_line_without_an_end_is_given_one(denied, run):
    """Otherwise the agent's comment would become part of it."""
    denied.write_text("ALL: 203.0.113.5")
    assert_done(run("add", "192.0.2.1"))
    assert denied.read_text().startswith("ALL: 203.0.113.5\n# ar-agent")


def test_blank_lines_at_the_end_stay(denied, run):
    denied.write_text("ALL: 203.0.113.5\n\n\n")
    assert_done(run("add", "192.0.2.1"))
    assert_done(run("delete", "192.0.2.1"))
    assert denied.read_text() == "ALL: 203.0.113.5\n\n\n"


def test_a_missing_file_is_made_for_a_block_and_not_for_a_release(denied, run):
    denied.unlink()
    assert_done(run("delete", "192.0.2.1"))
    assert not denied.exists()
    assert run("present", "192.0.2.1").returncode == 1
    assert_done(run("add", "192.0.2.1"))
    assert denied.read_text() == FIRST + "ALL: 192.0.2.1\n" + LAST
    assert denied.stat().st_mode & 0o777 == 0o644


def test_owner_and_mode_are_kept(denied, run):
    denied.chmod(0o640)
    owner = (1234, 2345) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(denied, *owner)
    assert_done(run("add", "192.0.2.1"))
    after = denied.stat()
    assert (after.st_mode & 0o7777, after.st_uid, after.st_gid) == (0o640, *owner)


@pytest.mark.parametrize("relative", [True, False])
def test_where_the_file_is_a_link_what_it_leads_to_is_replaced(denied, run, relative):
    target = denied.parents[1] / "real" / "deny"
    target.parent.mkdir()
    denied.replace(target)
    between = denied.parent / "between"
    between.symlink_to("../real/deny" if relative else target)
    denied.symlink_to("between")
    assert_done(run("add", "192.0.2.1"))
    assert denied.is_symlink()
    assert between.is_symlink()
    assert target.read_text() == FOREIGN + FIRST + "ALL: 192.0.2.1\n" + LAST


def test_links_that_go_round_in_a_ring_are_an_error(denied, run):
    denied.unlink()
    denied.symlink_to("hosts.deny")
    done = run("add", "192.0.2.1")
    assert done.returncode == 73
    assert "lead nowhere" in done.stderr


def test_whoever_reads_meanwhile_sees_a_whole_file(denied, run):
    """The file is never half written: each version read has all foreign lines and closed marks."""
    seen = set()
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(lambda: [run("add", f"192.0.2.{number}") for number in range(1, 15)])
        while not writer.done():
            seen.add(denied.read_text())
    assert all(done.returncode == 0 for done in writer.result())
    for text in seen:
        assert text.startswith(FOREIGN)
        assert text == FOREIGN or text.endswith(LAST)


@in_each_shell
def test_of_twenty_adds_at_once_none_is_lost(denied, run, shell):
    require(SHELLS[shell][0])
    addresses = [f"192.0.2.{number}" for number in range(1, 21)]
    with ThreadPoolExecutor(20) as pool:
        for done in pool.map(lambda address: run("add", address, shell), addresses):
            assert_done(done)
    assert sorted(denied.read_text().splitlines()[5:-1]) == sorted(f"ALL: {address}" for address in addresses)
    with ThreadPoolExecutor(20) as pool:
        for done in pool.map(lambda address: run("delete", address, shell), addresses):
            assert_done(done)
    assert denied.read_text() == FOREIGN


# ── where there is no flock ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def lock(denied: Path) -> Path:
    return denied.parents[1] / "ar-agent-hosts-deny.lock"


@in_each_shell
def test_without_flock_none_is_lost_either(tmp_path, denied, run, lock, shell):
    require(SHELLS[shell][0])
    path = path_without(tmp_path / "bin", "flock")
    addresses = [f"192.0.2.{number}" for number in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        dones = list(pool.map(lambda address: run("add", address, shell, PATH=path), addresses))
    assert [done.returncode for done in dones] == [0] * 4
    assert sorted(denied.read_text().splitlines()[5:-1]) == [f"ALL: {address}" for address in addresses]
    assert not lock.exists()
    assert list(lock.parent.glob("*.lock.*")) == []


@in_each_shell
def test_without_flock_the_lock_of_a_process_that_is_gone_is_taken_away(tmp_path, denied, run, lock, shell):
    require(SHELLS[shell][0])
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock.write_text(f"{gone.pid}\n")
    assert run("add", "192.0.2.1", shell, PATH=path_without(tmp_path / "bin", "flock")).returncode == 0
    assert "ALL: 192.0.2.1\n" in denied.read_text()
    assert not lock.exists()


def test_without_flock_the_lock_of_a_living_process_is_waited_for(tmp_path, denied, run, lock):
    path = path_without(tmp_path / "bin", "flock")
    lock.write_text(f"{os.getpid()}\n")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, "add", "192.0.2.1", PATH=path)
        time.sleep(0.5)
        assert not waiting.done()
        assert denied.read_text() == FOREIGN
        lock.unlink()
        assert waiting.result().returncode == 0
    assert "ALL: 192.0.2.1\n" in denied.read_text()


# ── when it does not work ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.e2e
@in_each_shell
def test_on_a_full_disk_it_fails_and_the_file_stays_as_it_was(tmp_path, denied, shell):
    require("unshare", SHELLS[shell][0])
    story = """
        mount -t tmpfs -o size=64k tmpfs "$1" && cp "$2" "$1/hosts.deny"
        cat /dev/zero >"$1/filler" 2>/dev/null
        shift 2; "$@"; echo "status $?"; cat "$AR_HOSTS_DENY"; cd "${AR_HOSTS_DENY%/*}" && echo *
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    denied.write_text(FOREIGN * 200)
    script = [*SHELLS[shell], str(SCRIPTS / "host-deny.sh"), "add", "-", "192.0.2.1"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", story, "story", str(disk), str(denied), *script],
        env={"PATH": PATH, "AR_HOSTS_DENY": f"{disk}/hosts.deny", "AR_RUN": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "status 73\n" + FOREIGN * 200 + "filler hosts.deny\n"
    assert "No space left on device" in done.stderr
    assert "host-deny.sh: cannot replace" in done.stderr


def test_a_folder_that_is_not_there_is_an_error(denied, run):
    done = run("add", "192.0.2.1", AR_HOSTS_DENY=str(denied.parent / "none" / "hosts.deny"))
    assert done.returncode == 73
    assert "cannot replace" in done.stderr
