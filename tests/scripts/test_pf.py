"""pf.sh, where it differs from the others: the rules are the administrator's, and states are killed."""

from __future__ import annotations

import pytest
from doubled import BACKENDS, PF_RULES, Host

ADVICE = """write these lines into pf.conf, the first above all rules and the others before any that passes something:
table <ossec_fwtable> persist
block in quick from <ossec_fwtable> to any
block out quick from any to <ossec_fwtable>
and load it: pfctl -f /etc/pf.conf
"""


@pytest.fixture
def host(tmp_path) -> Host:
    return Host(tmp_path, ["pfctl"], BACKENDS["pf"].state)


@pytest.mark.parametrize("asked", [("-", "203.0.113.7"), ("--batch",)], ids=["one", "batch"])
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tables": {}, "rules": []}, f"pf has no table ossec_fwtable: {ADVICE}"),
        ({"rules": []}, f"no rule of pf refers to the table ossec_fwtable: {ADVICE}"),
        ({"enabled": False}, "pf is not enabled: type pfctl -e\n"),
    ],
    ids=["no table", "no rule", "disabled"],
)  # fmt: skip
def test_where_a_block_would_do_nothing_it_fails_says_what_to_write_and_makes_no_table(host, asked, changes, complaint):
    host.change(**changes)
    tables = host.state["tables"]
    done = host.call("pf.sh", "add", *asked, lines="203.0.113.7 60\n")
    assert done.returncode == 69
    assert done.stderr == f"pf.sh: {complaint}"
    assert host.state["tables"] == tables
    done = host.call("pf.sh", "present", *asked, lines="203.0.113.7 60\n")
    assert (done.returncode, done.stdout) == ((1, "") if asked[0] == "-" else (0, "missing 203.0.113.7\n"))
    assert host.call("pf.sh", "delete", *asked, lines="203.0.113.7 60\n").returncode == 0


def test_a_block_that_pf_does_not_enforce_is_released_all_the_same(host):
    host.change(enabled=False, rules=[], tables={"ossec_fwtable": ["203.0.113.7/32"]})
    assert host.call("pf.sh", "delete", "-", "203.0.113.7").returncode == 0
    assert host.state["tables"] == {"ossec_fwtable": []}


@pytest.mark.parametrize(
    ("subject", "inside"), [("203.0.113.7", "203.0.113.7"), ("2001:db8::7", "2001:db8::7"),
                            ("2001:db8:5::/64", "2001:db8:5::9")],
)  # fmt: skip
@pytest.mark.parametrize("batch", [False, True], ids=["one", "batch"])
def test_established_connections_are_cut_in_both_directions_and_no_others(host, subject, inside, batch):
    own = "2001:db8:1::1" if ":" in subject else "192.0.2.1"
    others = BACKENDS["pf"].state["states"]
    host.change(states=[*others, [inside, own], [own, inside]])
    asked = ["--batch"] if batch else ["-", subject]
    assert host.call("pf.sh", "add", *asked, lines=f"{subject} 60\n").returncode == 0
    assert host.state["states"] == others


def test_the_commands_are_those_of_the_manual(host):
    host.call("pf.sh", "add", "-", "203.0.113.7")
    assert host.changes() == [
        ["pfctl", "-s", "info"],
        ["pfctl", "-v", "-s", "Tables"],
        ["pfctl", "-q", "-t", "ossec_fwtable", "-T", "add", "203.0.113.7"],
        ["pfctl", "-q", "-k", "203.0.113.7"],
        ["pfctl", "-q", "-k", "0.0.0.0/0", "-k", "203.0.113.7"],
    ]


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["-T", "add", "203.0.113.7"], 1), (["-t", "ossec_fwtable"], 1), (["-t", "t" * 32, "-T", "show"], 1),
        (["-t", "ossec_fwtable", "-T", "test", "203.0.113.8"], 2), (["-j"], 1), (["-s"], 1), (["203.0.113.7"], 1),
        (["-t", "ossec_fwtable", "-T", "add", "203.0.113.777"], 255), (["-t", "none", "-T", "delete", "::1"], 255),
        (["-t", "ossec_fwtable", "-T", "test", "2001:db8::/64"], 255), (["-k", "0.0.0.0/0", "-k", "2001:db8::7"], 1),
        (["-k", "::/0", "-k", "::/0", "-k", "::/0"], 1), (["-t", "ossec_fwtable", "-T", "rename"], 99),
    ],
)  # fmt: skip
def test_the_double_refuses_what_pfctl_refuses(host, argv, status):
    assert host.run("pfctl", *argv).returncode == status
    assert host.state["tables"] == BACKENDS["pf"].state["tables"]
    assert PF_RULES[0] in host.state["rules"]
