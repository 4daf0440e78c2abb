"""Holds a home for one agent, or for a verb that does an agent's work for a while.

What is locked is the folder, which nobody deletes by mistake as a file in it may be; the file beside says who holds it.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from ar.errors import CannotCreateError, UnavailableError

LOOK_EACH_S = 0.05
NOTED_WITHIN_S = 1.0  # whoever has taken the lock has said so by then, unless the disk is full
NOTE_BYTES = 64  # always as many, so that a note is written over and never seen half


class Holder(NamedTuple):
    """Who holds a home; `verb` is empty for an agent, which goes on and on."""

    process: int
    verb: str


class Lock:
    """Holds a home; let go of by the operating system when the process ends, however it ends."""

    def __init__(
        self,
        note: Path,
        verb: str = "",
        *,
        waits: Callable[[], bool] = lambda: False,
        tell: Optional[Callable[[str], None]] = None,
    ) -> None:
        """Lock the folder in which `note` lies; `verb` names a holder that is done in a while.

        For such a one another `waits`, and tells so once. Raises UnavailableError when somebody else holds the home,
        CannotCreateError when its folder cannot be locked.
        """
        self._note = note
        try:
            self._fd = os.open(note.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise CannotCreateError(f"{note.parent}: cannot be opened: {error.strerror}") from error
        try:
            self._take(waits, tell)
        except BaseException:
            os.close(self._fd)
            raise
        self._write(f"{os.getpid()} {verb}")

    def _take(self, waits: Callable[[], bool], tell: Optional[Callable[[str], None]]) -> None:
        noted_by_s = time.monotonic() + NOTED_WITHIN_S
        while not self._is_taken():
            holder = _holder(self._note)
            if holder is None and time.monotonic() < noted_by_s:
                time.sleep(LOOK_EACH_S)
                continue
            if holder is None or not holder.verb or not waits():
                who = f"process {holder.process}" if holder is not None else "which has not said its number"
                raise UnavailableError(f"{self._note.parent}: another ar-agent ({who}) holds this home")
            if tell is not None:
                tell(f"Waiting for `ar-agent {holder.verb}` (process {holder.process}), which holds this home.")
                tell = None
            time.sleep(LOOK_EACH_S)

    def _is_taken(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise CannotCreateError(f"{self._note.parent}: cannot be locked: {error.strerror}") from error
        return True

    def _write(self, text: str) -> None:
        """Say who holds it. On a full or read-only disk that is not known; the lock itself holds."""
        with suppress(OSError):
            fd = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(fd, text.encode().ljust(NOTE_BYTES - 1) + b"\n", 0)
            finally:
                os.close(fd)

    def release(self) -> None:
        """Let another agent have the home."""
        self._write("")
        os.close(self._fd)


def patience(seconds: float, is_over: Callable[[], bool] = lambda: False) -> Callable[[], bool]:
    """Return what tells whether to wait on: for so many seconds from now, unless it is over sooner."""
    give_up_s = time.monotonic() + seconds
    return lambda: time.monotonic() < give_up_s and not is_over()


def _holder(note: Path) -> Optional[Holder]:
    """Return who says that it holds the home; None where nobody says so who is still there."""
    try:
        fd = os.open(note, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        number, _, verb = os.read(fd, NOTE_BYTES).decode("ascii", "replace").strip().partition(" ")
    except OSError:
        return None
    finally:
        os.close(fd)
    return Holder(int(number), verb) if number.isdigit() and _is_there(int(number)) else None


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:
        return True  # of another user
    except (ProcessLookupError, OverflowError):
        return False
    return process > 0
