"""What is asked of the side that runs scripts, and what came of it."""

from __future__ import annotations

from typing import FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ar.policy.block import Action, Block
from ar.policy.records import Arguments

BATCH_BYTES_MAX = 16_384  # every system's pipe takes that much at once, so that handing it over never waits
LINE_BYTES_MAX = 64  # of one of its lines: the longest prefix, a space, seconds and the line end
BATCH = "--batch"  # what stands in the place of USER when the addresses are on standard input


def may_share(block: Block, abilities: FrozenSet[str]) -> bool:
    """Tell whether one run of a script with these abilities may be for this block and others."""
    return block.subject.kind == "srcip" and "batch" in abilities


class Task(NamedTuple):
    """One script to run: for one block, for each of a batch, or (without `actions`) a command never undone.

    `arguments` and the AR_ variables in `environment` are those of the first block. A batch has a line for each of
    its actions in `lines`, which the script gets on standard input.
    """

    verb: str
    executable: str
    arguments: Arguments
    environment: Mapping[str, str]
    actions: Tuple[Action, ...] = ()
    lines: Tuple[str, ...] = ()

    def argv(self, script: str) -> List[str]:
        """Return the command line; `script` is the path of the executable."""
        return [script, self.verb, BATCH] if self.lines else self.arguments.argv(script, self.verb)

    @property
    def about(self) -> str:
        """What the script acts on, for people."""
        if self.lines:
            return f"{len(self.lines)} addresses"
        return self.actions[0].block.subject.value if self.actions else self.arguments.srcip


class Finished(NamedTuple):
    """What came of a task: whether the script did it, how it ended in words, what it printed, its exit status.

    `status` is None where the script was ended, or did not even start.
    """

    task: Task
    worked: bool
    how: str
    output: str
    status: Optional[int] = None
