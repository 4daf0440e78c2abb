"""Finds out what this host has that a first configuration must know: its logs, its firewall, who is at work on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import AbstractSet, List, Mapping, NamedTuple, Optional, Tuple

from ar.config.settings import JOURNALD
from ar.model import Address, parse_address

# Where the programs of a system lie. Not PATH: an ordinary user's has no sbin, and scripts run with a fixed one.
_PROGRAM_FOLDERS = ("usr/sbin", "sbin", "usr/bin", "bin", "usr/local/sbin", "usr/local/bin", "usr/pkg/sbin")

# What the system itself logs, logins above all. Of each row the first that exists is taken: the others repeat it.
_SYSTEM_LOGS = (
    ("var/log/auth.log", "var/log/secure", "var/log/authlog"),
    ("var/log/syslog", "var/log/messages"),
    ("var/log/mail.log", "var/log/maillog"),
)
_WEB_LOGS = (
    "var/log/nginx/*.log",
    "var/log/apache2/*.log",
    "var/log/httpd/*_log",
    "var/log/httpd-access.log",
    "var/log/httpd-error.log",
    "var/log/lighttpd/*.log",
    "var/www/logs/*.log",
)
_JOURNALS = ("run/log/journal", "var/log/journal")


class Log(NamedTuple):
    """A log to follow; `readable` tells whether the present user may read it."""

    location: str
    log_format: str
    readable: bool = True


class Blocker(NamedTuple):
    """A way to keep an address out: the command's name, its script, and what was found here that it works with."""

    command: str
    script: str
    found: str


# Programs of the firewalls that firewall-drop.sh drives, the best first, and what they belong to.
_DRIVEN = (
    ("nft", "nftables"),
    ("ipset", "ipset"),
    ("iptables", "iptables"),
    ("firewall-cmd", "firewalld"),
    ("pfctl", "pf"),
    ("npfctl", "npf"),
    ("ipfw", "ipfw"),
    ("ipf", "IP Filter"),
    ("genfilt", "IP Security filters"),
)
_TCP_WRAPPERS = ("etc/hosts.deny", "etc/hosts.allow")


@dataclass(frozen=True)
class Survey:
    """What was found. `client` is where the present administrator is logged in from over SSH."""

    logs: Tuple[Log, ...]
    blocker: Blocker
    client: Optional[Address]


def survey(root: Path, environment: Mapping[str, str], scripts: AbstractSet[str], responses_log: Path) -> Survey:
    """Look at the host whose files lie below `root`; no firewall is chosen unless its script is in `scripts`.

    `responses_log` is the home's own log of responses, followed like any other when it is there already.
    """
    logs = _find_logs(root)
    if _is_file(responses_log):
        logs = (*logs, Log(str(responses_log), "syslog", os.access(responses_log, os.R_OK)))
    return Survey(logs, _find_blocker(root, scripts), _client(environment))


def _find_logs(root: Path) -> Tuple[Log, ...]:
    found = [next((name for name in row if _is_file(root / name)), None) for row in _SYSTEM_LOGS]
    logs = [Log(f"/{name}", "syslog", os.access(root / name, os.R_OK)) for name in found if name]
    if (
        not any(found[:2])
        and _program(root, "journalctl")
        and any(os.access(root / name, os.F_OK) for name in _JOURNALS)
    ):
        logs.append(Log(JOURNALD, JOURNALD))
    for pattern in _WEB_LOGS:
        files = [path for path in root.glob(pattern) if _is_file(path)]
        if files:
            logs.append(Log(f"/{pattern}", "apache", all(os.access(path, os.R_OK) for path in files)))
    return tuple(logs)


def _find_blocker(root: Path, scripts: AbstractSet[str]) -> Blocker:
    driven = _found_firewalls(root)
    if driven and "firewall-drop.sh" in scripts:
        return Blocker("firewall-drop", "firewall-drop.sh", driven[0])
    found = "; ".join(f"{name}, for which no script is shipped" for name in driven) or "no firewall"
    if any(_is_file(root / name) for name in _TCP_WRAPPERS):
        return Blocker("host-deny", "host-deny.sh", f"{found}; the files of tcp_wrappers")
    return Blocker("route-null", "route-null.sh", found)


def _found_firewalls(root: Path) -> List[str]:
    """Return which firewalls are there, each with its program."""
    paths = ((name, _program(root, program)) for program, name in _DRIVEN)
    return [f"{name} ({path})" for name, path in paths if path]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that this user may not enter: as good as not there
        return False


def _program(root: Path, name: str) -> Optional[str]:
    """Return where a program lies, as a path of the host, or None."""
    paths = (f"{folder}/{name}" for folder in _PROGRAM_FOLDERS)
    return next((f"/{path}" for path in paths if os.access(root / path, os.X_OK)), None)


def _client(environment: Mapping[str, str]) -> Optional[Address]:
    """Return the first word of what sshd says of the connection: the client's address (sshd(8))."""
    words = (environment.get("SSH_CONNECTION") or environment.get("SSH_CLIENT") or "").split()
    address = parse_address(words[0]) if words else None
    return None if address is None or address.is_loopback else address
