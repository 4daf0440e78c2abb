"""`ar-agent version`."""

from __future__ import annotations

import argparse
import json
import platform

from ar import __version__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Print the version of the agent and of the Python inside."""
    if options.json:
        print(json.dumps({"version": __version__, "python": platform.python_version()}))
    else:
        print(f"ar-agent {__version__} (Python {platform.python_version()})")
    return 0
