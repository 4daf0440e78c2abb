"""Reads lengths of time: a bare number in OSSEC's unit for it, or a number with s, m, h or d."""

from __future__ import annotations

import re
from typing import Optional

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION_MAX_S = 36500 * 86400  # about a hundred years; whoever wants longer wants 0, for good
_DURATION = re.compile(r"([0-9]{1,12})\s*([smhd]?)")


def parse_duration(text: str, bare_unit_s: int) -> Optional[int]:
    """Return the seconds that `text` stands for, or None when it is no length of time, or over DURATION_MAX_S.

    A number without a unit counts in `bare_unit_s`: timeouts are seconds and repeated_offenders minutes, as
    in OSSEC. OSSEC itself reads `10m` as 10 without a word; the units are ours.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    seconds = int(match[1]) * (UNITS_S[match[2]] if match[2] else bare_unit_s)
    return seconds if seconds <= DURATION_MAX_S else None


def write_duration(seconds: int) -> str:
    """Return a duration as `parse_duration` reads it back, in the largest unit that fits: 600 is `10m`."""
    for unit, unit_s in sorted(UNITS_S.items(), key=lambda pair: -pair[1]):
        if seconds and seconds % unit_s == 0:
            return f"{seconds // unit_s}{unit}"
    return f"{seconds}s"


def speak_duration(seconds: int) -> str:
    """Return a sentence in words for people: `for good`, `45 s`, `30 min`, `2 h`."""
    if seconds == 0:
        return "for good"
    number_and_unit = write_duration(seconds)
    return f"{number_and_unit[:-1]} {number_and_unit[-1].replace('m', 'min')}"
