"""Loads the whole configuration of a home: every file, every mistake, one checked `Config`."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from ar.config.agenttoml import Written, read_toml
from ar.config.allowed import read_allowed
from ar.config.commands import read_commands
from ar.config.files import A_READER, read_bytes, read_text, shown
from ar.config.findings import Findings, in_reading_order
from ar.config.home import Home
from ar.config.localfiles import read_local_files
from ar.config.offenders import read_default
from ar.config.ossecconf import Identity, Unused, profile_of, read_xml
from ar.config.responses import Terms, read_responses
from ar.config.ruleset import find_files, load_ruleset
from ar.config.sections import Section
from ar.config.settings import Allowed, Config, Settings
from ar.detect.ruleset import Ruleset
from ar.errors import Mistake, Place


@dataclass
class Loaded:
    """A configuration as far as it could be understood, and what is wrong or doubtful in it, in reading order."""

    config: Config
    ruleset: Ruleset
    mistakes: List[Mistake]
    warnings: List[Mistake]


def load(home: Home, identity: Optional[Identity] = None) -> Loaded:
    """Load etc/ossec.conf, etc/shared/agent.conf and etc/agent.toml of the home, in that order, and the ruleset.

    `identity` is who this host is to the filters of agent.conf; by default who it says it is. Whatever stands
    in the files, this never raises: what is wrong is in `mistakes`.
    """
    closed = _closed_folder(home)
    if closed is not None:
        what = f"{closed} cannot be entered: {os.strerror(errno.EACCES)}"
        return Loaded(Config(home), Ruleset(), [Mistake(Place(own_files(home)[0]), what, A_READER)], [])
    findings = Findings()
    sources = _Sources(home, identity or Identity.here(), findings)
    sources.read()
    config = _understand(sources, home, findings)
    files = find_files(sources.named("rules"), home, findings)
    ruleset = load_ruleset(files, home, findings)
    config = replace(config, decoder_files=files.decoders, rule_files=files.rules, list_files=files.lists)
    mistakes, warnings = (in_reading_order(found, own_files(home)) for found in (findings.mistakes, findings.warnings))
    return Loaded(config, ruleset, mistakes, warnings)


def settings_of(home: Home) -> Settings:
    """Return what agent.toml sets, and the defaults of what it does not set or gets wrong."""
    sources = _Sources(home, Identity.here(), Findings())
    sources.read_toml()
    return sources.written.settings


def _closed_folder(home: Home) -> Optional[Path]:
    """Return the folder of the home that this user may not enter; in one of these nothing seems to be there."""
    for folder, inside in ((home.root, home.ossec_conf.parent), (home.ossec_conf.parent, home.ossec_conf)):
        try:
            inside.lstat()
        except PermissionError:
            return folder
        except OSError:
            return None  # what is missing or broken is told where it is read
    return None


def own_files(home: Home) -> Tuple[str, ...]:
    """Return the names in messages of the files of the configuration itself, in the order in which they are read."""
    return tuple(shown(path, home) for path in (home.ossec_conf, home.agent_conf, home.agent_toml))


class _Sources:
    """What the files of a home say, before it is understood."""

    def __init__(self, home: Home, identity: Identity, findings: Findings) -> None:
        self.sections: List[Section] = []
        self.unused: List[Unused] = []
        self.written = Written()
        self._home = home
        self._identity = identity
        self._findings = findings

    def named(self, name: str) -> List[Section]:
        """Return the sections of that name, in reading order."""
        return [section for section in self.sections if section.name == name]

    def read(self) -> None:
        """Read the files that are there, each over the one before."""
        home = self._home
        if os.path.lexists(home.ossec_conf):
            self._read_ossec_conf()
        elif not os.path.lexists(home.agent_toml):
            what = f"there is neither this file nor {shown(home.agent_toml, home)} in {home.root}"
            place = Place(shown(home.ossec_conf, home))
            self._findings.mistake(place, what, "a configuration; `ar-agent init` makes one")
        if os.path.lexists(home.agent_conf):
            self._read_xml(home.agent_conf, "agent_config")
        self.read_toml()

    def _read_ossec_conf(self) -> None:
        text = self._read_xml(self._home.ossec_conf, "ossec_config")
        profile = profile_of(text, shown(self._home.ossec_conf, self._home))
        self._identity = replace(self._identity, profile=self._identity.profile or profile)

    def _read_xml(self, path: Path, root: str) -> str:
        place = Place(shown(path, self._home))
        text = read_text(path, place, self._findings)
        if text is None:
            return ""
        sections, unused = read_xml(text, place.file, root, self._identity, self._findings)
        self.sections += sections
        self.unused += unused
        return text

    def read_toml(self) -> None:
        """Read agent.toml, if it is there."""
        if not os.path.lexists(self._home.agent_toml):
            return
        place = Place(shown(self._home.agent_toml, self._home))
        content = read_bytes(self._home.agent_toml, place, self._findings)
        if content is None:
            return
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self._findings.mistake(Place(place.file, line), "not UTF-8", "TOML, which is always UTF-8")
            return
        self.written = read_toml(text, place.file, self._findings)
        self.sections += self.written.sections


def _understand(sources: _Sources, home: Home, findings: Findings) -> Config:
    settings = sources.written.settings
    commands = read_commands(sources.named("command"), sources.written.contracts, findings)
    default = read_default(sources.named("active-response"), findings)
    terms = Terms(commands, default, settings.agent_id)
    responses = read_responses(sources.named("active-response"), terms, findings)
    local_files, unused = read_local_files(sources.named("localfile"), home, findings)
    return Config(
        home=home,
        settings=settings,
        allowed=_read_allowlist(sources.named("global"), findings),
        commands=commands,
        responses=tuple(responses),
        offender_steps_s=default.steps_s if default else (),
        offender_steps_place=default.place if default else None,
        local_files=tuple(local_files),
        unused=tuple(sources.unused + unused),
    )


def _read_allowlist(sections: Sequence[Section], findings: Findings) -> Tuple[Allowed, ...]:
    entries = [entry for section in sections for entry in section.entries]
    for entry in entries:
        if not entry.text:
            findings.warn(entry.place, f"{entry.label} is empty and allows nothing")
    read = [read_allowed(entry, findings) for entry in entries if entry.text]
    return tuple(allowed for allowed in read if allowed is not None)
