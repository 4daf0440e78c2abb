"""The one room in which the others meet: it follows the sources, responds, and keeps time.

while it runs:  sleep until a file descriptor or the next deadline calls
                read lines -> detect -> rule on each alert -> promise, run      (see _take)
                collect scripts that ended, start what is due                   (Blocks)
                answer the control socket
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType
from typing import Callable, Optional, Union

from ar.answers import answer
from ar.config.home import Home
from ar.config.load import Loaded, load
from ar.config.scripts import fault_of_script
from ar.control.server import ControlServer
from ar.detect.detector import Detector
from ar.model import Alert, Line, Moment, RuleId, parse_address
from ar.policy.ledger import State
from ar.policy.policy import Outcome, Policy, Ruling
from ar.policy.tasks import Finished
from ar.report.alerts import AlertsLog
from ar.report.log import Log
from ar.report.responses import ResponsesLog
from ar.respond import clock
from ar.respond.blocks import Blocks, end_of, restored
from ar.respond.hosts import own_addresses
from ar.respond.journal import Journal, Lock
from ar.respond.observe import NoJournal, Observer
from ar.respond.runner import Runner
from ar.setup import detector_of, policy_of
from ar.watch.watcher import Watcher

LINES_AT_ONCE = 10_000  # lines taken before scripts and the control socket have their turn again
OWN_ADDRESSES_KEPT_S = 60.0
STOP_WAIT_S = 10.0  # how long scripts that are running may take to end when the agent is told to stop


class Engine:
    """One running agent. `run` returns when it was told to stop."""

    def __init__(self, loaded: Loaded, *, observing: bool, log: Log) -> None:
        self.loaded = loaded
        self.observing = observing
        self.log = log
        self.home: Home = loaded.config.home
        self.started = clock.now()
        self.lines = 0
        self.alerts = 0
        self.reloads = 0
        self._asked_to_stop = False
        self._asked_to_reload = False
        self._own_known_until_s = float("-inf")
        self._alerts_log = AlertsLog(self.home.alerts)
        self._responses_log = ResponsesLog(self.home.responses_log, self.home.scripts)

        self._lock = Lock(self.home.root / "var/lock")
        self.journal: Optional[Journal] = None if observing else Journal(self.home.journal)
        self.ledger = restored(self.journal, self.started, clock.boot_id(), log)
        self.blocks_restored = len(self.ledger.blocks)
        self.runner: Union[Runner, Observer] = self._new_runner()
        self.blocks = Blocks(
            self.ledger,
            self.journal or NoJournal(),
            self.runner,
            log=log,
            rule_words=self._rule_words,
            on_finished=self._note_response,
        )
        self.detector: Detector = detector_of(loaded)
        self.policy: Policy = policy_of(loaded, self.ledger, log)
        self.watcher = Watcher(loaded.config.local_files, line_bytes_max=loaded.config.settings.line_bytes_max, log=log)
        self.control = ControlServer(self.home.socket, lambda request: answer(self, request))
        self._backlog = False

    # ── start, and the loop ────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Follow the sources and respond until SIGTERM or SIGINT; blocks in force stay in force."""
        wakeup = _catch_signals(self._on_signal)
        self._release_allowlisted(clock.now())
        self.blocks.work(clock.now())
        self.log("INFO", f"Started (pid: {os.getpid()}).")
        try:
            while not self._asked_to_stop:
                self._sleep(wakeup)
                self._turn()
        finally:
            self._stop()

    def _turn(self) -> None:
        now = clock.now()
        self.blocks.collect(now)
        if self._asked_to_reload:
            self._asked_to_reload = False
            self.reload()
        lines = self.watcher.read(now, LINES_AT_ONCE)
        for line in lines:
            self._take(line, now)
        self._backlog = len(lines) >= LINES_AT_ONCE
        self.control.serve()
        settings = self.loaded.config.settings
        self.blocks.compact_when_grown(now, settings.forget_after_s, settings.offenders_max)

    def _take(self, line: Line, now: Moment) -> None:
        """Take one line from text to promise."""
        self.lines += 1
        verdict = self.detector.take(line)
        if verdict.alert is None:
            return
        self.alerts += 1
        if verdict.rule is not None and not verdict.rule.no_log:
            self._alerts_log.write(verdict.alert)
        self._respond(verdict.alert, now)

    def _respond(self, alert: Alert, now: Moment) -> None:
        self._refresh_own_addresses(now)
        for ruling in self.policy.rule_on(alert, now):
            if ruling.record is not None or ruling.outcome in (Outcome.ALLOWED, Outcome.FULL):
                self._tell(ruling, alert)
            if ruling.record is not None:
                self.blocks.take(ruling, self.policy, now)

    def _tell(self, ruling: Ruling, alert: Alert) -> None:
        name, subject = ruling.response.command.name, ruling.subject
        if ruling.record is not None:
            self.log("INFO", f"{name} {subject}: rule {alert.rule} (level {alert.level}), {ruling.why}.")
        else:
            self.log("INFO", f"{name} {subject}: rule {alert.rule} fired, but nothing is done: {ruling.why}.")

    def _sleep(self, wakeup: int) -> None:
        """Wait until there is something to do."""
        now_s = clock.now().boot_s
        wakes = [now_s + self.watcher.wake_after_s()]
        release_s = self.ledger.next_wake_s() if self.runner.has_room else None
        wakes += [wake for wake in (release_s, self.runner.next_wake_s()) if wake is not None]
        timeout_s = 0.0 if self._backlog else max(0.0, min(wakes) - now_s)
        for fd, _ in self._poll(wakeup).poll(timeout_s * 1000):
            if fd == wakeup:
                os.read(wakeup, 4096)

    def _poll(self, wakeup: int) -> select.poll:
        """Return a poll of all that is open now.

        It is made anew each turn: what epoll knows of a descriptor is gone when another one takes its number.
        """
        poll = select.poll()
        for fd in (wakeup, *self.watcher.filenos(), *self.runner.filenos(), *self.control.filenos()):
            poll.register(fd, select.POLLIN)
        for fd in self.control.writers():
            poll.register(fd, select.POLLOUT)
        return poll

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:  # noqa: ARG002 (signal's signature)
        if number in (signal.SIGTERM, signal.SIGINT):
            self._asked_to_stop = True
        elif number == signal.SIGHUP:
            self._asked_to_reload = True
        elif number == signal.SIGUSR1:
            for log in (self.log, self._alerts_log, self._responses_log):
                log.reopen()

    def _stop(self) -> None:
        """Let running scripts end and record what came of them; start nothing more."""
        self.runner.scripts_max = 0
        give_up_s = clock.now().boot_s + STOP_WAIT_S
        while self.runner.running and clock.now().boot_s < give_up_s:
            select.select(self.runner.filenos(), [], [], 0.05)
            self.blocks.collect(clock.now())
        if self.journal is not None:
            self.journal.close()
        self.control.close()
        self.watcher.close()
        self._lock.release()
        in_force = sum(1 for block in self.ledger.blocks.values() if block.state is not State.RELEASING)
        self.log("INFO", f"Stopped; {in_force} blocks stay in force and are in the journal.")

    # ── what is set up, at the start and at a reload ───────────────────────────────────────────────────────

    def reload(self) -> None:
        """Read the configuration again; with a mistake in it, keep the one that is running."""
        fresh = load(self.home)
        if fresh.mistakes:
            for mistake in fresh.mistakes:
                self.log("ERROR", str(mistake))
            self.log("ERROR", "The configuration was not reloaded; the former one goes on.")
            return
        detector = detector_of(fresh)
        detector.carry_over(self.detector)
        self.loaded, self.detector = fresh, detector
        self.policy = policy_of(fresh, self.ledger, self.log)
        self._own_known_until_s = float("-inf")
        self.watcher.rewatch(fresh.config.local_files)
        if isinstance(self.runner, Runner):
            self.runner.scripts_max = fresh.config.settings.scripts_max
            self.runner.deadline_s = fresh.config.settings.script_deadline_s
        self._release_allowlisted(clock.now())
        self.reloads += 1
        self.log("INFO", f"Reloaded: {len(fresh.ruleset.rules)} rules, {len(fresh.config.responses)} responses.")

    def _new_runner(self) -> Union[Runner, Observer]:
        if self.observing:
            return Observer(self.home.scripts, self.log)
        settings = self.loaded.config.settings
        return Runner(
            self.home.scripts,
            self.home.root,
            scripts_max=settings.scripts_max,
            deadline_s=settings.script_deadline_s,
            fault_of_script=lambda path: fault_of_script(path, os.geteuid()),
        )

    def _release_allowlisted(self, now: Moment) -> None:
        """End the blocks on addresses that have been allowlisted since."""
        for block in list(self.ledger.blocks.values()):
            address = parse_address(block.subject.value) if block.subject.kind == "srcip" else None
            reason = self.policy.allowlist.reason(address) if address is not None else None
            if reason is not None and block.state is not State.RELEASING:
                self.log("INFO", f"{block.command} {block.subject}: released, since it is {reason}.")
                self.blocks.apply(end_of(block, now), now)

    def _refresh_own_addresses(self, now: Moment) -> None:
        """Ask for this host's addresses again when the last answer is a minute old."""
        if now.boot_s >= self._own_known_until_s:
            self.policy.allowlist.own = frozenset(own_addresses())
            self._own_known_until_s = now.boot_s + OWN_ADDRESSES_KEPT_S

    def _rule_words(self, rule_id: RuleId) -> tuple[int, str]:
        rule = self.loaded.ruleset.rules.by_id.get(rule_id)
        return (rule.level, rule.description) if rule else (0, "")

    def _note_response(self, outcome: Finished) -> None:
        if not self.observing:
            self._responses_log.write(outcome)


def _catch_signals(on_signal: Callable[[int, Optional[FrameType]], None]) -> int:
    """Let signals wake the loop; return the file descriptor that becomes readable."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return reader
