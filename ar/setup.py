"""Builds detection and policy from a loaded configuration, alike for every verb that needs them."""

from __future__ import annotations

from typing import Callable

from ar.config.load import Loaded
from ar.detect.detector import Detector
from ar.policy.allowlist import Allowlist
from ar.policy.bind import Bindings
from ar.policy.ledger import Ledger
from ar.policy.policy import Policy, Terms
from ar.respond.hosts import networks_of, own_addresses


def detector_of(loaded: Loaded, *, trust_stamps: bool = False, trace: bool = False) -> Detector:
    """Return a detector; with `trust_stamps` the lines' own stamps are the clock, as for a log of last week.

    With `trace` it remembers which rules the last line was held against.
    """
    settings = loaded.config.settings
    return Detector(
        loaded.ruleset,
        window_keys_max=settings.window_keys_max,
        line_bytes_max=settings.line_bytes_max,
        stale_after_s=settings.stale_after_s,
        trust_stamps=trust_stamps,
        trace=trace,
    )


def policy_of(loaded: Loaded, ledger: Ledger, log: Callable[[str, str], None]) -> Policy:
    """Return the policy of a configuration; a host name of the allowlist without an address is logged."""
    networks, warnings = networks_of(loaded.config.allowed)
    for warning in warnings:
        log("WARNING", str(warning))
    settings = loaded.config.settings
    terms = Terms(settings.settle_s, settings.forget_after_s, settings.ipv6_prefix, settings.blocks_max)
    return Policy(Bindings(loaded.config.responses), Allowlist(networks, own_addresses()), ledger, terms)
