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
6. Where all that is left is one rule, and composite rules that count its events, the way is *straight*: until
   one of these may be due, each line makes that rule's alert, and neither an event nor a choice is needed.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ar.detect.decoder import Decoders
from ar.detect.doubts import Check, Programs, UndecidedError, doubting
from ar.detect.event import Event, Reading
from ar.detect.header import Places, places_of, program_of
from ar.detect.rule import Asked, Candidate, Condition, Rule, any_of
from ar.detect.ruleset import Ruleset
from ar.detect.sieve import Sieve
from ar.detect.windows import Straight
from ar.patterns.digits import has_digit
from ar.patterns.digits import shape as shape_of
from ar.patterns.pattern import Match

SHAPES_MAX = 4096  # so many twice: those of late, and those from before that are still in use
SHAPE_BYTES_MAX = 512  # longer lines are rare, and their shapes would fill the memory
DIGITS = bytes.maketrans(b"123456789", b"000000000")  # what turns a line into its shape


class Plan(NamedTuple):
    """What is known of all lines of a shape, and what is left to ask of each: checks, then the rules left."""

    cut: Callable[[str], Tuple[str, ...]]  # takes out of a line what `Event` asks for, and then the fields
    form: str
    decoder: str
    category: str
    first_seen: Tuple[str, ...]
    names: Tuple[str, ...]  # of the fields
    checks: Tuple[Check, ...]
    candidates: Tuple[Candidate, ...]
    straight: Optional[Straight]

    def event(self, reading: Reading, text: str) -> Optional[Event]:
        """Return the event of a line, decoded; None when it fails a check and is to be looked at on its own."""
        _, form, decoder, category, first_seen, names, checks, _, _ = self
        parts = self.cut(text)
        event = Event(reading, text, form, parts)
        for check in checks:
            if not check(event):
                return None
        event.decoder = decoder
        event.category = category
        event.first_seen = first_seen
        event.fields = dict(zip(names, parts[4:]))
        return event


def _cut_nothing(_text: str) -> Tuple[str, ...]:
    return ()


def _special(name: str) -> Plan:
    return Plan(_cut_nothing, "", name, "", (), (), (), (), None)


BORING = _special("boring")  # no line of the shape makes an alert or is remembered
UNDECIDED = _special("undecided")  # each line is to be looked at on its own


class Shapes:
    """The plans of the shapes that were met of late; None for one that was met only once, and may never be again."""

    def __init__(
        self,
        ruleset: Ruleset,
        line_bytes_max: int,
        hostname: str,
        straight_to: Callable[[Rule, Sequence[Rule]], Optional[Straight]],
    ) -> None:
        """`straight_to` returns what it takes to go straight to a rule past composites, None where that cannot be."""
        self._ruleset = ruleset
        self._straight_to = straight_to
        self._reading = Reading("", 0.0, hostname, _no_time)
        self._bytes_max = min(line_bytes_max, SHAPE_BYTES_MAX)
        self.known: Dict[bytes, Optional[Plan]] = {}
        self._old: Dict[bytes, Optional[Plan]] = {}
        self._left: Dict[Tuple[Candidate, ...], Tuple[Tuple[Candidate, ...], Optional[Straight]]] = {}  # a few ways
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
        if plan is None:
            is_seen_again = shape in self.known or shape in self._old
            text = line.decode("ascii")
            plan = self._decide(text) if is_seen_again else self._at_a_glance(shape.decode("ascii"), text)
        if len(self.known) >= SHAPES_MAX:
            self._old, self.known = self.known, {}
            self._left = {}
        self.known[shape] = plan
        return plan or UNDECIDED

    def _at_a_glance(self, shape: str, text: str) -> Optional[Plan]:
        """Return what can be told of a shape without decoding a line; None when that is nothing."""
        if not text.isprintable():
            return UNDECIDED  # without its control characters it has other texts
        return BORING if self._sieve.rejects(program_of(text), shape.lower()) else None

    def _decide(self, text: str) -> Plan:
        if self._decoders is None:
            self._decoders = doubting(self._ruleset.decoders, self._checks)
        places = places_of(text)
        event = _Spanned(self._reading, text, places)
        self._checks.clear()
        try:
            self._decoders.decode(event)
        except UndecidedError:
            return UNDECIDED
        if event.accumulates:
            return UNDECIDED
        if self._programs.are_told_apart(event.program):
            self._checks.append(_is_program(event.program))
        open_rules, _ = self._pruner.leave(self._ruleset.rules.candidates(event), event.shape(self._reading, places))
        known = self._left.get(open_rules)
        if known is None:
            flat = _flat(open_rules)
            known = self._left[open_rules] = (flat, self._straight(flat)) if _matters(flat) else ((), None)
        left, straight = known
        if not left and not self._checks:
            return BORING
        stamp, form, hostname, program, log = places
        before = log.start
        spans = (slice(before + span.start, before + span.stop) for span in event.spans.values())
        cut = itemgetter(stamp, hostname, program, log, *spans)
        names = tuple(event.spans)
        return Plan(
            cut, form, event.decoder, event.category, event.first_seen, names, tuple(self._checks), left,
            None if self._checks else straight,
        )  # fmt: skip

    def _straight(self, candidates: Tuple[Candidate, ...]) -> Optional[Straight]:
        """Return the way to the last rule, if all others are composite rules that count its events."""
        *composites, last = candidates
        if last.conditions or last.recalls or any(candidate.conditions for candidate in composites):
            return None
        rules = [candidate.rule for candidate in composites]
        if any(rule.first_seen or rule.differs for rule in rules):
            return None
        return self._straight_to(last.rule, rules)


def _is_program(program: str) -> Check:
    return lambda event: event.program == program


class _Spanned(Event):
    """An event that notes where its fields stand."""

    def __init__(self, reading: Reading, full_log: str, places: Places) -> None:
        super().__init__(reading, full_log, places.form, places.parts(full_log))
        self.spans: Dict[str, slice] = {}

    def take(self, order: Tuple[str, ...], match: Match, start: int) -> None:
        """Take the fields `order` that an expression found in the message from `start` on."""
        super().take(order, match, start)
        spans = map(match.span, range(1, len(match.groups()) + 1))
        taken = [slice(start + first, start + last) for first, last in spans if first >= 0]
        self.spans.update(zip(order, taken))

    def shape(self, reading: Reading, places: Places) -> Event:
        """Return what all events of the shape have in common; its program is that of this one."""
        full_log = shape_of(self.full_log)
        event = Event(reading, full_log, places.form, places.parts(full_log))
        event.raw = full_log.encode("ascii")
        event.hostname = shape_of(self.hostname)  # it may be this host's own
        event.program = self.program
        event.decoder = self.decoder
        event.category = self.category
        event.fields = {name: event.log[span] for name, span in self.spans.items()}
        return event


def _no_time(_stamp: str, _form: str, _reading: Reading) -> Tuple[float, bool]:
    raise AssertionError("a shape has no time")


class _Question(NamedTuple):
    """One thing that a rule asks: what the shape must fulfil, and what is left to ask of its lines."""

    texts: Tuple[str, ...]  # one of these must stand in the shape
    of_shape: Optional[Condition]
    of_line: Tuple[Condition, ...]


class _Questioned(NamedTuple):
    """All that a rule asks; `texts` are those of the first question that has any, to be looked for first."""

    texts: Tuple[str, ...]
    questions: Tuple[_Question, ...]


class _Pruner:
    """Leaves of the tree of rules what is open for the lines of a shape."""

    def __init__(self) -> None:
        self._questioned: Dict[Rule, _Questioned] = {}

    def leave(self, candidates: Tuple[Candidate, ...], shape: Event) -> Tuple[Tuple[Candidate, ...], bool]:
        """Return the candidates that some line may fit, and whether each line fits one of them."""
        left: List[Candidate] = []
        lowered = shape.lowered
        for candidate in candidates:
            rule = candidate.rule
            texts, questions = self._questioned.get(rule) or self._question(rule)
            if texts:
                for text in texts:
                    if text in lowered:
                        break
                else:
                    continue
            conditions = _still_to_ask(questions, shape)
            if conditions is None:
                continue
            below, fits_below = self.leave(rule.candidates(shape), shape) if rule.children else ((), False)
            if rule.noalert and not below and not candidate.recalls:
                continue
            left.append(Candidate((), conditions, candidate.recalls, rule, below))
            if not conditions and not candidate.recalls and (fits_below or not rule.noalert):
                return tuple(left), True
        return tuple(left), False

    def _question(self, rule: Rule) -> _Questioned:
        questions = tuple(map(_question, rule.in_order))
        texts = next((question.texts for question in questions if question.texts), ())
        found = self._questioned[rule] = _Questioned(texts, questions)
        return found


def _still_to_ask(questions: Tuple[_Question, ...], shape: Event) -> Optional[Tuple[Condition, ...]]:
    """Return the conditions that some lines fulfil and others do not, None when one fails for all."""
    left: Tuple[Condition, ...] = ()
    lowered = shape.lowered
    for texts, of_shape, of_line in questions:
        if texts and not any(text in lowered for text in texts):
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


def _flat(candidates: Tuple[Candidate, ...]) -> Tuple[Candidate, ...]:
    """Return the candidates without those that are sure to match and so only lead to the ones below them.

    A rule that each line gets that comes to it is the last one.
    """
    flat: List[Candidate] = []
    for candidate in candidates:
        below = _flat(candidate.below or ())
        if candidate.conditions or candidate.recalls:
            flat.append(candidate._replace(below=below))
            continue
        flat += below
        if not candidate.rule.noalert and not (below and _is_sure(below[-1])):
            flat.append(candidate._replace(below=()))
        if flat and _is_sure(flat[-1]):
            break
    return tuple(flat)


def _is_sure(candidate: Candidate) -> bool:
    return not candidate.conditions and not candidate.recalls


def _matters(candidates: Tuple[Candidate, ...]) -> bool:
    """Tell whether any of the rules, or one below them, makes an alert or remembers something."""
    return any(candidate.rule.matters or _matters(candidate.below or ()) for candidate in candidates)
