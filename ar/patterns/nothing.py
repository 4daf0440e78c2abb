"""In how many ways a part of a pattern can match no text at all.

A search that fails tries each of them, at every place and whatever stands there: `((a*|b*){30})!` has 2 ** 30. The
ways of texts (ar/patterns/cost.py) are counted apart from these.
"""

from __future__ import annotations

from math import log2
from typing import Optional

from ar.patterns.tree import Chain, Chars, Choice, Group, Node, Repeat

WAYS_MAX_LOG = 7.0  # so many at one place, a hundred or so, are borne
_UNBOUNDED_TRIES = 2  # `re` leaves a loop without bound when a round of it took nothing


def may_be_nothing_in_many_ways(node: Node) -> bool:
    """Tell whether the node, or a part of it, can be nothing in more ways than are borne."""
    ways_log = nothing_log(node)
    if ways_log is not None and ways_log > WAYS_MAX_LOG:
        return True
    if isinstance(node, Chain):
        return any(map(may_be_nothing_in_many_ways, node.parts)) or _run_is_too_long(node)
    if isinstance(node, Choice):
        return any(map(may_be_nothing_in_many_ways, node.options))
    body: Optional[Node] = getattr(node, "body", None)
    return body is not None and may_be_nothing_in_many_ways(body)


def nothing_log(node: Node) -> Optional[float]:
    """Return the logarithm of in how many ways the node can be nothing; None when it cannot."""
    if isinstance(node, Chars):
        return None
    if isinstance(node, Chain):
        logs = [nothing_log(part) for part in node.parts]
        known = [each for each in logs if each is not None]
        return sum(known) if len(known) == len(logs) else None
    if isinstance(node, Choice):
        known = [each for each in map(nothing_log, node.options) if each is not None]
        return log2(sum(2 ** min(each, 64.0) for each in known)) if known else None
    if isinstance(node, Repeat):
        return _repeated(node)
    if isinstance(node, Group):
        inner = nothing_log(node.body)
        return 0.0 if node.number is None and inner is not None else inner  # what never gives back has one way
    return 0.0  # a place, a look around, or what may be an empty group


def _repeated(node: Repeat) -> Optional[float]:
    inner = nothing_log(node.body)
    if inner is None:
        return 0.0 if node.least == 0 else None
    if node.possessive:
        return 0.0
    rounds = node.least + _UNBOUNDED_TRIES if node.most is None else node.most
    if inner == 0.0:
        return log2(max(1, rounds - node.least + 1))
    return inner * rounds + log2(max(1, rounds - node.least + 1))


def _run_is_too_long(chain: Chain) -> bool:
    """Tell whether parts that stand side by side multiply their ways beyond what is borne."""
    run_log = 0.0
    for part in chain.parts:
        part_log = nothing_log(part)
        run_log = 0.0 if part_log is None else run_log + part_log
        if run_log > WAYS_MAX_LOG:
            return True
    return False
