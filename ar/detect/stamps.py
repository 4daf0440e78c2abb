"""Turns the stamps of log lines into seconds since the epoch, quickly: lines of one hour share one computation."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Callable, Dict, NamedTuple, Optional, Tuple

from ar.detect import header

DAY_S = 86400
_YEARS_BACK_MAX = 8  # the 29th of February can be that long ago
_AHEAD_MAX_S = 60  # of two readings of one clock time, the later is taken unless it is this far in the future
_HOUR_KNOWN_S = DAY_S * 363.0  # so long after it is this hour, and not the same one a year later
_EARLIEST_YEAR = 1980  # a board without a clock writes 1970
_EARLIEST_S = datetime(_EARLIEST_YEAR, 1, 1, tzinfo=timezone.utc).timestamp()
_LATEST_S = datetime(9000, 1, 1, tzinfo=timezone.utc).timestamp()  # calendars end with the year 9999,
_LATEST_EVERYWHERE_S = 2**31 - 2 * DAY_S  # and that of a 32-bit machine in 2038
_SECONDS = {f":{second:02}": float(second) for second in range(61)}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_ISO = re.compile(r"(\d{4}).(\d\d).(\d\d).(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z| UTC|([+-])(\d\d):(\d\d))?", re.ASCII)
_C_TIME = re.compile(r"... (...) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:\.\d+)? (\d{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4}) (...) ([ \d]\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
_NO_YEAR = re.compile(r"(\d\d)/(\d\d)-(\d\d):(\d\d):(\d\d)", re.ASCII)
_US_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})-(\d\d):(\d\d):(\d\d)", re.ASCII)
_ACCESS = re.compile(r"(\d\d)/(...)/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)", re.ASCII)


class Hour(NamedTuple):
    """When one hour of the local clock began: `earlier`, or `later` where the clock goes through it twice."""

    earlier: float
    later: float


class Minute(NamedTuple):
    """When one minute began, and between which times of reading that is known."""

    epoch_s: float
    from_s: float
    until_s: float


class Stamps:
    """Reads stamps. Those without a zone are local time; those without a year are the last such time."""

    def __init__(self) -> None:
        self._last = ("", "")
        self._last_now_s = 0.0
        self._last_epoch: Optional[float] = None
        self._hour_name = ""
        self._hour = Hour(0.0, 0.0)
        self._minute_name = ""  # `Nov  9 07:40` where the clock goes through it only once
        self._minute = Minute(0.0, 0.0, 0.0)

    def epoch(self, stamp: str, form: str, now_s: float) -> Optional[float]:
        """Return the time of `stamp` in seconds since the epoch.

        None when it is none (`99:99:99`), or one that nobody meant and that no calendar need hold.
        """
        if form == header.BSD and stamp[:12] == self._minute_name:
            second_s = _SECONDS.get(stamp[12:])
            if second_s is not None and self._minute.from_s < now_s < self._minute.until_s:
                return self._minute.epoch_s + second_s
        if (stamp, form) == self._last and abs(now_s - self._last_now_s) < DAY_S / 2:
            return self._last_epoch
        try:
            read = self._bsd if form == header.BSD else _READERS[form]
            epoch = _plausible(read(stamp, now_s))
        except (ValueError, OverflowError, OSError, KeyError):
            epoch = None  # separators in the right places, and no time between them
        self._last, self._last_now_s, self._last_epoch = (stamp, form), now_s, epoch
        return epoch

    def _bsd(self, stamp: str, now_s: float) -> float:
        """Read `Nov  9 07:40:25`; the hour it lies in is remembered."""
        hour_name = stamp[:9]
        if hour_name != self._hour_name or not -DAY_S < now_s - self._hour.later < _HOUR_KNOWN_S:
            self._hour_name = self._minute_name = ""
            self._hour = _latest_hour(_MONTHS[stamp[:3].lower()], int(stamp[4:6]), int(stamp[7:9]), now_s)
            self._hour_name = hour_name
        minute, second = int(stamp[10:12]), int(stamp[13:15])
        if minute > 59 or second > 60:
            raise ValueError(stamp)
        if self._hour.earlier == self._hour.later:
            self._minute_name = stamp[:12]
            later_s = self._hour.later
            self._minute = Minute(later_s + minute * 60, later_s - DAY_S, later_s + _HOUR_KNOWN_S)
        return _nearest(self._hour, minute * 60 + second, now_s)


def _plausible(epoch_s: float) -> float:
    """Return the time when a calendar holds it and a clock may have shown it. Raises ValueError or OverflowError."""
    if not _EARLIEST_S <= epoch_s < _LATEST_S:
        raise ValueError(epoch_s)
    if epoch_s > _LATEST_EVERYWHERE_S:
        datetime.fromtimestamp(epoch_s)  # noqa: DTZ006 (whatever asks for it later does so in local time)
    return epoch_s


def _nearest(hour: Hour, past_s: int, now_s: float) -> float:
    later = hour.later + past_s
    return later if later <= now_s + _AHEAD_MAX_S else hour.earlier + past_s


def _latest_hour(month: int, day: int, hour: int, now_s: float) -> Hour:
    """Return that hour in the latest year that does not put it over a day into the future."""
    this_year = datetime.fromtimestamp(now_s).year  # noqa: DTZ006 (local time is what such a stamp is in)
    for year in range(this_year + 1, max(this_year - _YEARS_BACK_MAX, _EARLIEST_YEAR - 1), -1):
        try:
            found = _local_hour(year, month, day, hour)
        except ValueError:  # this year has no 29th of February
            continue
        if found.later <= now_s + DAY_S:
            return found
    raise ValueError("no such day")


def _local_hour(year: int, month: int, day: int, hour: int) -> Hour:
    moment = datetime(year, month, day, hour)  # noqa: DTZ001 (local time is what such a stamp is in)
    return Hour(*sorted((moment.timestamp(), moment.replace(fold=1).timestamp())))


def _local(year: str, month: int, day: str, clock: Tuple[str, str, str], now_s: float) -> float:
    hour, minute, second = map(int, clock)
    if minute > 59 or second > 60:
        raise ValueError(clock)
    return _nearest(_local_hour(int(year), month, int(day), hour), minute * 60 + second, now_s)


def _zoned(year: str, month: int, day: str, clock: Tuple[str, str, str], zone: Tuple[str, str, str]) -> float:
    sign, hours, minutes = zone
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    hour, minute, second = map(int, clock)
    moment = datetime(int(year), month, int(day), hour, minute, tzinfo=timezone(offset))
    return moment.timestamp() + second


def _groups(pattern: re.Pattern[str], stamp: str) -> Tuple[str, ...]:
    match = pattern.match(stamp)
    if not match:
        raise ValueError(stamp)
    return match.groups("")


def _iso(stamp: str, now_s: float) -> float:
    year, month, day, hour, minute, second, fraction, zone, sign, hours, minutes = _groups(_ISO, stamp)
    clock = (hour, minute, second)
    if zone:
        epoch = _zoned(year, int(month), day, clock, (sign, hours or "0", minutes or "0"))
    else:
        epoch = _local(year, int(month), day, clock, now_s)
    return epoch + float(f"0.{fraction or 0}")


def _c_time(stamp: str, now_s: float) -> float:
    month, day, hour, minute, second, year = _groups(_C_TIME, stamp)
    return _local(year, _MONTHS[month.lower()], day, (hour, minute, second), now_s)


def _year_first(stamp: str, now_s: float) -> float:
    year, month, day, hour, minute, second = _groups(_YEAR_FIRST, stamp)
    return _local(year, _MONTHS[month.lower()], day, (hour, minute, second), now_s)


def _year_colons(stamp: str, now_s: float) -> float:
    return _iso(stamp, now_s)


def _no_year(stamp: str, now_s: float) -> float:
    month, day, hour, minute, second = map(int, _groups(_NO_YEAR, stamp))
    return _nearest(_latest_hour(month, day, hour, now_s), minute * 60 + second, now_s)


def _us_date(stamp: str, now_s: float) -> float:
    month, day, year, hour, minute, second = _groups(_US_DATE, stamp)
    return _local(year, int(month), day, (hour, minute, second), now_s)


def _epoch(stamp: str, _now_s: float) -> float:
    return float(stamp)


def _access(stamp: str, _now_s: float) -> float:
    day, month, year, hour, minute, second, sign, hours, minutes = _groups(_ACCESS, stamp)
    return _zoned(year, _MONTHS[month.lower()], day, (hour, minute, second), (sign, hours, minutes))


_READERS: Dict[str, Callable[[str, float], float]] = {
    header.ISO: _iso,
    header.YEAR_FIRST: _year_first,
    header.YEAR_COLONS: _year_colons,
    header.C_TIME: _c_time,
    header.NO_YEAR: _no_year,
    header.US_DATE: _us_date,
    header.DOTS: _iso,
    header.EPOCH: _epoch,
    header.ACCESS: _access,
}
