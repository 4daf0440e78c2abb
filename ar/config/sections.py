"""The shape that ossec.conf and agent.toml have in common: named sections of named texts, each with its place.

Both files are read into these before anything is understood, so that a command or a response means the same
wherever it is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, NamedTuple, Optional

from ar.config.findings import Findings
from ar.errors import Place

DEFAULT_PATTERN = ".xml$"  # which files of a rule_dir or decoder_dir count, an OS_Regex
AGENT_ID = re.compile(r"[0-9]{1,12}")  # as OSSEC numbers its agents


class Entry(NamedTuple):
    """One value as it is written, without the space around it; `label` is how messages call it."""

    name: str
    text: str
    place: Place
    label: str
    attributes: Mapping[str, str] = {}

    @property
    def shown(self) -> str:
        """The entry in a message, its value cut to a readable length."""
        text = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        return f"{self.label} is {text!r}"


@dataclass
class Section:
    """One `<command>`, `<active-response>` … or `[[command]]`, `[[response]]` …; `name` is that of ossec.conf."""

    name: str
    place: Place
    label: str
    entries: List[Entry] = field(default_factory=list)
    steps_max: int = 5  # how many repeated_offenders the file's format allows

    def called(self, name: str) -> str:
        """Return how an entry of that name is written in this section's file."""
        return f"<{name}>" if self.label.startswith("<") else name

    def singles(self, findings: Findings) -> Dict[str, Entry]:
        """Return the entries by name, for a section in which each may stand once; as in OSSEC the last one counts."""
        found: Dict[str, Entry] = {}
        for entry in self.entries:
            earlier = found.get(entry.name)
            if earlier is not None:
                findings.warn(
                    entry.place,
                    f"{entry.label} stands twice in one {self.label}; that of line {earlier.place.line} does not count",
                )
            found[entry.name] = entry
        return found


def truth(entry: Optional[Entry], findings: Findings, *, default: bool) -> bool:
    """Return what a yes-or-no entry says, and `default` when it is missing or says something else (a mistake)."""
    if entry is None:
        return default
    word = entry.text.lower()
    if word not in ("yes", "no"):
        findings.mistake(entry.place, entry.shown, "yes or no")
        return default
    return word == "yes"
