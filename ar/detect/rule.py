"""Rules at work: what a rule asks of an event, and the tree in which rules are tried (rules_list.c)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ar.detect.event import FORWARDED, FORWARDED_RULE, Event, brief
from ar.errors import Place
from ar.osregex import Expression
from ar.patterns.literals import lower

CANDIDATES_MAX = 1024  # pairs of decoder and program remembered for each rule; a full memory is started over

Condition = Callable[[Event], bool]


class Asked(NamedTuple):
    """What one element asks: a condition, and texts of which one must stand in the message (() if none is known).

    `condition` is None when the texts are all there is to it. `steady` says that the answer is the same for all
    lines of one shape (ar/detect/shapes.py); if not, `possible` may tell of a shape that none of its lines fits.
    One of `literals` (if any are known) stands in every fitting message, and more may be asked.
    `counts_digits` tells of a skeleton (ar/detect/skeletons.py) whether its shapes may get different answers.
    """

    condition: Optional[Condition] = None
    texts: Tuple[str, ...] = ()
    steady: bool = False
    possible: Optional[Condition] = None
    literals: Tuple[str, ...] = ()
    counts_digits: Condition = lambda _event: True


@dataclass(frozen=True)
class Correlation:
    """Which earlier events a composite rule counts, and which of their fields must be the same or different.

    An earlier event counts when its own rule is `sid`, or is in a group that `group` fits, or, when both are
    None, when its message fits `regex` (None: any message, as in a rule that has nothing but `same_…`) and its decoder
    is of this one's category.
    """

    events: int  # how many earlier events it takes; the current one comes on top
    timeframe_s: int
    target: str  # the sid, group or regex as it is written, to tell whether a reload changed it
    sid: Optional[int] = None
    group: Optional[Callable[[str], bool]] = None
    regex: Optional[Callable[[str, str], bool]] = None
    same: Tuple[str, ...] = ()
    different: Tuple[str, ...] = ()


@dataclass(eq=False)
class Rule:
    """One `<rule>`. What it asks is in `asked`, by element; `arrange` makes of it what the loop over rules needs."""

    id: int
    level: int
    groups: Tuple[str, ...]
    group_text: str  # as OSSEC joins it
    description: str
    place: Place
    category: str = "syslog"
    noalert: bool = False
    no_ar: bool = False
    no_log: bool = False
    ignore_s: int = 0
    accurate: bool = True
    decoded_as: Optional[str] = None
    program: Optional[Callable[[str, str], bool]] = None
    program_is_pcre2: bool = False
    program_expression: Optional[Expression] = None  # what `program` was compiled from
    asked: Dict[str, Asked] = field(default_factory=dict)
    correlation: Optional[Correlation] = None
    first_seen: bool = False  # it asks that the fields named by the decoder are seen for the first time
    differs: bool = False  # it asks that the message is another one than the last of its host
    ignored_by: Tuple[str, ...] = ()  # silent when a rule put these fields' values on the list of ignored ones
    ignores: Tuple[str, ...] = ()  # puts these fields' values on that list
    not_served: FrozenSet[str] = frozenset()  # elements that ask what cannot be answered: the rule never matches
    shown: Mapping[str, str] = field(default_factory=dict)  # what stands in its elements, to be shown to people
    children: List[Rule] = field(default_factory=list)
    in_order: Tuple[Asked, ...] = ()  # what is asked, in OSSEC's order
    late: Tuple[Optional[Condition], ...] = ()  # conditions that are asked after what asks about the past
    conditions: Tuple[Condition, ...] = ()
    guards: Tuple[str, ...] = ()  # one of these must stand in the message, in lower case; () if none is known
    _asks_program: Optional[bool] = None
    _candidate: Optional[Candidate] = None
    _candidates: Dict[Tuple[str, str], Tuple[Candidate, ...]] = field(default_factory=dict)
    _subsets: Dict[Tuple[Candidate, ...], Tuple[Candidate, ...]] = field(default_factory=dict)

    @property
    def order(self) -> int:
        """The sort key among siblings: a level of 0 is tried first, an inaccurate rule last."""
        level = self.level or 99
        return -level * 100 if self.accurate else -level

    def arrange(self, order: Tuple[str, ...]) -> None:
        """Make conditions and guards of what is asked, in `order`; asking has no effect, so guards may go first."""
        conditions = []
        self.guards = ()
        # What remembers that it was asked comes before lists, so these wait for it.
        late = {"list"} if self.differs or self.first_seen else set()
        self.in_order = tuple(self.asked[name] for name in order if name in self.asked.keys() - late)
        self.late = tuple(self.asked[name].condition for name in sorted(late & self.asked.keys()))
        for asked in self.in_order:
            if asked.texts and not self.guards:
                self.guards = asked.texts
                if asked.condition is not None:
                    conditions.append(asked.condition)
            else:
                conditions.append(asked.condition or any_of(asked.texts))
        self.conditions = tuple(conditions)

    def adopt(self, child: Rule) -> None:
        """Put `child` among the children: a higher level earlier, equal levels in the order they are read."""
        if child in self.children:
            return
        later = (at for at, other in enumerate(self.children) if other.order > child.order)
        self.children.insert(next(later, len(self.children)), child)

    @property
    def matters(self) -> bool:
        """Whether matching it can lead to an alert or leave something to remember."""
        return self.level > 0 or self.recalls

    @property
    def recalls(self) -> bool:
        """Whether the rule asks about the past."""
        return self.first_seen or self.differs or self.correlation is not None

    def candidates(self, event: Event) -> Tuple[Candidate, ...]:
        """Return the children that the event's decoder and program leave, in order."""
        program = event.program if self._program_counts() else ""
        key = (event.decoder, brief(program))
        found = self._candidates.get(key)
        if found is None:
            if len(self._candidates) >= CANDIDATES_MAX:
                self._candidates.clear()
                self._subsets.clear()
            lowered = lower(program)
            seeing = [child for child in self.children if child.may_see(event.decoder, program, lowered)]
            found = tuple(child._as_candidate() for child in seeing)  # noqa: SLF001 (of the same class)
            found = self._candidates[key] = self._subsets.setdefault(found, found)  # many programs leave the same
        return found

    def _program_counts(self) -> bool:
        """Tell whether the program has a say in which children are left."""
        if self._asks_program is None:
            self._asks_program = any(child.program is not None for child in self.children)
        return self._asks_program

    def _as_candidate(self) -> Candidate:
        if self._candidate is None:
            below = None if self.children else ()
            self._candidate = Candidate(self.guards, self.conditions, self.recalls, self, below)
        return self._candidate

    def may_see(self, decoder: str, program: str, lowered: str) -> bool:
        """Tell whether an event of this decoder and program can match at all."""
        if self.not_served or (self.decoded_as is not None and self.decoded_as != decoder):
            return False
        return self.program is None or (bool(program) and self.program(program, lowered))


class Candidate(NamedTuple):
    """What the loop over siblings needs, at hand; `below` are the rule's children, None: yet to be chosen."""

    guards: Tuple[str, ...]
    conditions: Tuple[Condition, ...]
    recalls: bool
    rule: Rule
    below: Optional[Tuple[Candidate, ...]]


def any_of(texts: Tuple[str, ...]) -> Condition:
    """Ask that one of the texts stands in the message."""
    return lambda event: any(text in event.lowered for text in texts)


class Rules:
    """All rules, by id, and the roots that an event's category leads to."""

    def __init__(self) -> None:
        self.by_id: Dict[int, Rule] = {}
        self.roots: Dict[str, Rule] = {}  # one for each category, with what was read as a root under it

    def __len__(self) -> int:
        return len(self.by_id)

    def candidates(self, event: Event) -> Tuple[Candidate, ...]:
        """Return the rules right below the root of the event's category that its decoder and program leave.

        An alert that another OSSEC sent has a category of its own, and the rule that it had there.
        """
        root = self.roots.get(event.category)
        if root is not None:
            return root.candidates(event)
        sent = self.by_id.get(int(event.fields.get(FORWARDED_RULE, 0))) if event.category == FORWARDED else None
        return () if sent is None else (Candidate((), (), recalls=False, rule=sent, below=()),)

    def composites(self) -> List[Rule]:
        """Return the rules that count earlier events."""
        return [rule for rule in self.by_id.values() if rule.correlation is not None and not rule.not_served]
