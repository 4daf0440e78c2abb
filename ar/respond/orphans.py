"""Waits for the scripts of an agent that was killed: one that ended late would undo what the next agent does.

Each script inherits a descriptor of one file, on which the agent that starts it holds a shared lock; the lock is gone
when the last of them has ended. The file says which process groups they are, so that the next agent can end those
that have not ended by their deadline, and knows when all that is left is something they started on purpose, a daemon.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Callable, Iterable, List, Optional

import psutil

LOOK_EACH_S = 0.1
STARTING = "+"  # in the note: one is being started, and its number is not known yet
PROCESS_MOST = 2**31 - 1  # whatever else stands in the note, the operating system has no greater number
NOTE_BYTES = 1024  # room for the numbers of so many scripts as can run; taken once, so that a full disk changes nothing

Log = Callable[[str, str], None]


class Orphans:
    """The scripts that a former agent left running, until they have ended, and the note of those of this one."""

    def __init__(self, path: Path, home: Path, log: Log) -> None:
        self._path = path
        self._home = home
        self._log = log
        self._fd: Optional[int] = None
        self._are_awaited = False
        self._left: List[int] = []  # their process groups, as far as they are known
        self._may_be_more = False
        self._began_s: Optional[float] = None
        self._look_s = float("-inf")
        self._is_ended = False  # they were told to end
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            words = os.pread(self._fd, NOTE_BYTES, 0).decode("ascii", "replace").split()
        except OSError as error:  # no reason not to release
            log("ERROR", f"{path}: cannot be used: {error.strerror}; scripts of a former agent are not waited for")
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
            return
        self._left = [int(word) for word in words if word.isdigit() and 1 < int(word) <= PROCESS_MOST]
        self._may_be_more = STARTING in words
        if self._have_ended():
            self._settle()
        else:
            self._are_awaited = True

    @property
    def are_gone(self) -> bool:
        """Whether no script of a former agent runs any more."""
        return not self._are_awaited

    @property
    def next_look_s(self) -> Optional[float]:
        """When `look` has something to do, on the boot clock; None when they are gone."""
        return None if self.are_gone else self._look_s

    @property
    def inherited(self) -> List[int]:
        """The descriptor that a script is to inherit."""
        return [] if self._fd is None else [self._fd]

    def look(self, boot_s: float, deadline_s: float, kill_after_s: float) -> None:
        """See whether they have ended; end them when they have had `deadline_s`, and go on without them after that."""
        if self.are_gone or boot_s < self._look_s or self._fd is None:
            return
        self._look_s = boot_s + LOOK_EACH_S
        if self._began_s is None:
            self._began_s = boot_s
            self._log("WARNING", "Scripts of an agent that was killed still run; nothing is started before they end.")
        if self._have_ended():
            self._settle()
        elif boot_s >= self._began_s + deadline_s and not self._is_ended:
            self._is_ended = True
            self._end(self._left)
        elif boot_s >= self._began_s + deadline_s + kill_after_s:
            self._log("ERROR", "Something that a script started still holds the scripts' lock; it is not waited for.")
            self._settle()

    def note(self, running: Iterable[int], *, starting: bool = False) -> None:
        """Write down which process groups run now, and whether one more is about to be started."""
        if self._fd is not None:
            words = [STARTING] * starting + [str(group) for group in running]
            text = " ".join(words).encode()[: NOTE_BYTES - 1].ljust(NOTE_BYTES - 1) + b"\n"
            with suppress(OSError):  # a script is only missed if it hangs, and the agent is killed
                os.pwrite(self._fd, text, 0)

    def close(self) -> None:
        """Let go of the lock; the note tells what still runs."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _have_ended(self) -> bool:
        """Tell whether they have, by the lock, or because none of those that were noted is there any more."""
        return self._has_it_alone() or not (self._may_be_more or any(map(_is_there, self._left)))

    def _has_it_alone(self) -> bool:
        try:
            fcntl.flock(self._fd or 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _settle(self) -> None:
        """Hold the lock together with the scripts that are started from now on."""
        self._are_awaited = False
        with suppress(OSError):
            fcntl.flock(self._fd or 0, fcntl.LOCK_SH | fcntl.LOCK_NB)
        self.note(())

    def _end(self, groups: Iterable[int]) -> None:
        for group in groups:
            if not _is_of(group, self._home):
                continue  # the number went to somebody else
            self._log("ERROR", f"A script of a former agent (process group {group}) has not ended in time: killed.")
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def _is_of(group: int, home: Path) -> bool:
    """Tell whether a process of the group is a script of this home, by the environment that the agent gave it.

    That agent may have reached the home by another path.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and home.samefile(process.environ().get("AR_HOME", "")):
                return True
    return False
