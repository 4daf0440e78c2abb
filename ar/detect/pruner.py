"""Leaves of the tree of rules what is open for the lines of a shape, and notes when that may hang on digits' number."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from ar.detect.event import Event
from ar.detect.rule import Asked, Candidate, Condition, Rule, any_of
from ar.patterns.digits import collapsed, has_digit
from ar.patterns.digits import shape as shape_of


class _Question(NamedTuple):
    """One thing that a rule asks: what the shape must fulfil, and what is left to ask of its lines."""

    texts: Tuple[str, ...]  # one of these must stand in the shape
    of_shape: Optional[Condition]
    of_line: Tuple[Condition, ...]
    collapsed_texts: Tuple[str, ...]  # the texts as they stand in a skeleton, () where none has digits
    counts_digits: Condition  # tells of a skeleton whether its shapes may differ in this


class _Questioned(NamedTuple):
    """All that a rule asks; `texts` are those of the first question that has any, to be looked for first."""

    texts: Tuple[str, ...]
    collapsed_texts: Tuple[str, ...]
    questions: Tuple[_Question, ...]


class Pruner:
    """Leaves of the tree of rules what is open for the lines of a shape."""

    def __init__(self) -> None:
        self.counted_digits = False  # something was asked whose answer may hang on how many digits stand in a row
        self._questioned: Dict[Rule, _Questioned] = {}

    def leave(
        self, candidates: Tuple[Candidate, ...], shape: Event, skeleton: Event
    ) -> Tuple[Tuple[Candidate, ...], bool]:
        """Return the candidates that some line may fit, and whether each line fits one of them."""
        left: List[Candidate] = []
        lowered = shape.lowered
        for candidate in candidates:
            rule = candidate.rule
            texts, collapsed_texts, questions = self._questioned.get(rule) or self._question(rule)
            if texts:
                if collapsed_texts:
                    self._note_texts(collapsed_texts, skeleton)
                for text in texts:
                    if text in lowered:
                        break
                else:
                    continue
            conditions = self._still_to_ask(questions, shape, skeleton)
            if conditions is None:
                continue
            below, fits_below = self.leave(rule.candidates(shape), shape, skeleton) if rule.children else ((), False)
            if rule.noalert and not below and not candidate.recalls:
                continue
            left.append(Candidate((), conditions, candidate.recalls, rule, below))
            if not conditions and not candidate.recalls and (fits_below or not rule.noalert):
                return tuple(left), True
        return tuple(left), False

    def _question(self, rule: Rule) -> _Questioned:
        questions = tuple(map(_question, rule.in_order))
        first = next((question for question in questions if question.texts), None)
        of_first = (first.texts, first.collapsed_texts) if first is not None else ((), ())
        found = self._questioned[rule] = _Questioned(*of_first, questions)
        return found

    def _note_texts(self, collapsed_texts: Tuple[str, ...], skeleton: Event) -> None:
        if any(text in skeleton.lowered for text in collapsed_texts):
            self.counted_digits = True

    def _still_to_ask(
        self, questions: Tuple[_Question, ...], shape: Event, skeleton: Event
    ) -> Optional[Tuple[Condition, ...]]:
        """Return the conditions that some lines fulfil and others do not, None when one fails for all."""
        left: Tuple[Condition, ...] = ()
        lowered = shape.lowered
        for texts, of_shape, of_line, collapsed_texts, counts_digits in questions:
            if texts:
                self._note_texts(collapsed_texts, skeleton)
                if not any(text in lowered for text in texts):
                    return None
            if of_shape is not None:
                if not self.counted_digits and counts_digits(skeleton):
                    self.counted_digits = True
                if not of_shape(shape):
                    return None
            left += of_line
        return left


def _question(asked: Asked) -> _Question:
    texts = tuple(map(shape_of, asked.texts))
    collapsed_texts: Tuple[str, ...] = ()
    of_line: Tuple[Condition, ...] = ()
    if any(map(has_digit, texts)):
        collapsed_texts = tuple(map(collapsed, texts))
        of_line = (any_of(asked.texts),)
    if asked.condition is None or asked.steady:
        return _Question(texts, asked.condition, of_line, collapsed_texts, asked.counts_digits)
    return _Question(texts, asked.possible, (*of_line, asked.condition), collapsed_texts, asked.counts_digits)
