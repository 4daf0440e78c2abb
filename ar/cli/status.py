"""`ar-agent status`: how the running agent is doing."""

from __future__ import annotations

import argparse
import json
from typing import Iterator, Tuple

from ar.cli.words import many
from ar.config.home import Home
from ar.control.protocol import Object, answering, ask
from ar.duration import speak
from ar.report.log import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Print what the agent says of itself; exit 69 when none runs."""
    (facts,) = ask(answering(Home.choose(options.home).sockets), {"verb": "status"})
    if options.json:
        print(json.dumps(facts))
    else:
        for title, text in _lines(facts):
            print(f"{title:<10} {printable(text)}")
    return 0


def _lines(facts: Object) -> Iterator[Tuple[str, str]]:
    mode = ", observing: no script is run" if facts["observing"] else ""
    counts = facts["counts"]
    yield "agent", f"{facts['version']}, process {facts['pid']}, up {speak(facts['uptime_s'])}{mode}"
    yield "home", f"{facts['home']} (reloaded {facts['reloads']} times)"
    yield "sources", ", ".join(facts["sources"]) or "none"
    yield "rules", f"{facts['rules']} rules, {facts['decoders']} decoders, {facts['responses']} responses"
    yield "lines", f"{facts['lines']} read, {facts['alerts']} alerts"
    failing = f", {facts['failing']} FAILING (see `ar-agent list`)" if facts["failing"] else ""
    yield (
        "blocks",
        f"{facts['in_force']} in force of {facts['blocks']} promised{failing}; {facts['offenders']} offenders",
    )
    yield (
        "so far",
        f"{counts['blocks']} blocked, {counts['releases']} released, {counts['runs']} other commands run",
    )
    yield (
        "scripts",
        f"{facts['scripts_running']} running, {facts['scripts_waiting']} waiting, {counts['failures']} failed",
    )
    if facts["memory_bytes"]:
        yield "memory", f"{facts['memory_bytes'] / 1e6:.1f} MB"
    reconciled = facts["reconcile"]
    if reconciled["rounds"]:
        unclear = f", no answer about {reconciled['unclear']}" if reconciled["unclear"] else ""
        missing, back = reconciled["missing"], reconciled["put_back"]
        yield "firewall", f"asked {many(reconciled['rounds'], 'time')}, {missing} missing, {back} put back{unclear}"
    if facts["journal"]:
        journal = facts["journal"]
        if journal["whole"]:
            yield "journal", f"{journal['bytes']} bytes; {journal['written_bytes']} written, {journal['syncs']} syncs"
        else:
            yield "JOURNAL", "lacks something that only the agent knows: it is gone or cannot be written (see the log)"
    not_made = counts["not promised"] - counts["emergencies"]
    if not_made:
        yield "JOURNAL", f"{not_made} blocks were not made, because the journal could not be written"
    if counts["emergencies"]:
        yield "EMERGENCY", f"{counts['emergencies']} short blocks were made that only the firewall itself ends"
    if facts["log_lines_lost"]:
        yield "LOGS", f"{facts['log_lines_lost']} lines could not be written"
    for name, times in facts["bounds_hit"].items():
        yield "BOUND HIT", f"{name}: {times} times"
