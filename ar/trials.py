"""Begins a trial of a command's script, and says what may not be tried: alike with and without a running agent."""

from __future__ import annotations

import ipaddress
from typing import Iterable, List, Mapping, Optional, Tuple, Union

from ar.config.settings import Settings
from ar.control.protocol import Object, RefusedError
from ar.errors import UNAVAILABLE, USAGE, nearest
from ar.model import NOTHING, Command, Moment, Subject, parse_address, safe_filename, safe_user
from ar.policy.block import Block
from ar.policy.ledger import Ledger
from ar.policy.policy import Policy
from ar.policy.records import Arguments
from ar.respond.blocks import Blocks
from ar.respond.runner import KILL_AFTER_TERM_S
from ar.respond.trial import Trial

MARGIN_S = 30  # that a block on trial lasts beyond the time that its scripts may take

_EXPECTED = {"srcip": "an IPv4 or IPv6 address", "user": "a user name", "filename": "the absolute path of a file"}


def command_of(commands: Mapping[str, Command], name: str) -> Command:
    """Return the command of that name; raises RefusedError when there is none, or it is never undone."""
    command = commands.get(name)
    if command is None:
        known = nearest(name, commands) if commands else "a <command> in the configuration"
        raise RefusedError(f"{name!r} is no command: expected {known}", USAGE)
    if not command.timeout_allowed:
        what = f"{name} is never undone (timeout_allowed no), so it is not run for a trial"
        raise RefusedError(f"{what}: expected a command that is", USAGE)
    return command


def begin(
    command: Command, text: Optional[str], blocks: Blocks, *, policy: Policy, settings: Settings, now: Moment
) -> Trial:
    """Begin a trial of a command on the subject that `text` names; raises RefusedError when it may not be tried."""
    if blocks.trial is not None and not blocks.trial.is_over:
        raise RefusedError("another trial is under way: try again when it is over", UNAVAILABLE)
    subject = _subject_of(command, text, policy)
    arguments = _arguments(subject, now)
    _require_that_it_may_be_tried(subject, policy)
    sentence_s = 2 * int(settings.script_deadline_s + KILL_AFTER_TERM_S) + MARGIN_S

    def promise(now: Moment) -> Union[Block, str]:
        try:
            _require_that_it_may_be_tried(subject, policy)
        except RefusedError as error:  # an alert came for it while the script was asked
            return f"not run: {error}"
        record = policy.promise_by_hand(command, subject, arguments, sentence_s, now)
        if not blocks.apply(record, now, makes_room=policy.makes_room(record)):
            return "not run: the journal cannot be written, or there are too many blocks"
        return policy.ledger.blocks[record.block]

    return blocks.begin_trial(command.executable, arguments, promise, now)


def rows_of(trial: Trial) -> Iterable[Object]:
    """Yield what `try --json` prints of each step that is done, and then whether the trial is over."""
    for step in trial.steps:
        yield {
            "step": step.phase.value,
            "verb": step.verb,
            "ok": step.ok,
            "how": step.how,
            "took_s": round(step.took_s, 3),
            "output": step.output,
        }
    yield {"over": trial.is_over}


def _subject_of(command: Command, text: Optional[str], policy: Policy) -> Subject:
    kind = command.subject_kind
    if kind == NOTHING.kind:
        if text is not None:
            raise RefusedError(f"{command.name} acts on nothing: expected no --subject", USAGE)
        return NOTHING
    if text is None:
        raise RefusedError(f"{command.name} needs a --subject: expected {_EXPECTED[kind]}", USAGE)
    if kind == "srcip":
        address = parse_address(text)
        if address is not None:
            reason = policy.allowlist.reason(address)
            if reason is not None:
                raise RefusedError(f"{address} is not tried: it is {reason}", USAGE)
            return policy.subject_of_address(address)
    else:
        safe = safe_user(text) if kind == "user" else safe_filename(text)
        if safe is not None:
            return Subject(kind, safe)
    raise RefusedError(f"{text!r} is nothing that {command.name} may be handed: expected {_EXPECTED[kind]}", USAGE)


def _arguments(subject: Subject, now: Moment) -> Arguments:
    handed = {kind: subject.value if subject.kind == kind else "-" for kind in _EXPECTED}
    return Arguments(handed["user"], handed["srcip"], f"{int(now.wall_s)}.0", 0, "ar-agent", handed["filename"])


def _require_that_it_may_be_tried(subject: Subject, policy: Policy) -> None:
    """Raise RefusedError for what is never acted on, and for what is blocked: its release would end that block."""
    reason = policy.allowlist.reason_for_subject(subject)
    if reason is not None:
        raise RefusedError(f"{subject} is not tried: it is {reason}", USAGE)
    block = _block_on(policy.ledger, subject)
    if block is not None:
        what = f"{subject} is not tried: {block.subject} is in the journal, {block.state.value} by {block.command}"
        raise RefusedError(f"{what}: expected a subject that is not blocked", USAGE)


def _block_on(ledger: Ledger, subject: Subject) -> Optional[Block]:
    """Return a block of whatever command that has to do with a subject: two scripts may act on one firewall."""
    same = [block for block in ledger.of_subject(subject.value) if block.subject.kind == subject.kind]
    if same or subject.kind != "srcip" or ":" not in subject.value:
        return same[0] if same else None
    tried = ipaddress.IPv6Network(subject.value)
    others = (block for block in ledger.blocks.values() if block.subject.kind == "srcip" and ":" in block.subject.value)
    return next((block for block in others if ipaddress.IPv6Network(block.subject.value).overlaps(tried)), None)


def split(rows: Iterable[Object]) -> Tuple[List[Object], bool]:
    """Return the steps of `rows_of`, and whether the trial is over."""
    *steps, last = rows
    return steps, bool(last["over"])
