"""A pattern is compiled when it is first needed, and no text makes it slow or changes what it finds."""

from __future__ import annotations

import re
from time import process_time

import pytest
from detecting import rule, ruleset

from ar.osregex import PatternError, pcre2_expression, regex_expression
from ar.patterns import pattern as pattern_room
from ar.patterns.parallel import Found
from ar.patterns.pattern import Pattern, compile_tokens
from ar.pcre2 import tokenize_pcre2

ATOMIC = pytest.mark.skipif(not hasattr(re, "NOFLAG"), reason="Python before 3.11 has no atomic groups")


def compiled(text: str) -> Pattern:
    found = pcre2_expression(text).pattern
    assert found is not None
    return found


def test_a_pattern_is_compiled_at_its_first_search(monkeypatch):
    """Of a thousand patterns a host uses some dozens; a search that was kept from before works as well."""
    compilations = []
    monkeypatch.setattr(pattern_room, "compile_tokens", lambda tokens: compilations.append(1) or compile_tokens(tokens))
    lazy = compiled(r"^Failed (?:\S+ )?for (\S+) from (\S+)[:;]{1,2} (?=x)")
    kept = lazy.search
    assert (compilations, lazy.groups) == ([], 2)
    assert kept("Failed x for y from z; x").groups() == ("y", "z")
    assert kept("none") is None
    assert lazy.search("Failed for y from z; x").groups() == ("y", "z")
    assert compilations == [1]


@pytest.mark.parametrize("text", ["a(", "a)", "*a", "a**", "^+", r"\b?", "[z-a]", "a{3,2}", "(?<=a+)b", "(?:a|)+{2}"])
def test_what_does_not_compile_is_refused_at_once(text):
    with pytest.raises(PatternError):
        pcre2_expression(text)


@pytest.mark.parametrize(
    ("text", "line", "groups"),
    [
        (r"\S+ (\S+)x$", "a" * 2000 + " bx", ("b",)),
        ("(a+)+b", "a" * 900 + "b", ("a" * 900,)),
        (r"^(?:\S+|\d+)+(é)", "1" * 900 + "é1É", ("É",)),
        (r"(?<=:)(\w+)+$", "a" * 900 + ":bc", ("bc",)),
        (r"(?:(\w+)\s?)*!", "ab " * 300 + "c!", ("c",)),
    ],
)
def test_a_long_text_gets_the_match_without_backtracking(text, line, groups):
    """And the same groups; what would make backtracking slow is a text without a match."""
    found = compiled(text).search(line)
    assert isinstance(found, Found)
    assert found.groups() == groups
    expected = compile_tokens(tokenize_pcre2(text)).search(line)
    assert expected is not None
    assert (found.groups(), found.span()) == (expected.groups(), expected.span())
    assert compiled(text).search("a" * 3000) is None


def test_a_short_text_is_backtracked():
    assert isinstance(compiled(r"\S+ (\S+)x").search("a bx"), re.Match)


@pytest.mark.parametrize("text", [r"(\w+) .*\1", r"\S+ (?m:^)x", r"\S+ (?-i:x)"])
def test_what_can_only_be_backtracked_is_looked_for_in_the_first_characters(text):
    """And no more of them than no text can make slow."""
    pattern = compiled(text)
    chars_max = pattern.chars_max
    assert chars_max is not None
    assert 32 < chars_max < 2000
    assert pattern.search("  " * chars_max + "a a x") is None


@pytest.mark.parametrize("end", ["$", r"\Z", r"\z", "(?:$|!)"])
def test_where_a_search_breaks_off_is_no_end(end):
    pattern = compiled(r"(?:(?:ab)*c*d)+" + end)
    chars_max = pattern.chars_max
    assert chars_max is not None
    text = "q" * (chars_max - 1) + "d"
    assert pattern.search(text).end() == chars_max
    assert pattern.search(text + "zzzz") is None


@ATOMIC
def test_atomic_groups_count_as_others_do():
    assert compiled(r"(?>\S+) .*x").chars_max is not None
    assert compiled(r"^(?>\S+) x").chars_max is None
    assert compiled(r"^\S++ x").chars_max is None
    assert compiled(r"^(?:[^x]++|xy)*+z").chars_max is None


@pytest.mark.parametrize("text", [r"((a+)b?)+\2", r"((?:ab?)+c?)+d", r"(?:(?:\w\w)*\d?)*(?-i:x)"])
def test_what_takes_for_ever_and_cannot_be_helped_is_refused(text):
    with pytest.raises(PatternError, match="for ever"):
        pcre2_expression(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (r"((a?b?){1,20}){1,20}c", False),
        (r"((a?b?){1,15}){1,30}c", False),
        (r"((a?b?){1,60}){1,30}c", False),
        ("(" * 6 + ")" + "{60})" * 5 + "x", False),
        (r"((?:a{2,40}x?){2,40}){2,20}y", True),
        (r"(([a-z0-9]{1,63}\.?){1,8}){1,64}!", True),
        (r"(?:" + "a?b?" * 60 + ")*!", False),
        (r"(?:" + "|".join(f"w{n}" for n in range(1000)) + r")\s*x", True),
    ],
)
def test_a_pattern_that_is_large_when_written_out_loads_at_once_or_is_refused(text, *, fits):
    """And what it takes is taken when it is loaded, not at the first line."""
    start_s = process_time()
    try:
        pattern = compiled(text)
    except PatternError:
        pattern = None
    assert process_time() - start_s < 1
    assert (pattern is not None) is fits
    if pattern is not None:
        start_s = process_time()
        assert pattern.search("q") is None
        assert process_time() - start_s < 0.1 or "|" in text


def test_os_regex_is_always_looked_for_in_all_of_a_line():
    """It has no quantified groups, so each of its patterns can be matched at all places at once."""
    pattern = regex_expression(r"(\S+)\s\.+(\w+|\d+):\S+$").pattern
    assert pattern.chars_max is None
    line = "x" * 3000 + " y" + "z" * 3000 + " b1:c"
    assert pattern.search(line).groups() == ("x" * 3000, "b1")


def test_the_loader_names_file_and_line_of_what_is_not_searched_whole_or_refused():
    """A back reference is a warning; what takes for ever is a mistake."""
    loaded = ruleset(rule(100, r"<pcre2>(\w+) .*\1</pcre2>"))
    assert [str(w) for w in loaded.warnings if str(w).startswith("rules.xml:2: <pcre2>: only the first ")]
    loaded = ruleset(rule(100, r"<pcre2>((a+)b?)+\2</pcre2>"), clean=False)
    assert [str(mistake) for mistake in loaded.mistakes if str(mistake).startswith("rules.xml:2: <pcre2> is ")]
