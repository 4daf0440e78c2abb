"""`ar-agent check`: every mistake in the configuration, then what loads but will not do what it seems to."""

from __future__ import annotations

import argparse
import json
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ar.cli.words import aligned, describe, first_sentence_of, hung, steps_of, terminal_width, triggers_of
from ar.config.check import doubts
from ar.config.home import Home
from ar.config.load import Loaded, load
from ar.config.tomlprint import write_toml
from ar.errors import CONFIG, ConfigError, Mistake
from ar.model import Response
from ar.report.log import printable

SEVERITIES = {"mistake": ("Mistakes", "31"), "warning": ("Warnings", "33")}  # their titles and colours
PLACES_MAX = 3  # a warning that stands in more places is told once, and at most so many others are named

Finding = Tuple[str, Mistake]  # "mistake" or "warning", and what it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object a finding, and a summary last")
    form.add_argument(
        "--print", action="store_true", help="print the effective configuration as an agent.toml that loads to the same"
    )


def run(options: argparse.Namespace) -> int:
    """Load everything and say all that is wrong or doubtful; exit 78 when there are mistakes."""
    loaded = load(Home.choose(options.home))
    if options.print:
        if loaded.mistakes:
            raise ConfigError(loaded.mistakes, before="the configuration has mistakes:")
        print(write_toml(loaded.config), end="")
        return 0
    findings = [("mistake", mistake) for mistake in loaded.mistakes]
    findings += [("warning", warning) for warning in doubts(loaded)]
    if options.json:
        lines = _json_lines(loaded, findings)
    else:
        width = terminal_width()
        lines = _plain(loaded, findings) if width is None else _for_people(loaded, findings, width)
    for line in lines:
        print(line)
    return CONFIG if loaded.mistakes else 0


def _json_lines(loaded: Loaded, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield one object a finding and the summary; docs/JSON.md explains the keys."""
    for severity, finding in findings:
        place, message = finding.place, _message(finding)
        yield json.dumps({"severity": severity, "file": place.file, "line": place.line, "message": message})
    config = loaded.config
    summary: Dict[str, Any] = {
        "summary": True,
        "home": str(config.home.root),
        "mistakes": len(loaded.mistakes),
        "warnings": len(findings) - len(loaded.mistakes),
        "decoders": len(loaded.ruleset.decoders),
        "rules": len(loaded.ruleset.rules),
        "local_files": [local.location for local in config.local_files],
        "responses": [_response_object(response) for response in config.responses],
        "unused": [{"file": place.file, "line": place.line, "name": name} for name, place in config.unused],
    }
    yield json.dumps(summary)


def _response_object(response: Response) -> Dict[str, Any]:
    place = response.steps_place
    return {
        "file": response.place.file,
        "line": response.place.line,
        "command": response.command.name,
        "timeout_s": response.timeout_s if response.command.timeout_allowed else None,
        "repeated_offenders_s": list(response.steps_s),
        "repeated_offenders_from": str(place) if place else None,
    }


def _plain(loaded: Loaded, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line for each fact, its place first, for other programs' sake and for logs."""
    for severity in SEVERITIES:
        before = "warning: " if severity == "warning" else ""
        for where, message in _grouped(severity, findings):
            yield printable(f"{where}: {before}{message}")
    for response in loaded.config.responses:
        yield printable(f"{response.place}: response: {_described(response)}")
    for name, place in loaded.config.unused:
        yield printable(f"{place}: not used: {name}")
    yield _summary(loaded, findings)


def _grouped(severity: str, findings: Sequence[Finding]) -> List[Tuple[str, str]]:
    """Return the places and messages of one severity; a warning in many places is told once, at the first."""
    places: Dict[str, List[str]] = {}
    for kind, finding in findings:
        if kind == severity:
            places.setdefault(_message(finding), []).append(str(finding.place))
    told = set()
    rows = []
    for kind, finding in findings:
        message, place = _message(finding), str(finding.place)
        if kind != severity or message in told:
            continue
        others = places[message][1:]
        if severity == "warning" and len(others) >= PLACES_MAX:
            told.add(message)
            some = ", ".join(others[:PLACES_MAX]) + (" …" if len(others) > PLACES_MAX else "")
            message = f"{message} (and {len(others)} more places: {some})"
        rows.append((place, message))
    return rows


def _for_people(loaded: Loaded, findings: Sequence[Finding], width: int) -> Iterator[str]:
    """Yield a title and a table for each kind of fact, for a terminal; wrapped lines where a table is too wide."""
    config = loaded.config
    for severity, (title, colour) in SEVERITIES.items():
        rows = _grouped(severity, findings)
        plain = [f"{place}: {message}" for place, message in rows]
        yield from _titled(f"\x1b[1;{colour}m{title}\x1b[0m", aligned(("where", "what"), rows), plain, width)
    responses = aligned(
        ("where", "command", "on", "first offence", "repeated offenders"),
        [_cells(response) for response in config.responses],
    )
    plain = [f"{response.place}: {_described(response)}" for response in config.responses]
    yield from _titled("\x1b[1mResponses\x1b[0m", responses, plain, width)
    unused = aligned(("where", "section"), [(str(place), name) for name, place in config.unused])
    plain = [f"{place}: {name}" for name, place in config.unused]
    yield from _titled("\x1b[1mNot used here\x1b[0m", unused, plain, width)
    yield hung(_summary(loaded, findings), 2, width)


def _described(response: Response) -> str:
    return describe(response) + (f" ({response.steps_place})" if response.steps_s else "")


def _cells(response: Response) -> Tuple[str, ...]:
    offenders = f"{steps_of(response)} ({response.steps_place})" if response.steps_s else "as the first"
    name, first = response.command.name, first_sentence_of(response)
    return str(response.place), name, triggers_of(response), first, offenders


def _titled(title: str, table: Sequence[str], plain: Sequence[str], width: int) -> Iterator[str]:
    """Yield the table where it fits, else the plain lines that say the same; nothing when there are none."""
    if not plain:
        return
    yield title
    if max(map(len, table)) + 2 <= width:
        yield from (f"  {line}" for line in table)
    else:
        yield from (hung(f"  {printable(line)}", 6, width) for line in plain)
    yield ""


def _summary(loaded: Loaded, findings: Sequence[Finding]) -> str:
    counts = (
        (len(loaded.mistakes), "mistake"),
        (len(findings) - len(loaded.mistakes), "warning"),
        (len(loaded.ruleset.decoders), "decoder"),
        (len(loaded.ruleset.rules), "rule"),
        (len(loaded.config.responses), "response"),
        (len(loaded.config.local_files), "log"),
    )
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)


def _message(finding: Mistake) -> str:
    return f"{finding.what}: expected {finding.expected}" if finding.expected else finding.what
