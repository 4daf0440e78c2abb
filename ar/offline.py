"""What can be said and done of a home's blocks while no agent runs there: from the journal alone."""

from __future__ import annotations

import contextlib
import select
from typing import Callable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ar import trials
from ar.answers import chosen
from ar.config.home import Home
from ar.config.load import Loaded, settings_of
from ar.config.settings import Settings
from ar.control.protocol import Object
from ar.errors import UnavailableError
from ar.policy.block import Block, State
from ar.policy.ledger import Ledger
from ar.policy.tasks import Finished
from ar.report.responses import ResponsesLog
from ar.respond import clock
from ar.respond.blocks import Blocks, restored
from ar.respond.hosts import networks_of
from ar.respond.journal import Journal, read
from ar.respond.lock import Lock, patience
from ar.respond.nextdue import NextDue
from ar.respond.runner import KILL_AFTER_TERM_S, Runner
from ar.respond.trial import Trial
from ar.setup import policy_of, runner_of

RELEASING_S = 20.0  # a while in which even 100,000 blocks are released, unless scripts hang
_TRIAL_RUNS = 6  # of scripts, one after the other: those of a killed agent, and at most five of a trial
_LOOK_AGAIN_S = 0.05  # how often a script that runs is asked whether it has ended

Log = Callable[[str, str], None]  # severity, text


class Releases(NamedTuple):
    """What was to be released, and what of it is left because it resists, or because there was no time to try it."""

    meant: List[Block]
    left: List[Block]


def require(home: Home) -> None:
    """Raise UnavailableError when the home is none."""
    if not home.journal.parent.is_dir():
        raise UnavailableError(f"{home.root}: no home of an agent: expected one that `ar-agent init` made")


def ledger_of(home: Home, log: Log) -> Ledger:
    """Return the ledger that the home's journal leads to, changing nothing.

    Raises CannotCreateError when the journal cannot be read.
    """
    reading = read(home.journal)
    for text in reading.damage:
        log("ERROR", text)
    ledger = Ledger.remembered(reading.records)
    ledger.rearm(clock.now(), clock.boot_id())
    return ledger


def lasts_at_most_s(settings: Settings) -> float:
    """Return how long a release or a trial without an agent may hold the home, in seconds."""
    release_s = _starts_for_s(settings) + settings.script_deadline_s + KILL_AFTER_TERM_S
    return max(release_s, _TRIAL_RUNS * (settings.script_deadline_s + KILL_AFTER_TERM_S))


def _starts_for_s(settings: Settings) -> float:
    """Return how long it starts scripts: so long as those of a killed agent may take to end, and then a while."""
    return settings.script_deadline_s + KILL_AFTER_TERM_S + RELEASING_S


def unblock(home: Home, request: Object, log: Log) -> Releases:
    """Release the blocks that an unblock request means, as a running agent would.

    Nothing else that is due is done. Raises UnavailableError when an agent holds the home after all, RefusedError
    when nothing is meant.
    """
    settings = settings_of(home)
    lock = _held(home, "unblock", settings, log)
    return _release(home, settings, lock, lambda ledger: chosen(ledger, request), log)


def _held(home: Home, verb: str, settings: Settings, log: Log) -> Lock:
    """Hold the home as soon as another verb is done with it; raises UnavailableError when an agent holds it."""
    return Lock(home.lock, verb, waits=patience(lasts_at_most_s(settings)), tell=lambda text: log("INFO", text))


def sweep(home: Home, log: Log) -> Releases:
    """Release what is overdue; do nothing while an agent holds the home.

    Raises UnavailableError when there is no home.
    """
    require(home)
    if not home.journal.exists():
        return Releases([], [])
    try:
        lock = Lock(home.lock, "sweep")
    except UnavailableError:
        return Releases([], [])
    next_due = NextDue(home.next_due, home.journal, clock.boot_id())
    if next_due.is_later(clock.now().boot_s):
        lock.release()
        return Releases([], [])

    def note(ledger: Ledger) -> None:
        next_due.note(_due_boot_s(ledger))

    return _release(home, settings_of(home), lock, _overdue, log, at_end=note)


def _overdue(ledger: Ledger) -> List[Block]:
    now = clock.now()
    return [block for block in ledger.blocks.values() if block.state is State.RELEASING or block.left_s(now) == 0]


def _due_boot_s(ledger: Ledger) -> Optional[float]:
    """Return when the first block is overdue, on the boot clock; 0 for one that resists, None when none ever is."""
    ends = (0.0 if block.state is State.RELEASING else block.ends_boot_s for block in ledger.blocks.values())
    return min((float(end_s) for end_s in ends if end_s is not None), default=None)


def _release(
    home: Home,
    settings: Settings,
    lock: Lock,
    choose: Callable[[Ledger], List[Block]],
    log: Log,
    *,
    at_end: Callable[[Ledger], None] = lambda _: None,
) -> Releases:
    """Release what `choose` chooses; `at_end` is that of `_blocks_of`."""
    resisting: Set[int] = set()  # numbers of blocks

    def take(outcome: Finished) -> None:
        if not outcome.worked and len(outcome.task.actions) == 1:  # of a batch it is not known which one resists
            resisting.add(outcome.task.actions[0].block.id)

    with _blocks_of(home, settings, lock, log, take, at_end=at_end) as (blocks, runner):
        ledger = blocks.ledger
        meant = choose(ledger)
        ledger.hush()
        blocks.end_all(meant, clock.now())
        blocks.work(clock.now())
        left = meant
        give_up_s = clock.now().boot_s + _starts_for_s(settings)
        while True:
            left = [block for block in left if ledger.blocks.get(block.id) is block]
            if clock.now().boot_s >= give_up_s or all(block.id in resisting for block in left):
                runner.scripts_max = 0
            if not (runner.scripts_max or runner.running):
                return Releases(meant, left)
            select.select(runner.filenos(), [], [], _LOOK_AGAIN_S)
            blocks.collect(clock.now())


@contextlib.contextmanager
def _blocks_of(
    home: Home,
    settings: Settings,
    lock: Lock,
    log: Log,
    on_finished: Callable[[Finished], None],
    *,
    at_end: Callable[[Ledger], None] = lambda _: None,
) -> Iterator[Tuple[Blocks, Runner]]:
    """Give what the home's journal holds, as an agent would have it, and the runner of its scripts.

    `at_end` is told what is left, if the journal has it all, while the home is still held.
    """
    journal: Optional[Journal] = None
    runner: Optional[Runner] = None
    try:
        journal = Journal(home.journal)
        runner = runner_of(home, settings, log)
        ledger = restored(journal, clock.now(), clock.boot_id(), log)
        responses_log = ResponsesLog(home.responses_log, home.scripts, lambda problem: log("ERROR", problem))

        def take(outcome: Finished) -> None:
            responses_log.write(outcome)
            on_finished(outcome)

        blocks = Blocks(ledger, journal, runner, log=log, rule_words=lambda _: (0, ""), on_finished=take)
        yield blocks, runner
        blocks.promises.end(clock.now())
        if blocks.promises.can_be_kept:
            at_end(ledger)
        else:
            log("ERROR", f"{home.journal}: cannot be written, so the next start does not know what was done now.")
    finally:
        if runner is not None:
            runner.close()
        if journal is not None:
            journal.close()
        lock.release()


def try_out(loaded: Loaded, name: str, subject: Optional[str], log: Log, is_interrupted: Callable[[], bool]) -> Trial:
    """Try the script of a command on a subject to the end of the trial; interrupted, to the release of its block.

    Nothing else that is due is done. Raises UnavailableError when an agent holds the home after all, RefusedError
    when it may not be tried.
    """
    home, settings = loaded.config.home, loaded.config.settings
    command = trials.command_of(loaded.config.commands, name)
    networks, warnings = networks_of(loaded.config.allowed)
    for warning in warnings:
        log("WARNING", str(warning))
    lock = _held(home, "try", settings, log)
    with _blocks_of(home, settings, lock, log, lambda _: None) as (blocks, runner):
        policy = policy_of(loaded, blocks.ledger, networks)
        blocks.ledger.hush()
        trial = trials.begin(command, subject, blocks, policy=policy, settings=settings, now=clock.now())
        is_hurried = False
        while not trial.is_over or runner.running:
            if is_interrupted() and not is_hurried:
                is_hurried = True
                trial.hurry(clock.now())
            if trial.is_over:
                runner.scripts_max = 0
            blocks.collect(clock.now())
            select.select(runner.filenos(), [], [], _LOOK_AGAIN_S)
        return trial
