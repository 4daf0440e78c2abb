"""Reads rule tests in the format of OSSEC's own (contrib/ossec-testing): log lines and the rule each should get.

    [Login session opened.]
    log 1 pass = Nov 11 22:46:29 host su(pam_unix)[14592]: session opened for user news by (uid=0)
    log 2 fail = Nov 11 22:46:29 host su(pam_unix)[14592]: session closed for user news
    rule = 5501
    alert = 3
    decoder = pam

`pass` holds when rule, level (`alert`) and decoder are all as the section says, `fail` when any of them is not.
Everything after the first `=` or `:` of a line is its value, `%` too; lines that start with `#` or `;` are comments.
OSSEC's runner reads this as Python's ConfigParser did, where the second of two equal keys hides the first, and a `;`
behind a space starts a comment, even in a log. Here both logs are tried, and logs are whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from ar.detect.detector import Verdict
from ar.detect.findings import Findings
from ar.errors import Mistake, Place, nearest
from ar.model import LEVEL_MAX, RuleId

_COMMENT = re.compile(r"(^|\s+);.*")
_LOG = re.compile(r"log( \S+)? (pass|fail)")
_OUTCOMES = ("rule", "alert", "decoder")
_FORM = "[a section], log 1 pass = …, log 1 fail = …, rule = …, alert = … or decoder = …"


@dataclass(frozen=True)
class Outcome:
    """What a line gets: rule and level are None when no rule matched, the decoder is "" when none did."""

    rule: Optional[RuleId]
    level: Optional[int]
    decoder: str

    def __str__(self) -> str:
        rule = "no rule" if self.rule is None else f"rule {self.rule} (level {self.level})"
        return f"{rule}, decoder {self.decoder or 'none'}"


@dataclass(frozen=True)
class RuleTest:
    """One log line of a section, with what it should get, or with `passes` False: should not."""

    place: Place
    section: str
    name: str
    log: str
    passes: bool
    expected: Outcome

    def holds(self, actual: Outcome) -> bool:
        """Tell whether the test holds.

        As with OSSEC's runner, an empty decoder equals none in a `fail`, which so always holds; but a `pass` with
        one, which OSSEC always fails, asks that no decoder takes the line.
        """
        if self.passes:
            return actual == self.expected
        return actual != self.expected or not self.expected.decoder


def outcome_of(verdict: Verdict) -> Outcome:
    """Return what a line got, as tests compare it."""
    rule = verdict.rule
    return Outcome(rule.id if rule else None, rule.level if rule else None, verdict.event.decoder)


@dataclass
class TestFile:
    """What stands in one file: its tests, in order, and all that is wrong with it."""

    tests: List[RuleTest] = field(default_factory=list)
    mistakes: List[Mistake] = field(default_factory=list)
    warnings: List[Mistake] = field(default_factory=list)


@dataclass
class _Section:
    name: str
    place: Place
    logs: List[Tuple[Place, str, str]] = field(default_factory=list)  # with their names
    outcome: Dict[str, Tuple[Place, str]] = field(default_factory=dict)


def read_tests(text: str, file: str) -> TestFile:
    """Return the tests that stand in `text`, whose name in messages is `file`; every mistake is collected."""
    findings = Findings()
    found = TestFile(mistakes=findings.mistakes, warnings=findings.warnings)
    for section in _sections(text, file, findings):
        found.tests.extend(_tests(section, findings))
    if not found.tests and not findings.mistakes:
        findings.refuse(Place(file), "no test in it", _FORM)
    return found


def _sections(text: str, file: str, findings: Findings) -> List[_Section]:
    sections: List[_Section] = []
    for number, line in enumerate(text.split("\n"), 1):
        place = Place(file, number)
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if line[0] == "[" and stripped[-1] == "]":
            sections.append(_Section(stripped[1:-1].strip(), place))
        elif line[0] in " \t":
            findings.refuse(place, f"{stripped[:40]!r} is indented", "each line to start at its beginning")
        elif not sections:
            findings.refuse(place, f"{stripped[:40]!r} before the first section", "[a section]")
        else:
            _read_pair(stripped, place, sections[-1], findings)
    return sections


def _read_pair(line: str, place: Place, section: _Section, findings: Findings) -> None:
    name, sign, value = re.match(r"([^=:]*)([=:]?)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]  # it fits any line
    key, value = " ".join(name.lower().split()), value.strip()
    if not sign:
        findings.refuse(place, f"{line[:40]!r}", _FORM)
    elif _LOG.fullmatch(key):
        if not value:
            findings.refuse(place, f"{key!r} is empty", "a log line")
        section.logs.append((place, key, value))
    elif key in _OUTCOMES:
        if key in section.outcome:
            findings.refuse(place, f"{key!r} for the second time", f"it once in a section ({section.outcome[key][0]})")
        section.outcome[key] = (place, _COMMENT.sub("", value))
    elif key.startswith("log"):
        findings.refuse(place, f"{key!r}", "'log 1 pass' or 'log 1 fail'")
    else:
        findings.warn(place, f"{key!r} is passed over", nearest(key, ("log 1 pass", "log 1 fail", *_OUTCOMES)))


def _tests(section: _Section, findings: Findings) -> List[RuleTest]:
    missing = [name for name in _OUTCOMES if name not in section.outcome]
    if missing:
        what = f"the section [{section.name}] has no {' and no '.join(missing)}"
        findings.refuse(section.place, what, ", ".join(f"{name} = …" for name in missing))
        return []
    rule = _number(section, "rule", 999_999, findings)
    level = _number(section, "alert", LEVEL_MAX, findings)
    if rule is None or level is None:
        return []
    if not section.logs:
        findings.warn(section.place, f"the section [{section.name}] has no log", "log 1 pass = …")
    expected = Outcome(rule, level, section.outcome["decoder"][1])
    tests = [
        RuleTest(place, section.name, name, log, name.endswith("pass"), expected) for place, name, log in section.logs
    ]
    if not expected.decoder:
        for test in tests:
            if not test.passes:
                findings.warn(
                    test.place, f"{test.name!r} cannot fail: its section's decoder is empty", "a decoder's name"
                )
    return tests


def _number(section: _Section, name: str, most: int, findings: Findings) -> Optional[int]:
    place, text = section.outcome[name]
    if text.isascii() and text.isdecimal() and int(text) <= most:
        return int(text)
    findings.refuse(place, f"{name!r} is {text!r}", f"a number from 0 to {most}")
    return None
