"""What the configuration comes to once it is read and checked: plain immutable values with defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Optional, Tuple

from ar.config.home import Home
from ar.errors import Place
from ar.model import Command, Network, Response


@dataclass(frozen=True)
class Settings:
    """What ossec.conf has no word for; `etc/agent.toml` sets it. Times in seconds."""

    settle_s: int = 10  # a trigger this soon after the last offence is the same one, still in flight
    forget_after_s: int = 7 * 86400  # an offender is forgotten this long after its last block ended
    ipv6_prefix: int = 128  # IPv6 offenders are blocked and counted by this prefix (64: a whole subnet)
    agent_id: str = "000"  # the id that <location>defined-agent</location> means by this host
    reconcile_every_s: int = 300  # how often scripts are asked whether what is to be in force still is; 0: never
    emergency_block_s: int = 0  # blocks while the disk takes no promise, if the firewall itself ends them; 0: none
    script_deadline_s: int = 30  # a script still running then gets TERM, and KILL 5 s later
    scripts_max: int = 8  # scripts that run at once; the others wait their turn
    blocks_max: int = 200_000
    offenders_max: int = 200_000
    window_keys_max: int = 30_000  # sources whose events are remembered for frequency rules
    line_bytes_max: int = 6144  # a longer line is cut there, as OSSEC does
    stale_after_s: int = 3600  # a line this old when first read starts no response


JOURNALD = "journald"  # the one format that has no file; its source is called by the same name
LOG_FORMATS = frozenset(
    {"apache", "iis", JOURNALD, "json", "nginx", "snort-fast", "squid", "syslog"}
)  # one event a line


@dataclass(frozen=True)
class LocalFile:
    """One `<localfile>`: its format is one of LOG_FORMATS, and `location` may hold globs and strftime fields."""

    log_format: str
    location: str
    place: Place


@dataclass(frozen=True)
class Included:
    """A file of decoders, rules or lists to load, and the place that asked for it."""

    path: Path
    place: Place
    shipped: bool = False  # it comes with the agent, since the home has none of that name


@dataclass(frozen=True)
class Allowed:
    """One allowlist entry: a network (a single address is a network of one), or a host name to look up."""

    text: str
    place: Place
    network: Optional[Network] = None  # None: `text` is a host name


@dataclass(frozen=True)
class Config:
    """The whole configuration of one agent. `unused` are the sections of other OSSEC daemons, by place."""

    home: Home
    settings: Settings = Settings()
    allowed: Tuple[Allowed, ...] = ()
    commands: Mapping[str, Command] = field(default_factory=dict)
    responses: Tuple[Response, ...] = ()
    offender_steps_s: Tuple[int, ...] = ()
    offender_steps_place: Optional[Place] = None
    local_files: Tuple[LocalFile, ...] = ()
    decoder_files: Tuple[Included, ...] = ()
    rule_files: Tuple[Included, ...] = ()
    list_files: Tuple[Included, ...] = ()
    unused: Tuple[Tuple[str, Place], ...] = ()
