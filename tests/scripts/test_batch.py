"""Many addresses in one run: what is let through, and what real firewalls make of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import List, Optional

import netns
import pytest
import shells
from netns import Namespace, require
from shells import PATH, SCRIPTS, SHELLS, in_each_shell
from test_arguments import ADDRESSES, HOSTILE

AWKS = {"mawk": ["mawk"], "gawk": ["gawk", "--posix"], "busybox": ["busybox", "awk"]}
FIREWALLS = ("nftables-drop.sh", "ipset-drop.sh", "iptables-drop.sh", "firewall-drop.sh")
TELLS = """#!/bin/sh
set -eu
. "${0%/*}/lib.sh"
. "${0%/*}/batch.sh"
block_batch() { printf '%s\\n' "$batch"; }
respond "$@"
"""


def call(
    script: Path, action: str, lines: str, inside: Optional[Namespace] = None, *, shell: str = "dash", path: str = PATH
) -> subprocess.CompletedProcess[str]:
    return shells.call(str(script), action, "--batch", shell=shell, inside=inside, lines=lines, PATH=path)


@pytest.fixture(params=AWKS)
def path(request, tmp_path) -> str:
    """A PATH on which awk is the one that is asked for."""
    require(AWKS[request.param][0])
    (tmp_path / "awk").write_text(f'#!/bin/sh\nexec {" ".join(AWKS[request.param])} "$@"\n')
    (tmp_path / "awk").chmod(0o755)
    return f"{tmp_path}:{PATH}"


@pytest.fixture
def script(tmp_path) -> Path:
    """A script that prints the batch it was handed."""
    for name in ("lib.sh", "batch.sh"):
        shutil.copy(SCRIPTS / name, tmp_path)
    (tmp_path / "tell.sh").write_text(TELLS)
    return tmp_path / "tell.sh"


@in_each_shell
def test_each_canonical_address_goes_through_with_its_family_and_expiry(script, path, shell):
    require(SHELLS[shell][0])
    lines = "".join(f"{address} {number}\n" for number, address in enumerate(ADDRESSES))
    done = call(script, "add", lines, shell=shell, path=path)
    assert (done.returncode, done.stderr) == (0, "")
    told = [line.split() for line in done.stdout.splitlines()]
    assert [address for _, address, _ in told] == ADDRESSES
    for number, (family, address, expiry) in enumerate(told):
        assert family == ("6net" if "/" in address else "6" if ":" in address else "4")
        assert int(expiry) == (number + 5 if number else 0)


def test_what_is_refused_alone_is_refused_in_a_batch_without_a_word_of_it(script, path):
    for name, address in HOSTILE.items():
        if "\n" in address.strip("\n") or address.strip("\n") in ADDRESSES:
            continue  # a line end in it only makes two lines of it
        done = call(script, "add", f"192.0.2.77 60\n{address} 60\n", path=path)
        assert (done.returncode, done.stdout) == (64, ""), name
        assert len(address) < 3 or address not in done.stderr


@pytest.mark.parametrize(
    "lines",
    ["", "\n", "192.0.2.1\n", "192.0.2.1 60 60\n", "192.0.2.1 -1\n", "192.0.2.1 060\n", "192.0.2.1 1e3\n",
     "192.0.2.1 1234567890\n", "192.0.2.1 60\n192.0.2.1 60\n", "192.0.2.1 60\n\n192.0.2.2 60\n"],
)  # fmt: skip
def test_a_line_that_is_no_address_and_seconds_refuses_the_batch(script, path, lines):
    assert call(script, "add", lines, path=path).returncode == 64


def test_a_script_that_takes_no_batch_says_so():
    done = call(SCRIPTS / "host-deny.sh", "add", "192.0.2.1 60\n")
    assert done.returncode == 64
    assert "usage: host-deny.sh" in done.stderr


@pytest.fixture
def host():
    require("nft", "ipset", "iptables")
    with netns.hosts("batch") as (made,):
        yield made


@pytest.mark.e2e
@pytest.mark.parametrize("name", FIREWALLS)
@in_each_shell
def test_a_batch_is_put_in_force_found_and_released(host, name, shell):
    require(SHELLS[shell][0])
    addresses = [f"203.0.{n // 250}.{n % 250 + 1}" for n in range(600)] + ["2001:db8::5", "2001:db8:5::/64"]
    lines = "".join(f"{address} 600\n" for address in addresses)

    def run(action: str, some: str = lines) -> List[str]:
        done = call(SCRIPTS / name, action, some, host, shell=shell)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def present(address: str) -> bool:
        argv = [*SHELLS[shell], str(SCRIPTS / name), "present", "-", address]
        return host.run(argv, env={"PATH": PATH}).returncode == 0

    assert run("present") == [f"missing {address}" for address in sorted(addresses, key=_by_family)]
    assert run("delete") == [], "there is nothing to release, and that is well"
    assert run("add") == run("add") == run("present") == []
    assert all(map(present, (addresses[0], addresses[-2], addresses[-1])))
    one = [*SHELLS[shell], str(SCRIPTS / name), "delete", "-", addresses[300]]
    assert host.run(one, env={"PATH": PATH}).returncode == 0
    assert run("present") == [f"missing {addresses[300]}"]
    run("delete", "".join(f"{address} 0\n" for address in addresses[:300]))
    assert len(run("present")) == 301
    assert not present(addresses[0])
    run("delete")
    assert len(run("present")) == len(addresses)


def _by_family(address: str) -> int:
    return 2 if "/" in address else 1 if ":" in address else 0


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["nftables-drop.sh", "ipset-drop.sh", "firewall-drop.sh"])
def test_each_address_of_a_batch_expires_by_its_own_time(host, name):
    assert call(SCRIPTS / name, "add", "203.0.113.1 60\n203.0.113.2 600\n203.0.113.3 0\n", host).returncode == 0
    if name == "ipset-drop.sh":
        listed = host.run(["ipset", "save"]).stdout
        assert [f"{n} timeout" in listed for n in (1, 2, 3)] == [True] * 3
        assert "203.0.113.3 timeout 0" in listed
    else:
        listed = host.run(["nft", "list", "set", "inet", "ar_agent", "blocked4"]).stdout
        assert "203.0.113.1 timeout 1m5s" in listed
        assert "203.0.113.2 timeout 10m5s" in listed
        assert "203.0.113.3 timeout" not in listed


@pytest.mark.e2e
@pytest.mark.parametrize("name", FIREWALLS)
def test_what_somebody_flushed_is_told_as_missing_and_put_in_again(host, name):
    lines = "203.0.113.1 60\n2001:db8::1 60\n"
    assert call(SCRIPTS / name, "add", lines, host).returncode == 0
    for command in (["nft", "flush", "ruleset"], ["iptables", "-F"], ["ip6tables", "-F"]):
        host.run(command)
    assert call(SCRIPTS / name, "present", lines, host).stdout.count("missing") == 2
    assert call(SCRIPTS / name, "add", lines, host).returncode == 0
    assert call(SCRIPTS / name, "present", lines, host).stdout == ""


@pytest.mark.e2e
def test_one_address_that_the_firewall_refuses_fails_the_batch_as_a_whole(host):
    """An element of another kind is what nftables refuses."""
    host.run(["nft", "add table inet ar_agent; add set inet ar_agent blocked6 { type ipv4_addr; }"], check=True)
    done = call(SCRIPTS / "nftables-drop.sh", "add", "203.0.113.1 60\n2001:db8::1 60\n", host)
    assert done.returncode != 0
    assert "nft failed with status 1: add a batch" in done.stderr
    assert "203.0.113.1" not in host.run(["nft", "list", "ruleset"]).stdout


@pytest.mark.e2e
@pytest.mark.parametrize("name", FIREWALLS)
def test_prefixes_that_overlap_are_blocked_and_released_each_on_its_own(host, name):
    """After the configured length was changed, both the old blocks and new ones are in force."""
    prefixes = [
        "2001:db8::/64",
        "2001:db8::/48",
        "2001:db8:0:1::/64",
        "2001:d00::/24",
        "2001:db8::/127",
        "2001:db8::1/128",
    ]
    lines = [f"{prefix} 600\n" for prefix in prefixes]
    assert call(SCRIPTS / name, "add", "".join(lines), host).returncode == 0
    for number, line in enumerate(lines):
        assert call(SCRIPTS / name, "present", "".join(lines[number:]), host).stdout == ""
        assert call(SCRIPTS / name, "delete", line, host).returncode == 0
        assert call(SCRIPTS / name, "present", line, host).stdout == f"missing {prefixes[number]}\n"


def test_scripts_that_declare_batch_are_those_that_take_one():
    for script in SCRIPTS.glob("*.sh"):
        text = script.read_text()
        if os.access(script, os.X_OK):
            assert ("\n# ar: batch" in text) == ("/batch.sh" in text), script.name
