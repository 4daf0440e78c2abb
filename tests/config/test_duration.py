"""Lengths of time: OSSEC's units for bare numbers, and suffixes as an extension."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.config.duration import DURATION_MAX_S, parse_duration, speak_duration, write_duration


@pytest.mark.parametrize(
    ("text", "bare_unit_s", "seconds"),
    [
        ("600", 1, 600), ("30", 60, 1800), ("0", 1, 0), ("10m", 1, 600), ("10 m", 1, 600), ("45s", 60, 45),
        ("2h", 60, 7200), ("7d", 1, 604800), (" 5 ", 1, 5), ("36500d", 1, DURATION_MAX_S),
    ],
)  # fmt: skip
def test_a_bare_number_has_the_given_unit_and_a_suffix_wins(text, bare_unit_s, seconds):
    assert parse_duration(text, bare_unit_s) == seconds


@pytest.mark.parametrize("text", ["", "-1", "+5", "1.5", "ten", "10x", "10M", "1h30m", "m", "36501d", "9" * 5000, "٣"])
def test_anything_else_is_no_duration(text):
    assert parse_duration(text, 1) is None


@given(st.integers(0, DURATION_MAX_S), st.sampled_from([1, 60]))
def test_what_is_written_is_read_back(seconds, bare_unit_s):
    assert parse_duration(write_duration(seconds), bare_unit_s) == seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "for good"), (45, "45 s"), (600, "10 min"), (7200, "2 h"), (5400, "90 min"), (86400, "1 d")],
)
def test_people_read_words(seconds, words):
    assert speak_duration(seconds) == words
