"""Puts into words why a line did not get a rule, or a decoder."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from ar.detect.decoder import Decoders
from ar.detect.event import Event
from ar.detect.rule import Correlation, Rule
from ar.detect.whynot import (
    CATEGORY,
    FIRST_SEEN,
    FREQUENCY,
    MAXSIZE,
    NOT_SERVED,
    OF_MESSAGE,
    SAME,
    VALUED,
    Lack,
    Miss,
    Untaken,
)
from ar.duration import speak

PATTERN_CHARS_MAX = 48  # a longer pattern is cut: it is there to be recognised, and to be found in the rule's file
DECODERS_MAX = 4  # so many decoders that were tried are named


def why(miss: Miss) -> str:
    """Return what kept the rule from being the line's: `<user> asks for 'admin'; the user is 'root'`."""
    if miss.lacks:
        return "; ".join(_words_of(lack, miss.rule) for lack in miss.lacks)
    return f"fits too, but rule {miss.instead.id} is tried before it" if miss.instead else "fits"


def why_not(rule: Rule, miss: Miss) -> str:
    """Return the same of a rule that was asked about, for which `miss` may tell of a rule above it."""
    if miss.rule is rule:
        return f"{rule.id} {why(miss)}"
    return f"{rule.id} stands below {miss.rule.id}, which did not match: {miss.rule.id} {why(miss)}"


def named(rule: Rule) -> str:
    """Return a rule as it is spoken of here: `5712 (level 10)`."""
    return f"{rule.id} (level {rule.level})"


def as_object(miss: Miss) -> Dict[str, Any]:
    """Return what `--json` prints of a rule that was missed; docs/JSON.md explains the keys."""
    lacks = [{"element": lack.element, "asks": lack.asks, "has": lack.has} for lack in miss.lacks]
    return {
        "rule": miss.rule.id,
        "level": miss.rule.level,
        "description": miss.rule.description,
        "why": why(miss),
        "lacks": lacks,
        "instead": miss.instead.id if miss.instead else None,
    }


def decoders_tried(untaken: Untaken) -> str:
    """Return why no decoder took the line."""
    tried = untaken.tried
    if not tried:
        return f"none: no decoder is for the program {untaken.program}"
    if len(tried) > DECODERS_MAX:
        for_what = f"for the program {untaken.program}" if untaken.program else "for lines that name no program"
        return f"none: of {len(tried)} decoders {for_what} none finds its <prematch> in the message"
    each = "; ".join(f"{one.name}, which asks for {_quoted(one.prematch_shown)}" for one in tried)
    return f"none; tried{f' for {untaken.program}' if untaken.program else ''}: {each}"


def no_fields(decoders: Decoders, event: Event) -> str:
    """Return why the event's decoder took no fields."""
    decoder = decoders.names.get(event.decoder)
    forms = 0 if decoder is None else len(decoder.children)
    return f"none: of {forms} forms of message that {event.decoder} knows none fits" if forms > 1 else "none"


# What is said of a lack that is no pattern without its place in the event.
_WORDS = {
    SAME: "compares the {asks} of events; this one has none",
    CATEGORY: "is for decoders of the type {asks}; this line's is of the type {has}",
    NOT_SERVED: "asks for <{asks}>, which is not served: it never matches",
    "decoded_as": "<decoded_as> asks for {asks}; the decoder is {has}",
    FIRST_SEEN: "asks for what was never seen before; this was ({asks})",
    "check_diff": "asks for a message other than the last one; this is the first, or the same",
}


def _words_of(lack: Lack, rule: Rule) -> str:
    if lack.element == FREQUENCY and rule.correlation is not None:
        return _count(lack, rule.correlation)
    if lack.element == FIRST_SEEN and not lack.asks:
        return "asks for what was never seen before; the line's decoder names no fields for that in <fts>"
    if lack.element == MAXSIZE:
        least = f"of {lack.asks} bytes or more" if lack.asks else "that is longer"
        return f"<maxsize> asks for a message {least}; this one has {lack.has}"
    if lack.element == NOT_SERVED and lack.asks == "list" and rule.shown.get("list"):
        return f"asks for <list> '{rule.shown['list']}', which is not configured or not there: it never matches"
    if lack.element in _WORDS:
        return _WORDS[lack.element].format(asks=lack.asks, has=lack.has or "none")
    return f"<{lack.element}> asks for {_asked(lack)}; {_had(lack)}"


def _had(lack: Lack) -> str:
    """Return what is in the place of what a pattern asks for."""
    name = lack.element.replace("_pcre2", "")
    if lack.has is not None:
        return f"the {name.replace('_', ' ')} is {_quoted(lack.has)}"
    if lack.element == "match":
        return "it does not stand in the message"
    if lack.element in OF_MESSAGE:
        return "the message does not fit"
    return f"there is no {name.replace('_', ' ')}" if name in VALUED else "the event does not fit"


def _count(lack: Lack, counts: Correlation) -> str:
    target = " ".join(counts.target.split()[1:])
    of_what = f" of the group {target}" if counts.group is not None else ""
    if counts.sid is not None:
        of_what = f" of rule {counts.sid}"
    same = "".join(f" with the same {name}" for name in counts.same[:1])
    same += "".join(f" and {name}" for name in counts.same[1:])
    different = "".join(f", each with another {name}" for name in counts.different)
    number = ordinal(int(lack.has or 0))
    return (
        f"counts {lack.asks} events{of_what}{same}{different} within {speak(counts.timeframe_s)}: this is the {number}"
    )


def _asked(lack: Lack) -> str:
    others = lack.asks.count("|") if lack.nearest != lack.asks else 0
    more = {0: "", 1: " or another"}.get(others, f" or {others} others")
    return _quoted(lack.nearest or lack.asks) + more


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= PATTERN_CHARS_MAX else f"'{text[:PATTERN_CHARS_MAX]}…'"


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th` and so on."""
    endings: Sequence[str] = ("th", "st", "nd", "rd")
    teens = 10 < number % 100 < 20
    return f"{number}{endings[0 if teens or number % 10 > 3 else number % 10]}"
