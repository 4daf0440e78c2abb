"""The addresses that are never acted on, whatever the logs say."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from typing import Callable, Iterable, Iterator, List, Optional, Tuple

from ar.model import Address, Network, Subject, parse_address

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_SPECIAL_NETWORKS = [
    _THIS_NETWORK,
    *map(ipaddress.IPv4Network, ("127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32")),
]


class Allowlist:
    """The allowlist of the configuration, and this host's own addresses.

    `networks` maps each network to the words the administrator used for it (`192.168.1.0/24`, or a host
    name that was looked up); `own` are the addresses and broadcast addresses of this host's interfaces as
    they were last asked for, and `is_own_now` asks about one address this very moment.
    """

    def __init__(
        self,
        networks: Iterable[Tuple[Network, str]],
        own: Iterable[Address],
        is_own_now: Callable[[Address], bool] = lambda _: False,
    ) -> None:
        self.own = frozenset(own)
        self._networks = tuple(networks)
        self._is_own_now = is_own_now

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

    def reason_for_subject(self, subject: Subject) -> Optional[str]:
        """Return why a subject is never acted on, or None when it may be; only addresses ever are allowlisted."""
        if subject.kind != "srcip":
            return None
        address = parse_address(subject.value)
        if address is not None:
            return self.reason(address)
        return self.reason_for_network(ipaddress.ip_network(subject.value))

    def refused(self, subjects: Iterable[Subject]) -> Iterator[Tuple[Subject, str]]:
        """Yield those of many subjects that are never acted on, each with the reason."""
        starts, ends = self._ipv4_ranges()
        for subject in subjects:
            number = _ipv4_number(subject.value) if subject.kind == "srcip" else None
            if number is not None:
                at = bisect_right(starts, number) - 1
                if at < 0 or number > ends[at]:
                    continue  # nearly all of them, and told without a look at the whole list
            reason = self.reason_for_subject(subject)
            if reason is not None:
                yield subject, reason

    def _ipv4_ranges(self) -> Tuple[List[int], List[int]]:
        """Return where the ranges of IPv4 addresses begin and end outside of which `reason` has nothing to say."""
        networks = [network for network, _ in self._networks if network.version == 4]
        networks += [ipaddress.IPv4Network(address) for address in self.own if address.version == 4]
        merged = list(ipaddress.collapse_addresses([*_SPECIAL_NETWORKS, *networks]))
        return [int(network[0]) for network in merged], [int(network[-1]) for network in merged]

    def _special(self, address: Address) -> Optional[str]:
        if address.is_unspecified or address in _THIS_NETWORK:
            return "an unspecified address"
        if address.is_loopback:
            return "a loopback address"
        if address.is_multicast:
            return "a multicast address"
        if address == _BROADCAST:
            return "the broadcast address"
        if address in self.own or self._is_own_now(address):
            return "this host's own address"
        return None


def _ipv4_number(text: str) -> Optional[int]:
    """Return the number of an address as the agent writes them, None for any other text."""
    parts = text.split(".")
    if len(parts) != 4 or not "".join(parts).isdecimal():
        return None
    first, second, third, fourth = map(int, parts)
    return (first << 24) + (second << 16) + (third << 8) + fourth
