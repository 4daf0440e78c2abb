"""`ar-agent explain`: what the agent makes of log lines: header, decoder, rule, responses, and why not.

It tells what ossec-logtest tells, and which rules came near. With `--test` it runs rule tests (ar/cli/ruletest.py).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ar.cli import ruletest
from ar.cli.logclock import LogClock, lines_of, text_of
from ar.cli.whynot import as_object, decoders_tried, named, no_fields, ordinal, why, why_not
from ar.cli.words import hung, terminal_width
from ar.config.home import Home
from ar.config.load import Loaded, load
from ar.control.protocol import agent_is_listening
from ar.detect.detector import Verdict
from ar.detect.event import Event
from ar.detect.header import split_header
from ar.detect.rule import Rule
from ar.detect.whynot import WhyNot, untaken
from ar.errors import ConfigError, UsageError
from ar.model import Line, Moment
from ar.policy.ledger import Ledger
from ar.policy.policy import Policy, Ruling
from ar.policy.records import Ran
from ar.policy.rehearsal import play
from ar.report.log import printable
from ar.respond import clock
from ar.setup import detector_of, rehearsal_policy_of

SOURCE = "explain"
TITLE_WIDTH = 10
DECODERS_MAX = 10  # so many decoders that were tried does `--json` print


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("lines", metavar="LINE", nargs="*", help="a log line (default: lines on standard input)")
    parser.add_argument("--fresh", action="store_true", help="forget what went before at each line")
    parser.add_argument("--why-not", metavar="RULE", type=int, help="say why a line does not get this rule")
    parser.add_argument(
        "--test", metavar="FILE.ini", nargs="+", help="run rule tests as OSSEC has them; exit 1 if one fails"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Explain each line, or run tests; exit 78 when the configuration has mistakes."""
    if options.test and (options.lines or options.why_not is not None):
        raise UsageError("explain: --test takes its lines from its files: expected no LINE and no --why-not beside it")
    home = Home.choose(options.home)
    loaded = load(home)
    if loaded.mistakes:
        raise ConfigError(loaded.mistakes, before="the configuration has mistakes:")
    if options.test:
        return ruletest.run(options.test, loaded, as_json=options.json)
    explainer = Explainer(loaded, observing=_agent_observes(home), asked=_rule(loaded, options.why_not))
    if not options.lines and sys.stdin.isatty():
        print("Reading lines from the terminal; Ctrl-D ends it.", file=sys.stderr)
    width = terminal_width()
    lines = map(os.fsencode, options.lines) if options.lines else lines_of(sys.stdin.buffer)
    for line in lines:
        if options.fresh:
            explainer.forget()
        text = text_of(line)
        verdict, rulings = explainer.take(line)
        if options.json:
            print(json.dumps(explainer.as_object(text, verdict, rulings)), flush=True)
        else:
            for title, words in explainer.as_words(text, verdict, rulings):
                print(hung(f"{title:<{TITLE_WIDTH}}{printable(words)}".rstrip(), TITLE_WIDTH + 2, width))
            print(flush=True)
    return 0


def _rule(loaded: Loaded, number: Optional[int]) -> Optional[Rule]:
    rules = loaded.ruleset.rules.by_id
    if number is not None and number not in rules:
        raise UsageError(f"explain: --why-not is {number}: expected the id of a rule that is loaded")
    return None if number is None else rules[number]


def _agent_observes(home: Home) -> bool:
    """Return whether all that runs in this home only observes."""
    return not agent_is_listening(home.socket) and agent_is_listening(home.observer_socket)


class Explainer:
    """Detection and policy with a ledger of its own: nothing is run, and what is in force does not count.

    `asked` is a rule of which is always told why a line does not get it.
    """

    def __init__(self, loaded: Loaded, *, observing: bool, asked: Optional[Rule] = None) -> None:
        self._loaded = loaded
        self._line_bytes_max = loaded.config.settings.line_bytes_max
        self._observing = observing
        self._asked = asked
        self._detector = detector_of(loaded)
        self._policy = rehearsal_policy_of(loaded)
        self._clock = LogClock(clock.now().wall_s)

    def forget(self) -> None:
        """Forget all earlier lines: their events, offences and blocks."""
        self._detector.forget()
        former = self._policy
        self._policy = Policy(former.bindings, former.allowlist, Ledger(), former.terms)
        self._clock = LogClock(clock.now().wall_s)

    def take(self, line: bytes) -> Tuple[Verdict, List[Ruling]]:
        """Return the verdict on a line and the rulings on its alert, at the line's own time."""
        text = text_of(line)
        time_s = self._clock.time_of(text) or clock.now().wall_s
        verdict = self._detector.take(Line(SOURCE, text, time_s, line))
        rulings: List[Ruling] = []
        now = Moment(verdict.event.time_s, verdict.event.time_s)
        for _ in play(self._policy.ledger, now.boot_s):
            pass  # what ended before this line no longer counts as in force
        if verdict.alert is not None:
            for ruling in self._policy.rule_on(verdict.alert, now):
                self._policy.commit(ruling, now)
                rulings.append(ruling)
        return verdict, rulings

    def as_object(self, text: str, verdict: Verdict, rulings: List[Ruling]) -> Dict[str, Any]:
        """Return what `--json` prints; docs/JSON.md explains the keys."""
        event, rule, alert = verdict.event, verdict.rule, verdict.alert
        missed = WhyNot(self._loaded.ruleset.rules, verdict, self._detector.counted)
        tried = () if event.decoder else untaken(self._loaded.ruleset.decoders, event).tried
        found: Dict[str, Any] = {
            "line": text,
            "cut": self._is_cut(text),
            "timestamp": self._stamp(text) or None,
            "hostname": event.hostname,
            "program": event.program,
            "message": event.log,
            "decoder": event.decoder,
            "decoders_tried": [
                {"name": one.name, "prematch": one.prematch_shown, "place": str(one.place)}
                for one in tried[:DECODERS_MAX]
            ],
            "decoders_tried_more": max(0, len(tried) - DECODERS_MAX),
            "fields": dict(event.fields),
            "rule": rule.id if rule else None,
            "level": rule.level if rule else None,
            "groups": list(rule.groups) if rule else [],
            "description": rule.description if rule else "",
            "alert": alert is not None,
            "earlier": list(alert.previous) if alert else [],
            "path": list(verdict.path),
            "tried": list(self._detector.tried),
            "nearly": [as_object(miss) for miss in missed.near()],
            "responses": [self._response_object(ruling) for ruling in rulings],
        }
        if self._asked is not None:
            miss = missed.of(self._asked)
            found["why_not"] = None if miss is None else as_object(miss)
        return found

    def _response_object(self, ruling: Ruling) -> Dict[str, Any]:
        would_run = ruling.record is not None and not self._observing
        return {
            "command": ruling.response.command.name,
            "would_run": would_run,
            "outcome": "observe" if self._observing and ruling.record is not None else ruling.outcome.value,
            "why": ruling.why,
            "subject": ruling.subject.value if ruling.subject else None,
            "timeout_s": getattr(ruling.record, "sentence_s", None),
            "contract": ruling.response.command.contract,
            "argv": self._argv(ruling),
            "place": str(ruling.response.place),
        }

    def _argv(self, ruling: Ruling) -> List[str]:
        if ruling.arguments is None:
            return []
        command = ruling.response.command
        script = str(self._loaded.config.home.scripts / command.executable)
        return ruling.arguments.argv(script, "add") if command.contract == "argv" else [script]

    def as_words(self, text: str, verdict: Verdict, rulings: List[Ruling]) -> Iterator[Tuple[str, str]]:
        """Yield titled lines for people; a line without a title goes on with the one before."""
        yield "line", text
        if self._is_cut(text):
            yield "cut", f"after {self._line_bytes_max} bytes (line_bytes_max): decoders and rules do not see the rest"
        yield from self._words_of_event(text, verdict)
        yield from self._words_of_rule(verdict)
        for ruling in rulings:
            yield "response", self._response_words(ruling)
        if verdict.alert is not None and not rulings:
            bound = verdict.alert.active_response
            yield "response", "none is bound to this rule" if bound else "none: the rule says no_ar"
        yield from self._words_of_misses(verdict)

    def _words_of_event(self, text: str, verdict: Verdict) -> Iterator[Tuple[str, str]]:
        event = verdict.event
        parts = (("", self._stamp(text)), ("host ", _host(event)), ("program ", event.program))
        header = ", ".join(title + value for title, value in parts if value)
        yield "header", header if event.log != event.full_log or event.stamp else "none: the line is taken as it is"
        if event.log != text:
            yield "message", event.log
        yield "decoder", event.decoder or decoders_tried(untaken(self._loaded.ruleset.decoders, event))
        if event.decoder and not event.fields:
            yield "fields", no_fields(self._loaded.ruleset.decoders, event)
        width = max(map(len, event.fields), default=0)
        for number, (name, value) in enumerate(event.fields.items()):
            yield "" if number else "fields", f"{name:<{width}}  {value}"

    def _words_of_rule(self, verdict: Verdict) -> Iterator[Tuple[str, str]]:
        rule, alert = verdict.rule, verdict.alert
        tried = f"{len(self._detector.tried)} rules tried"
        if rule is None:
            yield "rule", f"none ({tried})"
            return
        yield "rule", f"{rule.id} (level {rule.level}) {rule.description}"
        yield "groups", ", ".join(rule.groups)
        yield "path", f"{' > '.join(map(str, verdict.path))} ({tried})"
        if alert is None:
            yield "alert", f"no: {_why_silent(rule)}"
            return
        yield "alert", "yes" if not rule.no_log else "yes, but it is not logged: the rule says no_log"
        if rule.correlation is not None:
            number = rule.correlation.events + 1
            yield "counted", f"this was the {ordinal(number)} event; before it, newest first:"
            for line in alert.previous:
                yield "", line

    def _words_of_misses(self, verdict: Verdict) -> Iterator[Tuple[str, str]]:
        missed = WhyNot(self._loaded.ruleset.rules, verdict, self._detector.counted)
        if self._asked is not None:
            miss = missed.of(self._asked)
            matched = f"{self._asked.id} matched" + ("" if self._asked is verdict.rule else "; a rule below it did too")
            yield "why not", matched if miss is None else why_not(self._asked, miss)
        near = [miss for miss in missed.near() if miss.rule is not self._asked]
        for number, miss in enumerate(near):
            yield "" if number else "nearly", f"{named(miss.rule)} {why(miss)}"
        if verdict.rule is None and not near:
            yield "nearly", "no rule came near"

    def _is_cut(self, text: str) -> bool:
        """Tell whether the line is longer than what detection takes of one."""
        return len(text.encode("utf-8", "replace")) > self._line_bytes_max

    def _stamp(self, text: str) -> str:
        """Return the line's own time with its zone, or nothing when the line has none."""
        epoch = self._clock.stamp_of(text)
        return "" if epoch is None else time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(epoch))

    def _response_words(self, ruling: Ruling) -> str:
        name = ruling.response.command.name
        if ruling.record is None:
            return f"{name}: would not run: {ruling.why}"
        if self._observing:
            return f"{name}: would not run: the running agent only observes ({shlex.join(self._argv(ruling))})"
        undo = "" if isinstance(ruling.record, Ran) else f"; AR_TIMEOUT={ruling.record.sentence_s}"
        contract = ruling.response.command.contract
        told = "" if contract == "argv" else f", told of {ruling.subject} by {contract}"
        return f"{name}: would run: {shlex.join(self._argv(ruling))}{told} ({ruling.why}{undo})"


def _host(event: Event) -> str:
    """Return the event's host, and say so where it is this one because the line names none."""
    _, _, named_host, *_ = split_header(event.full_log)
    return event.hostname if named_host or not event.hostname else f"{event.hostname} (this host)"


def _why_silent(rule: Rule) -> str:
    """Return why a rule that matched makes no alert."""
    if rule.level == 0:
        return "a rule of level 0 makes none"
    if rule.ignore_s:
        return f"this rule keeps silent about a source for {rule.ignore_s} s after an alert"
    return f"an earlier rule said to ignore what has the same {', '.join(rule.ignored_by)}"
