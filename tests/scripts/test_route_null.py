"""route-null.sh on the BSDs, macOS and illumos, on a strict double of their route(8)."""

from __future__ import annotations

import pytest
import route
from doubled import Host
from shells import SHELLS

FOREIGN = {"0.0.0.0/0": ["UP", "GATEWAY"], "198.51.100.7/32": ["UP", "STATIC"], "203.0.0.0/8": ["UP", "BLACKHOLE"]}


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])  # its uname and route are its own
@pytest.mark.parametrize("system", ["FreeBSD", "OpenBSD", "NetBSD", "SunOS"])
@pytest.mark.parametrize(
    "words", ["-host 203.0.113.7 127.0.0.1", "-inet6 -host 2001:db8::7 ::1", "-inet6 -net 2001:db8:5::/64 ::1"]
)
def test_a_black_hole_comes_once_and_goes_and_what_is_foreign_stays(tmp_path, shell, system, words):
    host = Host(tmp_path, ["route"], {"routes": FOREIGN}, system)
    *kind, subject, loopback = words.split()

    def succeed(action: str) -> None:
        done = host.call("route-null.sh", action, "-", subject, shell=shell)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    succeed("delete")
    for _ in range(2):
        succeed("add")
        assert route.blocks(host.state, subject)
        succeed("present")
    for _ in range(2):
        succeed("delete")
        assert host.state["routes"] == FOREIGN
    assert host.call("route-null.sh", "present", "-", subject, shell=shell).returncode == 1
    assert [called for called in host.changes() if "get" not in called] == [
        ["route", "-q", "-n", "add", *kind, subject, loopback, "-blackhole"],
        ["route", "-q", "-n", "delete", *kind, subject],
    ]


@pytest.mark.parametrize("action", ["add", "delete", "present"])
def test_a_route_that_fails_is_told_as_that(tmp_path, action):
    host = Host(
        tmp_path, ["route"], {"routes": {}, "broken": {"route": "must be root to alter routing table"}}, "NetBSD"
    )
    done = host.call("route-null.sh", action, "-", "203.0.113.7")
    assert done.returncode == 69
    assert "must be root" in done.stderr


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        ("add 203.0.113.7 127.0.0.1 -blackhole", 64), ("add -host 2001:db8::7 ::1 -blackhole", 68),
        ("add -host 203.0.113.0/24 127.0.0.1 -blackhole", 68), ("add -host 203.0.113.7 127.0.0.1", 64),
        ("delete -host 203.0.113.7", 1), ("drop -host 203.0.113.7", 64),
    ],
)  # fmt: skip
def test_the_double_refuses_what_route_refuses(tmp_path, argv, status):
    host = Host(tmp_path, ["route"], {"routes": FOREIGN}, "NetBSD")
    assert host.run("route", *argv.split()).returncode == status
    assert host.state["routes"] == FOREIGN
