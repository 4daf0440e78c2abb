r"""Builds the tree of a pattern from its tokens, for whoever has to know more of it than its text.

Flags that change what other tokens mean stand in it as a place of which nothing is known (`At`). Tokens of which no
tree can be made, such as a bracket that does not close, give None; a pattern that compiles has none of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple, Union

from ar.patterns.charset import members_of
from ar.pcre2 import ANY_LINE_END, Token


@dataclass(frozen=True)
class Chars:
    """One character out of a set: its members (see charset), and the set as Python writes it."""

    members: int
    python: str


@dataclass(frozen=True)
class Chain:
    """One part after the other; of none it is the empty text."""

    parts: Tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """The first option that leads to a match."""

    options: Tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """`least` to `most` times the body (None: without bound), as few as possible when `lazy`.

    When `possessive` it never gives back.
    """

    body: Node
    least: int
    most: Optional[int]
    lazy: bool = False
    possessive: bool = False


@dataclass(frozen=True)
class Group:
    """A body whose span is reported under a number; None: it is only bracketed, but never gives back."""

    number: Optional[int]
    body: Node


@dataclass(frozen=True)
class Look:
    """Matches no text, but tells whether the body matches ahead of here, or ends here."""

    body: Node
    behind: bool
    negated: bool


@dataclass(frozen=True)
class At:
    r"""Matches no text at certain places: "^", "$", r"\Z", r"\b" or r"\B".

    "?" stands for what is not known: `^` and `$` at lines within a text, or flags that change what follows.
    """

    where: str


@dataclass(frozen=True)
class Same:
    """The text of an earlier group once more."""


Node = Union[Chars, Chain, Choice, Repeat, Group, Look, At, Same]

_QUANTIFIER = re.compile(r"(?:([*+?])|\{(\d+)(,?)(\d*)\})([?+]?)")
_FLAGS = re.compile(r"\(\?([ims]*)(-[ims]+)?[:)]")
_CR_LF = Chain((Chars(1 << ord("\r"), r"\r"), Chars(1 << ord("\n"), r"\n")))
_LINE_END = Choice((_CR_LF, Chars(0b1111 << ord("\n"), r"[\n\v\f\r]")))  # the codes of these four follow each other
_TIMES = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def tree_of(tokens: Sequence[Token]) -> Optional[Node]:
    """Return the tree of a pattern that compiles; None when it cannot be told."""
    builder = _Builder(in_ascii=all(token.python.isascii() for token in tokens))
    return builder.top() if all(builder.add(token) for token in tokens) else None


class _Open:
    """A group that is still open: the token that opened it, its number, and its options so far."""

    def __init__(self, opened_by: str, number: Optional[int], *, dot_all: bool) -> None:
        self.opened_by = opened_by
        self.number = number
        self.dot_all = dot_all
        self.options: List[List[Node]] = [[]]

    def body(self) -> Node:
        options = tuple(option[0] if len(option) == 1 else Chain(tuple(option)) for option in self.options)
        return options[0] if len(options) == 1 else Choice(options)

    def closed(self) -> Node:
        """Return the node of the group."""
        body, sign = self.body(), self.opened_by
        if self.number is not None:
            return Group(self.number, body)
        if sign == "(?>":
            return Group(None, body)
        if sign in {"(?=", "(?!", "(?<=", "(?<!"}:
            return Look(body, behind="<" in sign, negated="!" in sign)
        return body


class _Builder:
    """Takes token after token; what is open lies on a stack."""

    def __init__(self, *, in_ascii: bool) -> None:
        self._in_ascii = in_ascii
        self._open = [_Open("", None, dot_all=False)]
        self._groups = 0
        self._lines_within = False  # `^` matches at them too

    def top(self) -> Optional[Node]:
        return self._open[0].body() if len(self._open) == 1 else None

    def add(self, token: Token) -> bool:
        """Add one token; tell whether it was understood."""
        inner = self._open[-1]
        if token.kind == "open":
            return self._add_open(token.python)
        if token.kind == "close":
            self._open.pop()
            if self._open:
                self._open[-1].options[-1].append(inner.closed())
            return bool(self._open)
        if token.kind == "bar":
            inner.options.append([])
            return True
        if token.kind == "repeat":
            return self._add_repeat(token.python)
        node = self._leaf(token)
        inner.options[-1] += [node] if node is not None else []
        return node is not None or self._takes_flags(token.python)

    def _leaf(self, token: Token) -> Optional[Node]:
        python = token.python
        if token == ANY_LINE_END:
            return _LINE_END
        if token.kind in {"char", "set"}:
            if python == "." and self._open[-1].dot_all:
                python = "(?s:.)"
            return Chars(members_of(python, in_ascii=self._in_ascii), python)
        if token.kind == "start":
            return At("^" if not self._lines_within else "?")
        if token.kind == "end":
            return At(r"\Z" if python == r"\Z" else "$")
        if token.kind == "assert":
            return At(r"\B" if "B" in python else r"\b")
        return Same() if python.startswith("\\") else None

    def _takes_flags(self, python: str) -> bool:
        """Take flags for the whole pattern, or a comment, which is nothing."""
        return not python or self._set_flags(python, self._open[-1])

    def _add_open(self, sign: str) -> bool:
        dot_all = self._open[-1].dot_all
        number = None
        if sign == "(" or sign.startswith("(?P<"):
            self._groups += 1
            number = self._groups
        opened = _Open(sign, number, dot_all=dot_all)
        self._open.append(opened)
        known = number is not None or sign in {"(?:", "(?>", "(?=", "(?!", "(?<=", "(?<!"}
        return known or self._set_flags(sign, opened)

    def _set_flags(self, python: str, group: _Open) -> bool:
        flags = _FLAGS.fullmatch(python)
        if flags:
            group.dot_all = group.dot_all or "s" in flags[1]
            self._lines_within = self._lines_within or "m" in flags[1]
            if flags[2] or "m" in flags[1]:
                group.options[-1].append(At("?"))
        return flags is not None

    def _add_repeat(self, python: str) -> bool:
        nodes = self._open[-1].options[-1]
        parsed = _QUANTIFIER.fullmatch(python)
        if not nodes or not parsed:
            return False
        least, most = _TIMES[parsed[1]] if parsed[1] else (int(parsed[2]), int(parsed[4]) if parsed[4] else None)
        if parsed[2] and not parsed[3]:
            most = least
        nodes[-1] = Repeat(nodes[-1], least, most, lazy=parsed[5] == "?", possessive=parsed[5] == "+")
        return True
