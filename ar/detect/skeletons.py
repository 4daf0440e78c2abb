"""What lines have in common that differ in how many digits stand in a row, as addresses, ports and pids do.

The skeleton of a line is its shape with each run of digits after the stamp made one 0. Logs have thirty times as many
shapes as skeletons. The plan of a shape counts for all lines of its skeleton when nothing that led to it can have
counted digits: the header is of the plain form, and each pattern that was asked passes over runs (ar/patterns/runs.py).
The places of fields then stand at the edges of runs, and are found again in another shape by these.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Optional, Sequence, Tuple

from ar.detect.header import STAMP_CHARS

Places = Sequence[slice]
# Of each: how many runs begin before its start, how far that is without their digits, and the same of its end, of which
# -1 says that it is the line's.
ShrunkPlaces = Tuple[Tuple[int, int, int, int], ...]
_RUN = re.compile(rb"0+")


def skeleton_of(shape: bytes) -> bytes:
    """Return the skeleton of the lines of a shape."""
    rest = shape[STAMP_CHARS:]
    while b"00" in rest:  # four times at most for numbers, and faster than an expression
        rest = rest.replace(b"000", b"0").replace(b"00", b"0")
    return shape[:STAMP_CHARS] + rest


def shrink(places: Places, shape: bytes) -> Optional[ShrunkPlaces]:
    """Return where among the runs these places of a shape are; None when one begins or ends within a run."""
    edges = [(run.start(), run.end()) for run in _RUN.finditer(shape, STAMP_CHARS)]
    if any(start < at < end for place in places for at in (place.start, place.stop or 0) for start, end in edges):
        return None
    starts = [start for start, _ in edges]

    def shrunk(at: int) -> Tuple[int, int]:
        runs = bisect_left(starts, at)
        return runs, at - sum(end - start for start, end in edges[:runs])

    return tuple((*shrunk(place.start), *((-1, 0) if place.stop is None else shrunk(place.stop))) for place in places)


def stretch(places: ShrunkPlaces, shape: bytes) -> Places:
    """Return where in a shape these places of its skeleton are."""
    digits = [0]  # before the first run, after it, after the second …
    for run in _RUN.findall(shape, STAMP_CHARS):
        digits.append(digits[-1] + len(run))
    return [
        slice(start + digits[before], None if until < 0 else stop + digits[until])
        for before, start, until, stop in places
    ]
