"""The scripts that block addresses, with real firewalls, real routes and real packets in network namespaces."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, Iterator, Optional

import netns
import pytest
from netns import ATTACKER_4, ATTACKER_6, HOST_4, HOST_6, Namespace
from shells import PATH, SHELLS, call, in_each_shell, path_without, succeed

pytestmark = pytest.mark.e2e

FIREWALLS = {  # name: the script, and the program that must be there for it
    "nftables": ("nftables-drop.sh", "nft"),
    "ipset": ("ipset-drop.sh", "ipset"),
    "iptables": ("iptables-drop.sh", "iptables-nft"),
    "iptables-legacy": ("iptables-drop.sh", "iptables-legacy"),
    "best": ("firewall-drop.sh", "nft"),
}
BLOCKERS = {**FIREWALLS, "route": ("route-null.sh", "ip")}
EXPIRING = ("nftables", "ipset", "best")
SUBJECTS = {  # what is blocked, and where the attacker who is meant by it knocks
    "ipv4": (ATTACKER_4, HOST_4),
    "ipv6": (ATTACKER_6, HOST_6),
    "prefix": ("2001:db8::/64", HOST_6),
}
PORT = 2222


class Blocker:
    """A script that blocks on one host, and a view of what it did there."""

    def __init__(self, name: str, host: Namespace, path: str) -> None:
        self.name = name
        self.script = BLOCKERS[name][0]
        self.host = host
        self.path = path

    def succeed(self, action: str, address: str, timeout_s: Optional[int] = None, shell: Optional[str] = None) -> None:
        succeed(self.script, action, "-", address, inside=self.host, timeout_s=timeout_s, shell=shell, PATH=self.path)

    def present(self, address: str, shell: Optional[str] = None) -> bool:
        done = call(self.script, "present", "-", address, inside=self.host, shell=shell, PATH=self.path)
        assert done.returncode in (0, 1)
        assert done.stderr == ""
        return done.returncode == 0

    def blocks(self) -> Dict[str, int]:
        """Return all that is blocked, each with the seconds after which it expires by itself (0: never)."""
        look = {"nftables": self._nft, "best": self._nft, "ipset": self._ipset, "route": self._routes}
        return look.get(self.name, self._iptables)()

    def _nft(self) -> Dict[str, int]:
        found = {}
        for item in json.loads(self._run("nft", "-j", "list", "ruleset"))["nftables"]:
            if item.get("set", {}).get("table") == "ar_agent":
                for element in item["set"].get("elem", []):
                    value = element["elem"]["val"] if "elem" in element else element
                    _, _, length = item["set"]["name"].partition("_")
                    found[f"{value}/{length}" if length else value] = (
                        element["elem"]["timeout"] if "elem" in element else 0
                    )
        return found

    def _ipset(self) -> Dict[str, int]:
        lines = re.findall(r"^add \S+ (\S+) timeout (\d+)", self._run("ipset", "save"), re.MULTILINE)
        return {address: int(left_s) for address, left_s in lines}

    def _iptables(self) -> Dict[str, int]:
        rules = [line for tool in ("iptables", "ip6tables") for line in self._run(f"{tool}-save").splitlines()]
        found = [rule.split()[3] for rule in rules if rule.startswith("-A OSSEC_AR -s ")]
        assert len(found) == len(set(found)), "one rule each"
        return dict.fromkeys((re.sub(r"/(32|128)$", "", address) for address in found), 0)

    def _routes(self) -> Dict[str, int]:
        text = self._run("ip", "-4", "route") + self._run("ip", "-6", "route")
        return dict.fromkeys(re.findall(r"^blackhole (\S+) ", text, re.MULTILINE), 0)

    def _run(self, *argv: str) -> str:
        done = self.host.run(["env", f"PATH={self.path}", *argv], check=True)
        return str(done.stdout)


@pytest.fixture
def network() -> Iterator[tuple[Namespace, Namespace]]:
    netns.require("nft", "ipset", "iptables-nft", "iptables-legacy")
    with netns.pair() as both:
        yield both


@pytest.fixture
def blocker(request, network, tmp_path) -> Blocker:
    path = PATH
    if request.param == "iptables-legacy":
        for tool in ("iptables", "ip6tables"):
            for verb in ("", "-save"):
                (tmp_path / f"{tool}{verb}").symlink_to(f"/usr/sbin/{tool}-legacy{verb}")
        path = f"{tmp_path}:{PATH}"
    return Blocker(request.param, network[1], path)


each_blocker = pytest.mark.parametrize("blocker", BLOCKERS, indirect=True)
each_firewall = pytest.mark.parametrize("blocker", FIREWALLS, indirect=True)
each_subject = pytest.mark.parametrize(("subject", "target"), SUBJECTS.values(), ids=SUBJECTS)


@each_blocker
@each_subject
def test_packets_pass_before_a_block_not_during_it_and_again_after_it(network, blocker, subject, target):
    attacker, host = network
    with host.listen(target, PORT):
        assert attacker.reaches(target, PORT, within_s=5)
        blocker.succeed("add", subject, timeout_s=600)
        assert not attacker.reaches(target, PORT)
        assert blocker.present(subject)
        blocker.succeed("delete", subject)
        assert attacker.reaches(target, PORT, within_s=5)
        assert not blocker.present(subject)


def answered(client: socket.socket, served: socket.socket) -> bool:
    """Tell whether a question over an established connection still gets its answer."""
    try:
        client.sendall(b"?")
        served.recv(1)
        served.sendall(b"!")
        return client.recv(1) == b"!"
    except socket.timeout:
        return False


@each_blocker
@each_subject
def test_an_established_connection_is_cut(network, blocker, subject, target):
    """It is even where the administrator's own rules accept all established connections first thing."""
    attacker, host = network
    for tool in ("iptables", "ip6tables"):
        argv = [tool, "-A", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT"]
        host.run(["env", f"PATH={blocker.path}", *argv], check=True)
    with host.listen(target, PORT) as server, attacker.connect(target, PORT, within_s=5) as client:
        served, _ = server.accept()
        with served:
            served.settimeout(0.5)
            client.settimeout(0.5)
            assert answered(client, served)
            blocker.succeed("add", subject, timeout_s=600)
            assert not answered(client, served)


@each_firewall
@each_subject
def test_what_is_forwarded_to_others_is_dropped_too(network, blocker, subject, target):
    """The host is a router here: what the attacker sends to the machine behind it does not get there."""
    attacker, router = network
    server = "198.51.100.9" if target == HOST_4 else "2001:db8:100::9"
    with netns.hosts("inside") as (inside,):
        netns.wire(router, ["198.51.100.1/24", "2001:db8:100::1/64"], inside, ["198.51.100.9/24", "2001:db8:100::9/64"])
        router.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"], check=True)
        router.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"], check=True)
        for host, four, six in ((inside, "198.51.100.1", "2001:db8:100::1"), (attacker, HOST_4, HOST_6)):
            host.run(["ip", "-4", "route", "add", "default", "via", four], check=True)
            host.run(["ip", "-6", "route", "add", "default", "via", six], check=True)
        with inside.listen(server, PORT):
            assert attacker.reaches(server, PORT, within_s=5)
            blocker.succeed("add", subject, timeout_s=600)
            assert not attacker.reaches(server, PORT)
            blocker.succeed("delete", subject)
            assert attacker.reaches(server, PORT, within_s=5)


@each_blocker
@in_each_shell
def test_adding_and_deleting_twice_is_as_good_as_once(blocker, shell):
    """A second add gives the block its new time, longer or shorter; a delete of nothing succeeds."""
    netns.require(SHELLS[shell][0])
    margin_s = 5 if blocker.name in EXPIRING else 0
    for subject, _ in SUBJECTS.values():
        blocker.succeed("delete", subject, shell=shell)
        assert not blocker.present(subject, shell=shell)
        assert subject not in blocker.blocks()
        for timeout_s in (600, 3600, 60):
            blocker.succeed("add", subject, timeout_s=timeout_s, shell=shell)
            left_s = blocker.blocks()[subject]
            assert left_s == 0 if not margin_s else timeout_s < left_s <= timeout_s + margin_s
            assert blocker.present(subject, shell=shell)
        blocker.succeed("add", subject, timeout_s=0, shell=shell)
        assert blocker.blocks()[subject] == 0
    assert sorted(blocker.blocks()) == sorted(subject for subject, _ in SUBJECTS.values())
    for subject, _ in SUBJECTS.values():
        blocker.succeed("delete", subject, shell=shell)
        assert not blocker.present(subject, shell=shell)
        blocker.succeed("delete", subject, shell=shell)
    assert blocker.blocks() == {}


@each_blocker
def test_a_block_and_its_release_leave_other_blocks_alone(blocker):
    blocker.succeed("add", ATTACKER_4, timeout_s=600)
    blocker.succeed("add", "198.51.100.7", timeout_s=600)
    blocker.succeed("delete", ATTACKER_4)
    assert list(blocker.blocks()) == ["198.51.100.7"]
    assert blocker.present("198.51.100.7")


FLUSHES = {
    "nftables": ["nft flush ruleset", "nft flush table inet ar_agent", "nft delete table inet ar_agent"],
    "best": ["nft flush ruleset", "nft flush table inet ar_agent"],
    "ipset": ["iptables -F", "iptables -F OSSEC_AR", "iptables -F INPUT", "ipset flush", "iptables -F; ipset destroy"],
    "iptables": ["iptables -F", "iptables -F; iptables -X", "nft flush ruleset", "iptables -F INPUT"],
    "iptables-legacy": ["iptables -F", "iptables -F; iptables -X", "iptables -F INPUT"],
    "route": ["ip route flush type blackhole"],
}


@pytest.mark.parametrize(
    ("blocker", "flush"),
    [(name, flush) for name, flushes in FLUSHES.items() for flush in flushes],
    indirect=["blocker"],
)
def test_a_block_that_someone_flushed_is_not_present_and_an_add_repairs_it(network, blocker, flush):
    attacker, host = network
    blocker.succeed("add", "198.51.100.7", timeout_s=600)
    blocker.succeed("add", ATTACKER_4, timeout_s=600)
    host.run(["env", f"PATH={blocker.path}", "sh", "-c", flush], check=True)
    with host.listen(HOST_4, PORT):
        assert attacker.reaches(HOST_4, PORT, within_s=5)
        assert not blocker.present(ATTACKER_4)
        blocker.succeed("add", ATTACKER_4, timeout_s=600)
        assert not attacker.reaches(HOST_4, PORT)
        assert blocker.present(ATTACKER_4)
        host.run(["env", f"PATH={blocker.path}", "sh", "-c", flush], check=True)
        blocker.succeed("delete", ATTACKER_4)
        assert not blocker.present(ATTACKER_4)


FOREIGN = """
table inet foreign {
    set friends { type ipv4_addr; flags interval; elements = { 192.0.2.0/28 } }
    chain input {
        type filter hook input priority 0; policy accept;
        ct state established accept
        ip saddr @friends accept
    }
}
"""


def foreign_rules(host: Namespace, path: str) -> str:
    """Return what is in any firewall and the routes of the host, without what is the scripts' own."""
    looks = ["nft list tables", "nft list table inet foreign", "iptables-save", "ip6tables-save", "ip route"]
    text = "".join(host.run(["env", f"PATH={path}", *look.split()], check=True).stdout for look in looks)
    own = r"^(table inet ar_agent|.*OSSEC_AR.*|#.*)\n"
    counters = r"\[\d+:\d+\]"  # a neighbour's multicast packet counts, too
    return re.sub(f"{own}|{counters}", "", text, flags=re.MULTILINE)


@each_firewall
def test_foreign_rules_stay_as_they_are_to_the_byte(network, blocker):
    _, host = network
    host.run(["nft", "-f", "-"], input=FOREIGN, check=True)
    for tool in ("iptables", "ip6tables"):
        for rule in ("INPUT -p tcp --dport 22 -j ACCEPT", "FORWARD -j DROP"):
            host.run(["env", f"PATH={blocker.path}", tool, "-A", *rule.split()], check=True)
    before = foreign_rules(host, blocker.path)
    for subject, _ in SUBJECTS.values():
        blocker.succeed("add", subject, timeout_s=600)
        assert foreign_rules(host, blocker.path) == before
    for subject, _ in SUBJECTS.values():
        blocker.succeed("delete", subject)
    assert foreign_rules(host, blocker.path) == before
    assert "192.0.2.0/28" in before
    assert before.count("--dport 22") == 2


@each_blocker
def test_twenty_blocks_at_once_are_all_made(network, blocker):
    """Even on a host where nothing has been set up yet, and what is common to them is there once."""
    _, host = network
    subjects = [f"198.51.100.{number}" for number in range(1, 21)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda subject: blocker.succeed("add", subject, timeout_s=600), subjects))
    assert sorted(blocker.blocks()) == sorted(subjects)
    jumps = host.run(["env", f"PATH={blocker.path}", "iptables", "-S", "INPUT"]).stdout.count("-j OSSEC_AR")
    assert jumps == (1 if "iptables" in blocker.name or blocker.name == "ipset" else 0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda subject: blocker.succeed("delete", subject), subjects))
    assert blocker.blocks() == {}


def test_a_block_ends_by_itself_soon_after_its_time_when_nobody_releases_it(network):
    """The firewall's own expiry is the dead man's switch: 5 s after the agent's release would have been due."""
    _, host = network
    blockers = [Blocker(name, host, PATH) for name in ("nftables", "ipset")]
    for blocker in blockers:
        blocker.succeed("add", ATTACKER_4, timeout_s=1)
    assert all(blocker.present(ATTACKER_4) for blocker in blockers)
    host.run(["sleep", "4"], check=True)
    assert all(blocker.present(ATTACKER_4) for blocker in blockers)
    host.run(["sleep", "2.5"], check=True)
    assert not any(blocker.present(ATTACKER_4) for blocker in blockers)
    for blocker in blockers:
        blocker.succeed("delete", ATTACKER_4)


@pytest.mark.parametrize(("blocker", "longest_s"), [("ipset", 2147483), ("nftables", 99_999_999)], indirect=["blocker"])
def test_a_sentence_longer_than_the_firewall_can_count_is_left_to_the_agent(blocker, longest_s):
    """Ending it sooner would be wrong; the agent's own release does not depend on the firewall."""
    blocker.succeed("add", ATTACKER_4, timeout_s=longest_s - 5)
    assert longest_s - 10 < blocker.blocks()[ATTACKER_4] <= longest_s
    for timeout_s in (longest_s - 4, 999_999_999):
        blocker.succeed("add", ATTACKER_4, timeout_s=timeout_s)
        assert blocker.blocks() == {ATTACKER_4: 0}


@pytest.mark.parametrize("blocker", ["nftables"], indirect=True)
def test_prefixes_of_all_lengths_keep_out_just_what_is_in_them(network, blocker):
    attacker, host = network
    with host.listen(HOST_6, PORT):
        for length in (16, 17, 31, 48, 63, 64, 65, 113, 127, 128):
            around = ipaddress.IPv6Network((ATTACKER_6, length), strict=False)
            beside = ipaddress.IPv6Network((int(around.network_address) ^ (1 << (128 - length)), length))
            blocker.succeed("add", str(beside), timeout_s=60)
            assert attacker.reaches(HOST_6, PORT, within_s=5)
            blocker.succeed("add", str(around), timeout_s=60)
            assert not attacker.reaches(HOST_6, PORT)
            assert blocker.present(str(around))
            blocker.succeed("delete", str(around))
            assert attacker.reaches(HOST_6, PORT, within_s=5)


# ── when it does not work ────────────────────────────────────────────────────────────────────────────────────────

POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@each_blocker
@pytest.mark.parametrize("action", ["add", "delete"])
def test_without_permission_it_fails_and_says_what_the_kernel_said(blocker, action):
    """What is in force stays so, and nobody is told otherwise."""
    netns.require("setpriv")
    blocker.succeed("add", ATTACKER_4, timeout_s=600)
    subject = "198.51.100.7" if action == "add" else ATTACKER_4
    done = call(blocker.script, action, "-", subject, inside=blocker.host, wrapper=POWERLESS, PATH=blocker.path)
    assert done.returncode not in (0, 64)
    assert re.search(r"not permitted|[Pp]ermission denied", done.stderr)
    assert done.stderr.splitlines()[-1].strip()
    assert list(blocker.blocks()) == [ATTACKER_4]


@each_firewall
def test_whether_a_block_is_present_is_not_denied_for_want_of_permission(blocker):
    """Status 1 would be a claim that it is not; this is neither yes nor no."""
    netns.require("setpriv")
    blocker.succeed("add", ATTACKER_4, timeout_s=600)
    done = call(blocker.script, "present", "-", ATTACKER_4, inside=blocker.host, wrapper=POWERLESS, PATH=blocker.path)
    assert done.returncode in (0, 69)
    assert done.returncode == 0 or re.search(r"not permitted|[Pp]ermission denied", done.stderr)


@pytest.mark.parametrize(
    ("script", "program_in_package"),
    [
        ("nftables-drop.sh", ("nft", "nftables")), ("ipset-drop.sh", ("ipset", "ipset")),
        ("ipset-drop.sh", ("iptables", "iptables")), ("iptables-drop.sh", ("iptables", "iptables")),
        ("route-null.sh", ("ip", "iproute2")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shell", ["dash", "bash"])  # busybox brings an ip of its own
def test_a_missing_program_is_named_with_what_to_install(network, tmp_path, script, program_in_package, shell):
    program, package = program_in_package
    path = path_without(tmp_path / "bin", program)
    done = call(script, "add", "-", ATTACKER_4, inside=network[1], shell=shell, PATH=path)
    assert done.returncode == 69
    assert f"{script}: there is no {program} here: install {package}\n" in done.stderr


# ── the choice of firewall-drop.sh ───────────────────────────────────────────────────────────────────────────────


def view(name: str, host: Namespace) -> Dict[str, int]:
    return Blocker(name, host, PATH).blocks()


@pytest.mark.parametrize(
    ("without", "chosen"),
    [((), "nftables"), (("nft",), "ipset"), (("nft", "ipset"), "iptables")],
    ids=["all there", "no nft", "no nft, no ipset"],
)
@in_each_shell
def test_the_best_firewall_that_is_there_is_chosen(network, tmp_path, without, chosen, shell):
    _, host = network
    path = path_without(tmp_path / "bin", *without)
    for subject, _ in SUBJECTS.values():
        options = {"inside": host, "shell": shell, "timeout_s": 60, "PATH": path}
        succeed("firewall-drop.sh", "add", "-", subject, **options)
        succeed("firewall-drop.sh", "present", "-", subject, **options)
        assert list(view(chosen, host)) == [subject]
        assert not any(view(other, host) for other in ("nftables", "ipset", "iptables") if other != chosen)
        succeed("firewall-drop.sh", "delete", "-", subject, **options)
        assert view(chosen, host) == {}
        assert call("firewall-drop.sh", "present", "-", subject, **options).returncode == 1


@pytest.mark.parametrize("action", ["add", "delete", "present"])
def test_a_host_without_any_firewall_is_told_what_to_install(network, tmp_path, action):
    path = path_without(tmp_path / "bin", "nft", "ipset", "iptables", "ip6tables")
    done = call("firewall-drop.sh", action, "-", ATTACKER_4, inside=network[1], PATH=path)
    assert done.returncode == 69
    assert done.stderr == "firewall-drop.sh: no firewall works here: install nftables (or ipset and iptables)\n"


def broken(folder: Path, program: str, *, says: str) -> str:
    """Return a PATH on which a program does not work, and says so."""
    (folder / program).write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n")
    (folder / program).chmod(0o755)
    return f"{folder}:{PATH}"


def test_an_nft_that_the_kernel_does_not_answer_is_passed_over_and_that_is_said(network, tmp_path):
    _, host = network
    path = broken(tmp_path, "nft", says="netlink: Error: Protocol not supported")
    done = call("firewall-drop.sh", "add", "-", ATTACKER_4, inside=host, timeout_s=60, PATH=path)
    assert done.returncode == 0
    assert "passing over nftables, which does not work here: netlink: Error: Protocol not supported" in done.stderr
    assert list(view("ipset", host)) == [ATTACKER_4]


def test_a_block_is_released_though_a_better_firewall_was_installed_meanwhile(network, tmp_path):
    _, host = network
    old = path_without(tmp_path / "bin", "nft", "ipset")
    succeed("firewall-drop.sh", "add", "-", ATTACKER_4, inside=host, PATH=old)
    assert list(view("iptables", host)) == [ATTACKER_4]
    succeed("firewall-drop.sh", "present", "-", ATTACKER_4, inside=host)
    succeed("firewall-drop.sh", "delete", "-", ATTACKER_4, inside=host)
    assert view("iptables", host) == {}
    assert call("firewall-drop.sh", "present", "-", ATTACKER_4, inside=host).returncode == 1


# ── route-null.sh ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_administrators_own_routes_stay(network):
    _, host = network
    host.run(["ip", "route", "add", "198.51.100.7", "via", ATTACKER_4], check=True)
    host.run(["ip", "route", "add", "blackhole", "198.51.100.8", "metric", "10"], check=True)
    before = host.run(["ip", "route"]).stdout
    for subject in ("198.51.100.7", "198.51.100.8"):
        assert call("route-null.sh", "present", "-", subject, inside=host).returncode == 1
        succeed("route-null.sh", "add", "-", subject, inside=host)
        succeed("route-null.sh", "delete", "-", subject, inside=host)
    assert host.run(["ip", "route"]).stdout == before


@pytest.mark.parametrize("lines", [None, f"{ATTACKER_4} 60\n198.51.100.7 60\n"], ids=["one", "batch"])
def test_a_release_fails_while_a_firewall_that_may_hold_the_block_does_not_answer(network, tmp_path, lines):
    """What another one holds is released all the same."""
    _, host = network
    asked = ["-", ATTACKER_4] if lines is None else ["--batch"]
    options = {"inside": host, "timeout_s": 60, "lines": lines or ""}
    assert call("firewall-drop.sh", "add", *asked, **options).returncode == 0
    assert call("iptables-drop.sh", "add", *asked, **options).returncode == 0
    done = call("firewall-drop.sh", "delete", *asked, **options, PATH=broken(tmp_path, "nft", says="out of memory"))
    assert done.returncode == 69
    assert "nftables does not answer, and may hold what is asked for: out of memory" in done.stderr
    assert view("iptables", host) == {}
    assert ATTACKER_4 in view("nftables", host)
    done = call("firewall-drop.sh", "present", *asked, **options, PATH=broken(tmp_path, "nft", says="out of memory"))
    assert done.returncode == 69
    assert call("firewall-drop.sh", "delete", *asked, **options).returncode == 0
    assert view("nftables", host) == {}


@pytest.mark.parametrize("lines", [None, f"{ATTACKER_4} 60\n198.51.100.7 60\n"], ids=["one", "batch"])
def test_a_block_that_must_expire_is_not_left_to_iptables(network, tmp_path, lines):
    _, host = network
    asked = ["-", ATTACKER_4] if lines is None else ["--batch"]
    options = {"inside": host, "timeout_s": 60, "lines": lines or "", "AR_MUST_EXPIRE": "1"}
    without = path_without(tmp_path / "bin", "nft", "ipset")
    done = call("firewall-drop.sh", "add", *asked, **options, PATH=without)
    assert done.returncode == 69
    assert "no firewall works here that ends a block by itself" in done.stderr
    assert view("iptables", host) == {}
    assert call("firewall-drop.sh", "add", *asked, **options).returncode == 0
    assert 60 < view("nftables", host)[ATTACKER_4] <= 65


# ── what firewall-drop.sh remembers ──────────────────────────────────────────────────────────────────────────────

BOOT = Path("/proc/sys/kernel/random/boot_id")


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "home" / "var").mkdir(parents=True)
    return tmp_path / "home"


@pytest.mark.parametrize("lines", [None, f"{ATTACKER_4} 60\n198.51.100.7 60\n"], ids=["one", "batch"])
@in_each_shell
def test_a_release_fails_while_the_program_that_made_the_block_is_gone(network, tmp_path, home, lines, shell):
    """Even where another firewall works; that one is asked all the same. The program comes back, and all is well."""
    _, host = network
    asked = ["-", ATTACKER_4] if lines is None else ["--batch"]
    options = {"inside": host, "timeout_s": 60, "lines": lines or "", "AR_HOME": str(home), "shell": shell}
    gone = path_without(tmp_path / "bin", "nft")
    succeed("firewall-drop.sh", "add", *asked, **options)
    assert (home / "var/firewalls").read_text().split() == ["nftables", BOOT.read_text().strip()]
    succeed("iptables-drop.sh", "add", *asked, **options)
    for _ in range(2):
        done = call("firewall-drop.sh", "delete", *asked, **options, PATH=gone)
        assert done.returncode == 69
        assert "nftables may hold what is asked for, but is gone: there is no program nft\n" in done.stderr
        assert view("iptables", host) == {}
    assert ATTACKER_4 in view("nftables", host)
    assert call("firewall-drop.sh", "present", *asked, **options, PATH=gone).returncode == 69
    succeed("firewall-drop.sh", "delete", *asked, **options)
    assert view("nftables", host) == {}


def test_what_was_used_is_noted_once_for_each_firewall_before_it_is_used(network, tmp_path, home):
    _, host = network
    broken_nft = broken(tmp_path, "nft", says="Operation not permitted")
    assert call("firewall-drop.sh", "add", "-", ATTACKER_4, inside=host, AR_HOME=str(home), PATH=broken_nft).returncode
    without = path_without(tmp_path / "bin", "nft")
    for path in (PATH, without, PATH, without):
        succeed("firewall-drop.sh", "add", "-", ATTACKER_4, inside=host, timeout_s=60, AR_HOME=str(home), PATH=path)
    boot = BOOT.read_text().strip()
    assert (home / "var/firewalls").read_text().split() == ["nftables", boot, "ipset", boot]


def test_what_an_earlier_boot_used_holds_nothing_any_more(network, tmp_path, home):
    _, host = network
    (home / "var/firewalls").write_text("\nnftables 00000000-0000-0000-0000-000000000000\n")
    options = {"inside": host, "AR_HOME": str(home), "PATH": path_without(tmp_path / "bin", "nft")}
    succeed("firewall-drop.sh", "delete", "-", ATTACKER_4, **options)
    assert call("firewall-drop.sh", "present", "-", ATTACKER_4, **options).returncode == 1


@pytest.mark.parametrize(("must_expire", "status"), [("0", 73), ("1", 0)])
def test_a_firewall_that_cannot_be_remembered_is_not_used_unless_it_ends_the_block_itself(
    network, home, must_expire, status
):
    _, host = network
    (home / "var/firewalls").mkdir()
    options = {"inside": host, "timeout_s": 60, "AR_HOME": str(home), "AR_MUST_EXPIRE": must_expire}
    done = call("firewall-drop.sh", "add", "-", ATTACKER_4, **options)
    assert done.returncode == status
    assert "Is a directory" in done.stderr
    assert ("cannot note in" in done.stderr) == (status == 73)
    assert (list(view("nftables", host)) == [ATTACKER_4]) == (status == 0)


def test_a_firewalld_that_was_used_and_runs_no_more_cannot_tell_what_the_kernel_holds(network, tmp_path, home):
    _, host = network
    (home / "var/firewalls").write_text(f"\nfirewalld {BOOT.read_text().strip()}\n")
    path = broken(tmp_path, "firewall-cmd", says="not running")
    done = call("firewall-drop.sh", "delete", "-", ATTACKER_4, inside=host, AR_HOME=str(home), PATH=path)
    assert (done.returncode, done.stderr) == (
        69, "firewall-drop.sh: firewalld may hold what is asked for, but is gone: not running\n",
    )  # fmt: skip
    (home / "var/firewalls").unlink()
    succeed("firewall-drop.sh", "delete", "-", ATTACKER_4, inside=host, AR_HOME=str(home), PATH=path)
