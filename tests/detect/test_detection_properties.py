"""Whatever bytes a source brings: a verdict, never an exception, and the same one every time."""

from __future__ import annotations

from typing import List, Optional, Tuple

import pytest
from detecting import NOON, detector
from hypothesis import given, settings
from hypothesis import strategies as st

from ar.detect.detector import Detector, Verdict
from ar.detect.ruleset import Ruleset, Text, load
from ar.model import Line
from ar.shipped import SHIPPED_DECODERS, shipped_rules

PIECES = [
    b"Dec 10 06:55:46 ", b"2026-11-20T10:11:12.003+01:00 ", b"<34>1 2026-11-20T10:11:12Z ", b"h ", b"sshd[7]: ",
    b"sshd(pam_unix)[7]: ", b"su: ", b"sudo: ", b"nginx: ", b"Failed password for ", b"invalid user ", b"root ",
    b"from 192.0.2.1 ", b"from ::ffff:192.0.2.2 ", b"port 22 ssh2", b"Invalid user ", b"Accepted publickey for ",
    b"authentication failure; ", b"rhost=192.0.2.3 ", b"user=root", b"message repeated 3 times: [ ", b"]",
    b"192.0.2.4 - - [10/Oct/2000:13:55:36 -0700] ", b'"GET /a.php?q=', b"%27select%20", b"../../", b' HTTP/1.0" 404 7',
    b"[Fri Feb 11 18:06:35 2004] ", b"[error] [client 192.0.2.5] ", b"\x00", b"\t", b"\x7f", b"\xff\xfe", b"\xc3",
    b"\xe2\x80\xae", b"\xed\xa0\x80", b"\\", b"(", b"[[[", b"|", b"$", b"%s%n", b" ", b"7",
    "\u0131\u0130\u212a".encode(),
]  # fmt: skip
MADE = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)
LINES = st.one_of(MADE, st.binary(max_size=200), st.tuples(MADE, st.binary(max_size=20)).map(b"".join))
Said = Tuple[object, ...]


@pytest.fixture(scope="module")
def shipped() -> Ruleset:
    rules = [Text(path.name, path.read_text(encoding="utf-8")) for path in shipped_rules()]
    return load([Text("decoder.xml", SHIPPED_DECODERS.read_text(encoding="utf-8"))], rules)


def take(detecting: Detector, line: bytes, now_s: float, source: str = "/var/log/auth.log") -> Verdict:
    return detecting.take(Line(source, line.decode("utf-8", "backslashreplace"), now_s))


def said(verdict: Verdict) -> Said:
    event, alert = verdict.event, verdict.alert
    facts: Optional[Said] = None
    if alert is not None:
        facts = (alert.id, alert.srcip, alert.user, alert.filename, alert.time_s, alert.previous, alert.stale)
    decoded = (event.program, event.hostname, event.decoder, event.log, dict(event.fields), event.time_s)
    return (*decoded, verdict.path, facts)


@settings(max_examples=300, deadline=None)
@given(line=LINES)
def test_any_bytes_give_a_verdict_and_never_an_exception(shipped: Ruleset, line: bytes) -> None:
    """An alert has a rule, a rule has the path to it, and nothing is decoded that does not stand in the line."""
    verdict = take(detector(loaded=shipped), line, NOON)
    event, rule = verdict.event, verdict.rule
    assert verdict.path == (() if rule is None else (*verdict.path[:-1], rule.id))
    assert verdict.alert is None or (rule is not None and rule.level > 0 and verdict.alert.rule == rule.id)
    assert event.log in event.full_log
    assert all(value in event.log for value in event.fields.values())


@settings(max_examples=40, deadline=None)
@given(line=st.binary(min_size=1, max_size=20), times=st.sampled_from([1, 400, 20_000]))
def test_long_lines_of_one_thing_give_a_verdict(shipped: Ruleset, line: bytes, times: int) -> None:
    detecting = detector(loaded=shipped)
    for begin in (b"", b"Dec 10 06:55:46 h sshd[7]: ", b"192.0.2.4 - - [10/Oct/2000:13:55:36 -0700] "):
        verdict = take(detecting, begin + line * times, NOON)
        assert len(verdict.event.full_log.encode("utf-8", "surrogatepass")) <= 6144


@settings(deadline=None)
@given(lines=st.lists(st.tuples(LINES, st.sampled_from([0, 0, 1, 30])), max_size=25))
def test_the_same_input_gives_the_same_output(shipped: Ruleset, lines: List[Tuple[bytes, int]]) -> None:
    """Of two fresh detectors, over lines that come again and again as an attacker's do."""
    detectors = detector(loaded=shipped), detector(loaded=shipped)
    now_s = NOON
    for line, gap_s in lines * 3:
        now_s += gap_s
        first, second = (said(take(detecting, line, now_s)) for detecting in detectors)
        assert first == second


@settings(deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=25))
def test_what_came_before_does_not_change_what_a_line_is(shipped: Ruleset, lines: List[bytes]) -> None:
    """A detector that has read other lines decodes the next one as a fresh one does, in whatever order they came."""
    used = detector(loaded=shipped)
    for line in [*lines, *reversed(lines)]:
        first, second = take(used, line, NOON), take(detector(loaded=shipped), line, NOON)
        for name in ("program", "hostname", "decoder", "log", "fields", "category"):
            assert getattr(first.event, name) == getattr(second.event, name), name
