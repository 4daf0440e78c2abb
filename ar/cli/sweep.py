"""`ar-agent sweep`: release what is overdue while no agent runs; for cron or a timer, beside which an agent may run."""

from __future__ import annotations

import argparse
import json

from ar.answers import row_of
from ar.cli.words import many
from ar.config.home import Home
from ar.errors import UNAVAILABLE
from ar.offline import sweep
from ar.report.log import to_stderr
from ar.respond import clock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a block")


def run(options: argparse.Namespace) -> int:
    """Release what is overdue; silent when nothing is, or when an agent sees to it. Exit 69 when some resist."""
    home = Home.choose(options.home)
    swept = sweep(home, to_stderr)
    resisting = [block for block in swept if block.failures]
    if options.json:
        for block in swept:
            print(json.dumps({**row_of(block, clock.now()), **({} if block.failures else {"state": "released"})}))
    elif swept:
        print(f"No agent runs in this home; {many(len(swept) - len(resisting), 'overdue block')} released.")
        for block in resisting:
            print(f"{block.subject} ({block.command}) could not be released: {block.last_words}")
    return UNAVAILABLE if resisting else 0
