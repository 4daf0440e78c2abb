r"""Matches a pattern at all places of a text at once, in a time that no text can drive up.

One pass from the pattern's end to its start works out, for each part, the places from which it and all that follows
match: one character is a shift, `X+` an addition whose carries run along the characters in X (Cameron and others,
"Bitwise data parallelism in regular expression matching", 2014). A second pass goes through the text from the leftmost
place and takes in each part what Python's backtracking would have preferred; since it knows which ways lead to a match,
it never turns back. So the spans are those of `re`, and the work grows with the text's length alone.

Only a group that repeats without bound, such as `(?:ab)*`, is worked out round by round, as often as it can follow
itself. Such a pattern is searched in the first LOOPING_CHARS_MAX characters of a text, and none may hold another such
group. Back references and what never gives back (`(?>…)`, `X++`) cannot be matched so.
"""

from __future__ import annotations

from typing import List, Optional, Tuple, Union

from ar.patterns.charset import members_of
from ar.patterns.places import CharSet, Places, Span
from ar.patterns.steps import Bound, Capture, FirstOf, Glance, Loop, One, Row, Run, Step
from ar.patterns.tree import At, Chain, Chars, Choice, Group, Look, Node, Repeat, Same

LOOPING_CHARS_MAX = 8192
_COPIES_MAX = 64  # a group that repeats up to so many times is written out
_STEPS_MAX = 4096  # a pattern of more is not matched so: each takes a pass over the text
_WORD = r"\w"


class Found:
    """A match, with what of re.Match is in use here."""

    __slots__ = ("_spans", "_text")

    def __init__(self, text: str, spans: List[Span]) -> None:
        self._text = text
        self._spans = spans

    def span(self, group: int = 0) -> Span:
        return self._spans[group]

    def end(self) -> int:
        return self._spans[0][1]

    def groups(self) -> Tuple[Optional[str], ...]:
        return tuple(self[number] for number in range(1, len(self._spans)))

    def __getitem__(self, group: int) -> Optional[str]:
        start, end = self._spans[group]
        return self._text[start:end] if start >= 0 else None


class ParallelPattern:
    """A pattern that is matched at all places at once; `chars_max` tells how much of a text is searched."""

    __slots__ = ("_groups", "_numbers", "_root", "chars_max")

    def __init__(self, root: Step, numbers: int, groups: int, chars_max: Optional[int]) -> None:
        self._root = root
        self._numbers = numbers
        self._groups = groups
        self.chars_max = chars_max

    def search(self, text: str) -> Optional[Found]:
        """Return what `re` would find."""
        places = Places(text, self.chars_max, self._numbers, self._groups)
        starts = self._root.before(places, places.all)
        if not starts:
            return None
        start = places.length + 1 - starts.bit_length()
        places.spans[0] = (start, self._root.walk(places, start))
        return Found(text, places.spans)


def parallel_pattern(tree: Node, groups: int, *, in_ascii: bool) -> Optional[ParallelPattern]:
    """Return the pattern of a tree; None when it holds what cannot be matched so."""
    builder = _Builder(in_ascii=in_ascii)
    try:
        root = builder.step(tree)
    except _UnfitError:
        return None
    return ParallelPattern(root, builder.numbers, groups, LOOPING_CHARS_MAX if builder.loops else None)


class _UnfitError(Exception):
    """A part that cannot be matched at all places at once."""


class _Builder:
    """Turns nodes into steps; `numbers` counts what they keep."""

    def __init__(self, *, in_ascii: bool) -> None:
        self._in_ascii = in_ascii
        self._in_loop = False
        self._steps = 0
        self.numbers = 0
        self.loops = False

    def step(self, node: Node) -> Step:
        """Return the step of a node. Raises _UnfitError."""
        self._steps += 1
        if self._steps > _STEPS_MAX:
            raise _UnfitError
        if isinstance(node, Chars):
            return One(self._set(node))
        if isinstance(node, Chain):
            return Row([self.step(part) for part in node.parts])
        if isinstance(node, Choice):
            united = _united(node)
            if united is not None:
                return One(self._set(united))
            return self._first_of([self.step(option) for option in node.options])
        if isinstance(node, Repeat):
            return self._repeat(node)
        return self._other(node)

    def _other(self, node: Union[Group, Look, At, Same]) -> Step:
        if isinstance(node, Group) and node.number is not None:
            return Capture(node.number, self.step(node.body))
        if isinstance(node, Look):
            width = _width(node.body) if node.behind else None
            return Glance(self._take(1), self.step(node.body), width, negated=node.negated)
        if isinstance(node, At) and node.where != "?":
            return Bound(node.where, members_of(_WORD, in_ascii=True) if self._in_ascii else f"(?a:{_WORD})")
        raise _UnfitError

    def _take(self, count: int) -> int:
        """Return the first of `count` new numbers."""
        self.numbers += count
        return self.numbers - count

    def _set(self, chars: Chars) -> CharSet:
        return chars.members if self._in_ascii else chars.python

    def _first_of(self, options: List[Step]) -> Step:
        return FirstOf(self._take(len(options)), options)

    def _repeat(self, node: Repeat) -> Step:
        if node.possessive:
            raise _UnfitError
        body = _united(node.body) or node.body
        if isinstance(body, Chars):
            return Run(self._take(1), self._set(body), node.least, node.most, lazy=node.lazy)
        if max(node.least, node.most or 0) > _COPIES_MAX:
            raise _UnfitError
        if _may_be_empty(body) and node.most not in {node.least, 1}:
            raise _UnfitError  # `re` has rules of its own on how often the empty text repeats
        copies = [self.step(body) for _ in range(node.least)]
        if node.most is None:
            return Row([*copies, self._loop(body, lazy=node.lazy)])
        optional: Step = Row([])
        for _ in range(node.most - node.least):
            once_more = Row([self.step(body), optional])
            optional = self._first_of([Row([]), once_more] if node.lazy else [once_more, Row([])])
        return Row([*copies, optional])

    def _loop(self, body: Node, *, lazy: bool) -> Step:
        if self._in_loop:
            raise _UnfitError
        self._in_loop = self.loops = True
        singles = None
        if isinstance(body, Choice) and self._in_ascii:
            singles = 0
            for option in body.options:
                singles |= option.members if isinstance(option, Chars) else 0
        loop = Loop(self._take(2), self.step(body), singles, lazy=lazy)
        self._in_loop = False
        return loop


def _united(node: Node) -> Optional[Chars]:
    """Return the one set that a choice among single characters is."""
    if not isinstance(node, Choice):
        return None
    members = 0
    for option in node.options:
        if not isinstance(option, Chars):
            return None
        members |= option.members
    return Chars(members, f"(?:{'|'.join(option.python for option in node.options if isinstance(option, Chars))})")


def _may_be_empty(node: Node) -> bool:
    """Tell whether the node can match the empty text."""
    if isinstance(node, Chain):
        return all(_may_be_empty(part) for part in node.parts)
    if isinstance(node, Choice):
        return any(_may_be_empty(option) for option in node.options)
    if isinstance(node, Repeat):
        return node.least == 0 or _may_be_empty(node.body)
    if isinstance(node, Group):
        return _may_be_empty(node.body)
    return not isinstance(node, Chars)


def _width(node: Node) -> int:
    """Return how many characters the node always takes. Raises _UnfitError."""
    if isinstance(node, Chars):
        return 1
    if isinstance(node, Chain):
        return sum(_width(part) for part in node.parts)
    if isinstance(node, Choice):
        widths = {_width(option) for option in node.options}
        if len(widths) == 1:
            return widths.pop()
    if isinstance(node, Repeat) and node.least == node.most:
        return node.least * _width(node.body)
    if isinstance(node, Group):
        return _width(node.body)
    if isinstance(node, (Look, At)):
        return 0
    raise _UnfitError
