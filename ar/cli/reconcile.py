"""`ar-agent reconcile`: ask the firewall whether all blocks are still in force, and put back what is missing."""

from __future__ import annotations

import argparse
import json
import time

from ar.cli.words import many
from ar.config.home import Home
from ar.control.protocol import Object, answering, ask
from ar.errors import UNAVAILABLE, UnavailableError

LOOK_EACH_S = 0.05
WAIT_S = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Have the running agent ask, and wait for what comes of it; exit 69 when some script failed at it."""
    home = Home.choose(options.home)
    before = _counts(home)
    (begun,) = ask(answering(home.sockets), {"verb": "reconcile"})
    give_up_s = time.monotonic() + WAIT_S
    after = _counts(home)
    while after["waiting"]:
        if time.monotonic() > give_up_s:
            raise UnavailableError(f"the scripts did not answer within {WAIT_S:g} s: `status` shows how far they are")
        time.sleep(LOOK_EACH_S)
        after = _counts(home)
    found = {name: after[name] - before[name] for name in ("asked", "missing", "put_back", "unclear")}
    if options.json:
        print(json.dumps({**found, "cannot_tell": begun["cannot_tell"]}))
    else:
        print(f"{many(found['asked'], 'block')} asked about: {found['missing']} missing, {found['put_back']} put back.")
        if found["put_back"] < found["missing"]:
            print("What is not put back yet is tried again, unless it has ended: `ar-agent list` shows why it failed.")
        if found["unclear"]:
            print(f"Of {many(found['unclear'], 'block')} no answer could be had: the log has what the script said.")
        for command in begun["cannot_tell"]:
            print(f"{command}: its script has no `present`, so it cannot tell.")
    return UNAVAILABLE if found["unclear"] or found["put_back"] < found["missing"] else 0


def _counts(home: Home) -> Object:
    (facts,) = ask(answering(home.sockets), {"verb": "status"})
    counts: Object = facts["reconcile"]
    return counts
