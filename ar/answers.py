"""What a running agent answers on its control socket: one function for each request."""

from __future__ import annotations

import ipaddress
import os
from collections import Counter
from typing import TYPE_CHECKING, Callable, Dict, Iterable, Iterator, List, Optional

import psutil

from ar import __version__, trials
from ar.control.protocol import Object, RefusedError
from ar.duration import DURATION_MAX_S
from ar.errors import UNAVAILABLE, USAGE
from ar.model import NOTHING, Address, Command, Moment, parse_address
from ar.policy.block import Block, State
from ar.policy.ledger import Ledger
from ar.respond import clock

if TYPE_CHECKING:  # the engine asks this room, which in turn looks at the engine
    from ar.engine import Engine


def answer(engine: Engine, request: Object) -> Iterable[Object]:
    """Return the objects of the answer to one request.

    Raises RefusedError for what cannot be done.
    """
    verb = request.get("verb")
    if not isinstance(verb, str) or verb not in _ANSWERS:
        raise RefusedError(f"unknown request {verb!r}: expected one of {', '.join(sorted(_ANSWERS))}", USAGE)
    return _ANSWERS[verb](engine, request)


def block_rows(ledger: Ledger, now: Moment) -> Iterator[Object]:
    """Yield one object for each block, the ones that end first in front."""
    for block in sorted(ledger.blocks.values(), key=lambda b: (b.ends_boot_s is None, b.ends_boot_s or 0.0, b.id)):
        yield row_of(block, now)


def row_of(block: Block, now: Moment) -> Object:
    """Return what `list --json` prints of a block; docs/JSON.md explains the keys."""
    left_s = block.left_s(now)
    return {
        "subject": block.subject.value,
        "kind": block.subject.kind,
        "command": block.command,
        "state": _state(block, left_s),
        "offence": block.offence,
        "rule": block.arguments.rule,
        "since": round(block.at_s, 3),
        "until": None if left_s is None else round(now.wall_s + left_s, 3),
        "left_s": None if left_s is None else round(left_s, 3),
        "failures": block.failures,
        "last_words": block.last_words,
    }


def _state(block: Block, left_s: Optional[float]) -> str:
    if block.failures:
        return "failing release" if block.state is State.RELEASING else "failing block"
    return "overdue" if left_s == 0 and block.state is State.IN_FORCE else block.state.value


def _list(engine: Engine, request: Object) -> Iterable[Object]:  # noqa: ARG001 (every answer has this shape)
    return block_rows(engine.ledger, clock.now())


def _status(engine: Engine, request: Object) -> Iterable[Object]:  # noqa: ARG001 (every answer has this shape)
    now = clock.now()
    blocks = engine.ledger.blocks
    states = Counter([block.state for block in blocks.values()])
    bounds_hit = engine.bounds_hit()
    yield {
        "version": __version__,
        "pid": os.getpid(),
        "home": str(engine.home.root),
        "observing": engine.observing,
        "uptime_s": round(now.boot_s - engine.started.boot_s, 3),
        "reloads": engine.reloads,
        "sources": engine.watcher.followed(),
        "decoders": len(engine.loaded.ruleset.decoders),
        "rules": len(engine.loaded.ruleset.rules),
        "responses": len(engine.loaded.config.responses),
        "lines": engine.lines,
        "alerts": engine.alerts,
        "blocks": len(blocks),
        "in_force": states[State.IN_FORCE],
        "failing": sum([1 for block in blocks.values() if block.failures]),
        "releasing": states[State.RELEASING],
        "offenders": len(engine.ledger.offenders),
        "counts": engine.blocks.counts,
        "journal": _journal(engine),
        "reconcile": {**engine.blocks.reconciler.counts, "waiting": engine.blocks.reconciler.waiting},
        "scripts_running": engine.runner.running,
        "scripts_waiting": engine.blocks.runs_waiting,
        "log_lines_lost": engine.log_lines_lost(),
        "bounds_hit": {name: times for name, times in bounds_hit.items() if times},
        "memory_bytes": _memory_bytes(),
    }


def _journal(engine: Engine) -> Optional[Object]:
    journal = engine.journal
    if journal is None:  # while only observing
        return None
    return {
        "bytes": journal.size_bytes,
        "written_bytes": journal.written_bytes,
        "syncs": journal.syncs,
        "whole": engine.blocks.promises.can_be_kept,
    }


def _reconcile(engine: Engine, request: Object) -> Iterable[Object]:  # noqa: ARG001 (every answer has this shape)
    if engine.observing:
        raise RefusedError("nothing to reconcile: the running agent only observes", UNAVAILABLE)
    cannot_tell = engine.blocks.reconciler.ask_about_all(is_wanted=True)
    yield {"asking": engine.blocks.reconciler.waiting, "cannot_tell": cannot_tell}


def _memory_bytes() -> Optional[int]:
    try:
        return int(psutil.Process().memory_info().rss)
    except OSError:
        return None  # no file descriptors are left to ask with


def _block(engine: Engine, request: Object) -> Iterable[Object]:
    now = clock.now()
    if engine.observing:
        raise RefusedError("not blocked: the running agent only observes", UNAVAILABLE)
    address = parse_address(str(request.get("address", "")))
    if address is None:
        raise RefusedError(f"{request.get('address')!r} is no address: expected an IPv4 or IPv6 address", USAGE)
    command = _command(engine, str(request.get("command") or ""))
    usual_s = next((r.timeout_s for r in engine.loaded.config.responses if r.command is command), 0)
    sentence_s = request.get("sentence_s", usual_s)
    if type(sentence_s) is not int or not 0 <= sentence_s <= DURATION_MAX_S:
        raise RefusedError(f"sentence_s is {sentence_s!r}: expected a number of seconds, 0 for good", USAGE)
    if engine.names_are_looked_up:
        raise RefusedError("host names of the allowlist are being looked up: try again in a moment", UNAVAILABLE)
    alert_id = f"{int(now.wall_s)}.0"
    record = engine.policy.block_by_hand(command, address, sentence_s, alert_id, now)
    if isinstance(record, str):
        raise RefusedError(f"{address} is not blocked: {record}", USAGE)
    if isinstance(record, Block):
        yield {**row_of(record, now), "already": True}
        return
    if not engine.blocks.apply(record, now, makes_room=engine.policy.makes_room(record)):
        why = "the journal cannot be written, or there are too many blocks and none gives way"
        raise RefusedError(f"not blocked: {why}; the log says more", UNAVAILABLE)
    subject = engine.policy.subject_of_address(address)
    engine.log("INFO", f"{command.name} {subject}: blocked by hand.")
    engine.blocks.work(now)
    block = engine.ledger.block_of((command.name, subject))
    assert block is not None  # noqa: S101 (it has just been promised)
    yield {**row_of(block, now), "already": False}


def _try(engine: Engine, request: Object) -> Iterable[Object]:
    """Begin a trial; its steps are asked for with `tried`."""
    now = clock.now()
    if engine.observing:
        raise RefusedError("not tried: the running agent only observes", UNAVAILABLE)
    if engine.names_are_looked_up:
        raise RefusedError("host names of the allowlist are being looked up: try again in a moment", UNAVAILABLE)
    config = engine.loaded.config
    command = trials.command_of(config.commands, str(request.get("command")))
    text = request.get("subject")
    subject = None if text is None else str(text)
    trial = trials.begin(command, subject, engine.blocks, policy=engine.policy, settings=config.settings, now=now)
    engine.log("INFO", f"{command.name} {NOTHING if subject is None else subject}: on trial.")
    engine.blocks.work(now)
    yield {"trial": trial.begun_boot_s}


def _tried(engine: Engine, request: Object) -> Iterable[Object]:
    trial = engine.blocks.trial
    if trial is None or trial.begun_boot_s != request.get("trial"):
        raise RefusedError("this trial is not known (any more)", UNAVAILABLE)
    if request.get("hurry") is True:
        now = clock.now()
        trial.hurry(now)
        engine.blocks.work(now)
    return trials.rows_of(trial)


def _command(engine: Engine, name: str) -> Command:
    """Return the command to block with: the named one, else the first that a response on addresses uses."""
    config = engine.loaded.config
    if name:
        command: Optional[Command] = config.commands.get(name)
        if command is None or not _blocks_addresses(command):
            fitting = ", ".join(sorted(c.name for c in config.commands.values() if _blocks_addresses(c))) or "none"
            raise RefusedError(f"{name!r} is no command that blocks addresses: expected one of {fitting}", USAGE)
        return command
    candidates: List[Command] = [r.command for r in config.responses] + list(config.commands.values())
    for command in candidates:
        if _blocks_addresses(command):
            return command
    raise RefusedError("no command that blocks addresses is configured: expected a <command> with srcip", UNAVAILABLE)


def _blocks_addresses(command: Command) -> bool:
    """Return whether a command acts on addresses and can undo it."""
    return "srcip" in command.expects and command.timeout_allowed


def _unblock(engine: Engine, request: Object) -> Iterable[Object]:
    now = clock.now()
    blocks = chosen(engine.ledger, request)
    engine.blocks.end_all(blocks, now)
    engine.log("INFO", "\n".join(f"{block.command} {block.subject}: ended by hand." for block in blocks))
    yield from (row_of(block, now) for block in blocks)
    engine.blocks.work(now)


def chosen(ledger: Ledger, request: Object) -> List[Block]:
    """Return the blocks that an unblock request means: all, or those on one address, user or file.

    Raises RefusedError when there is none.
    """
    if request.get("all") is True:
        return list(ledger.blocks.values())
    text = str(request.get("address", ""))
    address = parse_address(text)
    wanted = str(address) if address is not None else text
    found = ledger.of_subject(wanted) or [b for b in ledger.blocks.values() if address and _covers(b, address)]
    if not found:
        raise RefusedError(f"{wanted} is not blocked: `list` shows what is", UNAVAILABLE)
    return found


def _covers(block: Block, address: Address) -> bool:
    """Return whether a block on an IPv6 prefix is what keeps this address out."""
    return block.subject.kind == "srcip" and address in ipaddress.ip_network(block.subject.value)


_ANSWERS: Dict[str, Callable[[Engine, Object], Iterable[Object]]] = {
    "list": _list,
    "status": _status,
    "block": _block,
    "unblock": _unblock,
    "reconcile": _reconcile,
    "try": _try,
    "tried": _tried,
}
