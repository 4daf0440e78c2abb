"""What an alert leads to: for each response bound to it, one ruling with its reason."""

from __future__ import annotations

import enum
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Iterator, NamedTuple, Optional, Sequence, Union

from ar.duration import speak
from ar.model import NOTHING, Address, Alert, Command, Moment, Response, Subject, safe_location
from ar.policy.agenda import Key
from ar.policy.allowlist import Allowlist
from ar.policy.bind import Bindings
from ar.policy.block import Block, State
from ar.policy.ledger import Ledger
from ar.policy.records import Arguments, Prolonged, Promised, Ran

RUNS_REMEMBERED_MAX = 10_000
GIVING_WAY_MAX = 10_000  # blocks beyond the maximum whose release has yet to come true


class Outcome(enum.Enum):
    """What a response comes to; the values are the words of `explain --json`."""

    BLOCK = "block"  # a new block
    PROLONG = "prolong"  # a further offence while one is in force
    RUN = "run"  # a command that is never undone
    SETTLING = "settling"  # the same offence, its lines still in flight
    OUTDONE = "outdone"  # another response with the same command blocks for longer
    ALLOWED = "allowlisted"
    NO_SUBJECT = "no subject"
    STALE = "stale"
    FULL = "full"


class Ruling(NamedTuple):
    """What one response to one alert comes to. `record` is what the journal must hold first, if it acts."""

    response: Response
    outcome: Outcome
    why: str
    subject: Optional[Subject] = None
    arguments: Optional[Arguments] = None
    record: Union[Promised, Prolonged, Ran, None] = None
    makes_room: bool = False  # there are too many blocks: another one gives way


@dataclass(frozen=True)
class Terms:
    """The numbers that rulings depend on; see `ar.config.settings.Settings` for what each means."""

    settle_s: float
    forget_after_s: float
    ipv6_prefix: int
    blocks_max: int


class Policy:
    """Rules on alerts. It changes nothing by itself: `commit` makes a ruling true once it is on disk."""

    def __init__(self, bindings: Bindings, allowlist: Allowlist, ledger: Ledger, terms: Terms) -> None:
        self.bindings = bindings
        self.allowlist = allowlist
        self.ledger = ledger
        self.terms = terms
        self._runs: OrderedDict[Key, float] = OrderedDict()  # when a command that is never undone last ran

    def rule_on(self, alert: Alert, now: Moment) -> Iterator[Ruling]:
        """Yield a ruling for each response bound to the alert; commit each before asking for the next.

        Of several responses with one command, the one whose sentence is the longest acts.
        """
        bound = self.bindings.of(alert)
        if not bound:
            return
        acting = {response.command.name: response for response in bound}
        if len(acting) < len(bound):
            acting = {name: self._longest(name, bound, alert, now) for name in acting}
        for response in bound:
            if acting[response.command.name] is response:
                yield self._rule(response, alert, now)
            else:
                why = "another response with this command blocks for as long or longer"
                yield Ruling(response, Outcome.OUTDONE, why, self._subject(response.command, alert))

    def commit(self, ruling: Ruling, now: Moment) -> None:
        """Make a ruling true, now that its record is on disk."""
        if ruling.record is None or ruling.subject is None:
            return
        self.ledger.apply(ruling.record)
        key = (ruling.response.command.name, ruling.subject)
        if isinstance(ruling.record, Ran):
            self._runs[key] = now.boot_s
            self._runs.move_to_end(key)
            if len(self._runs) > RUNS_REMEMBERED_MAX:
                self._runs.popitem(last=False)
        else:
            self.ledger.note_offence(key, now)

    def tellable(self, command: Command, alert: Alert) -> Alert:
        """Return an alert as a script may be told of it: an address that is never acted on reaches none."""
        if alert.srcip is None or "srcip" in command.expects:  # then it was looked at before the ruling
            return alert
        return alert if self.allowlist.reason(alert.srcip) is None else alert._replace(srcip=None)

    def subject_of_address(self, address: Address) -> Subject:
        """Return what is blocked for an address: itself, or for IPv6 its prefix, unless that holds an allowed one."""
        if address.version == 6 and self.terms.ipv6_prefix < 128:
            network = ipaddress.IPv6Network((int(address), self.terms.ipv6_prefix), strict=False)
            if self.allowlist.reason_for_network(network) is None:
                return Subject("srcip", str(network))
        return Subject("srcip", str(address))

    def block_by_hand(
        self, command: Command, address: Address, sentence_s: int, alert_id: str, now: Moment
    ) -> Union[Promised, Prolonged, Block, str]:
        """Return the record that blocks an address at the administrator's word, or why it is not done.

        A block that lasts as long or longer already is returned as it stands: it is never shortened.
        """
        reason = self.allowlist.reason(address)
        if reason is not None:
            return f"it is {reason}"
        subject = self.subject_of_address(address)
        key = (command.name, subject)
        arguments = Arguments("-", subject.value, alert_id, 0, "ar-agent", "-")
        block = self.ledger.block_of(key)
        if block is not None and block.state is not State.RELEASING:
            ends_boot_s = _end(now, sentence_s)
            if _lasts_until(block, ends_boot_s):
                return block
            return Prolonged(block.id, block.offence, now.wall_s, sentence_s, ends_boot_s)
        if self._beyond(key) >= GIVING_WAY_MAX:
            return self._why_full()
        return self.promise_by_hand(command, subject, arguments, sentence_s, now)

    def promise_by_hand(
        self, command: Command, subject: Subject, arguments: Arguments, sentence_s: int, now: Moment
    ) -> Promised:
        """Return the record of a new block that is no offence."""
        offence = self.ledger.offences((command.name, subject), now, self.terms.forget_after_s)
        return self._promise(command, subject, arguments, now, offence=offence, sentence_s=sentence_s)

    def makes_room(self, record: Union[Promised, Prolonged]) -> bool:
        """Tell whether there are so many blocks that another one has to give way to the one of this record."""
        return isinstance(record, Promised) and self._beyond((record.command, record.subject)) >= 0

    def _beyond(self, key: Key) -> int:
        """Return how many blocks there are beyond what leaves room for one on that key; negative: so many fit in.

        A block of the same key that is being released is replaced: no more of them are kept than before.
        """
        return len(self.ledger.blocks) - (self.ledger.block_of(key) is not None) - self.terms.blocks_max

    def _why_full(self) -> str:
        return f"{self.terms.blocks_max} blocks are in force, and too many are being released to make room"

    def _longest(self, command_name: str, bound: Sequence[Response], alert: Alert, now: Moment) -> Response:
        rivals = [response for response in bound if response.command.name == command_name]
        subject = self._subject(rivals[0].command, alert) or NOTHING
        offence = self.ledger.offences((command_name, subject), now, self.terms.forget_after_s) + 1
        return max(rivals, key=lambda response: response.sentence_s(offence) or float("inf"))

    def _rule(self, response: Response, alert: Alert, now: Moment) -> Ruling:
        command = response.command
        if alert.stale:
            return Ruling(response, Outcome.STALE, "the line was over an hour old when it was read")
        subject = self._subject(command, alert)
        if subject is None:
            return Ruling(response, Outcome.NO_SUBJECT, _missing(command, alert))
        if "srcip" in command.expects and alert.srcip is not None:
            reason = self.allowlist.reason(alert.srcip)
            if reason is not None:
                return Ruling(response, Outcome.ALLOWED, reason, subject)
        arguments = _arguments(command, subject, alert)
        if not command.timeout_allowed or (subject == NOTHING and not response.timeout_s):
            return self._rule_on_run(response, subject, arguments, now)
        block = self.ledger.block_of((command.name, subject))
        if block is not None and block.state is not State.RELEASING:
            return self._rule_on_block(response, block, arguments, now)
        return self._rule_on_first(response, subject, arguments, now)

    def _rule_on_run(self, response: Response, subject: Subject, arguments: Arguments, now: Moment) -> Ruling:
        last = self._runs.get((response.command.name, subject))
        if last is not None and now.boot_s - last < self.terms.settle_s and subject != NOTHING:
            return Ruling(response, Outcome.SETTLING, "it ran a moment ago", subject, arguments)
        record = Ran(self.ledger.next_id(), response.command.name, subject, now.wall_s)
        return Ruling(response, Outcome.RUN, "runs once, nothing to undo", subject, arguments, record)

    def _rule_on_first(self, response: Response, subject: Subject, arguments: Arguments, now: Moment) -> Ruling:
        key = (response.command.name, subject)
        beyond = self._beyond(key)
        if beyond >= GIVING_WAY_MAX:
            return Ruling(response, Outcome.FULL, self._why_full(), subject, arguments)
        offence = self.ledger.offences(key, now, self.terms.forget_after_s) + 1
        sentence_s = response.sentence_s(offence)
        record = self._promise(response.command, subject, arguments, now, offence=offence, sentence_s=sentence_s)
        why = f"offence {offence}, {for_how_long(sentence_s)}"
        return Ruling(response, Outcome.BLOCK, why, subject, arguments, record, makes_room=beyond >= 0)

    def _rule_on_block(self, response: Response, block: Block, arguments: Arguments, now: Moment) -> Ruling:
        if now.boot_s - block.last_offence_boot_s < self.terms.settle_s:
            return Ruling(response, Outcome.SETTLING, "already blocked a moment ago", block.subject, arguments)
        offence = block.offence + 1
        sentence_s = response.sentence_s(offence)
        ends_boot_s = _end(now, sentence_s)
        record = Prolonged(block.id, offence, now.wall_s, sentence_s, ends_boot_s)
        why = f"offence {offence} while blocked, {for_how_long(sentence_s)} from now"
        if _lasts_until(block, ends_boot_s):
            record = Prolonged(block.id, offence, block.at_s, block.sentence_s, block.ends_boot_s)
            why = f"offence {offence} while blocked, already for as long"
        return Ruling(response, Outcome.PROLONG, why, block.subject, arguments, record)

    def _promise(
        self, command: Command, subject: Subject, arguments: Arguments, now: Moment, *, offence: int, sentence_s: int
    ) -> Promised:
        return Promised(
            self.ledger.next_id(), command.name, command.executable, command.contract, subject, arguments,
            offence, now.wall_s, sentence_s, _end(now, sentence_s), command.extra_args,
        )  # fmt: skip

    def _subject(self, command: Command, alert: Alert) -> Optional[Subject]:
        kind = command.subject_kind
        if kind == "none":
            return NOTHING
        if kind == "srcip":
            return None if alert.srcip is None else self.subject_of_address(alert.srcip)
        value = alert.user if kind == "user" else alert.filename
        return None if value is None else Subject(kind, value)


def for_how_long(sentence_s: int) -> str:
    """Return a sentence in words: `for good`, `for 45 s`, `for 30 min`, `for 1 h 30 min`."""
    return f"for {speak(sentence_s, units=4)}" if sentence_s else speak(None)


def _end(now: Moment, sentence_s: int) -> Optional[float]:
    """Return when a sentence that begins now ends, on the boot clock; None for good."""
    return now.boot_s + sentence_s if sentence_s else None


def _lasts_until(block: Block, boot_s: Optional[float]) -> bool:
    """Tell whether a block lasts until then as it is, on the boot clock; None is for good."""
    return block.ends_boot_s is None or (boot_s is not None and boot_s <= block.ends_boot_s)


def _arguments(command: Command, subject: Subject, alert: Alert) -> Arguments:
    expects = command.expects
    return Arguments(
        user=alert.user or "-" if "user" in expects else "-",
        srcip=subject.value if "srcip" in expects else "-",
        alert_id=alert.id,
        rule=alert.rule,
        location=safe_location(alert.location),
        filename=alert.filename or "-" if "filename" in expects else "-",
    )


def _missing(command: Command, alert: Alert) -> str:
    kind = command.subject_kind
    written = alert.fields.get(kind, "")
    if written:
        return f"{kind} {written[:60]!r} is not something a script may be handed"
    return f"the event has no {kind}"
