"""`ar-agent unblock ADDRESS|--all`: release now, through the running agent, else from the journal."""

from __future__ import annotations

import argparse
import json
import sys
from typing import List

from ar.answers import row_of
from ar.config.home import Home
from ar.control.protocol import Object, agent_is_listening, ask
from ar.errors import UNAVAILABLE, UsageError
from ar.offline import unblock
from ar.report.log import Log
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
        _print(ask(home.socket, request), "is being released", as_json=options.json)
        return 0
    resisting = unblock(home, request, Log(None, sys.stderr))
    rows = [row_of(block, clock.now()) for block in resisting]
    _print(rows, "could not be released: the agent tries again when it runs", as_json=options.json)
    if not resisting and not options.json:
        print("Released. (No agent runs in this home; its journal told what to do.)")
    return UNAVAILABLE if resisting else 0


def _print(rows: List[Object], text: str, *, as_json: bool) -> None:
    for row in rows:
        print(json.dumps(row) if as_json else f"{row['subject']} ({row['command']}) {text}.")
