"""Doubles of the programs that lock accounts where this is not Linux: strict, and their state is the files in /etc.

Run as `accounts_double.py SYSTEM PROGRAM ARGUMENT…`: takes just what the system's manual pages give, and complains of
what is done twice. master.passwd(5) and shadow(5) have nine or ten fields; the double of AIX keeps a line
`NAME ID LOCKED SHELL` for each user in /etc/security.users.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Dict, List, NoReturn, Tuple

MASTER, SHADOW, AIX = Path("/etc/master.passwd"), Path("/etc/shadow"), Path("/etc/security.users")


def refuse(what: str) -> NoReturn:
    print(what, file=sys.stderr)
    sys.exit(1)


def change(path: Path, user: str, change_fields: Callable[[List[str]], None], separator: str = ":") -> None:
    lines = [line.split(separator) for line in path.read_text().splitlines()]
    found = [fields for fields in lines if fields[0] == user]
    if not found:
        refuse(f"no such user: {user}")
    change_fields(found[0])
    path.write_text("".join(separator.join(fields) + "\n" for fields in lines))


def prefix(path: Path, text: str, *, lock: bool) -> Callable[[str], None]:
    """Put `text` before the password, or take it away; refuse what is so already, as these programs do."""

    def fields(found: List[str]) -> None:
        if found[1].startswith(text) == lock:
            refuse("already so")
        found[1] = text + found[1] if lock else found[1][len(text) :]

    return lambda user: change(path, user, fields)


def openbsd(*, lock: bool) -> Callable[[str], None]:
    def fields(found: List[str]) -> None:
        if found[9].endswith("-") == lock:
            refuse("already so")
        found[1] = "*" + found[1] if lock else found[1][1:]
        found[9] = found[9] + "-" if lock else found[9][:-1]

    return lambda user: change(MASTER, user, fields)


def aix(value: str) -> Callable[[str], None]:
    return lambda user: change(AIX, user, lambda found: found.__setitem__(2, value), " ")


def lsuser(user: str) -> None:
    for line in AIX.read_text().splitlines():
        name, number, locked, shell = line.split(" ")
        if name == user:
            print(f"{name} id={number} account_locked={locked} shell={shell}")
            return
    refuse(f'3004-687 User "{user}" does not exist.')


WORDS: Dict[Tuple[str, ...], Callable[[str], None]] = {
    ("FreeBSD", "pw", "lock"): prefix(MASTER, "*LOCKED*", lock=True),
    ("FreeBSD", "pw", "unlock"): prefix(MASTER, "*LOCKED*", lock=False),
    ("OpenBSD", "usermod", "-Z"): openbsd(lock=True),
    ("OpenBSD", "usermod", "-U"): openbsd(lock=False),
    ("NetBSD", "usermod", "-C", "yes"): prefix(MASTER, "*LOCKED*", lock=True),
    ("NetBSD", "usermod", "-C", "no"): prefix(MASTER, "*LOCKED*", lock=False),
    ("SunOS", "passwd", "-l"): prefix(SHADOW, "*LK*", lock=True),
    ("SunOS", "passwd", "-u"): prefix(SHADOW, "*LK*", lock=False),
    ("AIX", "lsuser", "-a", "id", "account_locked", "shell"): lsuser,
    ("AIX", "chuser", "account_locked=true"): aix("true"),
    ("AIX", "chuser", "account_locked=false"): aix("false"),
}

if __name__ == "__main__":
    words, user = tuple(sys.argv[1:-1]), sys.argv[-1]
    if words not in WORDS or user.startswith("-"):
        refuse(f"no such usage: {sys.argv[1:]}")
    WORDS[words](user)
