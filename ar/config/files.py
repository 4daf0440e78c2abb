"""Reads the files of a configuration whole, and never anything that could hang or fill the memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Optional

from ar.config.findings import Findings
from ar.config.home import Home
from ar.errors import Place

FILE_BYTES_MAX = 16 * 1024 * 1024
A_READER = "root, or a home of your own"  # what is expected of a user who may not read something in a home
_EXPECTED = {PermissionError: A_READER, IsADirectoryError: "a regular file"}


def shown(path: Path, home: Home) -> str:
    """Return how messages call a file: relative to the home when it stands in it."""
    try:
        return str(path.relative_to(home.root))
    except ValueError:
        return str(path)


def is_file(path: Path) -> bool:
    """Return whether there is a file; a path that cannot be looked at is none."""
    return os.path.isfile(path)  # noqa: PTH113 (pathlib's raises for a name that is too long, or no permission)


def is_folder(path: Path) -> bool:
    """Return whether there is a folder; a path that cannot be looked at is none."""
    return os.path.isdir(path)  # noqa: PTH112 (same)


def is_there(path: Path) -> bool:
    """Return whether something stands at the path; what may not be looked at does, so that reading it says why."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False
    return True


def read_text(path: Path, place: Place, findings: Findings) -> Optional[str]:
    """Return the text of a file, or None with a mistake at `place` when it cannot be read.

    It is UTF-8, or else taken for Latin-1: comments in old files are.
    """
    content = read_bytes(path, place, findings)
    if content is None:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def read_bytes(path: Path, place: Place, findings: Findings, *, bytes_max: int = FILE_BYTES_MAX) -> Optional[bytes]:
    """Return the content of a regular file of at most `bytes_max`, else None with a mistake at `place`."""
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                findings.mistake(place, f"{path} cannot be read", "a regular file")
                return None
            content = file.read(bytes_max + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        expected = [text for kind, text in _EXPECTED.items() if isinstance(error, kind)]
        findings.mistake(place, f"{path} cannot be read ({reason})", "".join(expected))
        return None
    if len(content) > bytes_max:
        findings.mistake(place, f"{path} is too large", f"at most {bytes_max // 1024 // 1024} MiB")
        return None
    return content


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file, but do not wait for a writer should it be a FIFO; for regular files it is the same."""
    return os.open(path, flags | os.O_NONBLOCK)
