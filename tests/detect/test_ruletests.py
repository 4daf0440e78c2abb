"""Rule tests in the format of OSSEC's own: what is read, what is refused with its line, and when a test holds."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from ar.detect.ruletests import Outcome, RuleTest, read_tests
from ar.errors import Place

GOOD = """\
; a comment
# and another

[First: 100% of it]\x20
log 1 pass = Nov 11 22:46:29 h su[1]: a=b ; c: 100%d
Log 1 Pass: the same key again
log 2 fail  =   other
rule = 5501
alert = 3
decoder = pam

[Second]
decoder = ; none
log 1 pass=x
alert=0 ; quiet
rule=1
"""
END = "rule = 1\nalert = 2\ndecoder = sshd\n"


def refused(text: str) -> List[str]:
    found = read_tests(text, "my.ini")
    return [str(mistake) for mistake in found.mistakes]


def test_sections_logs_and_what_they_should_get_are_read():
    found = read_tests(GOOD, "my.ini")
    assert (found.mistakes, found.warnings) == ([], [])
    first, second = Outcome(5501, 3, "pam"), Outcome(1, 0, "")
    told = [(test.place, test.section, test.name, test.log, test.passes, test.expected) for test in found.tests]
    assert told == [
        (Place("my.ini", 5), "First: 100% of it", "log 1 pass", "Nov 11 22:46:29 h su[1]: a=b ; c: 100%d", True, first),
        (Place("my.ini", 6), "First: 100% of it", "log 1 pass", "the same key again", True, first),
        (Place("my.ini", 7), "First: 100% of it", "log 2 fail", "other", False, first),
        (Place("my.ini", 14), "Second", "log 1 pass", "x", True, second),
    ]


MISTAKES: Tuple[Tuple[str, str], ...] = (
    ("", "my.ini: no test in it: expected [a section], log 1 pass"),
    ("rule = 1\n", "my.ini:1: 'rule = 1' before the first section: expected [a section]"),
    ("[a]\nlog 1 pass = x\n", "my.ini:1: the section [a] has no rule and no alert and no decoder: expected rule = …, "),
    (f"[a]\nlog 1 pas = x\n{END}", "my.ini:2: 'log 1 pas': expected 'log 1 pass' or 'log 1 fail'"),
    (f"[a]\nlog 1 pass =\n{END}", "my.ini:2: 'log 1 pass' is empty: expected a log line"),
    (f"[a]\nlog 1 pass = x\n  y = z\n{END}", "my.ini:3: 'y = z' is indented: expected each line to start at its"),
    (f"[a]\nlog 1 pass = x\nnonsense\n{END}", "my.ini:3: 'nonsense': expected [a section], log 1 pass"),
    (f"[a]\nlog 1 pass = x\n{END}rule = 2\n", "my.ini:6: 'rule' for the second time: expected it once in a section"),
    ("[a]\nlog 1 pass = x\nrule = 5x\nalert = 2\ndecoder = d\n", "my.ini:3: 'rule' is '5x': expected a number from 0"),
    ("[a]\nlog 1 pass = x\nrule = 5\nalert = 17\ndecoder = d\n", "my.ini:4: 'alert' is '17': expected a number from 0"),
)


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_each_mistake_is_told_with_its_line_and_what_was_expected(text, message):
    (told,) = refused(text)
    assert told.startswith(message)


def test_all_mistakes_of_a_file_are_told():
    assert len(refused("[a]\nnonsense\nlog 1 pass =\nrule = x\nalert = y\ndecoder = z\n")) == 4


WARNINGS = (
    (f"[a]\nlog 1 pass = x\nrul = 3\n{END}", "my.ini:3: 'rul' is passed over: expected 'rule'"),
    (f"[a]\n{END}[b]\nlog 1 pass = x\n{END}", "my.ini:1: the section [a] has no log: expected log 1 pass = …"),
    ("[a]\nlog 1 fail = x\nrule = 1\nalert = 2\ndecoder =\n", "my.ini:2: 'log 1 fail' cannot fail: its section's"),
)


@pytest.mark.parametrize(("text", "message"), WARNINGS)
def test_what_tests_nothing_is_warned_of(text, message):
    found = read_tests(text, "my.ini")
    assert found.mistakes == []
    assert [str(warning)[: len(message)] for warning in found.warnings] == [message]


def a_test(decoder: str, *, passes: bool) -> RuleTest:
    return RuleTest(Place("my.ini", 1), "a", "log 1", "x", passes, Outcome(1, 2, decoder))


@pytest.mark.parametrize(
    "other", [Outcome(2, 2, "sshd"), Outcome(1, 3, "sshd"), Outcome(1, 2, "pam"), Outcome(None, None, "")]
)
def test_pass_wants_all_three_to_be_equal_and_fail_wants_them_not_to_be(other):
    passing, failing = a_test("sshd", passes=True), a_test("sshd", passes=False)
    same = Outcome(1, 2, "sshd")
    assert (passing.holds(same), passing.holds(other)) == (True, False)
    assert (failing.holds(same), failing.holds(other)) == (False, True)


def test_an_empty_decoder_means_none_where_it_can_mean_anything():
    """OSSEC's own runner never finds an empty decoder equal, and its tests with `fail` count on that."""
    none, some = Outcome(1, 2, ""), Outcome(1, 2, "sshd")
    assert (a_test("", passes=True).holds(none), a_test("", passes=True).holds(some)) == (True, False)
    assert (a_test("", passes=False).holds(none), a_test("", passes=False).holds(some)) == (True, True)
