"""Headers of log lines: what is taken off, and what stays for the decoders."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.detect import header
from ar.detect.header import split_header
from ar.detect.stamps import Stamps

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc).timestamp()

# line; stamp, hostname, program, message
LINES = [
    ("Dec 10 06:55:46 LabSZ sshd[24200]: Failed", "Dec 10 06:55:46", "LabSZ", "sshd", "Failed"),
    ("Dec  1 06:55:46 h su: x", "Dec  1 06:55:46", "h", "su", "x"),
    ("Dec  1 06:55:46  h su: x", "Dec  1 06:55:46", "h", "su", "x"),
    ("Dec  1 06:55:46 h sshd[1] no colon", "Dec  1 06:55:46", "h", "sshd", "no colon"),
    ("Dec  1 06:55:46 h sshd(pam_unix)[19]: x", "Dec  1 06:55:46", "h", "sshd(pam_unix)", "x"),
    ("Dec  1 06:55:46 h systemd-logind[1]: x", "Dec  1 06:55:46", "h", "systemd-logind", "x"),
    ("Dec  1 06:55:46 sshd: alone", "Dec  1 06:55:46", "", "sshd", "alone"),
    ("Dec  1 06:55:46 h last message repeated", "Dec  1 06:55:46", "h", "", "last message repeated"),
    ("Dec  1 06:55:46 h prog[x]: y", "Dec  1 06:55:46", "h", "", "prog[x]: y"),
    ("Dec  1 06:55:46 -- MARK --", "Dec  1 06:55:46", "--", "", "MARK --"),
    ("Dec  1 06:55:46 #odd x", "Dec  1 06:55:46", "", "", "#odd x"),
    ("Dec  1 06:55:46 h su: [ID 810491 auth.crit] 'su'", "Dec  1 06:55:46", "h", "su", "'su'"),
    ("Dec  1 06:55:46 su: [ID 810491 auth.crit] 'su'", "Dec  1 06:55:46", "", "su", "'su'"),
    ("Dec  1 06:55:46 h auth|security:info sshd[2]: x", "Dec  1 06:55:46", "h", "sshd", "x"),
    ("Mär 01 10:00:00 h su: x", "Mär 01 10:00:00", "h", "su", "x"),
    ("2026-11-20T10:11:12.123456+01:00 h a[1]: x", "2026-11-20T10:11:12.123456+01:00", "h", "a", "x"),
    ("2026-11-20T10:11:12+01:00 h a[1]: x", "2026-11-20T10:11:12+01:00", "h", "a", "x"),
    ("2026-11-20T10:11:12Z h a[1]: x", "2026-11-20T10:11:12Z", "h", "a", "x"),
    ("2015-04-16 21:51:02,805 h proftpd[1]: x", "2015-04-16 21:51:02,805", "h", "proftpd", "x"),
    ("2015 Dec 29 10:00:01 h a: x", "2015 Dec 29 10:00:01", "h", "a", "x"),
    ("2019:11:06-00:08:03 h a: x", "2019:11:06-00:08:03", "h", "a", "x"),
    ("1 2026-11-20T10:11:12.003Z h a 12 ID47 - x y", "2026-11-20T10:11:12.003Z", "h", "a", "x y"),
    ('<34>1 2026-11-20T10:11:12Z - a - - [x@1 y="a\\]b"] z', "2026-11-20T10:11:12Z", "", "a", "z"),
    ("Mon Apr 17 18:27:14 2006 1 64.160.42.130", "Mon Apr 17 18:27:14 2006", "", "", " 1 64.160.42.130"),
    ("01/28-09:13:16.240702  [**] x", "01/28-09:13:16.240702", "", "", "[**] x"),
    ("01/28/1979-09:13:16.240702  [**] x", "01/28/1979-09:13:16.240702", "", "", "[**] x"),
    ("[Fri Feb 11 18:06:35 2004] [warn] x", "Fri Feb 11 18:06:35 2004", "", "", "[warn] x"),
    ("1140701044.525   1231 10.0.0.1 x", "1140701044.525", "", "", "1231 10.0.0.1 x"),
    (
        "[Time 2006.12.28 15:53:55 UTC] [Facility auth] [Sender sshd] [PID 1] [Message refused] [Host h] [Message 2]",
        "2006.12.28 15:53:55 UTC",
        "h",
        "sshd",
        "refused",
    ),
    ("just text", "", "", "", "just text"),
    ("", "", "", "", ""),
    ("Dec  1 06:55:46 ", "", "", "", "Dec  1 06:55:46 "),
]


@pytest.mark.parametrize(("line", "stamp", "hostname", "program", "log"), LINES)
def test_the_header_is_taken_off(line: str, stamp: str, hostname: str, program: str, log: str) -> None:
    found = split_header(line)
    assert (found.stamp, found.hostname, found.program, found.log) == (stamp, hostname, program, log)


WHOLE = [
    ('10.0.0.1 - bob [20/Nov/2026:10:11:12 +0100] "GET / HTTP/1.1" 200 1', "20/Nov/2026:10:11:12 +0100"),
    (
        r'10.0.0.1 - x [20/Nov/2000:10:11:12 +0100] \"a [20/Nov/2026:10:11:12 +0100] "GET /',
        "20/Nov/2026:10:11:12 +0100",
    ),
    ("2026/11/20 10:11:12 [error] 1#1: x", "2026/11/20 10:11:12"),
    ("[Fri Nov 20 10:11:12.123456 2026] [core:error] x", "Fri Nov 20 10:11:12.123456 2026"),
    ("[2026-11-20 10:11:12 +0000] info", "2026-11-20 10:11:12"),
]


@pytest.mark.parametrize(("line", "stamp"), WHOLE)
def test_a_stamp_inside_the_message_is_read_and_stays(line: str, stamp: str) -> None:
    """A user name that holds a stamp of its own does not make a line look old."""
    found = split_header(line)
    assert (found.stamp, found.log) == (stamp, line)


@given(st.text(alphabet='DecMon 0123456789:-T.,+Z[]()/|<>\\"# x', max_size=80))
def test_any_text_is_split_and_nothing_is_invented(line: str) -> None:
    """The message is always an end of the line or a part of it, and the stamp always stands in it."""
    found = split_header(line)
    assert found.log in line
    assert found.stamp in line


@pytest.fixture(params=["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3"])
def _zone(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def read(line: str, now_s: float = NOW) -> float:
    found = split_header(line)
    epoch = Stamps().epoch(found.stamp, found.form, now_s)
    assert epoch is not None
    return epoch


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-20T10:11:12+01:00 h a: x", datetime(2026, 11, 20, 9, 11, 12, tzinfo=timezone.utc)),
        ("2026-11-20T10:11:12.5-05:30 h a: x", datetime(2026, 11, 20, 15, 41, 12, 500_000, tzinfo=timezone.utc)),
        ("2026-11-20T10:11:12Z h a: x", datetime(2026, 11, 20, 10, 11, 12, tzinfo=timezone.utc)),
        ('1.1.1.1 - - [20/Nov/2026:10:11:12 -0100] "GET', datetime(2026, 11, 20, 11, 11, 12, tzinfo=timezone.utc)),
        ("[Time 2006.12.28 15:53:55 UTC] [Sender a]", datetime(2006, 12, 28, 15, 53, 55, tzinfo=timezone.utc)),
        ("1140701044.525 1 x", datetime.fromtimestamp(1140701044.525, tz=timezone.utc)),
        ("Nov 20 10:11:12 h a: x", datetime(2026, 11, 20, 10, 11, 12)),  # noqa: DTZ001 (local time is meant)
        ("Nov 22 11:00:00 h a: x", datetime(2026, 11, 22, 11, 0, 0)),  # noqa: DTZ001 (local time is meant)
        ("Nov 23 13:00:00 h a: x", datetime(2025, 11, 23, 13, 0, 0)),  # noqa: DTZ001 (local time is meant)
        ("Feb 29 13:00:00 h a: x", datetime(2024, 2, 29, 13, 0, 0)),  # noqa: DTZ001 (local time is meant)
        ("2015-04-16 21:51:02,805 h a: x", datetime(2015, 4, 16, 21, 51, 2, 805_000)),  # noqa: DTZ001 (as above)
        ("[Fri Feb 11 18:06:35 2004] x", datetime(2004, 2, 11, 18, 6, 35)),  # noqa: DTZ001 (local time is meant)
        ("2015 Dec 29 10:00:01 h a: x", datetime(2015, 12, 29, 10, 0, 1)),  # noqa: DTZ001 (local time is meant)
        ("2019:11:06-00:08:03 h a: x", datetime(2019, 11, 6, 0, 8, 3)),  # noqa: DTZ001 (local time is meant)
        ("01/28-09:13:16.240702  [**] x", datetime(2026, 1, 28, 9, 13, 16)),  # noqa: DTZ001 (local time is meant)
        ("2026/11/20 10:11:12 [error] x", datetime(2026, 11, 20, 10, 11, 12)),  # noqa: DTZ001 (local time is meant)
    ],
)
@pytest.mark.usefixtures("_zone")
def test_stamps_are_read_in_their_zone_or_the_local_one(line: str, expected: datetime) -> None:
    """A stamp without a year is the latest such time that is no more than a day ahead."""
    assert read(line) == pytest.approx(expected.timestamp())


@pytest.mark.usefixtures("_zone")
def test_at_new_year_december_lies_in_the_old_year() -> None:
    now = datetime(2027, 1, 1, 0, 0, 5).timestamp()  # noqa: DTZ001 (local time is meant)
    assert read("Dec 31 23:59:58 h a: x", now) == now - 7
    now = datetime(2026, 12, 31, 23, 59, 58).timestamp()  # noqa: DTZ001 (local time is meant)
    assert read("Jan  1 00:00:05 h a: x", now) == now + 7


def test_an_hour_that_comes_twice_is_the_one_nearest_to_receipt(monkeypatch: pytest.MonkeyPatch) -> None:
    """When clocks are set back, a fresh line does not look an hour old."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        first = datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc).timestamp()  # 02:30 summer time
        for now in (first, first + 3600):
            assert read("Oct 25 02:30:00 h a: x", now) == now
        stamps = Stamps()
        for past_s in range(0, 7200, 600):
            clock = f"Oct 25 02:{past_s // 60 % 60:02}:00"
            assert stamps.epoch(clock, header.BSD, first - 1800 + past_s) == first - 1800 + past_s
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "stamp", ["Xxx 99 99:99:99", "Dec 32 10:00:00", "Dec 10 24:00:00", "Dec 10 10:60:00", "Feb 30 10:00:00"]
)
def test_what_is_no_time_is_none(stamp: str) -> None:
    """Separators in the right places make a header, but not a time."""
    assert Stamps().epoch(stamp, header.BSD, NOW) is None


@pytest.mark.parametrize("year", ["0001", "0002", "1970", "1979", "9000", "9001", "9998", "9999"])
@pytest.mark.parametrize(
    "line",
    [
        "{}-01-01T00:00:00+00:00 h a: x",
        "{}-12-31T23:59:59+00:00 h a: x",
        "{}-06-16 21:51:02,805 h a: x",
        "[Fri Jun 11 18:06:35 {}] x",
        "{}:06:06-00:08:03 h a: x",
        '1.1.1.1 - - [20/Jun/{}:10:11:12 -0100] "GET',
    ],
)
def test_a_time_that_no_clock_shows_is_none(line: str, year: str) -> None:
    """Nobody meant it, and some of these are more than a calendar holds."""
    found = split_header(line.format(year))
    assert found.stamp
    assert Stamps().epoch(found.stamp, found.form, NOW) is None


@pytest.mark.parametrize("stamp", ["nan", "inf", "-1", "0", "1e3", "999999999999", "1e400"])
def test_an_epoch_that_no_clock_shows_is_none(stamp: str) -> None:
    assert Stamps().epoch(stamp, header.EPOCH, NOW) is None


def test_a_clock_that_was_never_set_gives_no_time() -> None:
    """A board without a clock writes 1970, also where no year is written."""
    stamps = Stamps()
    assert [stamps.epoch(stamp, header.BSD, 90_000) for stamp in ("Jan  2 01:00:07", "Jan  2 01:00:08")] == [None, None]


@given(
    st.text(alphabet="DecNov 0123456789:-T.,+Z/", max_size=30), st.sampled_from([header.BSD, header.ISO, header.C_TIME])
)
def test_any_stamp_is_a_time_or_none(stamp: str, form: str) -> None:
    epoch = Stamps().epoch(stamp, form, NOW)
    assert epoch is None or isinstance(epoch, float)


def test_the_memory_of_the_last_hour_changes_nothing() -> None:
    """Reading many stamps with one reader gives what reading each with a fresh one does."""
    stamps = Stamps()
    lines = [f"{month} {day:2} {hour:02}:{minute:02}:07" for month in ("Nov", "Jan", "Dec") for day in (1, 9, 28)
             for hour in (0, 2, 23) for minute in (0, 59)]  # fmt: skip
    for stamp in lines + lines[::-1]:
        assert stamps.epoch(stamp, header.BSD, NOW) == Stamps().epoch(stamp, header.BSD, NOW)
