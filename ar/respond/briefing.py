"""What scripts are told of the blocks for which they run, and of the alerts that led to them."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Callable, Dict, Optional, Sequence, Tuple

from ar.model import Alert, Command, Moment, RuleId
from ar.policy.block import Action, Block
from ar.policy.ledger import Ledger
from ar.policy.records import Arguments
from ar.policy.tasks import Notice, Task
from ar.respond.contracts import remembered

ALERTS_KEPT_MAX = 1000  # of the latest blocks: of others a script is told what the journal has
TIMEOUT_MOST_S = 999_999_999  # what scripts are told at most; the agent itself releases on time all the same

RuleWords = Callable[[RuleId], Tuple[int, str]]  # a rule's level and description


class Briefing:
    """Makes tasks of what is to be done. It keeps the alerts that led to the latest blocks."""

    def __init__(self, ledger: Ledger, rule_words: RuleWords) -> None:
        self._ledger = ledger
        self._rule_words = rule_words
        self._alerts: OrderedDict[int, Alert] = OrderedDict()  # by the block's number

    def keep(self, block_id: int, alert: Alert) -> None:
        """Keep what led to a block, as its script may be told of it."""
        self._alerts[block_id] = alert
        if len(self._alerts) > ALERTS_KEPT_MAX:
            self._alerts.popitem(last=False)

    def forget(self, block_id: int) -> None:
        """Keep nothing of a block that is over."""
        self._alerts.pop(block_id, None)

    def task(self, actions: Sequence[Action], now: Moment) -> Task:
        """Return the run of a script for one action, or for several that go into one batch."""
        first, verb = actions[0].block, actions[0].verb
        environment = self._environment(first.arguments, self._timeout_s(first, now))
        lines = [f"{action.block.subject.value} {self._timeout_s(action.block, now)}" for action in actions]
        if len(lines) > 1:
            return Task(verb, first.executable, first.arguments, environment, tuple(actions), tuple(lines))
        alert = self._alerts.get(first.id) or self._remembered(first.arguments, first.at_s)
        notice = Notice(first.contract, first.command, first.extra_args, alert, is_stateful=True, stands=first.stands)
        return Task(verb, first.executable, first.arguments, environment, tuple(actions), notice=notice)

    def run_task(self, command: Command, arguments: Arguments, alert: Optional[Alert], now: Moment) -> Task:
        """Return the run of a command that is never undone; `alert` is what led to it, as far as it may be told."""
        told = alert or self._remembered(arguments, now.wall_s)
        notice = Notice(command.contract, command.name, command.extra_args, told, is_stateful=False)
        return Task("add", command.executable, arguments, self._environment(arguments, 0), notice=notice)

    def _remembered(self, arguments: Arguments, at_s: float) -> Alert:
        return remembered(arguments, *self._rule_words(arguments.rule), at_s)

    def _timeout_s(self, block: Block, now: Moment) -> int:
        """Return what a script is told of how long its element is to last from now on, for whom ever; 0 is for good."""
        most_s = block.left_s(now)
        for other in self._ledger.sharing(block):
            left_s = other.left_s(now)
            most_s = None if most_s is None or left_s is None else max(most_s, left_s)
        return 0 if most_s is None else min(max(1, math.ceil(round(most_s, 3))), TIMEOUT_MOST_S)

    def _environment(self, arguments: Arguments, timeout_s: int) -> Dict[str, str]:
        level, description = self._rule_words(arguments.rule)
        return {
            "AR_TIMEOUT": str(timeout_s),
            "AR_RULE_ID": str(arguments.rule),
            "AR_RULE_LEVEL": str(level),
            "AR_RULE_DESCRIPTION": description,
            "AR_ALERT_ID": arguments.alert_id,
        }
