"""`ar-agent run`: follow the logs and respond, in the foreground."""

from __future__ import annotations

import argparse
import sys
from typing import Iterator, Tuple

from ar import __version__
from ar.cli.words import describe, hung, terminal_width
from ar.config.files import is_folder
from ar.config.home import Home
from ar.config.load import Loaded, load
from ar.config.settings import Config
from ar.engine import Engine
from ar.errors import CannotCreateError, ConfigError, UnavailableError
from ar.garbage import nothing_is_garbage
from ar.report.log import Log, printable
from ar.signals import Signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument(
        "--observe", action="store_true", help="do everything but run scripts, and say what would have been run"
    )


def run(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT. Mistakes in the configuration are all told, and nothing starts."""
    signals = Signals()
    try:
        with nothing_is_garbage():
            engine = _built(options, signals)
    except UnavailableError:
        if not signals.stop:
            raise
        return 0  # told to stop while it waited for the home
    engine.run()
    return 0


def _built(options: argparse.Namespace, signals: Signals) -> Engine:
    """Return the engine, after everything was told that is to be told before it runs."""
    home = Home.choose(options.home)
    loaded = load(home)
    if loaded.mistakes:
        raise ConfigError(loaded.mistakes, before="the configuration has mistakes, so nothing was started:")
    for folder in home.written:
        if not is_folder(folder):
            raise CannotCreateError(f"{folder}: no such folder: expected a home, which `ar-agent init` makes")
    log = Log(home.ossec_log, sys.stdout.fileno() if sys.stdout else None)
    for warning in loaded.warnings:
        log("WARNING", str(warning))
    engine = Engine(loaded, observing=options.observe, log=log, signals=signals)
    for title, text in _summary(loaded, engine):
        print(hung(f"  {title:<10} {printable(text)}", 13, terminal_width()), flush=True)
    for text in _offender_steps(loaded.config):
        log("INFO", text)
    return engine


def _summary(loaded: Loaded, engine: Engine) -> Iterator[Tuple[str, str]]:
    config = loaded.config
    yield f"ar-agent {__version__}", "observes: no script is run" if engine.observing else "responds to what it sees"
    yield "home", str(config.home.root)
    sources = engine.watcher.followed()
    yield "sources", ", ".join(sources) or "none that is there"
    yield "decoders", str(len(loaded.ruleset.decoders))
    yield "rules", str(len(loaded.ruleset.rules))
    for response in config.responses:
        yield "response", describe(response)
    if not config.responses:
        yield "response", "none: alerts are only written down"
    yield "blocks", f"{engine.blocks_restored} restored from the journal"


def _offender_steps(config: Config) -> Iterator[str]:
    """Yield what OSSEC logs of each step, in minutes; where there are several lists, whose each is."""
    lists = {config.offender_steps_s: "the default"} if config.offender_steps_s else {}
    for response in config.responses:
        if response.steps_s:
            lists.setdefault(response.steps_s, f"{response.command.name}, {response.place}")
    for steps, whose in lists.items():
        for number, step_s in enumerate(steps, 1):
            minutes = f"{step_s // 60}" if step_s % 60 == 0 else f"{step_s}s"
            yield f"Adding offenders timeout: {minutes} (for #{number})" + (f" [{whose}]" if len(lists) > 1 else "")
