"""What composite rules remember of earlier events, for each source on its own, and which sources a rule ignores.

A source is what the rule's `same_…` fields hold. Each has a bounded window; when there are too many sources, the
one unheard of for longest is forgotten, and that is counted if it still mattered.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Callable, Collection, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from ar.detect.event import BRIEF_CHARS, Event, brief, room_of
from ar.detect.rule import Correlation, Rule
from ar.model import RuleId

PREVIOUS_MAX = 11  # so many earlier lines does OSSEC add to an alert
PREVIOUS_CHARS_MAX = 1256  # and so much of each line
TEXT_BYTES_MAX = 8 * 1024 * 1024  # of all remembered lines together; beyond that only their times are kept

Values = Union[str, Tuple[str, ...]]  # of an event's fields; of a single field as it is
Key = Tuple[RuleId, Values]
Reader = Callable[[Event], Optional[Values]]


class Earlier(NamedTuple):
    """One remembered event: its time, what must differ from it, and its line."""

    time_s: float
    different: Values
    line: str


class Listener(NamedTuple):
    """A composite rule, and what of its correlation is needed for each event."""

    id: RuleId
    rule: Rule
    correlation: Correlation
    field: str  # the one field that is the source, "" where that is several or none
    events: int  # how many earlier ones it takes
    keep: int  # how many are kept: with `different_…` as many again, of which some may not count
    to_any: bool  # it counts the events of any rule
    source_of: Reader
    different_of: Optional[Reader]  # reads what must differ; None where nothing must


class Windows:
    """The remembered events of all composite rules."""

    def __init__(self, rules: Sequence[Rule], keys_max: int, bounds_hit: Dict[str, int]) -> None:
        self._keys_max = keys_max
        self._bounds_hit = bounds_hit
        self._windows: OrderedDict[Key, List[Earlier]] = OrderedDict()
        self._ignored: OrderedDict[Key, float] = OrderedDict()
        self._bytes = 0
        self._all = {rule.id: _listener(rule, rule.correlation) for rule in rules if rule.correlation is not None}
        self._listeners: Dict[RuleId, List[Listener]] = {}  # to a rule's events, by its id

    def due(self, rule: Rule, event: Event) -> Optional[Tuple[str, ...]]:
        """Return the earlier lines, newest first, when the event completes the count, which then starts over."""
        listener = self._all[rule.id]
        source = event.fields.get(listener.field) if listener.field else listener.source_of(event)
        if source is None:
            return None
        key = (rule.id, source if len(source) <= BRIEF_CHARS else brief(str(source)))
        window = self._windows.get(key)
        if window is None or len(window) < listener.events:
            return None
        since_s = event.time_s - listener.correlation.timeframe_s
        while window and window[0].time_s < since_s:
            self._bytes -= room_of(window.pop(0).line)
        counted = _counted(listener, window, event)
        if len(counted) < listener.events:
            return None
        lines = [earlier.line for earlier in counted if earlier.line]
        self._drop(key)
        event.completed += (rule.id,)
        return tuple(reversed(lines[-PREVIOUS_MAX:]))

    def counted(self, rule: Rule, event: Event) -> int:
        """Return how many earlier events the composite rule holds that count for the event; nothing is changed."""
        listener = self._all[rule.id]
        since_s = event.time_s - listener.correlation.timeframe_s
        source = listener.source_of(event)
        window = self._windows.get((rule.id, brief(source) if isinstance(source, str) else source or ()), [])
        return len(_counted(listener, [earlier for earlier in window if earlier.time_s >= since_s], event))

    def remember(self, rule: Rule, event: Event) -> None:
        """Remember the event, whose own rule is `rule`, for the composite rules that count it."""
        listeners = self._listeners.get(rule.id)
        if listeners is None:
            listeners = self._listeners[rule.id] = self._find_listeners(rule)
        if not listeners:
            return
        line = event.full_log[:PREVIOUS_CHARS_MAX]
        room = room_of(line)
        if self._bytes + room > TEXT_BYTES_MAX:
            self._count("window_text")
            line, room = "", room_of("")
        earlier: Earlier = tuple.__new__(Earlier, (event.time_s, (), line))  # the same as Earlier(…), and faster
        for listener in listeners:
            if listener.id in event.completed or (listener.to_any and not _concerns(listener, event)):
                continue
            source = event.fields.get(listener.field) if listener.field else listener.source_of(event)
            different = listener.different_of(event) if listener.different_of is not None else ()
            if source is None or source == "" or different is None:
                continue
            key = (listener.id, source if len(source) <= BRIEF_CHARS else brief(str(source)))
            window = self._windows.get(key)
            if window is None:
                window = self._open(key, event.time_s)
            else:
                self._windows.move_to_end(key)
            window.append(earlier if different == () else earlier._replace(different=different))
            self._bytes += room
            if different != ():
                self._drop_alike(window, listener.events)
            if len(window) > listener.keep:
                self._bytes -= room_of(window.pop(0).line)

    def _drop_alike(self, window: List[Earlier], events: int) -> None:
        """Drop the oldest like the newest when there are more than `events` of them: no later event can need it."""
        alike = [earlier for earlier in window if earlier.different == window[-1].different]
        if len(alike) > events:
            window.remove(alike[0])
            self._bytes -= room_of(alike[0].line)

    def _find_listeners(self, rule: Rule) -> List[Listener]:
        found = []
        for listener in self._all.values():
            correlation = listener.correlation
            in_group = correlation.group is not None and correlation.group(rule.group_text)
            if listener.to_any or in_group or correlation.sid == rule.id:
                found.append(listener)
        return found

    def _open(self, key: Key, now_s: float) -> List[Earlier]:
        if len(self._windows) >= self._keys_max:
            self._evict(now_s)
        window = self._windows[key] = []
        return window

    def _evict(self, now_s: float) -> None:
        oldest = next(iter(self._windows))
        window = self._windows[oldest]
        if window and window[-1].time_s >= now_s - self._all[oldest[0]].correlation.timeframe_s:
            self._count("window_keys")
        self._drop(oldest)

    def _drop(self, key: Key) -> None:
        for earlier in self._windows.pop(key):
            self._bytes -= room_of(earlier.line)

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
        self._ignored[key] = until_s if silent and until_s is not None else event.time_s + rule.ignore_s
        return silent

    def forget(self) -> None:
        """Forget all events and silences."""
        self._windows.clear()
        self._ignored.clear()
        self._bytes = 0

    def carry_over(self, old: Windows, kept: Collection[int]) -> None:
        """Take over what `old` remembers for the rules in `kept`, whose events are counted as before."""
        for key, window in old._windows.items():
            if key[0] in kept:
                self._windows[key] = list(window)
                self._bytes += sum(room_of(earlier.line) for earlier in window)
        self._ignored.update((key, until_s) for key, until_s in old._ignored.items() if key[0] in kept)

    def _count(self, bound: str) -> None:
        self._bounds_hit[bound] = self._bounds_hit.get(bound, 0) + 1


def _all_differ(earlier: Values, now: Values) -> bool:
    if isinstance(now, str):
        return earlier != now
    return all(before != after for before, after in zip(earlier, now))


def _listener(rule: Rule, correlation: Correlation) -> Listener:
    events, different = correlation.events, correlation.different
    to_any = correlation.sid is None and correlation.group is None
    different_of = _reader(different) if different else None
    keep = events * 2 if different else events
    same = correlation.same
    field = same[0] if len(same) == 1 and same[0] != "hostname" and not to_any else ""
    source_of = _reader_with_category(same) if to_any else _reader(same)
    return Listener(rule.id, rule, correlation, field, events, keep, to_any, source_of, different_of)


def _counted(listener: Listener, window: Collection[Earlier], event: Event) -> Collection[Earlier]:
    """Return those of the earlier events that count for this one."""
    if listener.different_of is None:
        return window
    different = listener.different_of(event)
    if different is None:
        return ()
    return [earlier for earlier in window if _all_differ(earlier.different, different)]


def _concerns(listener: Listener, event: Event) -> bool:
    """Tell whether a composite rule that counts events of any rule counts this one."""
    regex = listener.correlation.regex
    return regex is None or regex(event.log, event.lowered)


def _reader(names: Tuple[str, ...]) -> Reader:
    """Return a function that reads these fields of an event, or None when it lacks one of them."""
    if not names:
        return lambda event: ()  # noqa: ARG005 (a reader of no field)
    if len(names) == 1 and names[0] != "hostname":
        only = names[0]
        return lambda event: brief(event.fields.get(only, "")) or None

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
