"""Why a line did not get a rule, or a decoder: facts about what came near, for people who ask.

The tree of rules is walked once more as the detector walked it. Asking a rule's conditions changes nothing, so
what was missing can be asked afterwards; only the past has gone on by one event meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ar.detect.decoder import Decoder, Decoders
from ar.detect.detector import Verdict
from ar.detect.event import Event, size_of
from ar.detect.rule import Asked, Correlation, Rule, Rules
from ar.model import RuleId
from ar.patterns.literals import lower

NEAR_MAX = 5
FREQUENCY, SAME, CATEGORY, NOT_SERVED = "frequency", "same", "category", "not served"  # lacks that are no elements
FIRST_SEEN, MAXSIZE = "if_fts", "maxsize"  # elements of which is told in words of their own
_LIKE = 0.5  # more of what is asked than this must be there to call it near
_LIKE_AT_ALL = 0.4  # and more than this where no rule matched
_COMPARED_CHARS_MAX = 200  # a longer value is held against a pattern only so far

# What asks of the message as a whole; every other element asks of the field, or the part of the header, it names.
OF_MESSAGE = {"match", "regex", "match_pcre2", "pcre2"}
_NAMES = {"decoded_as", "program_name", "program_name_pcre2"}  # what the line is of
_FIELDS = ("id", "url", "srcport", "dstport", "user", "extra_data", "hostname", "status")
_PATTERNED = OF_MESSAGE | _NAMES | {name + twin for name in _FIELDS for twin in ("", "_pcre2")}  # alternatives with |
VALUED = {*_FIELDS, "program_name", "srcip", "dstip", "action", "time", "weekday"}
_CLASS = re.compile(r"\\.|\[[^\]]*\]")
_WORD = re.compile(r"[^\W_]{3,}")

Counted = Callable[[Rule, Event], int]  # how many earlier events a composite rule holds for an event's source


class Lack(NamedTuple):
    """One thing that a rule asks and the event does not give.

    `element` is the rule's element, `asks` what is written there, `has` what the event has in that place: None
    when it has nothing, or when the whole message is asked about. `nearest` is the alternative of `asks` of which
    most is there, and `likeness` how much, 0 to 1. Four names are no elements: `frequency`, which `asks` so many
    events and `has` the number of this one; `same`, a field that a composite rule compares and the event lacks;
    `category`, the decoder's type; and `not served`, an element that the agent cannot ask.
    """

    element: str
    asks: str
    has: Optional[str] = None
    nearest: str = ""
    likeness: float = 0.0


@dataclass(frozen=True)
class Miss:
    """A rule whose parent matched, and why it is not the line's rule.

    Without `lacks` it would have matched, had not `instead`, a sibling tried earlier, been there.
    """

    rule: Rule
    lacks: Tuple[Lack, ...]
    instead: Optional[Rule]
    nearness: float


class Untaken(NamedTuple):
    """Why no decoder took a line: those that its program led to, each without its prematch in the message."""

    program: str
    tried: Tuple[Decoder, ...]


class WhyNot:
    """What may be asked about one verdict, right after it was given. `counted` tells of the composite rules."""

    def __init__(self, rules: Rules, verdict: Verdict, counted: Counted) -> None:
        self._rules = rules
        self._verdict = verdict
        self._event = verdict.event
        self._counted = counted
        self._misses: Dict[RuleId, Miss] = {}
        self._reached: Set[RuleId] = set(verdict.path)
        root = rules.roots.get(self._event.category)
        for miss in self._below(root, verdict.path) if root is not None else ():
            known = self._misses.get(miss.rule.id)  # a rule may hang under several parents
            if miss.rule.id not in self._reached and (known is None or known.nearness < miss.nearness):
                self._misses[miss.rule.id] = miss

    def near(self) -> List[Miss]:
        """Return what came nearest, the nearest first: only a few, and nothing that has little to do with the line."""
        found = sorted(self._misses.values(), key=lambda miss: -miss.nearness)
        near = [miss for miss in found if miss.nearness > 0]
        if len(near) > NEAR_MAX:  # what lacks a field, whatever is in it, is told only where there is room
            near = [miss for miss in near if miss.nearness >= _LIKE]
        return near[:NEAR_MAX]

    def of(self, rule: Rule) -> Optional[Miss]:
        """Return why the line did not get this rule: what it lacks, or what a rule above it lacks; None if it did."""
        if rule.id in self._reached:
            return None
        miss = self._misses.get(rule.id)
        if miss is not None:
            return miss
        if rule.category != self._event.category:
            return Miss(rule, (Lack(CATEGORY, rule.category, self._event.category),), None, 0.0)
        above = [self.of(parent) for parent in self._rules.by_id.values() if rule in parent.children]
        known = [found for found in above if found is not None]
        return max(known, key=lambda found: found.nearness) if known else None

    def _below(self, parent: Rule, path: Tuple[RuleId, ...]) -> Iterator[Miss]:
        """Yield a miss for each rule below a parent that matched, but for the rules on the path."""
        winner: Optional[Rule] = None
        for child in parent.children:
            if winner is None and path and child.id == path[0]:
                winner = child
                yield from self._below(child, path[1:])
                continue
            lacks, held = self._lacks(child, was_tried=winner is None)
            yield Miss(child, lacks, winner, self._nearness(lacks, held, parent, winner))
            if not lacks and winner is None and child.noalert:
                self._reached.add(child.id)
                yield from self._below(child, ())

    def _lacks(self, rule: Rule, *, was_tried: bool) -> Tuple[Tuple[Lack, ...], int]:
        """Return what the rule asks and the event does not give, and how many things it does give."""
        event = self._event
        lacks = [Lack(NOT_SERVED, name) for name in sorted(rule.not_served)]
        held = 0
        for name, fits in self._questions(rule):
            if fits:
                held += 1
            else:
                lacks.append(_lack(name, rule.shown.get(name, ""), event))
        if not lacks:  # the past is asked last
            lacks.extend(self._lacks_of_past(rule, was_tried=was_tried))
        return tuple(lacks), held

    def _questions(self, rule: Rule) -> Iterator[Tuple[str, bool]]:
        event = self._event
        if rule.decoded_as is not None:
            yield "decoded_as", rule.decoded_as == event.decoder
        if rule.program is not None:
            name = "program_name_pcre2" if rule.program_is_pcre2 else "program_name"
            yield name, bool(event.program) and rule.program(event.program, lower(event.program))
        for name, asked in rule.asked.items():
            yield name, _fits(asked, event)

    def _lacks_of_past(self, rule: Rule, *, was_tried: bool) -> Iterator[Lack]:
        event, counts = self._event, rule.correlation
        for name in counts.same + counts.different if counts else ():
            if not (event.hostname or event.source if name == "hostname" else event.fields.get(name)):
                yield Lack(SAME, name)
                return
        if counts is not None:
            # What was counted may by now include this event, but not where it would have to differ from itself.
            is_counted = not counts.different and self._is_remembered(rule, counts)
            number = self._counted(rule, event) + (0 if is_counted else 1)
            if number <= counts.events:
                yield Lack(FREQUENCY, str(counts.events + 1), str(number))
        elif rule.first_seen and (was_tried or not event.first_seen):
            yield Lack(FIRST_SEEN, ", ".join(event.first_seen))
        elif rule.differs and was_tried:
            yield Lack("check_diff", "")

    def _is_remembered(self, rule: Rule, counts: Correlation) -> bool:
        """Tell whether the event is by now among those that the composite rule counts."""
        own = self._verdict.rule
        if own is None or self._verdict.alert is None:
            return False
        if counts.sid is not None:
            return counts.sid == own.id
        if counts.group is not None:
            return counts.group(own.group_text)
        fits = counts.regex is None or counts.regex(self._event.log, self._event.lowered)
        return fits and rule.category == self._event.category

    def _nearness(self, lacks: Sequence[Lack], held: int, parent: Rule, winner: Optional[Rule]) -> float:
        """Return how near a rule came, 0 for not at all.

        From 3 up are composites, by their count; from 1 up what lacks nothing, or one thing of which some is there; and
        below 1 what asks about a field, whatever is in it, right below the line's rule.
        """
        final = self._verdict.rule
        if not lacks:
            return 1.0 if winner is not None and winner is final else 0.0
        lack = lacks[0]
        if lack.element in {FREQUENCY, SAME}:
            return 3.0 + (int(lack.has) / int(lack.asks) if lack.has else 0.0)
        if len(lacks) > 1 or lack.element == NOT_SERVED:
            return 0.0
        if lack.likeness > (_LIKE if final is not None else _LIKE_AT_ALL):
            return 1.0 + lack.likeness + (0.5 if held else 0.0) + (0.5 if parent is final else 0.0)
        if lack.element in _NAMES:
            return 1.0 if held else 0.0
        return 0.1 + lack.likeness / 10 if parent is final and lack.element not in OF_MESSAGE else 0.0


def untaken(decoders: Decoders, event: Event) -> Untaken:
    """Return which decoders were tried for an event that none took."""
    return Untaken(event.program, tuple(decoders.tried_for(event.program)))


def _fits(asked: Asked, event: Event) -> bool:
    if asked.texts and not any(text in event.lowered for text in asked.texts):
        return False
    return asked.condition is None or asked.condition(event)


def _value(event: Event, element: str) -> Optional[str]:
    """Return what the event has where `element` looks, None when that is nothing or the whole message."""
    name = element.removesuffix("_pcre2")
    if name in OF_MESSAGE:
        return None
    if name in _VALUES:
        return _VALUES[name](event) or None
    return event.fields.get(name)


def _local(event: Event) -> datetime:
    return datetime.fromtimestamp(event.time_s)  # noqa: DTZ006 (rules speak of local time)


_VALUES: Dict[str, Callable[[Event], Optional[str]]] = {
    "decoded_as": lambda event: event.decoder,
    "program_name": lambda event: event.program,
    "hostname": lambda event: event.hostname,
    "user": lambda event: event.fields.get("user", event.fields.get("srcuser")),
    MAXSIZE: lambda event: str(size_of(event)),
    "time": lambda event: _local(event).strftime("%H:%M"),
    "weekday": lambda event: _local(event).strftime("%A").lower(),
}


def _lack(element: str, asks: str, event: Event) -> Lack:
    """Return what is missing, with the alternative of the pattern of which most is there."""
    has = _value(event, element)
    alternatives = [asks] if "(" in asks or element not in _PATTERNED else asks.split("|")
    likeness, nearest = max(
        ((_likeness(element, text, has, event), text) for text in alternatives), key=lambda one: one[0]
    )
    return Lack(element, asks, has, nearest, likeness)


def _likeness(element: str, asks: str, has: Optional[str], event: Event) -> float:
    """Return how much of what is asked is there, 0 to 1."""
    asks = asks.lower()
    if element in OF_MESSAGE:
        words = set(_WORD.findall(event.lowered))
        asked = _WORD.findall(_CLASS.sub(" ", asks))
        return sum(word in words for word in asked) / len(asked) if asked else 0.0
    if element in _NAMES:  # a decoder that bears the program's name was meant to take the line
        return float(asks.strip("^$") in re.split(r"\W+", event.program.lower()))
    if not has or element not in _PATTERNED:
        return 0.0
    text = asks.strip("^$")[:_COMPARED_CHARS_MAX]
    return SequenceMatcher(None, text, has.lower()[:_COMPARED_CHARS_MAX], autojunk=False).ratio()
