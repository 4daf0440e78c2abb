"""What has `ar-agent sweep` run each minute on this host: a systemd timer, or a line for cron."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Dict, NamedTuple, Sequence

_SERVICE = """\
# Releases what is overdue while no ar-agent runs; written by ar-agent init --sweep.
[Unit]
Description=Release overdue blocks of ar-agent

[Service]
Type=oneshot
ExecStart={command}
"""
_TIMER = """\
# Runs ar-agent-sweep.service each minute; written by ar-agent init --sweep.
[Unit]
Description=Release overdue blocks of ar-agent each minute

[Timer]
OnBootSec=1min
OnUnitActiveSec=1min

[Install]
WantedBy=timers.target
"""
_CRON = """\
# Releases what is overdue while no ar-agent runs; written by ar-agent init --sweep.
* * * * * root {command}
"""


class Timer(NamedTuple):
    """The files to write, by path (none where this host has no place for them), and what is left to do by hand."""

    files: Dict[Path, str]
    then: str


def timer_for(root: Path, program: Sequence[str], home: Path) -> Timer:
    """Return how to run the sweep on the host whose files are below `root` ("/", except in tests)."""
    argv = [*program, "--home", str(home), "sweep"]
    if (root / "run/systemd/system").is_dir():
        units = root / "etc/systemd/system"
        files = {units / "ar-agent-sweep.service": _SERVICE.format(command=_for_systemd(argv)),
                 units / "ar-agent-sweep.timer": _TIMER}  # fmt: skip
        return Timer(files, "systemctl daemon-reload && systemctl enable --now ar-agent-sweep.timer")
    command = shlex.join(argv).replace("%", "\\%")  # which is a line end to cron
    if (root / "etc/cron.d").is_dir():
        return Timer({root / "etc/cron.d/ar-agent-sweep": _CRON.format(command=command)}, "")
    return Timer({}, f"add this line to root's crontab: * * * * * {command}")


def _for_systemd(argv: Sequence[str]) -> str:
    """Return a command line as systemd reads it (systemd.service(5)): quoted, with % and $ doubled."""
    words = (word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") for word in argv)
    return " ".join(f'"{word}"' for word in words)
