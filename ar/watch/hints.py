"""Hints that something happened to a watched file: from the kernel's inotify, or from nothing but time passing.

A hint is never the truth. It only says when to look; what is there is read from the files themselves, and a
look every `interval_s` finds what no hint told. kqueue would be one more class of this shape: it also watches
open files by descriptor.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import Callable, Dict, Optional, Protocol, Set

Log = Callable[[str, str], None]

POLLING_S = 1.0
SAFETY_S = 10.0

# linux/inotify.h
_IN_MODIFY = 0x2
_IN_ATTRIB = 0x4
_IN_MOVED_FROM = 0x40
_IN_MOVED_TO = 0x80
_IN_CREATE = 0x100
_IN_DELETE = 0x200
_IN_DELETE_SELF = 0x400
_IN_MOVE_SELF = 0x800
_IN_ONLYDIR = 0x01000000
_FOLDER = (
    _IN_ATTRIB | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_DELETE_SELF | _IN_MOVE_SELF | _IN_ONLYDIR
)
_EVENT = struct.Struct("iIII")
_BUFFER_BYTES = 64 * 1024


class Hints(Protocol):
    """When to look: `interval_s` at the latest, and whenever `fileno` (None: there is none) can be read."""

    interval_s: float
    fileno: Optional[int]

    def watch_file(self, fileno: int) -> None:
        """Give a hint when the open file `fileno` grows or shrinks."""

    def unwatch_file(self, fileno: int) -> None:
        """Forget the open file; called before it is closed."""

    def watch_folders(self, folders: Set[str]) -> None:
        """Give a hint when a name in one of `folders` comes, goes or changes; other folders are forgotten."""

    def drain(self) -> bool:
        """Take the hints that have come, and tell whether a name may have come, gone or changed."""

    def close(self) -> None:
        """Give back what it holds."""


class Polling:
    """Knows nothing, so that everything is looked at each second."""

    interval_s = POLLING_S
    fileno: Optional[int] = None

    def watch_file(self, fileno: int) -> None:
        pass

    def unwatch_file(self, fileno: int) -> None:
        pass

    def watch_folders(self, folders: Set[str]) -> None:
        pass

    def drain(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Inotify:
    """Linux's inotify, through the C library. Where it refuses a watch, looking each second takes its place."""

    def __init__(self, log: Log) -> None:
        """Open an instance; raises OSError when the kernel has none left, AttributeError where libc has no inotify."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._add = self._libc.inotify_add_watch
        self._remove = self._libc.inotify_rm_watch
        descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self.fileno: Optional[int] = descriptor
        self._descriptor: int = descriptor
        self.interval_s = SAFETY_S
        self._log = log
        self._files: Dict[int, int] = {}
        self._folders: Dict[str, int] = {}

    def watch_file(self, fileno: int) -> None:
        # By way of /proc it is this open file that is watched, and not what took its name in the meantime.
        watch = self._watch(f"/proc/self/fd/{fileno}", _IN_MODIFY)
        if watch >= 0:
            self._files[fileno] = watch

    def unwatch_file(self, fileno: int) -> None:
        watch = self._files.pop(fileno, None)
        if watch is not None:
            self._remove(self._descriptor, watch)

    def watch_folders(self, folders: Set[str]) -> None:
        for folder in self._folders.keys() - folders:
            self._remove(self._descriptor, self._folders.pop(folder))
        for folder in sorted(folders):
            # Asked for again each time: the folder of that name may be another one by now.
            watch = self._watch(folder, _FOLDER)
            if watch >= 0:
                self._folders[folder] = watch

    def _watch(self, path: str, mask: int) -> int:
        watch: int = self._add(self._descriptor, os.fsencode(path), ctypes.c_uint32(mask))
        if watch < 0 and self.interval_s != POLLING_S:
            reason = os.strerror(ctypes.get_errno())
            self._log("WARNING", f"inotify does not watch {path!r} ({reason}); logs are looked at each second instead")
            self.interval_s = POLLING_S
        return watch

    def drain(self) -> bool:
        names_changed = False
        while True:
            try:
                events = os.read(self._descriptor, _BUFFER_BYTES)
            except BlockingIOError:
                return names_changed
            at = 0
            while at < len(events):
                _, mask, _, name_bytes = _EVENT.unpack_from(events, at)
                at += _EVENT.size + name_bytes
                # Anything but growth of a file, an overflow of the queue included, is worth a look at the names.
                names_changed = names_changed or mask != _IN_MODIFY

    def close(self) -> None:
        os.close(self._descriptor)


def hints_of_this_system(log: Log) -> Hints:
    """Return the best source of hints that there is here."""
    if sys.platform.startswith("linux"):
        try:
            return Inotify(log)
        except (OSError, AttributeError) as error:
            log("WARNING", f"inotify cannot be used ({error}); logs are looked at each second instead")
    return Polling()
