"""What composite rules remember of earlier events, for each source on its own, and which sources a rule ignores.

A source is what the rule's `same_…` fields hold. Each has a bounded window; when there are too many sources, the
one unheard of for longest is forgotten, and that is counted if it still mattered.

Lengths of time are those between whole seconds, as in OSSEC; the last second of a timeframe belongs to it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import AbstractSet, Callable, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ar.detect.event import BRIEF_CHARS, Event, brief, room_of
from ar.detect.rule import Candidate, Correlation, Rule
from ar.model import RuleId

PREVIOUS_MAX = 11  # so many earlier lines does OSSEC add to an alert
PREVIOUS_CHARS_MAX = 1256  # and so much of each line
TEXT_BYTES_MAX = 8 * 1024 * 1024  # of all remembered lines together; beyond that only their times are kept

Values = Union[str, Tuple[str, ...]]  # of an event's fields; of a single field as it is
Reader = Callable[[Event], Optional[Values]]


class Earlier(NamedTuple):
    """One remembered event: its time, what must differ from it, its line, and how much memory that takes."""

    time_s: float
    different: Values
    line: str
    room: int


Window = List[Earlier]
_NONE: Window = []  # where there is none


class Listener(NamedTuple):
    """A composite rule with its windows, and what of its correlation is needed for each event."""

    id: RuleId
    is_plain: bool  # the source is one field, or all events have the same, and nothing else is asked of an event
    field: str  # that one field; "" where it is none
    keep: int  # how many events are kept: with `different_…` twice as many as count, of which some may not
    windows: OrderedDict[Values, Window]  # by source; the one unheard of for longest comes first
    correlation: Correlation
    to_any: bool  # it counts the events of any rule
    source_of: Reader
    different_of: Optional[Reader]  # reads what must differ; None where nothing must


class Way(NamedTuple):
    """A listener of which nothing but one field is to be asked."""

    field: str
    listener: Listener


class Awaited(NamedTuple):
    """A listener that may be due, with how many events at the least, and what follows when it is.

    Where that is None, whoever finds it so full has to find out in another way.
    """

    field: str
    windows: OrderedDict[Values, Window]
    full_at: int
    listener: Listener
    then: Optional[Straight]


class Straight(NamedTuple):
    """A rule of whose events it is enough to know the fields: who is asked first, and who listens."""

    rule: Rule
    awaited: Tuple[Awaited, ...]
    ways: Tuple[Way, ...]


class Windows:
    """The remembered events of all composite rules."""

    def __init__(self, rules: Sequence[Rule], keys_max: int, bounds_hit: Dict[str, int]) -> None:
        self._keys_max = keys_max
        self._bounds_hit = bounds_hit
        self._keys = 0  # of all listeners together
        self._bytes = 0
        self._ignored: OrderedDict[Tuple[RuleId, Values], float] = OrderedDict()
        self._all = {rule.id: _listener(rule, rule.correlation) for rule in rules if rule.correlation is not None}
        self._listeners: Dict[RuleId, List[Listener]] = {}  # to a rule's events, by its id

    def straight_to(
        self, rule: Rule, composites: Sequence[Candidate], completed: Tuple[RuleId, ...] = ()
    ) -> Optional[Straight]:
        """Return what it takes to give events to `note` that get the rule, unless one of the composite rules is due.

        Those that are `completed` by then do not count such an event. None where more is to be asked of it.
        """
        listeners = [listener for listener in self._to(rule) if listener.id not in completed]
        asks_more = rule.ignore_s or rule.ignores or rule.ignored_by or not rule.level
        if asks_more or not all(listener.is_plain for listener in listeners):
            return None
        if not all(_asks_one_count(each) and self._all[each.rule.id].is_plain for each in composites):
            return None
        awaited = tuple(self._awaited(composite, completed) for composite in composites)
        return Straight(rule, awaited, tuple(Way(each.field, each) for each in listeners))

    def _awaited(self, composite: Candidate, completed: Tuple[RuleId, ...]) -> Awaited:
        rule, below = composite.rule, composite.below or ()
        listener = self._all[rule.id]
        then = None if rule.noalert else self.straight_to(rule, below, (*completed, rule.id))
        if then is not None and any(further.then is None for further in then.awaited):
            then = None
        return Awaited(listener.field, listener.windows, listener.correlation.events, listener, then)

    def note(
        self, straight: Straight, fields: Mapping[str, str], time_s: float, line: str
    ) -> Optional[Tuple[Rule, Tuple[str, ...]]]:
        """Remember a line of the straight way's rule, and return the rule that it gets, with the lines that counted.

        None, with nothing changed, when that is to be found out in another way.
        """
        rule, awaited, ways = straight
        previous: Tuple[str, ...] = ()
        field: Optional[str] = None  # the one that `source` is of: most listeners ask for the same
        source: Optional[Values] = None
        at = 0
        while at < len(awaited):
            asked, windows, full_at, listener, then = awaited[at]
            at += 1
            if asked != field:
                field, source = asked, _plain_source(asked, fields)
            window = windows.get(source, _NONE) if source is not None else _NONE
            if source is None or len(window) < full_at:
                continue
            if then is None:
                return None
            counted = self._completed(listener, source, window, time_s)
            if counted is not None:
                rule, awaited, ways = then
                previous = counted or previous
                at = 0
        earlier: Optional[Earlier] = None
        for asked, listener in ways:
            if asked != field:
                field, source = asked, _plain_source(asked, fields)
            if source is None:
                continue
            if earlier is None:
                earlier = self._earlier(time_s, line)
            self._append(listener, source, earlier)
        return rule, previous

    def due(self, rule: Rule, event: Event) -> Optional[Tuple[str, ...]]:
        """Return the earlier lines, newest first, when the event completes the count, which then starts over."""
        listener = self._all[rule.id]
        source = listener.source_of(event)
        window = listener.windows.get(source, _NONE) if source is not None else _NONE
        if source is None or len(window) < listener.correlation.events:
            return None
        previous = self._completed(listener, source, window, event.time_s, event)
        if previous is not None:
            event.completed += (rule.id,)
        return previous

    def _completed(
        self, listener: Listener, source: Values, window: Window, time_s: float, event: Optional[Event] = None
    ) -> Optional[Tuple[str, ...]]:
        """Return the lines of a window that an event completes, newest first; a plain listener needs its time alone."""
        since_s = int(time_s) - listener.correlation.timeframe_s
        while window and window[0].time_s < since_s:
            self._bytes -= window.pop(0).room
        counted: Collection[Earlier] = window if event is None else _counted(listener, window, event)
        if len(counted) < listener.correlation.events:
            return None
        lines = [earlier.line for earlier in counted if earlier.line]
        self._drop(listener, source)
        return tuple(reversed(lines[-PREVIOUS_MAX:]))

    def counted(self, rule: Rule, event: Event) -> int:
        """Return how many earlier events the composite rule holds that count for the event; nothing is changed."""
        listener = self._all[rule.id]
        since_s = int(event.time_s) - listener.correlation.timeframe_s
        source = listener.source_of(event)
        window = listener.windows.get(source, ()) if source is not None else ()
        return len(_counted(listener, [earlier for earlier in window if earlier.time_s >= since_s], event))

    def remember(self, rule: Rule, event: Event) -> None:
        """Remember the event, whose own rule is `rule`, for the composite rules that count it."""
        listeners = self._to(rule)
        if not listeners:
            return
        earlier: Optional[Earlier] = None
        fields, completed = event.fields, event.completed
        for listener in listeners:
            if completed and listener.id in completed:
                continue
            different: Optional[Values] = ()
            if listener.is_plain:  # as nearly every composite rule is
                source = _plain_source(listener.field, fields)
            else:
                if listener.to_any and not _concerns(listener.correlation, event):
                    continue
                source = listener.source_of(event)
                if listener.different_of is not None:
                    different = listener.different_of(event)
            if source is None or different is None:
                continue
            if earlier is None:
                earlier = self._earlier(event.time_s, event.full_log)
            self._append(listener, source, earlier._replace(different=different) if different else earlier)

    def _append(self, listener: Listener, source: Values, earlier: Earlier) -> None:
        windows = listener.windows
        window = windows.get(source)
        if window is None:
            window = self._open(listener, source, earlier.time_s)
        else:
            windows.move_to_end(source)
        window.append(earlier)
        self._bytes += earlier.room
        if earlier.different:
            self._drop_alike(window, listener.correlation.events)
        if len(window) > listener.keep:
            self._bytes -= window.pop(0).room

    def _earlier(self, time_s: float, line: str) -> Earlier:
        line = line[:PREVIOUS_CHARS_MAX]
        room = room_of(line)
        if self._bytes + room > TEXT_BYTES_MAX:
            self._count("window_text")
            line, room = "", room_of("")
        return tuple.__new__(Earlier, (time_s, (), line, room))  # the same as Earlier(…), and faster

    def _drop_alike(self, window: Window, events: int) -> None:
        """Drop the oldest like the newest when there are more than `events` of them: no later event can need it."""
        alike = [earlier for earlier in window if earlier.different == window[-1].different]
        if len(alike) > events:
            window.remove(alike[0])
            self._bytes -= alike[0].room

    def _to(self, rule: Rule) -> List[Listener]:
        """Return who listens to the rule's events."""
        found = self._listeners.get(rule.id)
        if found is None:
            found = self._listeners[rule.id] = []
            for listener in self._all.values():
                correlation = listener.correlation
                in_group = correlation.group is not None and correlation.group(rule.group_text)
                if listener.to_any or in_group or correlation.sid == rule.id:
                    found.append(listener)
        return found

    def _open(self, listener: Listener, source: Values, now_s: float) -> Window:
        """Make a window; when there are too many, a source of the same rule gives way if it has any."""
        if self._keys >= self._keys_max:
            fullest = max(self._all.values(), key=lambda other: len(other.windows))
            self._evict(listener if listener.windows else fullest, now_s)
        self._keys += 1
        window = listener.windows[source] = []
        return window

    def _evict(self, listener: Listener, now_s: float) -> None:
        oldest, window = next(iter(listener.windows.items()))
        if window and window[-1].time_s >= int(now_s) - listener.correlation.timeframe_s:
            self._count("window_keys")
        self._drop(listener, oldest)

    def _drop(self, listener: Listener, source: Values) -> None:
        window = listener.windows.pop(source)
        self._keys -= 1
        self._bytes -= sum([earlier.room for earlier in window])

    def ignores(self, rule: Rule, event: Event) -> bool:
        """Tell whether the rule is silent for the event's source; if not, it is from now on."""
        same = rule.correlation.same if rule.correlation else ()
        source = (_reader(same)(event) if same else None) or brief(event.fields.get("srcip", ""))
        key = (rule.id, source)
        until_s = self._ignored.pop(key, None)
        silent = until_s is not None and event.time_s < until_s
        if len(self._ignored) >= self._keys_max:
            _, oldest_until_s = self._ignored.popitem(last=False)
            if oldest_until_s >= event.time_s:
                self._count("ignored_keys")
        self._ignored[key] = until_s if silent and until_s is not None else int(event.time_s) + rule.ignore_s
        return silent

    def forget(self) -> None:
        """Forget all events and silences."""
        for listener in self._all.values():
            listener.windows.clear()
        self._ignored.clear()
        self._keys = self._bytes = 0

    def carry_over(self, old: Windows, kept: AbstractSet[int]) -> None:
        """Take over what `old` remembers for the rules in `kept`, whose events are counted as before."""
        for number in kept & old._all.keys():
            for source, window in old._all[number].windows.items():
                self._all[number].windows[source] = list(window)
                self._keys += 1
                self._bytes += sum(earlier.room for earlier in window)
        self._ignored.update((key, until_s) for key, until_s in old._ignored.items() if key[0] in kept)
        while self._keys > self._keys_max:  # it was lowered
            fullest = max(self._all.values(), key=lambda other: len(other.windows))
            self._drop(fullest, next(iter(fullest.windows)))
            self._count("window_keys")
        while len(self._ignored) > self._keys_max:
            self._ignored.popitem(last=False)
            self._count("ignored_keys")

    def _count(self, bound: str) -> None:
        self._bounds_hit[bound] = self._bounds_hit.get(bound, 0) + 1


def _asks_one_count(composite: Candidate) -> bool:
    """Tell whether all that the composite rule asks of an event is that it is due."""
    rule = composite.rule
    asks_more = composite.conditions or rule.late or rule.first_seen or rule.differs
    return rule.correlation is not None and not asks_more


def _all_differ(earlier: Values, now: Values) -> bool:
    if isinstance(now, str):
        return earlier != now
    return all(before != after for before, after in zip(earlier, now))


def _listener(rule: Rule, correlation: Correlation) -> Listener:
    same = correlation.same
    to_any = correlation.sid is None and correlation.group is None
    different_of = _reader(correlation.different) if correlation.different else None
    keep = correlation.events * (1 if different_of is None else 2)
    is_plain = len(same) < 2 and "hostname" not in same and not to_any and different_of is None
    field = same[0] if is_plain and same else ""
    source_of = _reader_with_category(same) if to_any else _reader(same)
    return Listener(rule.id, is_plain, field, keep, OrderedDict(), correlation, to_any, source_of, different_of)


def _counted(listener: Listener, window: Collection[Earlier], event: Event) -> Collection[Earlier]:
    """Return those of the earlier events that count for this one."""
    if listener.different_of is None:
        return window
    different = listener.different_of(event)
    if different is None:
        return ()
    return [earlier for earlier in window if _all_differ(earlier.different, different)]


def _plain_source(field: str, fields: Mapping[str, str]) -> Optional[Values]:
    """Return the source of an event with these fields, None when it lacks the one that is asked for."""
    if not field:
        return ()
    source = fields.get(field)
    return source if source and len(source) <= BRIEF_CHARS else brief(source or "") or None


def _concerns(correlation: Correlation, event: Event) -> bool:
    """Tell whether a composite rule that counts events of any rule counts this one."""
    regex = correlation.regex
    return regex is None or regex(event.log, event.lowered)


def _reader(names: Tuple[str, ...]) -> Reader:
    """Return a function that reads these fields of an event, or None when it lacks one of them."""
    if len(names) < 2 and "hostname" not in names:
        only = names[0] if names else ""
        return lambda event: _plain_source(only, event.fields)

    def read(event: Event) -> Optional[Values]:
        values = tuple(_value(event, name) for name in names)
        return values if all(values) else None

    return read


def _reader_with_category(names: Tuple[str, ...]) -> Reader:
    """Return the same with the decoder's type: a rule that counts the events of any rule counts those of one type."""
    read_values = _reader(names)

    def read(event: Event) -> Optional[Values]:
        values = read_values(event)
        return None if values is None else (event.category, *((values,) if isinstance(values, str) else values))

    return read


def _value(event: Event, name: str) -> str:
    """Return a field; a line without a host is of its file."""
    return brief((event.hostname or event.source) if name == "hostname" else event.fields.get(name, ""))
