"""Lengths of time: OSSEC's units for bare numbers, and suffixes as an extension."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.duration import DURATION_MAX_S, parse_duration, speak, write_duration


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
    [
        (None, "for good"), (0, "0 s"), (0.4, "0 s"), (-3.2, "0 s"), (8.7, "9 s"), (45, "45 s"),
        (600, "10 min"), (1799, "29 min 59 s"),
        (5400, "1 h 30 min"), (7200, "2 h"), (7205, "2 h"), (86400, "1 d"), (86460, "1 d"), (273_600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_people_read_at_most_two_neighbouring_units(seconds, words):
    assert speak(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(7205, "2 h 5 s"), (86460, "1 d 1 min"), (90_061, "1 d 1 h 1 min 1 s"), (60, "1 min")]
)
def test_four_units_leave_nothing_out(seconds, words):
    assert speak(seconds, units=4) == words


@given(st.integers(1, DURATION_MAX_S))
def test_what_is_spoken_with_four_units_adds_up(seconds):
    numbers_and_units = speak(seconds, units=4).replace("min", "m").split()
    parts = zip(numbers_and_units[::2], numbers_and_units[1::2])
    assert sum(parse_duration(number + unit, 1) for number, unit in parts) == seconds
