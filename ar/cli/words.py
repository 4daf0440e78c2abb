"""How the verbs write times, responses and tables for people."""

from __future__ import annotations

import time
from typing import List, Optional, Sequence

from ar.duration import speak
from ar.model import Response
from ar.report.log import printable


def moment(epoch_s: Optional[float]) -> str:
    """Return a wall-clock time as people read it, or a dash."""
    return "-" if epoch_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_s))


def triggers_of(response: Response) -> str:
    """Return which alerts trigger a response: `level 10 and up or group authentication_failures`."""
    triggers = []
    if response.levels.least is not None:
        triggers.append(f"level {response.levels.least} and up")
    if response.levels.exactly:
        triggers.append("level " + ",".join(map(str, sorted(response.levels.exactly))))
    if response.groups:
        triggers.append("group " + ",".join(response.groups))
    if response.rules:
        triggers.append("rule " + ",".join(map(str, sorted(response.rules))))
    return " or ".join(triggers) or "nothing"


def first_sentence_of(response: Response) -> str:
    """Return how long the first offence is blocked: `10 min`, `for good`, or `not undone`."""
    return speak(response.timeout_s or None, units=4) if response.command.timeout_allowed else "not undone"


def steps_of(response: Response) -> str:
    """Return how long the second, third … offence is blocked: `30 min, 1 h`; "" when as long as the first."""
    return ", ".join(speak(step_s, units=4) for step_s in response.steps_s)


def describe(response: Response) -> str:
    """Return a response in one line: `drop on level 10 and up, for 10 min, then 30 min, 1 h`."""
    first, steps = first_sentence_of(response), steps_of(response)
    how_long = f"for {first}" if response.timeout_s and response.command.timeout_allowed else first
    return f"{response.command.name} on {triggers_of(response)}, {how_long}" + (f", then {steps}" if steps else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows in aligned columns under a head; nothing in them can do anything to a terminal."""
    cells: List[List[str]] = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in cells)
    return "\n".join(lines)
