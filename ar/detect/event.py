"""A decoded line, while it is being matched against rules."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Callable, Dict, NamedTuple, Optional, Tuple

from ar.model import RuleId
from ar.patterns.literals import lower
from ar.patterns.pattern import Match

# The types of decoders and the categories of rules, which are the same thing.
CATEGORIES = frozenset({"firewall", "ids", "web-log", "syslog", "squid", "windows", "host-information", "ossec"})
BRIEF_CHARS = 128  # no address, account or host that is meant is longer
FORWARDED = "ossec-alert"  # the category of an alert that another OSSEC sent,
FORWARDED_RULE = "ossec.rule"  # and the field that holds the id of its rule
_ESCAPE = re.compile(r"\\x[89a-f][0-9a-f]")  # how a byte that is no text stands in one, and anybody can write that
_ESCAPE_BYTES = 4


class Reading(NamedTuple):
    """How a line came: its source, when it was read, this host's name (for lines that name none), and its clock."""

    source: str
    received_s: float
    hostname: str
    tell_time: Callable[[str, str, Reading], Tuple[float, bool]]  # of a stamp and its form: an event's time_s and stale


class Event:
    """One line taken apart. Mutable, and never seen outside detection (an `Alert` is made from it).

    `log` is what decoders and rules see: the message after the header, control characters removed; `lowered` is
    the same in lower case, character by character. `full_log` is the whole line as alerts show it, `stamp` the
    header's own stamp as written, and `form` how it is written. `time_s` is the event's wall-clock time, and
    `stale` tells that it was long past when the line was read. `program` is "" when the header names none.
    `raw` is the line as it was read, None where nothing but its text is known.
    `decoder` is the name OSSEC reports ("" when none matched), `category` that decoder's type (default "syslog").
    `fields` has srcip, dstip, srcport, dstport, user (dstuser), srcuser, protocol, action, id, url, status,
    extra_data, system_name, filename and any dynamic field by name.

    Few lines ever need `lowered`, `time_s` and `stale`, so these are made when they are first asked for.
    """

    decoder = ""
    category = "syslog"
    accumulates = False  # it fills in fields from the last event of its id, or lends it its own
    first_seen: Tuple[str, ...] = ()  # the fields that <if_fts> asks about
    previous: Tuple[str, ...] = ()  # the earlier lines that its rule counted, newest first
    raw: Optional[bytes] = None
    completed: Tuple[RuleId, ...] = ()  # the composite rules whose count it completed: they count it once
    lowered: str
    time_s: float
    stale: bool

    def __init__(self, reading: Reading, full_log: str, form: str, parts: Tuple[str, ...]) -> None:
        """`parts` begin with stamp, hostname, program and message, as `Places.parts` returns them."""
        self.reading = reading
        self.source = reading.source
        self.full_log = full_log
        self.form = form
        self.stamp, hostname, self.program, self.log = parts[:4]
        self.hostname = hostname or reading.hostname
        self.fields: Dict[str, str] = {}

    def take(self, order: Tuple[str, ...], match: Match, _start: int) -> None:
        """Take the fields `order` that an expression found in the message from a position on."""
        values = match.groups()
        if None in values:  # as in OSSEC, a group that took no part shifts the later ones to the left
            values = tuple(value for value in values if value is not None)
        self.fields.update(zip(order, values))  # type: ignore[arg-type]  # there is no None left

    if not TYPE_CHECKING:  # what is declared above is all there is

        def __getattr__(self, name: str) -> object:
            """Make what is asked for the first time."""
            if name == "lowered":
                self.lowered = lower(self.log)
            elif name in {"time_s", "stale"}:
                self.time_s, self.stale = self.reading.tell_time(self.stamp, self.form, self.reading)
            else:
                raise AttributeError(name)
            return getattr(self, name)


def brief(value: str) -> str:
    """Return `value`, or what stands for it where it is long, so that a hostile one takes little room as a key."""
    if len(value) <= BRIEF_CHARS:
        return value
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16)
    return f"{value[:64]} {digest.hexdigest()}"


def size_of(event: Event) -> int:
    r"""Return how many bytes the message has. A byte that is no text stands in it as `\xff` and is one all the same."""
    escapes = len(_ESCAPE.findall(event.log)) if event.raw is not None else 0
    if escapes and event.raw is not None:  # some may have been written so
        written = len(_ESCAPE.findall(event.raw.decode("utf-8", "replace")))
        escapes = min(escapes, len(_ESCAPE.findall(event.raw.decode("utf-8", "backslashreplace"))) - written)
    return len(event.log.encode("utf-8", "surrogatepass")) - escapes * (_ESCAPE_BYTES - 1)


def room_of(text: str) -> int:
    """Return about how many bytes of memory `text` takes."""
    return 50 + (len(text) if text.isascii() else 4 * len(text))
