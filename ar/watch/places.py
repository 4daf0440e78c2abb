"""Turns a configured location, with globs and strftime fields, into the paths it means at a given time."""

from __future__ import annotations

import glob
import os
import time
from pathlib import Path
from typing import Iterable, List, Set

# What logrotate leaves behind a glob such as /var/log/nginx/*: no line of it is text.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".Z", ".zip")


def is_pattern(location: str) -> bool:
    """Tell whether `location` may mean other files tomorrow, so that a missing one is nothing to complain of."""
    return "%" in location or glob.has_magic(location)


def expand(location: str, wall_s: float) -> List[str]:
    """Return the paths that `location` means at `wall_s` (Unix epoch), in the order of their names.

    A plain name is returned whether or not a file has it; a glob gives what is there, without hidden and
    compressed files.
    """
    name = _dated(location, wall_s)
    if not glob.has_magic(name) or os.path.lexists(name):
        return [name]
    found = glob.glob(name)  # noqa: PTH207 (pathlib's does not leave hidden files out)
    return sorted(path for path in found if not path.endswith(COMPRESSED))


def _dated(location: str, wall_s: float) -> str:
    if "%" not in location:
        return location
    try:
        return time.strftime(location, time.localtime(wall_s))
    except ValueError:  # some systems refuse a field they do not know: then it is part of the name
        return location


def folders_of(location: str, paths: Iterable[str], wall_s: float) -> Set[str]:
    """Return the existing folders in which something has to happen before `location` means other files.

    These are the folders of `paths`, those of the files that symbolic links among them lead to, and the last
    folder that is named outright; for one that is missing, the nearest above that is there.
    """
    folders = {_existing(os.path.dirname(path)) for path in paths}  # noqa: PTH120 (the name as written, links kept)
    folders |= {_existing(os.path.dirname(os.path.realpath(path))) for path in paths}  # noqa: PTH120 (the same)
    name = _dated(location, wall_s)
    plain = name[: min((name.find(sign) for sign in "*?[" if sign in name), default=len(name))]
    folders.add(_existing(os.path.dirname(plain)))  # noqa: PTH120 (the same)
    return folders


def _existing(folder: str) -> str:
    path = Path(folder or ".")
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return str(path)
