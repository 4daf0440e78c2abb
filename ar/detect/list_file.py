"""Reads the text that a list is made from: a key, or `key:value`, on each line (lists_make.c)."""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Tuple

from ar.errors import Mistake, Place
from ar.model import parse_address, parse_network

MISTAKES_MAX = 20  # so many lines of one list are told of one by one

Entry = Tuple[bytes, bytes]

_COLONS_AT_ONCE = re.compile(r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:")
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f]")
_BOM = b"\xef\xbb\xbf"


def read_entries(content: bytes, file: str, mistakes: List[Mistake]) -> Iterator[Entry]:
    """Yield the keys and values of a list's text, and add what is wrong in it to `mistakes`.

    The key ends at the first colon, as in OSSEC; a line without one is a key without a value, where OSSEC passes
    over it. A key that holds a colon stands in double quotes, as in Wazuh. Space around key and value, empty lines
    and lines that begin with `#` do not count. Lines that are wrong are passed over.
    """
    wrong = 0
    for number, line in enumerate(_lines(content), start=1):
        if not line or line.startswith(b"#"):
            continue
        entry = _split(line)
        fault = _fault(line, entry)
        if fault is None and entry is not None:
            yield entry
        elif fault is not None:
            wrong += 1
            if wrong <= MISTAKES_MAX:
                mistakes.append(Mistake(Place(file, number), *fault))
    if wrong > MISTAKES_MAX:
        mistakes.append(Mistake(Place(file), f"{wrong - MISTAKES_MAX} more lines that are wrong", "keys and values"))


def _lines(content: bytes) -> Iterator[bytes]:
    """Yield the lines without the space around them, one at a time: a list may have very many."""
    at = len(_BOM) if content.startswith(_BOM) else 0
    while at < len(content):
        end = content.find(b"\n", at)
        end = len(content) if end < 0 else end
        yield content[at:end].strip()
        at = end + 1


def _split(line: bytes) -> Optional[Entry]:
    """Return key and value, None when a quoted key does not end, or something else than a colon follows it."""
    if not line.startswith(b'"'):
        key, _, value = line.partition(b":")
        return key.rstrip(), value.lstrip()
    key, quote, rest = line[1:].partition(b'"')
    rest = rest.lstrip()
    if not quote or (rest and not rest.startswith(b":")):
        return None
    return key, rest[1:].lstrip()


def _fault(line: bytes, entry: Optional[Entry]) -> Optional[Tuple[str, str]]:
    """Return what is wrong in a line, and what was expected."""
    if _FORBIDDEN.search(line):
        return "a control character", "text"
    text = line.decode("utf-8", "backslashreplace")
    if entry is None:
        return f"the quoted key of {_cut(text)} does not end", '"key":value'
    if not entry[0]:
        return f"{_cut(text)} has no key", "key:value"
    if not line.startswith(b'"') and _COLONS_AT_ONCE.match(text) and _is_ipv6(text):
        return f"{_cut(text)} is an IPv6 address, and the key ends at its first colon", "the address in double quotes"
    key = entry[0].decode("utf-8", "backslashreplace")
    if "/" in key and parse_network(key) is not None:
        return f"no address is ever looked up as {_cut(key)}", "an address, or its beginning such as 192.0.2."
    return None


def _is_ipv6(text: str) -> bool:
    """Tell whether an address, or the beginning of one that ends in a colon, stands in the line or before a value."""
    for part in (text, text.rpartition(":")[0]):
        if parse_address(part) is not None or (part.endswith(":") and parse_address(f"{part}:") is not None):
            return True
    return False


def _cut(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
