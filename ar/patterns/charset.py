"""Which characters a token of a pattern matches.

A set of characters is an integer: a bit for each ASCII character by its code, and one for all others together, which
patterns written in ASCII do not tell apart.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import FrozenSet

from ar.pcre2 import PatternError

ASCII_CHARS = 128
OTHER = 1 << ASCII_CHARS
ALL = (OTHER << 1) - 1
DIGITS = frozenset("0123456789")
_DIGIT_TEXT = "0123456789"
_ASCII_TEXT = "".join(map(chr, range(ASCII_CHARS)))


@lru_cache(maxsize=1024)
def digits_of(python: str) -> FrozenSet[str]:
    """Return the ASCII digits that the set written `python` matches. Raises PatternError."""
    return frozenset(compile_set(python, in_ascii=python.isascii()).findall(_DIGIT_TEXT))


@lru_cache(maxsize=1024)
def members_of(python: str, *, in_ascii: bool) -> int:
    """Return the characters that the set written `python` matches. Raises PatternError.

    Where the whole pattern is not `in_ascii`, the others count as matched: some may be.
    """
    compiled = compile_set(python, in_ascii=in_ascii)
    members = sum(1 << match.start() for match in compiled.finditer(_ASCII_TEXT))
    return members | OTHER if not in_ascii or compiled.match(chr(ASCII_CHARS)) else members


@lru_cache(maxsize=1024)
def compile_set(python: str, *, in_ascii: bool) -> re.Pattern[str]:
    """Compile a set on its own, caseless as all patterns are. Raises PatternError."""
    try:
        return re.compile(python, re.IGNORECASE | re.ASCII if in_ascii else re.IGNORECASE)
    except re.error as error:
        raise PatternError(str(error)) from error
