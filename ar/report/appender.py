"""A log file that is only appended to, and whose troubles never stop the agent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Optional


class Appender:
    """Appends text to a file, opened when first needed and again after `reopen`; owner and group may read it.

    A write that fails (a full disk, a folder that is gone) is counted in `lost`; `complain` is told of the
    first one, and again of the first one after it went well for a while.
    """

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self.path = path
        self.lost = 0
        self._complain = complain
        self._in_trouble = False
        self._half_line = False
        self._fd: Optional[int] = None

    def write(self, text: str, records: int = 1) -> None:
        """Append whole lines, which tell of so many things; these count as lost when not all of it is written."""
        content = ("\n" + text if self._half_line else text).encode("utf-8", "backslashreplace")
        try:
            if self._fd is None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._fd = os.open(self.path, flags, 0o640)
            written = os.write(self._fd, content)
        except OSError as error:
            self._fail(f"{self.path}: cannot be written: {error.strerror}", records)
            return
        self._half_line = written < len(content)
        if self._half_line:
            self._fail(f"{self.path}: cannot be written: only part of a line fitted", records)
        else:
            self._in_trouble = False

    def _fail(self, problem: str, records: int) -> None:
        self.lost += records
        if not self._in_trouble:
            self._in_trouble = True
            self._complain(problem)

    def reopen(self) -> None:
        """Let go of the file, so that the next line goes to whatever then has its name."""
        self._half_line = False
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
