"""Composite rules: every source counts on its own, and fires once for every N + 2 events within the timeframe."""

from __future__ import annotations

from typing import List, Optional

import pytest
from detecting import NOON, SSHD, detector, failure, fired, rule, ruleset, take
from hypothesis import given, settings
from hypothesis import strategies as st

from ar.detect.detector import Detector, Verdict

BASE = rule(100, "<match>failed</match><group>authentication_failed,</group>")


def composite(inside: str = "<same_source_ip/>", **attributes: object) -> str:
    known = {"frequency": 2, "timeframe": 60, **attributes}
    return rule(200, f"<if_matched_sid>100</if_matched_sid>{inside}", 10, **known)


def fail(detecting: Detector, address: str = "192.0.2.1", at_s: float = 0, user: str = "root") -> Optional[int]:
    return fired(take(detecting, failure(address, user), NOON + at_s))[0]


def run(detecting: Detector, count: int, address: str = "192.0.2.1") -> List[Optional[int]]:
    return [fail(detecting, address, at_s) for at_s in range(count)]


@pytest.mark.parametrize(("frequency", "events"), [(None, 2), (0, 2), (1, 3), (2, 4), (6, 8)])
def test_it_fires_on_every_n_plus_second_event(frequency: Optional[int], events: int) -> None:
    attributes = {} if frequency is None else {"frequency": frequency}
    text = rule(200, "<if_matched_sid>100</if_matched_sid><same_source_ip/>", 10, timeframe=60, **attributes)
    found = run(detector(BASE + text), 3 * events)
    assert [at for at, number in enumerate(found, start=1) if number == 200] == [events, 2 * events, 3 * events]


def test_sources_that_interleave_do_not_disturb_each_other() -> None:
    """Two attackers line by line: each fires on its own fourth event."""
    detecting = detector(BASE + composite())
    found = [(address, fail(detecting, address, at_s)) for at_s in range(8) for address in ("192.0.2.1", "192.0.2.2")]
    assert [at for at, (_, number) in enumerate(found) if number == 200] == [6, 7, 14, 15]


def test_foreign_lines_between_do_not_stop_it() -> None:
    detecting = detector(BASE + composite(timeframe=3600))
    found = []
    for at_s in range(4):
        for foreign in range(200):
            fail(detecting, f"198.51.{at_s}.{foreign}", at_s)
        found.append(fail(detecting, "192.0.2.1", at_s))
    assert found == [100, 100, 100, 200]


def test_the_timeframe_holds_its_last_second() -> None:
    for first_s, last_s, expected in ((0, 60, 200), (0, 61, 100), (0.9, 60.1, 200), (0.1, 60.9, 200), (0.9, 61, 100)):
        detecting = detector(BASE + composite())
        for at_s in (first_s, 1, 2):
            fail(detecting, at_s=at_s)
        assert fail(detecting, at_s=last_s) == expected, (first_s, last_s)


def test_without_same_fields_all_sources_count_together() -> None:
    detecting = detector(BASE + composite(""))
    assert [fail(detecting, f"192.0.2.{n}") for n in range(5)] == [100, 100, 100, 200, 100]


@pytest.mark.parametrize(
    ("element", "changes", "fires"),
    [
        ("<same_user/>", "user", False),
        ("<same_user/>", "address", True),
        ("<same_source_ip/><same_user/>", "address", False),
        ("<same_source_ip/><same_user/>", "user", False),
        ("<same_src_port/>", "address", True),
        ("<same_location/>", "address", True),
        ("<same_id/>", "none", False),  # the event has no id
        ("<same_source_ip/><not_same_source_ip/>", "address", True),
    ],
)
def test_same_fields_make_the_source(element: str, changes: str, *, fires: bool) -> None:
    detecting = detector(BASE + composite(element))
    found = []
    for n in range(4):
        address = f"192.0.2.{n if changes == 'address' else 1}"
        found.append(fail(detecting, address, user=f"u{n if changes == 'user' else 1}"))
    assert (found[-1] == 200) is fires


LEFT = """<decoder name="left"><parent>sshd</parent><prematch>^left </prematch>
<regex offset="after_prematch">(\\S+)</regex><order>srcip</order></decoder>"""
WEB = """<decoder name="web"><prematch>^web </prematch>
<regex>^web (\\S+) (\\S+)</regex><order>srcip,url</order></decoder>"""


def test_different_url_counts_only_events_with_another_url() -> None:
    rules = rule(100, "<decoded_as>web</decoded_as>")
    rules += rule(200, "<if_matched_sid>100</if_matched_sid><same_source_ip/><different_url/>", 10, frequency=2)
    detecting = detector(rules, WEB)
    assert [fired(take(detecting, "web 192.0.2.1 /same"))[0] for _ in range(50)] == [100] * 50
    found = [fired(take(detecting, f"web 192.0.2.1 /{n}"))[0] for n in range(4)]
    assert found == [200, 100, 100, 100], "the fifty count as three, for the first other url"
    assert fired(take(detecting, "web 192.0.2.1 /1"))[0] == 100, "two others, and one that is the same"
    assert fired(take(detecting, "web 192.0.2.1 /9"))[0] == 200


def test_different_srcip_counts_many_sources_and_not_one() -> None:
    detecting = detector(BASE + composite("<same_user/><different_srcip/>"))
    assert run(detecting, 10) == [100] * 10
    assert [fail(detecting, f"192.0.2.{n}") for n in (2, 3)] == [200, 100]


def test_an_event_counts_for_its_sid_and_for_its_group() -> None:
    """OSSEC counts it for the group no more once some rule counts its sid."""
    rules = BASE + composite(frequency=6)
    rules += rule(300, "<if_matched_group>authentication_failed</if_matched_group><same_source_ip/>", 10, frequency=2)
    assert run(detector(rules), 8) == [100, 100, 100, 300, 100, 100, 100, 300]


def test_a_group_counts_the_events_of_all_its_rules() -> None:
    rules = rule(100, "<match>alpha</match><group>bad,</group>") + rule(101, "<match>beta</match><group>bad,</group>")
    rules += rule(300, "<if_matched_group>bad</if_matched_group>", 10, frequency=1)
    detecting = detector(rules)
    assert [fired(take(detecting, text))[0] for text in ("alpha", "beta", "alpha", "beta")] == [100, 101, 300, 101]


def test_if_matched_regex_counts_earlier_messages_that_fit() -> None:
    rules = rule(100, "<match>login</match>")
    rules += rule(300, "<if_sid>100</if_sid><match>done</match><if_matched_regex>try \\d</if_matched_regex>", 10)
    detecting = detector(rules)
    texts = ("login other", "login done", "login try 1", "login done", "login done")
    assert [fired(take(detecting, text))[0] for text in texts] == [100, 100, 100, 300, 100]


@pytest.mark.parametrize("attributes", [{}, {"frequency": 0}])
def test_a_rule_that_only_says_what_is_the_same_counts_two_events_of_any_rule(attributes: dict[str, object]) -> None:
    rules = (
        rule(100, "<match>Failed</match>") + rule(101, "<match>left</match>") + rule(102, "<match>nothing</match>", 0)
    )
    rules += rule(200, "<if_sid>100</if_sid><same_source_ip/>", 10, timeframe=60, **attributes)
    detecting = detector(rules, SSHD + LEFT)
    assert [fail(detecting, f"192.0.2.{n}") for n in (1, 2, 1, 1, 2, 3)] == [100, 100, 200, 100, 200, 100]
    detecting.forget()
    assert fired(take(detecting, "Xxx 99 99:99:99 host sshd[7]: left 192.0.2.1")) == (101, True)
    assert [fail(detecting, "192.0.2.1", at_s) for at_s in (1, 2, 63, 63)] == [200, 100, 100, 200]


def test_a_rule_that_only_says_what_is_the_same_counts_events_of_its_decoders_type() -> None:
    rules = '<rule id="2" level="0" noalert="1"><category>web-log</category><description>Web.</description></rule>'
    rules += rule(100, "<match>failed</match>") + rule(101, "<category>web-log</category>")
    rules += rule(200, "<if_sid>100</if_sid><same_source_ip/>", 10)
    web = WEB.replace("<prematch>", "<type>web-log</type><prematch>")
    detecting = detector(rules, SSHD + web)
    assert fired(take(detecting, "web 192.0.2.1 /")) == (101, True)
    assert run(detecting, 2) == [100, 200]


def test_what_the_composite_asks_itself_is_asked_of_the_last_event_only() -> None:
    detecting = detector(BASE + composite("<same_source_ip/><user>^root</user>"))
    assert [fail(detecting, user=user) for user in ("a", "b", "c", "d", "root")] == [100, 100, 100, 100, 200]


def test_level_0_and_ignored_events_are_not_counted() -> None:
    rules = rule(100, "<match>failed</match>", 5, ignore=100) + composite(frequency=1)
    assert run(detector(rules), 6) == [100] * 6
    rules = rule(100, "<match>failed</match>", 0) + composite(frequency=1)
    assert run(detector(rules), 6) == [100] * 6


def test_ignore_silences_a_rule_for_the_same_source_only() -> None:
    """Ten attackers are ten alerts, whatever the first one does; when the time is over it speaks again."""
    detecting = detector(BASE + composite(ignore=30))
    alerts = [fired(take(detecting, failure(f"192.0.2.{n}"), NOON + at_s)) for n in range(10) for at_s in range(4)]
    assert alerts.count((200, True)) == 10
    again = [fired(take(detecting, failure("192.0.2.0"), NOON + 10 + at_s)) for at_s in range(4)]
    assert again[-1] == (200, False)
    later = [fired(take(detecting, failure("192.0.2.0"), NOON + 40 + at_s)) for at_s in range(4)]
    assert later[-1] == (200, True)


def test_ignore_of_a_simple_rule_goes_by_srcip() -> None:
    """And by whole seconds."""
    detecting = detector(rule(100, "<match>failed</match>", 5, ignore=30))
    assert [fired(take(detecting, failure(a), NOON + 0.9)) for a in ("192.0.2.1", "192.0.2.1", "192.0.2.2")] == [
        (100, True),
        (100, False),
        (100, True),
    ]
    assert fired(take(detecting, failure("192.0.2.1"), NOON + 29.9)) == (100, False)
    assert fired(take(detecting, failure("192.0.2.1"), NOON + 30)) == (100, True)


def test_a_composite_alert_carries_the_earlier_lines_newest_first() -> None:
    detecting = detector(BASE + composite(frequency=20))
    verdict: Optional[Verdict] = None
    for n in range(22):
        verdict = take(detecting, failure("192.0.2.1", f"u{n}"))
    assert verdict is not None
    assert verdict.alert is not None
    assert len(verdict.alert.previous) == 11
    assert verdict.alert.previous == tuple(failure("192.0.2.1", f"u{n}") for n in range(20, 9, -1))
    assert verdict.path == (1, 100, 200)


def test_the_source_unheard_of_for_longest_gives_way_when_there_are_too_many() -> None:
    detecting = detector(BASE + composite(), window_keys_max=3)
    for n in (1, 2, 3, 1, 4):
        fail(detecting, f"192.0.2.{n}")
    assert detecting.bounds_hit == {"window_keys": 1}
    assert [fail(detecting, "192.0.2.1") for _ in range(2)] == [100, 200], "it was heard of again in between"
    assert [fail(detecting, "192.0.2.2") for _ in range(3)] == [100, 100, 100], "it was forgotten"


def test_a_source_whose_timeframe_is_over_gives_way_without_a_count() -> None:
    detecting = detector(BASE + composite(), window_keys_max=1)
    fail(detecting, "192.0.2.1", 0)
    fail(detecting, "192.0.2.2", 61)
    assert detecting.bounds_hit == {}


def test_long_lines_are_remembered_only_in_part_and_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ar.detect.windows.TEXT_BYTES_MAX", 3000)
    detecting = detector(BASE + composite(frequency=3))
    verdict = [take(detecting, failure("192.0.2.1") + "x" * 5000) for _ in range(5)][-1]
    assert verdict.alert is not None
    assert [len(line) for line in verdict.alert.previous] == [1256, 1256]
    assert detecting.bounds_hit == {"window_text": 2}
    assert detecting._windows._bytes == 0, "what was freed is counted as free"


def test_forgetting_starts_every_count_over() -> None:
    detecting = detector(BASE + composite())
    run(detecting, 3)
    detecting.forget()
    assert run(detecting, 4) == [100, 100, 100, 200]


def test_a_reload_loses_no_count_and_no_silence() -> None:
    """The counts of rules that still exist go on; those of rules that count otherwise now begin anew."""
    old = detector(BASE + composite(ignore=50))
    run(old, 3)
    same = detector(BASE + composite(ignore=50))
    same.carry_over(old)
    verdict = take(same, failure("192.0.2.1"), NOON + 4)
    assert fired(verdict) == (200, True)
    assert verdict.alert is not None
    assert verdict.alert.id.endswith(".4"), "alert numbers go on as well"
    newer = detector(BASE + composite(ignore=50))
    newer.carry_over(same)
    assert fired([take(newer, failure("192.0.2.1"), NOON + 5) for _ in range(4)][-1]) == (200, False)
    changed = detector(BASE + composite("<same_source_ip/><same_user/>", ignore=50))
    changed.carry_over(old)
    assert run(changed, 3) == [100, 100, 100]


@settings(max_examples=60)
@given(
    events=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=60),
    frequency=st.integers(0, 3),
)
def test_any_mixture_of_sources_fires_as_each_alone_would(events: List[tuple[int, int]], frequency: int) -> None:
    """What a source gets does not depend on the others; it is what a plain count of its own events says."""
    loaded = ruleset(BASE + composite(frequency=frequency, timeframe=20))
    together = detector(loaded=loaded)
    now = 0
    counted: dict[int, List[int]] = {}
    for source, gap_s in events:
        now += gap_s
        mine = [at for at in counted.get(source, []) if now - at <= 20]
        expected = 200 if len(mine) >= frequency + 1 else 100
        counted[source] = [] if expected == 200 else [*mine, now]
        assert fail(together, f"192.0.2.{source}", now) == expected


def test_the_decoders_are_those_of_the_helper() -> None:
    """The tests above mean what they say only if the failure is decoded."""
    event = take(detector(BASE, SSHD), failure("192.0.2.1", "bob")).event
    assert event.fields == {"srcip": "192.0.2.1", "user": "bob", "srcport": "2222"}


def test_a_bound_that_was_lowered_holds_from_the_reload_on():
    old = detector(BASE + composite())
    for number in range(20):
        take(old, failure(f"192.0.2.{number}"))
    new = detector(BASE + composite(), window_keys_max=5)
    new.carry_over(old)
    assert (new._windows._keys, new.bounds_hit) == (5, {"window_keys": 15})
    assert new._windows._bytes == sum(
        earlier.room
        for listener in new._windows._all.values()
        for window in listener.windows.values()
        for earlier in window
    )
