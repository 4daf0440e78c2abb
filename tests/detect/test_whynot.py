"""What came near: which rules, in which order, and what each lacked."""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, List, Optional, Tuple

import pytest
from detecting import NOON, SSHD, detector, failure, rule, ruleset, take
from hypothesis import given, settings
from hypothesis import strategies as st

from ar.cli.whynot import why
from ar.detect.detector import Detector, Verdict
from ar.detect.ruleset import Ruleset
from ar.detect.whynot import NEAR_MAX, Lack, Miss, WhyNot, untaken
from ar.ruleset.golden import shipped_ruleset

FAILED = "<match>Failed password</match>"
COUNTS = "<if_matched_sid>100</if_matched_sid><same_source_ip />"


class Bench:
    """A ruleset and a detector of it, with the last verdict to ask about."""

    def __init__(self, rules: str, decoders: str = SSHD) -> None:
        self.loaded: Ruleset = ruleset(rules, decoders)
        self.detector: Detector = detector(loaded=self.loaded)

    def take(self, text: str, now_s: float = NOON) -> WhyNot:
        verdict: Verdict = take(self.detector, text, now_s)
        return WhyNot(self.loaded.rules, verdict, self.detector.counted)

    def near(self, text: str, now_s: float = NOON) -> Dict[int, List[Tuple[str, str, Optional[str]]]]:
        """Return what the near misses lack, by rule, in their order."""
        near = self.take(text, now_s).near()
        return {miss.rule.id: [(lack.element, lack.asks, lack.has) for lack in miss.lacks] for miss in near}

    def of(self, number: int, text: str) -> Optional[Tuple[int, List[str]]]:
        miss = self.take(text).of(self.loaded.rules.by_id[number])
        return None if miss is None else (miss.rule.id, [lack.element for lack in miss.lacks])


def test_a_composite_tells_which_event_this_one_is():
    """`frequency` 2 takes four events; those of another source, and those too old, are not among them."""
    bench = Bench(rule(100, FAILED) + rule(101, COUNTS, level=10, frequency=2, timeframe=60))
    told = []
    for at, address in ((0, "192.0.2.1"), (50, "192.0.2.1"), (51, "192.0.2.2"), (70, "192.0.2.1"), (71, "192.0.2.1")):
        near = bench.near(failure(address), NOON + at)
        told.append(near[101])
    assert told == [[("frequency", "4", number)] for number in ("1", "2", "1", "2", "3")]
    assert 101 not in bench.near(failure("192.0.2.1"), NOON + 72)  # now it is the line's rule


def test_an_event_that_a_composite_does_not_remember_is_still_the_next_one():
    """Rule 102 takes the event away from 100, and with it from 101, which would yet have been completed by it."""
    child = rule(102, "<if_sid>100</if_sid><match>for bob</match>", level=1)
    bench = Bench(rule(100, FAILED) + rule(101, COUNTS, level=10, frequency=2) + child)
    assert bench.near(failure("192.0.2.1", "bob"))[101] == [("frequency", "4", "1")]
    assert bench.near(failure("192.0.2.1", "bob"))[101] == [("frequency", "4", "1")]
    assert bench.near(failure("192.0.2.1", "eve"))[101] == [("frequency", "4", "1")]
    assert bench.near(failure("192.0.2.1", "bob"))[101] == [("frequency", "4", "2")]


def test_an_event_is_never_counted_among_those_that_differ_from_it():
    counts = "<if_matched_sid>100</if_matched_sid><different_user /><same_source_ip />"
    bench = Bench(rule(100, FAILED) + rule(101, counts, level=10, frequency=2))
    told = [bench.near(failure("192.0.2.1", user))[101] for user in ("eve", "bob", "bob")]
    assert told == [[("frequency", "4", number)] for number in ("1", "2", "2")]


def test_the_size_of_a_message_is_told_in_bytes_without_its_header():
    bench = Bench(rule(101, "<match>Failed</match>", maxsize=400))
    (miss,) = [bench.take("Xxx 99 99:99:99 host sshd[7]: Failed \u00e9").of(bench.loaded.rules.by_id[101])]
    assert miss is not None
    assert [(lack.element, lack.has) for lack in miss.lacks] == [("maxsize", "9")]
    assert why(Miss(miss.rule, (Lack("maxsize", "400", "9"),), None, 0.0)) == (
        "<maxsize> asks for a message of 400 bytes or more; this one has 9"
    )


def test_asking_changes_nothing():
    bench = Bench(rule(100, FAILED) + rule(101, COUNTS, level=10, frequency=2))
    for _ in range(2):
        missed = bench.take(failure("192.0.2.1"))
        assert [miss.lacks for miss in missed.near()] == [miss.lacks for miss in missed.near()]
        bench.detector.forget()


def test_a_composite_says_which_field_it_compares_in_vain():
    bench = Bench(rule(100, FAILED) + rule(101, COUNTS, level=10, frequency=2))
    assert bench.near("Xxx 99 99:99:99 host sshd[7]: Failed password of nobody")[101] == [("same", "srcip", None)]


CHILDREN = {
    "<user>^admin$</user>": ("user", "^admin$", "root"),
    "<srcip>10.0.0.0/8</srcip>": ("srcip", "10.0.0.0/8", "192.0.2.1"),
    "<srcip>!192.0.2.0/24</srcip><srcip>!10.0.0.0/8</srcip>": ("srcip", "!192.0.2.0/24, !10.0.0.0/8", "192.0.2.1"),
    "<url>/admin</url>": ("url", "/admin", None),
    "<hostname>other</hostname>": ("hostname", "other", "host"),
    "<match>Failed password for admin</match>": ("match", "Failed password for admin", None),
    "<regex>password for admin from \\d+</regex>": ("regex", "password for admin from \\d+", None),
    '<field name="tries">3</field>': ("field", "tries=3", None),
    "<if_fts />": ("if_fts", "", None),
}


@pytest.mark.parametrize("inside", CHILDREN)
def test_a_rule_below_the_lines_own_tells_the_one_thing_that_it_lacks(inside):
    bench = Bench(rule(100, FAILED) + rule(101, f"<if_sid>100</if_sid>{inside}"))
    assert bench.near(failure("192.0.2.1"))[101] == [CHILDREN[inside]]


def test_times_are_told_as_the_rule_writes_them():
    bench = Bench(rule(100, FAILED) + rule(101, "<if_sid>100</if_sid><time>3:00 - 3:01</time>"))
    ((element, asks, has),) = bench.near(failure("192.0.2.1"))[101]
    assert (element, asks) == ("time", "3:00 - 3:01")
    assert has is not None
    assert len(has) == len("03:00")


def test_a_rule_for_the_programs_decoder_is_near_when_another_decoder_took_the_line():
    greedy = '<decoder name="pam"><prematch>^pam_unix</prematch><program_name>^sshd</program_name></decoder>'
    bench = Bench(rule(100, "<decoded_as>sshd</decoded_as>"), greedy + SSHD)
    near = bench.near("Xxx 99 99:99:99 host sshd[7]: pam_unix(sshd:auth): check pass")
    assert near == {100: [("decoded_as", "sshd", "pam")]}


def test_a_rule_that_fits_too_names_the_one_tried_before_it():
    bench = Bench(rule(100, FAILED, level=7) + rule(101, "<match>password</match>", level=3))
    (miss,) = bench.take(failure("192.0.2.1")).near()
    assert (miss.rule.id, miss.lacks, miss.instead and miss.instead.id) == (101, (), 100)


def test_of_several_alternatives_the_nearest_is_told():
    bench = Bench(rule(101, "<match>connection closed|failed password for admin|session opened</match>"))
    (miss,) = bench.take(failure("192.0.2.1")).near()
    assert [lack.nearest for lack in miss.lacks] == ["failed password for admin"]


def test_what_has_nothing_to_do_with_the_line_is_not_near():
    bench = Bench(rule(100, "<match>session opened</match>") + rule(101, "<decoded_as>pam</decoded_as>" + FAILED))
    assert bench.near("Xxx 99 99:99:99 host cron[7]: (root) CMD (true)") == {}


def test_only_a_few_are_told_and_the_fullest_count_first():
    rules = rule(100, FAILED) + "".join(
        rule(number, COUNTS, level=10, frequency=number - 100) for number in range(101, 110)
    )
    bench = Bench(rules)
    bench.near(failure("192.0.2.1"))
    near = bench.near(failure("192.0.2.1"))
    assert list(near) == [101, 102, 103, 104, 105]
    assert len(near) == NEAR_MAX


def test_of_a_rule_asked_about_the_first_obstacle_on_its_path_is_told():
    rules = (
        rule(100, FAILED)
        + rule(101, "<match>session</match>")
        + rule(102, "<if_sid>101</if_sid><match>opened</match>")
        + rule(103, "<category>web-log</category><match>GET</match>")
        + rule(104, "<if_sid>100</if_sid><match>for root</match>")
    )
    bench = Bench(rules)
    line = failure("192.0.2.1")
    assert bench.of(102, line) == (101, ["match"])
    assert bench.of(103, line) == (103, ["category"])
    assert bench.of(100, line) is None  # it is on the line's path
    assert bench.of(104, line) is None  # and this is the line's rule


def test_a_rule_that_only_leads_on_is_passed_through_to_what_is_below_it():
    rules = rule(100, FAILED, noalert=1) + rule(101, "<if_sid>100</if_sid><match>password for admin</match>")
    assert list(Bench(rules).near(failure("192.0.2.1"))) == [101]


@pytest.mark.parametrize(("program", "names"), [("sshd[7]:", ["sshd"]), ("cron[7]:", []), ("", ["plain"])])
def test_untaken_tells_the_decoders_that_the_program_led_to(program, names):
    strict = SSHD.replace("</program_name></decoder>", "</program_name><prematch>^Nothing</prematch></decoder>")
    bench = Bench(rule(100, FAILED), strict + '<decoder name="plain"><prematch>^plain</prematch></decoder>')
    verdict = take(bench.detector, f"Xxx 99 99:99:99 host {program} Failed")
    found = untaken(bench.loaded.decoders, verdict.event)
    assert verdict.event.decoder == ""
    assert [one.name for one in found.tried] == names
    assert all(one.prematch_shown in ("^Nothing", "^plain") for one in found.tried)


HEADERS = st.sampled_from(
    ["", "Nov 21 06:23:59 pi sshd[99]: ", "Nov 21 06:23:59 pi kernel: ", '192.0.2.1 - - [x] "GET ']
)
MESSAGES = st.text() | st.sampled_from(["Failed password for root from 192.0.2.1", "|^$(\\", "\u0130" * 300])


@settings(deadline=None)  # the first one loads the shipped ruleset
@given(HEADERS, MESSAGES)
def test_any_line_may_be_asked_about(header, message):
    loaded = _shipped()
    detecting = detector(loaded=loaded)
    missed = WhyNot(loaded.rules, take(detecting, header + message), detecting.counted)
    near = missed.near()
    assert len(near) <= NEAR_MAX
    assert [miss.nearness for miss in near] == sorted((miss.nearness for miss in near), reverse=True)
    for number in (5720, 31151):
        missed.of(loaded.rules.by_id[number])


@lru_cache(maxsize=1)
def _shipped() -> Ruleset:
    return shipped_ruleset()
