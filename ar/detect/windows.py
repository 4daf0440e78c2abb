"""What composite rules remember of earlier events, for each source on its own, and which sources a rule ignores.

A source is what the rule's `same_…` fields hold. Each has a bounded window; when there are too many sources, the
one unheard of for longest is forgotten, and that is counted if it still mattered.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Collection, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ar.detect.event import Event
from ar.detect.rule import Correlation, Rule

PREVIOUS_MAX = 11  # so many earlier lines does OSSEC add to an alert
PREVIOUS_CHARS_MAX = 1256  # and so much of each line
TEXT_CHARS_MAX = 64 * 1024 * 1024  # of all remembered lines together; beyond that only their times are kept

Source = Tuple[str, ...]
Key = Tuple[int, Source]


class Earlier(NamedTuple):
    """One remembered event: its time, what must differ from it, and its line."""

    time_s: float
    different: Source
    line: str


class Windows:
    """The remembered events of all composite rules."""

    def __init__(self, rules: Sequence[Rule], keys_max: int, bounds_hit: Dict[str, int]) -> None:
        self._keys_max = keys_max
        self._bounds_hit = bounds_hit
        self._windows: OrderedDict[Key, Deque[Earlier]] = OrderedDict()
        self._ignored: OrderedDict[Key, float] = OrderedDict()
        self._chars = 0
        self._all = [(rule, rule.correlation) for rule in rules if rule.correlation is not None]
        self._timeframes_s = {rule.id: correlation.timeframe_s for rule, correlation in self._all}
        self._listeners: Dict[int, List[Tuple[Rule, Correlation, bool]]] = {}  # to a rule's events, by its id

    def due(self, rule: Rule, correlation: Correlation, event: Event) -> Optional[Tuple[str, ...]]:
        """Return the earlier lines, newest first, when the event completes the count, which then starts over."""
        source = _values(event, correlation.same)
        different = _values(event, correlation.different)
        if source is None or different is None:
            return None
        key = (rule.id, source)
        window = self._windows.get(key)
        if window is None or len(window) < correlation.events:
            return None
        since_s = event.time_s - correlation.timeframe_s
        while window and window[0].time_s < since_s:
            self._chars -= len(window.popleft().line)
        counted: Collection[Earlier] = window
        if different:
            counted = [earlier for earlier in window if _all_differ(earlier.different, different)]
        if len(counted) < correlation.events:
            return None
        lines = [earlier.line for earlier in counted if earlier.line]
        self._drop(key)
        return tuple(reversed(lines[-PREVIOUS_MAX:]))

    def remember(self, rule: Rule, event: Event) -> None:
        """Remember the event, whose own rule is `rule`, for the composite rules that count it."""
        listeners = self._listeners.get(rule.id)
        if listeners is None:
            listeners = self._listeners[rule.id] = self._find_listeners(rule)
        for listener, correlation, to_any in listeners:
            if not to_any or (
                listener.category == event.category
                and (correlation.regex is None or correlation.regex(event.log, event.lowered))
            ):
                self._add(listener, correlation, event)

    def _find_listeners(self, rule: Rule) -> List[Tuple[Rule, Correlation, bool]]:
        found = []
        for listener, correlation in self._all:
            to_any = correlation.sid is None and correlation.group is None
            in_group = correlation.group is not None and correlation.group(rule.group_text)
            if to_any or in_group or correlation.sid == rule.id:
                found.append((listener, correlation, to_any))
        return found

    def _add(self, rule: Rule, correlation: Correlation, event: Event) -> None:
        source = _values(event, correlation.same)
        different = _values(event, correlation.different)
        if source is None or different is None:
            return
        key = (rule.id, source)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= self._keys_max:
                self._evict(event.time_s)
            window = self._windows[key] = deque()
        else:
            self._windows.move_to_end(key)
        line = event.full_log[:PREVIOUS_CHARS_MAX]
        if self._chars + len(line) > TEXT_CHARS_MAX:
            self._count("window_text")
            line = ""
        self._chars += len(line)
        window.append(Earlier(event.time_s, different, line))
        self._trim(window, correlation)

    def _trim(self, window: Deque[Earlier], correlation: Correlation) -> None:
        """Drop what no later event can need: with `different_…`, `events` of each value and as many others do."""
        keep = correlation.events
        if correlation.different:
            keep *= 2
            alike = [earlier for earlier in window if earlier.different == window[-1].different]
            if len(alike) > correlation.events:
                window.remove(alike[0])
                self._chars -= len(alike[0].line)
        while len(window) > keep:
            self._chars -= len(window.popleft().line)

    def _evict(self, now_s: float) -> None:
        oldest = next(iter(self._windows))
        if self._windows[oldest][-1].time_s >= now_s - self._timeframes_s[oldest[0]]:
            self._count("window_keys")
        self._drop(oldest)

    def _drop(self, key: Key) -> None:
        for earlier in self._windows.pop(key):
            self._chars -= len(earlier.line)

    def ignores(self, rule: Rule, event: Event) -> bool:
        """Tell whether the rule is silent for the event's source; if not, it is from now on."""
        same = rule.correlation.same if rule.correlation else ()
        source = (_values(event, same) if same else None) or (event.fields.get("srcip", ""),)
        key = (rule.id, source)
        until_s = self._ignored.pop(key, None)
        silent = until_s is not None and event.time_s <= until_s
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
        self._chars = 0

    def carry_over(self, old: Windows, kept: Collection[int]) -> None:
        """Take over what `old` remembers for the rules in `kept`, whose events are counted as before."""
        for key, window in old._windows.items():
            if key[0] in kept:
                self._windows[key] = deque(window)
                self._chars += sum(len(earlier.line) for earlier in window)
        self._ignored.update((key, until_s) for key, until_s in old._ignored.items() if key[0] in kept)

    def _count(self, bound: str) -> None:
        self._bounds_hit[bound] = self._bounds_hit.get(bound, 0) + 1


def _all_differ(earlier: Source, now: Source) -> bool:
    return all(before != after for before, after in zip(earlier, now))


def _values(event: Event, names: Tuple[str, ...]) -> Optional[Source]:
    """Return the event's values of these fields, None when it lacks one. A line without a host is of its file."""
    if not names:
        return ()
    values = []
    for name in names:
        value = (event.hostname or event.source) if name == "hostname" else event.fields.get(name)
        if not value:
            return None
        values.append(value)
    return tuple(values)
