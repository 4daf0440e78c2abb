"""When something is to be done for which block: an agenda of releases, and one of blocks to be put in force."""

from __future__ import annotations

import heapq
from typing import Callable, Dict, List, Optional, Tuple

from ar.model import Subject

Key = Tuple[str, Subject]  # a command and what it acts on
AT_ONCE_S = float("-inf")
TIDIED_AT_ENTRIES = 1000

_Entry = Tuple[float, int]  # boot clock, the block's number
_Stands = Callable[[float, int], bool]  # whether an entry is still the block's


class Queue:
    """Entries by time; at equal times older blocks come first.

    An entry counts as long as `stands` says that it is still the block's; the others are dropped when they come
    up, and all at once when they have become many (a sorted list is a heap too).
    """

    def __init__(self, stands: _Stands) -> None:
        self._stands = stands
        self._entries: List[_Entry] = []
        self._tidied_at = TIDIED_AT_ENTRIES

    def put(self, boot_s: float, block_id: int) -> None:
        """Note that something is to be done at that time."""
        if len(self._entries) >= self._tidied_at:
            self._entries = sorted({entry for entry in self._entries if self._stands(*entry)})
            self._tidied_at = max(TIDIED_AT_ENTRIES, 2 * len(self._entries))
        heapq.heappush(self._entries, (boot_s, block_id))

    def first(self) -> Optional[_Entry]:
        """Return the earliest entry, or None."""
        while self._entries and not self._stands(*self._entries[0]):
            heapq.heappop(self._entries)
        return self._entries[0] if self._entries else None

    def drop_first(self) -> None:
        """Take the first entry off."""
        heapq.heappop(self._entries)


class Agenda:
    """A queue for each command, so that what one script can be run for at once stands together."""

    def __init__(self, stands: _Stands) -> None:
        self._stands = stands
        self._queues: Dict[str, Queue] = {}

    def put(self, boot_s: float, block_id: int, command: str) -> None:
        """Note that something is to be done at that time for a block of that command."""
        queue = self._queues.get(command)
        if queue is None:
            queue = self._queues[command] = Queue(self._stands)
        queue.put(boot_s, block_id)

    def next_s(self) -> Optional[float]:
        """Return the earliest time at which something is to be done, or None."""
        first = self._first()
        return None if first is None else first[0]

    def first_due(self, boot_s: float, command: Optional[str] = None) -> Optional[int]:
        """Return the number of the block that something is to be done for first, by now; None when there is none.

        With `command` only its blocks count.
        """
        first = self._first() if command is None else self._queues[command].first()
        return None if first is None or first[0] > boot_s else first[1]

    def drop_first(self, command: str) -> None:
        """Take off the entry that `first_due` has just told of, of a block of that command."""
        self._queues[command].drop_first()

    def _first(self) -> Optional[_Entry]:
        return min(filter(None, (queue.first() for queue in self._queues.values())), default=None)
