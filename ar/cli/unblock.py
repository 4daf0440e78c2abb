"""`ar-agent unblock ADDRESS|--all`: release now, through the running agent, else from the journal."""

from __future__ import annotations

import argparse
import json

from ar.answers import row_of
from ar.config.home import Home
from ar.control.protocol import Object, agent_is_listening, ask
from ar.errors import UNAVAILABLE, UsageError
from ar.offline import unblock
from ar.report.log import to_stderr
from ar.respond import clock


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
    meant = unblock(home, request, to_stderr)
    resisting = [block for block in meant if block.failures]
    if options.json:
        for block in meant:
            print(json.dumps({**row_of(block, clock.now()), **({} if block.failures else {"state": "released"})}))
    else:
        print(f"No agent runs in this home; {len(meant) - len(resisting)} released from its journal.")
        for block in resisting:
            print(f"{block.subject} ({block.command}) could not be released: the agent tries again when it runs.")
    return UNAVAILABLE if resisting else 0
