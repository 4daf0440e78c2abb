"""Takes apart the syslog messages of SonicWall firewalls.

They are `name=value` pairs; the SonicOS Log Event Reference Guide lists the names and the message numbers. One
device logs packets, attacks, visits of web sites and its own affairs, so the message decides on the category. As in
OSSEC, one that does not tell both ends in full, `src=address:port:interface dst=address:port:interface`, is its own.
"""

from __future__ import annotations

import re
from typing import Dict

from ar.detect.event import Event

_PAIR = re.compile(r'\b([A-Za-z]\w*)=("[^"]*"|\S*)')
_END = r"([0-9]{1,3}(?:\.[0-9]{1,3}){3}):([0-9]+):\S+"
_ENDS = re.compile(rf"src={_END} dst={_END}")
_END_FIELDS = ("srcip", "srcport", "dstip", "dstport")
_ATTACK = "32"  # the number of the log category (`c`) of attacks
_WEB_SITE = "97"  # the message of a visit
_ACTIONS = {
    "98": "pass",  # connection opened
    "597": "pass",  # ICMP packet allowed
    "598": "pass",  # ICMP packet from the LAN allowed
    "36": "drop",  # TCP connection dropped
    "37": "drop",  # UDP packet dropped
    "38": "drop",  # ICMP packet dropped
    "173": "drop",  # TCP connection from the LAN denied
    "174": "drop",  # UDP packet from the LAN dropped; OSSEC leaves out 175, which is ICMP's
    "537": "close",  # connection closed
}


def take_sonicwall(event: Event, start: int) -> None:
    """Take priority, message number, addresses and protocol, and say which rules the message is for."""
    pairs: Dict[str, str] = {}
    ends = None
    for pair in _PAIR.finditer(event.log, start):
        name, value = pair.groups()
        if name == "src" and name not in pairs:
            ends = _ENDS.match(event.log, pair.start())
        pairs.setdefault(name, value.strip('"'))
    event.category = "syslog"
    fields = event.fields
    message = pairs.get("m", "")
    found = {"status": pairs.get("pri"), "id": message}
    if ends is not None:
        found["protocol"] = pairs.get("proto", "").partition("/")[0]
        fields.update(zip(_END_FIELDS, ends.groups()))
    fields.update((name, value) for name, value in found.items() if value)
    if ends is not None:
        _categorize(event, message, pairs)


def _categorize(event: Event, message: str, pairs: Dict[str, str]) -> None:
    if pairs.get("c") == _ATTACK:
        event.category = "ids"
    elif message in _ACTIONS:
        event.category = "firewall"
        event.fields["action"] = _ACTIONS[message]
    elif message == _WEB_SITE:
        event.category = "squid"  # whose rules know a visit by its HTTP status
        _take_visit(event.fields, pairs)


def _take_visit(fields: Dict[str, str], pairs: Dict[str, str]) -> None:
    if pairs.get("result"):
        fields["id"] = pairs["result"]
    if pairs.get("dstname"):
        fields["url"] = pairs["dstname"] + pairs.get("arg", "")
