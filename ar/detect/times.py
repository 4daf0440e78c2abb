"""`<time>` and `<weekday>` of a rule: hours of the day and days of the week, with `!` for all others."""

from __future__ import annotations

import re
from typing import FrozenSet, NamedTuple

_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(am|pm)?\Z", re.IGNORECASE | re.ASCII)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SETS = {"weekdays": frozenset(range(5)), "weekends": frozenset({5, 6})}

Days = FrozenSet[int]


class Span(NamedTuple):
    """Minutes of the day, both ends included; over midnight when `first` comes after `last`."""

    first: int
    last: int
    negated: bool = False

    def __contains__(self, minute: object) -> bool:
        assert isinstance(minute, int)  # noqa: S101 (object is what the protocol says)
        if self.first <= self.last:
            inside = self.first <= minute <= self.last
        else:
            inside = minute >= self.first or minute <= self.last
        return inside != self.negated


def parse_span(text: str) -> Span:
    """Return `hh:mm - hh:mm`, also `6 pm - 8:30 am`, with `!` in front for the rest. Raises ValueError."""
    text = text.strip()
    negated = text.startswith("!")
    first, dash, last = text.lstrip("! ").partition("-")
    if not dash:
        raise ValueError(text)
    return Span(_minute(first), _minute(last), negated)


def _minute(text: str) -> int:
    match = _CLOCK.match(text.strip())
    if not match:
        raise ValueError(text)
    hour, minute = int(match[1]), int(match[2] or 0)
    half = (match[3] or "").lower()
    if half and hour > 12:
        raise ValueError(text)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59:
        raise ValueError(text)
    return hour * 60 + minute


def parse_days(text: str) -> Days:
    """Return days named as `monday`, `mon`, `weekdays`, `weekends`; `!` means the others. Raises ValueError."""
    text = text.strip().lower()
    negated = text.startswith("!")
    names = [name for name in re.split(r"[,\s]+", text.lstrip("! ")) if name]
    if not names:
        raise ValueError(text)
    days: Days = frozenset()
    for name in names:
        if name in _SETS:
            days |= _SETS[name]
            continue
        number = next((n for n, day in enumerate(_DAYS) if name in {day, day[:3]}), None)
        if number is None:
            raise ValueError(name)
        days |= {number}
    return frozenset(range(7)) - days if negated else days
