"""Who offended, what is in force, and what is to be done next: the state that must survive everything.

ar/policy/block.py has the states that a block goes through.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Union

from ar.model import Moment
from ar.policy.agenda import AT_ONCE_S, Agenda, Key
from ar.policy.block import Action, Block, State
from ar.policy.giving_way import GivingWay
from ar.policy.records import (
    Added,
    Ended,
    Offended,
    Opened,
    Prolonged,
    Promised,
    Ran,
    Record,
    Released,
)
from ar.policy.wallclocks import WallClocks

RETRY_FIRST_S = 1.0
RETRY_MOST_S = 60.0


class Offender(NamedTuple):
    """How often a subject offended, and when its last block ended (wall clock; 0 while one is in force)."""

    offences: int
    last_end_s: float


class Ledger:
    """All blocks and offenders. `apply` is the only way in which they change on record."""

    def __init__(self, boot_id: str = "") -> None:
        self.blocks: Dict[int, Block] = {}  # by number, the oldest first
        self.offenders: Dict[Key, Offender] = {}
        self.boot_id = boot_id
        self._wall_clocks = WallClocks()
        self._latest: Dict[Key, Block] = {}
        self._commands: Set[str] = set()  # of all blocks
        self._formers: Dict[Key, List[Block]] = {}  # being released before what the latest block of the key does
        self._busy: Set[Key] = set()  # keys for which a script runs: two never run on one key
        self._releases = Agenda(self._is_release)
        self._additions = Agenda(self._is_addition)
        self._is_asleep = False  # while a journal is read, nothing is due
        self._last_id = 0
        self._giving_way = GivingWay(self.blocks)
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

    @classmethod
    def remembered(cls, records: Iterable[Record]) -> Ledger:
        """Return the ledger that the records lead to; nothing is due in it before `rearm`.

        Of records before the first `Opened` (its line may be damaged) it is not known in which boot they were made.
        """
        ledger = cls()
        ledger._is_asleep = True
        for record in records:
            ledger.apply(record)
        ledger._is_asleep = False
        return ledger

    # ── what is ────────────────────────────────────────────────────────────────────────────────────────────

    def block_of(self, key: Key) -> Optional[Block]:
        """Return the latest block of a key; former ones of it may still be being released."""
        return self._latest.get(key)

    def knows_clock(self, now: Moment) -> bool:
        """Tell whether a record says how the wall clock of this boot stands to the boot clock, as it does now."""
        return self._wall_clocks.is_known(self.boot_id, now)

    def sharing(self, block: Block) -> Iterator[Block]:
        """Yield the blocks of other commands that want the very thing which this one's release would undo."""
        return (other for other in self._of_same_script(block) if other.does_the_same_as(block))

    def _of_same_script(self, block: Block) -> Iterator[Block]:
        for command in self._commands:
            other = self._latest.get((command, block.subject))
            if other is None or other is block or other.state is State.RELEASING:
                continue
            if other.executable == block.executable:
                yield other

    def next_id(self) -> int:
        """Return the id of the next block or run; ids are never used twice in one journal."""
        return self._last_id + 1

    def offences(self, key: Key, now: Moment, forget_after_s: float) -> int:
        """Return how many offences of this key still count."""
        offender = self.offenders.get(key)
        if offender is None:
            return 0
        ended = key not in self._latest
        return 0 if ended and now.wall_s - offender.last_end_s > forget_after_s else offender.offences

    def of_subject(self, value: str) -> List[Block]:
        """Return the blocks on that address, user or file, of whatever command."""
        return [block for block in self.blocks.values() if block.subject.value == value]

    def note_offence(self, key: Key, now: Moment) -> None:
        """Remember when the subject of a block last offended: what comes within the settle time is the same."""
        self._latest[key].last_offence_boot_s = now.boot_s

    def forget(self, now: Moment, forget_after_s: float, offenders_max: int) -> int:
        """Drop the offenders that no longer count, and the longest quiet ones beyond the maximum.

        Returns how many were dropped for want of room.
        """
        quiet = sorted((o.last_end_s, key) for key, o in self.offenders.items() if key not in self._latest)
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
        for block in self.blocks.values():
            # None began in the future: else the clock would be taken for one that stands before the last entry.
            yield block.promise()._replace(at_s=min(block.at_s, now.wall_s))
            if block.state is State.IN_FORCE:
                yield Added(block.id)
            elif block.state is State.RELEASING:
                yield Ended(block.id, now.wall_s)
        for key, offender in self.offenders.items():  # after the blocks: a former one says how it was then
            if key not in self._latest and now.wall_s - offender.last_end_s <= forget_after_s:
                yield Offended(*key, offender.offences, offender.last_end_s)

    # ── what comes next ────────────────────────────────────────────────────────────────────────────────────

    def next_wake_s(self, *, releases_only: bool = False) -> Optional[float]:
        """Return when something is to be done next, on the boot clock, or None while nothing is."""
        times = [self._releases.next_s(), None if releases_only else self._additions.next_s()]
        return min((time for time in times if time is not None), default=None)

    def take_due(self, now: Moment, *, releases_only: bool = False) -> Iterator[Action]:
        """Yield what is to be done by now, releases first; each is the caller's until `finish` is called."""
        for release in (True,) if releases_only else (True, False):
            action = self.take_one(now, release=release)
            while action is not None:
                yield action
                action = self.take_one(now, release=release)

    def take_one(self, now: Moment, *, release: bool, like: Optional[Action] = None) -> Optional[Action]:
        """Take the release, or else the block to be put in force, that is due first; None when none is.

        With `like` one for the same command is taken, and only if it can go into one batch with that action.
        """
        agenda = self._releases if release else self._additions
        command = None if like is None else like.block.command
        block_id = agenda.first_due(now.boot_s, command)
        while block_id is not None:
            block = self.blocks[block_id]
            if like is not None and not block.goes_with(like.block):
                return None
            agenda.drop_first(block.command)
            if block.state is not State.RELEASING and block.is_over(now):
                block.let_go()
            if (block.state is State.RELEASING) or (block.state is State.PROMISED and not release):
                return self.begin(block)
            self._wake(block, block.ends_boot_s if block.state is State.IN_FORCE else AT_ONCE_S)
            block_id = agenda.first_due(now.boot_s, command)
        return None

    def begin(self, block: Block) -> Action:
        """Return what is to be done for a block now; it is the caller's until `finish` is called."""
        block.wake_boot_s = None
        self._busy.add(block.key)
        if block.state is State.RELEASING:
            block.stands = False
            return Action(block, "delete", block.turn)
        return Action(block, "add", block.turn)

    def is_busy(self, key: Key) -> bool:
        """Tell whether a script runs for this key."""
        return key in self._busy

    def has_to_wait(self, block: Block) -> bool:
        """Tell whether something else comes first: a script that runs, or a former block's first try of a release."""
        if block.key in self._busy:
            return True
        for former in self._formers.get(block.key, ()):
            if former is block:
                return False
            if former.wake_boot_s is not None and not former.failures:
                return True
        return False

    def put_back(self, block: Block) -> None:
        """Have a block put in force again that is not in the firewall any more."""
        block.state = State.PROMISED
        block.stands = False
        block.turn += 1
        self._wake(block, AT_ONCE_S)

    def first_to_make_room(self) -> Optional[Block]:
        """Return the block that gives way when there are too many; None when none of them does."""
        return self._giving_way.first()

    def finish(
        self, action: Action, *, worked: bool, last_words: str, now: Moment, is_its_fault: bool = True
    ) -> Union[Added, Released, None]:
        """Note what came of a script; return the record to be journalled and applied, if there is one.

        `is_its_fault` says of a failure whether it may be this block at which the script failed.
        """
        block = action.block
        self._busy.discard(block.key)
        answered = block if self.blocks.get(block.id) is block else self._latest.get(block.key)
        record = None
        if answered is not None and answered.does_the_same_as(block):
            answered.stands = worked and action.verb == "add"
        if answered is block and block.turn == action.turn:
            record = self._finished(action, worked=worked, last_words=last_words, now=now, is_its_fault=is_its_fault)
        elif answered is not None:
            self._wake(answered, now.boot_s)  # what is wanted has changed while the script ran
        for other in (*self._formers.get(block.key, ()), self._latest.get(block.key)):
            if other is not None and other is not answered:
                self._wake(other, other.wake_boot_s)  # it had to wait
        return record

    def _finished(
        self, action: Action, *, worked: bool, last_words: str, now: Moment, is_its_fault: bool
    ) -> Union[Added, Released, None]:
        block = action.block
        if worked:
            block.failures = block.blamed = 0
            block.last_words = ""
            return Added(block.id) if action.verb == "add" else Released(block.id, now.wall_s)
        block.failures += 1
        block.blamed += is_its_fault
        block.last_words = last_words
        pause_s: float = min(RETRY_FIRST_S * 2 ** min(block.failures - 1, 16), RETRY_MOST_S)
        self._wake(block, now.boot_s + pause_s)
        return None

    def rearm(self, now: Moment, boot_id: str) -> bool:
        """After the journal was read: make every block due when it should be in this boot.

        In the same boot the boot clock goes on, after a reboot see `_carry_over`. No block ever lasts longer than its
        full sentence from now. Returns whether an end was moved to which no `Opened` of this boot would lead again.
        """
        self._carry_over(now, boot_id)
        self._busy.clear()
        moved = False
        for block in self.blocks.values():
            if block.ends_boot_s is not None and block.ends_boot_s > now.boot_s + block.sentence_s:
                moved = True  # the boot clock runs behind where it was (a container that was moved, a snapshot)
                block.ends_boot_s = now.boot_s + block.sentence_s
            if block.state is State.PROMISED and block.is_over(now):
                block.state = State.RELEASING
            block.stands = block.state is State.IN_FORCE  # of the others nobody knows how far their scripts came
            self._wake(block, block.ends_boot_s if block.state is State.IN_FORCE else now.boot_s)
        return moved

    def _carry_over(self, now: Moment, boot_id: str) -> None:
        """Carry the blocks of former boots over into this one, which `now` is of; where there are none, do nothing.

        The wall clock counts, as it stood at last in the former boot, and the scripts run again, since most firewalls
        start empty. When the wall clock stands before the journal's last entry (a board without a clock) a block ends
        at the latest its full sentence after the boot.
        """
        if boot_id == self.boot_id:
            return
        for block in self.blocks.values():
            if block.boot_id != boot_id:
                if block.state is State.IN_FORCE:
                    block.state = State.PROMISED
                block.ends_boot_s = self._wall_clocks.end_after_reboot(block, now)
                block.boot_id = boot_id
        self.boot_id = boot_id

    def hush(self) -> None:
        """Forget that anything is due, so that only what is changed from now on is done."""
        for block in self.blocks.values():
            block.wake_boot_s = None

    def _wake(self, block: Block, boot_s: Optional[float]) -> None:
        """Let something be done for a block at that time; while it has to wait, `finish` sees to it.

        The end of a block that is only promised stands among the releases too: its script may have half worked.
        """
        block.wake_boot_s = None if self._is_asleep else boot_s
        if block.wake_boot_s is None or self.has_to_wait(block):
            return
        if block.state is not State.PROMISED:
            self._releases.put(block.wake_boot_s, block.id, block.command)
            return
        self._additions.put(block.wake_boot_s, block.id, block.command)
        if block.ends_boot_s is not None:
            self._releases.put(block.ends_boot_s, block.id, block.command)

    def _is_release(self, boot_s: float, block_id: int) -> bool:
        block = self.blocks.get(block_id)
        if block is None or block.wake_boot_s is None or self.has_to_wait(block):
            return False
        return boot_s == (block.ends_boot_s if block.state is State.PROMISED else block.wake_boot_s)

    def _is_addition(self, boot_s: float, block_id: int) -> bool:
        block = self.blocks.get(block_id)
        if block is None or block.state is not State.PROMISED or self.has_to_wait(block):
            return False
        return boot_s == block.wake_boot_s

    # ── what changes it ────────────────────────────────────────────────────────────────────────────────────

    def apply(self, record: Record) -> None:
        """Let one record come true; a record about a block that is not known changes nothing."""
        self._appliers[type(record)](record)
        self._wall_clocks.saw(getattr(record, "at_s", 0.0))

    def _open(self, record: Opened) -> None:
        self._carry_over(Moment(record.wall_s, record.boot_s), record.boot_id)
        self._wall_clocks.open(record)

    def _promise(self, record: Promised) -> None:
        block = Block(record, self.boot_id)
        latest = self._latest.get(block.key)
        for former in (*self._formers.pop(block.key, ()), latest):
            if former is not None:
                self._follow(block, former)
        block.stands = latest is not None and latest.stands and latest.does_the_same_as(block)
        self.blocks[block.id] = self._latest[block.key] = block
        self._commands.add(block.command)
        self._giving_way.note(block)
        self._last_id = max(self._last_id, block.id)
        self._offended(block)
        self._wake(block, AT_ONCE_S)

    def _follow(self, block: Block, former: Block) -> None:
        """Let a new block take the place of a former one that did the same; else that one's release comes first."""
        if former.does_the_same_as(block):
            del self.blocks[former.id]
            return
        self._formers.setdefault(block.key, []).append(former)
        wake_s = former.wake_boot_s
        if former.state is not State.RELEASING:  # where a journal is read: no record says that its end has come
            former.let_go()
            wake_s = AT_ONCE_S
        self._wake(former, wake_s)

    def _wanted(self, number: int) -> Optional[Block]:
        """Return the block of that number, None when it is not known or a new one has followed."""
        block = self.blocks.get(number)
        return block if block is not None and self._latest.get(block.key) is block else None

    def _prolong(self, record: Prolonged) -> None:
        block = self._wanted(record.block)
        if block is None:
            return
        changed = block.ends_boot_s != record.ends_boot_s
        block.boot_id = self.boot_id
        block.offence = record.offence
        block.at_s, block.sentence_s, block.ends_boot_s = record.at_s, record.sentence_s, record.ends_boot_s
        self._giving_way.note(block)
        self._offended(block)
        if changed:
            block.state = State.PROMISED
            block.turn += 1
            self._wake(block, AT_ONCE_S)

    def _add(self, record: Added) -> None:
        block = self._wanted(record.block)
        if block is not None:
            block.state = State.IN_FORCE
            block.stands = True
            self._wake(block, block.ends_boot_s)

    def _end(self, record: Ended) -> None:
        block = self.blocks.get(record.block)
        if block is not None:
            block.let_go()
            self._wake(block, AT_ONCE_S)

    def _release(self, record: Released) -> None:
        block = self.blocks.pop(record.block, None)
        if block is None:
            return
        if self._latest.get(block.key) is block:
            del self._latest[block.key]
            if block.key in self.offenders:
                self.offenders[block.key] = Offender(self.offenders[block.key].offences, record.at_s)
        else:
            self._drop_former(block)
        for other in list(self._of_same_script(block)):
            self.put_back(other)  # its element may be the one that was taken away just now

    def _drop_former(self, block: Block) -> None:
        formers = self._formers[block.key]
        formers.remove(block)
        if not formers:
            del self._formers[block.key]
        latest = self._latest.get(block.key)
        if latest is not None and latest.state is not State.RELEASING:
            self.put_back(latest)

    def _offended(self, block: Block) -> None:
        if block.offence:
            self.offenders[block.key] = Offender(block.offence, 0.0)
        else:  # by hand, which is no offence; what there was of offences counts no more
            self.offenders.pop(block.key, None)

    def _ran(self, record: Ran) -> None:
        self._last_id = max(self._last_id, record.block)

    def _offend(self, record: Offended) -> None:
        self.offenders[record.command, record.subject] = Offender(record.offences, record.last_end_s)
