"""Remembers what was seen before: keys (fts.c), keys that a rule told others to ignore, last messages (dodiff.c).

All live in memory alone, so that after a start everything is seen for the first time again. OSSEC writes them to disk.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Deque, Dict, Optional, Tuple

from ar.detect.event import Event, brief, room_of
from ar.model import RuleId

KEYS_MAX = 20_000  # of each kind; the oldest is forgotten
MESSAGES_BYTES_MAX = 4 * 1024 * 1024  # of all last messages together; that of the host unheard of for longest goes
_IN_KEY = ("id", "user", "srcuser", "srcip", "dstip", "extra_data", "system_name", "location")  # after the name
_IDS_KEYS = 32  # an intrusion detector's keys are held against so many of the last ones
_IDS_ALIKE = 2  # with more than so many alike, they are taken for one
_IDS_PREFIX = 14  # alike is what shares more than so many characters


class Seen:
    """What was seen before."""

    def __init__(self, bounds_hit: Dict[str, int]) -> None:
        self._bounds_hit = bounds_hit
        self._first: OrderedDict[str, None] = OrderedDict()
        self._ignored: OrderedDict[str, None] = OrderedDict()
        self._of_ids: Deque[str] = deque(maxlen=_IDS_KEYS)
        self._messages: OrderedDict[Tuple[RuleId, str], str] = OrderedDict()
        self._bytes = 0

    def is_first(self, event: Event) -> bool:
        """Tell whether the fields that the event's decoder names are seen for the first time, and remember them."""
        if not event.first_seen:
            return False
        key = " ".join([event.decoder, *(_value(event, name) if name in event.first_seen else "" for name in _IN_KEY)])
        if key in self._first:
            return False
        if event.category == "ids":
            alike = sum(key[: _IDS_PREFIX + 1] == earlier[: _IDS_PREFIX + 1] for earlier in self._of_ids)
            if alike > _IDS_ALIKE:
                key = key[:_IDS_PREFIX]
            self._of_ids.append(key)
        return self._add(self._first, key)

    def ignore(self, event: Event, names: Tuple[str, ...]) -> None:
        """From now on ignore events that hold the same in these fields."""
        self._add(self._ignored, _key(event, names))

    def is_ignored(self, event: Event, names: Tuple[str, ...]) -> bool:
        return _key(event, names) in self._ignored

    def changed_from(self, rule: RuleId, event: Event) -> Optional[Tuple[str, str]]:
        """Keep the event's message as the last one of its host, or of its file where the line names no host.

        Return a title and the former one, as they follow an alert, when that was another; None when it was the
        same, and when there was none.
        """
        key = (rule, event.hostname or event.source)
        before = self._messages.pop(key, None)
        self._messages[key] = event.log
        self._bytes += room_of(event.log) - (room_of(before) if before is not None else 0)
        while self._bytes > MESSAGES_BYTES_MAX or len(self._messages) > KEYS_MAX:
            self._count("last_messages")
            self._bytes -= room_of(self._messages.popitem(last=False)[1])
        return None if before is None or before == event.log else ("Previous output:", before)

    def forget(self) -> None:
        self._first.clear()
        self._ignored.clear()
        self._of_ids.clear()
        self._messages.clear()
        self._bytes = 0

    def carry_over(self, old: Seen) -> None:
        self._first.update(old._first)
        self._ignored.update(old._ignored)
        self._of_ids.extend(old._of_ids)
        self._messages.update(old._messages)
        self._bytes = sum(map(room_of, self._messages.values()))

    def _add(self, keys: OrderedDict[str, None], key: str) -> bool:
        if key in keys:
            return False
        if len(keys) >= KEYS_MAX:
            self._count("seen_keys")
            keys.popitem(last=False)
        keys[key] = None
        return True

    def _count(self, bound: str) -> None:
        self._bounds_hit[bound] = self._bounds_hit.get(bound, 0) + 1


def _key(event: Event, names: Tuple[str, ...]) -> str:
    return " ".join(f"{name}={_value(event, name)}" for name in names)


def _value(event: Event, name: str) -> str:
    if name == "name":
        return event.decoder
    return event.source if name == "location" else brief(event.fields.get(name, ""))
