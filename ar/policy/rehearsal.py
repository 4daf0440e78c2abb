"""Lets the blocks of a ledger come and go as they would if every script succeeded at once; nothing is run."""

from __future__ import annotations

from typing import Iterator, Tuple

from ar.model import Moment
from ar.policy.block import Block
from ar.policy.ledger import Ledger
from ar.policy.records import Released


def play(ledger: Ledger, until_s: float) -> Iterator[Tuple[float, Block]]:
    """Do all that is due until then (one clock for both, in seconds); yield each release with its time."""
    while True:
        wake_s = ledger.next_wake_s()
        if wake_s is None or wake_s > until_s:
            return
        now_s = max(wake_s, 0.0)
        for action in ledger.take_due(Moment(now_s, now_s)):
            record = ledger.finish(action, worked=True, last_words="", now=Moment(now_s, now_s))
            if record is not None:
                ledger.apply(record)
            if isinstance(record, Released):
                yield now_s, action.block
