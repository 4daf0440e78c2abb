"""Makes rulings true: promise in the journal, then the script, then what came of it.

The order is the point. A promise is on disk before its script starts; an outcome is recorded after the script
has ended. Whatever the machine does in between, the next start finds every block in the journal.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Callable, Deque, Dict, FrozenSet, Iterable, List, Optional, Protocol, Sequence, Union

from ar.model import Alert, Moment
from ar.news import News
from ar.policy.agenda import AT_ONCE_S
from ar.policy.block import Action, Block, State
from ar.policy.ledger import Ledger
from ar.policy.policy import Policy, Ruling
from ar.policy.records import Added, Arguments, Ended, Opened, Prolonged, Promised, Ran, Record, Released
from ar.policy.tasks import BATCH_BYTES_MAX, LINE_BYTES_MAX, Finished, Task, may_share
from ar.respond.briefing import Briefing, RuleWords
from ar.respond.journal import Journal, JournalError
from ar.respond.promises import Keeps, Promises
from ar.respond.reconcile import PRESENT, Reconciler
from ar.respond.trial import Trial

GROWN_RECORDS, GROWN_TIMES = 1000, 4  # more records than that are mostly of what is over; a start reads them no more
RUNS_WAITING_MAX = 1000  # commands that are never undone, waiting for a turn; further ones are dropped and counted
BATCH_MAX = 1024  # blocks in one run of a script
SECONDS_BYTES_MAX = 11  # of a line of a batch: a space, TIMEOUT_MOST_S and the line end

Log = Callable[[str, str], None]  # severity, text


class Runs(Protocol):
    """Something that runs tasks: the runner, or one that only says what it would run."""

    @property
    def has_room(self) -> bool: ...
    @property
    def waiting(self) -> int: ...
    def abilities(self, executable: str) -> FrozenSet[str]: ...
    def submit(self, task: Task, boot_s: float) -> None: ...
    def reap(self, boot_s: float) -> list[Finished]: ...


def restored(journal: Optional[Journal], now: Moment, boot_id: str, log: Log) -> Ledger:
    """Return the ledger that a journal leads to, every block due when it should be in this boot.

    What is damaged is told loudly, and what is intact counts. Without a journal the ledger is empty. After a
    reboot it is written down at once that this boot has begun, so that from then on the boot clock counts. A journal
    that is mostly of what is over, or damaged, is replaced by a snapshot.
    """
    if journal is None:
        return Ledger(boot_id)
    for text in journal.damage:
        log("ERROR", text)
    ledger = Ledger.remembered(journal.records)
    is_grown = len(journal.records) > GROWN_RECORDS + GROWN_TIMES * (len(ledger.blocks) + len(ledger.offenders))
    journal.records = []
    is_of_this_boot = ledger.boot_id == boot_id
    opened = Opened(boot_id, *now)
    try:
        if ledger.rearm(now, boot_id) or is_grown or journal.may_be_rid_of_damage:
            journal.compact(ledger.snapshot(now, float("inf")))
            ledger.apply(opened)  # as the snapshot says
        elif ledger.blocks and not is_of_this_boot:
            journal.write(opened)
            journal.sync()
            ledger.apply(opened)
    except JournalError as error:
        log("ERROR", str(error))  # a restart works the ends out again, by the wall clock
    return ledger


class Blocks:
    """The blocks of one agent: what is promised, what is in force, and the scripts that make it so.

    `take` and `apply` promise; `work` makes sure that the promises are on disk, then starts what is due. So
    the promises of many lines cost one sync, and still no script runs before its promise is safe.
    """

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
        self.counts: Dict[str, int] = dict.fromkeys(
            ("blocks", "releases", "runs", "failures", "not promised", "emergencies"), 0
        )
        self.bounds_hit: Counter[str] = Counter()
        self.promises = Promises(ledger, journal, log)
        self._runner = runner
        self._log = log
        self._on_finished = on_finished
        self.reconciler = Reconciler(ledger, runner, log)
        self.trial: Optional[Trial] = None  # the last one
        self.emergency_block_s = 0  # how long a block lasts that cannot be promised; 0: none is made
        self._emergencies: Deque[Block] = deque()  # such blocks, to be put in force with the next `work`
        self._held_up: List[Block] = []  # of these, for whose key a script still runs
        self._fresh: List[Block] = []  # promised, and not known to be safe on disk
        self._runs: Deque[Task] = deque()  # promised, to be started with the next `work`
        self._briefing = Briefing(ledger, rule_words)
        self.holding = False  # while it is not known who is allowlisted, nothing is put in force
        self._kind = 0  # whose turn it is of releases, blocks to be put in force, and other commands
        self._news = News()  # of the blocks that give way, and of scripts that fail
        self._worked_since: Counter[str] = Counter()  # runs of a script that worked since one failed at a block

    @property
    def runs_waiting(self) -> int:
        """How many commands that are never undone have been promised and not been started."""
        return len(self._runs) + self._runner.waiting

    def begin_trial(
        self, executable: str, arguments: Arguments, promise: Callable[[Moment], Union[Block, str]], now: Moment
    ) -> Trial:
        """Begin to try a script; `promise` puts its block on record when it is time, or returns why it does not."""
        self.trial = Trial(executable, arguments, self._runner, promise=promise, end=self.end)
        self.trial.begin(now)
        return self.trial

    def take(self, ruling: Ruling, policy: Policy, now: Moment, alert: Optional[Alert] = None) -> bool:
        """Promise what a ruling says; False when it could not be promised, so will not be done.

        `alert` is what led to it, of which scripts are told.
        """
        if ruling.record is None or ruling.arguments is None:
            return False
        if isinstance(ruling.record, Ran) and self.runs_waiting >= RUNS_WAITING_MAX:
            self.bounds_hit["scripts_waiting"] += 1
            return False
        ended = self._make_room(now) if ruling.makes_room else []
        if ended is None:
            return False
        if not self._promise(now, ruling.record, *ended):
            return self._block_in_emergency(ruling, policy, now, alert)
        policy.commit(ruling, now)
        for record in ended:
            self.ledger.apply(record)
        if isinstance(ruling.record, Ran):
            self.counts["runs"] += 1
            told = None if alert is None else policy.tellable(ruling.response.command, alert)
            self._runs.append(self._briefing.run_task(ruling.response.command, ruling.arguments, told, now))
        elif isinstance(ruling.record, Promised):
            self.counts["blocks"] += 1
            self._keep_alert(ruling.record, ruling, policy, alert)
            self._fresh.append(self.ledger.blocks[ruling.record.block])
        return True

    def _keep_alert(self, promise: Promised, ruling: Ruling, policy: Policy, alert: Optional[Alert]) -> None:
        if alert is not None:
            self._briefing.keep(promise.block, policy.tellable(ruling.response.command, alert))

    def _make_room(self, now: Moment) -> Optional[List[Ended]]:
        """Return the record by which a block gives way to a new one; None when none does, or the disk takes none."""
        self.bounds_hit["blocks"] += 1
        if not self.promises.can_be_kept:
            return None
        block = self.ledger.first_to_make_room()
        if self._news.is_new(("room", block is None), now.boot_s):
            many = f"{len(self.ledger.blocks)} blocks are in force, and no more are kept"
            if block is None:
                self._log("ERROR", f"{many}. All are for good, or being released: new ones are not made.")
            else:
                self._log("WARNING", f"{many}: the oldest of the shortest ones give way, now {block.subject}.")
        return None if block is None else [Ended(block.id, now.wall_s)]

    def _block_in_emergency(self, ruling: Ruling, policy: Policy, now: Moment, alert: Optional[Alert]) -> bool:
        """Block for a short while without a promise, where that is wanted and the firewall itself will end it."""
        promise = ruling.record
        if not isinstance(promise, Promised) or ruling.makes_room or not self._expires(promise.executable):
            return False
        policy.commit(ruling, now)
        self._keep_alert(promise, ruling, policy, alert)
        self.counts["blocks"] += 1
        self._shorten(self.ledger.blocks[promise.block], now)
        self.promises.lack_something()
        return True

    def _expires(self, executable: str) -> bool:
        """Tell whether a block may be made without a promise: that is wanted, and the firewall will end it."""
        return self.emergency_block_s > 0 and "timeout" in self._runner.abilities(executable)

    def _shorten(self, block: Block, now: Moment) -> None:
        """Have a block put in force whose promise is not safe, for a short while."""
        sentence_s = min(block.sentence_s or self.emergency_block_s, self.emergency_block_s)
        self.ledger.apply(Prolonged(block.id, block.offence, now.wall_s, sentence_s, now.boot_s + sentence_s))
        self._emergencies.append(block)
        self.counts["emergencies"] += 1

    def _see_to_fresh(self, now: Moment, *, safe: bool) -> None:
        """Shorten the blocks whose promises were written and could not be synced."""
        fresh, self._fresh = self._fresh, []
        for block in () if safe else fresh:
            waits = block.state is State.PROMISED and self.ledger.blocks.get(block.id) is block
            if waits and self._expires(block.executable):
                self.counts["not promised"] += 1
                self._shorten(block, now)

    def apply(self, record: Union[Promised, Prolonged], now: Moment, *, makes_room: bool = False) -> bool:
        """Promise something that no alert asked for; False when it could not be promised.

        With `makes_room` another block gives way to it, and when none does, it is not promised either.
        """
        ended = self._make_room(now) if makes_room else []
        if ended is None or not self._promise(now, record, *ended):
            return False
        for each in (record, *ended):
            self.ledger.apply(each)
        self.counts["blocks"] += isinstance(record, Promised)
        return True

    def _promise(self, now: Moment, *records: Record) -> bool:
        made = self.promises.make(now, *records)
        self.counts["not promised"] += not made
        return made

    def end(self, block: Block, now: Moment) -> None:
        """End a block before its time, as `end_all` does."""
        self.end_all([block], now)

    def end_all(self, blocks: Iterable[Block], now: Moment) -> None:
        """End blocks before their time.

        They are released even when that cannot be written down: a restart before the disk takes records again
        would then bring them back.
        """
        records = [Ended(block.id, now.wall_s) for block in blocks]
        if records:
            self.promises.note(now, *records, is_worth_a_sync=True)
        for record in records:
            self.ledger.apply(record)

    def work(self, now: Moment) -> None:
        """See to it that all promises are on disk, then start the scripts that are due, as many as have room.

        Releases, blocks to be put in force and other commands take turns, so that none keeps another out.
        While the disk takes no promise, releases go on, and nothing else starts.
        """
        is_on_disk = self.promises.are_safe(now)
        self._see_to_fresh(now, safe=is_on_disk)
        safe = is_on_disk and not self.holding
        starters = (self._start_release, self._start_addition, self._start_run, self._start_emergency)
        whatever_the_disk_says = (self._start_release, self._start_emergency)
        idle = 0
        while self._runner.has_room and idle < len(starters):
            start = starters[self._kind % len(starters)]
            self._kind += 1
            if (safe or start in whatever_the_disk_says) and start(now):
                idle = 0
            else:
                idle += 1
        if idle:
            self.reconciler.work(now)

    def _start_release(self, now: Moment) -> bool:
        return self._start_due(now, release=True)

    def _start_addition(self, now: Moment) -> bool:
        return self._start_due(now, release=False)

    def _start_due(self, now: Moment, *, release: bool) -> bool:
        """Start the script that is due first, for as many blocks as it can take at once; False when none is due."""
        first = self._take_one(now, release=release)
        if first is None:
            return False
        actions = [first]
        most = self._batch_max(first.block)
        room_bytes = BATCH_BYTES_MAX - LINE_BYTES_MAX
        while len(actions) < most and room_bytes >= LINE_BYTES_MAX:
            another = self._take_one(now, release=release, like=first)
            if another is None:
                break
            actions.append(another)
            room_bytes -= len(another.block.subject.value) + SECONDS_BYTES_MAX
        self._runner.submit(self._briefing.task(actions, now), now.boot_s)
        return True

    def _take_one(self, now: Moment, *, release: bool, like: Optional[Action] = None) -> Optional[Action]:
        """Take from the ledger what a script is to run for: a release of what another command wants needs none."""
        action = self.ledger.take_one(now, release=release, like=like)
        while action is not None and action.verb == "delete":
            keeper = next(self.ledger.sharing(action.block), None)
            if keeper is None:
                break
            self._let_go(action, keeper, now)
            action = self.ledger.take_one(now, release=release, like=like)
        return action

    def _let_go(self, action: Action, keeper: Block, now: Moment) -> None:
        """Hold a block as released whose element another one keeps in force, and goes on to with its own end."""
        record = self.ledger.finish(action, worked=True, last_words="", now=now)
        if record is not None:
            self._note_released([action.block], f"over; {keeper.command} keeps it blocked")
            self.promises.note(now, record, is_worth_a_sync=True)
            self.ledger.apply(record)

    def _note_released(self, blocks: Sequence[Block], how: str) -> None:
        self.counts["releases"] += len(blocks)
        self._log("INFO", "\n".join(f"{block.command} {block.subject}: {how}." for block in blocks))
        for block in blocks:
            self._briefing.forget(block.id)

    def _batch_max(self, block: Block) -> int:
        """Return how many blocks may go into one run with this one.

        Fewer when it failed before, so that one which the firewall refuses spoils few others; more again, up to the
        size after two failures, with each run that worked since.
        """
        if not may_share(block, self._runner.abilities(block.executable)):
            return 1
        steps = max(min(block.blamed, 2), block.blamed - self._worked_since[block.executable])
        return max(1, BATCH_MAX >> (3 * steps))

    def _start_run(self, now: Moment) -> bool:
        if self._runs:
            self._runner.submit(self._runs.popleft(), now.boot_s)
            return True
        return False

    def _start_emergency(self, now: Moment) -> bool:
        """Start the script of a block that cannot be promised; the firewall will end it."""
        while self._emergencies:
            block = self._emergencies.popleft()
            waits = block.state is State.PROMISED and self.ledger.blocks.get(block.id) is block
            if waits and self.ledger.has_to_wait(block):
                self._held_up.append(block)
            elif waits:
                task = self._briefing.task([self.ledger.begin(block)], now)
                must_expire = {**task.environment, "AR_MUST_EXPIRE": "1"}
                self._runner.submit(task._replace(environment=must_expire), now.boot_s)
                return True
        return False

    def next_wake_s(self) -> Optional[float]:
        """Return when `work` has something to do next, on the boot clock; None while it has not."""
        if not self._runner.has_room:
            return None
        safe_s = self.promises.next_wake_s()
        wakes = [self.ledger.next_wake_s(releases_only=True), self.reconciler.next_wake_s(), safe_s]
        if safe_s is None and not self.holding:
            wakes.append(AT_ONCE_S if self._runs else self.ledger.next_wake_s())
        if self._emergencies:
            wakes.append(AT_ONCE_S)
        return min((wake for wake in wakes if wake is not None), default=None)

    def collect(self, now: Moment) -> None:
        """Take in what came of the scripts that have ended, and go on to what is due."""
        for outcome in self._runner.reap(now.boot_s):
            if outcome.task.verb != PRESENT:
                self._on_finished(outcome)
                self._settle(outcome, now)
            elif self.trial is None or not self.trial.has_asked(outcome.task):
                self.reconciler.take(outcome, now)
            if self.trial is not None:
                self.trial.take(outcome, now)
        self.work(now)

    def compact_when_grown(self, now: Moment, forget_after_s: float, offenders_max: int) -> None:
        """Let the journal be replaced by a snapshot when it has grown."""

        def snapshot() -> Iterable[Record]:
            self.bounds_hit["offenders"] += self.ledger.forget(now, forget_after_s, offenders_max)
            return self.ledger.snapshot(now, forget_after_s)

        self.promises.compact_when_grown(now, snapshot)

    def _settle(self, outcome: Finished, now: Moment) -> None:
        """Note what came of a script, in memory and then in the journal."""
        words = _last_words(outcome)
        self._emergencies.extend(self._held_up)
        self._held_up.clear()
        records: List[Union[Added, Released]] = []
        is_its_fault = outcome.is_fault_of_one
        worked_since = self._worked_since[outcome.task.executable] + outcome.worked
        self._worked_since[outcome.task.executable] = 0 if is_its_fault else worked_since
        for action in outcome.task.actions:
            record = self.ledger.finish(
                action, worked=outcome.worked, last_words=words, now=now, is_its_fault=is_its_fault
            )
            if record is not None:
                records.append(record)
        self._report(outcome, "It is tried again." if outcome.task.actions and not outcome.worked else "", now)
        if not records:
            return
        released = isinstance(records[0], Released)  # one script does one thing, to one block or to many
        if released:
            self._note_released([action.block for action in outcome.task.actions], "released")
        # Where an outcome is lost the script runs once more, which does no harm: that of an addition waits for a sync.
        self.promises.note(now, *records, is_worth_a_sync=released)
        for record in records:
            self.ledger.apply(record)

    def _report(self, outcome: Finished, then: str, now: Moment) -> None:
        """Log what a script said, and why it failed: each cause once a minute, with how often it came since."""
        task, words = outcome.task, _last_words(outcome)
        if outcome.worked:
            self._log_output(task, outcome.output.splitlines())
            return
        self.counts["failures"] += 1
        cause = (task.executable, task.verb, words.replace(task.about, ""))
        if self._news.is_new(cause, now.boot_s):
            self._log_output(task, outcome.output.splitlines()[:-1])
            again = self._news.take_unsaid(cause)
            often = f" (so did {again} more since this was last told)" if again else ""
            self._log("ERROR", f"{task.executable} {task.verb} {task.about} failed: {words}{often}. {then}".rstrip())

    def _log_output(self, task: Task, lines: Sequence[str]) -> None:
        for line in lines:
            self._log("INFO", f"{task.executable} {task.verb}: {line}")


def _last_words(outcome: Finished) -> str:
    last: Optional[str] = outcome.output.rsplit("\n", 1)[-1].strip()
    return f"{outcome.how}: {last}" if last else outcome.how
