"""How often Python searches for garbage that refers to itself, of which next to none is made here."""

from __future__ import annotations

import contextlib
import gc
from typing import Iterator

_THRESHOLDS = (10_000, 20, 20)  # new objects before a search, and searches of one kind before one of the next


def search_seldom() -> None:
    """Let a whole chunk's events and alerts come and go between two searches, which saves a tenth of the time."""
    gc.set_threshold(*_THRESHOLDS)


@contextlib.contextmanager
def nothing_is_garbage() -> Iterator[None]:
    """Spare what is built here the search for garbage: it is kept, and a large journal takes a third longer with it."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
