"""npfctl(8) of NetBSD 9 and later, as far as `show` and the entries of tables go.

State: `active`; `tables`, each with its networks, all of type lpm but those named in `ipsets`; `rules`, each as it
stands in npf.conf.
"""

from __future__ import annotations

import re
from typing import List

from double import NOT_DOUBLED, End, State, holds, network, run, shown

USAGE = End(
    1,
    "Usage:\tnpfctl start | stop | flush | show | stats\n"
    '\tnpfctl table "table-name" { add | rem | test } <address/mask>',
)


def blocks(state: State, address: str) -> bool:
    """Tell whether packets that come from an address, and those that go to it, are dropped."""
    dropped = {
        (found[1], found[2])
        for found in (re.fullmatch(r"block (in|out) final (from|to) <(\S+)>", rule) for rule in state["rules"])
        if found and holds(state["tables"].get(found[3], []), address)
    }
    return bool(state["active"]) and dropped >= {("in", "from"), ("out", "to")}


def npfctl(state: State, argv: List[str]) -> None:
    if argv == ["show"]:
        show(state)
    elif len(argv) < 3 or argv[0] != "table":
        raise USAGE
    elif argv[2] in ("add", "rem", "test"):
        if len(argv) != 4:
            raise USAGE
        change_table(state, *argv[1:])
    elif argv[2] in ("del", "list", "flush", "replace"):
        raise End(NOT_DOUBLED, f"npfctl: not doubled: {argv}")
    else:
        raise End(1, f"npfctl: invalid command '{argv[2]}'")


def show(state: State) -> None:
    print(
        f"# filtering:\t{'active' if state['active'] else 'inactive'}\n"
        f"# config:\t{'loaded' if state['rules'] else 'empty'}\n"
    )
    for name in state["tables"]:
        print(f"table <{name}> type {'ipset' if name in state.get('ipsets', []) else 'lpm'}")
    print("\ngroup default {")
    print("".join(f"\t{rule}\n" for rule in state["rules"]) + "}")


def change_table(state: State, name: str, verb: str, address: str) -> None:
    entry = network(address, End(1, f"npfctl: invalid CIDR '{address}'"))
    table = state["tables"].get(name)
    whole = entry.prefixlen == entry.max_prefixlen
    if table is None or (name in state.get("ipsets", []) and not whole):
        raise End(1, "npfctl: invalid address, mask or table ID")
    text = str(entry)
    if verb == "add" and text in table:
        raise End(1, "npfctl: entry already exists or is conflicting")
    if not (text in table if verb == "rem" else verb == "add" or holds(table, shown(text))):
        raise End(1, "npfctl: not found")
    if verb == "add":
        table.append(text)
    elif verb == "rem":
        table.remove(text)
    print(f"npfctl: {'match' if verb == 'test' else 'success'}")


if __name__ == "__main__":
    run("npfctl", npfctl)
