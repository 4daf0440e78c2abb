"""`ar-agent flush`: release everything now, as `unblock --all` does."""

from __future__ import annotations

import argparse

from ar.cli import unblock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Release all there is; exit 69 when something does not let itself be released."""
    options.address, options.all = None, True
    return unblock.run(options)
