"""`ar-agent sweep`: release what is overdue while no agent runs; for cron or a timer, beside which an agent may run."""

from __future__ import annotations

import argparse

from ar.cli.releases import tell
from ar.cli.words import many
from ar.config.home import Home
from ar.offline import sweep
from ar.report.log import to_stderr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a block")


def run(options: argparse.Namespace) -> int:
    """Release what is overdue; silent when nothing is, or when an agent sees to it. Exit 69 when some resist."""
    home = Home.choose(options.home)
    swept = sweep(home, to_stderr)
    if not swept.meant:
        return 0
    released = len(swept.meant) - len(swept.left)
    return tell(swept, f"{many(released, 'overdue block')} released.", as_json=options.json)
