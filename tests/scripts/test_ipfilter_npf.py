"""ipfilter.sh and npf.sh, where they differ from the others."""

from __future__ import annotations

import pytest
from doubled import BACKENDS, Host

LINES = "table <ossec_fwtable> type lpm\nblock in final from <ossec_fwtable>\nblock out final to <ossec_fwtable>\n"
FIRST = "write these lines into npf.conf, the first above all groups and the others first thing in each group"


@pytest.fixture
def host(request, tmp_path) -> Host:
    backend = BACKENDS[request.param]
    return Host(tmp_path, backend.programs, backend.state)


on_ipfilter = pytest.mark.parametrize("host", ["ipfilter"], indirect=True)
on_npf = pytest.mark.parametrize("host", ["npf"], indirect=True)


@on_ipfilter
def test_the_rules_come_before_all_others_one_for_each_direction_and_each_but_once(host):
    before = host.state["rules"]
    for _ in range(2):
        assert host.call("ipfilter.sh", "add", "-", "203.0.113.7").returncode == 0
        assert host.call("ipfilter.sh", "add", "--batch", lines="2001:db8::7 60\n2001:db8:5::/64 0\n").returncode == 0
    assert host.state["rules"]["4"] == [
        "block out quick from any to 203.0.113.7/32", "block in quick from 203.0.113.7/32 to any", *before["4"],
    ]  # fmt: skip
    assert host.state["rules"]["6"] == [
        "block out quick from any to 2001:db8:5::/64", "block in quick from 2001:db8:5::/64 to any",
        "block out quick from any to 2001:db8::7/128", "block in quick from 2001:db8::7/128 to any", *before["6"],
    ]  # fmt: skip


@on_ipfilter
@pytest.mark.parametrize("gone", [0, 1], ids=["out", "in"])
def test_a_rule_of_which_only_half_is_left_is_not_present_and_is_made_whole_or_deleted(host, gone):
    before = host.state["rules"]

    def halve() -> None:
        assert host.call("ipfilter.sh", "add", "-", "203.0.113.7").returncode == 0
        rules = host.state["rules"]
        del rules["4"][gone]
        host.change(rules=rules)

    halve()
    assert host.call("ipfilter.sh", "present", "-", "203.0.113.7").returncode == 1
    assert host.call("ipfilter.sh", "present", "--batch", lines="203.0.113.7 0\n").stdout == "missing 203.0.113.7\n"
    halve()
    assert host.call("ipfilter.sh", "delete", "-", "203.0.113.7").returncode == 0
    assert host.state["rules"] == before


@on_ipfilter
def test_an_ip_filter_that_is_disabled_blocks_nobody_and_that_is_said(host):
    assert host.call("ipfilter.sh", "add", "-", "203.0.113.7").returncode == 0
    host.change(running=False)
    done = host.call("ipfilter.sh", "add", "-", "203.0.113.7")
    assert (done.returncode, done.stderr) == (69, "ipfilter.sh: IP Filter is not enabled: type ipf -E\n")
    assert host.call("ipfilter.sh", "present", "-", "203.0.113.7").returncode == 1
    assert host.call("ipfilter.sh", "delete", "-", "203.0.113.7").returncode == 0
    assert host.state["rules"] == BACKENDS["ipfilter"].state["rules"]


@on_ipfilter
@pytest.mark.parametrize(
    ("argv", "rule", "status"),
    [
        (["-f", "-"], "block in quick from 203.0.113.7 to any", 0),
        (["-rf", "-"], "block in quick from 198.51.100.0/24 to any", 0),
        (["-f", "-"], "block in quick from 198.51.100.0/24 to any", 1),
        (["-r", "-f", "-"], "block in quick from 203.0.113.7 to any", 1),
        (["-f", "-"], "block in quick from 2001:db8::7 to any", 1), (["-f", "-"], "block from 203.0.113.7", 1),
        (["-6", "-f", "-"], "block in quick from 203.0.113.7 to any", 1), (["-f"], "", 1), (["-q"], "", 1), ([], "", 1),
        (["-Fa"], "", 99),
    ],
)  # fmt: skip
def test_the_double_of_ipf_refuses_what_ipf_refuses(host, argv, rule, status):
    assert host.run("ipf", *argv, lines=f"{rule}\n" if rule else "").returncode == status
    assert (host.state["rules"] == BACKENDS["ipfilter"].state["rules"]) == (status != 0)


@on_npf
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tables": {}, "rules": []}, f"npf has no table <ossec_fwtable>: {FIRST}:\n{LINES}and load it: npfctl reload"),
        ({"rules": []}, f"no rule of npf refers to the table <ossec_fwtable>: {FIRST}:\n{LINES}and load it: npfctl re"),
        ({"active": False}, "npf is not active: type npfctl start\n"),
    ],
    ids=["no table", "no rule", "not active"],
)  # fmt: skip
def test_where_npf_would_block_nobody_the_add_fails_and_says_what_to_write(host, changes, complaint):
    host.change(**changes)
    tables = host.state["tables"]
    done = host.call("npf.sh", "add", "-", "203.0.113.7")
    assert done.returncode == 69
    assert done.stderr.startswith(f"npf.sh: {complaint}")
    assert host.state["tables"] == tables
    assert host.call("npf.sh", "present", "-", "203.0.113.7").returncode == 1
    assert host.call("npf.sh", "delete", "-", "203.0.113.7").returncode == 0


@on_npf
def test_a_prefix_in_a_table_that_takes_none_is_an_error(host):
    host.change(ipsets=["ossec_fwtable"])
    done = host.call("npf.sh", "add", "-", "2001:db8:5::/64")
    assert done.returncode == 69
    assert "invalid address, mask or table ID" in done.stderr
    assert host.call("npf.sh", "add", "-", "2001:db8::7").returncode == 0


@on_npf
@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "Usage"), (["table", "ossec_fwtable"], "Usage"), (["table", "ossec_fwtable", "add"], "Usage"),
        (["table", "ossec_fwtable", "block", "203.0.113.7"], "invalid command"),
        (["table", "ossec_fwtable", "add", "203.0.113.777"], "invalid CIDR"),
        (["table", "ossec_fwtable", "rem", "203.0.113.7"], "not found"),
        (["table", "ossec_fwtable", "test", "203.0.113.7"], "not found"),
        (["table", "none", "rem", "203.0.113.7"], "invalid address, mask or table ID"),
        (["table", "spammers", "add", "198.51.100.0/24"], "entry already exists or is conflicting"),
    ],
)  # fmt: skip
def test_the_double_of_npfctl_refuses_what_npfctl_refuses(host, argv, says):
    done = host.run("npfctl", *argv)
    assert done.returncode == 1
    assert says in done.stderr
    assert host.state["tables"] == BACKENDS["npf"].state["tables"]
