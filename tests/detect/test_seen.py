"""`<check_diff>`: a rule that matches when its message is another one than the last of the same host."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from detecting import NOON, SSHD, detector, fired, rule, take

from ar.detect.detector import Detector, Verdict
from ar.detect.event import room_of
from ar.model import Chunk

BASE = rule(100, "<match>^ports</match>")
DIFF = BASE + rule(101, "<if_sid>100</if_sid><check_diff/>", 7)
HEADER = "Xxx 99 99:99:99 {} "


def said(detecting: Detector, *texts: str, source: str = "netstat") -> List[int]:
    verdicts = [take(detecting, text, source=source) for text in texts]
    return [verdict.rule.id for verdict in verdicts if verdict.rule is not None]


def test_the_first_message_is_kept_and_each_other_one_matches() -> None:
    found = said(detector(DIFF), "ports 22", "ports 22", "ports 22 80", "ports 22 80", "ports 22", "ports 22")
    assert found == [100, 100, 101, 100, 101, 100]


def test_the_alert_carries_the_former_message_as_ossec_writes_it() -> None:
    detecting = detector(DIFF)
    verdicts: List[Verdict] = [take(detecting, text) for text in ("ports 22", "ports 80")]
    alerts = [verdict.alert for verdict in verdicts]
    assert [alert and alert.previous for alert in alerts] == [(), ("Previous output:", "ports 22")]


def test_what_is_compared_is_the_message_without_its_header() -> None:
    detecting = detector(DIFF)
    lines = [f"Oct  9 12:00:0{n} host ports {port}" for n, port in enumerate((22, 22, 80))]
    assert said(detecting, *lines) == [100, 100, 101]


def test_each_host_has_its_own_last_message() -> None:
    detecting = detector(DIFF)
    lines = [HEADER.format(host) + f"ports {port}" for host, port in (("a", 1), ("b", 2), ("a", 1), ("b", 2), ("a", 3))]
    assert said(detecting, *lines) == [100, 100, 100, 100, 101]


def test_a_line_without_a_host_is_of_its_file() -> None:
    detecting = detector(DIFF)
    assert said(detecting, "ports 1", source="one") + said(detecting, "ports 2", source="two") == [100, 100]
    assert said(detecting, "ports 2", source="one") + said(detecting, "ports 2", source="two") == [101, 100]


def test_each_rule_has_its_own_last_message() -> None:
    rules = DIFF + rule(102, "<if_sid>100</if_sid><match>80</match><check_diff/>", 9)
    assert said(detector(rules), "ports 22", "ports 80", "ports 80", "ports 8080") == [100, 101, 100, 102]


def test_a_message_that_fails_something_else_is_not_kept() -> None:
    rules = BASE + rule(101, "<if_sid>100</if_sid><match>22</match><check_diff/>", 7)
    assert said(detector(rules), "ports 22", "ports 80", "ports 22", "ports 22 80") == [100, 100, 100, 101]


def test_with_if_fts_both_must_hold() -> None:
    decoders = SSHD + (
        '<decoder name="p"><prematch>^ports</prematch><regex>^ports (\\d+)</regex>'
        "<order>id</order><fts>id</fts></decoder>"
    )
    rules = BASE + rule(101, "<if_sid>100</if_sid><check_diff/><if_fts/>", 7)
    assert said(detector(rules, decoders), "ports 1", "ports 2", "ports 1", "ports 2", "ports 1") == [
        100, 101, 101, 100, 100,
    ]  # fmt: skip


def test_nothing_is_left_of_a_former_message_when_the_rule_does_not_match_after_all() -> None:
    rules = BASE + rule(101, "<if_sid>100</if_sid><check_diff/><if_fts/>", 7)
    detecting = detector(rules)
    alert = [take(detecting, text).alert for text in ("ports 1", "ports 2")][-1]
    assert alert is not None
    assert (alert.rule, alert.previous) == (100, ())


def test_lines_that_differ_in_their_digits_alone_are_told_apart() -> None:
    detecting = detector(DIFF)
    lines = [f"ports {n}".encode() for n in (22, 22, 80, 80, 22)]
    found = [alert.rule for _ in range(2) for alert in detecting.alerts_of(Chunk("netstat", lines, NOON))]
    assert found == [100, 100, 101, 100, 101, 100, 100, 101, 100, 101]


def test_forgetting_makes_the_next_message_the_first() -> None:
    detecting = detector(DIFF)
    said(detecting, "ports 1")
    detecting.forget()
    assert said(detecting, "ports 2", "ports 3") == [100, 101]


def test_a_reload_keeps_the_last_messages() -> None:
    old = detector(DIFF)
    said(old, "ports 1")
    new = detector(DIFF)
    new.carry_over(old)
    assert said(new, "ports 2") == [101]
    assert new._seen._bytes == room_of("ports 2")


def test_a_bounded_number_of_bytes_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host that was not heard of for longest is forgotten, and that is counted."""
    monkeypatch.setattr("ar.detect.seen.MESSAGES_BYTES_MAX", 2 * room_of("ports 1"))
    detecting = detector(DIFF)
    hosts: Tuple[str, ...] = ("a", "b", "a", "c", "a", "b")
    found = [fired(take(detecting, HEADER.format(host) + f"ports {n}"))[0] for n, host in enumerate(hosts)]
    assert found == [100, 100, 101, 100, 101, 100]
    assert detecting.bounds_hit == {"last_messages": 2}


def test_a_bounded_number_of_hosts_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ar.detect.seen.KEYS_MAX", 1)
    detecting = detector(DIFF)
    found = [fired(take(detecting, HEADER.format(host) + "ports 1"))[0] for host in ("a", "b", "a")]
    assert (found, detecting.bounds_hit) == ([100, 100, 100], {"last_messages": 2})


def test_an_intrusion_detectors_keys_are_told_apart_by_their_values() -> None:
    """Ten events of ten ids are ten first ones: what is alike in the keys is not counted as such."""
    decoders = r"""
<decoder name="snort"><program_name>^snort</program_name><type>ids</type>
  <regex>^[(\d+:\d+:\d+)] \S+ (\S+) -> (\S+)</regex><order>id, srcip, dstip</order><fts>name, id, srcip, dstip</fts>
</decoder>"""
    rules = rule(100, "<category>ids</category><if_fts/>", 8) + rule(101, "<category>ids</category>", 6)
    detecting = detector(rules, decoders)
    texts = [f"Xxx 99 99:99:99 host snort: [1:{n}234:5] x 192.0.2.{n} -> 198.51.100.1" for n in range(1, 9)]
    assert [fired(take(detecting, text))[0] for text in texts] == [100] * 8
