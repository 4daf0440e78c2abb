"""What is asked of the side that runs scripts, and what came of it."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional

from ar.policy.ledger import Action
from ar.policy.records import Arguments


class Task(NamedTuple):
    """One script to run. `action` is None for a command that is never undone."""

    verb: str
    executable: str
    arguments: Arguments
    environment: Mapping[str, str]  # the AR_ variables
    action: Optional[Action]


class Finished(NamedTuple):
    """What came of a task: whether the script's exit status was 0, how it ended in words, what it printed."""

    task: Task
    worked: bool
    how: str
    output: str
