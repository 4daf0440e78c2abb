"""Decides once for all lines of one shape what cannot differ between them.

The shape of a line is the line with every digit made 0. Logs repeat themselves: nearly all lines of a day have a
shape that was seen before, and most of these shapes lead to no alert whatever their digits are. The rules are:

1. Only lines of printable ASCII have a plan, so a line and its shape have the same characters at the same places.
2. A header is split by its separators and never by a digit's value, so all lines of a shape are split alike
   (ar/detect/header.py).
3. A pattern that cannot tell digits apart is *blind*: it matches a line exactly where it matches its shape.
4. Any other pattern is *relaxed*, its digits made 0 as well. Where this does not match the shape, the pattern
   matches none of the shape's lines. Where it does, the pattern is asked for each line: by a rule as one of its
   conditions, by a decoder as a check that it says what it said of the line the plan was made from
   (ar/detect/doubts.py). A line that fails a check is looked at on its own.
5. What is more than a pattern (history, time of day, addresses, lists) is asked for each line, unless it is
   known to be steady.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ar.detect.decoder import Decoders
from ar.detect.doubts import Check, Programs, UndecidedError, doubting
from ar.detect.event import Event, Reading
from ar.detect.header import Places, places_of
from ar.detect.rule import Asked, Candidate, Condition, Rule, any_of
from ar.detect.ruleset import Ruleset
from ar.detect.sieve import Sieve
from ar.patterns.digits import has_digit
from ar.patterns.digits import shape as shape_of
from ar.patterns.pattern import Match

SHAPES_MAX = 4096  # so many twice: those of late, and those from before that are still in use
SHAPE_BYTES_MAX = 512  # longer lines are rare, and their shapes would fill the memory
DIGITS = bytes.maketrans(b"123456789", b"000000000")  # what turns a line into its shape


class Plan(NamedTuple):
    """What is known of all lines of a shape, and what is left to ask of each: checks, then the rules left."""

    places: Places
    decoder: str
    category: str
    first_seen: Tuple[str, ...]
    names: Tuple[str, ...]  # of the fields,
    spans: Tuple[slice, ...]  # and where in the message each of them stands
    checks: Tuple[Check, ...]
    candidates: Tuple[Candidate, ...]

    def event(self, reading: Reading, text: str) -> Optional[Event]:
        """Return the event of a line, decoded; None when it fails a check and is to be looked at on its own."""
        event = Event(reading, text, self.places)
        for check in self.checks:
            if not check(event):
                return None
        event.decoder = self.decoder
        event.category = self.category
        event.first_seen = self.first_seen
        event.time_s, event.stale = reading.tell_time(event)  # most of these lines make an alert
        event.fields = dict(zip(self.names, map(event.log.__getitem__, self.spans)))
        return event


BORING = Plan(Places(), "boring", "", (), (), (), (), ())  # no line of the shape makes an alert or is remembered
UNDECIDED = Plan(Places(), "undecided", "", (), (), (), (), ())  # each line is to be looked at on its own


class Shapes:
    """The plans of the shapes that were met of late; None for one that was met only once, and may never be again."""

    def __init__(self, ruleset: Ruleset, line_bytes_max: int, hostname: str) -> None:
        self._ruleset = ruleset
        self._reading = Reading("", 0.0, hostname, _no_time)
        self._bytes_max = min(line_bytes_max, SHAPE_BYTES_MAX)
        self.known: Dict[bytes, Optional[Plan]] = {}
        self._old: Dict[bytes, Optional[Plan]] = {}
        self._left: Dict[Tuple[Candidate, ...], Tuple[Candidate, ...]] = {}  # most shapes are left with the same
        self._programs = Programs(ruleset)
        self._sieve = Sieve(ruleset, self._programs)
        self._pruner = _Pruner()
        self._checks: List[Check] = []
        self._decoders: Optional[Decoders] = None  # made when the first line comes

    def find(self, shape: bytes, line: bytes) -> Plan:
        """Return the plan of a line whose shape has none in `known`."""
        if len(shape) > self._bytes_max or not shape.isascii():
            return UNDECIDED
        plan = self._old.get(shape)
        if plan is None and (shape in self.known or shape in self._old):
            plan = self._decide(line.decode("ascii"))
        if len(self.known) >= SHAPES_MAX:
            self._old, self.known = self.known, {}
            self._left = {}
        self.known[shape] = plan
        if plan is None:
            return BORING if self._sieve.rejects(line.decode("ascii")) else UNDECIDED
        return plan

    def _decide(self, text: str) -> Plan:
        if not text.isprintable():
            return UNDECIDED
        if self._decoders is None:
            self._decoders = doubting(self._ruleset.decoders, self._checks)
        places = places_of(text)
        event = _Spanned(self._reading, text, places)
        if self._sieve.rejects_all_like(event):
            return BORING
        self._checks.clear()
        try:
            self._decoders.decode(event)
        except UndecidedError:
            return UNDECIDED
        if event.accumulates:
            return UNDECIDED
        program = event.program
        if self._programs.are_told_apart(program):
            self._checks.append(lambda other: other.program == program)
        open_rules, _ = self._pruner.leave(self._ruleset.rules.candidates(event), event.shape(self._reading, places))
        left = self._left.get(open_rules)
        if left is None:
            left = self._left[open_rules] = tuple(_flat(open_rules)) if _matters(open_rules) else ()
        if not left and not self._checks:
            return BORING
        names, spans = tuple(event.spans), tuple(event.spans.values())
        return Plan(places, event.decoder, event.category, event.first_seen, names, spans, tuple(self._checks), left)


class _Spanned(Event):
    """An event that notes where its fields stand."""

    __slots__ = ("spans",)

    def __init__(self, reading: Reading, full_log: str, places: Places) -> None:
        super().__init__(reading, full_log, places)
        self.spans: Dict[str, slice] = {}

    def take(self, order: Tuple[str, ...], match: Match, start: int) -> None:
        """Take the fields `order` that an expression found in the message from `start` on."""
        super().take(order, match, start)
        spans = map(match.span, range(1, len(match.groups()) + 1))
        taken = [slice(start + first, start + last) for first, last in spans if first >= 0]
        self.spans.update(zip(order, taken))

    def shape(self, reading: Reading, places: Places) -> Event:
        """Return what all events of the shape have in common; its program is that of this one."""
        event = Event(reading, shape_of(self.full_log), places)
        event.hostname = shape_of(self.hostname)  # it may be this host's own
        event.program = self.program
        event.decoder = self.decoder
        event.category = self.category
        event.fields = {name: event.log[span] for name, span in self.spans.items()}
        return event


def _no_time(_event: Event) -> Tuple[float, bool]:
    raise AssertionError("a shape has no time")


class _Question(NamedTuple):
    """One thing that a rule asks: what the shape must fulfil, and what is left to ask of its lines."""

    texts: Tuple[str, ...]  # one of these must stand in the shape
    of_shape: Optional[Condition]
    of_line: Tuple[Condition, ...]


class _Pruner:
    """Leaves of the tree of rules what is open for the lines of a shape."""

    def __init__(self) -> None:
        self._questions: Dict[Rule, Tuple[_Question, ...]] = {}

    def leave(self, candidates: Tuple[Candidate, ...], shape: Event) -> Tuple[Tuple[Candidate, ...], bool]:
        """Return the candidates that some line may fit, and whether each line fits one of them."""
        left: List[Candidate] = []
        for candidate in candidates:
            rule = candidate.rule
            conditions = self._still_to_ask(rule, shape)
            if conditions is None:
                continue
            below, fits_below = self.leave(rule.candidates(shape), shape) if rule.children else ((), False)
            if rule.noalert and not below and not rule.recalls:
                continue
            left.append(Candidate((), conditions, candidate.recalls, rule, below))
            if not conditions and not candidate.recalls and (fits_below or not rule.noalert):
                return tuple(left), True
        return tuple(left), False

    def _still_to_ask(self, rule: Rule, shape: Event) -> Optional[Tuple[Condition, ...]]:
        """Return the conditions that some lines fulfil and others do not, None when one fails for all."""
        questions = self._questions.get(rule)
        if questions is None:
            questions = self._questions[rule] = tuple(map(_question, rule.in_order))
        left: Tuple[Condition, ...] = ()
        for texts, of_shape, of_line in questions:
            if texts:
                lowered = shape.lowered
                for text in texts:
                    if text in lowered:
                        break
                else:
                    return None
            if of_shape is not None and not of_shape(shape):
                return None
            left += of_line
        return left


def _question(asked: Asked) -> _Question:
    texts = tuple(map(shape_of, asked.texts))
    of_line: Tuple[Condition, ...] = (any_of(asked.texts),) if any(map(has_digit, texts)) else ()
    if asked.condition is None or asked.steady:
        return _Question(texts, asked.condition, of_line)
    return _Question(texts, asked.possible, (*of_line, asked.condition))


def _flat(candidates: Tuple[Candidate, ...]) -> Iterator[Candidate]:
    """Yield the candidates without those that are sure to match and so only lead to the ones below them."""
    for candidate in candidates:
        below = tuple(_flat(candidate.below or ()))
        if candidate.conditions or candidate.recalls:
            yield candidate._replace(below=below)
            continue
        yield from below
        if not candidate.rule.noalert:
            yield candidate._replace(below=())


def _matters(candidates: Tuple[Candidate, ...]) -> bool:
    """Tell whether any of the rules, or one below them, makes an alert or remembers something."""
    return any(candidate.rule.matters or _matters(candidate.below or ()) for candidate in candidates)
