"""Runs response scripts: no shell, a clean environment, a process group of its own, a deadline, bounded output.

A script gets TERM at its deadline and KILL five seconds later, with everything it started. At most
`scripts_max` run at once; the others wait their turn in order.

What a script is told is written to its standard input as far as there is room, and the rest as it reads; whether it
reads is its own affair. Then its input ends, so that one which reads to the end is not kept waiting. It stays open only
for a script that may ask `check_keys`: until it has been answered, or has not asked for ten seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Callable, Deque, Dict, FrozenSet, List, Optional

from ar.policy.tasks import BATCH_BYTES_MAX, Finished, Task
from ar.respond.abilities import CHECK_KEYS, Abilities
from ar.respond.contracts import NOBODY, Host, answer, message
from ar.respond.orphans import Orphans
from ar.respond.running import Question, Running

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KILL_AFTER_TERM_S = 5.0
ASKS_WITHIN_S = 10.0  # else a script that could have asked is taken for one that reads to the end
_KEPT_VARIABLES = ("TZ",)


class Runner:
    """Runs tasks and tells what came of them. It never blocks: the engine calls `reap` when a child ended."""

    def __init__(
        self,
        folder: Path,
        home: Path,
        *,
        scripts_max: int,
        deadline_s: float,
        fault_of_script: Callable[[Path], Optional[str]],
        orphans: Optional[Orphans] = None,
        host: Host = NOBODY,
        slept_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Take scripts from `folder`, of the home `home`; `deadline_s` in seconds.

        `fault_of_script` says why a script file must not be run as it is, or None when it may be. Nothing is started
        before `orphans`, the scripts of a former agent, have ended. `host` is what scripts are told of this one.
        `slept_s` says how long the machine has slept since its boot: its scripts slept with it, so that time does not
        count towards their deadlines.
        """
        self.scripts_max = scripts_max
        self.deadline_s = deadline_s
        self.host = host
        self._folder = folder
        self._home = home
        self._fault_of_script = fault_of_script
        self._abilities = Abilities(folder)
        self._orphans = orphans
        self._slept_s = slept_s
        self._waiting: Deque[Task] = deque()
        self._running: Dict[int, Running] = {}
        self._refused: List[Finished] = []

    @property
    def waiting(self) -> int:
        """How many tasks wait for their turn."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether a task submitted now would start now."""
        return not self._waiting and len(self._running) < self.scripts_max and self._is_alone

    @property
    def _is_alone(self) -> bool:
        return self._orphans is None or self._orphans.are_gone

    @property
    def running(self) -> int:
        """How many scripts run now."""
        return len(self._running)

    def abilities(self, executable: str) -> FrozenSet[str]:
        """Return what a script can do besides add and delete."""
        return self._abilities.of(executable)

    def filenos(self) -> List[int]:
        """Return the pipes that scripts print to."""
        return [pipe for pipe, run in self._running.items() if not run.silent]

    def writers(self) -> List[int]:
        """Return the pipes that wait for room to write what scripts are told."""
        return [run.process.stdin.fileno() for run in self._running.values() if run.unsaid and run.process.stdin]

    def submit(self, task: Task, boot_s: float) -> None:
        """Run a task as soon as there is room."""
        self._waiting.append(task)
        self._start_waiting(boot_s - self._slept_s())

    def next_wake_s(self) -> Optional[float]:
        """Return when a script has to be looked after, on the boot clock; None while none runs; 0 for one refused."""
        if self._refused:
            return 0.0
        wakes = [run.wakes_awake_s for run in self._running.values()]
        if self._orphans is not None and self._orphans.next_look_s is not None:
            wakes.append(self._orphans.next_look_s)
        return min(wakes) + self._slept_s() if wakes else None

    def reap(self, boot_s: float) -> List[Finished]:
        """Collect what scripts printed, end those past their deadline, and return those that have ended."""
        awake_s = boot_s - self._slept_s()
        if self._orphans is not None:
            self._orphans.look(awake_s, self.deadline_s, KILL_AFTER_TERM_S)
        finished, self._refused = self._refused, []
        for pipe, run in list(self._running.items()):
            run.drain()
            status = run.process.poll()
            if status is None:
                run.say()
                self._enforce_deadline(run, awake_s)
                continue
            run.drain()
            del self._running[pipe]
            run.hang_up()
            run.process.stdout.close()  # type: ignore[union-attr]  # always opened with a pipe
            finished.append(self._outcome(run, status, awake_s))
        if finished:
            self._note_running()
        self._start_waiting(awake_s)
        return finished

    def close(self) -> None:
        """Let go of what scripts inherit; nothing is started any more."""
        self.scripts_max = 0
        if self._orphans is not None:
            self._orphans.close()

    def end_all(self, boot_s: float) -> None:
        """Have every script that runs ended as at its deadline; `reap` sees to it."""
        for run in self._running.values():
            run.allow_no_more(boot_s - self._slept_s())

    def _start_waiting(self, awake_s: float) -> None:
        while self._waiting and len(self._running) < self.scripts_max and self._is_alone:
            self._start(self._waiting.popleft(), awake_s)

    def _start(self, task: Task, awake_s: float) -> None:
        script = self._folder / task.executable
        fault = self._fault_of_script(script)
        if fault is not None:
            self._refused.append(Finished(task, worked=False, how=f"not run: {fault}", output="", started=False))
            return
        told = _told(task, str(script), self.host)
        self._note_running(starting=True)
        try:
            process = subprocess.Popen(
                task.argv(str(script)),
                stdin=subprocess.PIPE if told else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._home if task.is_told_by_notice else "/",
                env=self._environment(task),
                start_new_session=True,
                pass_fds=self._orphans.inherited if self._orphans is not None else (),
            )
        except OSError as error:
            self._refused.append(
                Finished(task, worked=False, how=f"not run: {error.strerror}", output="", started=False)
            )
            self._note_running()
            return
        run = Running(task, process, awake_s, self.deadline_s)
        os.set_blocking(run.pipe, False)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            if task.is_told_by_notice and task.verb == "add" and CHECK_KEYS in self.abilities(task.executable):
                run.question = Question(
                    answer(task, str(script), self.host), awake_s + min(ASKS_WITHIN_S, self.deadline_s / 2)
                )
            run.say(told)
        self._running[run.pipe] = run
        self._note_running()

    def _note_running(self, *, starting: bool = False) -> None:
        """Let the next agent know what runs, should this one be killed."""
        if self._orphans is not None:
            self._orphans.note((run.process.pid for run in self._running.values()), starting=starting)

    def _environment(self, task: Task) -> Dict[str, str]:
        """Return all that a script sees: nothing is inherited but the time zone."""
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return {"PATH": PATH, "LC_ALL": "C", "HOME": "/", "AR_HOME": str(self._home), **kept, **task.environment}

    def _enforce_deadline(self, run: Running, awake_s: float) -> None:
        if run.question is not None and awake_s >= run.question.until_awake_s:
            run.expect_no_question()
        if awake_s < run.deadline_awake_s:
            return
        with suppress(ProcessLookupError):  # it ended by itself in this very moment
            os.killpg(run.process.pid, signal.SIGKILL if run.terminated else signal.SIGTERM)
        run.terminated = True
        run.deadline_awake_s = awake_s + KILL_AFTER_TERM_S

    def _outcome(self, run: Running, status: int, awake_s: float) -> Finished:
        if run.terminated:
            with suppress(ProcessLookupError):  # what it started may outlive it; nothing of the group may
                os.killpg(run.process.pid, signal.SIGKILL)
            how = f"ended after {round(run.allowed_s, 1):g} s without an end of its own"
        elif status < 0:
            how = f"killed by signal {-status} ({signal.strsignal(-status)})"
        else:
            how = f"exit status {status}"
        worked = status == 0 and not run.terminated
        output = run.output.decode("utf-8", "backslashreplace").strip()
        kept = None if run.terminated or status < 0 else status
        return Finished(run.task, worked, how, output, kept, awake_s - run.began_awake_s)


def _told(task: Task, script: str, host: Host) -> bytes:
    """Return what a script is to find on its standard input."""
    if not task.lines:
        return message(task, script, host)
    text = "".join(f"{line}\n" for line in task.lines).encode("ascii")
    assert len(text) <= BATCH_BYTES_MAX, len(text)  # noqa: S101 (who makes batches keeps to it)
    return text
