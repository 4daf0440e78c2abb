"""What lines have in common that differ in how many digits stand in a row, as addresses, ports and pids do.

The skeleton of a line is its shape with each run of digits after the stamp made one 0. Logs have thirty times as many
shapes as skeletons. The plan of a shape counts for all lines of its skeleton when nothing that led to it can have
counted digits: the header is of the plain form, and each pattern that was asked passes over runs (ar/patterns/runs.py).
The places of fields then stand at the edges of runs, and are found again in another shape by these.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Optional, Tuple

from ar.detect.header import STAMP_CHARS

Places = Tuple[slice, ...]
_RUN = re.compile(rb"00+")


def skeleton_of(shape: bytes) -> bytes:
    """Return the skeleton of the lines of a shape."""
    rest = shape[STAMP_CHARS:]
    while b"00" in rest:  # four times at most for numbers, and faster than an expression
        rest = rest.replace(b"000", b"0").replace(b"00", b"0")
    return shape[:STAMP_CHARS] + rest


def shrink(places: Places, shape: bytes) -> Optional[Places]:
    """Return where in the skeleton these places of a shape are; None when one begins or ends within a run."""
    shrunk = tuple(
        slice(
            len(skeleton_of(shape[: place.start])),
            None if place.stop is None else len(skeleton_of(shape[: place.stop])),
        )
        for place in places
    )
    return shrunk if stretch(shrunk, shape) == places else None


def stretch(places: Places, shape: bytes) -> Places:
    """Return where in a shape these places of its skeleton are."""
    starts = []  # of runs, in the skeleton
    added = [0]  # to a place before the first run, after it, after the second …
    for run in _RUN.finditer(shape, STAMP_CHARS):
        first, end = run.span()
        starts.append(first - added[-1])
        added.append(added[-1] + end - first - 1)
    return tuple(
        slice(
            place.start + added[bisect_left(starts, place.start)],
            None if place.stop is None else place.stop + added[bisect_left(starts, place.stop)],
        )
        for place in places
    )
