"""A log file that is only appended to, and whose troubles never stop the agent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional


class Appender:
    """Appends text to a file, opened when first needed and again after `reopen`; owner and group may read it.

    A write that fails (a full disk, a folder that is gone) is counted in `lost` and told in `problem`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        self.problem = ""
        self._fd: Optional[int] = None

    def write(self, text: str) -> bool:
        """Append; return whether all of it was written."""
        try:
            if self._fd is None:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._fd = os.open(self.path, flags, 0o640)
            content = text.encode("utf-8", "backslashreplace")
            written = os.write(self._fd, content)
        except OSError as error:
            self.problem = f"{self.path}: cannot be written: {error.strerror}"
            self.lost += 1
            return False
        if written < len(content):
            self.problem = f"{self.path}: cannot be written: only part of a line fitted"
            self.lost += 1
        return written == len(content)

    def reopen(self) -> None:
        """Let go of the file, so that the next line goes to whatever then has its name."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
