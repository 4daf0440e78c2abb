"""What can be said and done of a home's blocks while no agent runs there: from the journal alone."""

from __future__ import annotations

import select
from typing import Callable, List, Optional

from ar.answers import chosen
from ar.config.home import Home
from ar.config.settings import Settings
from ar.control.protocol import Object
from ar.errors import UnavailableError
from ar.policy.block import Block, State
from ar.policy.ledger import Ledger
from ar.report.responses import ResponsesLog
from ar.respond import clock
from ar.respond.blocks import Blocks, restored
from ar.respond.journal import Journal, Lock, read
from ar.respond.runner import Runner
from ar.setup import runner_of

_LOOK_AGAIN_S = 0.05  # how often a script that runs is asked whether it has ended


def require(home: Home) -> None:
    """Raise UnavailableError when the home is none."""
    if not home.journal.parent.is_dir():
        raise UnavailableError(f"{home.root}: no home of an agent: expected one that `ar-agent init` made")


def ledger_of(home: Home, log: Callable[[str, str], None]) -> Ledger:
    """Return the ledger that the home's journal leads to, changing nothing.

    Raises CannotCreateError when the journal cannot be read.
    """
    reading = read(home.journal)
    for text in reading.damage:
        log("ERROR", text)
    ledger = Ledger.remembered(reading.records)
    ledger.rearm(clock.now(), clock.boot_id())
    return ledger


def unblock(home: Home, request: Object, log: Callable[[str, str], None]) -> List[Block]:
    """Release the blocks that an unblock request means, as a running agent would; return them.

    One that resists is still in the ledger's hands: its state is RELEASING and it counts its failures. Nothing
    else that is due is done. Raises UnavailableError when an agent holds the home after all, RefusedError when
    nothing is meant.
    """
    return _release(home, Lock(home.lock, "unblock"), lambda ledger: chosen(ledger, request), log)


def sweep(home: Home, log: Callable[[str, str], None]) -> List[Block]:
    """Release what is overdue, and return it as `unblock` does; do nothing while an agent holds the home.

    Raises UnavailableError when there is no home.
    """
    require(home)
    if not home.journal.exists():
        return []
    try:
        lock = Lock(home.lock, "sweep")
    except UnavailableError:
        return []
    return _release(home, lock, _overdue, log)


def _overdue(ledger: Ledger) -> List[Block]:
    now = clock.now()
    return [block for block in ledger.blocks.values() if block.state is State.RELEASING or block.left_s(now) == 0]


def _release(
    home: Home, lock: Lock, choose: Callable[[Ledger], List[Block]], log: Callable[[str, str], None]
) -> List[Block]:
    journal: Optional[Journal] = None
    runner: Optional[Runner] = None
    try:
        journal = Journal(home.journal)
        runner = runner_of(home, Settings(), log)
        ledger = restored(journal, clock.now(), clock.boot_id(), log)
        meant = choose(ledger)
        ledger.hush()
        responses_log = ResponsesLog(home.responses_log, home.scripts, lambda problem: log("ERROR", problem))
        blocks = Blocks(ledger, journal, runner, log=log, rule_words=lambda _: (0, ""), on_finished=responses_log.write)
        for block in meant:
            blocks.end(block, clock.now())
        blocks.work(clock.now())
        while any(block.failures == 0 and ledger.blocks.get(block.key) is block for block in meant):
            select.select(runner.filenos(), [], [], _LOOK_AGAIN_S)
            blocks.collect(clock.now())
        return meant
    finally:
        if runner is not None:
            runner.close()
        if journal is not None:
            journal.close()
        lock.release()
