"""Remembers until when a sweep finds nothing to do, so that one each minute need not read the whole journal.

It counts only for the journal as it was left and in the same boot, so nothing that an agent or a reboot changes is
missed, and what a power cut leaves of the file does not matter.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, List, Optional

from ar.respond.disk import Disk


class NextDue:
    """The note of the last sweep, kept at `path`, about the journal at `journal`."""

    def __init__(self, path: Path, journal: Path, boot_id: str) -> None:
        self._path = path
        self._journal = journal
        self._boot_id = boot_id

    def is_later(self, boot_s: float) -> bool:
        """Tell whether nothing in the journal is due at that time of the boot clock, as far as the note tells."""
        try:
            seen, due_s = json.loads(self._path.read_bytes())
        except (OSError, ValueError, TypeError):
            return False  # none yet, or half a one: the journal itself tells
        return seen == self._seen() and (due_s is None or (isinstance(due_s, float) and boot_s < due_s))

    def note(self, due_boot_s: Optional[float]) -> None:
        """Note when something is due in the journal as it is now; None for never."""
        new = self._path.with_name(f"{self._path.name}.new")
        with suppress(OSError):  # without a note the next sweep reads the journal
            new.write_text(json.dumps([self._seen(), due_boot_s]), encoding="ascii")
            new.replace(self._path)

    def _seen(self) -> List[Any]:
        """Return what the note is about; never equal to that of a journal that is not there."""
        stamp = Disk().stamp_of(self._journal)
        return [self._boot_id, *(stamp or ())]
