"""The fastest way to find where a pattern ends in a text: a prefix, a substring, or an expression behind either."""

from __future__ import annotations

from typing import Callable, Optional, Sequence, Tuple

from ar.osregex import Expression

# Of a text, the same in lower case and a position: the end of the match after that position, or -1.
Finder = Callable[[str, str, int], int]


def starts(expression: Expression) -> Optional[Tuple[str, ...]]:
    """Return the texts of which one must stand at the start of what `expression` matches; None: none must."""
    literals = expression.literals
    if literals is None or not all(literal.at_start for literal in literals):
        return None
    return tuple(literal.text for literal in literals)


def finder(expression: Expression) -> Finder:
    """Return a function that finds where `expression` ends."""
    literals = expression.literals
    whole = expression.exact and literals is not None and not any(literal.at_end for literal in literals)
    prefixes = starts(expression)
    if prefixes is not None:
        return _prefix_finder(prefixes) if whole else _anchored_finder(expression, prefixes)
    if whole and literals is not None and len(literals) == 1:
        return _text_finder(literals[0].text)
    return _searching_finder(expression, [literal.text for literal in literals or ()])


def _prefix_finder(prefixes: Tuple[str, ...]) -> Finder:
    def find_prefix(_text: str, lowered: str, start: int) -> int:
        if not lowered.startswith(prefixes, start):
            return -1
        return next(start + len(prefix) for prefix in prefixes if lowered.startswith(prefix, start))

    return find_prefix


def _anchored_finder(expression: Expression, prefixes: Tuple[str, ...]) -> Finder:
    assert expression.pattern is not None  # noqa: S101 (only OS_Match has none, and it is never searched for its end)
    pattern = expression.pattern

    def find_anchored(text: str, lowered: str, start: int) -> int:
        if not lowered.startswith(prefixes, start):
            return -1
        match = pattern.search(text[start:] if start else text)
        return start + match.end() if match else -1

    return find_anchored


def _text_finder(literal: str) -> Finder:
    length = len(literal)

    def find_text(_text: str, lowered: str, start: int) -> int:
        at = lowered.find(literal, start)
        return at + length if at >= 0 else -1

    return find_text


def _searching_finder(expression: Expression, literals: Sequence[str]) -> Finder:
    assert expression.pattern is not None  # noqa: S101 (only OS_Match has none, and it is never searched for its end)
    pattern = expression.pattern

    def find(text: str, lowered: str, start: int) -> int:
        for literal in literals:
            if literal in lowered:
                break
        else:
            if literals:
                return -1
        match = pattern.search(text[start:] if start else text)
        return start + match.end() if match else -1

    return find
