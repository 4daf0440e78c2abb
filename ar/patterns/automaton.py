"""Turns a pattern into an automaton with a state for each of its characters (Glushkov, 1961).

It is there to count ways, so each way in which one state follows another counts. What repeats a bounded number of times
is one state or several; what looks ahead or behind is a way that leads nowhere; places such as `$` are left out.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from ar.patterns.charset import ALL
from ar.patterns.tree import At, Chain, Chars, Choice, Group, Look, Node, Repeat, Same

START = 0
SEARCH = 1  # the loop over what is skipped before a match
_COPIES_MAX = 64  # of a part that must repeat; a group that may repeat more often is taken to repeat without bound
_LINK_STEPS = 20  # each is walked along so many times
_PART_STEPS = 5  # what a part takes is as much as so many of the shortest steps
_STATES_MAX = 4096  # more are not looked through: then no length of a text counts as safe


_WORK_MAX = 600_000  # steps: a quarter of a second; the largest of OSSEC's own patterns takes a sixth of that


class TooLargeError(Exception):
    """More than anybody can look through."""


class Work:
    """What may still be done to find out about one pattern."""

    def __init__(self) -> None:
        self._left = _WORK_MAX

    def spend(self, steps: int) -> None:
        """Take so many steps off. Raises TooLargeError when there are no more."""
        self._left -= steps
        if self._left < 0:
            raise TooLargeError


class _Part(NamedTuple):
    """A part of the pattern: the states it can begin with, anywhere or only at the text's start, and end with."""

    first: Tuple[int, ...] = ()
    first_at_start: Tuple[int, ...] = ()
    last: Tuple[int, ...] = ()
    empty: bool = False  # it can match the empty text
    empty_at_start: bool = False  # it can do so at the text's start only


_EMPTY = _Part(empty=True)


class Automaton:
    """States, each with the characters it takes; `caps` tells how often one that repeats can be taken in a row.

    `work` is what may still be done with it.
    """

    def __init__(self) -> None:
        self.work = Work()
        self.members: List[int] = [0, ALL]
        self.caps: Dict[int, Optional[int]] = {SEARCH: None}
        self.following: List[Dict[int, int]] = [{SEARCH: 1}, {SEARCH: 1}]  # in how many ways each comes next
        self._possessive: Set[int] = set()

    def build(self, tree: Node) -> None:
        """Add the states of the tree. Raises TooLargeError."""
        whole = self._part(tree)
        self._link((START,), whole.first_at_start)
        self._link((SEARCH,), whole.first)

    def _state(self, members: int) -> int:
        if len(self.members) >= _STATES_MAX:
            raise TooLargeError
        self.members.append(members)
        self.following.append({})
        return len(self.members) - 1

    def _link(self, lasts: Sequence[int], firsts: Sequence[int]) -> None:
        self.work.spend(_LINK_STEPS * len(lasts) * len(firsts))
        for last in lasts:
            following = self.following[last]
            stays = self.members[last] if last in self._possessive else 0
            for first in firsts:
                if not stays or self.members[first] & ~stays:  # what gives nothing back leaves nothing it takes
                    following[first] = following.get(first, 0) + 1

    def _part(self, node: Node) -> _Part:
        self.work.spend(_PART_STEPS)
        if isinstance(node, Chars):
            state = (self._state(node.members),)
            return _Part(state, (), state)
        if isinstance(node, Chain):
            whole = _EMPTY
            for inner in node.parts:
                whole = self._chained(whole, self._part(inner))
            return whole
        if isinstance(node, Choice):
            return _joined([self._part(option) for option in node.options])
        if isinstance(node, Repeat):
            return self._chars_repeated(node, node.body) if isinstance(node.body, Chars) else self._repeated(node)
        return self._part(node.body) if isinstance(node, Group) else self._without_text(node)

    def _without_text(self, node: Union[Look, At, Same]) -> _Part:
        if isinstance(node, Look):  # a way of its own, which ends where it began
            return self._part(node.body)._replace(last=(), empty=True, empty_at_start=False)
        if isinstance(node, Same):  # nobody knows which text, so it may be any
            return self._loop_over(ALL, None)._replace(empty=True)
        return _Part(empty_at_start=True) if node.where == "^" else _EMPTY

    def _chained(self, left: _Part, right: _Part) -> _Part:
        self._link(left.last, right.first)
        at_start = left.first_at_start
        if left.empty or left.empty_at_start:
            at_start += right.first_at_start + (() if left.empty else right.first)
        empty = left.empty and right.empty
        return _Part(
            left.first + (right.first if left.empty else ()),
            at_start,
            right.last + (left.last if right.empty else ()),
            empty,
            not empty and (left.empty or left.empty_at_start) and (right.empty or right.empty_at_start),
        )

    def _loop_over(self, members: int, cap: Optional[int]) -> _Part:
        state = self._state(members)
        self.caps[state] = cap
        self.following[state][state] = 1
        return _Part((state,), (), (state,))

    def _copied(self, node: Repeat) -> _Part:
        """Return what must be there before the rest may."""
        whole = _EMPTY
        for _ in range(min(node.least, _COPIES_MAX)):
            whole = self._chained(whole, self._part(node.body))
        return whole

    def _chars_repeated(self, node: Repeat, chars: Chars) -> _Part:
        whole = self._copied(node)
        if node.most == node.least:
            return whole
        rest = self._loop_over(chars.members, None if node.most is None else node.most - node.least + 1)
        whole = self._chained(whole, rest._replace(empty=True))
        if node.possessive and node.most is None:
            self._possessive.update(whole.last)
        return whole

    def _repeated(self, node: Repeat) -> _Part:
        whole = self._copied(node)
        if node.most is None or node.most > _COPIES_MAX:
            body = self._part(node.body)
            self._link(body.last, body.first)
            return self._chained(whole, body._replace(empty=True, empty_at_start=False))
        rest = _EMPTY
        for _ in range(node.most - node.least):
            rest = self._chained(self._part(node.body), rest)._replace(empty=True, empty_at_start=False)
        return self._chained(whole, rest)


def _joined(options: Sequence[_Part]) -> _Part:
    return _Part(
        tuple(state for option in options for state in option.first),
        tuple(state for option in options for state in option.first_at_start),
        tuple(state for option in options for state in option.last),
        any(option.empty for option in options),
        any(option.empty_at_start for option in options),
    )
