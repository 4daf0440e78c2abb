"""What a script can do besides add and delete, as it declares in its header: `# ar: batch timeout present`.

`present`: it tells whether a subject is in force. `timeout`: it has the firewall itself end the block. `batch`: it
takes many addresses in one run. scripts/README.md has the contract of each. `check_keys` needs no declaration: a
script, or a program, that may ask the agent by this word has it somewhere in its file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict, FrozenSet, Tuple

KNOWN = frozenset({"batch", "timeout", "present"})
CHECK_KEYS = "check_keys"
_HEAD_BYTES = 2048  # the header stands at the top
_FILE_BYTES = 8 * 1024 * 1024  # of a program so much is searched, once
_DECLARED = re.compile(rb"^# ar:([a-z ]+)$", re.MULTILINE)
_NONE: FrozenSet[str] = frozenset()

_Version = Tuple[int, int, int]  # what changes when somebody writes another script in the place of one


class Abilities:
    """What each script of a folder declares; read again when the file has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: Dict[str, Tuple[_Version, FrozenSet[str]]] = {}

    def of(self, executable: str) -> FrozenSet[str]:
        """Return what the script declares; nothing when it cannot be read, which the runner will tell of."""
        path = self._folder / executable
        try:
            found = path.stat()
            version = (found.st_ino, found.st_size, found.st_mtime_ns)
            known = self._known.get(executable)
            if known is None or known[0] != version:
                with path.open("rb") as file:
                    known = self._known[executable] = (version, _abilities_in(file.read(_FILE_BYTES)))
        except OSError:
            return _NONE
        return known[1]


def _abilities_in(content: bytes) -> FrozenSet[str]:
    asking = {CHECK_KEYS} if CHECK_KEYS.encode() in content else set()
    return declared(content[:_HEAD_BYTES]) | asking


def declared(head: bytes) -> FrozenSet[str]:
    """Return the abilities that the first bytes of a script declare; unknown words are of a later version."""
    words = b" ".join(_DECLARED.findall(head)).decode("ascii").split()
    return KNOWN.intersection(words)
