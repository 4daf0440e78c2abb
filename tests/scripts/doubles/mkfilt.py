"""mkfilt of AIX with -u: puts the table of rules in force. State: that of aix.py."""

from __future__ import annotations

from typing import List

from aix import read
from double import NOT_DOUBLED, End, State, run


def mkfilt(state: State, argv: List[str]) -> None:
    given, version = read(argv, "v:duz:g:i", "Usage: mkfilt [-v 4|6] [-d] [-u] [-z P|D] [-g start|stop] [-i]")
    if set(given) != {"v", "u"}:
        raise End(NOT_DOUBLED, f"mkfilt: not doubled: {argv}")
    state["active"][version] = list(state["table"][version])


if __name__ == "__main__":
    run("mkfilt", mkfilt)
