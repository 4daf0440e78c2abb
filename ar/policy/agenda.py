"""When something is to be done for which block: releases in the order of their ends, and before all new blocks."""

from __future__ import annotations

import heapq
from typing import Callable, List, Optional, Tuple

from ar.model import Subject

Key = Tuple[str, Subject]  # a command and what it acts on
AT_ONCE_S = float("-inf")

_Entry = Tuple[float, int, Key]  # boot clock, the block's number, its key


class Agenda:
    """Two queues by time. An entry counts as long as `stands(key, boot_s)` says that it is still the block's."""

    def __init__(self, stands: Callable[[Key, float], bool]) -> None:
        self._stands = stands
        self._releases: List[_Entry] = []
        self._additions: List[_Entry] = []

    def put(self, boot_s: float, block_id: int, key: Key, *, release: bool) -> None:
        """Note that something is to be done at that time; at equal times older blocks come first."""
        heapq.heappush(self._releases if release else self._additions, (boot_s, block_id, key))

    def next_s(self, *, releases_only: bool) -> Optional[float]:
        """Return the earliest time at which something is to be done, or None."""
        firsts = map(self._first, self._queues(releases_only=releases_only))
        return min((first[0] for first in firsts if first), default=None)

    def take_due(self, boot_s: float, *, releases_only: bool) -> Optional[Key]:
        """Take the key of the next block that something is to be done for by now; None when there is none."""
        for queue in self._queues(releases_only=releases_only):
            first = self._first(queue)
            if first is not None and first[0] <= boot_s:
                heapq.heappop(queue)
                return first[2]
        return None

    def _queues(self, *, releases_only: bool) -> Tuple[List[_Entry], ...]:
        return (self._releases,) if releases_only else (self._releases, self._additions)

    def _first(self, queue: List[_Entry]) -> Optional[_Entry]:
        while queue and not self._stands(queue[0][2], queue[0][0]):
            heapq.heappop(queue)
        return queue[0] if queue else None
