"""Reads the lists that rules look values up in: `lists/foo`, or `lists/foo.cdb` that was made from it.

OSSEC reads the .cdb alone. Here the text is enough, and where both are there the text counts if it is the newer one, so
that an edited list is in force at the next reload; else the .cdb does, which loads faster and so is for long lists.
A list is kept in memory as the bytes of its .cdb, which is the least room it can have. They are read, not mapped: who
writes a new list over the old file would else take the agent down.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, List, Optional

from ar.cdb import Cdb, CdbError, build_cdb
from ar.config.files import read_bytes, shown
from ar.config.findings import Findings
from ar.config.home import Home
from ar.config.settings import Included
from ar.detect.list_file import read_entries
from ar.detect.lists import list_name
from ar.errors import Mistake, Place

LIST_BYTES_MAX = 64 * 1024 * 1024
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
    path = file_of(included.path)
    content = read_bytes(path, included.place, findings, bytes_max=LIST_BYTES_MAX) if path is not None else None
    if path is None or content is None:
        return None
    name = shown(path, home)
    if path == included.path:
        wrong: List[Mistake] = []
        content = build_cdb(read_entries(content, name, wrong))
        findings.warnings += wrong
    try:
        return Cdb(content)
    except CdbError as error:
        findings.mistake(Place(name), str(error), _A_CDB)
        return None
