"""The parts of a pattern as steps, each of which works out in one go all places from which it can match.

`before` takes the places from which all that follows matches, and returns those from which the step and all that
follows do. `walk` then takes the step from one of these places, the way backtracking would have taken, and returns
where it ends; groups are noted on the way.

Of a tree's Chars, Chain, Choice, Group, Look and At become One, Row, FirstOf, Capture, Glance and Bound; of a Repeat
becomes a Run where single characters repeat, a Loop where something longer does without bound, and else Rows.
"""

from __future__ import annotations

from typing import Optional, Protocol, Sequence

from ar.patterns.places import CharSet, Places


class Step(Protocol):
    """What all steps do."""

    def before(self, places: Places, after: int) -> int: ...

    def walk(self, places: Places, at: int) -> int: ...


class One:
    """One character out of a set."""

    __slots__ = ("_chars",)

    def __init__(self, chars: CharSet) -> None:
        self._chars = chars

    def before(self, places: Places, after: int) -> int:
        return (after & places.behind(self._chars)) << 1

    def walk(self, _places: Places, at: int) -> int:
        return at + 1


class Run:
    """`least` to `most` characters out of a set (None: without bound)."""

    __slots__ = ("_chars", "_lazy", "_least", "_most", "_number")

    def __init__(self, number: int, chars: CharSet, least: int, most: Optional[int], *, lazy: bool) -> None:
        self._number = number
        self._chars = chars
        self._least = least
        self._most = most
        self._lazy = lazy

    def before(self, places: Places, after: int) -> int:
        places.kept[self._number] = after
        behind = places.behind(self._chars)
        reached = after
        if self._most is None or self._most - self._least >= places.length:
            reached |= ((after & behind) + behind) ^ behind  # the carries run along the characters of the set
        else:
            for _ in range(self._most - self._least):
                further = reached | ((reached & behind) << 1)
                if further == reached:
                    break
                reached = further
        for _ in range(self._least):
            if not reached:
                break
            reached = (reached & behind) << 1
        return reached

    def walk(self, places: Places, at: int) -> int:
        nearest = at + self._least
        run_end = places.flags(self._chars).find(b"0", nearest)
        farthest = run_end if run_end >= 0 else places.length
        if self._most is not None:
            farthest = min(farthest, at + self._most)
        if farthest == nearest:
            return nearest
        # The places from the farthest, now the lowest bit, to the nearest: which of them lead to a match?
        possible = (places.kept[self._number] >> (places.length - farthest)) & ((2 << (farthest - nearest)) - 1)
        chosen = possible if self._lazy else possible & -possible  # of which the highest bit counts
        return farthest + 1 - chosen.bit_length()


class Row:
    """One step after the other; of none it is the empty text."""

    __slots__ = ("_backwards", "_steps")

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)
        self._backwards = self._steps[::-1]

    def before(self, places: Places, after: int) -> int:
        for step in self._backwards:
            after = step.before(places, after)
            if not after:  # nothing leads from here to a match, so nothing will be walked
                break
        return after

    def walk(self, places: Places, at: int) -> int:
        for step in self._steps:
            at = step.walk(places, at)
        return at


class FirstOf:
    """The first of the options that leads to a match."""

    __slots__ = ("_first_number", "_options")

    def __init__(self, first_number: int, options: Sequence[Step]) -> None:
        self._first_number = first_number  # one for each option
        self._options = tuple(options)

    def before(self, places: Places, after: int) -> int:
        found = 0
        for number, option in enumerate(self._options, self._first_number):
            places.kept[number] = starts = option.before(places, after)
            found |= starts
        return found

    def walk(self, places: Places, at: int) -> int:
        for number, option in enumerate(self._options, self._first_number):
            if places.holds(places.kept[number], at):
                return option.walk(places, at)
        raise AssertionError("a walk leads only through places from which an option matches")


class Loop:
    """A step that repeats without bound, or not at all; `singles` are the options in it that are one character."""

    __slots__ = ("_body", "_lazy", "_number", "_singles")

    def __init__(self, number: int, body: Step, singles: Optional[CharSet], *, lazy: bool) -> None:
        self._number = number  # and the one after it
        self._body = body
        self._singles = singles
        self._lazy = lazy

    def before(self, places: Places, after: int) -> int:
        behind = places.behind(self._singles) if self._singles is not None else 0
        reached = after
        while True:
            if behind:  # as far as single characters lead, one addition goes
                reached |= ((reached & behind) + behind) ^ behind
            starts = self._body.before(places, reached)
            if not starts & ~reached:
                break
            reached |= starts
        places.kept[self._number] = after
        places.kept[self._number + 1] = starts
        return reached

    def walk(self, places: Places, at: int) -> int:
        after, starts = places.kept[self._number : self._number + 2]
        if self._lazy:
            while not places.holds(after, at):
                at = self._body.walk(places, at)
        else:
            while places.holds(starts, at):
                at = self._body.walk(places, at)
        return at


class Capture:
    """A group: notes where its body was."""

    __slots__ = ("_body", "_group")

    def __init__(self, group: int, body: Step) -> None:
        self._group = group
        self._body = body

    def before(self, places: Places, after: int) -> int:
        return self._body.before(places, after)

    def walk(self, places: Places, at: int) -> int:
        end = self._body.walk(places, at)
        places.spans[self._group] = (at, end)
        return end


class Glance:
    """Whether the body matches from here on, or (`width` back) up to here, or does not; takes no text."""

    __slots__ = ("_body", "_negated", "_number", "_width")

    def __init__(self, number: int, body: Step, width: Optional[int], *, negated: bool) -> None:
        self._number = number
        self._body = body
        self._width = width
        self._negated = negated

    def before(self, places: Places, after: int) -> int:
        found = places.kept[self._number]
        if found < 0:
            found = self._body.before(places, places.all) >> (self._width or 0)
            places.kept[self._number] = found
        return after & ~found if self._negated else after & found

    def walk(self, places: Places, at: int) -> int:
        if not self._negated:
            self._body.walk(places, at - (self._width or 0))
        return at


class Bound:
    r"""`^`, `$`, `\Z`, `\b` or `\B`."""

    __slots__ = ("_where", "_word")

    def __init__(self, where: str, word: CharSet) -> None:
        self._where = where
        self._word = word

    def before(self, places: Places, after: int) -> int:
        if self._where == "^":
            return after & places.start
        if self._where == "$":
            return after & places.line_ends
        if self._where == r"\Z":
            return after & places.end
        behind = places.behind(self._word)
        boundaries = behind ^ (behind << 1)
        return after & boundaries if self._where == r"\b" else after & ~boundaries

    def walk(self, _places: Places, at: int) -> int:
        return at
