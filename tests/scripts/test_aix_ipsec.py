"""aix-ipsec.sh, where it differs from the others: rules have numbers that change, and take effect in a second step."""

from __future__ import annotations

import pytest
from doubled import AIX_RULES, BACKENDS, Host


@pytest.fixture
def host(tmp_path) -> Host:
    backend = BACKENDS["aix-ipsec"]
    return Host(tmp_path, backend.programs, backend.state)


def test_the_rule_stands_before_the_administrators_and_after_the_systems(host):
    assert host.call("aix-ipsec.sh", "add", "-", "203.0.113.7").returncode == 0
    own = ["deny", "203.0.113.7", "255.255.255.255", "0.0.0.0", "0.0.0.0", "blocked by ar-agent"]
    assert host.state["active"]["4"] == [AIX_RULES["4"][0], own, *AIX_RULES["4"][1:]]
    assert host.call("aix-ipsec.sh", "add", "-", "2001:db8:5::/64").returncode == 0
    assert host.state["active"]["6"][0] == ["deny", "2001:db8:5::", "64", "::", "0", "blocked by ar-agent"]


def test_each_of_several_rules_for_one_address_is_removed_whatever_their_numbers(host):
    own = ["deny", "203.0.113.7", "255.255.255.255", "0.0.0.0", "0.0.0.0", "blocked by ar-agent"]
    by_hand = [*own[:-1], "by hand"]
    first, *others = AIX_RULES["4"]
    rules = {**AIX_RULES, "4": [first, own, by_hand, own, *others, own]}
    host.change(table=rules, active=rules)
    assert host.call("aix-ipsec.sh", "delete", "-", "203.0.113.7").returncode == 0
    assert host.state["table"]["4"] == host.state["active"]["4"] == [first, by_hand, *others]


def test_a_rule_that_was_written_and_is_not_in_force_is_not_present_and_an_add_activates_it(host):
    assert host.call("aix-ipsec.sh", "add", "-", "203.0.113.7").returncode == 0
    host.change(active=AIX_RULES)
    assert host.call("aix-ipsec.sh", "present", "-", "203.0.113.7").returncode == 1
    assert host.call("aix-ipsec.sh", "add", "-", "203.0.113.7").returncode == 0
    assert host.call("aix-ipsec.sh", "present", "-", "203.0.113.7").returncode == 0


def test_a_release_whose_second_step_failed_is_finished_by_the_next(host):
    assert host.call("aix-ipsec.sh", "add", "-", "203.0.113.7").returncode == 0
    host.change(broken={"mkfilt": "the device is busy"})
    assert host.call("aix-ipsec.sh", "delete", "-", "203.0.113.7").returncode == 69
    assert host.call("aix-ipsec.sh", "present", "-", "203.0.113.7").returncode == 0
    host.change(broken={})
    assert host.call("aix-ipsec.sh", "delete", "-", "203.0.113.7").returncode == 0
    assert host.state["active"] == AIX_RULES


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["genfilt", "-v", "5", "-s", "203.0.113.7", "-m", "255.255.255.255"], 1), (["genfilt", "-v", "4"], 1),
        (["genfilt", "-v", "4", "-s", "203.0.113.7", "-m", "32", *["-d", "0.0.0.0", "-M", "0.0.0.0", "-c", "all"],
          *["-a", "D", "-r", "B", "-w", "B", "-i", "all"]], 1),
        (["rmfilt", "-v", "4", "-n", "1"], 1), (["rmfilt", "-v", "4", "-n", "9"], 1), (["rmfilt", "-n", "2"], 1),
        (["mkfilt", "-u"], 99), (["mkfilt", "-q"], 1), (["lsfilt", "-v", "4", "x"], 1),
    ],
)  # fmt: skip
def test_the_doubles_refuse_what_the_programs_refuse(host, argv, status):
    assert host.run(*argv).returncode == status
    assert host.state["table"] == AIX_RULES
