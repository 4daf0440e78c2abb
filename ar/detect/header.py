"""Takes the header off a line: its stamp, host and program, and the message that is left (cleanevent.c).

A stamp is recognised by where its separators stand, as OSSEC does, hardly by its digits: what decoders see must
not depend on a broken clock. Also known: RFC 3339 with `Z`, and RFC 5424. Some formats keep their stamp in the
message (web access logs); it is read there, and the message stays whole.
"""

from __future__ import annotations

import re
from typing import Callable, NamedTuple, Optional, Tuple

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
        (r"(....-..-..T..:..:..(?:[.,][0-9]{1,6})?(?:[^Z ]..:..|Z)) ", ISO),
        (r"(....-..-.. ..:..:..,...)", ISO),
        (r"([0-9]... ... .. ..:..:..) ", YEAR_FIRST),
        (r"([0-9]...:..:..-..:..:..)", YEAR_COLONS),
    )
)
# What nearly every line looks like, for speed; it says nothing that the patterns above would not say.
_PLAIN = re.compile(rf"(... .. ..:..:..) ({_WORD}+) ({_WORD}+)(?:\[[0-9]+\]:? |: )(?!\[ID )")
_RFC5424 = re.compile(
    r"(?:<[0-9]{1,3}>)?1 (?:-|([0-9]{4}-..-..T\S+)) (?:-|(\S+)) (?:-|(\S+)) \S+ \S+ "
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


class Header(NamedTuple):
    """What a line's header says ("" for what it does not), and the message that decoders and rules see."""

    stamp: str
    form: str
    hostname: str
    program: str
    log: str


def split_header(text: str) -> Header:
    """Return the header of `text`, which has no control characters any more."""
    match = _PLAIN.match(text)
    if match:
        stamp, hostname, program = match.groups()
        return Header(stamp, BSD, hostname, program, text[match.end() :])
    for pattern, form in _SYSLOG:
        match = pattern.match(text)
        if match:
            stamp, alone, hostname, program = match.groups()
            return Header(stamp, form, hostname or "", alone or program or "", text[match.end() :])
    for reader in _READERS:
        header = reader(text)
        if header:
            return header
    return Header("", "", "", "", text)


def _split_rfc5424(text: str) -> Optional[Header]:
    match = _RFC5424.match(text)
    if not match:
        return None
    stamp, hostname, program = match.groups("")
    return Header(stamp, ISO if stamp else "", hostname, program, text[match.end() :])


def _split_other(text: str) -> Optional[Header]:
    for pattern, form in _OTHER:
        match = pattern.match(text)
        if match:
            return Header(match[1], form, "", "", text[match.end() :])
    return None


def _split_asl(text: str) -> Optional[Header]:
    match = _ASL.match(text)
    if not match:
        return None
    parts = {"Sender": "", "Message": "", "Host": ""}
    for name, value in _ASL_PART.findall(text, match.end()):
        parts[name] = parts[name] or value
    return Header(match[1], DOTS, parts["Host"], parts["Sender"], parts["Message"] or text[match.end() :])


def _find_inside(text: str) -> Optional[Header]:
    for pattern, form in _INSIDE:
        match = pattern.match(text)
        if match:
            return Header(match[1], form, "", "", text)
    return None


_READERS: Tuple[Callable[[str], Optional[Header]], ...] = (_split_rfc5424, _split_other, _split_asl, _find_inside)
