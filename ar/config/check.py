"""Finds what loads but will not do what it seems to: what the files alone cannot tell, on this host's disk."""

from __future__ import annotations

import glob
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from ar.config.files import is_folder, shown
from ar.config.findings import in_reading_order
from ar.config.load import Loaded, own_files
from ar.config.scripts import asks_for_keys, fault_of_content, fault_of_script
from ar.config.settings import JOURNALD, Config, LocalFile
from ar.config.triggers import binding_doubts, bound_rules
from ar.duration import speak
from ar.errors import Mistake, Place
from ar.model import RuleId

NARROW_ENOUGH = {4: 8, 6: 16}  # the shortest prefix, by version, that somebody may mean


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
    config, bound = loaded.config, bound_rules(loaded)
    files = own_files(config.home)
    found = list(loaded.warnings)
    found += _allowed(config)
    found += _scripts(config, around or Surroundings.here())
    found += _steps(config)
    found += binding_doubts(loaded, bound)
    found += _local_files(config, around or Surroundings.here())
    if not any(mistake.place.file in files for mistake in loaded.mistakes):  # else it may stand where the mistake is
        found += _nothing_there(config, bound)
    return in_reading_order(found, files)


def _allowed(config: Config) -> Iterator[Mistake]:
    """Yield networks so wide that little is left to block, and host names, but for those of this host.

    This host's addresses are never acted on anyway.
    """
    for allowed in config.allowed:
        network = allowed.network
        if network is None:
            if allowed.text.partition(".")[0].lower() != "localhost":
                what = f"host name {allowed.text!r} is looked up when the agent starts or reloads, and only then"
                yield Mistake(allowed.place, what, "an address or network, if it may get another address")
        elif network.prefixlen == 0:
            what = f"the allowlist's {allowed.text} is every IPv{network.version} address, so none is ever blocked"
            yield Mistake(allowed.place, what, "the networks that you trust")
        elif network.prefixlen < NARROW_ENOUGH[network.version]:
            what = f"the allowlist's {allowed.text} is so wide that hardly any IPv{network.version} address is blocked"
            yield Mistake(allowed.place, what, f"/{NARROW_ENOUGH[network.version]} or narrower")


def _scripts(config: Config, around: Surroundings) -> Iterator[Mistake]:
    """Yield the commands that some response runs and whose script may not be run; each once."""
    used = {response.command.name: response.command for response in config.responses}
    for command in used.values():
        path = config.home.scripts / command.executable
        fault = fault_of_script(path, around.uid, folder=config.home.scripts) or fault_of_content(path)
        if fault is not None:
            what = f"command {command.name!r} cannot run {shown(path, config.home)}: {fault}"
            yield Mistake(command.place, what)
        elif command.contract == "argv" and asks_for_keys(path):
            what = f"{shown(path, config.home)} asks `check_keys` as Wazuh's scripts do, and gets no answer by argv"
            yield Mistake(command.place, what, f"the contract wazuh4 or wazuh5 for command {command.name!r}")


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


def _nothing_there(config: Config, bound: Sequence[Sequence[RuleId]]) -> Iterator[Mistake]:
    """Yield what is missing altogether: triggers, logs, folders."""
    first = config.home.ossec_conf if os.path.lexists(config.home.ossec_conf) else config.home.agent_toml
    place = Place(shown(first, config.home))
    if not any(bound):
        yield Mistake(place, "no response is bound to any rule, so nothing is ever blocked")
    if not config.local_files:
        yield Mistake(place, "no log is followed", "a localfile")
    for folder in config.home.written:
        if not is_folder(folder):
            what = "no such folder, without which `ar-agent run` refuses to start"
            yield Mistake(Place(shown(folder, config.home)), what, "a home; `ar-agent init` makes what is missing")


def _local_files(config: Config, around: Surroundings) -> Iterator[Mistake]:
    """Yield the logs that cannot be followed now, and whether any is left."""
    faults = [None if log.log_format == JOURNALD else _fault_of_log(log, around) for log in config.local_files]
    for local, fault in zip(config.local_files, faults):
        if fault is not None:
            yield Mistake(local.place, f"log {local.location}: {fault}")
    if faults and None not in faults:
        place = Place(config.local_files[0].place.file)
        what = "not one of the logs can be followed now, so nothing will be seen until one can"
        yield Mistake(place, what, "a log that is there and that this user may read")


def _fault_of_log(local: LocalFile, around: Surroundings) -> Optional[str]:
    name = _dated(local.location, around)
    if not os.path.lexists(name) and glob.has_magic(name):
        names = glob.glob(name)  # noqa: PTH207 (as the watcher does)
        readable = any(os.access(one, os.R_OK) for one in names)
        return None if readable else "no file that fits it can be read" if names else "no file fits it now"
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
