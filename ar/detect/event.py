"""A decoded line, while it is being matched against rules."""

from __future__ import annotations

from typing import Dict, Tuple

# The types of decoders and the categories of rules, which are the same thing.
CATEGORIES = frozenset({"firewall", "ids", "web-log", "syslog", "squid", "windows", "host-information", "ossec"})


class Event:
    """One line taken apart. Mutable, and never seen outside detection (an `Alert` is made from it).

    `log` is what decoders and rules see: the message after the header, control characters removed; `lowered` is
    the same in lower case, character by character. `full_log` is the whole line as alerts show it. `time_s` is
    the event's wall-clock time. `program` is "" when the header names none. `decoder` is the name OSSEC reports
    ("" when none matched), `category` that decoder's type (default "syslog"). `fields` has srcip, dstip, srcport,
    dstport, user (dstuser), srcuser, protocol, action, id, url, status, extra_data, system_name, filename and any
    dynamic field by name.
    """

    __slots__ = (
        "category", "decoder", "fields", "first_seen", "full_log", "hostname", "log", "lowered",
        "program", "source", "stale", "stamp", "time_s",
    )  # fmt: skip

    def __init__(self, source: str, full_log: str, log: str, time_s: float) -> None:
        self.source = source
        self.full_log = full_log
        self.log = log
        self.lowered = lower(log)
        self.time_s = time_s
        self.stamp = ""  # the header's own stamp, as written
        self.hostname = ""
        self.program = ""
        self.decoder = ""
        self.category = "syslog"
        self.fields: Dict[str, str] = {}
        self.first_seen: Tuple[str, ...] = ()  # the fields that <if_fts> asks about
        self.stale = False


def lower(text: str) -> str:
    """Return `text` in lower case, with every character in its place and none turned into an ASCII one.

    `İ` would become two characters, and the Kelvin sign a plain k, which patterns in ASCII do not match.
    """
    if text.isascii() or not ("\u0130" in text or "\u212a" in text):
        return text.lower()
    return "".join(char if char in "\u0130\u212a" else char.lower() for char in text)
