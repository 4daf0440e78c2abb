"""When something is to be done for which block: a queue of releases, and one of blocks to be put in force."""

from __future__ import annotations

import heapq
from typing import Callable, List, Optional, Tuple

from ar.model import Subject

Key = Tuple[str, Subject]  # a command and what it acts on
AT_ONCE_S = float("-inf")
TIDIED_AT_ENTRIES = 1000

_Entry = Tuple[float, int, Key]  # boot clock, the block's number, its key


class Queue:
    """Entries by time; at equal times older blocks come first.

    An entry counts as long as `stands` says that it is still the block's; the others are dropped when they come
    up, and all at once when they have become many (a sorted list is a heap too).
    """

    def __init__(self, stands: Callable[[float, int, Key], bool]) -> None:
        self._stands = stands
        self._entries: List[_Entry] = []
        self._tidied_at = TIDIED_AT_ENTRIES

    def put(self, boot_s: float, block_id: int, key: Key) -> None:
        """Note that something is to be done at that time."""
        if len(self._entries) >= self._tidied_at:
            self._entries = sorted({entry for entry in self._entries if self._stands(*entry)})
            self._tidied_at = max(TIDIED_AT_ENTRIES, 2 * len(self._entries))
        heapq.heappush(self._entries, (boot_s, block_id, key))

    def next_s(self) -> Optional[float]:
        """Return the earliest time at which something is to be done, or None."""
        while self._entries and not self._stands(*self._entries[0]):
            heapq.heappop(self._entries)
        return self._entries[0][0] if self._entries else None

    def first_due(self, boot_s: float) -> Optional[Key]:
        """Return the key of the block that something is to be done for first, by now; None when there is none."""
        next_s = self.next_s()
        return None if next_s is None or next_s > boot_s else self._entries[0][2]

    def drop_first(self) -> None:
        """Take the first entry off."""
        heapq.heappop(self._entries)
