"""The decoders that OSSEC has in C, by the names under which `<plugin_decoder>` asks for them.

A plugin takes the fields of formats that one expression cannot tell apart. It reads a message that it does not
know as one without fields, and where a format mixes firewall, web and other messages it sets the category as well.
"""

from __future__ import annotations

import re
from typing import Dict

from ar.detect.decoder import Plugin
from ar.detect.event import FORWARDED, FORWARDED_RULE, Event
from ar.detect.plugin_json import JsonPlugin
from ar.detect.plugin_sonicwall import take_sonicwall

_PF = re.compile(r"[^)]*\):? (?:\[[^\[\]]*\] )?(pass|block) (?:in|out) on [^ :]+: (?:\(.*?\) )?(\S+) > (\S+?):(?: +|$)")
_PF_END = re.compile(
    r"((?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]*:[0-9A-Fa-f:]*(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3})?)(?:\.([0-9]+))?"
)
# What follows the addresses tells the protocol; of TCP its flags do.
_PF_PROTOCOLS = (
    (re.compile("udp", re.IGNORECASE), "UDP"),
    (re.compile("icmp", re.IGNORECASE), "ICMP"),
    (re.compile(r"(?i:tcp)|Flags \[|[SFRPWEU.]+ "), "TCP"),
)
_SYMANTEC_FIELD = re.compile(r",([0-9]+)=([^,]*)")
_ALERT = re.compile(r"(?:ossec: )?Alert Level: ([0-9]{1,2}); Rule: ([0-9]{1,9}) - .*?; Location: (.*?);")
# In the order in which they are sent: a user's name cannot bring in an address behind it.
_ALERT_FIELDS = re.compile(
    r"(?: classification: [^;]*;)?(?: srcip: (?P<srcip>[^;]*);)?(?: srcport: (?P<srcport>[^;]*);)?"
    r"(?: dstip: (?P<dstip>[^;]*);)?(?: dstport: (?P<dstport>[^;]*);)?(?: user: (?P<user>[^;]*);)?"
)


def take_pf(event: Event, start: int) -> None:
    """Take what pf decided of a packet, as tcpdump prints OpenBSD's and FreeBSD's pflog."""
    match = _PF.match(event.log, start)
    if match is None:
        return
    event.fields["action"] = match[1]
    for end, side in ((match[2], "src"), (match[3], "dst")):
        address = _PF_END.fullmatch(end)
        if address is not None:
            event.fields[f"{side}ip"] = address[1]
            if address[2]:
                event.fields[f"{side}port"] = address[2]
    for pattern, protocol in _PF_PROTOCOLS:
        if pattern.match(event.log, match.end()):
            event.fields["protocol"] = protocol
            return


def take_symantec_ws(event: Event, start: int) -> None:
    """Take what Symantec Web Security wrote: a date, a time, and numbered fields.

    11 is the client's address, 10 the user, 60 the URL, 3 the outcome and 2 the kind of event; rules know an event by
    the last two together in the order of the message, as `3=1,2=1`. As in OSSEC, a number's first field counts: a
    comma in a value cannot be told from one between fields, so a user's name can bring in those that follow it.
    """
    numbered: Dict[str, str] = {}  # in the order of the message
    for number, value in _SYMANTEC_FIELD.findall(event.log, start):
        numbered.setdefault(number, value)
    kind = ",".join(f"{number}={value}" for number, value in numbered.items() if number in {"2", "3"})
    found = {"id": kind, "srcip": numbered.get("11"), "user": numbered.get("10"), "url": numbered.get("60")}
    event.fields.update((name, value) for name, value in found.items() if value)


def take_ossec_alert(event: Event, start: int) -> None:
    """Take an alert that another OSSEC sent by syslog; it gets the rule it had there, if that is known here."""
    match = _ALERT.match(event.log, start)
    if match is None:
        return
    level, rule, location = match.groups()
    event.category = FORWARDED
    event.fields.update({FORWARDED_RULE: rule, "ossec.level": level, "ossec.location": location})
    found = _ALERT_FIELDS.match(event.log, match.end())
    if found is not None:
        event.fields.update((name, value) for name, value in found.groupdict().items() if value)


PLUGINS: Dict[str, Plugin] = {
    "PF_Decoder": take_pf,
    "SymantecWS_Decoder": take_symantec_ws,
    "SonicWall_Decoder": take_sonicwall,
    "OSSECAlert_Decoder": take_ossec_alert,
    "JSON_Decoder": JsonPlugin(),
}
