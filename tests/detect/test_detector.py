"""From a line to a verdict: times, alerts, and lines that someone made to do harm."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timezone
from typing import List

import pytest
from detecting import NOON, SSHD, detector, failure, fired, rule, ruleset, take
from hypothesis import given
from hypothesis import strategies as st

from ar.model import Chunk, Line
from ar.report.alerts import as_text

FAILED = rule(100, "<match>failed</match><group>authentication_failed,</group>", 7)


def iso(at_s: float, message: str = "Failed password for bob from 192.0.2.1 port 1 ssh2") -> str:
    stamp = datetime.fromtimestamp(at_s, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}+00:00 host sshd[1]: {message}"


def test_an_alert_says_what_happened() -> None:
    verdict = take(detector(FAILED), iso(NOON), NOON + 2)
    alert = verdict.alert
    assert alert is not None
    assert (alert.id, alert.time_s, alert.rule, alert.level) == (f"{int(NOON)}.1", NOON, 100, 7)
    assert (alert.groups, alert.description) == (("local", "authentication_failed"), "Rule 100.")
    assert (alert.location, alert.hostname, alert.program) == ("/var/log/auth.log", "host", "sshd")
    assert (alert.decoder, alert.user, alert.srcip) == ("sshd", "bob", ipaddress.ip_address("192.0.2.1"))
    assert alert.full_log == iso(NOON)
    assert (alert.stale, alert.active_response, alert.previous) == (False, True, ())


def test_alerts_are_numbered() -> None:
    detecting = detector(FAILED)
    assert [take(detecting, failure("192.0.2.1")).alert.id for _ in range(3)] == [  # type: ignore[union-attr]  # fires
        f"{int(NOON)}.{n}" for n in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("srcip", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("evil.example.com", None),
        ("192.0.2.1;reboot", None),
        ("UNKNOWN", None),
    ],
)
def test_only_an_address_becomes_the_srcip_of_an_alert(srcip: str, expected: str) -> None:
    alert = take(detector(FAILED), failure(srcip)).alert
    assert alert is not None
    assert (str(alert.srcip) if alert.srcip else None) == expected
    assert alert.fields["srcip"] == srcip


@pytest.mark.parametrize(("user", "expected"), [("bob", "bob"), ("-rf", None), ("$(id)", None), ("a.b@c", "a.b@c")])
def test_only_a_safe_name_becomes_the_user_of_an_alert(user: str, expected: str) -> None:
    alert = take(detector(FAILED), failure("192.0.2.1", user)).alert
    assert alert is not None
    assert alert.user == expected


def times(lines: List[tuple[float, float]], *, trust_stamps: bool = False) -> List[float]:
    """Return the event times, after NOON, of lines given by stamp and receipt, both after NOON."""
    detecting = detector(FAILED, trust_stamps=trust_stamps)
    return [take(detecting, iso(NOON + stamp), NOON + received).event.time_s - NOON for stamp, received in lines]


def test_the_stamp_is_the_time_and_never_runs_backwards() -> None:
    assert times([(0, 1), (5, 6), (3, 7), (8, 9)]) == [0, 5, 5, 8]


def test_a_stamp_from_the_future_is_not_believed() -> None:
    assert times([(60, 0), (62, 1), (61, 2)]) == [60, 60, 61]
    assert times([(3600, 0), (1, 1)]) == [0, 1]


def test_sources_have_clocks_of_their_own() -> None:
    detecting = detector(FAILED)
    assert take(detecting, iso(NOON + 50), NOON + 60, "a").event.time_s == NOON + 50
    assert take(detecting, iso(NOON + 10), NOON + 60, "b").event.time_s == NOON + 10


def test_a_line_without_a_stamp_happens_when_it_is_read() -> None:
    """And it does not hold back stamps of lines that waited in the same file."""
    detecting = detector(FAILED)
    assert take(detecting, "no stamp", NOON).event.time_s == NOON
    assert take(detecting, iso(NOON - 100), NOON).event.time_s == NOON - 100
    assert take(detecting, "no stamp", NOON).event.time_s == NOON
    assert take(detecting, iso(NOON - 99), NOON).event.time_s == NOON - 99


@pytest.mark.parametrize(("age_s", "stale"), [(3600, False), (3601, True), (-30, False)])
def test_a_line_of_over_an_hour_is_stale(age_s: float, *, stale: bool) -> None:
    alert = take(detector(FAILED), iso(NOON), NOON + age_s).alert
    assert alert is not None
    assert alert.stale is stale


def test_with_trusted_stamps_the_lines_are_the_clock() -> None:
    """A replay of an old log: its stamps are the time, whenever it is read, and nothing is stale."""
    assert times([(-1e6, 0), (-1e6 + 5, 0), (-1e6 + 3, 0), (9000, 0)], trust_stamps=True) == [
        -1e6,
        -1e6 + 5,
        -1e6 + 5,
        9000,
    ]
    detecting = detector(FAILED, trust_stamps=True)
    assert take(detecting, "no stamp", NOON).event.time_s == NOON
    assert take(detecting, iso(NOON - 1e6), NOON).event.time_s == NOON - 1e6
    assert take(detecting, "no stamp", NOON).event.time_s == NOON - 1e6
    verdict = take(detecting, iso(NOON - 1e5), NOON)
    assert verdict.alert is not None
    assert verdict.alert.stale is False


@pytest.mark.parametrize("trust_stamps", [False, True])
@pytest.mark.parametrize("year", ["0001", "1970", "9999"])
def test_a_time_that_no_clock_shows_is_not_believed(year: str, *, trust_stamps: bool) -> None:
    """Its line happens when it is read, so rules that ask for the time of day have one to ask for."""
    line = f"{year}-01-01T00:00:00+00:00 h sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2"
    rules = rule(100, "<match>Failed</match><time>00:00 - 23:59</time><weekday>weekdays,weekends</weekday>")
    detecting = detector(rules, trust_stamps=trust_stamps)
    verdict = take(detecting, line)
    assert verdict.alert is not None
    found = [verdict.alert, *detecting.alerts_of(Chunk("/var/log/auth.log", [line.encode()] * 3, NOON + 1))]
    assert [(alert.rule, alert.time_s - NOON) for alert in found][:2] == [(100, 0), (100, 0 if trust_stamps else 1)]
    assert len(found) == 4
    assert "Rule: 100 " in as_text(found[-1])


def test_control_characters_are_deleted_and_the_line_stays_whole() -> None:
    """As OSSEC does: a tab joins what it stood between."""
    event = take(detector(FAILED), "a\tb\x00c\x7fd\x1b[31m é \\xff").event
    assert event.full_log == event.log == "abcd[31m é \\xff"


@pytest.mark.parametrize(
    ("text", "bytes_max", "kept"),
    [
        ("x" * 100, 100, 100),
        ("x" * 101, 100, 100),
        ("é" * 50, 100, 50),
        ("é" * 51, 100, 50),
        ("é" * 51, 101, 50),
        ("€" * 40, 100, 33),
        ("x" * 1_000_000, 6144, 6144),
        ("\ud800" * 200, 100, 100),
    ],
)
def test_a_line_is_cut_at_its_bound(text: str, bytes_max: int, kept: int) -> None:
    detecting = detector(FAILED, line_bytes_max=bytes_max)
    assert len(take(detecting, text).event.full_log) == kept
    assert detecting.bounds_hit == ({} if kept == len(text) else {"line_bytes_max": 1})


def test_a_cut_line_still_counts() -> None:
    assert fired(take(detector(FAILED), failure("192.0.2.1") + "x" * 1_000_000)) == (100, True)


PIECES = st.lists(
    st.sampled_from(
        ["Dec 10 06:55:46 ", "host ", "sshd", "[1]", ": ", "Failed ", "password ", "for ", "root ", "from ",
         "192.0.2.1", " port ", "22", "2026-11-20T10:11:12Z ", "[", "]", '"', "\\", "\x00", "\t", "é", "\ud800",
         "İ", "ẞ", " "]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(st.one_of(PIECES, st.text(max_size=200)))
def test_no_line_is_an_error(text: str) -> None:
    """Whatever a line holds, there is a verdict, and what may reach a script is an address and a plain name."""
    rules = FAILED + rule(200, "<if_matched_sid>100</if_matched_sid><same_source_ip/>", 10, frequency=1, ignore=9)
    verdict = detector(rules).take(Line("s", text, NOON))
    assert not any(ord(char) < 32 or ord(char) == 127 for char in verdict.event.full_log)
    assert len(verdict.event.lowered) == len(verdict.event.log)
    if verdict.alert is not None:
        assert verdict.alert.user is None or verdict.alert.user.isascii()


@given(st.lists(PIECES, max_size=12))
def test_a_detector_that_forgot_answers_as_a_fresh_one(texts: List[str]) -> None:
    """The same lines at the same times give the same alerts, whatever was remembered of lines before."""
    loaded = ruleset(FAILED + rule(200, "<if_matched_sid>100</if_matched_sid>", 10, frequency=1))
    fresh, used = detector(loaded=loaded), detector(loaded=loaded)
    lines = [Line("s", text, NOON + n) for n, text in enumerate(texts)]
    for line in reversed(lines):
        used.take(line)
    used.forget()
    for line in lines:
        first, second = fresh.take(line), used.take(line)
        assert (first.path, first.event.time_s) == (second.path, second.event.time_s)
        if first.alert is not None and second.alert is not None:
            assert first.alert._replace(id=second.alert.id) == second.alert


def test_memories_that_hostile_names_fill_are_started_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs and starts of messages come from the line; what is remembered of them stays bounded."""
    for name in ("decoder.PROGRAMS_MAX", "decoder.STARTS_MAX", "rule.CANDIDATES_MAX", "detector.SOURCES_MAX"):
        monkeypatch.setattr(f"ar.detect.{name}", 3)
    children = "".join(
        f'<decoder name="c{n}"><parent>sshd</parent><use_own_name>true</use_own_name>'
        f"<prematch>^c{n}</prematch></decoder>"
        for n in range(5)
    )
    detecting = detector(FAILED, SSHD + children)
    for n in range(20):
        event = take(detecting, f"{iso(NOON)[:26]}host sshd{n}: c{n % 7} failed", NOON, source=f"s{n}").event
        assert event.decoder == (f"c{n % 7}" if n % 7 < 5 else "sshd")
    decoders = detecting._ruleset.decoders
    assert len(decoders._of_program) <= 3
    assert all(len(decoder.choice._of_start) <= 3 for decoder in decoders.by_program if decoder.choice)
    assert all(len(found._candidates) <= 3 for found in detecting._ruleset.rules.by_id.values())
    assert len(detecting._clocks) <= 3
    assert detecting.bounds_hit == {"sources": 17}
