"""Takes the header off a line: its stamp, host and program, and the message that is left (cleanevent.c).

A stamp is recognised by where its separators stand, as OSSEC does, hardly by its digits: what decoders see must
not depend on a broken clock. Also known: RFC 3339 with `Z`, and RFC 5424. Some formats keep their stamp in the
message (web access logs); it is read there, and the message stays whole.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, NamedTuple, Optional, Tuple

_WORD = r"[A-Za-z0-9_.@/()-]"
_SOLARIS_ID = r"(?:\[ID .*?\] )?"
_AIX = r"(?:[A-Za-z0-9_.@/()-]*\|[a-z][A-Za-z0-9]*:[A-Za-z0-9]* )?"
_HOST_AND_PROGRAM = (
    rf" ?(?:({_WORD}+): {_SOLARIS_ID}|({_WORD}+) (?:{_AIX}({_WORD}+)(?:: |\[[0-9]+\]:? ){_SOLARIS_ID})?)?"
)

# What the stamp itself says how to read it; ar/detect/stamps.py has a reader for each.
BSD = "bsd"
ISO = "iso"
YEAR_FIRST = "year first"
YEAR_COLONS = "year with colons"
C_TIME = "ctime"
NO_YEAR = "no year"
US_DATE = "month/day/year"
DOTS = "dots"
EPOCH = "epoch"
ACCESS = "access log"

_SYSLOG: Tuple[Tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(stamp + _HOST_AND_PROGRAM), form)
    for stamp, form in (
        (r"(... .. ..:..:..) (?=.)", BSD),
        (r"(....-..-..T..:..:..(?:[^Z ]..:..|(?:[.,][0-9]{1,6})?Z)) ", ISO),
        (r"(....-..-..T..:..:..[.,][0-9]{1,6}[^Z ]..:..)", ISO),
        (r"(....-..-.. ..:..:..,...)", ISO),
        (r"([0-9]... ... .. ..:..:..) ", YEAR_FIRST),
        (r"([0-9]...:..:..-..:..:..).?", YEAR_COLONS),
    )
)
# What nearly every line looks like, for speed; it says nothing that the patterns above would not say.
_PLAIN = re.compile(rf"(... .. ..:..:..) ({_WORD}+) ({_WORD}+)(?:\[[0-9]+\]:? |: )(?!\[ID )")
STAMP_CHARS = len("Nov  9 07:40:25 ")
_RFC5424 = re.compile(
    r"(?:<[0-9]{1,3}>)?[0-9] (?:-|([0-9]{4}-..-..T\S+)) (?:-|(\S+)) (?:-|(\S+)) \S+ \S+ "
    r"(?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: |$)\ufeff?"
)
_OTHER: Tuple[Tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(... ... .. ..:..:.. ....)(?= . .)"), C_TIME),  # xferlog
    (re.compile(r"(../..-..:..:..\.......) .?"), NO_YEAR),  # snort
    (re.compile(r"(../../....-..:..:..\.......) .?"), US_DATE),  # suricata
    (re.compile(r"\[(... ... .. ..:..:.. ....)\] ?"), C_TIME),  # Apache's error log
    (re.compile(r"([0-9]{10}\.[0-9]{3}) +"), EPOCH),  # squid
)
_INSIDE: Tuple[Tuple[re.Pattern[str], str], ...] = (
    # The quote must follow: a user name may hold a stamp as well, but never an unescaped quote.
    (re.compile(r"(?:[^\"\\]|\\.)*?\[([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:..:..:.. [+-][0-9]{4})\] \""), ACCESS),
    (re.compile(r"([0-9]{4}/../.. ..:..:..) \["), ISO),  # nginx's error log
    (re.compile(r"\[(... ... .. ..:..:..\.[0-9]{6} ....)\] "), C_TIME),  # Apache 2.4's error log
    (re.compile(r"\[?([0-9]{4}-[0-9]{2}-[0-9]{2}[T ]..:..:..)(?![0-9])"), ISO),
)
_ASL = re.compile(r"\[Time (....\...\... ..:..:..(?: UTC)?)[^\]]*\] ?")
_ASL_PART = re.compile(r"\[(Sender|Message|Host) ([^\]]*)\]")


_NOWHERE = slice(0, 0)


class Header(NamedTuple):
    """What a line's header says ("" for what it does not), and the message that decoders and rules see."""

    stamp: str
    form: str
    hostname: str
    program: str
    log: str


class Places(NamedTuple):
    """Where the parts of a header and the message stand in a line.

    No pattern here tells digits apart, so lines that differ in digits alone have the same places.
    """

    stamp: slice = _NOWHERE
    form: str = ""
    hostname: slice = _NOWHERE
    program: slice = _NOWHERE
    log: slice = slice(0, None)

    def split(self, text: str) -> Header:
        """Cut `text` at these places."""
        stamp, hostname, program, log = self.parts(text)
        return Header(stamp, self.form, hostname, program, log)

    def parts(self, text: str) -> Tuple[str, str, str, str]:
        """Return stamp, hostname, program and message of `text`."""
        return text[self.stamp], text[self.hostname], text[self.program], text[self.log]


def split_header(text: str) -> Header:
    """Return the header of `text`, which has no control characters any more."""
    return places_of(text).split(text)


def plain_program_of(text: str) -> Optional[str]:
    """Return the program of a line that looks like nearly every other, None for one that does not.

    After the stamp, which takes STAMP_CHARS, the header is split in the same way however many digits stand in a row.
    """
    match = _PLAIN.match(text)
    return match[3] if match else None


def program_of(text: str) -> str:
    """Return the program alone, which is what it takes to know which decoders and rules concern the line."""
    program = plain_program_of(text)
    return text[places_of(text).program] if program is None else program


def places_of(text: str) -> Places:
    """Return where the parts of the header of `text` stand; `text` has no control characters any more."""
    match = _PLAIN.match(text)
    if match:
        return Places(_span(match, 1), BSD, _span(match, 2), _span(match, 3), slice(match.end(), None))
    for pattern, form in _SYSLOG:
        match = pattern.match(text)
        if match:
            program = _span(match, 2 if match[2] else 4)
            return Places(_span(match, 1), form, _span(match, 3), program, slice(match.end(), None))
    for finder in _FINDERS:
        places = finder(text)
        if places:
            return places
    return Places()


def _span(match: re.Match[str], group: int) -> slice:
    return slice(*match.span(group)) if match[group] else _NOWHERE


def _find_rfc5424(text: str) -> Optional[Places]:
    match = _RFC5424.match(text)
    if not match:
        return None
    form = ISO if match[1] else ""
    return Places(_span(match, 1), form, _span(match, 2), _span(match, 3), slice(match.end(), None))


def _find_other(text: str) -> Optional[Places]:
    for pattern, form in _OTHER:
        match = pattern.match(text)
        if match:
            return Places(_span(match, 1), form, log=slice(match.end(), None))
    return None


def _find_asl(text: str) -> Optional[Places]:
    match = _ASL.match(text)
    if not match:
        return None
    parts: Dict[str, slice] = {}
    for part in _ASL_PART.finditer(text, match.end()):
        if part[2]:
            parts.setdefault(part[1], _span(part, 2))
    hostname, program = parts.get("Host", _NOWHERE), parts.get("Sender", _NOWHERE)
    return Places(_span(match, 1), DOTS, hostname, program, parts.get("Message", slice(match.end(), None)))


def _find_inside(text: str) -> Optional[Places]:
    for pattern, form in _INSIDE:
        match = pattern.match(text)
        if match:
            return Places(_span(match, 1), form)
    return None


_FINDERS: Tuple[Callable[[str], Optional[Places]], ...] = (_find_rfc5424, _find_other, _find_asl, _find_inside)
