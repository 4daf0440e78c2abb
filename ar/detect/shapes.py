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
6. Where all that is left is one rule, and composite rules that ask for nothing but a count, the way is *straight*:
   each line makes an alert of that rule, or of the one that it completes, and neither an event nor a choice is needed.
7. A plan to which nothing led that counts digits is a plan for all shapes of one *skeleton* (ar/detect/skeletons.py).
"""

from __future__ import annotations

from operator import itemgetter
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ar.detect.decoder import Decoders
from ar.detect.doubts import Check, Doubts, Programs, UndecidedError, doubting
from ar.detect.event import Event, Reading
from ar.detect.header import Places, places_of, plain_program_of, program_of
from ar.detect.pruner import Pruner
from ar.detect.rule import Candidate, Rule
from ar.detect.ruleset import Ruleset
from ar.detect.sieve import Sieve
from ar.detect.skeletons import ShrunkPlaces, shrink, skeleton_of, stretch
from ar.detect.windows import Straight
from ar.patterns.digits import SHAPE_CHARS_MAX, collapsed, has_digit
from ar.patterns.digits import shape as shape_of
from ar.patterns.pattern import Match

SHAPES_MAX = 4096  # so many twice: those of late, and those from before that are still in use
DIGITS = bytes.maketrans(b"123456789", b"000000000")  # what turns a line into its shape


def shapes_of(lines: Sequence[bytes]) -> List[bytes]:
    """Return the shape of each line."""
    shapes = b"\n".join(lines).translate(DIGITS).split(b"\n")
    return shapes if len(shapes) == len(lines) else [line.translate(DIGITS) for line in lines]


class Plan(NamedTuple):
    """What is known of all lines of a shape, and what is left to ask of each: checks, then the rules left."""

    cut: Callable[[str], Tuple[str, ...]]  # takes the fields out of a line, and then what `Event` asks for
    form: str
    decoder: str
    category: str
    first_seen: Tuple[str, ...]
    names: Tuple[str, ...]  # of the fields
    checks: Tuple[Check, ...]
    candidates: Tuple[Candidate, ...]
    straight: Optional[Straight]
    places: Tuple[slice, ...]  # what `cut` takes out,
    shrunk: ShrunkPlaces  # and where that is in the skeleton where the plan is for one

    def of_shape(self, shape: bytes) -> Plan:
        """Return the plan of a shape, where this is the one for its skeleton."""
        if not self.shrunk:
            return self
        cut = itemgetter(*stretch(self.shrunk, shape))
        return tuple.__new__(Plan, (cut, *self[1:]))  # what `_replace` does, and faster

    def event(self, reading: Reading, text: str) -> Optional[Event]:
        """Return the event of a line, decoded; None when it fails a check and is to be looked at on its own."""
        _, form, decoder, category, first_seen, names, checks, *_ = self
        parts = self.cut(text)
        event = Event(reading, text, form, parts[-4:])
        for check in checks:
            if not check(event):
                return None
        event.decoder = decoder
        event.category = category
        event.first_seen = first_seen
        event.fields = dict(zip(names, parts))
        return event


def _cut_nothing(_text: str) -> Tuple[str, ...]:
    return ()


def _special(name: str) -> Plan:
    return Plan(_cut_nothing, "", name, "", (), (), (), (), None, (), ())


BORING = _special("boring")  # no line of the shape makes an alert or is remembered
UNDECIDED = _special("undecided")  # each line is to be looked at on its own
_COUNTED = _special("counted")  # of a skeleton: each of its shapes needs a plan of its own


class Shapes:
    """The plans of the shapes that were met of late; None for one that was met only once, and may never be again."""

    def __init__(
        self,
        ruleset: Ruleset,
        line_bytes_max: int,
        hostname: str,
        straight_to: Callable[[Rule, Sequence[Candidate]], Optional[Straight]],
    ) -> None:
        """`straight_to` returns what it takes to go straight to a rule past composites, None where that cannot be."""
        self._ruleset = ruleset
        self._straight_to = straight_to
        self._reading = Reading("", 0.0, hostname, _no_time)
        self._bytes_max = min(line_bytes_max, SHAPE_CHARS_MAX)  # of ASCII; longer lines are rare, and fill the memory
        self.known: Dict[bytes, Optional[Plan]] = {}
        self._old: Dict[bytes, Optional[Plan]] = {}
        self._left: Dict[Tuple[Candidate, ...], Tuple[Tuple[Candidate, ...], Optional[Straight]]] = {}  # a few ways
        self._skeletons: Dict[
            bytes, Optional[Plan]
        ] = {}  # the plans of whole skeletons; None for one that was met once
        self._programs = Programs(ruleset)
        self._sieve = Sieve(ruleset, self._programs)
        self._pruner = Pruner()
        self._doubts = Doubts()
        self._decoders: Optional[Decoders] = None  # made when the first line comes

    def find(self, shape: bytes, line: bytes) -> Plan:
        """Return the plan of a line whose shape has none in `known`."""
        if len(shape) > self._bytes_max or not shape.isascii():
            return UNDECIDED
        plan = self._old.get(shape)
        if plan is None:
            text = line.decode("ascii")
            plan = self._plan(shape, text) if text.isprintable() else UNDECIDED  # the others lose characters
        if len(self.known) >= SHAPES_MAX:
            self._old, self.known = self.known, {}
            self._left = {}
        self.known[shape] = plan
        return plan or UNDECIDED

    def _plan(self, shape: bytes, text: str) -> Optional[Plan]:
        """Return the plan of a shape; None when it is met for the first time and nothing is known of such lines."""
        was_met = shape in self.known or shape in self._old
        program = plain_program_of(text)
        if not was_met and self._sieve.rejects(
            program_of(text) if program is None else program, shape.decode("ascii").lower()
        ):
            return BORING
        if program is None or has_digit(program):
            return self._decide(text) if was_met else None
        skeleton = skeleton_of(shape)
        if skeleton not in self._skeletons:
            self._note(skeleton, None)
            return None
        common = self._skeletons[skeleton]
        if common is not None and common is not _COUNTED:
            return common.of_shape(shape)
        if common is _COUNTED and not was_met:
            return None
        plan = self._decide(text)
        if common is None:
            self._note(skeleton, self._common(plan, shape))
        return plan

    def _note(self, skeleton: bytes, common: Optional[Plan]) -> None:
        if len(self._skeletons) >= SHAPES_MAX:
            self._skeletons.clear()
        self._skeletons[skeleton] = common

    def _common(self, plan: Plan, shape: bytes) -> Plan:
        """Return the plan for all shapes of a skeleton, made of that of one shape."""
        if plan is UNDECIDED or plan.checks or self._doubts.counted_digits or self._pruner.counted_digits:
            return _COUNTED
        if plan is BORING:
            return BORING
        shrunk = shrink(plan.places, shape)
        return plan._replace(shrunk=shrunk) if shrunk is not None else _COUNTED

    def _decide(self, text: str) -> Plan:
        if self._decoders is None:
            self._decoders = doubting(self._ruleset.decoders, self._doubts)
        places = places_of(text)
        event = _Spanned(self._reading, text, places)
        self._doubts.clear()
        self._pruner.counted_digits = False
        try:
            self._decoders.decode(event)
        except UndecidedError:
            return UNDECIDED
        if event.accumulates:
            return UNDECIDED
        if self._programs.are_told_apart(event.program):
            self._doubts.checks.append(_is_program(event.program))
        shape, skeleton = event.shape(self._reading, places), event.skeleton(self._reading)
        open_rules, _ = self._pruner.leave(self._ruleset.rules.candidates(event), shape, skeleton)
        known = self._left.get(open_rules)
        if known is None:
            flat = _flat(open_rules)
            known = self._left[open_rules] = (flat, self._straight(flat)) if _matters(flat) else ((), None)
        left, straight = known
        checks = tuple(self._doubts.checks)
        if not left and not checks:
            return BORING
        stamp, form, hostname, program, log = places
        before = log.start
        spans = (slice(before + span.start, before + span.stop) for span in event.spans.values())
        cut_out = (*spans, stamp, hostname, program, log)
        return Plan(
            itemgetter(*cut_out), form, event.decoder, event.category, event.first_seen, tuple(event.spans), checks,
            left, None if checks else straight, cut_out, (),
        )  # fmt: skip

    def _straight(self, candidates: Tuple[Candidate, ...]) -> Optional[Straight]:
        """Return the way to the last rule, if all others are composite rules that count its events."""
        *composites, last = candidates
        if last.conditions or last.recalls:
            return None
        return self._straight_to(last.rule, composites)


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

    def skeleton(self, reading: Reading) -> Event:
        """Return what all events of the skeleton have in common, as `shape` does."""
        parts = (self.stamp, collapsed(self.hostname), self.program, collapsed(self.log))
        event = Event(reading, parts[3], self.form, parts)
        event.decoder = self.decoder
        event.category = self.category
        event.fields = {name: collapsed(self.log[span]) for name, span in self.spans.items()}
        return event


def _no_time(_stamp: str, _form: str, _reading: Reading) -> Tuple[float, bool]:
    raise AssertionError("a shape has no time")


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
