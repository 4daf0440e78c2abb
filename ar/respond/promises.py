"""Keeps on disk what was promised, and what came of it, whatever the disk does.

A record that cannot be written, a sync that fails, a file that somebody deleted: each is told of, and what the journal
then lacks is made up for by a snapshot of all that is known, as soon as the disk takes one.
"""

from __future__ import annotations

from typing import Callable, Iterable, Optional, Protocol, Tuple

from ar.model import Moment
from ar.news import News
from ar.policy.agenda import AT_ONCE_S
from ar.policy.ledger import Ledger
from ar.policy.records import Opened, Record
from ar.respond.journal import JournalError, JournalGoneError

AGAIN_AFTER_S = 1.0  # after a sync or a snapshot instead of it failed
COMPACT_AGAIN_AFTER_S = 60.0
_UNLESS = " (but where `emergency_block` allows it)"

Log = Callable[[str, str], None]  # severity, text


class Keeps(Protocol):
    """A place for promises: the journal, or nothing while only observing."""

    def check_is_as_left(self) -> None: ...
    def write(self, *records: Record) -> None: ...
    def sync(self) -> None: ...
    def compact(self, snapshot: Iterable[Record]) -> None: ...
    def compact_when_grown(self, snapshot: Callable[[], Iterable[Record]]) -> bool: ...


class Promises:
    """The journal of one agent, kept equal to its ledger."""

    def __init__(self, ledger: Ledger, journal: Keeps, log: Log) -> None:
        self._ledger = ledger
        self._journal = journal
        self._log = log
        self._news = News()
        self._opened = False  # the journal says in which boot of the machine its next records are made
        self._unsynced = False
        self._lacks_something = False  # that was promised or has come true: only a snapshot makes up for it
        self._sync_not_before_s = self._compact_not_before_s = AT_ONCE_S

    @property
    def can_be_kept(self) -> bool:
        """Whether the disk took all that it was given, as far as is known."""
        return not self._lacks_something

    def make(self, now: Moment, *records: Record) -> bool:
        """Write promises, all or none; False when that could not be done, and they must not be acted on."""
        try:
            self._write(now, *records)
        except JournalError as error:
            self._tell(f"{error}. Nothing is blocked that is not in the journal first{_UNLESS}.", now)
            return False
        return True

    def note(self, now: Moment, *records: Record, is_worth_a_sync: bool) -> None:
        """Write what has come true already: if it cannot be written now, a snapshot says so later."""
        was_unsynced = self._unsynced
        try:
            self._write(now, *records)
        except JournalError as error:
            self._tell(str(error), now)
            self.lack_something()
        else:
            self._unsynced = was_unsynced or is_worth_a_sync

    def lack_something(self) -> None:
        """Have a snapshot written as soon as the disk takes it."""
        self._unsynced = self._lacks_something = True

    def are_safe(self, now: Moment) -> bool:
        """See to it that all is on disk, and return whether it is; after a sync that failed none is trusted."""
        if not self._unsynced:
            return True
        if now.boot_s < self._sync_not_before_s:
            return False
        try:
            if self._lacks_something:
                self._write_anew(now)
            else:
                self._journal.sync()
        except JournalError as error:
            self._tell(f"{error}. No new block is put in force until it can be{_UNLESS}.", now)
            self._lacks_something = True
            self._sync_not_before_s = now.boot_s + AGAIN_AFTER_S
            return False
        self._all_is_safe()
        return True

    def next_wake_s(self) -> Optional[float]:
        """Return when `are_safe` has something to do, on the boot clock; None while it has not."""
        if not self._unsynced:
            return None
        return self._sync_not_before_s if self._lacks_something else AT_ONCE_S

    def look(self, now: Moment) -> None:
        """Have the journal written anew when somebody deleted or changed it, before anything else is started."""
        try:
            self._journal.check_is_as_left()
        except JournalGoneError as gone:
            self._lose(gone, now)

    def end(self, now: Moment) -> None:
        """Try once more to have all on disk, so that the next start finds what this agent knows."""
        self.look(now)
        self._sync_not_before_s = AT_ONCE_S
        self.are_safe(now)

    def _lose(self, gone: JournalGoneError, now: Moment) -> None:
        self._tell(f"{gone}; it is written anew from memory", now)
        self.lack_something()

    def note_clock(self, now: Moment) -> None:
        """Write down that the wall clock was stepped: after a reboot it says how long what is blocked lasts."""
        if self._ledger.blocks and not self._ledger.knows_clock(now):
            self.note(now, is_worth_a_sync=True)

    def compact_when_grown(self, now: Moment, snapshot: Callable[[], Iterable[Record]]) -> None:
        """Let the journal be replaced by a snapshot when it has grown; after a failure wait a minute."""
        if now.boot_s < self._compact_not_before_s:
            return
        try:
            if self._journal.compact_when_grown(snapshot):
                self._all_is_safe()
        except JournalError as error:
            self._log("ERROR", str(error))
            self._compact_not_before_s = now.boot_s + COMPACT_AGAIN_AFTER_S

    def _write(self, now: Moment, *records: Record) -> None:
        """Write records; before this agent's first one, write in which boot of the machine it is made."""
        opening = self._opening(now)
        try:
            self._journal.write(*opening, *records)
        except JournalGoneError as gone:
            self._lose(gone, now)
            self._write_anew(now)
            self._journal.write(*records)
        for record in opening:
            self._ledger.apply(record)
        self._opened = True
        self._unsynced = True

    def _opening(self, now: Moment) -> Tuple[Opened, ...]:
        is_known = self._opened and self._ledger.knows_clock(now)
        return () if is_known else (Opened(self._ledger.boot_id, now.wall_s, now.boot_s),)

    def _write_anew(self, now: Moment) -> None:
        """Replace the journal by all that is known, whatever became of it."""
        self._journal.compact(self._ledger.snapshot(now, float("inf")))
        self._all_is_safe()

    def _all_is_safe(self) -> None:
        self._opened, self._unsynced, self._lacks_something = True, False, False

    def _tell(self, text: str, now: Moment) -> None:
        """Say what is wrong with the disk, each thing once a minute."""
        if self._news.is_new(text, now.boot_s):
            self._log("ERROR", text)
