"""ipfw.sh, where it differs from the others: it makes its two rules, and only where they do what they are to do."""

from __future__ import annotations

import pytest
from doubled import BACKENDS, Host

OWN_RULES = [["1", "deny ip from table(1) to any"], ["1", "deny ip from any to table(1)"]]


@pytest.fixture
def host(tmp_path) -> Host:
    return Host(tmp_path, ["ipfw", "sysctl"], BACKENDS["ipfw"].state)


def own_rules(host: Host) -> list:
    return [rule for rule in host.state["numbered"] if "table(1)" in rule[1]]


def test_both_rules_are_made_once_and_the_one_that_is_missing_is_made_anew(host):
    for _ in range(2):
        assert host.call("ipfw.sh", "add", "-", "203.0.113.7").returncode == 0
    assert own_rules(host) == OWN_RULES
    for gone in OWN_RULES:
        host.change(numbered=[rule for rule in host.state["numbered"] if rule != gone])
        assert host.call("ipfw.sh", "present", "-", "203.0.113.7").returncode == 1
        assert host.call("ipfw.sh", "present", "--batch", lines="203.0.113.7 0\n").stdout == "missing 203.0.113.7\n"
        assert host.call("ipfw.sh", "add", "-", "203.0.113.7").returncode == 0
        assert sorted(own_rules(host)) == sorted(OWN_RULES)
    assert host.call("ipfw.sh", "delete", "-", "203.0.113.7").returncode == 0
    assert len(own_rules(host)) == 2, "they stay for the next block"


def test_a_table_that_passes_what_is_in_it_is_left_alone(host):
    host.change(numbered=[["500", "allow ip from table(1) to any"]], tables={"1": ["198.51.100.9/32"]})
    done = host.call("ipfw.sh", "add", "-", "203.0.113.7")
    assert done.returncode == 69
    assert "table 1 is used for something else, so it blocks nobody: 00500 allow ip from table(1) to any" in done.stderr
    assert host.state["tables"] == {"1": ["198.51.100.9/32"]}
    assert host.call("ipfw.sh", "add", "-", "203.0.113.7", AR_IPFW_TABLE="22").returncode == 0
    assert host.state["tables"]["22"] == ["203.0.113.7/32"]


def test_a_rule_of_the_administrators_own_that_denies_the_same_table_is_no_obstacle(host):
    host.change(numbered=[["500", "deny ip from table(1) to any"]], tables={"1": ["198.51.100.9/32"]})
    assert host.call("ipfw.sh", "add", "-", "203.0.113.7").returncode == 0
    assert host.state["tables"]["1"] == ["198.51.100.9/32", "203.0.113.7/32"]


@pytest.mark.parametrize("subject", ["203.0.113.7", "2001:db8::7", "2001:db8:5::/64"])
def test_an_ipfw_that_is_disabled_blocks_nobody_and_that_is_said(host, subject):
    switch = "net.inet6.ip6.fw.enable" if ":" in subject else "net.inet.ip.fw.enable"
    host.change(sysctl={**host.state["sysctl"], switch: "0"})
    for asked in (["-", subject], ["--batch"]):
        done = host.call("ipfw.sh", "add", *asked, lines=f"{subject} 60\n")
        assert (done.returncode, done.stderr) == (69, "ipfw.sh: ipfw is not enabled: type ipfw enable firewall\n")
        assert host.call("ipfw.sh", "delete", *asked, lines=f"{subject} 60\n").returncode == 0
    assert host.call("ipfw.sh", "present", "-", subject).returncode == 1
    assert host.call("ipfw.sh", "present", "--batch", lines=f"{subject} 0\n").stdout == f"missing {subject}\n"


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["table", "1"], 64), (["table", "1", "add"], 64), (["table", "2", "add", "nonsense"], 65),
        (["table", "2", "add", "198.51.100.0/24"], 71), (["-q", "table", "2", "add", "198.51.100.0/24"], 0),
        (["table", "2", "delete", "192.0.2.7"], 71), (["-q", "table", "2", "delete", "192.0.2.7"], 0),
        (["table", "7", "delete", "192.0.2.7"], 65), (["add", "1", "deny", "ip", "from", "table"], 64),
        (["add", "1", "deny", "from", "any", "to", "any"], 64), (["-z", "list"], 64), (["flush"], 64),
    ],
)  # fmt: skip
def test_the_double_refuses_what_ipfw_refuses(host, argv, status):
    assert host.run("ipfw", *argv).returncode == status
    assert host.state["tables"] == BACKENDS["ipfw"].state["tables"]
