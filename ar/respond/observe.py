"""Stands in for journal and runner while only observing: promises nothing, runs nothing, says what it would run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Callable, FrozenSet, Iterable, List, Optional

from ar.policy.records import Record
from ar.policy.tasks import Finished, Task
from ar.respond.contracts import NOBODY


class NoJournal:
    """Takes promises and keeps none: nothing was done that would have to be undone."""

    def check_is_as_left(self) -> None:
        """Do nothing: there is none that could change."""

    def write(self, *records: Record) -> None:
        """Forget the records."""

    def sync(self) -> None:
        """Do nothing: nothing was written."""

    def compact(self, snapshot: Iterable[Record]) -> None:
        """Forget the records."""

    def compact_when_grown(self, snapshot: Callable[[], Iterable[Record]]) -> bool:  # noqa: ARG002 (the journal's)
        """Do nothing: nothing has grown."""
        return False


class Observer:
    """A runner whose scripts all succeed at once, without being run."""

    def __init__(self, folder: Path, log: Callable[[str, str], None]) -> None:
        self._folder = folder
        self._log = log
        self._done: List[Finished] = []
        self.running = 0
        self.waiting = 0
        self.has_room = True
        self.scripts_max = 0  # an observer has room for all; these three are the runner's
        self.deadline_s = 0.0
        self.host = NOBODY

    def filenos(self) -> List[int]:
        """Return nothing: no script prints."""
        return []

    def writers(self) -> List[int]:
        """Return nothing: no script is told anything."""
        return []

    def abilities(self, executable: str) -> FrozenSet[str]:  # noqa: ARG002 (the runner's signature)
        """Return none: each block is told of on its own, and nothing that was never done is asked for."""
        return frozenset()

    def submit(self, task: Task, boot_s: float) -> None:  # noqa: ARG002 (the runner's signature)
        """Say what would run, and take it for done."""
        argv = task.arguments.argv(str(self._folder / task.executable), task.verb)  # no batch comes here
        timeout = task.environment.get("AR_TIMEOUT", "0")
        how = f", told by {task.notice.contract}" if task.notice is not None and task.is_told_by_notice else ""
        self._log("INFO", f"Observing: would run {shlex.join(argv)} (AR_TIMEOUT={timeout}{how})")
        self._done.append(Finished(task, worked=True, how="observed", output=""))

    def reap(self, boot_s: float) -> List[Finished]:  # noqa: ARG002 (the runner's signature)
        """Return what was taken for done."""
        done, self._done = self._done, []
        return done

    def end_all(self, boot_s: float) -> None:
        """Do nothing: no script was started."""

    def close(self) -> None:
        """Do nothing: no script was started."""

    def next_wake_s(self) -> Optional[float]:
        """Return 0 while an outcome waits, else None."""
        return 0.0 if self._done else None
