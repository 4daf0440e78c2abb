"""`ar-agent replay FILE…`: what would have been blocked and released; no script is run.

The lines' own stamps are the clock, and several files are read side by side in the order of their stamps.
"""

from __future__ import annotations

import argparse
import gzip
import heapq
import json
import os
import sys
import zlib
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, Tuple, cast

from ar.cli.logclock import LogClock, lines_of
from ar.cli.words import moment
from ar.config.home import Home
from ar.config.load import Loaded, load
from ar.errors import ConfigError, InputError
from ar.model import Chunk, Moment, RuleId
from ar.policy.block import State
from ar.policy.policy import Policy, Ruling, for_how_long
from ar.policy.records import Promised, Ran
from ar.policy.rehearsal import play
from ar.report.log import printable
from ar.respond import clock
from ar.setup import detector_of, rehearsal_policy_of

BAR_EVERY_LINES = 5000
BAR_WIDTH = 40

Tell = Callable[[Dict[str, Any]], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a log; one that ends in .gz is unpacked; - is stdin")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line, the summary last")


def run(options: argparse.Namespace) -> int:
    """Replay the files; exit 78 when the configuration has mistakes, 65 when a file cannot be read."""
    loaded = load(Home.choose(options.home))
    if loaded.mistakes:
        raise ConfigError(loaded.mistakes, before="the configuration has mistakes:")
    tell: Tell = _tell_as_json if options.json else _tell_in_words
    rehearsal = Rehearsal(loaded, rehearsal_policy_of(loaded), tell)
    with ExitStack() as stack:
        logs = [(name, stack.enter_context(_open(name))) for name in options.files]
        bar = _Bar(logs) if sys.stderr.isatty() else None
        for number, (time_s, source, line) in enumerate(_merged(logs), 1):
            rehearsal.take(source, line, time_s)
            if bar is not None and number % BAR_EVERY_LINES == 0:
                bar.show()
        if bar is not None:
            bar.wipe()
    rehearsal.end()
    if options.json:
        print(json.dumps({"kind": "summary", **rehearsal.summary()}))
    else:
        _print_summary(rehearsal.summary(), loaded)
    return 0


class Rehearsal:
    """Detection and policy on the clock of a log: every script is taken to succeed at once."""

    def __init__(self, loaded: Loaded, policy: Policy, tell: Tell) -> None:
        self._detector = detector_of(loaded)
        self._policy = policy
        self._ledger = policy.ledger
        self._tell = tell
        self._now_s = 0.0
        self._counts: Counter[str] = Counter(lines=0, alerts=0, blocks=0, prolonged=0, releases=0, runs=0)
        self._alerts_by_rule: Counter[RuleId] = Counter()

    def take(self, source: str, line: bytes, time_s: float) -> None:
        """Take one line, as if it were read at `time_s`; what was due before its alert happens first."""
        self._now_s = max(self._now_s, time_s)
        self._counts["lines"] += 1
        for alert in self._detector.alerts_of(Chunk(source, (line,), self._now_s)):
            self._counts["alerts"] += 1
            self._alerts_by_rule[alert.rule] += 1
            self._release_due(self._now_s)
            now = Moment(self._now_s, self._now_s)
            for ruling in self._policy.rule_on(alert, now):
                self._policy.commit(ruling, now)
                if ruling.record is not None:
                    self._note(ruling)
            self._release_due(self._now_s)

    def end(self) -> None:
        """Let all that is timed come to its end after the last line."""
        self._release_due(float("inf"))

    def summary(self) -> Dict[str, Any]:
        """Return the counts of the whole replay."""
        by_rule = {str(rule): count for rule, count in sorted(self._alerts_by_rule.items())}
        in_force = sum(1 for block in self._ledger.blocks.values() if block.state is State.IN_FORCE)
        offenders = len({subject for _, subject in self._ledger.offenders})
        return {**self._counts, "alerts_by_rule": by_rule, "offenders": offenders, "still_blocked": in_force}

    def _note(self, ruling: Ruling) -> None:
        record = ruling.record
        kind = "block" if isinstance(record, Promised) else "run" if isinstance(record, Ran) else "prolong"
        self._counts[{"block": "blocks", "run": "runs", "prolong": "prolonged"}[kind]] += 1
        self._tell(
            {
                "kind": kind,
                "time": self._now_s,
                "command": ruling.response.command.name,
                "subject": ruling.subject.value if ruling.subject else "-",
                "rule": ruling.arguments.rule if ruling.arguments else None,
                "offence": getattr(record, "offence", None),
                "timeout_s": getattr(record, "sentence_s", None),
            }
        )

    def _release_due(self, until_s: float) -> None:
        for time_s, block in play(self._ledger, until_s):
            self._counts["releases"] += 1
            self._tell({"kind": "release", "time": time_s, "command": block.command, "subject": block.subject.value})


def _open(name: str) -> IO[bytes]:
    if name == "-":
        return sys.stdin.buffer
    path = Path(name)
    try:
        if path.is_dir():
            raise InputError(f"{name}: is a folder: expected a log file")
        if path.suffix == ".gz":
            return cast("IO[bytes]", gzip.open(path))
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}: expected a log file") from error


def _lines(name: str, log: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from lines_of(log)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name}: cannot be read on: {error}: expected a log file") from error


def _merged(logs: List[Tuple[str, IO[bytes]]]) -> Iterator[Tuple[float, str, bytes]]:
    """Yield (time, source, line) of all lines, in the order of their times; within a file order is kept."""
    now_s = clock.now().wall_s
    return heapq.merge(*(_timed(name, log, now_s) for name, log in logs), key=lambda item: item[0])


def _timed(name: str, log: IO[bytes], now_s: float) -> Iterator[Tuple[float, str, bytes]]:
    return ((time_s, name, line) for time_s, line in LogClock(now_s).timed(_lines(name, log)))


class _Bar:
    """How much of the files has been read, on a terminal."""

    def __init__(self, logs: List[Tuple[str, IO[bytes]]]) -> None:
        files = ((Path(name), log) for name, log in logs if name != "-")
        self._files = [(path, log) for path, log in files if path.is_file()]  # a pipe has no size
        self._total = sum(path.stat().st_size for path, _ in self._files) or 1

    def show(self) -> None:
        """Draw the bar over the last one."""
        read = sum(os.lseek(log.fileno(), 0, os.SEEK_CUR) for _, log in self._files if not log.closed)
        share = min(1.0, read / self._total)
        filled = int(share * BAR_WIDTH)
        print(f"\r[{'#' * filled}{' ' * (BAR_WIDTH - filled)}] {share:4.0%}", end="", file=sys.stderr, flush=True)

    def wipe(self) -> None:
        """Take the bar away."""
        print("\r" + " " * (BAR_WIDTH + 8) + "\r", end="", file=sys.stderr, flush=True)


def _tell_as_json(fact: Dict[str, Any]) -> None:
    print(json.dumps(fact))


def _tell_in_words(fact: Dict[str, Any]) -> None:
    words = ""
    if fact["kind"] in ("block", "prolong"):
        words = f"{for_how_long(fact['timeout_s'])}, offence {fact['offence']}, rule {fact['rule']}"
    elif fact["kind"] == "run":
        words = f"rule {fact['rule']}"
    line = f"{moment(fact['time'])}  {fact['kind']:<8} {fact['command']:<16} {fact['subject']:<16} {words}"
    print(printable(line.rstrip()))


def _print_summary(summary: Dict[str, Any], loaded: Loaded) -> None:
    print(f"\n{summary['lines']} lines, {summary['alerts']} alerts")
    rules = loaded.ruleset.rules.by_id
    for rule_id, count in sorted(summary["alerts_by_rule"].items(), key=lambda item: -item[1]):
        rule = rules[int(rule_id)]
        print(f"  {count:>7} x {rule_id:<6} (level {rule.level:>2}) {printable(rule.description)}")
    if summary["prolonged"]:
        print("(This log was written without these blocks; a blocked address would mostly not have gone on.)")
    print(
        f"{summary['offenders']} offenders, {summary['blocks']} blocks, {summary['prolonged']} prolonged, "
        f"{summary['releases']} releases, {summary['runs']} other commands; {summary['still_blocked']} blocked for good"
    )
