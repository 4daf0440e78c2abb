"""OSSEC's pattern dialects, as os_regex.c and os_match.c of OSSEC 4 behave."""

from __future__ import annotations

import re
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.osregex import (
    PatternError,
    compile_match,
    compile_regex,
    compile_words,
    match_expression,
    pcre2_expression,
    regex_expression,
)
from ar.patterns.literals import lower

# pattern, text, what is matched (None: nothing)
REGEX = [
    ("error", "An ERROR here", "ERROR"),
    (r"\w+@", "to root-1_a@host", "root-1_a@"),
    (r"\w+", "a@b", "a@b"),  # \w knows @, _ and - as well
    (r"\w", "é", None),
    (r"É", "é", "é"),
    (r"\d+ x", "12 x", "12 x"),
    (r"a\sb", "a b", "a b"),
    (r"a\sb", "a\tb", None),  # \s is the space alone
    (r"a\tb", "a\tb", "a\tb"),
    (r"\p\p", "a[]", "[]"),
    (r"\p", "a/~", None),
    (r"\W", "ab@é", "é"),
    (r"\D\S", "1a\t", "a\t"),  # \S is anything but the space
    (r"a\.+c", "abbbc", "abbbc"),
    (r"a\.c", "a\nc", "a\nc"),
    (r"a.c", "abc", None),  # a plain dot is a dot
    (r"a.c", "a.c", "a.c"),
    ("a+b*", "a+b*", "a+b*"),  # quantifiers stand after a class only
    ("a+b", "aab", None),
    ("[x]{2}?", "[x]{2}?", "[x]{2}?"),
    (r"\d?", "1?", "1?"),
    (r"\(\)\[\]\{\}\|\$\\\<", "()[]{}|$\\<", "()[]{}|$\\<"),
    ("^b", "ab", None),
    ("a$", "ab", None),
    ("b$", "ab\n", None),  # the end is the end, a line end in front of it or not
    ("x|b", "ab", "b"),
    (r"\S+ x", "a b c x", "c x"),
    (r"\.+ x", "a x b x", "a x"),  # lazy inside
    (r"x\d+", "x123", "x123"),  # greedy at the end
    (r"(x\d+)", "x123", "x123"),
    (r"x\d+|y", "x123", "x123"),
    (r"(\d+)(\d+)", "123", "123"),
]


@pytest.mark.parametrize(("pattern", "text", "found"), REGEX)
def test_os_regex_matches_as_in_ossec(pattern: str, text: str, found: Optional[str]) -> None:
    match = compile_regex(pattern).search(text)
    assert (match[0] if match else None) == found


def test_quantifiers_are_lazy_unless_an_end_follows() -> None:
    """`\\S+` before a literal takes little; before `)` and the end it takes all."""
    match = compile_regex(r"from (\S+) (\S+)").search("from a b-c")
    assert match is not None
    assert match.groups() == ("a", "b-c")
    match = compile_regex(r"(\d+)(\d*)x").search("123x")
    assert match is not None
    assert match.groups() == ("1", "23")


@pytest.mark.parametrize("pattern", [r"\q", r"a\-b", r"\n", "\\", "(a", "a)", "x" * 2049])
def test_a_broken_os_regex_is_refused(pattern: str) -> None:
    """Unknown escapes, unbalanced groups and patterns over 2048 bytes are what OSSEC refuses as well."""
    with pytest.raises(PatternError):
        compile_regex(pattern)


MATCH = [
    ("error", "An ERROR", True),
    ("a.b", "axb", False),
    ("a.b", "a.b", True),
    ("(x)", "f(x)", True),
    ("^a|b$", "ac", True),
    ("^a|b$", "cb", True),
    ("^a|b$", "bca", False),
    ("^ab$", "ab", True),
    ("^ab$", "abc", False),
    ("a^b", "a^b", False),  # an anchor in the middle never matches
    ("a$b", "a$b", False),
    ("foo||bar", "nothing", True),  # an empty alternative is always there
    ("foo|", "nothing", True),
    ("", "", True),
    ("^", "x", True),
    ("^$", "", True),
    ("^$", "x", False),
    ("!foo", "foo", False),  # no negation
    ("!foo", "a!foo", True),
    (r"a\|b", "x\\a\\", True),  # a backslash is a backslash, and | still means or
    (r"a\|b", "b", True),
    (r"a\|b", "a|", False),
    ("É", "é", True),
    ("İ", "xİ", True),
    ("İ", "i\u0307", False),
    ("ΛΑΘΟΣ", "ΛΑΘΟΣΑ", True),
    ("λάθος", "ΛΆΘΟΣ", True),
    ("λάθοσ", "Λάθος!", True),
]


@pytest.mark.parametrize(("pattern", "text", "found"), MATCH)
def test_os_match_is_literal(pattern: str, text: str, *, found: bool) -> None:
    assert bool(compile_match(pattern).search(text)) is found
    assert match_expression(pattern).tester()(text, lower(text)) is found


def test_os_match_has_a_length_limit() -> None:
    with pytest.raises(PatternError):
        compile_match("x" * 2049)


def test_words_are_literal_with_alternatives_and_a_leading_anchor() -> None:
    """`<if_group>` looks for text within the group string."""
    assert compile_words("authentication_failed").search("syslog,sshd,authentication_failed,")
    assert compile_words("^syslog|x").search("SYSLOG,sshd")
    assert not compile_words("^sshd").search("syslog,sshd")


PCRE2 = [
    (r"user \S+", "User root", "User root"),
    (r"\d+", "\u0661", None),  # ASCII digits only
    (r"é\w", "éa", "éa"),
    (r"é\w", "Éé", None),
    (r"[\w.]+é", "a.é", "a.é"),
    (r"^é[\w]$", "éü", None),
    (r"^é[\w]$", "Éb", "Éb"),
    (r"^\x{e9}\w$", "éü", None),
    (r"^\x{e9}\w$", "éb", "éb"),
    (r"^\xe9\d$", "é\u0663", None),
    (r"^\x{e9}\d$", "É3", "É3"),
    (r"^\x{e9}\s$", "é\xa0", None),
    (r"^\x{e9}[\sx]$", "é ", "é "),
    (r"^\x{e9}\bü", "éü", None),
    (r"^[\x{e9}\d]+$", "3éÉ", "3éÉ"),
    (r"^[\x{e9}\d]+$", "é\u0663", None),
    (r"^[^\x{e9}\d]+$", "ü\u0663", "ü\u0663"),
    (r"^[^\x{e9}\d]$", "É", None),
    (r"^[^\x{e9}\d]$", "3", None),
    (r"^é[\W]$", "éü", "éü"),
    (r"^é[^\w]$", "éü", "éü"),
    (r"^é[^\w]$", "éb", None),
    (r"^é[[:alpha:]]$", "éü", None),
    (r"^é[[:alpha:]-]+$", "éB-", "éB-"),
    (r"^é[\d-x]+$", "é3-X", "é3-X"),
    (r"^é[a-c-\dx-z]+$", "éB-3Y", "éB-3Y"),
    (r"^é[a-c-\dx-z]+$", "ém", None),
    (r"^é[k\d]$", "é\u212a", "é\u212a"),
    (r"\h+x", " \tx", " \tx"),
    (r"a\Rb", "a\r\nb", "a\r\nb"),
    (r"a\z", "a", "a"),
    (r"\x41\x{42}", "ab", "ab"),
    (r"\Qa.b\E+", "a.bb", "a.bb"),
    (r"[[:digit:][:alpha:]]+", "-a1", "a1"),
    (r"[]a]+", "x]a", "]a"),
    (r"[^]a]", "]ab", "b"),
    (r"[[x]", "[", "["),
    (r"[a&&b]+", "&b", "&b"),
    (r"[+--]+", "a,-", ",-"),
    (r"(?<ip>\d+)", "x7", "7"),
    (r"(?:a|b)+", "xab", "ab"),
    (r"(?i)A", "a", "a"),
    (r"x(?i)A", "xa", "xa"),
    (r"a(?#comment)b", "ab", "ab"),
    (r"a{2,}b{1}", "aaab", "aaab"),
    (r"a{,2}", "a{,2}", "a{,2}"),  # not a quantifier in PCRE2
    (r"(?<=a)b(?!c)", "abd", "b"),
    (r"\<a\>", "<a>", "<a>"),
    (r"(a)\1", "aA", "aA"),
    (r"[\h\x41-\x43\]]+", "b ]", "b ]"),
]


@pytest.mark.parametrize(("pattern", "text", "found"), PCRE2)
def test_pcre2_means_what_it_means_there(pattern: str, text: str, found: Optional[str]) -> None:
    match = pcre2_expression(pattern).pattern.search(text)
    assert (match[0] if match else None) == found
    assert pcre2_expression(pattern).tester()(text, text.lower()) is (found is not None)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\p{L}",
        r"\K",
        "(?R)",
        "(*ACCEPT)",
        "(?|a|b)",
        "a(?s).",
        "(",
        ")",
        "[a",
        r"a\\"[:-1],
        "[[:^alpha:]]",
        "*",
        "(?x)a b",
        "(?x:a b)",
        "(?-x:a)",
        "[z-a]",
        "a{3,2}",
        "^*",
        "a**",
        "(?<=a+)b",
        "(?<n>a)(?<n>b)",
        "(" * 101 + ")" * 101,
    ],
)
def test_what_python_cannot_do_is_refused_and_not_guessed(pattern: str) -> None:
    with pytest.raises(PatternError):
        pcre2_expression(pattern)


@pytest.mark.parametrize(
    ("pattern", "slow"),
    [
        (r"(a+)+", True),
        (r"(?:\d+\.?)*x", True),
        (r"((a*)b)+", True),
        (r"(\w+){2,}", True),
        (r"(\S+) (\S+)", False),
        (r"(?:ab)+", False),
        (r"(a+)?", False),
        (r"(\w+){3}", False),
    ],
)
def test_nested_quantifiers_are_noticed(pattern: str, *, slow: bool) -> None:
    """Such a pattern can take exponentially long on a line made for it."""
    assert pcre2_expression(pattern).slow is slow


SNIPPETS = st.lists(
    st.sampled_from(["ab", "x", "K", "|", "^", "$", "(", ")", ":", " ", r"\d", r"\w+", r"\S*", r"\.", "é", r"\(", "+"]),
    max_size=8,
).map("".join)
TEXTS = st.text("abxkK1 :(é\u212a\u0130", max_size=12)


@given(pattern=SNIPPETS, text=TEXTS)
def test_the_fast_test_agrees_with_the_expression(pattern: str, text: str) -> None:
    """The literals taken out of a pattern never tell otherwise than the whole expression would."""
    try:
        expected = compile_regex(pattern).search(text) is not None
    except PatternError:
        return
    assert regex_expression(pattern).tester()(text, lower(text)) is expected


@given(
    pattern=st.lists(
        st.sampled_from(["ab", "x", "|", "^", "$", "(?:", ")", "[ab]", "+", "*", "?", "{2}", ".", r"\b", "k", r"\x61"]),
        max_size=8,
    ).map("".join),
    text=st.text("abxkK1 ", max_size=12),
)
def test_the_fast_test_agrees_with_pcre2(pattern: str, text: str) -> None:
    try:
        expected = pcre2_expression(pattern).pattern.search(text) is not None
    except PatternError:
        return
    assert pcre2_expression(pattern).tester()(text, text.lower()) is expected


@given(st.text(max_size=40))
def test_any_pattern_compiles_or_is_refused(pattern: str) -> None:
    """No pattern, however odd, raises anything but PatternError."""
    for compiler in (compile_regex, regex_expression, pcre2_expression):
        try:
            compiler(pattern)
        except PatternError:
            continue
    assert compile_match(re.escape("x"))
