"""Asks scripts whether what is to be in force still is, and has what is missing put back.

Somebody flushes the firewall, or a reload of pf, firewalld or docker drops what the agent put there. Scripts that
declare `present` are asked after the start, at an interval, and when the administrator wants it: those that take a
batch for many addresses at once, the others one by one. They are asked only while nothing else waits to be run.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Callable, Deque, Dict, FrozenSet, Iterator, List, Optional, Protocol, Set, Tuple

from ar.model import Moment
from ar.policy.agenda import AT_ONCE_S
from ar.policy.block import Action, Block, State
from ar.policy.ledger import Ledger
from ar.policy.tasks import BATCH_BYTES_MAX, LINE_BYTES_MAX, Finished, Task, may_share

PRESENT = "present"
MISSING = 1  # the exit status of a script that says so of its one subject
FIRST_AFTER_S = 5.0  # after the start: a firewall may have been flushed while no agent ran
REST_FACTOR = 9  # after an answer it rests so many times as long as that took: large sets take firewalls long to list

Log = Callable[[str, str], None]  # severity, text


class Runs(Protocol):
    """What is needed of the side that runs scripts."""

    @property
    def has_room(self) -> bool: ...
    def abilities(self, executable: str) -> FrozenSet[str]: ...
    def submit(self, task: Task, boot_s: float) -> None: ...


class Reconciler:
    """Goes through the blocks in force, round after round. `counts` are those of `status`."""

    def __init__(self, ledger: Ledger, runner: Runs, log: Log) -> None:
        self.every_s = 0.0  # how long after a round the next one begins; 0: only when it is wanted
        self.counts: Dict[str, int] = dict.fromkeys(("rounds", "asked", "missing", "put_back", "unclear"), 0)
        self._ledger = ledger
        self._runner = runner
        self._log = log
        self._waiting: Deque[int] = deque()  # numbers of blocks
        self._asked_s: Optional[float] = None  # when the script that runs began: one at a time, this is never urgent
        self._rests_until_s = AT_ONCE_S
        self._is_wanted = False  # by the administrator, who waits for the answer
        self._planned_s: Optional[float] = None  # when the next round begins; None before the first look at a clock
        self._missing: List[Action] = []  # of this round: to be put back
        self._unclear: Set[Tuple[str, str]] = set()  # scripts that could not tell, and what they said

    @property
    def waiting(self) -> int:
        """How many blocks have yet to be asked about in this round, and how many missing ones are not told of yet."""
        return len(self._waiting) + (self._asked_s is not None) + len(self._missing)

    def _is_to_be_put_back(self, action: Action) -> bool:
        """Tell whether nothing has come yet of putting a block back: neither success, nor failure, nor its end."""
        block = action.block
        return self._is_as_it_was(action) and block.state is State.PROMISED and not block.failures

    def _is_as_it_was(self, action: Action) -> bool:
        block = action.block
        return self._ledger.blocks.get(block.id) is block and block.turn == action.turn

    def ask_about_all(self, *, is_wanted: bool = False) -> List[str]:
        """Begin a round, without any rest if somebody wants it.

        Return the commands with blocks in force whose scripts cannot be asked.
        """
        in_force = [block for block in self._ledger.blocks.values() if block.state is State.IN_FORCE]
        executables = {block.executable for block in in_force}
        can = {executable: PRESENT in self._runner.abilities(executable) for executable in executables}
        in_force.sort(key=lambda block: (block.command, block.executable))  # what goes into one batch stands together
        self._end_round()
        self._waiting = deque(block.id for block in in_force if can[block.executable])
        self.counts["rounds"] += 1
        self._is_wanted = is_wanted
        if is_wanted:
            self._rests_until_s = AT_ONCE_S
        return sorted({block.command for block in in_force if not can[block.executable]})

    def next_wake_s(self) -> Optional[float]:
        """Return when `work` has something to do, on the boot clock; None while it has not."""
        if self._asked_s is not None or (self._missing and not self._waiting):
            return None  # the end of a script calls
        if self._waiting or (self.every_s and self._planned_s is None):
            return self._rests_until_s
        return self._planned_s if self.every_s else None

    def work(self, now: Moment) -> None:
        """Begin a round when it is time, and ask the next script if there is room."""
        if self._planned_s is None:
            self._planned_s = now.boot_s + FIRST_AFTER_S
        if self.every_s and now.boot_s >= self._planned_s and not self.waiting:
            self._planned_s = now.boot_s + self.every_s
            self.ask_about_all()
        is_busy = self._asked_s is not None or now.boot_s < self._rests_until_s
        is_asking = self._waiting or self._asked_s is not None
        if self._missing and not is_asking and not any(map(self._is_to_be_put_back, self._missing)):
            self._end_round()
        if not self._waiting or is_busy or not self._runner.has_room:
            return
        blocks = list(self._take_some())
        if blocks:
            self._runner.submit(_task(blocks), now.boot_s)
            self._asked_s = now.boot_s
            self.counts["asked"] += len(blocks)

    def take(self, outcome: Finished, now: Moment) -> None:
        """Have put back what a script said is missing."""
        if self._asked_s is not None and not self._is_wanted:
            self._rests_until_s = now.boot_s + REST_FACTOR * (now.boot_s - self._asked_s)
        self._asked_s = None
        missing = _missing(outcome)
        if missing is None:
            self.counts["unclear"] += len(outcome.task.actions)
            self._tell_unclear(outcome)
        for action in outcome.task.actions if missing else ():
            block = action.block
            unchanged = self._is_as_it_was(action) and block.state is State.IN_FORCE
            if unchanged and missing is not None and block.subject.value in missing:
                self._ledger.put_back(block)
                self._missing.append(Action(block, "add", block.turn))
                self.counts["missing"] += 1

    def _take_some(self) -> Iterator[Block]:
        """Take from those that wait what one run of a script can be asked about."""
        first: Optional[Block] = None
        abilities: FrozenSet[str] = frozenset()
        room_bytes = BATCH_BYTES_MAX
        while self._waiting and room_bytes >= LINE_BYTES_MAX:
            block = self._ledger.blocks.get(self._waiting[0])
            is_meant = block is not None and block.state is State.IN_FORCE and not self._ledger.is_busy(block.key)
            if block is None or not is_meant:
                self._waiting.popleft()
                continue
            if first is None:
                first, abilities = block, self._runner.abilities(block.executable)
            elif not block.goes_with(first):
                return
            self._waiting.popleft()
            if PRESENT not in abilities:  # another script has taken its place since the round began
                first = None
                continue
            yield block
            room_bytes -= len(block.subject.value) + 3  # a space, a zero and the line end
            if not may_share(block, abilities):
                return

    def _end_round(self) -> None:
        """Tell what became of what was missing."""
        missing, put_back = Counter[str](), Counter[str]()
        for action in self._missing:
            command = action.block.command
            missing[command] += 1
            put_back[command] += self._is_as_it_was(action) and action.block.state is State.IN_FORCE
        for command, number in sorted(missing.items()):
            what = "1 block was" if number == 1 else f"{number} blocks were"
            then = "put back" if put_back[command] == number else f"{put_back[command]} of them put back so far"
            self._log("WARNING", f"{command}: {what} not in the firewall any more; {then}.")
        self.counts["put_back"] += sum(put_back.values())
        self._missing.clear()
        self._unclear.clear()

    def _tell_unclear(self, outcome: Finished) -> None:
        """Say once a round what a script answered that could not tell."""
        executable, answer = outcome.task.executable, outcome.output.rsplit("\n", 1)[-1]
        if (executable, answer) not in self._unclear:
            self._unclear.add((executable, answer))
            self._log("WARNING", f"{executable} cannot tell what is in force: {outcome.how}: {answer}".rstrip(": "))


def _task(blocks: List[Block]) -> Task:
    first = blocks[0]
    lines = tuple(f"{block.subject.value} 0" for block in blocks) if len(blocks) > 1 else ()
    actions = tuple(Action(block, PRESENT, block.turn) for block in blocks)
    return Task(PRESENT, first.executable, first.arguments, {"AR_TIMEOUT": "0"}, actions, lines)


def _missing(outcome: Finished) -> Optional[Set[str]]:
    """Return the subjects that a script said are not in force; None when it could not tell."""
    task = outcome.task
    if not task.lines:
        if outcome.worked:
            return set()
        return {task.actions[0].block.subject.value} if outcome.status == MISSING else None
    if not outcome.worked:
        return None
    told = (line.partition(" ") for line in outcome.output.splitlines())
    return {subject for word, _, subject in told if word == "missing"}
