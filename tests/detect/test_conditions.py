"""What some conditions ask to the letter: sizes in bytes, and what OSSEC has in C."""

from __future__ import annotations

import pytest
from detecting import NOON, detector, fired, rule, take

from ar.model import Chunk, Line

HEADER = "Oct  9 12:00:00 host "
HITS = '<decoder name="web"><prematch>^\\d+.\\d+</prematch><regex>^(\\S+)</regex><order>srcip</order></decoder>'


def gets(rules: str, line: str) -> bool:
    return fired(take(detector(rules, HITS), line))[0] == 100


@pytest.mark.parametrize(("message", "bytes_"), [("x" * 30, 30), ("é" * 15, 30), ("é" * 15 + "x", 31), ("€x", 4)])
def test_maxsize_counts_the_bytes_of_the_message_after_its_header(message: str, bytes_: int) -> None:
    for size in (bytes_ - 1, bytes_, bytes_ + 1):
        for line in (message, HEADER + message):
            assert gets(rule(100, "", maxsize=size), line) is (size <= bytes_), (size, line)


@pytest.mark.parametrize(
    ("message", "bytes_"),
    [(b"\xff" * 30, 30), (b"\xffx" * 15, 30), ("é".encode() + b"\xe9", 3), (b"\xc3\x28", 2), (rb"\xff" * 3, 12)],
)
def test_maxsize_counts_a_byte_that_is_no_text_as_one(message: bytes, bytes_: int) -> None:
    r"""Detection sees it as `\xff`, and a line in which that was written out as four characters has four bytes."""
    for size in (bytes_ - 1, bytes_, bytes_ + 1):
        detecting = detector(rule(100, "", maxsize=size), HITS)
        for line in (message, HEADER.encode() + message):
            found = list(detecting.alerts_of(Chunk("/var/log/x", [line] * 3, NOON)))
            assert len(found) == (3 if size <= bytes_ else 0), (size, line)
            verdict = detecting.take(Line("/var/log/x", line.decode("utf-8", "backslashreplace"), NOON, line))
            assert (verdict.alert is not None) is (size <= bytes_), (size, line)


@pytest.mark.parametrize(
    ("log", "matches"),
    [
        ("72.14.1.1 GET", True),
        ("209.85.0.1 GET", True),
        ("172.14.1.1 GET", False),
        ("66.249.66.1 GET", False),  # OSSEC would look up its name
        ("x 72.14.1.1", False),
    ],
)
def test_a_crawler_is_known_by_its_network_and_never_by_its_name(log: str, *, matches: bool) -> None:
    assert gets(rule(100, "<compiled_rule>is_valid_crawler</compiled_rule>"), log) is matches


@pytest.mark.parametrize(
    ("log", "matches"),
    [
        ("Target Account Name: bob  Caller User Name: amy  end", True),
        ("Target Account Name: bob  Caller User Name: bob  end", False),
        ("Target Account Name: bob  Caller User Name: bobby  end", True),
        ("Target Account Name: bobby  Caller User Name: bob  end", True),
        ("Target Account Name (old): bob  Caller User Name: bob  end", False),
        ("Caller User Name: bob  Target Account Name: bob", False),
        ("Target Account Name: bob  end", False),
        ("Caller User Name: bob  end", False),
        ("Target Account Name and Caller User Name", False),
    ],
)
def test_two_accounts_are_held_against_each_other_up_to_two_spaces(log: str, *, matches: bool) -> None:
    rules = rule(100, "<compiled_rule>comp_mswin_targetuser_calleruser_diff</compiled_rule>")
    assert gets(rules, log) is matches


def test_a_compiled_rule_that_ossec_does_not_have_never_matches() -> None:
    assert not gets(rule(100, "<compiled_rule>my_own</compiled_rule>"), "x")


@pytest.mark.parametrize(
    "inside", ["<srcgeoip>x</srcgeoip>", "<dstgeoip_pcre2>.</dstgeoip_pcre2>", "<srcgeoip></srcgeoip>"]
)
def test_a_rule_that_asks_for_a_country_never_matches(inside: str) -> None:
    assert not gets(rule(100, inside), "1.1.1.1 x")


def test_a_rule_that_counts_countries_never_fires() -> None:
    rules = rule(100, "") + rule(101, "<if_matched_sid>100</if_matched_sid><different_srcgeoip/>", 9)
    detecting = detector(rules, HITS)
    assert [fired(take(detecting, f"192.0.2.{n} x"))[0] for n in range(5)] == [100] * 5
