"""Follows every configured source through rotation, truncation and loss, and hands on each line once."""

from __future__ import annotations

import time
from typing import Callable, Dict, List, Optional, Sequence

from ar.config.settings import JOURNALD, LocalFile
from ar.model import Chunk, Moment
from ar.watch.files import Files
from ar.watch.hints import Hints, Log, hints_of_this_system
from ar.watch.journald import JOURNALCTL, Journald


class Watcher:
    """All sources of one agent.

    A file that is there at the start, or when its location is first configured, is followed from its end; one
    that appears later is read from its start. `log(level, text)` is told what happens to a source; nothing
    here raises for a source that is missing or broken. `hints`, `journalctl` (argv of the program) and
    `wall_clock` are for tests and for other systems.
    """

    def __init__(
        self,
        local_files: Sequence[LocalFile],
        *,
        line_bytes_max: int,
        log: Log,
        hints: Optional[Hints] = None,
        journalctl: Sequence[str] = JOURNALCTL,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._line_bytes_max = line_bytes_max
        self._log = log
        self._hints = hints or hints_of_this_system(log)
        self._files = Files(line_bytes_max, self._hints, log)
        self._journalctl = journalctl
        self._journald: Optional[Journald] = None
        self._wall_clock = wall_clock
        self._read_s = 0.0
        self._look_due_s = 0.0
        self.rewatch(local_files)

    @property
    def bounds_hit(self) -> Dict[str, int]:
        """How often each bound was hit, by its name; for watched_files_max: how many are left out now."""
        journald_cut = self._journald.lines_cut if self._journald else 0
        return {"line_bytes_max": self._files.lines_cut + journald_cut, "watched_files_max": self._files.left_out}

    def rewatch(self, local_files: Sequence[LocalFile]) -> None:
        """Follow `local_files` from now on; files that stay are read on from where they are."""
        wants_journald = any(one.log_format == JOURNALD for one in local_files)
        if wants_journald and not self._journald:
            self._journald = Journald(self._journalctl, self._line_bytes_max, self._log)
        elif self._journald and not wants_journald:
            self._journald.close()
            self._journald = None
        self._files.rewatch(one.location for one in local_files if one.log_format != JOURNALD)
        self._files.look(Moment(self._wall_clock(), self._read_s))
        self._look_due_s = self._read_s

    def filenos(self) -> List[int]:
        """Return the descriptors of which one can be read when something happened; `read` may change them."""
        own = [] if self._hints.fileno is None else [self._hints.fileno]
        return own + (self._journald.filenos() if self._journald else [])

    def wake_after_s(self) -> float:
        """Return how long after the last `read` the next is due at the latest, whatever the descriptors say."""
        if self._files.more or (self._journald and self._journald.more):
            return 0.0
        due_s = min(self._look_due_s, self._journald.due_s) if self._journald else self._look_due_s
        return max(0.0, due_s - self._read_s)

    def followed(self) -> List[str]:
        """Return the names of the sources that are read now."""
        return sorted(self._files.names) + ([JOURNALD] if self._journald and self._journald.running else [])

    def read(self, now: Moment, lines_max: int = 10_000) -> List[Chunk]:
        """Return at most `lines_max` lines that have come, each source's in order; a full list: call again soon."""
        self._read_s = now.boot_s
        if self._hints.drain() or now.boot_s >= self._look_due_s:
            self._files.look(now)
            self._look_due_s = now.boot_s + self._hints.interval_s
        chunks: List[Chunk] = []
        if self._journald:
            # Half the room at most, so that a flood into the one does not starve the other.
            lines = self._journald.read(now, max(1, lines_max // 2))
            lines_max -= len(lines)
            chunks = [Chunk(JOURNALD, lines, now.wall_s)] if lines else []
        return chunks + self._files.read(now, lines_max)

    def close(self) -> None:
        """Let go of everything; the watcher is of no use afterwards."""
        self._files.close()
        if self._journald:
            self._journald.close()
        self._hints.close()
