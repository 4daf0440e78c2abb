"""The two clocks of this machine: the wall clock, and the time since boot that nobody can step."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from ar.model import Moment

# CLOCK_BOOTTIME (Linux, OpenBSD) counts through suspend; elsewhere the monotonic clock is the nearest.
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_LINUX_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def now() -> Moment:
    """Return this instant on both clocks."""
    return Moment(time.time(), time.clock_gettime(_BOOT_CLOCK))


def slept_s() -> float:
    """Return how long the machine has slept since its boot; 0 where no clock counts that."""
    return time.clock_gettime(_BOOT_CLOCK) - time.clock_gettime(time.CLOCK_MONOTONIC)


def boot_id() -> str:
    """Return a text that is the same within one boot of the machine and different after the next.

    Linux gives each boot an identifier of its own. Elsewhere the time of boot stands for it: when somebody
    steps the wall clock there, a restart of the agent is taken for a reboot, and the wall clock counts.
    """
    try:
        return _LINUX_BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"boot-{int(psutil.boot_time())}"
