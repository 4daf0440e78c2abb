"""The words: values that the rooms hand to each other, parsed once at the edge and immutable from then on."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import FrozenSet, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ar.errors import Place

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
RuleId = int

LEVEL_MAX = 16  # the highest level of a rule
CONTRACTS = ("argv", "wazuh4", "wazuh5")  # how a script may be told what to do; scripts/README.md has each
_V4_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

# What a script may be handed as a user: OSSEC's alphabet (exec.c), without a leading dash.
_SAFE_USER = re.compile(r"[A-Za-z0-9_.@?][A-Za-z0-9_.@?-]{0,63}\Z")
# A file name must be absolute and of an alphabet that no shell script can trip over.
_SAFE_LOCATION = re.compile(r"[A-Za-z0-9_/(][A-Za-z0-9_./@:+,=~>()-]{0,4095}\Z")
_SAFE_FILENAME = re.compile(r"/[A-Za-z0-9_./@:+,=~-]{0,4095}\Z")


def parse_address(text: str) -> Optional[Address]:
    """Return `text` as one canonical address, or None when it is anything else (a host name, say).

    A v4-mapped address is folded to IPv4, a zone id is dropped, and brackets around IPv6 are taken off, so
    that one offender has one spelling. No name is ever looked up.
    """
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def parse_network(text: str) -> Optional[Network]:
    """Return the network that `text` writes (a single address is a network of one), or None when it is none.

    Bits below the prefix are cleared, as OSSEC does, and v4-mapped networks are folded to IPv4.
    """
    address = parse_address(text)
    if address is not None:
        return ipaddress.ip_network(address)
    if "/" not in text:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_V4_MAPPED):
        low_bits = int(network.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((low_bits, network.prefixlen - 96))
    return network


def safe_location(text: str) -> str:
    """Return the name of a source as a script may be handed it: a dash when it has anything unusual in it.

    Whoever may write into a folder of logs chooses the names that a glob finds there.
    """
    return text if _SAFE_LOCATION.match(text) else "-"


def safe_user(text: str) -> Optional[str]:
    """Return `text` when it is a user name that a script may be handed, else None."""
    return text if _SAFE_USER.match(text) else None


def safe_filename(text: str) -> Optional[str]:
    """Return `text` when it is an absolute path that a script may be handed, else None."""
    return text if _SAFE_FILENAME.match(text) else None


class Moment(NamedTuple):
    """One instant on both clocks, in seconds: the wall clock (Unix epoch) and the time since boot.

    The wall clock can be stepped; the boot clock cannot, counts through suspend, and starts over at a reboot.
    """

    wall_s: float
    boot_s: float


class Line(NamedTuple):
    """One line of a source, without its line end, as text; `received_s` is the wall clock when it was read.

    `raw` is what stands in the source, None where the text is all there ever was.
    """

    source: str
    text: str
    received_s: float
    raw: Optional[bytes] = None


class Chunk(NamedTuple):
    """Lines of one source that were read at once, without their line ends, as they stand in it.

    They become text as UTF-8, with a backslash and its number for every byte that is none.
    """

    source: str
    lines: Sequence[bytes]
    received_s: float


class Alert(NamedTuple):
    """A rule that fired, with what of its event may cross to the side that acts.

    `id` is `<epoch seconds>.<counter>` as OSSEC writes it. `srcip` is a parsed address, `user` and
    `filename` are of a safe alphabet; each is None when the event has none or what it has is not one. The
    texts (`full_log`, `fields`, `previous`) are for reports only and never become an argument of a script.
    `stale` marks a line that was already over an hour old when it was first read: it is reported, but
    nothing responds to it.
    """

    id: str
    time_s: float
    rule: RuleId
    level: int
    groups: Tuple[str, ...]
    description: str
    location: str
    hostname: str = ""
    program: str = ""
    decoder: str = ""
    srcip: Optional[Address] = None
    user: Optional[str] = None
    filename: Optional[str] = None
    fields: Mapping[str, str] = MappingProxyType({})
    full_log: str = ""
    previous: Tuple[str, ...] = ()
    stale: bool = False
    active_response: bool = True  # False for a rule with the option no_ar
    logged: bool = True  # False for a rule with the option no_log


@dataclass(frozen=True)
class Command:
    """A script in active-response/bin and what it expects (`<command>` of ossec.conf).

    `expects` is a subset of {"srcip", "user", "filename"}; `contract` is one of CONTRACTS, and `extra_args` is
    what a script of the contract wazuh4 is told besides.
    """

    name: str
    executable: str
    expects: FrozenSet[str]
    timeout_allowed: bool
    place: Place
    contract: str = "argv"
    extra_args: Tuple[str, ...] = ()

    @property
    def subject_kind(self) -> str:
        """What the command acts on: the first of srcip, user, filename that it expects, else "none"."""
        return next((kind for kind in ("srcip", "user", "filename") if kind in self.expects), "none")


@dataclass(frozen=True)
class Levels:
    """The rule levels a response binds to: `least` and up, or exactly those in `exactly`."""

    least: Optional[int] = None
    exactly: FrozenSet[int] = frozenset()

    def __contains__(self, level: int) -> bool:
        return (self.least is not None and level >= self.least) or level in self.exactly


@dataclass(frozen=True)
class Response:
    """Which alerts run which command, and for how long (`<active-response>` of ossec.conf).

    It binds when level OR group OR id fits. `groups` holds the patterns of `rules_group`, one alternative
    each. `timeout_s` 0 means for good; `steps_s` are the sentences of the second, third … offence (empty:
    each is `timeout_s`), already with the default list applied, and `steps_place` is where that list stands.
    """

    command: Command
    levels: Levels
    groups: Tuple[str, ...]
    rules: FrozenSet[RuleId]
    timeout_s: int
    steps_s: Tuple[int, ...]
    place: Place
    steps_place: Optional[Place] = None

    def sentence_s(self, offence: int) -> int:
        """Return how long the `offence`-th offence (1 is the first) is blocked, in seconds; 0: for good."""
        if offence <= 1 or not self.steps_s:
            return self.timeout_s
        return self.steps_s[min(offence - 2, len(self.steps_s) - 1)]


class Subject(NamedTuple):
    """What a command acts on; `kind` is "srcip", "user", "filename" or "none" (then `value` is "-")."""

    kind: str
    value: str

    def __str__(self) -> str:
        return self.value


NOTHING = Subject("none", "-")
