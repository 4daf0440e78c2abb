"""Collects everything that is wrong or doubtful in a configuration, so that all of it is reported at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Sequence

from ar.errors import Mistake, Place


@dataclass
class Findings:
    """`mistakes` keep the agent from starting; `warnings` load, but do not do what they seem to."""

    mistakes: List[Mistake] = field(default_factory=list)
    warnings: List[Mistake] = field(default_factory=list)

    def mistake(self, place: Place, what: str, expected: str = "") -> None:
        """Note something that must be changed before the agent starts."""
        self.mistakes.append(Mistake(place, what, expected))

    def warn(self, place: Place, what: str, expected: str = "") -> None:
        """Note something that loads, but will not do what it seems to."""
        self.warnings.append(Mistake(place, what, expected))


def in_reading_order(found: Sequence[Mistake], first: Sequence[str] = ()) -> List[Mistake]:
    """Return the findings by file and line: the files named `first`, then the others as they first appear."""
    files: Dict[str, int] = {file: number for number, file in enumerate(first)}
    for mistake in found:
        files.setdefault(mistake.place.file, len(files))
    return sorted(found, key=lambda mistake: (files[mistake.place.file], mistake.place.line))
