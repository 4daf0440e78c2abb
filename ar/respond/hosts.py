"""The addresses of this host, and those of the host names that the administrator allowlisted.

Only names from the configuration are ever looked up, and only when it is loaded; names from logs never are.
"""

from __future__ import annotations

import atexit
import ipaddress
import socket
import threading
from typing import Callable, Dict, Iterable, List, Optional, Set, Tuple

import psutil

from ar.config.settings import Allowed
from ar.errors import Mistake
from ar.model import Address, Network, parse_address

# Nobody's, of the networks for documentation (RFC 5737, RFC 3849); each family has a setting of its own.
_NOBODYS = {4: ipaddress.ip_address("203.0.113.254"), 6: ipaddress.ip_address("2001:db8:ffff:ffff::fe")}


def own_addresses() -> Set[Address]:
    """Return the addresses and broadcast addresses of this host's interfaces."""
    written = [
        text
        for interface in psutil.net_if_addrs().values()
        for entry in interface
        if entry.family in (socket.AF_INET, socket.AF_INET6)
        for text in (entry.address, entry.broadcast)
        if text
    ]
    return {address for address in map(parse_address, written) if address is not None}


def is_own_now(address: Address) -> bool:
    """Return whether the address is one of this host's this very moment: only then can a socket be bound to it.

    Where the kernel lets any address be bound (ip_nonlocal_bind) this tells nothing, and is never true.
    """
    return _can_bind(address) and not _can_bind(_NOBODYS[address.version])


def _can_bind(address: Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        trial = _unbound.pop(family, None) or socket.socket(family, socket.SOCK_DGRAM)
    except OSError:
        return False
    try:
        trial.bind((str(address), 0))
    except OSError:
        _unbound[family] = trial  # as good as new: a flood of addresses is asked about with one socket
        return False
    trial.close()
    return True


_unbound: Dict[int, socket.socket] = {}  # by family: the socket of the last trial, which could not be bound


@atexit.register
def _close_unbound() -> None:
    while _unbound:
        _unbound.popitem()[1].close()


class Lookup:
    """Looks up the allowlist's host names beside the loop, since a resolver that does not answer takes its time."""

    def __init__(self, allowed: Iterable[Allowed], on_done: Callable[[], None]) -> None:
        """`on_done` is called from another thread as soon as `answer` is there."""
        self.answer: Optional[Tuple[List[Tuple[Network, str]], List[Mistake]]] = None
        self._allowed = tuple(allowed)
        self._on_done = on_done
        if any(entry.network is None for entry in self._allowed):
            threading.Thread(target=self._run, name="allowlist names", daemon=True).start()
        else:
            self.answer = networks_of(self._allowed)

    def _run(self) -> None:
        self.answer = networks_of(self._allowed)
        self._on_done()


def networks_of(allowed: Iterable[Allowed]) -> Tuple[List[Tuple[Network, str]], List[Mistake]]:
    """Return the allowlist's networks with the words used for each; host names are looked up now.

    A name without an address becomes a warning: nothing is allowlisted for it.
    """
    networks: List[Tuple[Network, str]] = []
    warnings: List[Mistake] = []
    for entry in allowed:
        if entry.network is not None:
            networks.append((entry.network, entry.text))
            continue
        found = _addresses_of(entry.text)
        networks += [(ipaddress.ip_network(address), entry.text) for address in found]
        if not found:
            what = f"host name {entry.text!r} has no address now, so nothing is allowlisted for it"
            warnings.append(Mistake(entry.place, what, "a name that can be looked up, or an address"))
    return networks, warnings


def _addresses_of(name: str) -> Set[Address]:
    try:
        answers = socket.getaddrinfo(name, None)
    except OSError:
        return set()  # the caller reports a name without addresses
    return {a for a in (parse_address(str(answer[4][0])) for answer in answers) if a is not None}
