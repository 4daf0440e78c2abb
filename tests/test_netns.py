"""The tests' own network: what it promises to those that build on it."""

from __future__ import annotations

import subprocess

import netns
import pytest
from netns import ATTACKER_4, ATTACKER_6, HOST_4, HOST_6


def test_what_a_test_needs_and_is_not_there_is_a_failure_in_ci_and_a_skip_elsewhere(monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="not installed: no-such-program"):
        netns.require("sh", "no-such-program")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="not installed: no-such-program"):
        netns.require("sh", "no-such-program")


@pytest.mark.e2e
def test_two_hosts_reach_each_other_over_both_families_from_any_of_their_addresses():
    netns.require()
    with netns.pair() as (attacker, host):
        attacker.add_address("192.0.2.9/24", "to-host")
        for address, source in ((HOST_4, ATTACKER_4), (HOST_4, "192.0.2.9"), (HOST_6, ATTACKER_6)):
            with host.listen(address, 80) as server:
                assert attacker.reaches(address, 80, source, within_s=5)
                served, peer = server.accept()
                served.close()
                assert peer[0] == source


@pytest.mark.e2e
def test_hosts_are_gone_at_the_end_even_of_a_test_that_failed():
    netns.require()
    names: list[str] = []

    def fail_amid_a_test() -> None:
        with netns.pair() as both:
            names.extend(host.name for host in both)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_amid_a_test()
    left = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
    assert len(names) == 2
    assert not any(name in left for name in names)
