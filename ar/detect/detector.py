"""From a line to a verdict: header, decoder, rule, and an alert where the rule is one that matters."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ar.detect.accumulate import Accumulated
from ar.detect.conditions import read_address, read_user
from ar.detect.event import Event, Reading
from ar.detect.header import places_of
from ar.detect.rule import Candidate, Rule
from ar.detect.ruleset import Ruleset
from ar.detect.seen import Seen
from ar.detect.shapes import BORING, UNDECIDED, Plan, Shapes, shapes_of
from ar.detect.stamps import Stamps
from ar.detect.windows import Straight, Windows
from ar.model import Alert, Chunk, Line, safe_filename

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
    """Takes lines. Times come with the lines; nothing here asks a clock.

    `take` tells everything about one line, `alerts_of` only the alerts of many: each line gets the same either
    way, but most of them need not be looked at twice (ar/detect/shapes.py).
    """

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        window_keys_max: int,
        line_bytes_max: int,
        stale_after_s: float,
        trust_stamps: bool = False,
        hostname: str = "",
    ) -> None:
        self.bounds_hit: Dict[str, int] = {}
        self.tried: List[int] = []  # the rules that the last line given to `take` was held against
        self._ruleset = ruleset
        self._hostname = hostname  # this host's, for lines that name none
        self._windows = Windows(ruleset.rules.composites(), window_keys_max, self.bounds_hit)
        self._shapes = Shapes(ruleset, line_bytes_max, hostname, self._windows.straight_to)
        self._seen = Seen(self.bounds_hit)
        self._accumulated = Accumulated(self.bounds_hit)
        self._line_bytes_max = line_bytes_max
        self._stale_after_s = stale_after_s
        self._trust_stamps = trust_stamps
        self._stamps = Stamps()
        self._clocks: Dict[str, float] = {}  # the time of each source's last alert
        self._stamp: Optional[str] = None  # the last one whose time was worked out,
        self._stamp_reading: Optional[Reading] = None  # how its line was read,
        self._told = (0.0, False)  # and what came of it
        self._alerts = 0

    def take(self, line: Line) -> Verdict:
        """Decode the line, match it, and remember it where a composite rule counts it. Never raises."""
        event = self._read(self._reading(line.source, line.received_s), line.text)
        event.raw = line.raw
        self._decode(event)
        self.tried = []
        path: List[int] = []
        rule = self._match(self._ruleset.rules.candidates(event), event, path)
        alert = self._conclude(rule, event) if rule is not None else None
        return Verdict(event, rule, alert, tuple(path))

    def alerts_of(self, chunk: Chunk) -> Iterator[Alert]:
        """Yield the alerts of the chunk's lines, in their order. Never raises."""
        reading = self._reading(chunk.source, chunk.received_s)
        shapes = self._shapes
        lines = chunk.lines
        for raw, shape in zip(lines, shapes_of(lines)):
            plan = shapes.known.get(shape) or shapes.find(shape, raw)
            if plan is BORING:
                continue
            straight = plan.straight
            if straight is not None:
                alert = self._straight_alert(plan, straight, reading, raw.decode("ascii"))
                if alert is not None:
                    yield alert
                    continue
            event = None if plan is UNDECIDED else plan.event(reading, raw.decode("ascii"))
            if event is not None:
                candidates = plan.candidates
            else:
                event = self._read(reading, raw.decode("utf-8", "backslashreplace"))
                event.raw = raw
                self._decode(event)
                candidates = self._ruleset.rules.candidates(event)
            rule = self._match(candidates, event)
            alert = self._conclude(rule, event) if rule is not None else None
            if alert is not None:
                yield alert

    def _decode(self, event: Event) -> None:
        self._ruleset.decoders.decode(event)
        if event.accumulates:
            self._accumulated.join(event)

    def _conclude(self, rule: Rule, event: Event) -> Optional[Alert]:
        """Return the alert that the event's rule makes, and remember both."""
        if rule.level == 0 or (rule.ignored_by and self._seen.is_ignored(event, rule.ignored_by)):
            return None
        if rule.ignores:
            self._seen.ignore(event, rule.ignores)
        if rule.ignore_s and self._windows.ignores(rule, event):
            return None
        self._move_clock(event.source, event.time_s)
        self._windows.remember(rule, event)
        return self._alert(
            rule, event.time_s, event.stale, event.source, event.hostname, event.program, event.decoder, event.fields,
            event.full_log, event.previous,
        )  # fmt: skip

    def counted(self, rule: Rule, event: Event) -> int:
        """Return how many earlier events a composite rule holds that count for the event; nothing is changed."""
        return self._windows.counted(rule, event)

    def forget(self) -> None:
        """Drop all remembered events."""
        self._windows.forget()
        self._seen.forget()
        self._accumulated.forget()
        self._clocks.clear()
        self._stamp = None

    def carry_over(self, old: Detector) -> None:
        """Take over what `old` remembers for the rules that still exist and count the same, and its alert counter."""
        before = old._ruleset.rules.by_id
        kept = {
            rule.id
            for rule in self._ruleset.rules.by_id.values()
            if rule.id in before and _counts_alike(rule, before[rule.id])
        }
        self.bounds_hit.update(old.bounds_hit)
        self._windows.carry_over(old._windows, kept)
        self._seen.carry_over(old._seen)
        self._accumulated.carry_over(old._accumulated)
        self._alerts = old._alerts
        self._clocks = dict(old._clocks)

    def _reading(self, source: str, received_s: float) -> Reading:
        return Reading(source, received_s, self._hostname, self._time)

    def _read(self, reading: Reading, text: str) -> Event:
        text = self._cut(text)
        if not text.isprintable():
            text = _CONTROL.sub("", text)
        places = places_of(text)
        return Event(reading, text, places.form, places.parts(text))

    def _cut(self, text: str) -> str:
        most = self._line_bytes_max
        if len(text) * 4 <= most or (text.isascii() and len(text) <= most):
            return text
        encoded = text[:most].encode("utf-8", "replace")
        if len(encoded) <= most and len(text) <= most:
            return text
        self._count("line_bytes_max")
        return encoded[:most].decode("utf-8", "ignore")

    def _time(self, stamp: str, form: str, reading: Reading) -> Tuple[float, bool]:
        """Return the time of an event, and whether it was long past when it was read.

        It is the line's stamp where that can be believed, and never before the source's last alert.
        """
        if stamp != self._stamp or reading is not self._stamp_reading:  # many lines are of one second
            self._told = self._work_out_time(stamp, form, reading)
            self._stamp, self._stamp_reading = stamp, reading
        return self._told

    def _work_out_time(self, stamp: str, form: str, reading: Reading) -> Tuple[float, bool]:
        received_s = reading.received_s
        epoch = self._stamps.epoch(stamp, form, received_s) if stamp else None
        last = self._clocks.get(reading.source)
        if epoch is None and self._trust_stamps and last is not None:
            return last, False
        if epoch is None or (not self._trust_stamps and epoch > received_s + AHEAD_MAX_S):
            return (received_s if last is None or last < received_s else last), False
        stale = not self._trust_stamps and received_s - epoch > self._stale_after_s
        return (epoch if last is None or last < epoch else last), stale

    def _move_clock(self, source: str, time_s: float) -> None:
        if source not in self._clocks and len(self._clocks) >= SOURCES_MAX:
            self._count("sources")
            del self._clocks[next(iter(self._clocks))]
        self._clocks[source] = time_s

    def _match(  # noqa: C901 (every line goes through this loop: a call costs more than what it calls)
        self, candidates: Tuple[Candidate, ...], event: Event, path: Optional[List[int]] = None
    ) -> Optional[Rule]:
        """Return the rule among `candidates` or below them that the event gets; note its path where one is given."""
        for guards, conditions, recalls, rule, below in candidates:
            if path is not None:
                self.tried.append(rule.id)
            if guards:
                lowered = event.lowered
                for guard in guards:
                    if guard in lowered:
                        break
                else:
                    continue
            for condition in conditions:
                if not condition(event):
                    break
            else:
                previous = event.previous
                if recalls and not self._recall(rule, event):
                    continue
                children = rule.candidates(event) if below is None else below
                found = self._match(children, event, path) if children else None
                if found is not None or not rule.noalert:
                    if path is not None:
                        path.insert(0, rule.id)
                    return found or rule
                event.previous = previous
        return None

    def _recall(self, rule: Rule, event: Event) -> bool:
        """Tell whether there was in the past what the rule asks for."""
        changed = self._seen.changed_from(rule.id, event) if rule.differs else ()
        if changed is None or (rule.first_seen and not self._seen.is_first(event)):
            return False
        if rule.late and not all(condition(event) for condition in rule.late if condition is not None):
            return False
        previous = changed if rule.correlation is None else self._windows.due(rule, event)
        if previous is None:
            return False
        event.previous = previous or event.previous
        return True

    def _straight_alert(self, plan: Plan, straight: Straight, reading: Reading, text: str) -> Optional[Alert]:
        """Return the alert of a line whose way is straight; None, with nothing changed, when more is to be asked."""
        parts = plan.cut(text)
        stamp, hostname, program, _ = parts[-4:]
        fields = dict(zip(plan.names, parts))
        if stamp != self._stamp or reading is not self._stamp_reading:
            self._time(stamp, plan.form, reading)
        time_s, stale = self._told
        found = self._windows.note(straight, fields, time_s, text)
        if found is None:
            return None
        rule, previous = found
        source = reading.source
        if source in self._clocks:
            self._clocks[source] = time_s
        else:
            self._move_clock(source, time_s)
        hostname = hostname or reading.hostname
        return self._alert(rule, time_s, stale, source, hostname, program, plan.decoder, fields, text, previous)

    def _alert(  # noqa: PLR0917 (this runs for each alert, and names cost time)
        self,
        rule: Rule,
        time_s: float,
        stale: bool,  # noqa: FBT001 (the same)
        source: str,
        hostname: str,
        program: str,
        decoder: str,
        fields: Dict[str, str],
        text: str,
        previous: Tuple[str, ...] = (),
    ) -> Alert:
        self._alerts += 1
        srcip = fields.get("srcip")
        user = fields.get("user") or fields.get("srcuser")
        filename = fields.get("filename")
        return tuple.__new__(Alert, (  # in their order: a tenth of the time that it takes by their names
            f"{int(time_s)}.{self._alerts}",
            time_s,
            rule.id,
            rule.level,
            rule.groups,
            rule.description,
            source,
            hostname,
            program,
            decoder,
            read_address(srcip) if srcip else None,
            read_user(user) if user else None,
            safe_filename(filename) if filename else None,
            fields,
            text,
            previous,
            stale,
            not rule.no_ar,
            not rule.no_log,
        ))  # fmt: skip

    def _count(self, bound: str) -> None:
        self.bounds_hit[bound] = self.bounds_hit.get(bound, 0) + 1


def _counts_alike(rule: Rule, before: Rule) -> bool:
    now, then = rule.correlation, before.correlation
    if now is None or then is None:
        return now is then
    return (now.same, now.different, now.target) == (then.same, then.different, then.target)
