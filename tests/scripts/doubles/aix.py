"""The table of IP Security filter rules that genfilt, lsfilt, rmfilt and mkfilt of AIX share.

State: by version of the protocol (4, 6), `table`, the rules that were written, and `active`, those in force. A rule is
[action, source, source mask, destination, destination mask, description]; its number is its place, counted from 1.
"""

from __future__ import annotations

from typing import Dict, List, Tuple

from double import End, State, network, options

Rule = List[str]


def blocks(state: State, address: str) -> bool:
    """Tell whether packets that come from an address are dropped: the first rule that matches decides."""
    version = "6" if ":" in address else "4"
    for action, source, mask, *_ in state["active"][version]:
        around = network(f"{source}/{mask}", End(1))
        if network(address, End(1)).subnet_of(around):  # type: ignore[arg-type]
            return action == "deny"
    return False


def read(argv: List[str], known: str, usage: str) -> Tuple[Dict[str, str], str]:
    """Return the options, none of which may come twice, and the version of the protocol, which is 4 or 6."""
    wrong = End(1, usage)
    given, operands = options(argv, known, wrong)
    single = {name: values[-1] for name, values in given.items()}
    if operands or any(len(values) > 1 for values in given.values()) or single.get("v", "4") not in ("4", "6"):
        raise wrong
    return single, single.get("v", "")


def placed(state: State, version: str, number: str, usage: str) -> int:
    """Return the place of the rule of that number; rule 1 of IPv4 is the system's own and stays where it is."""
    if not number.isdigit() or not (2 if version == "4" else 1) <= int(number) <= len(state["table"][version]):
        raise End(1, usage)
    return int(number) - 1
