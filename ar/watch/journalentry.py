"""Turns one entry of systemd's journal, as `journalctl -o json` prints it, into a line as syslog writes it.

Fields that begin with an underscore are set by journald itself and can be trusted; the others are what the
sender chose to say (systemd.journal-fields(7)). Any local user may send, so a program that does not run as
root is believed to be what it calls itself only if the kernel says so too: otherwise any user could write
failed logins of sshd and have whom he likes blocked.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any, Mapping, NamedTuple, Optional

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOT_IN_HEADER = re.compile(r"[^A-Za-z0-9_.@/()-]")
_LINE_BREAKS = re.compile(r"[\r\n\v\f]+")
_WORD_MAX = 64
_COMM_MAX = 15  # the kernel keeps no more of a process's name
_NO_SENDER = frozenset({"kernel", "driver", "audit"})  # transports on which no process of a user can write
_REPLACED = " (deleted)"  # what the kernel adds to the name of a running program whose package was updated
# Where only root can put a program; one that lies elsewhere is named by its whole path.
_SYSTEM_FOLDERS = ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/snap/", "/nix/store/", "/gnu/store/")


class Entry(NamedTuple):
    """The line an entry comes to, and the cursor that leads back to it ("" when it has none)."""

    line: str
    cursor: str


def read_entry(raw: bytes) -> Optional[Entry]:
    """Return what one line of journalctl's JSON says; None when it is no such line or has no message."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):  # ValueError is also what undecodable bytes raise
        return None
    if not isinstance(fields, dict):
        return None
    message = _text(fields.get("MESSAGE"))
    if message is None:
        return None
    program = _header_word(_program(fields), "unknown")
    pid = _header_word(_text(fields.get("_PID")) or "", "")
    sender = f"{program}[{pid}]" if pid.isdigit() else program
    host = _header_word(_text(fields.get("_HOSTNAME")) or "", "localhost")
    line = f"{_stamp(fields)} {host} {sender}: {_LINE_BREAKS.sub(' ', message)}"
    return Entry(line, _text(fields.get("__CURSOR")) or "")


def _text(value: Any) -> Optional[str]:
    """Return a field's text: a string, a list of bytes when it is not UTF-8, or the first of repeated fields."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        value = value[0]
    if isinstance(value, list):
        try:
            return bytes(value).decode("utf-8", "backslashreplace")
        except (TypeError, ValueError):
            return None
    return value if isinstance(value, str) else None


def _program(fields: Mapping[str, Any]) -> str:
    name = _text(fields.get("SYSLOG_IDENTIFIER")) or ""
    process = _text(fields.get("_COMM")) or ""
    uid = _text(fields.get("_UID"))
    if uid == "0" or (uid is None and _text(fields.get("_TRANSPORT")) in _NO_SENDER):
        return name or process
    # A process can give itself any name, but not the file that it runs.
    file = (_text(fields.get("_EXE")) or "").replace(_REPLACED, "")
    if file and not (file.startswith(_SYSTEM_FOLDERS) and file.rpartition("/")[2][:_COMM_MAX] == process):
        return file
    return name if name[:_COMM_MAX] == process else process


def _stamp(fields: Mapping[str, Any]) -> str:
    """Return when journald received the entry, as local time in syslog's form."""
    microseconds = _text(fields.get("__REALTIME_TIMESTAMP")) or ""
    try:
        at = time.localtime(int(microseconds) // 1_000_000)
    except (ValueError, OverflowError, OSError):
        at = time.localtime(0)
    return f"{_MONTHS[at.tm_mon - 1]} {at.tm_mday:2d} {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}"


def _header_word(text: str, otherwise: str) -> str:
    """Return `text` as a word that a syslog header may hold, so that no name can pose as more than a name."""
    return _NOT_IN_HEADER.sub("_", text[:_WORD_MAX]) or otherwise
