"""Reads the allowlist: addresses, networks, and host names, which are looked up elsewhere."""

from __future__ import annotations

import re
from typing import Optional

from ar.config.findings import Findings
from ar.config.sections import Entry
from ar.config.settings import Allowed
from ar.model import parse_network

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_ALL_DIGITS_LAST = re.compile(r"(?:.*\.)?[0-9]+\.?")


def read_allowed(entry: Entry, findings: Findings) -> Optional[Allowed]:
    """Return the allowlist entry, or None when it is broken (a mistake: OSSEC takes it for a host name).

    OSSEC anchors host names as `^localhost.localdomain$`; the anchors are taken off.
    """
    text = entry.text
    network = parse_network(text)
    if network is not None:
        return Allowed(text, entry.place, network)
    name = text.removeprefix("^")
    name = name.removesuffix("$")
    if name.lower() == "any":
        findings.mistake(entry.place, entry.shown, "0.0.0.0/0 and ::/0 if no address at all shall be blocked")
        return None
    if _HOST_NAME.fullmatch(name) and not _ALL_DIGITS_LAST.fullmatch(name):
        return Allowed(name, entry.place)
    findings.mistake(entry.place, entry.shown, "an address, a network such as 192.0.2.0/24, or a host name")
    return None
