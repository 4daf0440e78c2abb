"""route(8) of the BSDs and illumos, as far as black holes for hosts and prefixes go.

State: `routes`, each network with its flags. `get` shows the longest that holds the address, as the kernel uses it.
"""

from __future__ import annotations

import ipaddress
from typing import List, Tuple

from double import End, Network, State, holds, network, run

USAGE = End(64, "usage: route [-dnqtv] command [[modifiers] args]")
LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def blocks(state: State, address: str) -> bool:
    """Tell whether what is sent to an address goes into a black hole."""
    return "BLACKHOLE" in state["routes"].get(_used(state, address), [])


def _used(state: State, address: str) -> str:
    around = [ipaddress.ip_network(one) for one in state["routes"] if holds([one], address)]
    return str(max(around, key=lambda one: one.prefixlen)) if around else ""


def route(state: State, argv: List[str]) -> None:
    words = [word for word in argv if word not in ("-q", "-n")]
    verb, subject, rest = parse(words)
    if verb == "get":
        if rest:
            raise USAGE
        show(state, str(subject.network_address))
    elif verb == "add":
        if rest != [LOOPBACK[subject.version], "-blackhole"]:
            raise USAGE
        if str(subject) in state["routes"]:
            raise End(1, f"add: {subject}: gateway {rest[0]}: route already in table")
        state["routes"][str(subject)] = ["UP", "STATIC", "BLACKHOLE"]
    elif rest:
        raise USAGE
    elif state["routes"].pop(str(subject), None) is None:
        raise End(1, f"delete: {subject}: not in table")


def parse(words: List[str]) -> Tuple[str, Network, List[str]]:
    """Return the command, what it is about, and the rest of the words; an address without -inet6 is IPv4."""
    if not words or words[0] not in ("add", "delete", "get"):
        raise USAGE
    version = 6 if "-inet6" in words else 4
    kinds = [word for word in words[1:] if word in ("-host", "-net")]
    rest = [word for word in words[1:] if word not in ("-host", "-net", "-inet6")]
    if len(kinds) != 1 or not rest:
        raise USAGE
    subject = network(rest[0], End(68, f"route: bad address: {rest[0]}"))
    if subject.version != version or (kinds == ["-host"]) != ("/" not in rest[0]):
        raise End(68, f"route: bad address: {rest[0]}")
    return words[0], subject, rest[1:]


def show(state: State, address: str) -> None:
    used = _used(state, address)
    if not used:
        raise End(1, "route: route has not been found")
    print(f"   route to: {address}\ndestination: {used.partition('/')[0]}")
    print(f"      flags: <{','.join(state['routes'][used])}>")


if __name__ == "__main__":
    run("route", route)
