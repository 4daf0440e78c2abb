"""The literal texts that must stand in whatever a pattern matches: most lines are told apart by these alone."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from ar.pcre2 import Token

_LOWER = {"\u0130": "\u0130", "\u212a": "\u212a", "\u03a3": "\u03c3", "\u03c2": "\u03c3"}
_ODD_CASES = frozenset(_LOWER)
_LENGTH_MIN = 2  # a shorter literal stands in nearly every line, so looking for it saves nothing


class Literal(NamedTuple):
    """Text in lower case that must stand in a matching text, `at_start` or `at_end` of it or anywhere."""

    text: str
    at_start: bool = False
    at_end: bool = False


def lower(text: str) -> str:
    """Return `text` in lower case, with every character in its place and none turned into an ASCII one.

    `İ` would become two characters, the Kelvin sign a plain k, which patterns in ASCII do not match, and a sigma that
    ends a word another one than a sigma within.
    """
    if text.isascii() or _ODD_CASES.isdisjoint(text):
        return text.lower()
    return "".join(_LOWER.get(char) or char.lower() for char in text)


def literal_test(literals: Tuple[Literal, ...]) -> Callable[[str], bool]:
    """Return the fastest test whether one of the literals stands in a text in lower case."""
    within = tuple(literal.text for literal in literals if not literal.at_start and not literal.at_end)
    starts = tuple(literal.text for literal in literals if literal.at_start and not literal.at_end)
    ends = tuple(literal.text for literal in literals if literal.at_end and not literal.at_start)
    wholes = frozenset(literal.text for literal in literals if literal.at_start and literal.at_end)
    if len(within) == len(literals) == 1:
        only = within[0]
        return lambda lowered: only in lowered
    if len(starts) == len(literals):
        return lambda lowered: lowered.startswith(starts)
    if not within and not starts and not ends:
        return wholes.__contains__

    def stands(lowered: str) -> bool:
        if lowered.startswith(starts) or lowered.endswith(ends) or lowered in wholes:
            return True
        for text in within:  # noqa: SIM110 (this runs for every line, and any() costs three times as much)
            if text in lowered:
                return True
        return False

    return stands


def literals_of(tokens: Sequence[Token]) -> Tuple[Optional[Tuple[Literal, ...]], bool]:
    """Return one literal for each alternative (None: one has none), and whether the pattern is just these."""
    if not all(token.python.isascii() for token in tokens):
        return None, False  # such a pattern is compiled without re.ASCII, and folds case in ways of its own
    alternatives: List[List[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "opaque":
            return None, False
        depth += (token.kind == "open") - (token.kind == "close")
        if token.kind == "bar" and depth == 0:
            alternatives.append([])
        elif depth == 0 or token.kind == "open":
            alternatives[-1].append(token)
    literals = []
    exact = True
    for alternative in alternatives:
        literal, whole = _longest_literal(alternative)
        if literal is None:
            return None, False
        literals.append(literal)
        exact = exact and whole
    return tuple(literals), exact


def _longest_literal(tokens: List[Token]) -> Tuple[Optional[Literal], bool]:
    at_start = bool(tokens) and tokens[0].kind == "start"
    at_end = bool(tokens) and tokens[-1].kind == "end"
    inner = tokens[at_start : len(tokens) - at_end]
    if inner and all(token.kind == "char" for token in inner):
        text = "".join(token.literal for token in inner).lower()
        return (Literal(text, at_start, at_end), True) if text.isascii() else (None, False)
    best = run = ""
    best_at_start = run_at_start = at_start
    for index, token in enumerate([*inner, Token("set", "")]):
        if token.kind == "char" and token.literal.isascii():
            following = inner[index + 1] if index + 1 < len(inner) else None
            optional = following is not None and following.kind == "repeat" and following.python[0] in "*?{"
            if not optional:
                run += token.literal.lower()
                continue
        if len(run) > len(best):
            best, best_at_start = run, run_at_start
        run, run_at_start = "", False
    return (Literal(best, best_at_start), False) if len(best) >= _LENGTH_MIN else (None, False)
