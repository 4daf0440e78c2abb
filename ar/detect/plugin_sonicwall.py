"""Takes apart the syslog messages of SonicWall firewalls.

They are `name=value` pairs; the SonicOS Log Event Reference Guide lists the names and the message numbers. One
device logs packets, attacks, visits of web sites and its own affairs, so the message decides on the category.
"""

from __future__ import annotations

import re
from typing import Dict

from ar.detect.event import Event

_PAIR = re.compile(r'\b([A-Za-z]\w*)=("[^"]*"|\S*)')
_END = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?::([0-9]+))?(?::.*)?")
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
    "174": "drop",  # UDP packet from the LAN dropped
    "175": "drop",  # ICMP packet from the LAN dropped
    "537": "close",  # connection closed
}


def take_sonicwall(event: Event, start: int) -> None:
    """Take priority, message number, addresses and protocol, and say which rules the message is for."""
    pairs: Dict[str, str] = {}
    for name, value in _PAIR.findall(event.log, start):
        pairs.setdefault(name, value.strip('"'))
    fields = event.fields
    message = pairs.get("m", "")
    found = {"status": pairs.get("pri"), "id": message, "protocol": pairs.get("proto", "").partition("/")[0]}
    fields.update((name, value) for name, value in found.items() if value)
    for side in ("src", "dst"):
        end = _END.fullmatch(pairs.get(side, ""))
        if end is not None:
            fields[f"{side}ip"] = end[1]
            if end[2]:
                fields[f"{side}port"] = end[2]
    if pairs.get("c") == _ATTACK:
        event.category = "ids"
    elif message in _ACTIONS:
        event.category = "firewall"
        fields["action"] = _ACTIONS[message]
    elif message == _WEB_SITE:
        event.category = "squid"  # whose rules know a visit by its HTTP status
        _take_visit(fields, pairs)
    else:
        event.category = "syslog"


def _take_visit(fields: Dict[str, str], pairs: Dict[str, str]) -> None:
    if pairs.get("result"):
        fields["id"] = pairs["result"]
    if pairs.get("dstname"):
        fields["url"] = pairs["dstname"] + pairs.get("arg", "")
