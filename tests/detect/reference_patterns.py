"""OSSEC's three pattern dialects for the reference model, each put into Python's `re` character by character."""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import List, Pattern

CLASSES = {
    "w": "[A-Za-z0-9@_-]",
    "d": "[0-9]",
    "s": "[ ]",
    "t": "\\t",
    "p": "[()*+,.:;<=>?\\[\\]!\"'#%&$|{}-]",
    "W": "[^A-Za-z0-9@_-]",
    "D": "[^0-9]",
    "S": "[^ ]",
    ".": "(?s:.)",
}
ESCAPED_LITERALS = "\\$()[]{}|<"
END = "\\Z"


@cache
def os_regex(pattern: str) -> Pattern[str]:
    """Translate OS_Regex: two-character classes, of which alone `+` and `*` are quantifiers, lazy but at an end."""
    pieces: List[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char != "\\":
            pieces.append({"^": "^", "$": END, "|": "|", "(": "(", ")": ")"}.get(char, re.escape(char)))
            at += 1
            continue
        follower = pattern[at + 1]
        if follower in CLASSES:
            pieces.append(CLASSES[follower])
        elif follower in ESCAPED_LITERALS:
            pieces.append(re.escape(follower))
        else:
            raise ValueError(f"unknown escape \\{follower}")
        at += 2
        if pattern[at : at + 1] in ("+", "*"):
            rest = pattern[at + 1 :].lstrip(")")
            greedy = rest == "" or rest[0] in "|$"
            pieces.append(pattern[at] + ("" if greedy else "?"))
            at += 1
    return re.compile("".join(pieces), re.IGNORECASE)


@cache
def os_match(pattern: str) -> Pattern[str]:
    """Translate OS_Match: literal text, in which only `|`, `^` and `$` mean something."""
    return re.compile(
        "".join({"^": "^", "$": END, "|": "|"}.get(char, re.escape(char)) for char in pattern), re.IGNORECASE
    )


@cache
def pcre2(pattern: str) -> Pattern[str]:
    """PCRE2 is taken as it is, but for `\\z`: what else the rules use of it means the same in Python."""
    pattern = re.sub(r"(\\\\)|\\z", lambda found: found[1] or END, pattern)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # `[[` is one bracket to both
        return re.compile(pattern, re.IGNORECASE | re.ASCII)


def os_word_match(pattern: str, text: str) -> bool:
    """Tell whether one of the words, with `|` between, is in the text, or begins it where it has a leading `^`."""
    text = text.lower()
    for word in pattern.lower().split("|"):
        if text.startswith(word[1:]) if word.startswith("^") else word in text:
            return True
    return False
