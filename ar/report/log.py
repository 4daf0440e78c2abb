"""The agent's own log, in the style of OSSEC's `logs/ossec.log`, and the same lines on the terminal."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from ar.report.appender import Appender

TERMINAL_LINE_MAX_BYTES = 4000  # fits into a pipe that says it has room (PIPE_BUF), so that a write never waits


class Log:
    """Writes `2026/11/21 06:23:59 ar-agent: INFO: text`. It never raises and never waits.

    `terminal` is a file descriptor. A line that the terminal has no room for (nobody reads the pipe, Ctrl-S) is
    in the file only; a terminal that is gone is not tried again.
    """

    def __init__(self, path: Path, terminal: Optional[int]) -> None:
        self._file = Appender(path, self._complain)
        self._terminal = _that_never_waits(terminal)

    @property
    def lost(self) -> int:
        """How many lines could not be written to the file."""
        return self._file.lost

    def __call__(self, severity: str, text: str) -> None:
        """Write a line for each line of the text."""
        stamp = time.strftime("%Y/%m/%d %H:%M:%S")
        lines = [f"{stamp} ar-agent: {severity}: {printable(part)}" for part in text.splitlines() or [""]]
        self._file.write("".join(f"{line}\n" for line in lines), records=len(lines))
        for some in _in_pieces(lines):
            self._show(some)

    def reopen(self) -> None:
        """Open the file anew, after somebody moved it away."""
        self._file.reopen()

    def _complain(self, problem: str) -> None:
        self._show(f"ar-agent: ERROR: {problem}")

    def _show(self, line: str) -> None:
        if self._terminal is None:
            return
        content = line.encode("utf-8", "backslashreplace")[:TERMINAL_LINE_MAX_BYTES] + b"\n"
        try:
            if select.select([], [self._terminal], [], 0)[1]:
                os.write(self._terminal, content)
        except BlockingIOError:
            return  # it has room for less than this line
        except OSError as error:
            self._terminal = None
            self("WARNING", f"The terminal cannot be written: {error.strerror}. From here on see {self._file.path}.")


def _in_pieces(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines joined, as many at once as the terminal takes for sure."""
    some: List[str] = []
    room = TERMINAL_LINE_MAX_BYTES
    for line in lines:
        needed = len(line.encode("utf-8", "backslashreplace")) + 1
        if some and needed > room:
            yield "\n".join(some)
            some, room = [], TERMINAL_LINE_MAX_BYTES
        some.append(line)
        room -= needed
    yield "\n".join(some)


def _that_never_waits(terminal: Optional[int]) -> Optional[int]:
    """Return a descriptor on which no write waits: a terminal with room for a byte takes its time for a line.

    A pipe that says it has room takes a whole line, and a file always does, so these stay as they are.
    """
    if terminal is None or not os.isatty(terminal):
        return terminal
    try:
        return os.open(os.ttyname(terminal), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None  # it has no name here (a container's): the log file is the record


def to_stderr(severity: str, text: str) -> None:
    """Say what is wrong on standard error, for verbs that have no log of their own; what is well is not told."""
    for line in text.splitlines() if severity != "INFO" else ():
        print(f"ar-agent: {severity}: {printable(line)}", file=sys.stderr)


def printable(text: str) -> str:
    """Return text that can do nothing to a terminal: control characters are written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
