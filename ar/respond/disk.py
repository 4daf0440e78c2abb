"""The few things the journal asks of a file system, so that tests can put another one in its place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Optional


class Stamp(NamedTuple):
    """Which file it is and how its last writer left it: whoever replaces, cuts or overwrites it changes this."""

    device: int
    inode: int
    size_bytes: int
    written_ns: int


class Disk:
    """The real file system. Each method raises OSError as the call it makes does."""

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def open_append(self, path: Path) -> int:
        """Open for appending, owner only; made when it is not there."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, fd: int, text: bytes) -> None:
        """Write all of `text`, or raise."""
        while text:
            text = text[os.write(fd, text) :]

    def sync(self, fd: int) -> None:
        os.fsync(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def close(self, fd: int) -> None:
        os.close(fd)

    def stamp(self, fd: int) -> Optional[Stamp]:
        """Return the stamp of an open file; None when it cannot be told."""
        with suppress(OSError):
            return _stamp(os.fstat(fd))
        return None

    def stamp_of(self, path: Path) -> Optional[Stamp]:
        """Return the stamp of the file of that name; None when there is none, or nobody could read it."""
        with suppress(OSError):
            return _stamp(path.stat())
        return None

    def replace(self, path: Path, text: bytes) -> int:
        """Put a file with this content in the place of `path`, whole or not at all; return it open for appending.

        The caller syncs the folder next: until then a power cut may bring the former file back.
        """
        new = path.with_name(path.name + ".new")
        fd = os.open(new, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            self.write(fd, text)
            os.fsync(fd)
            new.rename(path)
        except OSError:
            os.close(fd)
            with suppress(OSError):  # the room it takes is needed
                new.unlink()
            raise
        return fd

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def keep_copy(self, path: Path, text: bytes) -> None:
        """Write a copy for people to look at, durably; it must not be there yet, and half a one is not kept."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self.write(fd, text)
            os.fsync(fd)
            self.sync_folder(path.parent)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(fd)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
