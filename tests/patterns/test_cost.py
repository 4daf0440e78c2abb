"""How long a text a backtracking search can be given: by the loops of a pattern that can share a stretch of text."""

from __future__ import annotations

from math import log2
from typing import Dict

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ar.osregex import PatternError
from ar.patterns.automaton import START, Automaton
from ar.patterns.charset import ALL
from ar.patterns.components import components
from ar.patterns.cost import CHARS_MAX, WAYS_MAX, _Ways, chars_bearable
from ar.patterns.nothing import may_be_nothing_in_many_ways
from ar.patterns.pattern import compile_tokens
from ar.patterns.tree import Node, tree_of
from ar.pcre2 import tokenize_pcre2


def tree(pattern: str) -> Node:
    found = tree_of(tokenize_pcre2(pattern))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "Failed password",
        r"^\S+ for (\S+) from (\S+) port (\d+)$",
        r"^.*x",
        r"from \d+\.\d+\.\d+",
        r"(?:foo|bar|foobar)",
        r"^(?:\d+\.)+x",
        r"^(?:[^\"\\]|\\.)*\"",
        r"^(?:(?:ab)*c)*d",
        r"^a?b?c?",
        r"^(?=.*a)(?!.*b)x",
        r"^(?:ab+|cd)+x|^y",
        r"(?:^|^a)\S+ x",
        r"^x{500}y",
    ],
)
def test_most_patterns_may_be_given_any_text(pattern):
    assert chars_bearable(tree(pattern)) == CHARS_MAX


@pytest.mark.parametrize(
    ("pattern", "power"),
    [
        (r"\S+ foo", 2),  # each start and each end of the run
        (r"^(\S+).*x", 2),
        (r"^.*a.*b", 2),
        (r"a.*b", 2),
        (r"^\S+:\S+:\S+ x", 3),
        (r".*a.*b", 3),
        (r"^a*a*b*b*c", 3),  # two pairs, each with letters of its own
        (r"(\S+ \S*) .* (\S+) \S*.* (\d{3}) \S+ \S+ \S+", 4),
        (r"^(?=.*a.*b)x", 2),
        (r"(\d+)\1", 3),  # nobody knows how much the second takes
        (r"^(?:ab)*(?:abab)*c", 2),
        (r"(?:^|x)\S+ x", 2),
    ],
)
def test_the_more_loops_share_a_stretch_the_shorter_the_text_must_be(pattern, power):
    """With `n` to the power of what can be tried; the faculty of it is what the loops' order saves."""
    ways = log2(chars_bearable(tree(pattern))) * power
    assert log2(WAYS_MAX) - 3 < ways < log2(WAYS_MAX) + log2(120)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+b", "(?:a|a)*b", "(?:a?b?c?)*d", r"(?:\d+\.?)*x", "(a*)*", "(?:ab|a|b)*c", "(?:(?:a{60}){60}){60}"],
)
def test_no_text_is_short_enough_where_a_loop_reads_it_in_two_ways(pattern):
    assert chars_bearable(tree(pattern)) == 0


def test_parts_that_may_be_there_or_not_multiply():
    """Twenty of them can be taken in a million ways by twenty letters."""
    assert chars_bearable(tree("^" + "a?" * 20 + "b")) < 40
    assert chars_bearable(tree("^" + "(?:ab|a)" * 4 + "c")) == CHARS_MAX


def test_what_gives_nothing_back_leaves_nothing_to_share():
    assert chars_bearable(tree(r"^(?:[^x]++|x)*+y")) == CHARS_MAX
    assert chars_bearable(tree(r"^\S++\S+x")) == CHARS_MAX


def ways_on(automaton: Automaton, text: str) -> int:
    """Count in how many ways the text can begin to match: one character after the other, state by state."""
    counts: Dict[int, int] = {START: 1}
    total = 1
    for char in text:
        bit = 1 << ord(char)
        following: Dict[int, int] = {}
        for state, count in counts.items():
            for target, ways in automaton.following[state].items():
                if automaton.members[target] & bit:
                    following[target] = following.get(target, 0) + count * ways
        counts = following
        total += sum(counts.values())
    return total


PARTS = [
    "a", "b", "ab", ".", r"\w", "[ab]", "[^a]", "|", "(?:", "(?:", ")", ")", "+", "*", "{2}", "{2,}", "^", "a+", "b*",
    ".*", r"\w+", "[ab]*", "(?=", "1",
]  # fmt: skip


@settings(max_examples=400)
@example(["^", "a*", "a*", "b*", "b*", "c"], "ab", 2)
@example([".*", "a", ".*", "a", ".*"], "a", 1)
@given(
    parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=9),
    pump=st.text("ab1", min_size=1, max_size=4),
    period=st.integers(1, 4),
)
def test_ways_are_counted_too_high_rather_than_too_low(parts, pump, period):
    """Held against the ways that texts made of a few letters over and over really have."""
    pattern = "".join(parts)
    tokens = tokenize_pcre2(pattern + ")" * (pattern.count("(") - pattern.count(")")))
    try:
        compile_tokens(tokens)
    except PatternError:
        assume(False)  # noqa: FBT003 (assume's only argument)
    root = tree_of(tokens)
    assert root is not None
    automaton = Automaton()
    automaton.build(root)
    counting = _Ways(automaton)
    assume(counting.chars_bearable() > 0)
    for length in (40, 80):
        text = "".join(letter * (length // len(pump)) for letter in pump) if period == 1 else (pump * length)[:length]
        counted = counting.ways(length, counting._shared(), counting._entries())
        assert log2(ways_on(automaton, text)) <= counted + 6, pattern


def test_components_come_in_their_order():
    graph = {1: [2], 2: [3], 3: [2, 4], 4: [5, 6], 5: [], 6: [4], 7: [1]}
    assert [sorted(component) for component in components(graph, [1])] == [[1], [2, 3], [4, 6], [5]]


def test_a_character_beyond_ascii_is_one_of_the_others():
    automaton = Automaton()
    automaton.build(tree("[^a]"))
    assert automaton.members[-1] == ALL & ~(1 << ord("a")) & ~(1 << ord("A"))


@pytest.mark.parametrize(
    "pattern",
    ["((?:b|.{0,60}|.{0,60})|(b){1,3}){30}!", "(a*|b*){30}!", "(?:a?|b?){40}c", "(?:(?:a*|b*)(?:c*|d*)){20}!",
     "(?:a*|b*)" * 20 + "!", "((a|)|(b|)){12}x"],
)  # fmt: skip
def test_what_can_be_nothing_in_many_ways_is_borne_at_no_length(pattern):
    """Whatever the text is, even an empty one, a search that fails tries all of these ways."""
    assert chars_bearable(tree(pattern)) == 0


@pytest.mark.parametrize("pattern", ["a?" * 30 + "b", "(?:a?){20}b", "(?:a*|b*)c", "(?:(?:a*|b*)c){20}", "(?:^|$|a)x"])
def test_what_can_be_nothing_in_few_ways_is_not_counted_for_it(pattern):
    assert not may_be_nothing_in_many_ways(tree(pattern))
