"""Joins events that are parts of one: what an earlier line of an id told is known to its later lines (accumulator.c).

A directory server logs who connects in one line, as whom in the next and how that ended in a third, each with the
number of the connection. A decoder with `<accumulate/>` has these lines fill in each other's fields.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Dict, NamedTuple, Optional, Tuple

from ar.detect.event import Event

EXPIRES_S = 120  # after the last line of an id it may be given to something else
KEYS_MAX = 10_000  # the id unheard of for longest is forgotten, and so it is when the fields grow too long
CHARS_MAX = 2 * 1024 * 1024  # of all remembered fields and keys together
FIELDS = ("srcip", "dstip", "srcport", "dstport", "srcuser", "user", "extra_data")

Key = Tuple[str, str, str]  # host, decoder, id


class Told(NamedTuple):
    """What the lines of one id told: when the last one came, their fields, and how much room these take."""

    time_s: float
    fields: Dict[str, str]
    chars: int


class Accumulated:
    """What was told of each id by the events of decoders that accumulate."""

    def __init__(self, bounds_hit: Dict[str, int]) -> None:
        self._bounds_hit = bounds_hit
        self._told: OrderedDict[Key, Told] = OrderedDict()  # the one heard of last stands last
        self._chars = 0

    def join(self, event: Event) -> None:
        """Give the event the fields that earlier ones of its id told, and remember its own; without an id do nothing.

        A field that the event has is never replaced, and is what later ones get.
        """
        fields = event.fields
        number = fields.get("id")
        if not number:
            return
        key = (event.hostname, event.decoder, number)
        before = self._forget(key)
        if before is not None and event.time_s - before.time_s <= EXPIRES_S:
            for name, value in before.fields.items():
                if not fields.get(name):
                    fields[name] = value
        told = {name: fields[name] for name in FIELDS if fields.get(name)}
        if told:
            self._remember(key, event.time_s, told)

    def forget(self) -> None:
        """Drop all that was told."""
        self._told.clear()
        self._chars = 0

    def carry_over(self, old: Accumulated) -> None:
        """Take over what `old` remembers."""
        self._told.update(old._told)
        self._chars = old._chars

    def _forget(self, key: Key) -> Optional[Told]:
        told = self._told.pop(key, None)
        if told is not None:
            self._chars -= told.chars
        return told

    def _remember(self, key: Key, time_s: float, fields: Dict[str, str]) -> None:
        chars = sum(map(len, key)) + sum(map(len, fields.values()))
        self._told[key] = Told(time_s, fields, chars)
        self._chars += chars
        while len(self._told) > KEYS_MAX or self._chars > CHARS_MAX:
            oldest = next(iter(self._told))
            dropped = self._forget(oldest)
            if dropped is not None and time_s - dropped.time_s <= EXPIRES_S:
                self._bounds_hit["accumulated_keys"] = self._bounds_hit.get("accumulated_keys", 0) + 1
