"""How the verbs write for people: tables and lines, on a terminal of any width and where there is none."""

from __future__ import annotations

import sys

import pytest

from ar.cli.words import hung, moment, table, terminal_width

HEAD = ("SUBJECT", "COMMAND", "LEFT", "")
ROWS = [
    ("192.0.2.7", "firewall-drop", "9 min 59 s", ""),
    ("2001:db8::7", "null", "for good", "2 tries failed, the last: no"),
]
ALIGNED = [
    "SUBJECT      COMMAND        LEFT",
    "192.0.2.7    firewall-drop  9 min 59 s",
    "2001:db8::7  null           for good    2 tries failed, the last: no",
]
WIDTH = len(ALIGNED[2])
BLOCKS = [
    "SUBJECT  192.0.2.7",
    "COMMAND  firewall-drop",
    "LEFT     9 min 59 s",
    "",
    "SUBJECT  2001:db8::7",
    "COMMAND  null",
    "LEFT     for good",
]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(WIDTH - 1))


def test_a_table_that_fits_has_aligned_columns():
    assert table(HEAD, ROWS, WIDTH).split("\n") == ALIGNED


def test_a_table_that_does_not_fit_has_a_block_for_each_row_and_nothing_is_shortened():
    assert table(HEAD, ROWS, WIDTH - 1).split("\n") == [*BLOCKS, "         2 tries failed, the last: no"]


def test_in_a_block_a_long_value_is_wrapped_under_itself():
    assert table(HEAD, ROWS, 30).split("\n") == [*BLOCKS, "         2 tries failed, the", "         last: no"]


def test_where_there_is_no_terminal_a_table_may_have_any_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert terminal_width() is None
    assert table(HEAD, ROWS).split("\n") == ALIGNED


def test_on_a_terminal_a_table_looks_at_its_width(terminal):
    assert terminal_width() == WIDTH - 1
    assert table(HEAD, ROWS).split("\n")[: len(BLOCKS)] == BLOCKS


def test_nothing_in_a_cell_can_do_anything_to_a_terminal():
    assert table(("A",), [("\x1b[2J",)], 80) == "A\n\\x1b[2J"
    assert table(("A",), [("\x1b[2J",)], 1) == "A\n   \\x1b[2J"


def test_a_line_is_wrapped_at_spaces_only_and_its_rest_indented():
    assert hung("  response   drop on rule-5716, for 10 min", 13, 30) == (
        "  response   drop on\n             rule-5716, for 10\n             min"
    )
    assert hung("a " + "x" * 40, 2, 20) == "a\n  " + "x" * 40


@pytest.mark.parametrize("width", [None, 42, 100])
def test_a_line_that_fits_stays_as_it_is(width):
    text = "  response   drop on rule-5716, for 10 min"
    assert hung(text, 13, width) == text


def test_a_time_that_the_calendar_of_this_machine_cannot_hold_is_written_in_seconds():
    assert moment(1e300) == "@1e+300"
    assert moment(None) == "-"
