"""`ar-agent unblock ADDRESS|--all`: release now, through the running agent, else from the journal."""

from __future__ import annotations

import argparse
import json

from ar.cli.releases import tell
from ar.config.home import Home
from ar.control.protocol import Object, agent_is_listening, ask
from ar.errors import UsageError
from ar.offline import unblock
from ar.report.log import to_stderr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("address", metavar="ADDRESS", nargs="?", help="the address, user or file that is blocked")
    parser.add_argument("--all", action="store_true", help="release everything")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Release what is meant; exit 69 when it is not blocked, or does not let itself be released."""
    if bool(options.address) == options.all:
        raise UsageError("unblock needs one of the two: expected an ADDRESS or --all")
    home = Home.choose(options.home)
    request: Object = {"verb": "unblock", "address": options.address or "", "all": options.all}
    if agent_is_listening(home.socket):
        for row in ask(home.socket, request):
            print(json.dumps(row) if options.json else f"{row['subject']} ({row['command']}) is being released.")
        return 0
    done = unblock(home, request, to_stderr)
    return tell(done, f"{len(done.meant) - len(done.left)} released from its journal.", as_json=options.json)
