"""What was promised, on disk before anything is done, so that a crash forgets no block.

The file is a list of records, one a line (see codec.py), only ever appended to; when it has grown it is
replaced as a whole by a snapshot. Order of writing: a promise is synced before its script starts; an outcome
is written after its script has ended, so that a crash between the two repeats a script (they are idempotent)
and never forgets one. A crash can leave a torn last line, which is cut off, and a copy kept.
"""

from __future__ import annotations

import io
import re
from contextlib import suppress
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from ar.errors import CannotCreateError, Mistake, Place
from ar.policy.records import Record
from ar.respond.codec import decode, encode
from ar.respond.disk import Disk

# A record as it stands in a line, whatever is before and after it: within its texts quotes are escaped.
_RECORD = re.compile(rb'\{"[a-z]+":.*?,"crc":"[0-9a-f]{8}"\}', re.DOTALL)
_RECORD_AND_MORE = re.compile(rb'.*?,"crc":"[0-9a-f]{8}"\}(?!\n?\Z)', re.DOTALL)
COPIES_MAX = 9  # of what was broken: who never looks at them has no use for more
COMPACT_AT_BYTES = 4 * 1024 * 1024  # below this a running agent never replaces its journal by a snapshot


class Reading(NamedTuple):
    """What a journal held: its intact records, what is damaged (one sentence each), and where a tear begins."""

    records: List[Record]
    damage: List[str]
    intact_bytes: int
    torn: bytes


class JournalError(CannotCreateError):
    """The journal cannot be written: no new block may be put in force."""


class JournalGoneError(JournalError):
    """Somebody deleted, replaced or changed the journal: what was in it has to be written anew."""


def read(path: Path, disk: Optional[Disk] = None) -> Reading:
    """Read a journal without changing it; one that is not there is empty.

    Raises CannotCreateError when the file cannot be read at all.
    """
    whole, torn = split_torn(content_of(path, disk) or b"")
    records: List[Record] = []
    damage: List[str] = []
    for _, found in found_in(whole, path):
        if isinstance(found, Mistake):
            damage.append(str(found))
        else:
            records.append(found)
    return Reading(records, damage, len(whole), torn)


def content_of(path: Path, disk: Optional[Disk] = None) -> Optional[bytes]:
    """Return all bytes of a journal, None when it is not there; raises CannotCreateError when it cannot be read."""
    try:
        return (disk or Disk()).read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotCreateError(f"{path}: cannot be read: {error.strerror}") from error


def split_torn(content: bytes) -> tuple[bytes, bytes]:
    """Part the whole lines from a last line that a crash tore: one without its line end, or not readable.

    No crash leaves a whole record and something after it in one line: that is a damaged line end.
    """
    last_begins = content.rfind(b"\n", 0, max(0, len(content) - 1)) + 1
    last = content[last_begins:]
    if _RECORD_AND_MORE.match(last) is not None:
        return content, b""
    try:
        is_whole = last.endswith(b"\n") and decode(last[:-1]) is not None
    except ValueError:
        is_whole = False
    return (content, b"") if is_whole else (content[:last_begins], last)


def found_in(whole: bytes, path: Path) -> Iterator[Tuple[int, Union[Record, Mistake]]]:
    """Yield what each whole line of the journal at `path` holds, with its number: its record, or what is wrong with it.

    What is intact in a line where a damaged line end has joined several follows upon what is wrong with it.
    """
    for number, line in enumerate(io.BytesIO(whole), 1):
        try:
            yield number, decode(line[:-1] if line.endswith(b"\n") else line)
        except ValueError as error:
            joined = list(_joined_in(line))
            what = f"its line end is damaged; {len(joined)} records in it are intact" if joined else str(error)
            then = "they count" if joined else "this one is passed over"
            yield number, Mistake(Place(str(path), number), what, f"a journal record; {then}")
            yield from ((number, record) for record in joined)


def _joined_in(line: bytes) -> Iterator[Record]:
    for found in _RECORD.finditer(line):
        with suppress(ValueError):
            yield decode(found[0])


class Journal:
    """The journal of a running agent. `damage` tells what was wrong with it when it was opened."""

    def __init__(self, path: Path, disk: Optional[Disk] = None) -> None:
        """Read what is there and open it for writing.

        Raises CannotCreateError when it cannot be read, or there is no folder for it. One that can be read and not be
        written is told of in `damage`: what is overdue is released all the same.
        """
        self.path = path
        self._disk = disk or Disk()
        reading = read(path, self._disk)
        self.records = reading.records
        self.damage = list(reading.damage)
        self.may_be_rid_of_damage = False  # a copy is kept, so a snapshot may take the place of what is damaged
        self.written_bytes = self.syncs = 0  # by this agent, what flash memory has to bear
        self._size = reading.intact_bytes
        self._snapshot_bytes = 0
        self._fd: Optional[int] = None  # until the file can be written
        self._stamp = self._disk.stamp_of(path)  # of the file as this agent left it
        self._folder_unsynced = False  # a power cut may still bring a former file back
        self._half_record = False  # one that could not be taken back stands at the end
        self._open(reading)

    def _open(self, reading: Reading) -> None:
        try:
            self._mend(reading)
            self._open_to_write()
            self._sync_folder()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise JournalError(self._problem(error)) from error
        except OSError as error:
            self.damage.append(
                f"{self._problem(error)}. What is overdue is released, and nobody is blocked until it can be written"
            )

    def _open_to_write(self) -> int:
        """Go on where the intact records end."""
        fd = self._disk.open_append(self.path)
        self._folder_unsynced = True  # it may have been made just now
        try:
            self._disk.truncate(fd, self._size)
        except OSError:
            self._stamp = self._disk.stamp(fd)
            self._disk.close(fd)
            raise
        self._fd, self._stamp = fd, self._disk.stamp(fd)
        return fd

    def _problem(self, error: OSError) -> str:
        return f"{self.path}: cannot be written: {error.strerror}"

    def _mend(self, reading: Reading) -> None:
        """Keep a copy of what is broken, then cut off the torn end."""
        if reading.damage:
            self.may_be_rid_of_damage = self._keep_copy(".damaged", self._disk.read(self.path))
        if reading.torn:
            self._keep_copy(".torn", reading.torn)
            self.damage.append(f"{self.path}: the last line was torn by a crash; it is cut off")

    def _keep_copy(self, ending: str, text: bytes) -> bool:
        """Keep a copy under the first name that is free: the ending, then `.2` after it, and so on."""
        copy = self.path.with_name(self.path.name + ending)
        for number in range(1, COPIES_MAX + 1):
            try:
                self._disk.keep_copy(copy.with_name(f"{copy.name}.{number}") if number > 1 else copy, text)
            except FileExistsError:
                continue
            except OSError as error:  # no reason not to start: releases wait
                self.damage.append(f"{copy}: the copy of what is broken cannot be kept: {error.strerror}")
                return False
            return True
        self.damage.append(
            f"{copy} and {COPIES_MAX - 1} more copies are there already: none is kept of what is broken now"
        )
        return False

    def check_is_as_left(self) -> None:
        """Raise JournalGoneError when the file is not as this agent left it: somebody deleted or changed it."""
        if self._disk.stamp_of(self.path) != self._stamp:
            raise JournalGoneError(f"{self.path}: somebody deleted or changed it")

    def write(self, *records: Record) -> None:
        """Append records; they survive a power cut once `sync` has returned.

        Raises JournalError when they cannot be written, and the file is then as it was before; raises
        JournalGoneError when it is no longer the file that this agent left.
        """
        text = b"".join(map(encode, records))
        self.check_is_as_left()
        try:
            fd = self._open_to_write() if self._fd is None else self._fd
            if self._half_record:
                self._disk.truncate(fd, self._size)
                self._half_record = False
            self._disk.write(fd, text)
        except OSError as error:
            raise JournalError(self._problem(error) + self._take_back()) from error
        self._stamp = self._disk.stamp(fd)
        self._size += len(text)
        self.written_bytes += len(text)

    def sync(self) -> None:
        """Return when all that was written survives a power cut.

        Raises JournalError; what was written since the last sync may then be lost, whatever a later one says.
        """
        self.syncs += 1
        try:
            if self._fd is not None:
                self._disk.sync(self._fd)
            self._sync_folder()
        except OSError as error:
            raise JournalError(self._problem(error)) from error

    def _sync_folder(self) -> None:
        if self._folder_unsynced:
            self._disk.sync_folder(self.path.parent)
            self._folder_unsynced = False

    def _take_back(self) -> str:
        """Cut off what was written of a record; return what else there is to be said when that fails too."""
        if self._fd is None:
            return ""
        more = ""
        try:
            self._disk.truncate(self._fd, self._size)
        except OSError as error:
            self._half_record = True
            more = f"; and the half record cannot be taken back yet: {error.strerror}"
        self._stamp = self._disk.stamp(self._fd)
        return more

    def compact_when_grown(self, snapshot: Callable[[], Iterable[Record]]) -> bool:
        """Replace the journal by a snapshot of what it leads to, if it has grown to four times the last one.

        Raises JournalError as `compact` does.
        """
        if self._size < max(COMPACT_AT_BYTES, 4 * self._snapshot_bytes):
            return False
        self.compact(snapshot())
        return True

    def compact(self, snapshot: Iterable[Record]) -> None:
        """Replace the journal by these records, whole or not at all, and durably.

        Raises JournalError when that fails. The old journal then stands, unless only its folder could not be
        synced: a power cut may then bring the old one back.
        """
        text = b"".join(map(encode, snapshot))
        try:
            new_fd = self._disk.replace(self.path, text)
            self.close()
            self._fd, self._stamp, self._size, self._half_record = new_fd, self._disk.stamp(new_fd), len(text), False
            self._folder_unsynced = True
            self._sync_folder()
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be replaced by a snapshot: {error.strerror}") from error
        self._snapshot_bytes = len(text)
        self.written_bytes += len(text)
        self.syncs += 1

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return self._size

    def close(self) -> None:
        """Let go of the file; what was written stays."""
        if self._fd is not None:
            with suppress(OSError):  # what was to be durable has been synced
                self._disk.close(self._fd)
            self._fd = None
