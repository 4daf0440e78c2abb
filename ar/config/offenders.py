"""Reads `repeated_offenders`: how long the second, third … offence is blocked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, List, Optional, Tuple

from ar.config.findings import Findings
from ar.config.sections import Entry, Section
from ar.duration import parse_duration, speak
from ar.errors import Place


@dataclass(frozen=True)
class Steps:
    """One list of sentences, in seconds, and where it stands."""

    steps_s: Tuple[int, ...]
    place: Place


def read_steps(entry: Entry, steps_max: int, findings: Findings) -> Optional[Steps]:
    """Return the list, or None with a mistake: OSSEC cuts garbage to zero and drops what is too much in silence."""
    steps_s: List[int] = []
    for word in entry.text.split(","):
        step_s = parse_duration(word, 60)
        if not step_s:
            findings.mistake(
                entry.place, entry.shown, f"1 to {steps_max} positive numbers of minutes such as 30,60,120"
            )
            return None
        steps_s.append(step_s)
    if len(steps_s) > steps_max:
        findings.mistake(entry.place, f"{entry.shown}, {len(steps_s)} entries", f"at most {steps_max}")
        return None
    falls = next((step for step, after in zip(steps_s, steps_s[1:]) if after < step), None)
    if falls is not None:
        findings.warn(entry.place, f"{entry.shown}: it falls after {speak(falls, units=4)}", "a list that rises")
    return Steps(tuple(steps_s), entry.place)


def read_default(sections: Iterable[Section], findings: Findings) -> Optional[Steps]:
    """Return the default list: that of the last section that has one and no command, in reading order."""
    default: Optional[Steps] = None
    for section in sections:
        entries = {entry.name: entry for entry in section.entries}
        disabled = "disabled" in entries and entries["disabled"].text.lower() == "yes"
        if "repeated_offenders" not in entries or "command" in entries or disabled:
            continue
        steps = read_steps(entries["repeated_offenders"], section.steps_max, findings)
        if steps is not None and default is not None:
            findings.warn(default.place, f"this default for repeated offenders is replaced by that of {steps.place}")
        default = steps or default
    return default
