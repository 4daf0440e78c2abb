"""A watcher on files below a temporary folder, with a clock that the test moves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import List, Tuple

from ar.config.settings import LocalFile
from ar.errors import Place
from ar.model import Chunk, Moment
from ar.watch import Watcher
from ar.watch.hints import Polling

PLACE = Place("ossec.conf", 7)
WALL_S = 1_800_000_000.0


def local(location: object, log_format: str = "syslog") -> LocalFile:
    return LocalFile(log_format, str(location), PLACE)


def texts(chunks: List[Chunk]) -> List[str]:
    """Return the lines of the chunks as text."""
    return [line.decode("utf-8", "backslashreplace") for chunk in chunks for line in chunk.lines]


class Watch:
    """A watcher that looks at everything in each reading, since a second has gone by."""

    def __init__(self, *locations: object, line_bytes_max: int = 100, hints=None) -> None:
        self.said: List[Tuple[str, str]] = []
        self.now_s = 5000.0
        self.watcher = Watcher(
            [one if isinstance(one, LocalFile) else local(one) for one in locations],
            line_bytes_max=line_bytes_max,
            log=lambda level, text: self.said.append((level, text)),
            hints=hints or Polling(),
            wall_clock=lambda: WALL_S + self.now_s,
        )

    def read(self, lines_max: int = 10_000, after_s: float = 1.0) -> List[str]:
        self.now_s += after_s
        moment = Moment(WALL_S + self.now_s, self.now_s)
        return texts(self.watcher.read(moment, lines_max))

    def dated(self, name: str) -> str:
        """Return what a name with strftime fields is now."""
        return time.strftime(name, time.localtime(WALL_S + self.now_s))

    def complaints(self) -> List[str]:
        return [f"{level}: {text}" for level, text in self.said if level != "INFO"]


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(content)
