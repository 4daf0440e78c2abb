"""Decoders that tell which of their answers about a line hung on its digits.

They choose and take exactly what the decoders that they were made from do. Besides, for each pattern that can tell
digits apart and that could match another line of the same shape, they note a check: whether the pattern says of
such a line what it said of this one. And they note when they ask a pattern that can tell how many digits there are.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Callable, List, Optional, Tuple

from ar.detect.decoder import Decoder, Decoders
from ar.detect.event import Event
from ar.detect.finders import Finder, finder
from ar.detect.ruleset import Ruleset
from ar.osregex import Expression
from ar.patterns.digits import collapsed, has_digit
from ar.patterns.digits import shape as shape_of
from ar.patterns.literals import lower

Check = Callable[[Event], bool]


class UndecidedError(Exception):
    """The line came to a decoder that is more than its patterns, so another line of its shape may fare otherwise."""


class Doubts:
    """What was noted of one line: the checks, and whether an answer may hang on how many digits stand in a row."""

    def __init__(self) -> None:
        self.checks: List[Check] = []
        self.counted_digits = False

    def clear(self) -> None:
        """Begin with another line."""
        self.checks.clear()
        self.counted_digits = False


class Programs:
    """Tells which programs a pattern could tell from others whose names differ in digits alone."""

    def __init__(self, ruleset: Ruleset) -> None:
        expressions = [decoder.program_expression for decoder in ruleset.decoders.by_program]
        expressions += [rule.program_expression for rule in ruleset.rules.by_id.values()]
        sighted = [expression for expression in expressions if expression is not None and not expression.blind]
        relaxed = [expression.relaxed() for expression in sighted]
        self._possible = [expression.tester() for expression in relaxed if expression is not None]
        self._all = len(self._possible) < len(relaxed)  # of some pattern nothing is known

    def are_told_apart(self, program: str) -> bool:
        """Tell whether a program of the same shape may fare otherwise."""
        if not has_digit(program):
            return False
        shape = shape_of(program)
        return self._all or any(possible(shape, lower(shape)) for possible in self._possible)


def doubting(decoders: Decoders, doubts: Doubts) -> Decoders:
    """Return decoders that do the same and add to `doubts`."""
    copies = Decoders()
    copies.by_program = [_Doubting(decoder, doubts) for decoder in decoders.by_program]
    copies.without_program = [_Doubting(decoder, doubts) for decoder in decoders.without_program]
    copies.compile()
    return copies


class _Doubting(Decoder):
    """One decoder; its program needs no check, since a plan is for one program if any pattern tells digits apart."""

    def __init__(self, decoder: Decoder, doubts: Doubts) -> None:
        super().__init__(**{each.name: getattr(decoder, each.name) for each in fields(decoder)})
        self.children = [_Doubting(child, doubts) for child in decoder.children]
        self._doubts = doubts
        prematch, expression = decoder.prematch_expression, decoder.expression
        if prematch is not None and not prematch.blind:
            self.starts = None  # else it would be passed over unasked for the digits it starts with
        if prematch is not None:
            self.prematch = _doubting_finder(prematch, doubts)
        self._is_doubtful = expression is not None and not expression.blind
        self._relaxed = expression.relaxed() if expression is not None and self._is_doubtful else None
        self._may_count_digits = _may_count_digits(expression) if expression is not None else lambda _text: False
        if decoder.plugin is not None:
            self.plugin = _undecided

    def take_fields(self, event: Event, start: int) -> int:
        """Take the fields, and note where they stand if that depends on digits."""
        if self._may_count_digits(event.log[start:]):
            self._doubts.counted_digits = True
        if self._is_doubtful and self._may_match(event.log[start:]):
            found = self._regions(event, start)
            self._doubts.checks.append(lambda other: self._regions(other, start) == found)
        return super().take_fields(event, start)

    def _may_match(self, text: str) -> bool:
        pattern = self._relaxed.pattern if self._relaxed is not None else None
        return pattern is None or pattern.search(shape_of(text)) is not None

    def _regions(self, event: Event, start: int) -> Optional[List[Tuple[int, int]]]:
        pattern = self.expression.pattern if self.expression is not None else None
        match = pattern.search(event.log[start:]) if pattern is not None else None
        return [match.span(group) for group in range(len(match.groups()) + 1)] if match is not None else None


def _doubting_finder(expression: Expression, doubts: Doubts) -> Finder:
    find = finder(expression)
    relaxed = expression.relaxed() if not expression.blind else None
    find_possible = finder(relaxed) if relaxed is not None else None
    may_count_digits = _may_count_digits(expression)

    def find_and_note(text: str, lowered: str, start: int) -> int:
        if may_count_digits(text[start:]):
            doubts.counted_digits = True
        if find_possible is not None and find_possible(shape_of(text), shape_of(lowered), start) < 0:
            return -1
        end = find(text, lowered, start)
        if not expression.blind:
            doubts.checks.append(lambda other: find(other.log, other.lowered, start) == end)
        return end

    return find_and_note


def _may_count_digits(expression: Expression) -> Callable[[str], bool]:
    """Return a function that tells of a text whether it may fare otherwise with more or fewer digits in a row."""
    search: Optional[Callable[[str], bool]] = None

    def may_count(text: str) -> bool:
        nonlocal search
        if not expression.counts_digits:
            return False
        if search is None:
            loosened = expression.loosened()
            tester = loosened.tester() if loosened is not None else None
            search = (lambda text: tester(text, lower(text))) if tester is not None else lambda _text: True
        return search(collapsed(text))

    return may_count


def _undecided(_event: Event, _start: int) -> None:
    raise UndecidedError
