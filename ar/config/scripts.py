"""Tells whether a response script may be run as root: who else could have written it, and whether it runs at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Optional

ROOT = 0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ANY_EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


def fault_of_script(path: Path, uid: int) -> Optional[str]:
    """Return why the script must not be run by an agent of user `uid`, or None when it may be.

    It must be a regular file of its folder (a link within the folder is fine), executable, owned by root or
    the agent's user, and writable by nobody else; nor may others be able to put another file in its place.
    """
    try:
        real = Path(os.path.realpath(path))
        folder = Path(os.path.realpath(path.parent))
        found, around = real.stat(), folder.stat()
    except FileNotFoundError:
        return "there is no such script"
    except (OSError, ValueError) as error:
        return f"it cannot be looked at ({error.strerror if isinstance(error, OSError) else error})"
    if real.parent != folder:
        return f"it leads out of its folder, to {real}"
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if not found.st_mode & _ANY_EXECUTE:
        return "it is not executable"
    return _fault_of_owner(found, "it", uid) or _fault_of_owner(around, "its folder", uid)


def _fault_of_owner(found: os.stat_result, what: str, uid: int) -> Optional[str]:
    if found.st_uid not in (ROOT, uid):
        return f"{what} belongs to user {found.st_uid}, not to root or the agent's user"
    if found.st_mode & _OTHERS_WRITE:
        return f"{what} is writable by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return None
