"""How `sweep` and `unblock` tell what they released while no agent ran."""

from __future__ import annotations

import json
from typing import Iterator

from ar.answers import row_of
from ar.errors import UNAVAILABLE
from ar.offline import Releases
from ar.respond import clock

COMPLAINTS_MAX = 20


def tell(done: Releases, summary: str, *, as_json: bool) -> int:
    """Print what was released and what was not, and return the exit status: 69 when something is left.

    `summary` ends the sentence that begins with there being no agent; instead of all that, one JSON object a block.
    """
    if as_json:
        _print_rows(done)
    else:
        print(f"No agent runs in this home; {summary}")
        for text in _complaints(done):
            print(text)
    return UNAVAILABLE if done.left else 0


def _print_rows(done: Releases) -> None:
    now = clock.now()
    left = {block.id for block in done.left}
    for block in done.meant:
        row = row_of(block, now)
        print(json.dumps(row if block.id in left else {**row, "state": "released"}))


def _complaints(done: Releases) -> Iterator[str]:
    """Yield a sentence for each block that is left, of many only for the first ones."""
    for block in done.left[:COMPLAINTS_MAX]:
        why = block.last_words or "there was no time to try it"
        yield f"{block.subject} ({block.command}) could not be released: {why}"
    beyond = len(done.left) - COMPLAINTS_MAX
    more = f"{beyond} more could not be released. " if beyond > 0 else ""
    if done.left:
        yield f"{more}The agent tries again when it runs, and so does `ar-agent sweep`."
