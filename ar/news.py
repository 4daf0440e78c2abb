"""What was said a moment ago and need not be said again."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Hashable

SAID_AGAIN_AFTER_S = 60.0
REMEMBERED_MAX = 10_000  # beyond it the longest remembered is forgotten, and may be said once too often


class News:
    """Tells whether something is news: it was not said within the last minute. Bounded; time is an argument."""

    def __init__(self) -> None:
        self._said: OrderedDict[Hashable, float] = OrderedDict()
        self._unsaid: Counter[Hashable] = Counter()

    def is_new(self, what: Hashable, now_s: float) -> bool:
        """Return whether `what` is to be said now, and if so, remember that it was; `now_s` only goes on."""
        if now_s - self._said.get(what, float("-inf")) < SAID_AGAIN_AFTER_S:
            self._unsaid[what] += 1
            return False
        self._said[what] = now_s
        self._said.move_to_end(what)
        if len(self._said) > REMEMBERED_MAX:
            forgotten, _ = self._said.popitem(last=False)
            self._unsaid.pop(forgotten, None)
        return True

    def take_unsaid(self, what: Hashable) -> int:
        """Return how often `what` was no news since it was asked for last, and count anew."""
        return self._unsaid.pop(what, 0)
