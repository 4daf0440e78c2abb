"""The agent's own log, in the style of OSSEC's `logs/ossec.log`, and the same lines on the terminal."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import IO, Optional

from ar.report.appender import Appender


class Log:
    """Writes `2026/11/21 06:23:59 ar-agent: INFO: text`. Never raises: what cannot be written is counted."""

    def __init__(self, path: Optional[Path], terminal: Optional[IO[str]] = None) -> None:
        self._file = Appender(path) if path else None
        self._terminal = terminal
        self._told = False

    @property
    def lost(self) -> int:
        """How many lines could not be written to the file."""
        return self._file.lost if self._file else 0

    def __call__(self, severity: str, text: str) -> None:
        stamp = time.strftime("%Y/%m/%d %H:%M:%S")
        for part in text.splitlines() or [""]:
            self._write(f"{stamp} ar-agent: {severity}: {part}")

    def _write(self, line: str) -> None:
        if self._terminal is not None:
            print(printable(line), file=self._terminal, flush=True)
        if self._file is not None and not self._file.write(line + "\n") and not self._told:
            self._told = True
            print(f"ar-agent: ERROR: {self._file.problem}", file=sys.stderr, flush=True)

    def reopen(self) -> None:
        """Open the file anew, after somebody moved it away."""
        self._told = False
        if self._file:
            self._file.reopen()


def printable(text: str) -> str:
    """Return text that can do nothing to a terminal: control characters are written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
