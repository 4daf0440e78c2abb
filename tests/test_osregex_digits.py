"""Blindness to digits: what a pattern finds in a text and in the text's shape, in which all digits are `0`.

And whether it counts digits: what it finds where each run of digits is made one `0`.
"""

from __future__ import annotations

import json
import re
from typing import List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patternfiles import OSSEC, WITHOUT_OSSEC, stock

from ar.osregex import Expression, PatternError, match_expression, pcre2_expression, regex_expression
from ar.patterns.digits import collapsed
from ar.patterns.literals import lower

ATOMIC = pytest.mark.skipif(not hasattr(re, "NOFLAG"), reason="Python before 3.11 has no atomic groups")
BLIND = [
    (regex_expression, r"from (\S+) port (\d+)", True),
    (regex_expression, r"ssh2", False),
    (regex_expression, r"\p\w\W\D\.\t", True),
    (match_expression, "^Failed |password$", True),
    (match_expression, "a|ssh2", False),
    (match_expression, "", True),
    (pcre2_expression, r"a[0-9]{2,3}\d?", True),
    (pcre2_expression, r"a{12}", True),  # the number of a quantifier is no text
    (pcre2_expression, r"[1-9]", False),
    (pcre2_expression, r"[^0]", False),
    (pcre2_expression, r"[^\d]", True),
    (pcre2_expression, r"\x35", False),
    (pcre2_expression, r"(a|b)\1", False),
    (pcre2_expression, r"(?#7)\bx\R(?i:y)", True),
    (pcre2_expression, r"(?!5)a", False),
]


@pytest.mark.parametrize(("compiler", "pattern", "blind"), BLIND)
def test_a_pattern_is_blind_when_it_cannot_tell_digits_apart(compiler, pattern, *, blind):
    assert compiler(pattern).blind is blind
    assert (compiler(pattern).relaxed().blind if blind else True) is True


COUNTS = [
    (regex_expression, r"from (\S+) port (\d+)", False),
    (regex_expression, r"\d\d\d\d-\d\d", True),
    (regex_expression, r"(\w+)\d+", True),  # the word takes digits as well
    (regex_expression, r"ssh2", True),
    (match_expression, "failed|denied", False),
    (match_expression, "ssh2", True),
    (pcre2_expression, r"^(?:invalid user )?(.*) from ([^ ]+) port (\d+)(?: ssh\d+)?$", False),
    (pcre2_expression, r"ssh\d$", True),
    (pcre2_expression, r"(\d+?)a?", True),  # takes one digit of many
    (pcre2_expression, r"(\d+?)a", False),
    (pcre2_expression, r"(?:\d+,)*\d+", False),
    (pcre2_expression, r"(?:\d+)+", True),
    (pcre2_expression, r"\d{1,3}\.", True),
    (pcre2_expression, r"^(?=[ -~]{1,700}$)(?!.* rhost=.* rhost=)x", False),  # so long is no text with a shape
    (pcre2_expression, r"\d+(?!x)", True),  # gives back a digit
    (pcre2_expression, r"(?=\d+$)", True),  # looks ahead from within a run as well
    (pcre2_expression, r"\d\B", True),
]


@pytest.mark.parametrize(("compiler", "pattern", "counts"), COUNTS)
def test_a_pattern_counts_digits_unless_it_takes_runs_whole(compiler, pattern, *, counts):
    assert compiler(pattern).counts_digits is counts


@pytest.mark.parametrize(
    ("compiler", "pattern", "matched", "unmatched"),
    [
        (match_expression, "a12|b2$", "a0", "a"),
        (regex_expression, r"^\d\d\d\d-\d\d-x", "0-0-x", "0-x"),
        (pcre2_expression, r"^\d{4}:\d{2,}:", "0:0:", "0:"),
        (pcre2_expression, r"(?!\d\d\d)\d5x(?<!\d\d)", "0x", "0"),
    ],
)
def test_a_loosened_pattern_is_one_for_skeletons(compiler, pattern, matched, unmatched):
    tester = compiler(pattern).loosened().tester()
    assert tester(matched, matched)
    assert not tester(unmatched, unmatched)


RELAXED = [
    (regex_expression, r"ssh2 (\d)", "ssh0 0", "ssh ("),
    (match_expression, "^a1|b2$", "xb0", "xa0"),
    (pcre2_expression, r"^[1-9]x", "0x", "x"),
    (pcre2_expression, r"^[^0]$", "0", "00"),
    (pcre2_expression, r"^[-1]+$", "-0", "."),
    (pcre2_expression, r"^(?>[1-3]*)0", "0000", "x0"),
    (pcre2_expression, r"^[1-3]*+0", "0000", "x0"),
]


@pytest.mark.parametrize(("compiler", "pattern", "matched", "unmatched"), RELAXED)
def test_a_relaxed_pattern_is_one_for_shapes(compiler, pattern, matched, unmatched):
    if (">" in pattern or "*+" in pattern) and not hasattr(re, "NOFLAG"):
        pytest.skip("this Python has no atomic groups")
    tester = compiler(pattern).relaxed().tester()
    assert tester(matched, matched.lower())
    assert not tester(unmatched, unmatched.lower())


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?!5)a", r"(?<![1-3])a", r"(?!(?:a|5))b"])
def test_what_cannot_be_relaxed_is_not(pattern):
    """A back reference compares digits, and what is wider inside a negation is narrower outside."""
    assert pcre2_expression(pattern).relaxed() is None


@pytest.mark.parametrize(
    "pattern", [r"v(?:(?:1[0-9])+2)+", r"(?:(?:ab)*1*0)+", r"^((?:[0-4]7(1+?b7*?)+?0)*?)", r"(?:[1-4]+[5-9])*(x)\1"]
)
def test_what_would_take_for_ever_when_relaxed_is_not(pattern):
    """The digits kept apart what repeats inside of what repeats."""
    assert pcre2_expression(pattern).relaxed() is None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"v(?:(?:,*b?)(?:,(?:1b7+)+))+x", "q" * 120 + "v,1b7x"),
        (r"v(?:(?:\.?(?:0+\.,+))*2*a)+$", "q" * 400 + "v2a"),
    ],
)
def test_what_searches_less_of_a_text_when_relaxed_is_not(pattern, text):
    expression = pcre2_expression(pattern)
    assert expression.tester()(text, text)
    assert expression.relaxed() is None


@ATOMIC
def test_what_searches_as_much_of_a_text_when_relaxed_is_relaxed():
    expression = pcre2_expression(r"(?>[^:]+) .*[1-3]x")
    relaxed = expression.relaxed()
    assert expression.pattern.chars_max is not None
    assert relaxed is not None
    assert relaxed.pattern.chars_max is None


def spans(expression: Expression, text: str) -> Optional[Tuple[Tuple[int, int], ...]]:
    if expression.pattern is None:
        return ((0, 0),) if expression.tester()(text, lower(text)) else None
    match = expression.pattern.search(text)
    return match and tuple(match.span(number) for number in range(expression.pattern.groups + 1))


def shape(text: str) -> str:
    return "".join("0" if char in "0123456789" else char for char in text)


def check(expression: Expression, text: str) -> None:
    """Hold what blindness and relaxing promise against one text."""
    found = spans(expression, text)
    if expression.blind:
        assert spans(expression, shape(text)) == found
    relaxed = expression.relaxed()
    if found is not None and relaxed is not None:
        assert relaxed.tester()(shape(text), lower(shape(text)))
        assert spans(relaxed, shape(text)) is not None
    short = collapsed(text)
    if not expression.counts_digits:
        assert spans(expression, short) == (found and tuple(moved(span, text) for span in found))
    loosened = expression.loosened()
    if found is not None and loosened is not None:
        assert loosened.tester()(short, lower(short))


def moved(span: Tuple[int, int], text: str) -> Tuple[int, int]:
    """Return where the span is when each run of digits is made one `0`; it begins and ends at an edge of a run."""
    for place in span:
        assert not (0 < place < len(text) and shape(text[place - 1 : place + 1]) == "00")
    first, end = (len(collapsed(text[:place])) if place >= 0 else -1 for place in span)
    return first, end


OS_PARTS = ["a", "1", "20", " ", r"\d", r"\d+", r"\w+", r"\S*", r"\D", r"\.+", "|", "^", "$", "(", ")", r"\p"]
PCRE2_PARTS = [
    "a", "1", "20", " ", "[0-4]", "[^5]", "[^02]", "[-7a]", r"\d", r"\w", ".", "|", "^", "$", "(", "(?:", ")", "(?!",
    "(?=", "(?<=", "(?<!", r"\b", "+", "*", "?", "{2}", "{1,2}", "+?", "*?", r"\1", r"\R", r"\x39", "(?i:",
]  # fmt: skip
if hasattr(re, "NOFLAG"):  # Python 3.11 and later know these
    PCRE2_PARTS += ["(?>", "*+", "++", "?+"]
TEXTS = st.text("a0123579 -.", max_size=12)


@given(pattern=st.lists(st.sampled_from(OS_PARTS), max_size=8).map("".join), text=TEXTS)
def test_os_patterns_keep_what_blindness_and_relaxing_promise(pattern, text):
    check(match_expression(pattern), text)
    try:
        expression = regex_expression(pattern)
    except PatternError:
        return
    check(expression, text)


@given(pattern=st.lists(st.sampled_from(PCRE2_PARTS), max_size=8).map("".join), text=TEXTS)
def test_pcre2_patterns_keep_what_blindness_and_relaxing_promise(pattern, text):
    try:
        expression = pcre2_expression(pattern)
    except PatternError:
        return
    check(expression, text)


def test_stock_patterns_keep_what_blindness_and_relaxing_promise():
    """On the lines of OSSEC's own rule tests, each with digits that a line might have had instead."""
    expressions = [expression for _, expression in stock()]
    if not expressions:
        pytest.skip(WITHOUT_OSSEC)
    cases = json.loads((OSSEC / "tests/expected.json").read_text(encoding="utf-8"))
    texts: List[str] = sorted({case["actual"]["log"] for case in cases if case["actual"].get("log")})[::3]
    turned = str.maketrans("0123456789", "4920571386")
    assert sum(expression.blind for expression in expressions) > len(expressions) / 2
    for expression in expressions:
        for text in texts:
            check(expression, text)
            check(expression, text.translate(turned))
