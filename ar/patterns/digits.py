r"""Whether a pattern can tell one digit from another, and what it comes to where all digits are `0`.

The shape of a text is the text with each ASCII digit made `0`. A pattern is blind when it finds in every text
just what it finds in the text's shape: no digit stands in it, and each of its classes has all digits or none.
A pattern that is not blind is relaxed into one that must match the shape of whatever the pattern matches.
"""

from __future__ import annotations

import re
from typing import List, Optional, Sequence

from ar.patterns.charset import DIGITS, digits_of
from ar.pcre2 import Token

SHAPE_CHARS_MAX = 512  # of a text; longer ones are looked at as they are
_TO_ZERO = str.maketrans("123456789", "000000000")
_RUN = re.compile("00+")
_NEGATIONS = ("(?!", "(?<!")


def shape(text: str) -> str:
    """Return `text` with every ASCII digit made `0`."""
    return text.translate(_TO_ZERO)


def collapsed(text: str) -> str:
    """Return the shape of `text` with each run of digits made one `0`."""
    return _RUN.sub("0", shape(text))


def has_digit(text: str) -> bool:
    """Tell whether an ASCII digit stands in `text`, so that its shape stands for other texts too."""
    return "0" in shape(text)


def is_blind(tokens: Sequence[Token]) -> bool:
    """Tell whether the pattern cannot tell ASCII digits apart."""
    return all(_is_blind(token) for token in tokens)


def _is_blind(token: Token) -> bool:
    if token.kind == "char":
        return token.literal not in DIGITS
    if token.kind == "set":
        return digits_of(token.python) in (DIGITS, frozenset())
    return token.kind != "opaque" or not _refers_back(token)


def _refers_back(token: Token) -> bool:
    """Tell whether the token compares the text with itself, in which digits count."""
    return token.python.startswith("\\")


def relax(tokens: Sequence[Token]) -> Optional[List[Token]]:
    """Return tokens that match the shape of every text that `tokens` match; None when this cannot be told."""
    relaxed = []
    negations: List[bool] = []  # of each open group: whether it, or one around it, is negated
    for token in tokens:
        if token.kind == "open":
            negations.append(token.python.startswith(_NEGATIONS) or (bool(negations) and negations[-1]))
        elif token.kind == "close" and negations:
            negations.pop()
        elif not _is_blind(token) and (token.kind == "opaque" or (negations and negations[-1])):
            return None  # what is wider inside a negation is narrower outside of it
        relaxed.append(_relax(token))
    return relaxed


def _relax(token: Token) -> Token:
    if token.kind == "char":
        return Token("char", "0", "0") if token.literal in DIGITS else token
    if token.kind == "set" and digits_of(token.python) and "0" not in digits_of(token.python):
        return token._replace(python=f"(?:0|{token.python})")
    # What never gives back must be let give back: with wider classes it takes more than before.
    if token.kind == "open" and token.python == "(?>":
        return token._replace(python="(?:")
    if token.kind == "repeat" and len(token.python) > 1 and token.python.endswith("+"):
        return token._replace(python=token.python[:-1])
    return token
