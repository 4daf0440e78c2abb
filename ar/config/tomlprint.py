"""Writes a configuration as an agent.toml that loads to the same again: what `check --print` shows."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Iterable, Iterator, List, Sequence, Union

from ar.config.agenttoml import LIMITS, NUMBERS, key_of
from ar.config.files import shown
from ar.config.findings import Findings
from ar.config.home import Home
from ar.config.ruleset import default_decoders, default_rules
from ar.config.settings import Config, Included, Settings
from ar.duration import write_duration
from ar.model import Command, Levels, Response

Value = Union[str, int, bool, Sequence[str], Sequence[int]]


def write_toml(config: Config) -> str:
    """Return the text; all that counts stands in it, the defaults of settings included."""
    blocks = [
        list(_settings(config)),
        ["[limits]", *(_line(name, getattr(config.settings, name)) for name in LIMITS)],
        list(_rules(config)),
        *(list(_command(command)) for command in config.commands.values()),
        *(list(_response(response, config)) for response in config.responses),
        *(
            ["[[localfile]]", _line("log_format", local.log_format), _line("location", local.location)]
            for local in config.local_files
        ),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _settings(config: Config) -> Iterator[str]:
    for setting in fields(Settings):
        value = getattr(config.settings, setting.name)
        if setting.name in NUMBERS:
            duration = NUMBERS[setting.name].unit_s
            yield _line(key_of(setting.name), write_duration(value) if duration else value)
        elif setting.name not in LIMITS:
            yield _line(setting.name, value)
    yield _line("allow", [allowed.text for allowed in config.allowed])
    if config.offender_steps_s:
        yield _line("repeated_offenders", [write_duration(step_s) for step_s in config.offender_steps_s])


def _rules(config: Config) -> Iterator[str]:
    """Yield the table of rules; what is left to the defaults is left out."""
    includes: List[str] = []
    decoders: List[str] = []
    own = not _same_files(config.rule_files, default_rules(config.home, Findings()))
    if own:
        includes = [_included(included, config.home) for included in config.rule_files]
    if own or not _same_files(config.decoder_files, default_decoders(config.home, own=False)):
        decoders = [_included(included, config.home) for included in config.decoder_files]
    lists = [shown(included.path, config.home) for included in config.list_files]
    named = [(key, names) for key, names in (("include", includes), ("decoder", decoders), ("list", lists)) if names]
    if named:
        yield "[rules]"
        yield from (_line(key, names) for key, names in named)
    if not own:
        yield "# The rules are those that come with the agent, and the local ones of this home."


def _command(command: Command) -> Iterator[str]:
    yield "[[command]]"
    yield _line("name", command.name)
    yield _line("executable", command.executable)
    yield _line("expect", sorted(command.expects))
    yield _line("timeout_allowed", command.timeout_allowed)
    yield _line("contract", command.contract)
    if command.extra_args:
        yield _line("extra_args", " ".join(command.extra_args))


def _response(response: Response, config: Config) -> Iterator[str]:
    yield "[[response]]"
    yield _line("command", response.command.name)
    yield from _levels(response.levels)
    if response.groups:
        yield _line("rules_group", response.groups)
    if response.rules:
        yield _line("rules_id", sorted(response.rules))
    if response.timeout_s:
        yield _line("timeout", write_duration(response.timeout_s))
    if response.steps_s and response.steps_place != config.offender_steps_place:
        yield _line("repeated_offenders", [write_duration(step_s) for step_s in response.steps_s])


def _levels(levels: Levels) -> Iterator[str]:
    if levels.least is not None:
        yield _line("level", levels.least)
    elif levels.exactly:
        yield _line("level", sorted(levels.exactly))


def _included(included: Included, home: Home) -> str:
    """Return the name by which `[rules]` finds the file again."""
    if included.shipped:
        return "etc/decoder.xml" if included.path.name == "decoder.xml" else included.path.name
    return shown(included.path, home)


def _same_files(one: Iterable[Included], other: Iterable[Included]) -> bool:
    return [included.path for included in one] == [included.path for included in other]


def _line(key: str, value: Value) -> str:
    return f"{key} = {_value(value)}"


def _value(value: Union[Value, str, int]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML's escapes are JSON's, and DEL
    return "[" + ", ".join(_value(item) for item in value) + "]"
