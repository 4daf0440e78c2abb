"""sysctl(8) of the BSDs, as far as `sysctl -n NAME` goes. State: `sysctl`, the values by name."""

from __future__ import annotations

from typing import List

from double import NOT_DOUBLED, End, State, options, run


def sysctl(state: State, argv: List[str]) -> None:
    given, names = options(argv, "AabdeFhiNnoTtqWX", End(1, "usage: sysctl [-bdehiNnoqTtWx] name[=value] ..."))
    if set(given) != {"n"} or len(names) != 1 or "=" in names[0]:
        raise End(NOT_DOUBLED, f"sysctl: not doubled: {argv}")
    if names[0] not in state.get("sysctl", {}):
        raise End(1, f"sysctl: unknown oid '{names[0]}'")
    print(state["sysctl"][names[0]])


if __name__ == "__main__":
    run("sysctl", sysctl)
