"""Who offended, what is in force, and what is to be done next: the state that must survive everything.

A block goes through these states; nothing else happens to it:

    (none) --promise--> PROMISED --added--> IN_FORCE --its end, or unblock--> RELEASING --released--> (none)
                           ^                   |
                           +---- prolonged ----+       (the script runs again, to hand on the new end)

A block whose end comes while it is still PROMISED is released too: its script may have half worked. A script
that failed leaves the state as it is, to be tried again after a growing pause.
"""

from __future__ import annotations

import enum
import heapq
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ar.model import Moment, Subject
from ar.policy.records import (
    Added,
    Arguments,
    Ended,
    Offended,
    Opened,
    Prolonged,
    Promised,
    Ran,
    Record,
    Released,
)

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 60.0

Key = Tuple[str, Subject]  # a command and what it acts on


class State(enum.Enum):
    """Where a block stands; the values are the words that `list` shows."""

    PROMISED = "promised"
    IN_FORCE = "in force"
    RELEASING = "releasing"


class Block:
    """A response on a subject, with its end. Times: `_boot_s` on the boot clock, the others wall clock.

    `turn` counts the changes of what is wanted, so that a script which finishes late is not taken for the
    answer to a question that was asked after it started.
    """

    __slots__ = (
        "arguments", "at_s", "boot_id", "command", "contract", "ends_boot_s", "executable", "failures", "id",
        "last_offence_boot_s", "last_words", "offence", "running", "sentence_s", "state", "subject", "turn",
        "wake_boot_s",
    )  # fmt: skip

    def __init__(self, promise: Promised, boot_id: str) -> None:
        self.id = promise.block
        self.command = promise.command
        self.executable = promise.executable
        self.contract = promise.contract
        self.subject = promise.subject
        self.arguments: Arguments = promise.arguments
        self.offence = promise.offence
        self.at_s = promise.at_s
        self.sentence_s = promise.sentence_s
        self.ends_boot_s = promise.ends_boot_s
        self.boot_id = boot_id
        self.state = State.PROMISED
        self.turn = 0
        self.running = False
        self.failures = 0
        self.last_words = ""
        self.last_offence_boot_s = float("-inf")
        self.wake_boot_s: Optional[float] = None

    @property
    def key(self) -> Key:
        return self.command, self.subject

    @property
    def ends_s(self) -> Optional[float]:
        """The end on the wall clock as it was promised, or None for good."""
        return self.at_s + self.sentence_s if self.sentence_s else None

    def promise(self) -> Promised:
        """Return the one record that says all there is to say of this block now."""
        return Promised(
            self.id, self.command, self.executable, self.contract, self.subject, self.arguments,
            self.offence, self.at_s, self.sentence_s, self.ends_boot_s,
        )  # fmt: skip

    def left_s(self, now: Moment) -> Optional[float]:
        """Return how much of the block is left, in seconds, or None for good."""
        return None if self.ends_boot_s is None else max(0.0, self.ends_boot_s - now.boot_s)


class Offender(NamedTuple):
    """How often a subject offended, and when its last block ended (wall clock; 0 while one is in force)."""

    offences: int
    last_end_s: float


class Action(NamedTuple):
    """A script that is to run now for a block: `verb` is add or delete."""

    block: Block
    verb: str
    turn: int


class Ledger:
    """All blocks and offenders. `apply` is the only way in which they change on record."""

    def __init__(self, boot_id: str = "") -> None:
        self.blocks: Dict[Key, Block] = {}
        self.offenders: Dict[Key, Offender] = {}
        self.boot_id = boot_id
        self.last_wall_s = 0.0
        self._by_id: Dict[int, Block] = {}
        self._wakes: List[Tuple[float, int]] = []
        self._last_id = 0
        self._appliers: Dict[type, Callable[..., None]] = {
            Opened: self._open,
            Promised: self._promise,
            Prolonged: self._prolong,
            Added: self._add,
            Ended: self._end,
            Released: self._release,
            Ran: self._ran,
            Offended: self._offend,
        }

    # ── what is ────────────────────────────────────────────────────────────────────────────────────────────

    def next_id(self) -> int:
        """Return the id of the next block or run; ids are never used twice in one journal."""
        return self._last_id + 1

    def offences(self, key: Key, now: Moment, forget_after_s: float) -> int:
        """Return how many offences of this key still count."""
        offender = self.offenders.get(key)
        if offender is None:
            return 0
        ended = key not in self.blocks
        return 0 if ended and now.wall_s - offender.last_end_s > forget_after_s else offender.offences

    def of_subject(self, value: str) -> List[Block]:
        """Return the blocks on that address, user or file, of whatever command."""
        return [block for block in self.blocks.values() if block.subject.value == value]

    def note_offence(self, key: Key, now: Moment) -> None:
        """Remember when the subject of a block last offended: what comes within the settle time is the same."""
        self.blocks[key].last_offence_boot_s = now.boot_s

    def forget(self, now: Moment, forget_after_s: float, offenders_max: int) -> int:
        """Drop the offenders that no longer count, and the longest quiet ones beyond the maximum.

        Returns how many were dropped for want of room.
        """
        quiet = sorted((o.last_end_s, key) for key, o in self.offenders.items() if key not in self.blocks)
        stale = [key for last_end_s, key in quiet if now.wall_s - last_end_s > forget_after_s]
        for key in stale:
            del self.offenders[key]
        excess = quiet[len(stale) : len(stale) + max(0, len(self.offenders) - offenders_max)]
        for _, key in excess:
            del self.offenders[key]
        return len(excess)

    def snapshot(self, now: Moment, forget_after_s: float) -> Iterator[Record]:
        """Yield the records that lead to this ledger, the shortest way; forgotten offenders are left out."""
        yield Opened(self.boot_id, now.wall_s, now.boot_s)
        for key, offender in self.offenders.items():
            if key not in self.blocks and now.wall_s - offender.last_end_s <= forget_after_s:
                yield Offended(*key, offender.offences, offender.last_end_s)
        for block in self.blocks.values():
            yield block.promise()
            if block.state is State.IN_FORCE:
                yield Added(block.id)
            elif block.state is State.RELEASING:
                yield Ended(block.id, now.wall_s)

    # ── what comes next ────────────────────────────────────────────────────────────────────────────────────

    def next_wake_s(self) -> Optional[float]:
        """Return when something is to be done next, on the boot clock, or None while nothing is."""
        while self._wakes:
            wake, block_id = self._wakes[0]
            block = self._by_id.get(block_id)
            if block is not None and block.wake_boot_s == wake:
                return wake
            heapq.heappop(self._wakes)
        return None

    def take_due(self, now: Moment) -> Iterator[Action]:
        """Yield what is to be done by now, earliest first; each is the caller's until `finish` is called."""
        while True:
            wake = self.next_wake_s()
            if wake is None or wake > now.boot_s:
                return
            block = self._by_id[heapq.heappop(self._wakes)[1]]
            block.wake_boot_s = None
            if block.state is not State.RELEASING and _over(block, now):
                block.state = State.RELEASING
                block.turn += 1
            if block.state is State.IN_FORCE:
                self._wake(block, block.ends_boot_s)
                continue
            block.running = True
            yield Action(block, "delete" if block.state is State.RELEASING else "add", block.turn)

    def finish(self, action: Action, *, worked: bool, last_words: str, now: Moment) -> Optional[Record]:
        """Note what came of a script; return the record to be journalled and applied, if there is one."""
        block = action.block
        block.running = False
        if self._by_id.get(block.id) is not block:
            self._succeed(block, now)
            return None
        if block.turn != action.turn:
            self._wake(block, now.boot_s)  # what is wanted has changed while the script ran
            return None
        if worked:
            block.failures, block.last_words = 0, ""
            return Added(block.id) if action.verb == "add" else Released(block.id, now.wall_s)
        block.failures += 1
        block.last_words = last_words
        pause_s: float = min(RETRY_FIRST_S * 2 ** min(block.failures - 1, 16), RETRY_MOST_S)
        ends = block.ends_boot_s
        again = now.boot_s + pause_s
        self._wake(block, again if ends is None or block.state is State.RELEASING else min(again, ends))
        return None

    def rearm(self, now: Moment, boot_id: str) -> None:
        """After the journal was read: make every block due when it should be in this boot.

        In the same boot the boot clock goes on. After a reboot the wall clock counts, and the scripts run
        again, since most firewalls start empty; but when the wall clock stands before the journal's last
        entry (a board without a clock) a block ends at the latest its full sentence after the boot.
        """
        for block in self.blocks.values():
            block.running = False
            if block.boot_id != boot_id:
                block.boot_id = boot_id
                if block.state is State.IN_FORCE:
                    block.state = State.PROMISED
                block.ends_boot_s = self._ends_in_this_boot(block, now)
            waits = block.state is State.IN_FORCE or _over(block, now)  # what is overdue comes first
            self._wake(block, block.ends_boot_s if waits else now.boot_s)
        self.boot_id = boot_id

    def _ends_in_this_boot(self, block: Block, now: Moment) -> Optional[float]:
        if not block.sentence_s:
            return None
        if now.wall_s < self.last_wall_s:
            return float(block.sentence_s)
        return now.boot_s + min(block.at_s + block.sentence_s - now.wall_s, block.sentence_s)

    def _wake(self, block: Block, boot_s: Optional[float]) -> None:
        block.wake_boot_s = boot_s
        if boot_s is not None:
            heapq.heappush(self._wakes, (boot_s, block.id))

    def _succeed(self, block: Block, now: Moment) -> None:
        """Start what was promised for a key while a script for its former block was still running."""
        successor = self.blocks.get(block.key)
        if successor is not None and successor.wake_boot_s is None and not successor.running:
            self._wake(successor, now.boot_s)

    # ── what changes it ────────────────────────────────────────────────────────────────────────────────────

    def apply(self, record: Record) -> None:
        """Let one record come true; a record about a block that is not known changes nothing."""
        self._appliers[type(record)](record)
        self.last_wall_s = max(self.last_wall_s, getattr(record, "wall_s", 0.0), getattr(record, "at_s", 0.0))

    def _open(self, record: Opened) -> None:
        self.boot_id = record.boot_id

    def _promise(self, record: Promised) -> None:
        block = Block(record, self.boot_id)
        former = self.blocks.pop(block.key, None)
        if former is not None:
            del self._by_id[former.id]
        self.blocks[block.key] = self._by_id[block.id] = block
        self._last_id = max(self._last_id, block.id)
        self.offenders[block.key] = Offender(record.offence, 0.0)
        if former is not None and former.running:
            return  # `finish` of the former block wakes this one: two scripts never run on one key
        self._wake(block, _asked_boot_s(block))

    def _prolong(self, record: Prolonged) -> None:
        block = self._by_id.get(record.block)
        if block is None:
            return
        changed = block.ends_boot_s != record.ends_boot_s
        block.offence = record.offence
        block.at_s, block.sentence_s, block.ends_boot_s = record.at_s, record.sentence_s, record.ends_boot_s
        self.offenders[block.key] = Offender(record.offence, 0.0)
        if changed:
            block.state = State.PROMISED
            block.turn += 1
            if not block.running:
                self._wake(block, _asked_boot_s(block))

    def _add(self, record: Added) -> None:
        block = self._by_id.get(record.block)
        if block is not None:
            block.state = State.IN_FORCE
            self._wake(block, block.ends_boot_s)

    def _end(self, record: Ended) -> None:
        block = self._by_id.get(record.block)
        if block is not None:
            block.state = State.RELEASING
            block.turn += 1
            if not block.running:
                self._wake(block, float("-inf"))

    def _release(self, record: Released) -> None:
        block = self._by_id.pop(record.block, None)
        if block is not None:
            del self.blocks[block.key]
            self.offenders[block.key] = Offender(self.offenders[block.key].offences, record.at_s)

    def _ran(self, record: Ran) -> None:
        self._last_id = max(self._last_id, record.block)

    def _offend(self, record: Offended) -> None:
        self.offenders[record.command, record.subject] = Offender(record.offences, record.last_end_s)


def _over(block: Block, now: Moment) -> bool:
    return block.ends_boot_s is not None and block.ends_boot_s <= now.boot_s


def _asked_boot_s(block: Block) -> float:
    """Return when the block was asked for, so that in a flood of new blocks the due releases take their turn."""
    return float("-inf") if block.ends_boot_s is None else block.ends_boot_s - block.sentence_s
