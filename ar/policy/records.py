"""What the journal remembers: facts about blocks and offenders, in the order in which they came to be.

The ledger changes by applying records and in no other way, so that a restart which reads the journal comes
to the same ledger that the agent had.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple, Union

from ar.model import RuleId, Subject


class Arguments(NamedTuple):
    """What a script is handed beside the action; "-" for what is not expected or not there."""

    user: str
    srcip: str
    alert_id: str
    rule: RuleId
    location: str
    filename: str

    @property
    def acting(self) -> Tuple[str, str, str]:
        """What a script acts on: user, address, file name. The rest only says why."""
        return self.user, self.srcip, self.filename

    def argv(self, script: str, action: str) -> list[str]:
        """Return the command line of OSSEC's argv contract; `action` is add, delete or present."""
        rest = (self.user, self.srcip, self.alert_id, str(self.rule), self.location, self.filename)
        return [script, action, *rest]


class Opened(NamedTuple):
    """An agent started, or the wall clock was stepped: what follows was recorded in this boot of the machine."""

    boot_id: str
    wall_s: float
    boot_s: float


class Promised(NamedTuple):
    """A block will be put in force, and released at its end; on disk before the script runs.

    `sentence_s` 0 is a block for good, and then `ends_boot_s` is None. `at_s` is on the wall clock,
    `ends_boot_s` on the boot clock of the last `Opened`. Contract and `extra_args` are those of the command then: its
    script is told of the release in the way in which it was told of the block.
    """

    block: int
    command: str
    executable: str
    contract: str
    subject: Subject
    arguments: Arguments
    offence: int
    at_s: float
    sentence_s: int
    ends_boot_s: Optional[float]
    extra_args: Tuple[str, ...] = ()


class Prolonged(NamedTuple):
    """A further offence while the block is in force: what its sentence is from now on."""

    block: int
    offence: int
    at_s: float
    sentence_s: int
    ends_boot_s: Optional[float]


class Added(NamedTuple):
    """The script has put the block in force."""

    block: int


class Ended(NamedTuple):
    """Somebody ended the block before its time; the script has yet to release it."""

    block: int
    at_s: float


class Released(NamedTuple):
    """The script has released the block, and nothing of it is left."""

    block: int
    at_s: float


class Ran(NamedTuple):
    """A command that is never undone (a notification) is about to run; it is not run again after a crash."""

    block: int
    command: str
    subject: Subject
    at_s: float


class Offended(NamedTuple):
    """An offender without a block: how many offences, and when its last block ended (wall clock)."""

    command: str
    subject: Subject
    offences: int
    last_end_s: float


Record = Union[Opened, Promised, Prolonged, Added, Ended, Released, Ran, Offended]
