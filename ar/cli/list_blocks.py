"""`ar-agent list`: the blocks in force, from the running agent, else from the journal."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import List, Optional

from ar.answers import block_rows
from ar.cli.words import moment, table
from ar.config.home import Home
from ar.control.protocol import Object, agent_is_listening, ask
from ar.duration import speak
from ar.offline import ledger_of, require
from ar.report.log import to_stderr
from ar.respond import clock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Print one line for each block."""
    home = Home.choose(options.home)
    running = agent_is_listening(home.socket)
    if not running:
        require(home)
    rows = ask(home.socket, {"verb": "list"}) if running else list(block_rows(ledger_of(home, to_stderr), clock.now()))
    if options.json:
        for row in rows:
            print(json.dumps(row))
        return 0
    if not running:
        print("No agent answers in this home; this is from its journal.", file=sys.stderr)
    print(_table(rows) if rows else "Nothing is blocked.")
    return 0


def _table(rows: List[Object]) -> str:
    head = ("SUBJECT", "COMMAND", "STATE", "OFFENCE", "RULE", "LEFT", "UNTIL", "")
    return table(head, [_cells(row) for row in rows])


def _cells(row: Object) -> List[str]:
    trouble = f"{row['failures']} tries failed, the last: {row['last_words']}" if row["failures"] else ""
    rule = str(row["rule"]) if row["rule"] else "by hand"
    return [
        row["subject"],
        row["command"],
        row["state"],
        str(row["offence"]),
        rule,
        speak(row["left_s"]),
        _until(row["until"]),
        trouble,
    ]


def _until(epoch_s: Optional[float]) -> str:
    """Return the end as people read it: the time alone when it is today's."""
    text = moment(epoch_s)
    today = time.strftime("%Y-%m-%d ")
    return text.removeprefix(today)
