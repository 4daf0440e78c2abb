"""Whether a pattern can tell how many digits stand in a row.

A run is one digit or more with none beside them. A pattern passes over runs when it finds in every text what it finds
in the text with any of its runs made longer or shorter, and at the places that correspond. So it is when no digit is
ever taken but by a single set that holds them all and repeats without bound, and two of these never meet: then a run
is taken whole, by the same part of the pattern however long it is. What looks ahead must do so from an edge, a place
that is surely not within a run.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Sequence

from ar.patterns.charset import DIGITS, digits_of
from ar.patterns.digits import SHAPE_CHARS_MAX
from ar.patterns.tree import At, Chain, Chars, Choice, Group, Look, Node, Repeat, tree_of
from ar.pcre2 import Token

_LEAST = re.compile(r"\{(\d+)(,?)")
_DIGITS = sum(1 << ord(digit) for digit in DIGITS)
_NEGATED = ("(?!", "(?<!")
_NOT_WITHIN = ("^", "$", r"\Z", r"\b")  # places that no run has inside


class _CountsError(Exception):
    """A part of the pattern may count digits."""


class _Part(NamedTuple):
    """Whether a part may match no text, begin or end with a run, end with one cut short, and surely ends at an edge."""

    empty: bool
    begins: bool = False
    ends: bool = False
    stops_early: bool = False
    edge: bool = False


def counts_digits(tokens: Sequence[Token]) -> bool:
    """Tell whether a pattern that is blind to digits may tell how many stand in a row, in a text that has a shape."""
    tree = tree_of(tokens)
    if tree is None:
        return True
    try:
        return _part(tree, edge=False).stops_early
    except _CountsError:
        return True


def loosen(tokens: Sequence[Token]) -> Optional[List[Token]]:
    """Return tokens that match each text that `tokens`, which are relaxed, match, with its runs made one digit each.

    None when this cannot be told. What looks ahead for what must not follow is left out.
    """
    loose: List[Token] = []
    negated = 0  # how many groups are open since one that is negated
    for at, token in enumerate(tokens):
        if negated or token.python in _NEGATED:
            negated += (token.kind == "open") - (token.kind == "close")
        elif token.kind == "opaque" or (token.kind == "assert" and "B" in token.python):
            return None
        elif _takes_digits(token):
            is_repeated = at + 1 < len(tokens) and tokens[at + 1].kind == "repeat"
            loose += [token] if is_repeated else [token, Token("repeat", "?")]
        elif token.kind == "repeat" and loose and _takes_digits(loose[-1]):
            loose.append(Token("repeat", _without_least(token.python)))
        else:
            loose.append(token)
    return loose


def _takes_digits(token: Token) -> bool:
    return token.kind in {"char", "set"} and bool(digits_of(token.python))


def _without_least(quantifier: str) -> str:
    """Return the quantifier with nothing that it asks for at least."""
    if quantifier[0] in "+*?":
        return quantifier.replace("+", "*", 1)
    return _LEAST.sub(lambda least: "{0," if least[2] else f"{{0,{least[1]}", quantifier)


def _part(node: Node, *, edge: bool) -> _Part:
    """Return what is known of a part; `edge` tells that it begins at one. Raises _CountsError."""
    if isinstance(node, Chars):
        return _once(node)
    if isinstance(node, Chain):
        whole = _Part(empty=True, edge=edge)
        for inner in node.parts:
            whole = _chained(whole, _part(inner, edge=whole.edge))
        return whole
    if isinstance(node, Choice):
        return _any_of([_part(option, edge=edge) for option in node.options])
    if isinstance(node, Repeat):
        return _repeated(node, edge=edge)
    if isinstance(node, Group) and node.number is not None:
        return _part(node.body, edge=edge)
    if not _is_at_edge(node, edge=edge):
        raise _CountsError
    return _Part(empty=True, edge=True)


def _is_at_edge(node: Node, *, edge: bool) -> bool:
    """Tell whether a part takes no text, and at an edge tells the same of all lengths of runs. Raises _CountsError."""
    if isinstance(node, Look):
        return edge and not node.behind and _part(node.body, edge=True) is not None
    return isinstance(node, At) and node.where in _NOT_WITHIN


def _repeated(node: Repeat, *, edge: bool) -> _Part:
    body = node.body
    if isinstance(body, Chars) and body.members & _DIGITS:
        if node.least > 1 or not _is_unbounded(node.most):
            raise _CountsError
        return _Part(node.least == 0, begins=True, ends=True, stops_early=node.lazy)
    part = _part(body, edge=edge and node.most == 1)
    if node.possessive or (node.most != 1 and part.ends and part.begins):
        raise _CountsError
    return part._replace(empty=True, edge=edge and part.edge) if node.least == 0 else part


def _is_unbounded(most: Optional[int]) -> bool:
    return most is None or most >= SHAPE_CHARS_MAX


def _once(chars: Chars) -> _Part:
    if chars.members & _DIGITS:
        raise _CountsError
    return _Part(empty=False, edge=True)


def _any_of(options: Sequence[_Part]) -> _Part:
    empty, begins, ends, stops_early, _ = map(any, zip(*options))
    return _Part(empty, begins, ends, stops_early, all(option.edge for option in options))


def _chained(left: _Part, right: _Part) -> _Part:
    if left.ends and right.begins:
        raise _CountsError
    return _Part(
        left.empty and right.empty,
        left.begins or (left.empty and right.begins),
        right.ends or (right.empty and left.ends),
        right.stops_early or (right.empty and left.stops_early),
        right.edge,
    )
