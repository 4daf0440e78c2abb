"""The places of one text as integers: a bit for each place between two characters, the highest for the text's start."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, List, Optional, Tuple, Union

from ar.patterns.charset import ASCII_CHARS, OTHER, compile_set

# A set by its members, or as Python writes it where these are not known in full (see charset).
CharSet = Union[int, str]
Span = Tuple[int, int]

_NOT_ASCII = re.compile("[^\x00-\x7f]")
_OTHER_CHAR = chr(ASCII_CHARS)


class Places:
    """Which characters of the text match which set, and what the first pass over a pattern keeps for the second."""

    __slots__ = ("_bytes", "_found", "all", "end", "kept", "length", "line_ends", "spans", "start", "text")

    def __init__(self, text: str, chars_max: Optional[int], steps: int, groups: int) -> None:
        """Take no more than so many characters of the text; then none of its places is the end."""
        is_cut = chars_max is not None and len(text) > chars_max
        if is_cut:
            text = text[:chars_max]
        self.text = text
        self.length = len(text)
        self.start = 1 << self.length
        self.all = 2 * self.start - 1
        self.end = 0 if is_cut else 0b1
        self.line_ends = 0 if is_cut else 0b11 if text.endswith("\n") else 0b1
        self.kept: List[int] = [-1] * steps
        self.spans: List[Span] = [(-1, -1)] * (groups + 1)
        self._bytes = (text if text.isascii() else _NOT_ASCII.sub(_OTHER_CHAR, text)).encode("latin-1")
        self._found: Dict[CharSet, Tuple[bytes, int]] = {}

    def flags(self, chars: CharSet) -> bytes:
        """Return `1` for each character of the text that is in the set, else `0`."""
        return (self._found.get(chars) or self._find(chars))[0]

    def behind(self, chars: CharSet) -> int:
        """Return the places behind the characters that are in the set."""
        return (self._found.get(chars) or self._find(chars))[1]

    def holds(self, places: int, at: int) -> int:
        """Tell whether the place before the character number `at` is one of `places`."""
        return (places >> (self.length - at)) & 1

    def _find(self, chars: CharSet) -> Tuple[bytes, int]:
        if isinstance(chars, int):
            flags = self._bytes.translate(_table(chars))
        else:
            written = bytearray(b"0" * self.length)
            for match in compile_set(chars, in_ascii=False).finditer(self.text):
                written[match.start()] = ord("1")
            flags = bytes(written)
        found = self._found[chars] = (flags, int(flags or b"0", 2))
        return found


@lru_cache(maxsize=1024)
def _table(members: int) -> bytes:
    """Return the table that turns characters into flags."""
    others = b"1" if members & OTHER else b"0"
    return bytes(ord("1") if members >> code & 1 else ord("0") for code in range(ASCII_CHARS)) + others * ASCII_CHARS
