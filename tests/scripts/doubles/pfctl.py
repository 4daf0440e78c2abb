"""pfctl(8) of FreeBSD, OpenBSD and macOS, as far as tables, states and `-s info` go.

State: `enabled`; `tables`, each with its networks; `rules`, each [action, direction, which end, table] of a `quick`
rule; `states`, each [source, destination].
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Dict, List

from double import NOT_DOUBLED, End, State, holds, network, options, run, shown

KNOWN = "a:AdD:eqf:F:ghi:k:K:mnNOo:Pp:rRs:t:T:vx:z"
USAGE = End(1, "usage: pfctl [-AdeghMmNnOPqRrvz] [-a anchor] [-k host | network | label | id] [-t table -T command]")
TABLE_NAME_MAX = 31


def blocks(state: State, address: str) -> bool:
    """Tell whether packets that come from an address, and those that go to it, are dropped."""
    looked_up = {
        (direction, end): holds(state["tables"].get(table, []), address)
        for action, direction, end, table in state["rules"]
        if action == "block"
    }
    with_state = any(holds([address], end) for pair in state["states"] for end in pair)
    both = looked_up.get(("in", "from"), False) and looked_up.get(("out", "to"), False)
    return bool(state["enabled"]) and both and not with_state


def pfctl(state: State, argv: List[str]) -> None:
    given, operands = options(argv, KNOWN, USAGE)
    print("No ALTQ support in kernel\nALTQ related functions disabled", file=sys.stderr)  # as it does on many hosts
    if set(given) - set("qvstTfk"):
        raise End(NOT_DOUBLED, f"pfctl: not doubled: {argv}")
    if "T" in given or "t" in given:
        if not ("T" in given and "t" in given) or set(given) & set("sk"):
            raise USAGE
        change_table(state, given, operands)
    elif operands or not set(given) & set("sk"):
        raise USAGE
    elif "k" in given:
        kill_states(state, given["k"], quiet="q" in given)
    else:
        show(state, given["s"], verbose="v" in given)


def show(state: State, what: List[str], *, verbose: bool) -> None:
    if what == ["info"]:
        print(f"Status: {'Enabled for 0 days 00:00:07' if state['enabled'] else 'Disabled'}      Debug: Urgent")
    elif what == ["Tables"]:
        used = {table for *_, table in state["rules"]}
        for name in sorted(state["tables"]):
            print(f"-pa-{'r' if name in used else '-'}--\t{name}" if verbose else name)
    else:
        raise End(NOT_DOUBLED, f"pfctl: not doubled: -s {what}")


def kill_states(state: State, ends: List[str], *, quiet: bool) -> None:
    if len(ends) > 2:
        raise USAGE
    wanted = [network(end, End(1, f"pfctl: getaddrinfo: {end}: Name does not resolve")) for end in ends]
    if len({one.version for one in wanted}) != 1:
        raise End(1, "pfctl: -k: address families do not match")
    before = state["states"]
    state["states"] = [
        pair for pair in before if not all(holds([str(one)], pair[place]) for place, one in enumerate(wanted))
    ]
    if not quiet:
        print(f"killed {len(before) - len(state['states'])} states from 1 sources", file=sys.stderr)


def change_table(state: State, given: Dict[str, List[str]], operands: List[str]) -> None:
    (name,), (command,) = given["t"], given["T"]
    if len(name) > TABLE_NAME_MAX or (command == "show" and (operands or "f" in given)):
        raise USAGE
    if command not in ("add", "delete", "test", "show"):
        raise End(NOT_DOUBLED, f"pfctl: not doubled: -T {command}")
    addresses = read_addresses(given, operands, no_network=command == "test")
    if command == "add":  # makes a table that is not there
        state["tables"].setdefault(name, [])
    if name not in state["tables"]:
        raise End(255, "pfctl: Table does not exist.")
    table = state["tables"][name]
    if command == "show":
        print("".join(f"   {shown(one)}\n" for one in table), end="")
    elif command == "test":
        if not all(holds(table, one) for one in addresses):
            raise End(2)
    else:
        add_or_delete(table, command, addresses, quiet="q" in given)


def add_or_delete(table: List[str], command: str, addresses: List[str], *, quiet: bool) -> None:
    changed = [one for one in addresses if (one in table) == (command == "delete")]
    table[:] = [one for one in table if one not in changed] if command == "delete" else table + changed
    if not quiet:
        print(f"{len(changed)}/{len(addresses)} addresses {command}ed.", file=sys.stderr)


def read_addresses(given: Dict[str, List[str]], operands: List[str], *, no_network: bool) -> List[str]:
    """Return the addresses of the command line, then those of the file; a `#` there begins a comment."""
    words = list(operands)
    if given.get("f") == ["-"]:
        words += [word for line in sys.stdin for word in line.partition("#")[0].split()]
    elif "f" in given:
        raise End(NOT_DOUBLED, "pfctl: not doubled: a file")
    networks = [network(word, End(255, f"pfctl: cannot decode {word}: Invalid argument")) for word in words]
    for word, one in zip(words, networks):
        if no_network and one.prefixlen != one.max_prefixlen:
            raise End(255, f"pfctl: cannot decode {word}: Invalid argument")
    return [str(ipaddress.ip_network(one)) for one in networks]


if __name__ == "__main__":
    run("pfctl", pfctl)
