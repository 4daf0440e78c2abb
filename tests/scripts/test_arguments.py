"""What the scripts take as arguments, and what they refuse; tried with null.sh, and once with each of them."""

from __future__ import annotations

import ipaddress
import random
import subprocess
from typing import Any

import pytest
from netns import require
from shells import NEED_NOTHING, PATH, RESPONSES, SCRIPTS, SHELLS, call, in_each_shell

ADDRESSES = [
    "192.0.2.1", "1.1.1.1", "10.0.0.0", "203.0.113.255", "223.255.255.255", "240.0.0.1", "2001:db8::1", "2001:db8::",
    "2001:db8:0:1:1:1:1:1", "1:2:3:4:5:6:7:8", "64:ff9b::c000:201", "::2", "::ffff:1", "fe80::1", "fd00::1:0:0:1",
    "2001:db8::/64", "2001:db8:1:2::/128", "2000::/3", "fd00::/8",
]  # fmt: skip

HOSTILE = {
    "nothing": "", "space": " ", "space inside": "192.0.2.1 ", "two addresses": "192.0.2.1 192.0.2.2",
    "quote": "192.0.2.1'", "double quote": '192.0.2.1"', "command": "$(touch /tmp/owned)", "backticks": "`id`",
    "semicolon": "192.0.2.1;id", "pipe": "192.0.2.1|id", "star": "*", "newline": "192.0.2.1\n192.0.2.2",
    "newline after": "192.0.2.1\n", "newline before": "\n192.0.2.1", "nft injection": "192.0.2.1 }; flush ruleset; #",
    "dash": "-", "option": "-F", "long option": "--help", "10 KB": "1" * 10240, "10 KB of groups": "1:" * 5120,
    "10 KB of dots": "1." * 5120, "host name": "evil.example.com", "localhost": "localhost", "octet": "192.0.2.256",
    "octet of four": "192.0.2.1111", "three octets": "192.0.2", "five octets": "192.0.2.1.1", "no octet": "192..2.1",
    "ends in dot": "192.0.2.", "begins with dot": ".192.0.2", "leading zero": "192.0.2.01", "hex": "0xC0.0.2.1",
    "number": "3221225985", "IPv4 network": "192.0.2.0/24", "IPv4 /32": "192.0.2.1/32", "all": "0.0.0.0/0",
    "upper case": "2001:DB8::1", "zeros": "2001:0db8::1", "five digits": "12001:db8::1", "two ::": "1::2::3",
    ":::": "1:::2", ":": ":", "one group": "1", "begins with :": ":1:2:3:4:5:6:7", "ends in :": "1:2:3:4:5:6:7:",
    "seven groups": "1:2:3:4:5:6:7", "nine groups": "1:2:3:4:5:6:7:8:9", ":: for one": "1:2:3:4::6:7:8",
    ":: for none": "1:2:3:4::5:6:7:8", "g": "2001:db8::g", "zone": "fe80::1%eth0", "brackets": "[2001:db8::1]",
    "embedded": "::192.0.2.1", "mapped": "::ffff:192.0.2.1", "mapped in hex": "::ffff:c000:201", "/0": "2001:db8::/0",
    "/129": "2001:db8::/129", "/064": "2001:db8::/064", "/": "2001:db8::/", "two /": "2001:db8::/64/64",
    "/ in words": "2001:db8::/a", "only /": "/64", "everything": "::/1", "unspecified": "0.0.0.0", "this": "0.1.2.3",
    "unspecified 6": "::", "loopback": "127.0.0.1", "loopback 6": "::1", "multicast": "224.0.0.1",
    "multicast high": "239.255.255.255", "multicast 6": "ff02::1", "broadcast": "255.255.255.255",
    "not UTF-8": "192.0.2.\udcff", "unicode digit": "192.0.2.\u0661", "bell": "192.0.2.1\a",
}  # fmt: skip


def refused(*arguments: str, shell: str, script: str = "null.sh", **environment: Any) -> str:
    """Run a script that must refuse its arguments, without a word of them in its message; return the message."""
    done = call(script, *arguments, shell=shell, **environment)
    assert (done.returncode, done.stdout) == (64, "")
    assert f"usage: {script} add|delete|present USER SRCIP" in done.stderr
    return done.stderr


@in_each_shell
def test_each_canonical_address_and_ipv6_prefix_is_taken(shell):
    require(SHELLS[shell][0])
    for address in ADDRESSES:
        done = call("null.sh", "add", "-", address, "1.2", "5712", "/var/log/auth.log", "-", shell=shell, timeout_s=600)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"null.sh: add - {address} for 600 s\n"


@in_each_shell
def test_a_hostile_address_is_refused_in_every_action(shell):
    require(SHELLS[shell][0])
    for name, address in HOSTILE.items():
        if name == "dash":  # no address: null.sh acts on anything
            continue
        for action in ("add", "delete", "present"):
            message = refused(action, "-", address, shell=shell)
            assert len(address) < 3 or address not in message, name
            assert len(message) < 300


@in_each_shell
def test_nothing_hostile_gets_into_another_script_either(shell):
    require(SHELLS[shell][0])
    for script in RESPONSES:
        if script != "null.sh":
            for name in ("dash", "option", "command", "newline", "nft injection", "10 KB", "loopback", "IPv4 network"):
                if name != "dash" or script not in NEED_NOTHING:
                    refused("add", "-", HOSTILE[name], shell=shell, script=script)
            refused("add", "$(id)", "192.0.2.1", shell=shell, script=script)


@in_each_shell
@pytest.mark.parametrize(
    "arguments",
    [
        [], ["add"], ["add", "-"], ["", "-", "192.0.2.1"], ["ADD", "-", "192.0.2.1"], ["block", "-", "192.0.2.1"],
        ["add delete", "-", "192.0.2.1"], ["-h", "-", "192.0.2.1"], ["add\n", "-", "192.0.2.1"],
        ["add", "", "192.0.2.1"], ["add", "-r", "192.0.2.1"], ["add", "a b", "192.0.2.1"], ["add", "a;b", "192.0.2.1"],
        ["add", "$(id)", "192.0.2.1"], ["add", "a\nb", "192.0.2.1"], ["add", "é", "192.0.2.1"],
        ["add", "a/b", "192.0.2.1"], ["add", "u" * 65, "192.0.2.1"], ["add", "u" * 10240, "192.0.2.1"],
    ],
    ids=lambda arguments: repr(arguments)[:40],
)  # fmt: skip
def test_a_wrong_action_a_hostile_user_and_too_few_arguments_are_refused(shell, arguments):
    require(SHELLS[shell][0])
    refused(*arguments, shell=shell)


@in_each_shell
@pytest.mark.parametrize("user", ["-", "root", "www-data", "a.b_c@example.com", "_", "u" * 64])
def test_a_safe_user_is_taken(shell, user):
    require(SHELLS[shell][0])
    done = call("null.sh", "delete", user, "-", shell=shell)
    assert (done.returncode, done.stdout) == (0, f"null.sh: delete {user} - for 0 s\n")


@in_each_shell
@pytest.mark.parametrize("seconds", ["-1", "010", "1.5", "10m", "1 2", "$(id)", "9999999999", "0x10", "\n1", " "])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(shell, seconds):
    require(SHELLS[shell][0])
    assert "AR_TIMEOUT" in refused("add", "-", "192.0.2.1", shell=shell, AR_TIMEOUT=seconds)


@in_each_shell
def test_arguments_that_no_script_uses_may_be_anything(shell):
    """A location can hold spaces, and a file name anything; neither is looked at, nor printed."""
    require(SHELLS[shell][0])
    rest = ["1.2", "5712", "(agent) 10.0.0.1->/var/log/my log", "$(touch /tmp/owned)\n;'"]
    done = call("null.sh", "add", "-", "192.0.2.1", *rest, shell=shell)
    assert (done.returncode, done.stdout) == (0, "null.sh: add - 192.0.2.1 for 0 s\n")


def accepted(shell: str, texts: list[str]) -> list[str]:
    """Return those of `texts` that lib.sh takes for addresses, judged by one run of the shell."""
    judge = """. "$1"; while IFS= read -r text; do
        if (read_family "$text") 2>/dev/null; then printf '%s\\n' "$text"; fi; done"""
    done = subprocess.run(
        [*SHELLS[shell], "-c", judge, "judge", str(SCRIPTS / "lib.sh")],
        input="\n".join(texts) + "\n", env={"PATH": PATH}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.splitlines()


@in_each_shell
def test_of_any_text_just_what_ipaddress_writes_is_taken(shell):
    """Every address as Python writes it is taken, and what is a little off is taken only if Python takes it too."""
    require(SHELLS[shell][0])
    rng = random.Random(20)  # noqa: S311 (test input that is the same each time)
    sparse = [0, 0, 0, 1, 0x10, 0x100, 0xFFFF]
    canonical = []
    for _ in range(150):
        groups = [rng.choice(sparse) for _ in range(7)]
        canonical.append(str(ipaddress.IPv6Address(":".join(f"{group:x}" for group in [0x2001, *groups]))))
        canonical.append(str(ipaddress.IPv4Address(rng.randrange(1 << 24, 127 << 24))))
    assert accepted(shell, canonical) == canonical
    off = []
    for text in canonical:
        place = rng.randrange(len(text))
        off.append(text[:place] + rng.choice([*"0f:./ ", ""]) + text[place + rng.choice([0, 1]) :])
    for text in accepted(shell, off):
        if "/" in text:
            ipaddress.IPv6Network(text, strict=False)
        else:
            ipaddress.ip_address(text)
