"""Pre-decoding for the reference model: the header is known by the places of its separators, counted in bytes."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Sequence, Tuple

NAME = re.compile(rb"[A-Za-z0-9_.@/()-]*")
PID = re.compile(rb"\[[0-9]+\](?:: | )")
AIX = re.compile(rb"\|[a-z][A-Za-z0-9]*:[A-Za-z0-9]* ([A-Za-z0-9_.@/()-]*)(?:: |\[[0-9]+\]: )")
LOCALLY = "this-host"


class Header(NamedTuple):
    hostname: str
    program: Optional[str]
    log: str


def at(line: bytes, places: str) -> bool:
    """Tell whether the line has these characters: `3: 9:` means a space at 3 and a colon at 9, `+` any digit."""
    for place, char in re.findall(r"(\d+)(.)(?: |$)", places):
        found = line[int(place) : int(place) + 1]
        if not (found.isdigit() if char == "+" else found == (b" " if char == "_" else char.encode())):
            return False
    return True


# Separators, the least length of the line, and how much is skipped; the first that fits is it.
SYSLOG_DATES = [
    ("3_ 6_ 9: 12: 15_", 17, 16),
    ("4- 7- 10_ 13: 16: 19,", 24, 23),
    ("4- 7- 10T 13: 16: 22: 25_", 33, 26),
    *((f"4- 7- 10T 13: 16: 19{mark} {end}:", 33, end + 3) for end in range(24, 30) for mark in ".,"),
    ("0+ 4_ 8_ 11_ 14: 17: 20_", 21, 21),
    ("0+ 4: 7: 10- 13: 16:", 20, 20),
]
OSX_DATE = ("0[ 1T 5_ 10. 13. 16_ 19:", 26, 25)
OTHER_DATES = [
    ("3_ 7_ 10_ 13: 16: 19_ 24_ 26_", 28, 24),
    ("2/ 5- 8: 11: 14. 21_", 24, 23),
    ("2/ 5/ 10- 13: 16: 19. 26_", 26, 28),
    ("0[ 4_ 8_ 11_ 14: 17: 20_ 25]", 27, 27),
]
SQUID_DATES = [("01 1+ 2+ 3+ 10. 13+ 14_ 21_", 32, 14), ("01 1+ 2+ 3+ 10. 13+ 14_ 22_", 32, 14)]


def skipped(line: bytes, dates: Sequence[Tuple[str, int, int]]) -> int:
    """Return the length of the first of these dates that the line begins with, 0 where there is none."""
    return next((skip for places, least, skip in dates if len(line) >= least and at(line, places)), 0)


def split(text: str) -> Header:
    """Take the header off a line from which control characters are already deleted."""
    line = text.encode("utf-8", "surrogatepass")
    if line[1:3] == "ä".encode():
        line = b"Ma" + line[3:]  # the month of a German log, as long as any other from here on
    skip = skipped(line, SYSLOG_DATES)
    if skip:
        return after_date(line[skip:])
    skip = skipped(line, OTHER_DATES)
    if skip:
        return Header(LOCALLY, None, shown(line[skip:]))
    if skipped(line, [OSX_DATE]):
        return of_osx(line[OSX_DATE[2] :])
    skip = skipped(line, SQUID_DATES)
    return Header(LOCALLY, None, shown(line[skip:].lstrip(b" ") if skip else line))


def shown(line: bytes) -> str:
    return line.decode("utf-8", "surrogatepass" if b"\xed" in line else "backslashreplace")


def after_date(line: bytes) -> Header:
    if line.startswith(b" "):
        line = line[1:]
    first = NAME.match(line)
    assert first is not None
    hostname, rest = first[0], line[first.end() :]
    if rest.startswith(b": "):
        return Header(LOCALLY, shown(hostname), shown(without_id(rest[2:])))
    if not rest.startswith(b" "):
        return Header(LOCALLY, None, shown(line))
    rest = rest[1:]
    program, log = program_of(rest)
    if program is None:
        return Header(shown(hostname), None, shown(rest))
    return Header(shown(hostname), shown(program), shown(without_id(log)))


def program_of(line: bytes) -> Tuple[Optional[bytes], bytes]:
    """Return the program that a line after the host name begins with, and what follows; or none."""
    name = NAME.match(line)
    assert name is not None
    rest = line[name.end() :]
    if rest.startswith(b": "):
        return name[0], rest[2:]
    pid = PID.match(rest)
    if pid:
        return name[0], rest[pid.end() :]
    aix = AIX.match(rest)
    if aix:
        return aix[1], rest[aix.end() :]
    return None, line


def without_id(log: bytes) -> bytes:
    """Take Solaris' `[ID nnn facility.sev] ` off."""
    if log.startswith(b"[ID ") and b"] " in log:
        return log.partition(b"] ")[2]
    return log


def of_osx(line: bytes) -> Header:
    """Read the first `[Sender p]` and `[Message m]` in front of the `[Host h]`."""
    program: Optional[bytes] = None
    message: Optional[bytes] = None
    hostname = LOCALLY
    rest = line
    while b"[" in rest:
        rest = rest.partition(b"[")[2]
        value, closed, after = rest.partition(b" ")[2].partition(b"]")
        if rest.startswith(b"Sender ") and program is None:
            if not closed:
                break
            program, rest = value, after
        elif rest.startswith(b"Message ") and message is None:
            message = value
            if not closed:
                break
            rest = after
        elif rest.startswith(b"Host "):
            hostname = shown(value) if closed else LOCALLY
            break
    return Header(hostname, None if program is None else shown(program), shown(line if message is None else message))
