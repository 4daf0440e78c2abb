"""What is asked of the side that runs scripts, and what came of it."""

from __future__ import annotations

from typing import FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ar.errors import UNAVAILABLE
from ar.model import Alert
from ar.policy.block import Action, Block
from ar.policy.records import Arguments

BATCH_BYTES_MAX = 16_384  # every system's pipe takes that much at once, so that handing it over never waits
LINE_BYTES_MAX = 64  # of one of its lines: the longest prefix, a space, seconds and the line end
BATCH = "--batch"  # what stands in the place of USER when the addresses are on standard input


def may_share(block: Block, abilities: FrozenSet[str]) -> bool:
    """Tell whether one run of a script with these abilities may be for this block and others."""
    return block.subject.kind == "srcip" and block.contract == "argv" and "batch" in abilities


class Notice(NamedTuple):
    """What a script is told in JSON, and by which contract.

    `alert` is the one that led to it, or what the journal remembers of that one. `is_stateful`: it will be undone.
    `stands`: the block is in force already, so that a script which asks is told to leave it as it is.
    """

    contract: str
    command: str
    extra_args: Tuple[str, ...]
    alert: Alert
    is_stateful: bool
    stands: bool = False


class Task(NamedTuple):
    """One script to run: for one block, for each of a batch, or (without `actions`) a command never undone.

    `arguments` and the AR_ variables in `environment` are those of the first block. On standard input a script gets
    its `notice`, a batch a line for each of its actions (`lines`), and one that is asked what is in force nothing.
    """

    verb: str
    executable: str
    arguments: Arguments
    environment: Mapping[str, str]
    actions: Tuple[Action, ...] = ()
    lines: Tuple[str, ...] = ()
    notice: Optional[Notice] = None

    @property
    def is_told_by_notice(self) -> bool:
        """Whether its contract is one in which a notice stands in the place of arguments."""
        return self.notice is not None and self.notice.contract != "argv"

    def argv(self, script: str) -> List[str]:
        """Return the command line; `script` is the path of the executable."""
        if self.lines:
            return [script, self.verb, BATCH]
        return [script] if self.is_told_by_notice else self.arguments.argv(script, self.verb)

    @property
    def about(self) -> str:
        """What the script acts on, for people."""
        if self.lines:
            return f"{len(self.lines)} addresses"
        return self.actions[0].block.subject.value if self.actions else self.arguments.srcip


class Finished(NamedTuple):
    """What came of a task: whether the script did it, how it ended in words, what it printed, its exit status.

    `status` is None where the script was ended, or did not even start (`started`). `took_s` is how long it ran.
    """

    task: Task
    worked: bool
    how: str
    output: str
    status: Optional[int] = None
    took_s: float = 0.0
    started: bool = True

    @property
    def is_fault_of_one(self) -> bool:
        """Whether it may have failed at one of its blocks: not where it could not be run, or lacks a program."""
        return not self.worked and self.started and self.status != UNAVAILABLE
