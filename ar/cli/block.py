"""`ar-agent block ADDRESS`: block an address now, through the running agent."""

from __future__ import annotations

import argparse
import json

from ar.config.home import Home
from ar.control.protocol import Object, answering, ask
from ar.duration import parse_duration, speak
from ar.errors import UsageError
from ar.model import parse_address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("address", metavar="ADDRESS", help="an IPv4 or IPv6 address")
    parser.add_argument("--command", metavar="C", help="the command to block with (default: the first that can)")
    parser.add_argument(
        "--for", dest="duration", metavar="10m", help="how long: 30s, 10m, 2h, 1d (default: that command's timeout)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Ask the agent for the block; exit 69 when none runs."""
    if parse_address(options.address) is None:
        raise UsageError(f"{options.address!r} is no address: expected an IPv4 or IPv6 address")
    request = {"verb": "block", "address": options.address, "command": options.command}
    if options.duration is not None:
        request["sentence_s"] = _seconds(options.duration)
    (row,) = ask(answering(Home.choose(options.home).sockets), request)
    if options.json:
        print(json.dumps(row))
    else:
        print(_told(row))
    return 0


def _told(row: Object) -> str:
    subject, command, how_long = row["subject"], row["command"], _how_long(row["left_s"])
    if row["already"]:
        return f"{subject} is blocked with {command} already, {how_long}: that stands. `unblock` would end it."
    return f"{subject} is being blocked with {command}, {how_long}."


def _seconds(text: str) -> int:
    seconds = parse_duration(text, 1)
    if seconds is None:
        raise UsageError(f"--for {text!r}: expected seconds, or 30s, 10m, 2h, 1d; 0 for good, at most 36500d")
    return seconds


def _how_long(left_s: float | None) -> str:
    return speak(left_s) if left_s is None else f"for {speak(left_s)}"
