"""`ar-agent journal`: what was promised and what came of it, record by record, and whether the journal is intact.

It reads the file once and neither locks nor changes anything, so it may be asked beside a running agent. Each
record is told as it is read and then forgotten; only what is still in force is kept, for the summary.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any, Callable, Dict, Iterable, Iterator, NamedTuple, Optional, Tuple, Union

from ar.cli.words import hung, moment, terminal_width
from ar.config.home import Home
from ar.control.protocol import Object
from ar.errors import DATA, Mistake
from ar.model import RuleId, Subject
from ar.offline import require
from ar.policy.block import State
from ar.policy.ledger import Ledger
from ar.policy.policy import for_how_long
from ar.policy.records import Added, Ended, Offended, Opened, Prolonged, Promised, Ran, Record, Released
from ar.report.log import printable
from ar.respond import clock
from ar.respond.journal import content_of, found_in, split_torn

OVERDUE = "overdue"
INDENT = 21  # where a line goes on: under what happened, beside the time
TITLE_WIDTH = 10


class Fact(NamedTuple):
    """What one line of the journal says; docs/JSON.md explains the fields, and which kind has which."""

    kind: str
    time_s: Optional[float] = None
    block: Optional[int] = None
    command: Optional[str] = None
    subject: Optional[Subject] = None
    offence: Optional[int] = None
    timeout_s: Optional[int] = None
    rule: Optional[RuleId] = None
    alert: Optional[str] = None
    boot: Optional[str] = None
    damage: Optional[Mistake] = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a record, the summary last")
    parser.add_argument("--verify", action="store_true", help="print only what is damaged, and the summary")


def run(options: argparse.Namespace) -> int:
    """Tell each record, then the summary; exit 65 when a record before the last one is damaged."""
    home = Home.choose(options.home)
    content = content_of(home.journal)
    if content is None:
        require(home)
    if content is None and not options.json:
        print(f"{home.journal}: there is no journal yet; nothing was ever promised in this home.")
        return 0
    whole, torn = split_torn(content or b"")
    ledger = Ledger()
    told = _told_as_json if options.json else _teller_in_words(terminal_width())
    counts: Counter[str] = Counter(records=0, damage=0)
    for line, fact in facts_of(found_in(whole, home.journal), ledger):
        counts["records"] += fact.damage is None
        counts["damage"] += fact.damage is not None
        if fact.damage is not None or not options.verify:
            print(told(line, fact))
    summary = {
        "kind": "summary",
        "journal": str(home.journal),
        "records": counts["records"],
        "bytes": None if content is None else len(content),
        **_what_it_leads_to(ledger),
        "damaged": counts["damage"],
        "torn_bytes": len(torn),
    }
    if options.json:
        print(json.dumps(summary))
    else:
        _print_summary(summary, below_records=sum(counts.values()) > 0 and not options.verify)
    return DATA if counts["damage"] else 0


def facts_of(found: Iterable[Tuple[int, Union[Record, Mistake]]], ledger: Ledger) -> Iterator[Tuple[int, Fact]]:
    """Yield what each line says, with its number, and let it come true in the ledger.

    A record names its block by number; whom that is about stands in the promise before it.
    """
    promised: Dict[int, Tuple[str, Subject]] = {}
    for line, what in found:
        if isinstance(what, Mistake):
            yield line, Fact("damage", damage=what)
            continue
        ledger.apply(what)
        fact = _FACTS[type(what)](what)
        if isinstance(what, Promised):
            promised[what.block] = what.command, what.subject
        elif fact.subject is None and fact.block in promised:
            command, subject = promised[fact.block]
            fact = fact._replace(command=command, subject=subject)
        if isinstance(what, Released):
            promised.pop(what.block, None)
        yield line, fact


_FACTS: Dict[type, Callable[[Any], Fact]] = {
    Opened: lambda r: Fact("open", r.wall_s, boot=r.boot_id),
    Promised: lambda r: Fact(
        "promise", r.at_s, r.block, r.command, r.subject, r.offence, r.sentence_s, r.arguments.rule,
        r.arguments.alert_id,
    ),
    Prolonged: lambda r: Fact("prolong", r.at_s, r.block, offence=r.offence, timeout_s=r.sentence_s),
    Added: lambda r: Fact("added", None, r.block),
    Ended: lambda r: Fact("end", r.at_s, r.block),
    Released: lambda r: Fact("released", r.at_s, r.block),
    Ran: lambda r: Fact("run", r.at_s, r.block, r.command, r.subject),
    Offended: lambda r: Fact("offender", r.last_end_s, None, r.command, r.subject, r.offences),
}  # fmt: skip


def _what_it_leads_to(ledger: Ledger) -> Object:
    """Return how many blocks there are in which state at this moment, and how many offenders."""
    now = clock.now()
    ledger.rearm(now, clock.boot_id())
    states = Counter(OVERDUE if b.left_s(now) == 0 else b.state.value for b in ledger.blocks.values())
    return {
        "blocks": len(ledger.blocks),
        "in_force": states[State.IN_FORCE.value],
        "promised": states[State.PROMISED.value],
        "releasing": states[State.RELEASING.value],
        "overdue": states[OVERDUE],
        "offenders": len(ledger.offenders),
    }


def _told_as_json(line: int, fact: Fact) -> str:
    return json.dumps(
        {
            "kind": fact.kind,
            "line": line,
            "time": fact.time_s,
            "block": fact.block,
            "subject": fact.subject and fact.subject.value,
            "subject_kind": fact.subject and fact.subject.kind,
            "command": fact.command,
            "offence": fact.offence,
            "timeout_s": fact.timeout_s,
            "rule": fact.rule,
            "alert": fact.alert,
            "boot": fact.boot,
            "damage": fact.damage and fact.damage.what,
        }
    )


# ── in words ───────────────────────────────────────────────────────────────────────────────────────────────────


def _teller_in_words(width: Optional[int]) -> Callable[[int, Fact], str]:
    """Return what makes a line of a fact, in columns of a fixed width: nobody has seen the widest one yet."""

    def told(_: int, fact: Fact) -> str:
        happened, details = _HAPPENED[fact.kind]
        when = "" if fact.time_s is None else moment(fact.time_s)
        line = f"{when:<19}  {happened:<9}  {_whom(fact)}{printable(details(fact))}"
        return hung(line.rstrip(), INDENT, width)

    return told


def _whom(fact: Fact) -> str:
    if fact.subject is not None:
        return f"{printable(fact.subject.value):<16} {printable(fact.command or ''):<16} "
    return "" if fact.block is None else f"block {fact.block} (its promise is missing) "


def _sentence_of(fact: Fact) -> str:
    cause = f"offence {fact.offence}" if fact.offence else "by hand"
    return f"{cause}, {for_how_long(fact.timeout_s or 0)}"


# kind: (what happened, what else there is to say); a snapshot writes `end` for whatever is to be released, so
# neither the one who ended it nor the time is always somebody's doing
_HAPPENED: Dict[str, Tuple[str, Callable[[Fact], str]]] = {
    "open": ("agent", lambda fact: f"begins to write here, in boot {fact.boot}"),
    "promise": ("promised", lambda fact: _sentence_of(fact) + (f", rule {fact.rule}" if fact.rule else "")),
    "prolong": ("prolonged", _sentence_of),
    "added": ("in force", lambda _: ""),
    "end": ("ended", lambda _: "to be released"),
    "released": ("released", lambda _: ""),
    "run": ("ran", lambda _: ""),
    "offender": ("offender", lambda fact: f"{_counted(fact.offence or 0, 'offence')} by then"),
    "damage": ("DAMAGED", lambda fact: str(fact.damage)),
}


_TORN = (
    "a running agent may be writing it at this moment; else a crash tore it, and the next start cuts it off and "
    "keeps a copy"
)


def _print_summary(summary: Object, *, below_records: bool) -> None:
    width = terminal_width()
    if below_records:
        print()
    for title, text in _summary_lines(summary):
        print(hung(f"{title:<{TITLE_WIDTH}} {printable(text)}", TITLE_WIDTH + 1, width))


def _summary_lines(summary: Object) -> Iterator[Tuple[str, str]]:
    yield "journal", summary["journal"]
    yield "records", f"{summary['records']} in {_counted(summary['bytes'], 'byte')}"
    states = [
        f"{summary[key]} {words}"
        for key, words in (
            ("in_force", "in force"),
            ("promised", "promised (not in force yet)"),
            ("releasing", "being released"),
            ("overdue", "OVERDUE"),
        )
        if summary[key]
    ]
    yield "blocks", ", ".join(states) or "none"
    if summary["overdue"]:
        yield (
            "OVERDUE",
            "the end has passed and no release is written: where no agent runs, start it, or `ar-agent unblock`",
        )
    yield "offenders", str(summary["offenders"] or "none")
    if summary["damaged"]:
        lines = _counted(summary["damaged"], "line")
        yield "DAMAGE", f"{lines}, named above; each is passed over, and all other records count"
    else:
        yield "damage", "none"
    if summary["torn_bytes"]:
        size = _counted(summary["torn_bytes"], "byte")
        yield "torn", f"the last line is not whole ({size}): {_TORN}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
