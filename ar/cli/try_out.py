"""`ar-agent try COMMAND`: put one block in force and release it, and say what its script made of each step."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import time
from typing import Callable, Iterator, List

from ar.config.home import Home
from ar.config.load import load
from ar.control.protocol import Object, agent_is_listening, ask
from ar.errors import UNAVAILABLE, ConfigError
from ar.offline import require, try_out
from ar.report.log import printable, to_stderr
from ar.trials import rows_of, split

LOOK_EACH_S = 0.05
INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WORDS = {True: "ok", False: "FAILED", None: "-"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("command", metavar="COMMAND", help="the command whose script is tried")
    parser.add_argument("--subject", metavar="S", help="the address, user or file to try it on, which is not blocked")
    parser.add_argument("--json", action="store_true", help="print one JSON object a step")


def run(options: argparse.Namespace) -> int:
    """Try the script; exit 69 when a step failed, 130 when it was interrupted: then the block was released first."""
    home = Home.choose(options.home)
    with _interruptions() as is_interrupted:
        if agent_is_listening(home.socket):
            steps = _by_the_agent(home, options, is_interrupted)
        else:
            steps = _from_the_journal(home, options, is_interrupted)
        interrupted = is_interrupted()
    for step in steps:
        print(json.dumps(step) if options.json else _told(step))
    if interrupted:
        return INTERRUPTED
    return 0 if all(step["ok"] is not False for step in steps) else UNAVAILABLE


@contextlib.contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Give what tells whether somebody asked to stop; nothing stops by itself, so that what is blocked is released."""
    came: List[int] = []
    former = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _SIGNALS}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _from_the_journal(home: Home, options: argparse.Namespace, is_interrupted: Callable[[], bool]) -> List[Object]:
    require(home)
    loaded = load(home)
    if loaded.mistakes:
        raise ConfigError(loaded.mistakes, before="the configuration has mistakes, so nothing was tried:")
    trial = try_out(loaded, options.command, options.subject, to_stderr, is_interrupted)
    return split(rows_of(trial))[0]


def _by_the_agent(home: Home, options: argparse.Namespace, is_interrupted: Callable[[], bool]) -> List[Object]:
    """Have the running agent try it, which goes on to the end whatever becomes of this process."""
    request: Object = {"verb": "try", "command": options.command, "subject": options.subject}
    (begun,) = ask(home.socket, request)
    is_over = False
    while not is_over:
        time.sleep(LOOK_EACH_S)
        steps, is_over = split(ask(home.socket, {"verb": "tried", **begun, "hurry": is_interrupted()}))
    return steps


def _told(step: Object) -> str:
    """Return a step as people read it, with what the script said below."""
    took = "" if step["ok"] is None else f", {step['took_s'] * 1000:.0f} ms"
    lines = [f"{step['verb']:<8} {_WORDS[step['ok']]:<7} {step['how']}{took}"]
    lines += [f"{'':16} {line}" for line in step["output"].splitlines()]
    return "\n".join(map(printable, lines))
