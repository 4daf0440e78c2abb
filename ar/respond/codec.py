"""Journal records as lines of JSON, each with a checksum, and back.

A line is one JSON object of short keys, the first of which names the record; its last key is `crc`, the CRC-32
(zlib, 8 hexadecimal digits) of all bytes of the line before `,"crc"`. docs/JOURNAL.md lists the keys.
"""

from __future__ import annotations

import ipaddress
import json
import math
import socket
import zlib
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, Callable, Dict, Optional, Tuple

from ar.model import Subject
from ar.policy.records import (
    Added,
    Arguments,
    Ended,
    Offended,
    Opened,
    Prolonged,
    Promised,
    Ran,
    Record,
    Released,
)

_CRC = b',"crc":"'
_TAIL = len(_CRC) + 8 + len(b'"}')
_SENTENCE_MOST_S = 2**53  # what still can be added to a time, to the second


def encode(record: Record) -> bytes:
    """Return the line for a record, with its line end."""
    body = b"{%s" % _WRITERS[type(record)](record).encode()
    return b'%s%s%08x"}\n' % (body, _CRC, zlib.crc32(body))


def decode(line: bytes) -> Record:
    """Return the record of a line without its line end; raises ValueError, saying what is wrong with it."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    if not tail.startswith(_CRC) or not tail.endswith(b'"}'):
        raise ValueError("no checksum at its end")
    if tail[len(_CRC) : -2] != b"%08x" % zlib.crc32(body):
        raise ValueError("its checksum does not fit")
    try:
        fields = _parsed(body.decode() + "}")
        kind = next(iter(fields))
        reader = _READERS[kind]
    except (KeyError, TypeError, StopIteration, ValueError, RecursionError) as error:
        raise ValueError(f"a record of an unknown kind ({error})") from None
    try:
        return reader(fields)
    except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
        raise ValueError(f"a {kind!r} record that is not whole ({error})") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


# Made once, and without a look for white space: a start may read 100,000 records.
_scan = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode


def _parsed(text: str) -> Dict[str, Any]:
    fields, end = _scan(text)
    if end != len(text):
        raise ValueError(f"something follows its end at {end}")
    return fields  # type: ignore[no-any-return]  # what is no object has no key that names a record


# Written by hand, since a start after a reboot may write 100,000 of them.


def _seconds(value: float) -> str:
    return repr(round(value, 3))


def _ends(ends_boot_s: Optional[float]) -> str:
    return "" if ends_boot_s is None else f',"end":{_seconds(ends_boot_s)}'


def _write_subject(subject: Subject) -> str:
    """Return an address, which nearly all subjects are, as it is, and others with their kind."""
    value = _quoted(subject.value)
    return value if subject.kind == "srcip" else f"[{_quoted(subject.kind)},{value}]"


def _write_promised(r: Promised) -> str:
    subject, a = r.subject, r.arguments
    unusual = others = ""
    if r.executable != f"{r.command}.sh":
        unusual = f',"exe":{_quoted(r.executable)}'
    if r.contract != "argv":
        unusual += f',"contract":{_quoted(r.contract)}'
    if r.extra_args:
        unusual += f',"args":[{",".join(map(_quoted, r.extra_args))}]'
    for key, value, kind in (("user", a.user, "user"), ("ip", a.srcip, "srcip"), ("file", a.filename, "filename")):
        if value != _implied(subject, kind):
            others += f',"{key}":{_quoted(value)}'
    return (
        f'"promise":{r.block},"cmd":{_quoted(r.command)}{unusual},"on":{_write_subject(subject)},"n":{r.offence},'
        f'"at":{_seconds(r.at_s)},"for":{r.sentence_s}{_ends(r.ends_boot_s)},'
        f'"alert":{_quoted(a.alert_id)},"rule":{a.rule},"loc":{_quoted(a.location)}{others}'
    )


def _read_promised(f: Dict[str, Any]) -> Promised:
    subject = _read_subject(f)

    def argument(key: str, kind: str) -> str:
        return _read_text(f, key) if key in f else _implied(subject, kind)

    arguments = Arguments(
        argument("user", "user"), argument("ip", "srcip"), _read_text(f, "alert"), int(f["rule"]),
        _read_text(f, "loc"), argument("file", "filename"),
    )  # fmt: skip
    return Promised(
        int(f["promise"]), _read_text(f, "cmd"), _read_script(f), str(f.get("contract", "argv")), subject, arguments,
        int(f["n"]), _read_s(f, "at"), _read_sentence(f), _read_end(f), _read_extra_args(f),
    )  # fmt: skip


# What is read back becomes arguments of scripts that root runs, so each value is what it was when it was written.


def _read_subject(f: Dict[str, Any]) -> Subject:
    on = f["on"]
    kind, value = ("srcip", on) if isinstance(on, str) else map(str, on)
    if kind == "srcip":
        if not _is_ipv4(value):
            ipaddress.ip_network(value)  # a ValueError, for what is no address or prefix
    elif kind not in ("user", "filename", "none") or "\0" in value:
        raise ValueError(f"{kind!r} is no kind of subject")
    return Subject(kind, value)


def _is_ipv4(text: str) -> bool:
    """Tell the most common case quickly: a journal may hold many."""
    try:
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, text)) == text
    except (OSError, ValueError):
        return False


def _read_script(f: Dict[str, Any]) -> str:
    script = _read_text(f, "exe") if "exe" in f else f"{_read_text(f, 'cmd')}.sh"
    if "/" in script or script in ("", ".", ".."):
        raise ValueError(f"{script!r} is no script of active-response/bin")
    return script


def _read_text(f: Dict[str, Any], key: str) -> str:
    text = str(f[key])
    if "\0" in text:
        raise ValueError(f"{key!r} has a NUL")
    return text


def _read_extra_args(f: Dict[str, Any]) -> Tuple[str, ...]:
    extra_args = f.get("args", [])
    if not isinstance(extra_args, list):
        raise TypeError("'args' is no list")
    return tuple(map(str, extra_args))


def _read_s(f: Dict[str, Any], key: str) -> float:
    seconds = float(f[key])
    if not math.isfinite(seconds):
        raise ValueError(f"{key!r} is no time")
    return seconds


def _read_sentence(f: Dict[str, Any]) -> int:
    sentence_s = int(f["for"])
    if not 0 <= sentence_s <= _SENTENCE_MOST_S:
        raise ValueError("'for' is no length of time")
    return sentence_s


def _implied(subject: Subject, kind: str) -> str:
    """Return the argument that needs no word in the journal: the subject itself, else a dash."""
    return subject.value if subject.kind == kind else "-"


def _read_end(f: Dict[str, Any]) -> Any:
    return _read_s(f, "end") if "end" in f else None


_WRITERS: Dict[type, Callable[[Any], str]] = {
    Opened: lambda r: f'"open":1,"boot":{_quoted(r.boot_id)},"wall":{_seconds(r.wall_s)},"up":{_seconds(r.boot_s)}',
    Promised: _write_promised,
    Prolonged: lambda r: (
        f'"prolong":{r.block},"n":{r.offence},"at":{_seconds(r.at_s)},"for":{r.sentence_s}{_ends(r.ends_boot_s)}'
    ),
    Added: lambda r: f'"added":{r.block}',
    Ended: lambda r: f'"end":{r.block},"at":{_seconds(r.at_s)}',
    Released: lambda r: f'"released":{r.block},"at":{_seconds(r.at_s)}',
    Ran: lambda r: (
        f'"run":{r.block},"cmd":{_quoted(r.command)},"on":{_write_subject(r.subject)},"at":{_seconds(r.at_s)}'
    ),
    Offended: lambda r: (
        f'"offender":{_quoted(r.command)},"on":{_write_subject(r.subject)},"n":{r.offences},'
        f'"last":{_seconds(r.last_end_s)}'
    ),
}

_READERS: Dict[str, Callable[[Dict[str, Any]], Record]] = {
    "open": lambda f: Opened(str(f["boot"]), _read_s(f, "wall"), _read_s(f, "up")),
    "promise": _read_promised,
    "prolong": lambda f: Prolonged(int(f["prolong"]), int(f["n"]), _read_s(f, "at"), _read_sentence(f), _read_end(f)),
    "added": lambda f: Added(int(f["added"])),
    "end": lambda f: Ended(int(f["end"]), _read_s(f, "at")),
    "released": lambda f: Released(int(f["released"]), _read_s(f, "at")),
    "run": lambda f: Ran(int(f["run"]), _read_text(f, "cmd"), _read_subject(f), _read_s(f, "at")),
    "offender": lambda f: Offended(_read_text(f, "offender"), _read_subject(f), int(f["n"]), _read_s(f, "last")),
}
