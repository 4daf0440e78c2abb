"""One open log file, read line by line from where the last reading ended."""

from __future__ import annotations

import os
import stat
from typing import List, NamedTuple, Optional

CHUNK_BYTES = 256 * 1024
CHUNKS_MAX = 4  # read at a stretch; a file with more says so and waits its turn
OVERLAP_BYTES = 1024  # enough to hold the stamp of the last line, which tells it from its like


class Identity(NamedTuple):
    """What tells one file from another, whatever its name is at the moment."""

    device: int
    inode: int


class Position(NamedTuple):
    """Where in which file the next line begins: all that is needed to go on there later.

    `seen` are the last bytes before `offset`. Where they no longer stand there, the file was rewritten (or the
    inode belongs to another file by now), and reading starts over. `dropping` tells that `offset` lies within
    a line that was cut, whose rest is still to be dropped.
    """

    identity: Identity
    offset: int
    seen: bytes
    dropping: bool


class NotAFileError(OSError):
    """The name stands for something that is no regular file, such as a folder or a pipe."""


def identity_of(status: os.stat_result) -> Identity:
    """Return who the file is; raises NotAFileError for anything but a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotAFileError(0, "it is no regular file")
    return Identity(status.st_dev, status.st_ino)


class Tail:
    """One file held open. No half line is kept in memory: it stays in the file until its newline is there.

    `more` tells after `read` that there is more to read at once, `rewound` that the file was found truncated
    or rewritten and was read from its start, `lines_cut` how many lines were longer than `line_bytes_max`.
    `pattern` is the location in the configuration that asked for it. `nameless_since_s` (boot clock) is when
    it was found to have lost its name, or last grew after that; None while a watched name leads to it.
    `leaving` marks it to be closed as soon as nothing more is found in it.
    """

    def __init__(self, path: str, pattern: str, line_bytes_max: int) -> None:
        """Open the file at `path`, to be read from its start. Raises OSError."""
        # Without waiting: should a pipe take the name in this very moment, opening it must not hang.
        self.fileno = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            self.identity = identity_of(os.fstat(self.fileno))
        except OSError:
            os.close(self.fileno)
            raise
        self.path = path
        self.pattern = pattern
        self.nameless_since_s: Optional[float] = None
        self.leaving = False
        self.more = False
        self.rewound = False
        self.lines_cut = 0
        self._line_bytes_max = line_bytes_max
        self._chunk_bytes = max(CHUNK_BYTES, 2 * line_bytes_max)
        self._start_over()

    def _start_over(self) -> None:
        self._offset = 0
        self._seen = b""
        self._dropping = False

    @property
    def position(self) -> Position:
        """Where the next line begins."""
        return Position(self.identity, self._offset, self._seen, self._dropping)

    def resume(self, position: Position) -> None:
        """Go on at `position`; if its file was rewritten since, the first reading starts over."""
        self._offset, self._seen, self._dropping = position.offset, position.seen, position.dropping

    def skip_to_end(self) -> None:
        """Leave out what is there already; a half line at the end is read as a whole once it is finished."""
        end = os.fstat(self.fileno).st_size
        base = max(0, end - self._line_bytes_max - OVERLAP_BYTES)
        last = os.pread(self.fileno, end - base, base)
        newline = last.rfind(b"\n")
        self._dropping = newline < 0 < base
        last = last if self._dropping else last[: newline + 1]
        self._offset = base + len(last)
        self._seen = last[-OVERLAP_BYTES:]

    def unlinked(self) -> bool:
        """Tell whether no name leads to the file any more."""
        return os.fstat(self.fileno).st_nlink == 0

    def read(self, lines_max: int) -> List[bytes]:
        """Return the finished lines that were not handed on yet, at most `lines_max`. Raises OSError."""
        lines: List[bytes] = []
        self.more, self.rewound = True, False
        for _ in range(CHUNKS_MAX):
            known = len(self._seen)
            chunk = os.pread(self.fileno, known + self._chunk_bytes, self._offset - known)
            if not chunk.startswith(self._seen):
                self._start_over()
                self.rewound = True
                continue
            fresh = chunk[known:]
            taken = self._take(fresh, lines, lines_max - len(lines))
            self._seen = (self._seen + fresh[max(0, taken - OVERLAP_BYTES) : taken])[-OVERLAP_BYTES:]
            self._offset += taken
            if not taken:
                self.more = False
                break
            if len(lines) >= lines_max:
                break
        return lines

    def _take(self, fresh: bytes, lines: List[bytes], lines_max: int) -> int:
        """Append the lines of `fresh` to `lines` and return how many bytes are done with."""
        pieces = fresh.split(b"\n", lines_max)
        rest = pieces.pop()
        finished = len(pieces)
        taken = len(fresh) - len(rest)
        if self._dropping and pieces:
            del pieces[0]
            self._dropping = False
        plain = b"\r" not in fresh and b"\0" not in fresh and max(map(len, pieces), default=0) <= self._line_bytes_max
        lines.extend(pieces if plain else map(self._cleaned, pieces))
        return taken if finished == lines_max else taken + self._pass_over(rest, lines)

    def _pass_over(self, half: bytes, lines: List[bytes]) -> int:
        """Return how many bytes of the half line `half` need not wait for its end."""
        if self._dropping:
            return len(half)
        text = half.lstrip(b"\0")
        if len(text) <= self._line_bytes_max + 1:  # one more, for a carriage return
            return len(half) - len(text)
        lines.append(self._cleaned(text))
        self._dropping = True
        return len(half)

    def _cleaned(self, line: bytes) -> bytes:
        # A writer that does not append leaves a hole, read as NULs, before its first line after a truncation.
        line = line.lstrip(b"\0")
        if line.endswith(b"\r"):
            line = line[:-1]
        if len(line) > self._line_bytes_max:
            line = line[: self._line_bytes_max]
            self.lines_cut += 1
        return line

    def close(self) -> None:
        os.close(self.fileno)
