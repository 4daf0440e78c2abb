"""`ar-agent explain --test FILE.ini…`: runs rule tests, each log on its own, and tells which do not hold and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, Sequence

from ar.cli.logclock import LogClock
from ar.cli.whynot import why_not
from ar.cli.words import hung, terminal_width
from ar.config.load import Loaded
from ar.detect.detector import Verdict
from ar.detect.ruletests import Outcome, RuleTest, TestFile, outcome_of, read_tests
from ar.detect.whynot import WhyNot
from ar.errors import InputError
from ar.model import Line
from ar.report.log import printable
from ar.respond import clock
from ar.setup import detector_of

FAILED = 1  # the exit code when a test does not hold, as test runners have it; 65 is for files that are no tests
SOURCE = "test"
INDENT = 2


def run(names: Sequence[str], loaded: Loaded, *, as_json: bool) -> int:
    """Run the tests of these files; exit 1 when one does not hold. Raises InputError for mistakes in the files."""
    files = [_read(name) for name in names]
    mistakes = [mistake for file in files for mistake in file.mistakes]
    if mistakes:
        raise InputError("\n".join(["the tests have mistakes:", *map(str, mistakes)]))
    for warning in (warning for file in files for warning in file.warnings):
        print(f"ar-agent: WARNING: {printable(str(warning))}", file=sys.stderr)
    tests = [test for file in files for test in file.tests]
    trial = Trial(loaded)
    width = terminal_width()
    failed = 0
    for test in tests:
        verdict = trial.take(test.log)
        actual = outcome_of(verdict)
        holds = test.holds(actual)
        failed += not holds
        why = "" if holds else trial.why(test, verdict)
        if as_json:
            print(json.dumps(_as_object(test, actual, why, holds=holds)))
        elif not holds:
            print(hung(printable(_as_words(test, actual, why)), INDENT, width))
    summary = {"summary": True, "files": len(files), "logs": len(tests), "failed": failed, "ok": not failed}
    if as_json:
        print(json.dumps(summary))
    else:
        print(_told(len(tests), len(files), failed))
    return FAILED if failed else 0


class Trial:
    """A detector that has seen nothing before each line, and what may be asked of it after one."""

    def __init__(self, loaded: Loaded) -> None:
        self._rules = loaded.ruleset.rules
        self._detector = detector_of(loaded)

    def take(self, text: str) -> Verdict:
        """Return the verdict on a line at its own time, as `explain` gives it."""
        self._detector.forget()
        now_s = clock.now().wall_s
        return self._detector.take(Line(SOURCE, text, LogClock(now_s).time_of(text) or now_s))

    def why(self, test: RuleTest, verdict: Verdict) -> str:
        """Return what kept the expected rule from being the line's, or nothing when the rule is as it should be."""
        number = test.expected.rule
        rule = self._rules.by_id.get(number) if number is not None else None
        if rule is None:
            return f"rule {number} is not loaded"
        miss = WhyNot(self._rules, verdict, self._detector.counted).of(rule) if test.passes else None
        if miss is not None:
            return why_not(rule, miss)
        if test.passes and rule is not verdict.rule and verdict.rule is not None:
            return f"{rule.id} matched, and {verdict.rule.id} below it did too"
        return ""


def _read(name: str) -> TestFile:
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}: expected a file of rule tests") from error
    text = content.decode("utf-8-sig", "backslashreplace").replace("\r\n", "\n")
    return read_tests(text, name)


def _as_words(test: RuleTest, actual: Outcome, why: str) -> str:
    expected = f"{test.expected}" if test.passes else f"anything but {test.expected}"
    tail = f" ({why})" if why else ""
    return f"{test.place}: {test.name}: expected {expected}: got {actual if test.passes else 'just that'}{tail}"


def _as_object(test: RuleTest, actual: Outcome, why: str, *, holds: bool) -> Dict[str, Any]:
    return {
        "file": test.place.file,
        "line": test.place.line,
        "section": test.section,
        "name": test.name,
        "log": test.log,
        "pass": test.passes,
        "expected": vars(test.expected),
        "actual": vars(actual),
        "ok": holds,
        "why": why,
    }


def _told(logs: int, files: int, failed: int) -> str:
    def some(number: int, name: str) -> str:
        return f"{number} {name}" + ("" if number == 1 else "s")

    return f"{some(logs, 'log')} in {some(files, 'file')}: {logs - failed} as expected, {failed} not"
