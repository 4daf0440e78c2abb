"""Tells whether a response script may be run as root: who else could have written it, and whether it runs at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Optional

ROOT = 0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
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
