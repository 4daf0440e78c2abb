"""A trial of a script: is it absent, put it in force, is it in force, release it, is it gone.

Its block is promised in the journal like any other, for a short while. So whatever ends the trial before its time, the
block is released: by the agent that runs it, by the next one, or by a sweep. What was in force before is left alone.
"""

from __future__ import annotations

import enum
from typing import Callable, FrozenSet, List, NamedTuple, Optional, Protocol, Union

from ar.model import Moment
from ar.policy.block import Block
from ar.policy.records import Arguments
from ar.policy.tasks import Finished, Task
from ar.respond.reconcile import MISSING, PRESENT


class Phase(enum.Enum):
    """What a trial waits for; the values are the words of `try --json`."""

    BEFORE = "before"
    ADD = "add"
    DURING = "during"
    DELETE = "delete"
    AFTER = "after"
    OVER = "over"


class Step(NamedTuple):
    """What came of one step; `ok` is None where its script cannot be asked. `output` are the script's own words."""

    phase: Phase
    verb: str
    ok: Optional[bool]
    how: str
    took_s: float = 0.0
    output: str = ""


class Runs(Protocol):
    """What is needed of the side that runs scripts."""

    def abilities(self, executable: str) -> FrozenSet[str]: ...
    def submit(self, task: Task, boot_s: float) -> None: ...


class Trial:
    """Goes from step to step as its scripts end; `take` is told of each script that has."""

    def __init__(
        self,
        executable: str,
        arguments: Arguments,
        runner: Runs,
        *,
        promise: Callable[[Moment], Union[Block, str]],
        end: Callable[[Block, Moment], None],
    ) -> None:
        """`promise` puts the block on record, or returns why it does not; `end` ends it before its time."""
        self.steps: List[Step] = []
        self.phase = Phase.BEFORE
        self.begun_boot_s = 0.0  # by which it is known
        self._executable = executable
        self._arguments = arguments
        self._runner = runner
        self._can_be_asked = PRESENT in runner.abilities(executable)
        self._promise = promise
        self._end = end
        self._asked: Optional[Task] = None
        self._asked_in = Phase.BEFORE
        self._block: Optional[Block] = None
        self._promised = (0, 0.0)  # offence and time: another one has to do with the block when these have changed
        self._is_hurried = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.phase is Phase.OVER

    def begin(self, now: Moment) -> None:
        """Take the first step."""
        self.begun_boot_s = now.boot_s
        self._ask(Phase.BEFORE, now)

    def hurry(self, now: Moment) -> None:
        """Release the block as soon as can be, and ask nothing more."""
        self._is_hurried = True
        if self.phase in (Phase.BEFORE, Phase.AFTER):
            self.phase = Phase.OVER
        elif self.phase in (Phase.ADD, Phase.DURING):
            self._delete(now)

    def has_asked(self, task: Task) -> bool:
        """Tell whether it was this trial that asked what is in force, and nobody else."""
        return task is self._asked

    def take(self, outcome: Finished, now: Moment) -> None:
        """Go on, if the script that has ended is one of this trial."""
        if outcome.task is self._asked:
            self._asked = None
            self._take_answer(outcome, now)
            return
        actions = [action for action in outcome.task.actions if action.block is self._block]
        if self.is_over or not actions or outcome.task.verb == PRESENT:
            return
        if len(outcome.task.actions) > 1 and not outcome.worked:
            return  # it was in a batch of which another one may have been the fault: it is tried again
        is_delete = outcome.task.verb == "delete"
        self._note(Phase.DELETE if is_delete else Phase.ADD, outcome, ok=outcome.worked, how=outcome.how)
        if is_delete:
            self._go_on_after_delete(now, worked=outcome.worked)
        elif self.phase is Phase.ADD:
            if outcome.worked:
                self._ask(Phase.DURING, now)
            else:
                self._delete(now)

    def _go_on_after_delete(self, now: Moment, *, worked: bool) -> None:
        if worked and not self._is_hurried:
            self._ask(Phase.AFTER, now)
        else:
            self.phase = Phase.OVER

    def _ask(self, phase: Phase, now: Moment) -> None:
        self.phase = self._asked_in = phase
        if self._can_be_asked:
            self._asked = Task(PRESENT, self._executable, self._arguments, {"AR_TIMEOUT": "0"})
            self._runner.submit(self._asked, now.boot_s)
            return
        if phase is not Phase.BEFORE:
            how = f"cannot be asked: {self._executable} declares no `{PRESENT}`"
            self.steps.append(Step(phase, PRESENT, None, how))
        self._go_on(now)

    def _take_answer(self, outcome: Finished, now: Moment) -> None:
        is_in_force = {0: True, MISSING: False}.get(-1 if outcome.status is None else outcome.status)
        is_first = self._asked_in is Phase.BEFORE
        if is_in_force is None:
            how = f"cannot tell: {outcome.how}"
        elif is_first and is_in_force:
            how = "in force already, and not by this agent: nothing was tried"
        else:
            how = "in force" if is_in_force else "not in force"
        self._note(self._asked_in, outcome, ok=is_in_force is (self._asked_in is Phase.DURING), how=how)
        if is_first and is_in_force:
            self.phase = Phase.OVER
        elif self.phase is self._asked_in:  # else its end came while the script was asked
            self._go_on(now)

    def _go_on(self, now: Moment) -> None:
        """Take the step that follows an answer."""
        if self.phase is Phase.BEFORE:
            self._add(now)
        elif self.phase is Phase.DURING:
            self._delete(now)
        else:
            self.phase = Phase.OVER

    def _add(self, now: Moment) -> None:
        promised = self._promise(now)
        if isinstance(promised, str):
            self.steps.append(Step(Phase.ADD, "add", ok=False, how=promised))
            self.phase = Phase.OVER
            return
        self._block = promised
        self._promised = (promised.offence, promised.at_s)
        self.phase = Phase.ADD

    def _delete(self, now: Moment) -> None:
        block = self._block
        if block is None or (block.offence, block.at_s) != self._promised:
            how = "not run: somebody else blocked it meanwhile, so it stays blocked"
            self.steps.append(Step(Phase.DELETE, "delete", ok=False, how=how))
            self.phase = Phase.OVER
            return
        self.phase = Phase.DELETE
        self._end(block, now)

    def _note(self, phase: Phase, outcome: Finished, *, ok: bool, how: str) -> None:
        self.steps.append(Step(phase, outcome.task.verb, ok, how, outcome.took_s, outcome.output))
