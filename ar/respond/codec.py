"""Journal records as lines of JSON, each with a checksum, and back.

A line is one JSON object of short keys, the first of which names the record; its last key is `crc`, the CRC-32
(zlib, 8 hexadecimal digits) of all bytes of the line before `,"crc"`. docs/JOURNAL.md lists the keys.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Callable, Dict

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


def encode(record: Record) -> bytes:
    """Return the line for a record, with its line end."""
    body = json.dumps(_SHAPES[type(record)](record), separators=(",", ":"), ensure_ascii=True)[:-1].encode()
    return b'%s%s%08x"}\n' % (body, _CRC, zlib.crc32(body))


def decode(line: bytes) -> Record:
    """Return the record of a line without its line end; raises ValueError, saying what is wrong with it."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    if not tail.startswith(_CRC) or not tail.endswith(b'"}'):
        raise ValueError("no checksum at its end")
    if tail[len(_CRC) : -2] != b"%08x" % zlib.crc32(body):
        raise ValueError("its checksum does not fit")
    fields: Dict[str, Any] = json.loads(body + b"}")
    kind = next(iter(fields))
    if kind not in _READERS:
        raise ValueError(f"a record of an unknown kind, {kind!r}")
    try:
        return _READERS[kind](fields)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a {kind!r} record that is not whole ({error})") from None


def _seconds(value: float) -> float:
    return round(value, 3)


def _ends(ends_boot_s: Any) -> Dict[str, Any]:
    return {} if ends_boot_s is None else {"end": _seconds(ends_boot_s)}


def _write_promised(r: Promised) -> Dict[str, Any]:
    a = r.arguments
    fields: Dict[str, Any] = {"promise": r.block, "cmd": r.command, "exe": r.executable}
    if r.contract != "argv":
        fields["contract"] = r.contract
    fields.update({"on": list(r.subject), "n": r.offence, "at": _seconds(r.at_s), "for": r.sentence_s})
    fields.update(_ends(r.ends_boot_s))
    fields["alert"], fields["rule"], fields["loc"] = a.alert_id, a.rule, a.location
    others = (("user", a.user, "user"), ("ip", a.srcip, "srcip"), ("file", a.filename, "filename"))
    fields.update({key: value for key, value, kind in others if value != _implied(r.subject, kind)})
    return fields


def _read_promised(f: Dict[str, Any]) -> Promised:
    subject = Subject(*map(str, f["on"]))

    def argument(key: str, kind: str) -> str:
        return str(f.get(key, _implied(subject, kind)))

    arguments = Arguments(
        argument("user", "user"), argument("ip", "srcip"), str(f["alert"]), int(f["rule"]), str(f["loc"]),
        argument("file", "filename"),
    )  # fmt: skip
    return Promised(
        int(f["promise"]), str(f["cmd"]), str(f["exe"]), str(f.get("contract", "argv")), subject, arguments,
        int(f["n"]), float(f["at"]), int(f["for"]), _read_end(f),
    )  # fmt: skip


def _implied(subject: Subject, kind: str) -> str:
    """Return the argument that needs no word in the journal: the subject itself, else a dash."""
    return subject.value if subject.kind == kind else "-"


def _read_end(f: Dict[str, Any]) -> Any:
    return float(f["end"]) if "end" in f else None


_SHAPES: Dict[type, Callable[[Any], Dict[str, Any]]] = {
    Opened: lambda r: {"open": 1, "boot": r.boot_id, "wall": _seconds(r.wall_s), "up": _seconds(r.boot_s)},
    Promised: _write_promised,
    Prolonged: lambda r: {
        "prolong": r.block, "n": r.offence, "at": _seconds(r.at_s), "for": r.sentence_s, **_ends(r.ends_boot_s),
    },
    Added: lambda r: {"added": r.block},
    Ended: lambda r: {"end": r.block, "at": _seconds(r.at_s)},
    Released: lambda r: {"released": r.block, "at": _seconds(r.at_s)},
    Ran: lambda r: {"run": r.block, "cmd": r.command, "on": list(r.subject), "at": _seconds(r.at_s)},
    Offended: lambda r: {
        "offender": r.command, "on": list(r.subject), "n": r.offences, "last": _seconds(r.last_end_s),
    },
}  # fmt: skip

_READERS: Dict[str, Callable[[Dict[str, Any]], Record]] = {
    "open": lambda f: Opened(str(f["boot"]), float(f["wall"]), float(f["up"])),
    "promise": _read_promised,
    "prolong": lambda f: Prolonged(int(f["prolong"]), int(f["n"]), float(f["at"]), int(f["for"]), _read_end(f)),
    "added": lambda f: Added(int(f["added"])),
    "end": lambda f: Ended(int(f["end"]), float(f["at"])),
    "released": lambda f: Released(int(f["released"]), float(f["at"])),
    "run": lambda f: Ran(int(f["run"]), str(f["cmd"]), Subject(*map(str, f["on"])), float(f["at"])),
    "offender": lambda f: Offended(str(f["offender"]), Subject(*map(str, f["on"])), int(f["n"]), float(f["last"])),
}
