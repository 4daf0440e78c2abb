"""`logs/active-responses.log`: one line for each script that ran, in the format of OSSEC's scripts.

    Sat Nov 21 06:23:59 UTC 2026 /var/ossec/active-response/bin/firewall-drop.sh add - 192.0.2.1 1763706239.1 5712
    2026-11-21 06:23:59 - Blocked IP: 192.0.2.1 (Rule: 5712)

(date, script, action, user, srcip, alert id, rule id). A script that failed has ` failed: ` and why at its end. The
second line follows for an address that is blocked or released now: it is what scripts count who look for a day
(`grep 2026-11-21`), for `Blocked` or `Unblocked`, and for the address in the sixth column.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable, Iterator

from ar.policy.tasks import Finished, Task
from ar.report.appender import Appender

_COUNTED = {"add": "Blocked IP: {0.srcip} (Rule: {0.rule})", "delete": "Unblocked IP: {0.srcip}"}  # by verb


class ResponsesLog:
    """Appends a line for each script that ended."""

    def __init__(self, path: Path, scripts: Path, complain: Callable[[str], None]) -> None:
        self._file = Appender(path, complain)
        self._scripts = scripts

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self._file.lost

    def write(self, outcome: Finished) -> None:
        """Append the line of a script that ended now, or a line for each address of its batch."""
        task = outcome.task
        date = time.strftime("%a %b %e %H:%M:%S %Z %Y")
        script = self._scripts / task.executable
        then = "" if outcome.worked else f" failed: {outcome.how}"
        handed = [action.block.arguments for action in task.actions] or [task.arguments]
        lines = [f"{date} {script} {task.verb} {a.user} {a.srcip} {a.alert_id} {a.rule}{then}\n" for a in handed]
        if outcome.worked:
            lines += _counted(task)
        self._file.write("".join(lines))

    def reopen(self) -> None:
        """Open the file anew, after somebody moved it away."""
        self._file.reopen()


def _counted(task: Task) -> Iterator[str]:
    """Yield a line for each address that was blocked or released; a response that is never undone blocks nothing."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S")
    for arguments in (action.block.arguments for action in task.actions):
        if arguments.srcip != "-" and task.verb in _COUNTED:
            yield f"{moment} - {_COUNTED[task.verb].format(arguments)}\n"
