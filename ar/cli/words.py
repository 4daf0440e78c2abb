"""How the verbs write times, spans and tables for people."""

from __future__ import annotations

import time
from typing import List, Optional, Sequence

from ar.report.log import printable


def span(seconds: Optional[float]) -> str:
    """Return a span in at most two units: `9 s`, `29 min 59 s`, `2 h`, `3 d 4 h`; None is `for good`."""
    if seconds is None:
        return "for good"
    left = int(seconds + 0.5)
    parts = []
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if left >= unit_s:
            parts.append(f"{left // unit_s} {unit}")
            left %= unit_s
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def moment(epoch_s: Optional[float]) -> str:
    """Return a wall-clock time as people read it, or a dash."""
    return "-" if epoch_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_s))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows in aligned columns under a head; nothing in them can do anything to a terminal."""
    cells: List[List[str]] = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in cells)
    return "\n".join(lines)
