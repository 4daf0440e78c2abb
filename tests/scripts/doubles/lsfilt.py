"""lsfilt of AIX with -O, a line of fields between bars for each rule. State: that of aix.py."""

from __future__ import annotations

from typing import List

from aix import read
from double import NOT_DOUBLED, End, State, run


def lsfilt(state: State, argv: List[str]) -> None:
    given, version = read(argv, "v:n:aOd", "Usage: lsfilt -v 4|6 [-n fid_list] [-a] [-d] [-O]")
    if not version or "O" not in given or set(given) - set("vaO"):
        raise End(NOT_DOUBLED, f"lsfilt: not doubled: {argv}")
    rules = state["active" if "a" in given else "table"][version]
    for number, (action, *ends, description) in enumerate(rules, 1):
        rest = "yes|all|any|0|any|0|both|both|no|all packets|0|all|0"
        print("|".join([str(number), action, *ends, rest, description]))
    print("0|permit|0.0.0.0|0.0.0.0|0.0.0.0|0.0.0.0|yes|all|any|0|any|0|both|both|no|all packets|0|all|0|Default Rule")


if __name__ == "__main__":
    run("lsfilt", lsfilt)
