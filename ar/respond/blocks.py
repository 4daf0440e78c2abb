"""Makes rulings true: promise in the journal, then the script, then what came of it.

The order is the point. A promise is on disk before its script starts; an outcome is recorded after the script
has ended. Whatever the machine does in between, the next start finds every block in the journal.
"""

from __future__ import annotations

import math
from typing import Callable, Dict, Iterable, Optional, Protocol, Tuple, Union

from ar.model import Moment, RuleId
from ar.policy.ledger import Action, Block, Ledger
from ar.policy.policy import Policy, Ruling
from ar.policy.records import Arguments, Ended, Opened, Prolonged, Promised, Ran, Record
from ar.policy.tasks import Finished, Task
from ar.respond.journal import Journal, JournalError

COMPACT_AGAIN_AFTER_S = 60.0
RUNS_WAITING_MAX = 1000  # commands that are never undone, waiting for a turn; further ones are dropped and counted

Log = Callable[[str, str], None]  # severity, text
RuleWords = Callable[[RuleId], Tuple[int, str]]  # a rule's level and description


class Keeps(Protocol):
    """A place for promises: the journal, or nothing while only observing."""

    def write(self, *records: Record, sync: bool = True) -> None: ...
    def compact_when_grown(self, snapshot: Callable[[], Iterable[Record]]) -> bool: ...


class Runs(Protocol):
    """Something that runs tasks: the runner, or one that only says what it would run."""

    @property
    def has_room(self) -> bool: ...
    @property
    def waiting(self) -> int: ...
    def submit(self, task: Task, boot_s: float) -> None: ...
    def reap(self, boot_s: float) -> list[Finished]: ...


def restored(journal: Optional[Journal], now: Moment, boot_id: str, log: Log) -> Ledger:
    """Return the ledger that a journal leads to, every block due when it should be in this boot.

    What is damaged is told loudly, and what is intact counts. Without a journal the ledger is empty.
    """
    ledger = Ledger(boot_id)
    if journal is None:
        return ledger
    for text in journal.damage:
        log("ERROR", text)
    for record in journal.records:
        ledger.apply(record)
    journal.records = []
    ledger.rearm(now, boot_id)
    return ledger


class Blocks:
    """The blocks of one agent: what is promised, what is in force, and the scripts that make it so."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Keeps,
        runner: Runs,
        *,
        log: Log,
        rule_words: RuleWords,
        on_finished: Callable[[Finished], None],
    ) -> None:
        """`on_finished` is told of each script that ended, for the log of responses."""
        self.ledger = ledger
        self.counts: Dict[str, int] = {"blocks": 0, "releases": 0, "runs": 0, "failures": 0, "not promised": 0}
        self.bounds_hit: Dict[str, int] = {}
        self.rule_words = rule_words
        self._journal = journal
        self._runner = runner
        self._log = log
        self._on_finished = on_finished
        self._opened = False
        self._compact_not_before_s = float("-inf")

    def take(self, ruling: Ruling, policy: Policy, now: Moment) -> bool:
        """Promise what a ruling says, and start on it; False when it could not be promised, so is not done."""
        if ruling.record is None or ruling.arguments is None:
            return False
        if isinstance(ruling.record, Ran) and self._runner.waiting >= RUNS_WAITING_MAX:
            self.bounds_hit["scripts waiting"] = self.bounds_hit.get("scripts waiting", 0) + 1
            return False
        if not self.promise(ruling.record, now):
            return False
        policy.commit(ruling, now)
        if isinstance(ruling.record, Ran):
            command = ruling.response.command
            self.counts["runs"] += 1
            environment = self._environment(ruling.arguments, 0)
            self._runner.submit(Task("add", command.executable, ruling.arguments, environment, None), now.boot_s)
        elif isinstance(ruling.record, Promised):
            self.counts["blocks"] += 1
        self.work(now)
        return True

    def promise(self, record: Record, now: Moment) -> bool:
        """Write a promise to the journal, and say loudly when that cannot be done.

        The first one of this agent also says in which boot of the machine it and the next ones were made.
        """
        opening = () if self._opened else (Opened(self.ledger.boot_id, now.wall_s, now.boot_s),)
        try:
            self._journal.write(*opening, record)
        except JournalError as error:
            self.counts["not promised"] += 1
            self._log("ERROR", f"{error}. Nothing is done that is not in the journal first.")
            return False
        self._opened = True
        return True

    def apply(self, record: Union[Promised, Prolonged, Ended], now: Moment) -> bool:
        """Promise and start something at the administrator's word; False when it could not be promised."""
        if not self.promise(record, now):
            return False
        self.ledger.apply(record)
        self.work(now)
        return True

    def compact_when_grown(self, now: Moment, forget_after_s: float, offenders_max: int) -> None:
        """Let the journal be replaced by a snapshot when it has grown; after a failure wait a minute."""
        if now.boot_s < self._compact_not_before_s:
            return

        def snapshot() -> Iterable[Record]:
            dropped = self.ledger.forget(now, forget_after_s, offenders_max)
            self.bounds_hit["offenders"] = self.bounds_hit.get("offenders", 0) + dropped
            return self.ledger.snapshot(now, forget_after_s)

        try:
            self._opened = self._journal.compact_when_grown(snapshot) or self._opened
        except JournalError as error:
            self._log("ERROR", str(error))
            self._compact_not_before_s = now.boot_s + COMPACT_AGAIN_AFTER_S

    def work(self, now: Moment) -> None:
        """Start the scripts that are due, as many as there is room for."""
        if not self._runner.has_room:
            return
        for action in self.ledger.take_due(now):
            self._runner.submit(self._task(action, now), now.boot_s)
            if not self._runner.has_room:
                return

    def collect(self, now: Moment) -> int:
        """Take in what came of the scripts that have ended, go on to what is due; return how many ended."""
        finished = self._runner.reap(now.boot_s)
        for outcome in finished:
            self._on_finished(outcome)
            if outcome.task.action is None:
                self._report(outcome, "")
            else:
                self._settle(outcome, outcome.task.action, now)
        self.work(now)
        return len(finished)

    def _settle(self, outcome: Finished, action: Action, now: Moment) -> None:
        words = _last_words(outcome)
        record = self.ledger.finish(action, worked=outcome.worked, last_words=words, now=now)
        self._report(outcome, "It is tried again." if not outcome.worked else "")
        if record is None:
            return
        self.counts["releases"] += action.verb == "delete"
        opening = () if self._opened else (Opened(self.ledger.boot_id, now.wall_s, now.boot_s),)
        try:
            self._journal.write(*opening, record, sync=action.verb == "delete")
            self._opened = True
        except JournalError as error:
            # The world has changed all the same. A restart repeats the script, which does no harm.
            self._log("ERROR", str(error))
        self.ledger.apply(record)

    def _report(self, outcome: Finished, then: str) -> None:
        task = outcome.task
        if outcome.output and outcome.worked:
            self._log("INFO", f"{task.executable} {task.verb}: {_one_line(outcome.output)}")
        if not outcome.worked:
            self.counts["failures"] += 1
            subject = task.action.block.subject.value if task.action else task.arguments.srcip
            text = f"{task.executable} {task.verb} {subject} failed: {_last_words(outcome)}. {then}"
            self._log("ERROR", text.rstrip())

    def _task(self, action: Action, now: Moment) -> Task:
        block = action.block
        left_s = block.left_s(now)
        timeout_s = 0 if left_s is None else max(1, math.ceil(left_s))
        environment = self._environment(block.arguments, timeout_s)
        return Task(action.verb, block.executable, block.arguments, environment, action)

    def _environment(self, arguments: Arguments, timeout_s: int) -> Dict[str, str]:
        level, description = self.rule_words(arguments.rule)
        return {
            "AR_TIMEOUT": str(timeout_s),
            "AR_RULE_ID": str(arguments.rule),
            "AR_RULE_LEVEL": str(level),
            "AR_RULE_DESCRIPTION": description,
            "AR_ALERT_ID": arguments.alert_id,
        }


def end_of(block: Block, now: Moment) -> Ended:
    """Return the record that ends a block before its time."""
    return Ended(block.id, now.wall_s)


def _one_line(text: str) -> str:
    return " | ".join(text.split("\n"))


def _last_words(outcome: Finished) -> str:
    last: Optional[str] = outcome.output.rsplit("\n", 1)[-1].strip()
    return f"{outcome.how}: {last}" if last else outcome.how
