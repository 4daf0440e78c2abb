"""Tells whether a response script may be run as root, by who could have written it, and whether it would start."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Iterator, Optional

from ar.config.files import is_file

ROOT = 0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_HEAD_BYTES = 64 * 1024  # what a script reads from beside it, it reads at its start
_READS = re.compile(r"^(?:\.|source)[ \t]+(?P<path>.*?(?<![\w.-])(?P<name>[\w.-]+\.sh))\b", re.MULTILINE)
_OWN_NAME = re.compile(r"\$\{?0\b")  # `${0%/*}` and `$(dirname "$0")` are the folder of the script itself
_ANY_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def fault_of_script(path: Path, uid: int, *, folder: Optional[Path] = None) -> Optional[str]:
    """Return why the script must not be run by an agent of user `uid`, or None when it may be.

    It must be a regular file directly in `folder`, a home's active-response/bin (by default whatever it is in; a
    link within the folder is fine), executable, owned by root or the agent's user, and writable by nobody else. Nor
    may others be able to put another file or folder in its place, so the folders up to the home are held to the same.
    """
    folder = path.parent if folder is None else folder
    if path.parent != folder or path.name in {"", ".."}:
        return f"it does not stand directly in {folder}"
    try:
        real, real_folder = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
        found = real.stat()
        around = [(above, above.stat()) for above in (folder, *list(folder.parents)[:2])]
    except FileNotFoundError:
        return "there is no such script"
    except (OSError, ValueError) as error:
        return f"it cannot be looked at ({error.strerror if isinstance(error, OSError) else error})"
    if real.parent != real_folder:
        return f"it leads out of its folder, to {real}"
    faults = [_fault_of_file(found), _fault_of_owner(found, "it", uid)]
    for above, status in around:
        faults.append(_fault_of_owner(status, "its folder" if above == folder else f"{above}, above it,", uid))
    return next(filter(None, faults), None)


def _fault_of_file(found: os.stat_result) -> Optional[str]:
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    return None if found.st_mode & _ANY_EXECUTE else "it is not executable"


def _fault_of_owner(found: os.stat_result, what: str, uid: int) -> Optional[str]:
    if found.st_uid not in (ROOT, uid):
        return f"{what} belongs to user {found.st_uid}, not to root or the agent's user"
    if found.st_mode & _OTHERS_WRITE:
        return f"{what} is writable by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return None


def fault_of_content(path: Path) -> Optional[str]:
    """Return why a script that may be run would not start or come far, or None when nothing of it can be told.

    A program that is no text is not looked into.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if b"\0" in head:
        return None
    text = head.decode("latin-1")
    return _fault_of_first_line(text.partition("\n")[0]) or next(_missing_beside(path, text), None)


def asks_for_keys(path: Path) -> bool:
    """Tell whether a script has the question of the contracts wazuh4 and wazuh5, as far as can be seen."""
    try:
        with path.open("rb") as file:
            return b"check_keys" in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _fault_of_first_line(line: str) -> Optional[str]:
    if not line.startswith("#!"):
        return "its first line names no interpreter, such as #!/bin/sh"
    if line.endswith("\r"):
        return "its lines end in CR LF, as on Windows, so its interpreter is not found: expected LF alone"
    interpreter = line[2:].strip().partition(" ")[0]
    if not os.access(interpreter, os.X_OK):
        return f"its interpreter {interpreter!r} does not exist here or cannot be run"
    return None


def _missing_beside(path: Path, text: str) -> Iterator[str]:
    """Yield the files that the script reads with `.` and that are not there, as far as their names can be told."""
    for match in _READS.finditer(text):
        named, name = match["path"].strip("\"'"), match["name"]
        if named.startswith("/") and "$" not in named:
            if not is_file(Path(named)):
                yield f"it reads {named}, which is not there"
        elif (name == "lib.sh" or _OWN_NAME.search(named)) and not is_file(path.with_name(name)):
            yield f"it reads {name}, which is not beside it"
