"""rmfilt of AIX: removes a rule, and the later ones move up. State: that of aix.py."""

from __future__ import annotations

from typing import List

from aix import placed, read
from double import End, State, run

USAGE = "Usage: rmfilt -v 4|6 -n fid|all [-f]"


def rmfilt(state: State, argv: List[str]) -> None:
    given, version = read(argv, "v:n:f", USAGE)
    if set(given) != {"v", "n"}:
        raise End(1, USAGE)
    del state["table"][version][placed(state, version, given["n"], USAGE)]
    print(f"Filter rule {given['n']} for IPv{version} has been removed successfully.")


if __name__ == "__main__":
    run("rmfilt", rmfilt)
