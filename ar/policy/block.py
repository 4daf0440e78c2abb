"""One block: a response on a subject, with its end, and what is to be done for it.

A block goes through these states; nothing else happens to it:

    (none) --promise--> PROMISED --added--> IN_FORCE --its end, or unblock--> RELEASING --released--> (none)
                           ^  |                |                                  |  ^
                           |  +----------------|--------- its end, or unblock ----|--+
                           +---- prolonged, ---+                                  |
                           |     flushed by somebody, or a reboot                 |
                           +---- a new offence: a new block takes its place ------+

PROMISED and RELEASING are what a script is to be run for; two never run for one key at once. A block whose
end comes while it is still PROMISED is released too, since its script may have half worked. A script that
failed leaves the state as it is, and is tried again after a growing pause.

A new block takes the place of one that is being released only where both do the same: then there is nothing left to
undo. Otherwise (the user is another one, or the command's script was replaced) the former block stays RELEASING beside
the new one, which waits until that release was tried, and is put in force again once it has come true.
"""

from __future__ import annotations

import enum
from typing import NamedTuple, Optional, Tuple

from ar.model import Moment
from ar.policy.agenda import Key
from ar.policy.records import Arguments, Promised


class State(enum.Enum):
    """Where a block stands; the values are the words that `list` shows."""

    PROMISED = "promised"
    IN_FORCE = "in force"
    RELEASING = "releasing"


class Block:
    """A response on a subject, with its end. Times: `_boot_s` on the boot clock, the others wall clock.

    `turn` counts the changes of what is wanted, so that a script which finishes late is not taken for the
    answer to a question that was asked after it started. `stands` while it is known to be in force, also where its
    script is to run again for a new end; it is not on record. `failures` counts how often in a row its script failed at
    what is wanted now, `blamed` how often that may have been for its own sake.
    """

    __slots__ = (
        "arguments", "at_s", "blamed", "boot_id", "command", "contract", "ends_boot_s", "executable", "extra_args",
        "failures", "id", "key", "last_offence_boot_s", "last_words", "offence", "sentence_s", "stands", "state",
        "subject", "turn", "wake_boot_s",
    )  # fmt: skip

    def __init__(self, promise: Promised, boot_id: str) -> None:
        self.id = promise.block
        self.command = promise.command
        self.executable = promise.executable
        self.contract = promise.contract
        self.extra_args = promise.extra_args
        self.subject = promise.subject
        self.key: Key = (self.command, self.subject)
        self.arguments: Arguments = promise.arguments
        self.offence = promise.offence
        self.at_s = promise.at_s
        self.sentence_s = promise.sentence_s
        self.ends_boot_s = promise.ends_boot_s
        self.boot_id = boot_id
        self.state = State.PROMISED
        self.stands = False
        self.turn = 0
        self.failures = self.blamed = 0
        self.last_words = ""
        self.last_offence_boot_s = float("-inf")
        self.wake_boot_s: Optional[float] = None

    def promise(self) -> Promised:
        """Return the one record that says all there is to say of this block now."""
        return Promised(
            self.id, self.command, self.executable, self.contract, self.subject, self.arguments,
            self.offence, self.at_s, self.sentence_s, self.ends_boot_s, self.extra_args,
        )  # fmt: skip

    @property
    def may_give_way(self) -> bool:
        """Whether it may make room for another one."""
        return self.sentence_s > 0 and self.state is not State.RELEASING

    @property
    def precedence(self) -> Tuple[int, float, int]:
        """The sort key of who gives way: the shortest sentence first, and of these the oldest block."""
        return self.sentence_s, self.at_s, self.id

    def goes_with(self, other: Block) -> bool:
        """Tell whether one run of a script can be for both: one command and kind of subject, blamed as often."""
        return (
            self.command == other.command
            and self.executable == other.executable
            and self.contract == other.contract
            and self.blamed == other.blamed
            and self.subject.kind == other.subject.kind
        )

    def does_the_same_as(self, other: Block) -> bool:
        """Tell whether the release of one undoes the other too: one script, told to act on the same."""
        return (
            self.executable == other.executable
            and self.contract == other.contract
            and self.extra_args == other.extra_args
            and self.arguments.acting == other.arguments.acting
        )

    def let_go(self) -> None:
        """Have it released from now on; how putting it in force went says nothing of that."""
        self.state = State.RELEASING
        self.turn += 1
        self.failures, self.last_words = 0, ""

    def is_over(self, now: Moment) -> bool:
        """Tell whether its end has come."""
        return self.ends_boot_s is not None and self.ends_boot_s <= now.boot_s

    def left_s(self, now: Moment) -> Optional[float]:
        """Return how much of the block is left, in seconds, or None for good."""
        return None if self.ends_boot_s is None else max(0.0, self.ends_boot_s - now.boot_s)


class Action(NamedTuple):
    """A script that is to run now for a block: `verb` is add or delete."""

    block: Block
    verb: str
    turn: int
