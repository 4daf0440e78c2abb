"""Finds what loads but will not do what it seems to: what the files alone cannot tell, on this host's disk."""

from __future__ import annotations

import glob
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

from ar.config.files import shown
from ar.config.findings import in_reading_order
from ar.config.load import Loaded, own_files
from ar.config.scripts import fault_of_script
from ar.config.settings import JOURNALD, Config, LocalFile
from ar.duration import speak
from ar.errors import Mistake, Place
from ar.model import Response, RuleId
from ar.policy.bind import Bindings

IDS_SHOWN_MAX = 8


@dataclass(frozen=True)
class Surroundings:
    """What a check depends on beside the files: the agent's user, and the local time for strftime locations."""

    uid: int
    now: time.struct_time

    @classmethod
    def here(cls) -> Surroundings:
        """Return those of this process."""
        return cls(os.geteuid(), time.localtime())


def doubts(loaded: Loaded, around: Optional[Surroundings] = None) -> List[Mistake]:
    """Return all that loads but will not do what it seems to, in reading order, loading's own warnings included."""
    bound = _bound_rules(loaded)
    found = list(loaded.warnings)
    found += _host_names(loaded.config)
    found += _scripts(loaded.config, around or Surroundings.here())
    found += _steps(loaded.config)
    for response, rules in zip(loaded.config.responses, bound):
        found += _rule_ids(response, loaded)
        found += _unbound(response, rules)
    found += _overlaps(loaded.config.responses, bound)
    found += _nothing_bound(loaded, bound)
    found += _local_files(loaded.config, around or Surroundings.here())
    return in_reading_order(found, own_files(loaded.config.home))


def _bound_rules(loaded: Loaded) -> List[List[RuleId]]:
    """Return, for each response, the loaded rules that trigger it."""
    bindings = Bindings(loaded.config.responses)
    places: Dict[int, List[RuleId]] = {id(response): [] for response in loaded.config.responses}
    for rule in loaded.ruleset.rules.by_id.values():
        if not rule.no_ar:
            for response in bindings.of_rule(rule.id, rule.level, rule.groups):
                places[id(response)].append(rule.id)
    return [sorted(places[id(response)]) for response in loaded.config.responses]


def _host_names(config: Config) -> Iterator[Mistake]:
    """Yield the host names of the allowlist, but for those of this host, whose addresses are never acted on anyway."""
    for allowed in config.allowed:
        if allowed.network is None and allowed.text.partition(".")[0].lower() != "localhost":
            what = f"host name {allowed.text!r} is looked up when the agent starts or reloads, and only then"
            yield Mistake(allowed.place, what, "an address or network, if it may get another address")


def _scripts(config: Config, around: Surroundings) -> Iterator[Mistake]:
    """Yield the commands that some response runs and whose script may not be run; each once."""
    used = {response.command.name: response.command for response in config.responses}
    for command in used.values():
        path = config.home.scripts / command.executable
        fault = fault_of_script(path, around.uid, folder=config.home.scripts)
        if fault is not None:
            what = f"command {command.name!r} cannot run {shown(path, config.home)}: {fault}"
            yield Mistake(command.place, what)


def _steps(config: Config) -> Iterator[Mistake]:
    """Yield the lists of repeated offenders that do less than they seem to."""
    for response in config.responses:
        if response.steps_s and response.steps_place is not None and response.steps_s[0] < response.timeout_s:
            first, second = speak(response.timeout_s, units=4), speak(response.steps_s[0], units=4)
            what = f"the second offence is blocked for less ({second}, {response.steps_place}) than the first ({first})"
            yield Mistake(response.place, what, "steps longer than the timeout")
    place = config.offender_steps_place
    if place is not None and all(response.steps_place != place for response in config.responses):
        yield Mistake(place, "no response here uses this default for repeated offenders", "a response with a timeout")


def _rule_ids(response: Response, loaded: Loaded) -> Iterator[Mistake]:
    """Yield the rules_id that never trigger anything, and why."""
    by_id = loaded.ruleset.rules.by_id
    missing = [number for number in response.rules if number not in by_id]
    quiet = [number for number in response.rules if number in by_id and by_id[number].level == 0]
    exempt = [n for n in response.rules if n in by_id and by_id[n].level and by_id[n].no_ar]
    for numbers, why in (
        (missing, "no loaded rule has that number"),
        (quiet, "its level is 0, which never fires a response"),
        (exempt, "its option no_ar keeps it from firing responses"),
    ):
        for number in sorted(numbers):
            yield Mistake(response.place, f"rules_id {number} of {response.command.name!r}: {why}")


def _unbound(response: Response, rules: Sequence[RuleId]) -> Iterator[Mistake]:
    """Yield the response when it is bound to something, but to nothing that any loaded rule is."""
    levels = response.levels.least is not None or response.levels.exactly
    if not rules and (levels or response.groups or response.rules):
        what = f"the response that runs {response.command.name!r} never runs"
        yield Mistake(response.place, what, "a level, group or id that a loaded rule has")


def _overlaps(responses: Sequence[Response], bound: Sequence[Sequence[RuleId]]) -> Iterator[Mistake]:
    """Yield each response whose command runs on the same rules by an earlier one as well."""
    for later, response in enumerate(responses):
        for earlier in range(later):
            common = sorted(set(bound[earlier]) & set(bound[later]))
            if common and responses[earlier].command.name == response.command.name:
                what = f"{response.command.name!r} also runs on {_rules(common)} by {responses[earlier].place}"
                yield Mistake(response.place, f"{what}: there the longer of their sentences counts")


def _nothing_bound(loaded: Loaded, bound: Sequence[Sequence[RuleId]]) -> Iterator[Mistake]:
    if not any(bound):
        config = loaded.config
        first = config.home.ossec_conf if os.path.lexists(config.home.ossec_conf) else config.home.agent_toml
        what = "no response is bound to any rule, so nothing is ever blocked"
        yield Mistake(Place(shown(first, config.home)), what)


def _local_files(config: Config, around: Surroundings) -> Iterator[Mistake]:
    """Yield the logs that cannot be followed now."""
    if not config.local_files:
        first = config.home.ossec_conf if os.path.lexists(config.home.ossec_conf) else config.home.agent_toml
        yield Mistake(Place(shown(first, config.home)), "no log is followed", "a localfile")
    for local in config.local_files:
        fault = None if local.log_format == JOURNALD else _fault_of_log(local, around)
        if fault is not None:
            yield Mistake(local.place, f"log {local.location}: {fault}")


def _fault_of_log(local: LocalFile, around: Surroundings) -> Optional[str]:
    name = _dated(local.location, around)
    if not os.path.lexists(name) and glob.has_magic(name):
        return None if glob.glob(name) else "no file fits it now"  # noqa: PTH207 (as the watcher does)
    try:
        found = Path(name).stat()
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        return "it does not exist now" if missing else f"it cannot be read ({getattr(error, 'strerror', error)})"
    if stat.S_ISDIR(found.st_mode):
        return "it is a folder"
    return None if os.access(name, os.R_OK) else "it cannot be read (Permission denied)"


def _dated(location: str, around: Surroundings) -> str:
    if "%" not in location:
        return location
    try:
        return time.strftime(location, around.now)
    except ValueError:  # a field that this system does not know is part of the name, to the watcher too
        return location


def _rules(numbers: Sequence[RuleId]) -> str:
    """Return rules in words, at most IDS_SHOWN_MAX of them by number."""
    words = ", ".join(map(str, numbers[:IDS_SHOWN_MAX]))
    more = f" … ({len(numbers)} in all)" if len(numbers) > IDS_SHOWN_MAX else ""
    return f"rule{'s' if len(numbers) > 1 else ''} {words}{more}"
