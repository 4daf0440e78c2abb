"""Builds detection, policy and runner from a configuration, alike for every verb that needs them."""

from __future__ import annotations

import os
import socket
from typing import Callable, Iterable, Tuple

from ar.config.home import Home
from ar.config.load import Loaded
from ar.config.scripts import fault_of_script
from ar.config.settings import Settings
from ar.detect.detector import Detector
from ar.model import Network
from ar.policy.allowlist import Allowlist
from ar.policy.bind import Bindings
from ar.policy.ledger import Ledger
from ar.policy.policy import Policy, Terms
from ar.report.log import to_stderr
from ar.respond import clock
from ar.respond.contracts import Host
from ar.respond.hosts import is_own_now, networks_of, own_addresses
from ar.respond.orphans import Orphans
from ar.respond.runner import Runner


def detector_of(loaded: Loaded) -> Detector:
    """Return a detector that remembers nothing yet."""
    settings = loaded.config.settings
    return Detector(
        loaded.ruleset,
        window_keys_max=settings.window_keys_max,
        line_bytes_max=settings.line_bytes_max,
        stale_after_s=settings.stale_after_s,
        hostname=_hostname(),
    )


def policy_of(loaded: Loaded, ledger: Ledger, networks: Iterable[Tuple[Network, str]]) -> Policy:
    """Return the policy of a configuration; `networks` is what its allowlist comes to, names looked up."""
    settings = loaded.config.settings
    terms = Terms(settings.settle_s, settings.forget_after_s, settings.ipv6_prefix, settings.blocks_max)
    allowlist = Allowlist(networks, own_addresses(), is_own_now)
    return Policy(Bindings(loaded.config.responses), allowlist, ledger, terms)


def rehearsal_policy_of(loaded: Loaded) -> Policy:
    """Return the policy of a configuration with an empty ledger; host names are looked up here and now."""
    networks, warnings = networks_of(loaded.config.allowed)
    for warning in warnings:
        to_stderr("WARNING", str(warning))
    return policy_of(loaded, Ledger(), networks)


def runner_of(home: Home, settings: Settings, log: Callable[[str, str], None]) -> Runner:
    """Return what runs the scripts of a home; `log` is told of scripts that a former agent left running."""
    return Runner(
        home.scripts,
        home.root,
        scripts_max=settings.scripts_max,
        deadline_s=settings.script_deadline_s,
        fault_of_script=lambda path: fault_of_script(path, os.geteuid(), folder=home.scripts),
        orphans=Orphans(home.scripts_lock, home.root, log),
        host=host_of(settings),
        slept_s=clock.slept_s,
    )


def host_of(settings: Settings) -> Host:
    """Return what scripts are told of this host."""
    return Host(settings.agent_id, _hostname())


def _hostname() -> str:
    return socket.gethostname().partition(".")[0]
