"""How the wall clock stood to the boot clock in each boot, as far as records say: it may be set, or be missing."""

from __future__ import annotations

from typing import Dict, Optional

from ar.model import Moment
from ar.policy.block import Block
from ar.policy.records import Opened

STEP_S = 1.0  # it was stepped if it is that far from where the journal has it


class WallClocks:
    """The wall clocks of all boots of which there are records."""

    def __init__(self) -> None:
        self._last_s = 0.0  # of the latest record
        self._ahead_s: Dict[str, float] = {}  # of the boot clock, by boot

    def open(self, record: Opened) -> None:
        """Take in how the clock stands now, whatever was before: it may have been set back."""
        self._ahead_s[record.boot_id] = record.wall_s - record.boot_s
        self._last_s = record.wall_s

    def saw(self, wall_s: float) -> None:
        """Take in that something was recorded then."""
        self._last_s = max(self._last_s, wall_s)

    def is_known(self, boot_id: str, now: Moment) -> bool:
        """Tell whether it is on record how the clock of this boot stands, as it does now."""
        ahead_s = self._ahead_s.get(boot_id)
        return ahead_s is not None and abs(now.wall_s - now.boot_s - ahead_s) < STEP_S

    def end_after_reboot(self, block: Block, now: Moment) -> Optional[float]:
        """Return when a block of a former boot ends, on the clock of this one; None for good.

        When the wall clock stands before the latest record it says nothing: then its full sentence after the boot.
        """
        if not block.sentence_s:
            return None
        if now.wall_s < self._last_s:
            return float(block.sentence_s)
        ahead_s = self._ahead_s.get(block.boot_id)
        if ahead_s is None or block.ends_boot_s is None:
            ends_wall_s = block.at_s + block.sentence_s
        else:
            ends_wall_s = block.ends_boot_s + ahead_s
        return now.boot_s + min(ends_wall_s - now.wall_s, block.sentence_s)
