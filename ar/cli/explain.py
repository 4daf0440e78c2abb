"""`ar-agent explain`: what the agent makes of log lines: header, decoder, rule, and what each response would do."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from typing import Any, Dict, Iterator, List, Tuple

from ar.cli.logclock import LogClock, lines_of
from ar.config.home import Home
from ar.config.load import Loaded, load
from ar.control.protocol import agent_is_listening, ask
from ar.detect.detector import Verdict
from ar.errors import ConfigError
from ar.model import Line, Moment
from ar.policy.ledger import Ledger
from ar.policy.policy import Policy, Ruling
from ar.policy.records import Ran
from ar.policy.rehearsal import play
from ar.report.log import printable
from ar.respond import clock
from ar.setup import detector_of, rehearsal_policy_of

SOURCE = "explain"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("lines", metavar="LINE", nargs="*", help="a log line (default: lines on standard input)")
    parser.add_argument("--fresh", action="store_true", help="forget what went before at each line")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Explain each line; exit 78 when the configuration has mistakes."""
    home = Home.choose(options.home)
    loaded = load(home)
    if loaded.mistakes:
        raise ConfigError(loaded.mistakes, before="the configuration has mistakes:")
    explainer = Explainer(loaded, observing=_agent_observes(home))
    if not options.lines and sys.stdin.isatty():
        print("Reading lines from the terminal; Ctrl-D ends it.", file=sys.stderr)
    for text in options.lines or lines_of(sys.stdin.buffer):
        if options.fresh:
            explainer.forget()
        verdict, rulings = explainer.take(text)
        if options.json:
            print(json.dumps(explainer.as_object(text, verdict, rulings)), flush=True)
        else:
            for title, words in explainer.as_words(text, verdict, rulings):
                print(f"{title:<9} {printable(words)}")
            print(flush=True)
    return 0


def _agent_observes(home: Home) -> bool:
    """Return whether an agent runs in this home and only observes."""
    return agent_is_listening(home.socket) and bool(ask(home.socket, {"verb": "status"})[0]["observing"])


class Explainer:
    """Detection and policy with a ledger of its own: nothing is run, and what is in force does not count."""

    def __init__(self, loaded: Loaded, *, observing: bool) -> None:
        self._loaded = loaded
        self._observing = observing
        self._detector = detector_of(loaded, trace=True)
        self._policy = rehearsal_policy_of(loaded)
        self._clock = LogClock(clock.now().wall_s)

    def forget(self) -> None:
        """Forget all earlier lines: their events, offences and blocks."""
        self._detector.forget()
        former = self._policy
        self._policy = Policy(former.bindings, former.allowlist, Ledger(), former.terms)
        self._clock = LogClock(clock.now().wall_s)

    def take(self, text: str) -> Tuple[Verdict, List[Ruling]]:
        """Return the verdict on a line and the rulings on its alert, at the line's own time."""
        time_s = self._clock.time_of(text) or clock.now().wall_s
        verdict = self._detector.take(Line(SOURCE, text, time_s))
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
        event, rule = verdict.event, verdict.rule
        return {
            "line": text,
            "timestamp": self._stamp(text) or None,
            "hostname": event.hostname,
            "program": event.program,
            "decoder": event.decoder,
            "fields": dict(event.fields),
            "rule": rule.id if rule else None,
            "level": rule.level if rule else None,
            "groups": list(rule.groups) if rule else [],
            "description": rule.description if rule else "",
            "alert": verdict.alert is not None,
            "path": list(verdict.path),
            "tried": list(self._detector.tried),
            "responses": [self._response_object(ruling) for ruling in rulings],
        }

    def _response_object(self, ruling: Ruling) -> Dict[str, Any]:
        would_run = ruling.record is not None and not self._observing
        return {
            "command": ruling.response.command.name,
            "would_run": would_run,
            "outcome": "observe" if self._observing and ruling.record is not None else ruling.outcome.value,
            "why": ruling.why,
            "subject": ruling.subject.value if ruling.subject else None,
            "timeout_s": getattr(ruling.record, "sentence_s", None),
            "argv": self._argv(ruling),
            "place": str(ruling.response.place),
        }

    def _argv(self, ruling: Ruling) -> List[str]:
        if ruling.arguments is None:
            return []
        script = self._loaded.config.home.scripts / ruling.response.command.executable
        return ruling.arguments.argv(str(script), "add")

    def as_words(self, text: str, verdict: Verdict, rulings: List[Ruling]) -> Iterator[Tuple[str, str]]:
        """Yield titled lines for people."""
        event, rule = verdict.event, verdict.rule
        yield "line", text
        named = (("", self._stamp(text)), ("host ", event.hostname), ("program ", event.program))
        yield (
            "header",
            ", ".join(title + value for title, value in named if value) or "none: the line is taken as it is",
        )
        yield "decoder", event.decoder or "none"
        if event.fields:
            yield "fields", " ".join(f"{name}={shlex.quote(value)}" for name, value in event.fields.items())
        tried = f"{len(self._detector.tried)} rules tried"
        if rule is None:
            yield "rule", f"none ({tried})"
            return
        yield "rule", f"{rule.id} (level {rule.level}) {rule.description} [{', '.join(rule.groups)}]"
        yield "path", f"{' > '.join(map(str, verdict.path))} ({tried})"
        if verdict.alert is None:
            yield "alert", "no: level 0, or silenced"
        for ruling in rulings:
            yield "response", self._response_words(ruling)
        if verdict.alert is not None and not rulings:
            yield "response", "none is bound to this rule"

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
        return f"{name}: would run: {shlex.join(self._argv(ruling))} ({ruling.why}{undo})"
