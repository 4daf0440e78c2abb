"""Which block makes room when there are too many: of the shortest sentences the oldest one."""

from __future__ import annotations

import heapq
from typing import Dict, List, Optional, Tuple

from ar.policy.block import Block

TIDIED_AT_ENTRIES = 1000


class GivingWay:
    """The blocks of a ledger in the order in which they give way; worked out when it is first asked for.

    An entry counts as long as it is still its block's precedence; the others are dropped when they come up, and all at
    once when they have become many.
    """

    def __init__(self, blocks: Dict[int, Block]) -> None:
        """Look at `blocks`, the ledger's own, by number."""
        self._blocks = blocks
        self._entries: Optional[List[Tuple[float, float, int]]] = None

    def note(self, block: Block) -> None:
        """Take in a new block, or one whose sentence is another now."""
        if self._entries is None:
            return
        heapq.heappush(self._entries, block.precedence)
        if len(self._entries) > TIDIED_AT_ENTRIES + 2 * len(self._blocks):
            self._begin()

    def first(self) -> Optional[Block]:
        """Return the block that gives way; None when all that are left are for good, or being released already."""
        if self._entries is None:
            self._begin()
        entries = self._entries or []
        while entries:
            block = self._blocks.get(entries[0][2])
            if block is not None and block.may_give_way and block.precedence == entries[0]:
                return block
            heapq.heappop(entries)
        return None

    def _begin(self) -> None:
        self._entries = [block.precedence for block in self._blocks.values() if block.may_give_way]
        heapq.heapify(self._entries)
