"""Which responses an alert triggers: those whose level, group or rule id fits."""

from __future__ import annotations

from typing import Dict, Sequence, Tuple

from ar.model import Alert, Response, RuleId
from ar.osregex import compile_regex


class Bindings:
    """The responses of a configuration, ready to be asked; a rule's answer is worked out once."""

    def __init__(self, responses: Sequence[Response]) -> None:
        self._responses = [(r, [compile_regex(group) for group in r.groups]) for r in responses]
        self._of_rule: Dict[RuleId, Tuple[Response, ...]] = {}

    def of(self, alert: Alert) -> Tuple[Response, ...]:
        """Return the responses of the alert's rule, in configuration order; none for a rule with no_ar.

        Groups are searched in the rule's whole group string, as OSSEC does (`rules_group` is an OS_Regex).
        """
        if not alert.active_response:
            return ()
        found = self._of_rule.get(alert.rule)
        if found is None:
            found = self.of_rule(alert.rule, alert.level, alert.groups)
            self._of_rule[alert.rule] = found
        return found

    def of_rule(self, rule: RuleId, level: int, groups: Sequence[str]) -> Tuple[Response, ...]:
        """Return the responses that a rule of this id, level and groups would trigger."""
        if level == 0:
            return ()
        text = "".join(f"{group}," for group in groups)
        return tuple(
            response
            for response, patterns in self._responses
            if level in response.levels or rule in response.rules or any(p.search(text) for p in patterns)
        )
