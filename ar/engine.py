"""The one room in which the others meet: it follows the sources, responds, and keeps time.

while it runs:  sleep until a file descriptor or the next deadline calls
collect scripts that ended, start what is due                   (Blocks)
read lines -> detect -> rule on each alert -> promise           (see _take)
answer the control socket
"""

from __future__ import annotations

import os
import select
from collections import Counter, deque
from typing import Deque, Dict, Iterator, List, Optional, Tuple, Union

from ar.answers import answer
from ar.config.home import Home
from ar.config.load import Loaded, load
from ar.control.server import ControlServer
from ar.detect.detector import Detector
from ar.model import Alert, Chunk, Moment, RuleId
from ar.news import News
from ar.offline import lasts_at_most_s
from ar.policy.block import State
from ar.policy.ledger import Ledger
from ar.policy.policy import Outcome, Policy, Ruling
from ar.policy.tasks import Finished
from ar.report.alerts import AlertsLog
from ar.report.log import Log
from ar.report.responses import ResponsesLog
from ar.respond import clock
from ar.respond.blocks import Blocks, restored
from ar.respond.hosts import Lookup, networks_of, own_addresses
from ar.respond.journal import Journal, read
from ar.respond.lock import Lock, patience
from ar.respond.observe import NoJournal, Observer
from ar.respond.runner import KILL_AFTER_TERM_S, Runner
from ar.setup import detector_of, host_of, policy_of, runner_of
from ar.signals import Signals
from ar.watch.watcher import Watcher

LINES_AT_ONCE = 10_000  # lines read at once; what is not taken in time waits for the next turn
LINES_AT_A_STRETCH = 100  # lines taken before the clock is looked at
TURN_S = 0.05  # how long lines are taken before scripts, stop and the control socket have their turn again
OWN_ADDRESSES_KEPT_S = 60.0
LOOK_AGAIN_S = 10.0  # how long to sleep at most when nothing at all is to be waited for
SWEEP_MARGIN_S = 5.0  # for a sweep to close its journal, beyond the time it gives itself
STOP_WAIT_S = 10.0  # how long scripts that are running may take to end when the agent is told to stop, before TERM
STOP_MARGIN_S = 1.0  # for a script that was killed to be gone

_LEFT = {  # what a stop says of blocks
    State.IN_FORCE: "stay in force",
    State.PROMISED: "are yet to be put in force",
    State.RELEASING: "are yet to be released",
}


class Engine:
    """One running agent. `run` returns when it was told to stop."""

    def __init__(self, loaded: Loaded, *, observing: bool, log: Log, signals: Signals) -> None:
        self.loaded = loaded
        self.observing = observing
        self.log = log
        self.home: Home = loaded.config.home
        self.started = clock.now()
        self.lines = 0
        self.alerts = 0
        self.reloads = 0
        self._signals = signals
        self._own_known_until_s = float("-inf")
        self._news = News()
        self._bounds_hit: Counter[str] = Counter()
        self._alerts_log = AlertsLog(self.home.alerts, lambda problem: log("ERROR", problem))
        self._responses_log = ResponsesLog(
            self.home.responses_log, self.home.scripts, lambda problem: log("ERROR", problem)
        )

        sweep_s = lasts_at_most_s(loaded.config.settings) + SWEEP_MARGIN_S
        self._lock = (
            None
            if observing
            else Lock(
                self.home.lock, waits=patience(sweep_s, lambda: signals.stop), tell=lambda text: log("INFO", text)
            )
        )
        self.journal: Optional[Journal] = None if observing else Journal(self.home.journal)
        self.ledger = restored(self.journal, self.started, clock.boot_id(), log)
        self.blocks_restored = len(self.ledger.blocks)
        self.runner: Union[Runner, Observer] = (
            Observer(self.home.scripts, log) if observing else runner_of(self.home, loaded.config.settings, log)
        )
        self.blocks = Blocks(
            self.ledger,
            self.journal or NoJournal(),
            self.runner,
            log=log,
            rule_words=self._rule_words,
            on_finished=self._note_response,
        )
        self._set_limits(loaded)
        self.detector: Detector = detector_of(loaded)
        known, _ = networks_of(entry for entry in loaded.config.allowed if entry.network is not None)
        self.policy: Policy = policy_of(loaded, self.ledger, known)
        self._watched = loaded  # the configuration that the watcher and the runner follow
        self.watcher = Watcher(loaded.config.local_files, line_bytes_max=loaded.config.settings.line_bytes_max, log=log)
        socket = self.home.observer_socket if observing else self.home.socket
        self.control = ControlServer(socket, lambda request: answer(self, request))
        if self.control.problem:
            log("ERROR", f"{self.control.problem}. Until it can be, no verb reaches this agent; it works all the same.")
        self._pending: Deque[Chunk] = deque()
        self._to_tell: List[Alert] = []  # alerts of this turn,
        self._done: List[str] = []  # and what is done about them, in words
        self._more_to_read = False
        self._next: Optional[Loaded] = loaded  # a configuration whose allowlist's names are being looked up
        self._lookup: Lookup = Lookup(loaded.config.allowed, signals.wake)
        self._ready = False  # the first configuration is complete, so lines may be taken

    @property
    def names_are_looked_up(self) -> bool:
        """Whether host names of the allowlist are not known yet, so that nobody may be blocked."""
        return not self._ready

    def bounds_hit(self) -> Dict[str, int]:
        """Return how often each bound was hit."""
        hit = Counter(self._bounds_hit)
        hit["control_clients"] = self.control.turned_away
        for room in (self.detector, self.blocks, self.watcher):
            hit.update(room.bounds_hit)
        return dict(hit)

    def log_lines_lost(self) -> int:
        """Return how many lines, alerts and responses could not be written to their logs."""
        return self.log.lost + self._alerts_log.lost + self._responses_log.lost

    # ── the loop ───────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Follow the sources and respond until SIGTERM or SIGINT; blocks in force stay in force."""
        if self.observing:
            self._tell_of_blocks_left_alone()
        elif os.geteuid() != 0:
            self.log("WARNING", "This is not root: scripts that change a firewall will fail.")
        self.blocks.holding = True
        if self._lookup.answer is None:  # else they are gone through when it is adopted, a moment from now
            self._release_allowlisted(clock.now())
        self._adopt_when_known()
        self.blocks.work(clock.now())
        self.log("INFO", f"Started (pid: {os.getpid()}).")
        try:
            while not self._signals.stop:
                self._sleep()
                self._turn()
        finally:
            self._stop()

    def _turn(self) -> None:
        now = clock.now()
        self.blocks.promises.look(now)
        self.blocks.promises.note_clock(now)
        self.blocks.collect(now)
        if self._signals.reopen:
            self._signals.reopen = False
            self._reopen_logs()
        if self._signals.reload:
            self._signals.reload = False
            self._reload()
        self._adopt_when_known()
        if self._ready:
            self._read(now)
        self.control.serve(now.boot_s)
        settings = self.loaded.config.settings
        self.blocks.compact_when_grown(now, settings.forget_after_s, settings.offenders_max)

    def _read(self, now: Moment) -> None:
        """Take lines for a short while, then let what they led to begin."""
        if not self._pending:
            chunks = self.watcher.read(now, LINES_AT_ONCE)
            self._more_to_read = sum(len(chunk.lines) for chunk in chunks) >= LINES_AT_ONCE
            self._pending.extend(piece for chunk in chunks for piece in _pieces(chunk))
        until_s = now.boot_s + TURN_S
        while self._pending and not self._signals.stop and clock.now().boot_s < until_s:
            self._take(self._pending.popleft(), now)
        self.blocks.work(clock.now())
        self._tell()

    def _take(self, chunk: Chunk, now: Moment) -> None:
        """Take lines from text to promise; what is only to be told waits in `_to_tell`."""
        self.lines += len(chunk.lines)
        to_tell = self._to_tell
        for alert in self.detector.alerts_of(chunk):
            self.alerts += 1
            if alert.logged:
                to_tell.append(alert)
            self._respond(alert, now)

    def _tell(self) -> None:
        """Write down the alerts and what is done about them, after that has begun."""
        if self._done:
            self.log("INFO", "\n".join(self._done))
            self._done.clear()
        self._alerts_log.write(self._to_tell)
        self._to_tell.clear()

    def _respond(self, alert: Alert, now: Moment) -> None:
        self._refresh_own_addresses(now)
        for ruling in self.policy.rule_on(alert, now):
            if ruling.record is not None:
                if self.blocks.take(ruling, self.policy, now, alert):
                    self._done.append(f"{_about(ruling, alert)}, {ruling.why}.")
            elif ruling.outcome in (Outcome.ALLOWED, Outcome.FULL):
                self._tell_once_a_minute(ruling, alert, now)

    def _tell_once_a_minute(self, ruling: Ruling, alert: Alert, now: Moment) -> None:
        """Say why nothing is done, unless it was said of the same subject a moment ago."""
        if ruling.outcome is Outcome.FULL:
            self._bounds_hit["blocks"] += 1
        subject = ruling.subject if ruling.outcome is Outcome.ALLOWED else None
        if self._news.is_new((ruling.outcome, subject), now.boot_s):
            self.log("INFO", f"{_about(ruling, alert)} fired, but nothing is done: {ruling.why}.")

    def _sleep(self) -> None:
        """Wait until there is something to do."""
        now_s = clock.now().boot_s
        wakes = [now_s + self.watcher.wake_after_s()] if self._ready else []
        deadlines = (self.blocks.next_wake_s(), self.runner.next_wake_s(), self.control.next_wake_s())
        wakes += [wake for wake in deadlines if wake is not None]
        busy = self._ready and (self._pending or self._more_to_read)
        timeout_s = 0.0 if busy else max(0.0, min(wakes, default=now_s + LOOK_AGAIN_S) - now_s)
        for fd, _ in self._poll(now_s).poll(timeout_s * 1000):
            if fd == self._signals.fileno:
                self._signals.drain()

    def _poll(self, now_s: float) -> select.poll:
        """Return a poll of all that is open now.

        It is made anew each turn: what epoll knows of a descriptor is gone when another one takes its number.
        """
        poll = select.poll()
        sources = self.watcher.filenos() if self._ready else []
        for fd in (self._signals.fileno, *sources, *self.runner.filenos(), *self.control.filenos(now_s)):
            poll.register(fd, select.POLLIN)
        for fd in (*self.runner.writers(), *self.control.writers()):
            poll.register(fd, select.POLLOUT)
        return poll

    def _stop(self) -> None:
        """Let running scripts end and record what came of them; start nothing more."""
        self.runner.scripts_max = 0
        self._await_scripts(STOP_WAIT_S)
        self.runner.end_all(clock.now().boot_s)
        self._await_scripts(KILL_AFTER_TERM_S + STOP_MARGIN_S)
        if self.journal is not None:
            self.blocks.promises.end(clock.now())
            self.journal.close()
        self.runner.close()
        self.control.close()
        self.watcher.close()
        if self._lock is not None:
            self._lock.release()
        if self.blocks.runs_waiting:
            self.log("WARNING", f"{self.blocks.runs_waiting} commands were asked for and never run.")
        self.log("INFO", f"Stopped; {self._what_is_left()}.")

    def _what_is_left(self) -> str:
        """Return what becomes of the blocks, in words."""
        states = Counter(block.state for block in self.ledger.blocks.values())
        if self.observing or not states:
            return "nothing was blocked" if self.observing else "nothing is blocked"
        numbers = (f"{states[state]} {words}" for state, words in _LEFT.items() if states[state])
        kept = "the journal has them all" if self.blocks.promises.can_be_kept else "THE JOURNAL DOES NOT HAVE THEM ALL"
        return f"of the blocks {', '.join(numbers)}; {kept}"

    def _await_scripts(self, wait_s: float) -> None:
        """Take in what comes of running scripts until none is left, or so much time is over."""
        give_up_s = clock.now().boot_s + wait_s
        self.blocks.collect(clock.now())
        while self.runner.running and clock.now().boot_s < give_up_s:
            select.select(self.runner.filenos(), [], [], 0.05)
            self.blocks.collect(clock.now())

    # ── what is set up, at the start and at a reload ───────────────────────────────────────────────────────

    def _reload(self) -> None:
        """Read the configuration again; with a mistake in it, keep the one that is running."""
        fresh = load(self.home)
        if fresh.mistakes:
            for mistake in fresh.mistakes:
                self.log("ERROR", str(mistake))
            self.log("ERROR", "The configuration was not reloaded; the former one goes on.")
            return
        self._next = fresh
        self._lookup = Lookup(fresh.config.allowed, self._signals.wake)

    def _adopt_when_known(self) -> None:
        """Let the next configuration be the one that counts, once the addresses of its allowlist are known."""
        if self._next is None or self._lookup.answer is None:
            return
        fresh, self._next = self._next, None
        networks, warnings = self._lookup.answer
        for warning in warnings:
            self.log("WARNING", str(warning))
        detector = detector_of(fresh)
        detector.carry_over(self.detector)
        self.loaded, self.detector = fresh, detector
        self.policy = policy_of(fresh, self.ledger, networks)
        self._own_known_until_s = float("-inf")
        if fresh is not self._watched:
            self._watched = fresh
            self.watcher.rewatch(fresh.config.local_files)
            self._set_limits(fresh)
            self.reloads += 1
            self.log("INFO", f"Reloaded: {len(fresh.ruleset.rules)} rules, {len(fresh.config.responses)} responses.")
        self._ready = True
        self._release_allowlisted(clock.now())
        self.blocks.holding = False

    def _set_limits(self, loaded: Loaded) -> None:
        """Tell those that outlive a reload what the configuration wants of them."""
        settings = loaded.config.settings
        self.runner.scripts_max = settings.scripts_max
        self.runner.deadline_s = settings.script_deadline_s
        self.runner.host = host_of(settings)
        self.blocks.emergency_block_s = settings.emergency_block_s
        self.blocks.reconciler.every_s = settings.reconcile_every_s

    def _release_allowlisted(self, now: Moment) -> None:
        """End the blocks on addresses that have been allowlisted since, before any of their scripts runs again."""
        in_force = [block for block in self.ledger.blocks.values() if block.state is not State.RELEASING]
        reasons = dict(self.policy.allowlist.refused(block.subject for block in in_force))
        for block in in_force if reasons else ():
            reason = reasons.get(block.subject)
            if reason is not None:
                self.log("INFO", f"{block.command} {block.subject}: to be released, since it is {reason}.")
                self.blocks.end(block, now)

    def _refresh_own_addresses(self, now: Moment) -> None:
        """Ask for this host's addresses again when the last answer is a minute old."""
        if now.boot_s < self._own_known_until_s:
            return
        self._own_known_until_s = now.boot_s + OWN_ADDRESSES_KEPT_S
        try:
            own = frozenset(own_addresses())
        except OSError as error:
            self.log("ERROR", f"This host's addresses cannot be asked for ({error}); the former answer counts.")
            return
        if own != self.policy.allowlist.own:
            self.policy.allowlist.own = own
            self._release_allowlisted(now)

    def _tell_of_blocks_left_alone(self) -> None:
        """Say how many blocks are in the journal that an agent which only observes does not release."""
        earlier = Ledger.remembered(read(self.home.journal).records)
        if earlier.blocks:
            what = f"{len(earlier.blocks)} blocks are in the journal and left alone while only observing"
            self.log("WARNING", f"{what}; where no other agent runs, `ar-agent sweep` releases those that are overdue.")

    def _reopen_logs(self) -> None:
        for log in (self.log, self._alerts_log, self._responses_log):
            log.reopen()

    def _rule_words(self, rule_id: RuleId) -> Tuple[int, str]:
        rule = self.loaded.ruleset.rules.by_id.get(rule_id)
        return (rule.level, rule.description) if rule else (0, "")

    def _note_response(self, outcome: Finished) -> None:
        if not self.observing:
            self._responses_log.write(outcome)


def _pieces(chunk: Chunk) -> Iterator[Chunk]:
    for at in range(0, len(chunk.lines), LINES_AT_A_STRETCH):
        yield chunk._replace(lines=chunk.lines[at : at + LINES_AT_A_STRETCH])


def _about(ruling: Ruling, alert: Alert) -> str:
    return f"{ruling.response.command.name} {ruling.subject}: rule {alert.rule} (level {alert.level})"
