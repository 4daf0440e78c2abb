"""Reads a log's lines with the time at which each was written, as far as the lines tell."""

from __future__ import annotations

from typing import IO, Iterable, Iterator, List, Optional, Tuple

from ar.detect.detector import AHEAD_MAX_S
from ar.detect.header import split_header
from ar.detect.stamps import Stamps

PATIENCE_LINES = 1000  # so many lines without a stamp at the start wait for the first one that has one


def lines_of(log: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a log as the agent sees them, without their ends."""
    for line in log:
        yield line.rstrip(b"\r\n")


def text_of(line: bytes) -> str:
    """Return the line as text; no byte is lost."""
    return line.decode("utf-8", "backslashreplace")


class LogClock:
    """Tells the time of one log's lines; it never runs backwards. `now_s` is the wall clock of the reader."""

    def __init__(self, now_s: float) -> None:
        self._now_s = now_s
        self._stamps = Stamps()
        self._last_s = 0.0

    def time_of(self, text: str) -> float:
        """Return the line's own time, or that of the last line that had one; 0 before the first."""
        epoch = self.stamp_of(text)
        if epoch is not None and epoch <= self._now_s + AHEAD_MAX_S:
            self._last_s = max(self._last_s, epoch)
        return self._last_s

    def stamp_of(self, text: str) -> Optional[float]:
        """Return the time that stands in the line, believable or not; None when none does."""
        stamp, form, *_ = split_header(text)
        return self._stamps.epoch(stamp, form, self._now_s) if stamp else None

    def timed(self, lines: Iterable[bytes]) -> Iterator[Tuple[float, bytes]]:
        """Yield each line with its time; those before the first stamp get its time, or now when none comes."""
        early: List[bytes] = []
        for line in lines:
            time_s = self.time_of(text_of(line))
            if not time_s and len(early) < PATIENCE_LINES:
                early.append(line)
                continue
            for waiting in early:
                yield time_s or self._now_s, waiting
            early.clear()
            yield time_s or self._now_s, line
        for waiting in early:
            yield self._now_s, waiting
