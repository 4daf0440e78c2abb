"""How lengths of time are read, written and spoken of: `10m` in files and on command lines, `10 min` to people."""

from __future__ import annotations

import re
from typing import Optional

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION_MAX_S = 36500 * 86400  # about a hundred years; whoever wants longer wants 0, for good
_SPOKEN = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
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
    for unit, unit_s in reversed(UNITS_S.items()):
        if seconds and seconds % unit_s == 0:
            return f"{seconds // unit_s}{unit}"
    return f"{seconds}s"


def speak(seconds: Optional[float], *, units: int = 2) -> str:
    """Return a length of time for people, to at most `units` neighbouring units; None is `for good`.

    With two, which is the default: `9 s`, `29 min 59 s`, `2 h`, `3 d 4 h`. Four tell every second.
    """
    if seconds is None:
        return "for good"
    left = max(0, int(seconds + 0.5))
    largest = next((at for at, (unit_s, _) in enumerate(_SPOKEN) if left >= unit_s), len(_SPOKEN) - 1)
    parts = []
    for unit_s, unit in _SPOKEN[largest : largest + units]:
        number, left = divmod(left, unit_s)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts) or "0 s"
