"""Decoders at work: which one knows a line, and which fields it takes out of it (decoder.c).

A decoder is tried by program name and prematch; its children then look for the form of message they know. Which
decoders can match at all depends on the program, and mostly on how the message starts, so both are remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from ar.detect.event import Event, brief
from ar.detect.finders import Finder
from ar.errors import Place
from ar.osregex import Expression
from ar.patterns.literals import lower

# Programs and starts of messages are hostile text as well; a memory that is full is started over.
PROGRAMS_MAX = 1024
STARTS_MAX = 1024
_START_CHARS = 8  # enough to tell messages of one program apart, few enough to be the same for many
_FEW = 3  # so many decoders are tried faster than looked up

FIELD_NAMES = {"dstuser": "user", "data": "extra_data", "systemname": "system_name"}  # two names of one field

# Takes fields out of an event's message from a position on.
Plugin = Callable[[Event, int], None]

# What a pattern is searched in.
WHOLE = ""
AFTER_PARENT = "after_parent"
AFTER_PREMATCH = "after_prematch"
AFTER_REGEX = "after_regex"


@dataclass(eq=False)
class Decoder:
    """One `<decoder>`; `children` are the decoders that name it as their parent, in file order."""

    name: str
    place: Place
    category: str = "syslog"
    program: Optional[Callable[[str, str], bool]] = None
    program_expression: Optional[Expression] = None  # what `program` was compiled from
    prematch: Optional[Finder] = None
    prematch_expression: Optional[Expression] = None  # what `prematch` was compiled from
    prematch_offset: str = WHOLE
    prematch_shown: str = ""  # as it is written, to be shown to people
    starts: Optional[Tuple[str, ...]] = None  # the message must start with one of these, in lower case
    expression: Optional[Expression] = None
    offset: str = WHOLE
    order: Tuple[str, ...] = ()
    plugin: Optional[Plugin] = None  # takes the fields in place of an expression
    accumulates: bool = False  # its events of one id fill in each other's fields
    reported_name: str = ""  # the parent's, unless use_own_name
    goes_on: bool = False  # a further child of the same name holds a further regex
    first_seen: Tuple[str, ...] = ()  # the fields of its `fts`
    children: List[Decoder] = field(default_factory=list)
    choice: Optional[Choice] = None  # among the children; compiled after loading

    def take_fields(self, event: Event, start: int) -> int:
        """Take the fields that this decoder's regex or plugin finds from `start` on; return where it ended, or -1."""
        expression = self.expression
        if expression is None or expression.pattern is None:
            if self.plugin is None:
                return -1
            self.plugin(event, start)
            return len(event.log)
        match = expression.pattern.search(event.log[start:] if start else event.log)
        if match is None:
            return -1
        event.take(self.order, match, start)
        return start + match.end()


class Choice:
    """Decoders in their order, of which only those are tried that the start of a message leaves possible."""

    __slots__ = ("_decoders", "_of_start")

    def __init__(self, decoders: Sequence[Decoder]) -> None:
        self._decoders = list(decoders)
        self._of_start: Dict[str, List[Decoder]] = {}

    def possible(self, lowered: str) -> List[Decoder]:
        """Return the decoders that may match a message, given in lower case."""
        if len(self._decoders) <= _FEW:
            return self._decoders
        start = lowered[:_START_CHARS]
        found = self._of_start.get(start)
        if found is None:
            if len(self._of_start) >= STARTS_MAX:
                self._of_start.clear()
            found = [decoder for decoder in self._decoders if _may_start(decoder.starts, start)]
            self._of_start[start] = found
        return found


def _may_start(starts: Optional[Tuple[str, ...]], start: str) -> bool:
    return starts is None or start.startswith(starts) or any(text.startswith(start) for text in starts)


class Decoders:
    """All decoders. Those with a program name are tried for lines that have one, the others for the rest."""

    def __init__(self) -> None:
        self.by_program: List[Decoder] = []
        self.without_program: List[Decoder] = []
        self.count = 0
        self.names: Dict[str, Decoder] = {}  # every decoder, children too, by its first bearer
        self._of_program: Dict[str, Choice] = {}
        self._choices: Dict[Tuple[Decoder, ...], Choice] = {}
        self._without = Choice(())

    def __len__(self) -> int:
        return self.count

    def compile(self) -> None:
        """Prepare for `decode`, once all are loaded."""
        self._without = Choice(self.without_program)
        for decoder in (*self.by_program, *self.without_program):
            heads = []
            goes_on = False
            for child in decoder.children:
                if not goes_on:  # the further regexes of a child are passed over with it
                    heads.append(child)
                goes_on = child.goes_on
            decoder.choice = Choice(heads) if heads else None

    def decode(self, event: Event) -> None:
        """Set the event's decoder, category and fields."""
        program = event.program
        choice = (self._of_program.get(brief(program)) or self._of(program)) if program else self._without
        log, lowered = event.log, event.lowered
        for decoder in choice.possible(lowered):
            end = 0
            if decoder.prematch is not None:
                end = decoder.prematch(log, lowered, 0)
                if end < 0:
                    continue
            _take(event, decoder, decoder)
            if decoder.choice is not None:
                _decode_with_child(event, decoder, decoder.choice, end)
            elif decoder.expression is not None or decoder.plugin is not None:
                decoder.take_fields(event, end if decoder.offset else 0)
            return

    def tried_for(self, program: str) -> List[Decoder]:
        """Return the decoders that are tried for a line of this program, or for one that names none."""
        if not program:
            return self.without_program
        lowered = lower(program)
        return [decoder for decoder in self.by_program if decoder.program and decoder.program(program, lowered)]

    def _of(self, program: str) -> Choice:
        if len(self._of_program) >= PROGRAMS_MAX:
            self._of_program.clear()
            self._choices.clear()
        tried = tuple(self.tried_for(program))
        choice = self._choices.get(tried)  # most programs have the same
        if choice is None:
            choice = self._choices[tried] = Choice(tried)
        self._of_program[brief(program)] = choice
        return choice


def _take(event: Event, parent: Decoder, decoder: Decoder) -> None:
    event.decoder = decoder.reported_name or parent.name
    event.category = decoder.category
    event.first_seen = decoder.first_seen
    event.accumulates = decoder.accumulates


def _decode_with_child(event: Event, parent: Decoder, choice: Choice, parent_end: int) -> None:
    """Choose the first child whose prematch fits, or which has none, and take the fields it knows."""
    log, lowered = event.log, event.lowered
    for child in choice.possible(lowered):
        end = parent_end
        if child.prematch is not None:
            end = child.prematch(log, lowered, parent_end if child.prematch_offset else 0)
            if end < 0:
                continue
            _take(event, parent, child)
        if child.goes_on:
            _take_fields_in_turn(event, parent, child, parent_end, end)
        elif child.take_fields(event, _start(child, parent_end, end, -1)) >= 0 and child.prematch is None:
            _take(event, parent, child)
        return


def _take_fields_in_turn(event: Event, parent: Decoder, first: Decoder, parent_end: int, prematch_end: int) -> None:
    """Run the regex of `first`, and those of the further children that bear its name."""
    previous_end = -1
    for child in parent.children[parent.children.index(first) :]:
        previous_end = child.take_fields(event, _start(child, parent_end, prematch_end, previous_end))
        if previous_end >= 0:
            _take(event, parent, child)
        if not child.goes_on:
            return


def _start(decoder: Decoder, parent_end: int, prematch_end: int, previous_end: int) -> int:
    """Return where the decoder's regex is searched from."""
    if decoder.offset == AFTER_PARENT:
        return parent_end
    if decoder.offset == AFTER_PREMATCH:
        return prematch_end
    if decoder.offset == AFTER_REGEX:
        return previous_end if previous_end >= 0 else prematch_end
    return 0
