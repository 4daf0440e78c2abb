"""From a line to a verdict: header, decoder, rule, and an alert where the rule is one that matters."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from ar.detect.conditions import read_address
from ar.detect.event import Event
from ar.detect.header import split_header
from ar.detect.rule import Rule
from ar.detect.ruleset import Ruleset
from ar.detect.seen import Seen
from ar.detect.stamps import Stamps
from ar.detect.windows import Windows
from ar.model import Alert, Line, safe_filename, safe_user

AHEAD_MAX_S = 60  # a stamp further in the future is not believed
SOURCES_MAX = 10_000  # sources whose last time is remembered
_CONTROL = re.compile("[\x00-\x1f\x7f]")


class Verdict(NamedTuple):
    """What became of one line. `path` are the rule ids from the root to `rule`; a level-0 rule makes no alert."""

    event: Event
    rule: Optional[Rule]
    alert: Optional[Alert]
    path: Tuple[int, ...]


class Detector:
    """Takes lines one by one. Times come with the lines; nothing here asks a clock."""

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        window_keys_max: int,
        line_bytes_max: int,
        stale_after_s: float,
        trust_stamps: bool = False,
        trace: bool = False,
    ) -> None:
        self.bounds_hit: Dict[str, int] = {}
        self.tried: List[int] = []  # with `trace`: the rules that the last line was held against
        self._ruleset = ruleset
        self._windows = Windows(ruleset.rules.composites(), window_keys_max, self.bounds_hit)
        self._seen = Seen(self.bounds_hit)
        self._line_bytes_max = line_bytes_max
        self._stale_after_s = stale_after_s
        self._trust_stamps = trust_stamps
        self._trace = trace
        self._stamps = Stamps()
        self._clocks: Dict[str, float] = {}  # the last time of each source
        self._alerts = 0

    def take(self, line: Line) -> Verdict:
        """Decode the line, match it, and remember it where a composite rule counts it. Never raises."""
        event = self._read(line)
        self._ruleset.decoders.decode(event)
        if self._trace:
            self.tried = []
        root = self._ruleset.rules.roots.get(event.category)
        found = self._match(root, event) if root is not None else None
        if found is None:
            return Verdict(event, None, None, ())
        rule, path, previous = found
        if rule.ignored_by and self._seen.is_ignored(event, rule.ignored_by):
            return Verdict(event, rule, None, path)
        if rule.ignores:
            self._seen.ignore(event, rule.ignores)
        if rule.level == 0 or (rule.ignore_s and self._windows.ignores(rule, event)):
            return Verdict(event, rule, None, path)
        self._windows.remember(rule, event)
        return Verdict(event, rule, self._alert(rule, event, previous), path)

    def forget(self) -> None:
        """Drop all remembered events."""
        self._windows.forget()
        self._seen.forget()
        self._clocks.clear()

    def carry_over(self, old: Detector) -> None:
        """Take over what `old` remembers for the rules that still exist and count the same, and its alert counter."""
        before = old._ruleset.rules.by_id
        kept = {
            rule.id
            for rule in self._ruleset.rules.by_id.values()
            if rule.id in before and _counts_alike(rule, before[rule.id])
        }
        self._windows.carry_over(old._windows, kept)
        self._seen.carry_over(old._seen)
        self._alerts = old._alerts
        self._clocks = dict(old._clocks)
        self.bounds_hit.update(old.bounds_hit)

    def _read(self, line: Line) -> Event:
        text = self._cut(line.text)
        if not text.isprintable():
            text = _CONTROL.sub("", text)
        stamp, form, hostname, program, log = split_header(text)
        epoch = self._stamps.epoch(stamp, form, line.received_s) if stamp else None
        event = Event(line.source, text, log, self._time(line, epoch))
        event.stamp = stamp
        event.hostname = hostname
        event.program = program
        event.stale = not self._trust_stamps and epoch is not None and line.received_s - epoch > self._stale_after_s
        return event

    def _cut(self, text: str) -> str:
        most = self._line_bytes_max
        if len(text) * 4 <= most or (text.isascii() and len(text) <= most):
            return text
        encoded = text[:most].encode("utf-8", "replace")
        if len(encoded) <= most and len(text) <= most:
            return text
        self._count("line_bytes_max")
        return encoded[:most].decode("utf-8", "ignore")

    def _time(self, line: Line, epoch: Optional[float]) -> float:
        """Return the event's time: its stamp where that can be believed, and never before the source's last one."""
        last = self._clocks.get(line.source)
        if epoch is None and self._trust_stamps and last is not None:
            return last
        if epoch is None or (not self._trust_stamps and epoch > line.received_s + AHEAD_MAX_S):
            return line.received_s if last is None else max(line.received_s, last)
        if last is not None and epoch <= last:
            return last
        if last is None and len(self._clocks) >= SOURCES_MAX:
            self._count("sources")
            del self._clocks[next(iter(self._clocks))]
        self._clocks[line.source] = epoch
        return epoch

    def _match(  # noqa: C901 (every line goes through this loop: a call would cost more than what it calls)
        self, parent: Rule, event: Event
    ) -> Optional[Tuple[Rule, Tuple[int, ...], Tuple[str, ...]]]:
        """Return the rule below `parent` that the event gets, its path, and the earlier lines it counted."""
        lowered = event.lowered
        for guards, conditions, recalls, rule in parent.candidates(event):
            if self._trace:
                self.tried.append(rule.id)
            for guard in guards:
                if guard in lowered:
                    break
            else:
                if guards:
                    continue
            for condition in conditions:
                if not condition(event):
                    break
            else:
                previous = self._recall(rule, event) if recalls else ()
                if previous is None:
                    continue
                found = self._match(rule, event) if rule.children else None
                if found is not None:
                    return found[0], (rule.id, *found[1]), found[2] or previous
                if not rule.noalert:
                    return rule, (rule.id,), previous
        return None

    def _recall(self, rule: Rule, event: Event) -> Optional[Tuple[str, ...]]:
        """Return the earlier lines that the rule counted, None when it asks more of the past than there was."""
        if rule.first_seen and not self._seen.is_first(event):
            return None
        return () if rule.correlation is None else self._windows.due(rule, rule.correlation, event)

    def _alert(self, rule: Rule, event: Event, previous: Tuple[str, ...]) -> Alert:
        self._alerts += 1
        fields = event.fields
        srcip = fields.get("srcip")
        user = fields.get("user") or fields.get("srcuser")
        return Alert(
            id=f"{int(event.time_s)}.{self._alerts}",
            time_s=event.time_s,
            rule=rule.id,
            level=rule.level,
            groups=rule.groups,
            description=rule.description,
            location=event.source,
            hostname=event.hostname,
            program=event.program,
            decoder=event.decoder,
            srcip=read_address(srcip) if srcip else None,
            user=safe_user(user) if user else None,
            filename=safe_filename(fields.get("filename", "")),
            fields=fields,
            full_log=event.full_log,
            previous=previous,
            stale=event.stale,
            active_response=not rule.no_ar,
        )

    def _count(self, bound: str) -> None:
        self.bounds_hit[bound] = self.bounds_hit.get(bound, 0) + 1


def _counts_alike(rule: Rule, before: Rule) -> bool:
    now, then = rule.correlation, before.correlation
    if now is None or then is None:
        return now is then
    return (now.same, now.different, now.target) == (then.same, then.different, then.target)
