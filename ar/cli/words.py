"""How the verbs write times, responses and tables for people."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from typing import List, Optional, Sequence

from ar.duration import speak
from ar.model import Response
from ar.report.log import printable


def moment(epoch_s: Optional[float]) -> str:
    """Return a wall-clock time as people read it, or a dash; one that the calendar cannot hold as `@seconds`."""
    if epoch_s is None:
        return "-"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_s))
    except (OverflowError, ValueError, OSError):  # on a board whose calendar ends in 2038, a block of 20 years
        return f"@{epoch_s:.15g}"


def many(number: int, what: str) -> str:
    """Return `1 block` or `2 blocks`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


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


def terminal_width() -> Optional[int]:
    """Return how many columns standard output has, or None when it is no terminal and lines may have any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def hung(text: str, indent: int, width: Optional[int]) -> str:
    """Return a line wrapped at its spaces to `width`, what follows the first line indented; no word is ever cut."""
    if width is None or len(text) <= width:
        return text
    return textwrap.fill(text, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> List[str]:
    """Return rows in aligned columns under a head, a line each; nothing in them can do anything to a terminal."""
    cells: List[List[str]] = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in cells]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: Optional[int] = None) -> str:
    """Return rows in aligned columns or, where these are wider than `width`, in a block of `NAME value` lines each.

    Without a `width` it is that of the terminal, and no limit when standard output is none.
    """
    width = terminal_width() if width is None else width
    lines = aligned(head, rows)
    if width is None or max(map(len, lines)) <= width:
        return "\n".join(lines)
    names_width = max(map(len, head))
    return "\n\n".join(
        "\n".join(
            hung(f"{name:<{names_width}}  {printable(cell)}", names_width + 2, width)
            for name, cell in zip(head, row)
            if cell
        )
        for row in rows
    )
