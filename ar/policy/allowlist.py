"""The addresses that are never acted on, whatever the logs say."""

from __future__ import annotations

import ipaddress
from typing import Iterable, Optional, Tuple

from ar.model import Address, Network

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


class Allowlist:
    """The allowlist of the configuration, and this host's own addresses.

    `networks` maps each network to the words the administrator used for it (`192.168.1.0/24`, or a host
    name that was looked up); `own` are the addresses and broadcast addresses of this host's interfaces.
    """

    def __init__(self, networks: Iterable[Tuple[Network, str]], own: Iterable[Address]) -> None:
        self._networks = tuple(networks)
        self.own = frozenset(own)

    def reason(self, address: Address) -> Optional[str]:
        """Return why the address is never acted on, or None when it may be."""
        special = self._special(address)
        if special:
            return special
        for network, text in self._networks:
            if address.version == network.version and address in network:
                return f"allowlisted ({text})"
        return None

    def reason_for_network(self, network: Network) -> Optional[str]:
        """Return why a whole network is never acted on: something in it is allowed; or None."""
        for allowed, text in self._networks:
            if allowed.version == network.version and allowed.overlaps(network):
                return f"allowlisted ({text})"
        own = next((address for address in self.own if address in network), None)
        return f"holds this host's own address {own}" if own is not None else self.reason(network[0])

    def _special(self, address: Address) -> Optional[str]:
        if address in self.own:
            return "this host's own address"
        if address.is_unspecified:
            return "the unspecified address"
        if address.is_loopback:
            return "a loopback address"
        if address.is_multicast:
            return "a multicast address"
        if address == _BROADCAST:
            return "the broadcast address"
        return None
