"""Reads the lists that rules look values up in: `lists/foo`, or `lists/foo.cdb` that was made from it.

OSSEC reads the .cdb alone. Here the text is enough, and where both are there the text counts if it is the newer one, so
that an edited list is in force at the next reload; else the .cdb does, which loads faster and so is for long lists.
A list is kept in memory as the bytes of its .cdb, which is the least room it can have. They are read, not mapped: who
writes a new list over the old file would else take the agent down.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, Iterator, Optional

from ar.cdb import Cdb, CdbError, build_cdb
from ar.config.files import is_folder, read_bytes, shown
from ar.config.findings import Findings
from ar.config.home import Home
from ar.config.settings import Included
from ar.detect.list_file import Entry, read_entries
from ar.detect.lists import list_name
from ar.errors import Place

LIST_BYTES_MAX = 64 * 1024 * 1024  # of a text or a .cdb, which are held in memory whole
_CDB_BYTES, _ENTRY_BYTES = 2048, 24  # of a .cdb without entries, and of each beside its key and value
_A_CDB = "a file that `ar-agent make-lists` or ossec-makelists built"


def read_lists(files: Iterable[Included], home: Home, findings: Findings) -> Dict[str, Optional[Cdb]]:
    """Return the lists by the names that rules give them, None for one that is missing or cannot be read.

    A damaged .cdb is a mistake; lines of a text that are wrong are warned of and passed over.
    """
    return {list_name(shown(included.path, home)): _read(included, home, findings) for included in files}


def cdb_of(text: Path) -> Path:
    """Return the path of what is made from a list's text."""
    return text.with_name(f"{text.name}.cdb")


def file_of(text: Path) -> Optional[Path]:
    """Return the file that counts: the .cdb, or the text when it is newer or alone; None when neither is there."""
    built = cdb_of(text)
    text_ns, built_ns = _modified_ns(text), _modified_ns(built)
    if text_ns is None:
        return None if built_ns is None else built
    return text if built_ns is None or text_ns > built_ns else built


def _modified_ns(path: Path) -> Optional[int]:
    """Return when a file was last written, None when there is none that can be looked at."""
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None


def _read(included: Included, home: Home, findings: Findings) -> Optional[Cdb]:
    name_expected = "the name of a list such as lists/bad"
    if included.path == home.root / list_name(""):
        findings.mistake(included.place, "this <list> names no list", name_expected)
        return None
    path = file_of(included.path)
    if path is None:
        return None
    name = shown(path, home)
    if is_folder(path):
        findings.mistake(included.place, f"this <list> names {name}, which is a folder", name_expected)
        return None
    if path == included.path:
        content = table_of(path, included.place, name, findings)
    else:
        content = read_bytes(path, included.place, findings, bytes_max=LIST_BYTES_MAX)
    if content is None:
        return None
    try:
        return Cdb(content)
    except CdbError as error:
        findings.mistake(Place(name), str(error), _A_CDB)
        return None


def table_of(text: Path, place: Place, name: str, findings: Findings) -> Optional[bytes]:
    """Return the .cdb of a list's text, or None with a mistake when the text cannot be read or would be too large.

    Lines of the text that are wrong are warned of and left out.
    """
    content = read_bytes(text, place, findings, bytes_max=LIST_BYTES_MAX)
    if content is None:
        return None
    entries = _Measured(read_entries(content, name, findings.warnings))
    table = build_cdb(entries)
    if entries.bytes > LIST_BYTES_MAX:
        what = f"the .cdb of this list would have {entries.bytes} bytes"
        findings.mistake(Place(name), what, f"at most {LIST_BYTES_MAX} bytes")
        return None
    return table


class _Measured:
    """Entries, and how many bytes their .cdb has; those that are over the limit are measured and kept back."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.bytes = _CDB_BYTES
        self._entries = entries

    def __iter__(self) -> Iterator[Entry]:
        for key, value in self._entries:
            self.bytes += _ENTRY_BYTES + len(key) + len(value)
            if self.bytes <= LIST_BYTES_MAX:
                yield key, value
