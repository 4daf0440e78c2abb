"""What the doubles share: a system's state in a file, which only one of them changes at a time, and how they end.

A double stands in for a program of another system. It takes the arguments that the program's manual documents and
ends as the program does on any other; what a script of ours has no use for it does not know, and says so (status 99).
The file named by DOUBLE_STATE holds the state as JSON; `broken` there makes a program fail with a message of its own.
"""

from __future__ import annotations

import fcntl
import getopt
import ipaddress
import json
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NoReturn, Tuple, Union

State = Dict[str, Any]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

NOT_DOUBLED = 99


class End(Exception):  # noqa: N818 (a way to end, not an error)
    """Ends the program with a status, and with what it says on standard error."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status


def run(program: str, act: Callable[[State, List[str]], None]) -> NoReturn:
    """Let `act` read and change the state as the arguments say, keep what it changed, and end as it does."""
    path = Path(os.environ["DOUBLE_STATE"])
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        state = json.load(file)
        state.setdefault("calls", []).append([program, *sys.argv[1:]])
        status = _end_of(program, act, state)
        file.seek(0)
        file.truncate()
        json.dump(state, file)
    sys.exit(status)


def _end_of(program: str, act: Callable[[State, List[str]], None], state: State) -> int:
    broken = state.get("broken", {})
    if program in broken:
        print(f"{program}: {broken[program]}", file=sys.stderr)
        return 1
    try:
        act(state, sys.argv[1:])
    except End as end:
        if str(end):
            print(end, file=sys.stderr)
        return end.status
    return 0


def options(argv: List[str], known: str, usage: End) -> Tuple[Dict[str, List[str]], List[str]]:
    """Return options (each with its arguments, in order) and operands as getopt(3) sees them, or raise `usage`."""
    try:
        pairs, operands = getopt.getopt(argv, known)
    except getopt.GetoptError:
        raise usage from None
    found: Dict[str, List[str]] = {}
    for name, value in pairs:
        found.setdefault(name[1:], []).append(value)
    return found, operands


def network(text: str, wrong: End) -> Network:
    """Return the address, or the prefix without host bits, that `text` is, or raise `wrong`."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise wrong from None


def holds(networks: List[str], address: str) -> bool:
    """Tell whether an address, or a whole prefix, is in one of the networks."""
    wanted = ipaddress.ip_network(address)
    around = (ipaddress.ip_network(one) for one in networks)
    return any(one.version == wanted.version and wanted.subnet_of(one) for one in around)  # type: ignore[arg-type]


def shown(text: str) -> str:
    """Return a network as most programs show it: without its length where it is a single address."""
    one = ipaddress.ip_network(text)
    return str(one.network_address) if one.prefixlen == one.max_prefixlen else str(one)
