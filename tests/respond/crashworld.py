"""A small world in which an agent can be stopped at every step: its disk, its scripts and its firewall.

The disk keeps apart what was written and what was synced, for files and for the folder's names, so that after a power
cut any of it may be there that was not synced. Each thing that the agent has done passes `Steps.step`, which counts
it and, at the chosen one, ends the agent there and then.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional

from ar.model import Moment
from ar.policy.block import Block
from ar.policy.tasks import Finished, Task
from ar.respond.disk import Disk, Stamp

JOURNAL = Path("/home/var/journal.json")
EXPIRES_LATER_S = 5
WALL_0 = 1_795_000_000.0


class CrashError(BaseException):
    """The agent ends here; nothing catches it, as nothing catches kill -9 or a power cut."""


class Steps:
    """Counts the steps of an agent; at the number `crash_at` it ends."""

    def __init__(self) -> None:
        self.taken: List[str] = []
        self.crash_at: Optional[int] = None

    def step(self, what: str) -> None:
        self.taken.append(what)
        if self.crash_at is not None and len(self.taken) >= self.crash_at:
            raise CrashError(what)


class File:
    """What was written to a file, and what of it was synced."""

    def __init__(self) -> None:
        self.written = b""
        self.synced = b""


def _stamp(file: File) -> Stamp:
    return Stamp(0, id(file), len(file.written), 0)


class Loss(NamedTuple):
    """What is left after the agent has ended: see LOSSES."""

    power_cut: bool
    names_kept: bool  # the folder's names as they were last, or as they were last synced
    unsynced_kept: float  # so much of what was written since the last sync is there
    scripts_go_on: bool  # a script that was running comes to its end without the agent
    firewall_kept: bool = False  # through a power cut, as hosts.deny and saved rules are


LOSSES = {
    "killed, its scripts go on": Loss(power_cut=False, names_kept=True, unsynced_kept=1, scripts_go_on=True),
    "killed with its scripts": Loss(power_cut=False, names_kept=True, unsynced_kept=1, scripts_go_on=False),
    "power cut, nothing unsynced is left": Loss(power_cut=True, names_kept=False, unsynced_kept=0, scripts_go_on=False),
    "power cut, all is left": Loss(power_cut=True, names_kept=True, unsynced_kept=1, scripts_go_on=False),
    "power cut, half a record is left": Loss(power_cut=True, names_kept=True, unsynced_kept=0.5, scripts_go_on=False),
    "power cut, names are left and no content": Loss(
        power_cut=True, names_kept=True, unsynced_kept=0, scripts_go_on=False
    ),
    "power cut, nothing unsynced is left but the firewall": Loss(
        power_cut=True, names_kept=False, unsynced_kept=0, scripts_go_on=False, firewall_kept=True
    ),
}


class FaultDisk(Disk):
    """One folder in memory, with a step before and after each change, and one in the middle of each write."""

    def __init__(self, steps: Steps) -> None:
        self.names: Dict[str, File] = {}
        self.synced_names: Dict[str, File] = {}
        self.is_full = False
        self._open: Dict[int, File] = {}
        self._steps = steps

    def lose(self, loss: Loss) -> None:
        """Leave what the loss leaves."""
        names = self.names if loss.names_kept else self.synced_names
        for file in {id(file): file for file in names.values()}.values():
            unsynced = file.written[len(file.synced) :] if file.written.startswith(file.synced) else b""
            kept = file.written if loss.unsynced_kept == 1 else file.synced
            if 0 < loss.unsynced_kept < 1:
                kept = file.synced + unsynced[: round(len(unsynced) * loss.unsynced_kept)]
            file.written = file.synced = kept
        self.names, self.synced_names = dict(names), dict(names)
        self._open.clear()

    def on_platter(self) -> bytes:
        """Return the journal as the worst power cut would leave it now."""
        file = self.synced_names.get(JOURNAL.name)
        return file.synced if file is not None else b""

    def written(self) -> bytes:
        """Return all that was written to the journal, synced or not."""
        file = self.names.get(JOURNAL.name)
        return file.written if file is not None else b""

    def read(self, path: Path) -> bytes:
        if path.name not in self.names:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return self.names[path.name].written

    def open_append(self, path: Path) -> int:
        self._steps.step(f"open {path.name}")
        return self._opened(self.names.setdefault(path.name, File()))

    def _opened(self, file: File) -> int:
        fd = max(self._open, default=2) + 1
        self._open[fd] = file
        return fd

    def write(self, fd: int, text: bytes) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        file = self._open[fd]
        before = file.written
        for part, what in ((0, "before"), (len(text) // 2, "in"), (len(text), "after")):
            file.written = before + text[:part]
            self._steps.step(f"{what} a write")

    def sync(self, fd: int) -> None:
        self._steps.step("before a sync")
        self._open[fd].synced = self._open[fd].written
        self._steps.step("after a sync")

    def truncate(self, fd: int, size: int) -> None:
        self._steps.step("before a truncate")
        self._open[fd].written = self._open[fd].written[:size]
        self._steps.step("after a truncate")

    def close(self, fd: int) -> None:
        self._open.pop(fd, None)

    def stamp(self, fd: int) -> Optional[Stamp]:
        return _stamp(self._open[fd])

    def stamp_of(self, path: Path) -> Optional[Stamp]:
        file = self.names.get(path.name)
        return None if file is None else _stamp(file)

    def replace(self, path: Path, text: bytes) -> int:
        new = path.name + ".new"
        file = self.names[new] = File()
        fd = self._opened(file)
        self.write(fd, text)
        self.sync(fd)
        self.names[path.name] = self.names.pop(new)
        self._steps.step("after a rename")
        return fd

    def sync_folder(self, folder: Path) -> None:
        self._steps.step(f"before a sync of {folder.name}/")
        self.synced_names = dict(self.names)
        self._steps.step(f"after a sync of {folder.name}/")

    def keep_copy(self, path: Path, text: bytes) -> None:
        self._steps.step("before a copy is kept")
        if path.name not in self.names:
            self.names[path.name] = File()
            self.names[path.name].written = text


class Clock:
    """Both clocks of a machine; seconds of the story, of which a reboot takes some."""

    def __init__(self) -> None:
        self.story_s = 0.0
        self.boots = 1
        self._booted_s = -1000.0

    @property
    def boot_id(self) -> str:
        return f"boot-{self.boots}"

    def now(self) -> Moment:
        return Moment(WALL_0 + self.story_s, self.story_s - self._booted_s)

    def reboot(self) -> None:
        self.boots += 1
        self._booted_s = self.story_s - 3.0


class FaultScripts:
    """Runs scripts against a firewall that is a set of elements, with a step at their start, effect and end.

    `begins` is called before a script is started. `fails` tells how many times an action on an address still fails.
    The firewall itself ends an element when `EXPIRES_LATER_S` have passed since the end that the script was told.
    """

    def __init__(
        self,
        steps: Steps,
        firewall: Dict[str, float],
        begins: Callable[[Task], None],
        clock: Clock,
        *,
        batch: bool,
    ) -> None:
        self.fails: Dict[tuple[str, str], int] = {}
        self.waiting = 0
        self.scripts_max = 2
        self._steps = steps
        self._firewall = firewall
        self._begins = begins
        self._clock = clock
        self._can = frozenset({"timeout", "present", *(("batch",) if batch else ())})
        self._running: List[Task] = []

    @property
    def has_room(self) -> bool:
        return len(self._running) < self.scripts_max

    @property
    def running(self) -> int:
        return len(self._running)

    def abilities(self, executable: str) -> frozenset[str]:
        return self._can

    def submit(self, task: Task, boot_s: float) -> None:
        self._steps.step(f"before {task.verb} starts")
        self._begins(task)
        self._running.append(task)
        self._steps.step(f"after {task.verb} started")

    def reap(self, boot_s: float) -> List[Finished]:
        finished = []
        while self._running:
            missing = self._missing(self._running[0])
            worked = self._take_effect(self._running[0])
            task = self._running.pop(0)
            self._steps.step(f"after {task.verb} ended")
            if task.verb == "present":
                worked = bool(task.lines) or not missing
            how, status = ("exit status 0", 0) if worked else ("exit status 1", 1)
            said = "\n".join(f"missing {address}" for address in missing) if task.verb == "present" else "no"
            finished.append(Finished(task, worked, how, said, status))
        return finished

    def _missing(self, task: Task) -> List[str]:
        """Return the addresses that a task is for and that are not in the firewall."""
        blocks = [action.block for action in task.actions]
        return [block.subject.value for block in blocks if element_of(block) not in self._firewall]

    def end_without_the_agent(self) -> None:
        """Let what runs come to its end."""
        self._steps.crash_at = None
        for task in self._running:
            self._take_effect(task)

    def _take_effect(self, task: Task) -> bool:
        lines = task.lines or (f"it {task.environment['AR_TIMEOUT']}",)
        for action, line in zip(task.actions, lines):
            address, element = action.block.subject.value, element_of(action.block)
            self._steps.step(f"before {task.verb} takes effect")
            if self.fails.get((task.verb, address), 0):
                self.fails[task.verb, address] -= 1
                return False
            if task.verb == "present":
                continue
            if task.verb == "add" and task.notice is not None and task.notice.stands:
                pass  # as a script does that asks and is told to abort
            elif task.verb == "add":
                self._firewall[element] = self._clock.story_s + int(line.split()[1]) + EXPIRES_LATER_S
            else:
                self._firewall.pop(element, None)
            self._steps.step(f"after {task.verb} took effect")
        return True


def element_of(block: Block) -> str:
    """Return what a block's script puts into the firewall: an address, or an address for one user."""
    user, srcip, _ = block.arguments.acting
    return srcip if user == "-" else f"{srcip} {user}"
