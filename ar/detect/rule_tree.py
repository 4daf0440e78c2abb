"""Finds the parents of a rule among the rules read before it (rules_list.c)."""

from __future__ import annotations

import re
from typing import Dict, List, Optional

from ar.detect.findings import Findings, closest
from ar.detect.rule import Rule, Rules
from ar.errors import Place, nearest
from ar.model import LEVEL_MAX
from ar.osregex import compile_words
from ar.ossecxml import Element

ROOT_BELOW = 10  # rules with a smaller id are the roots of their category


class RuleTree:
    """Hangs rules under their parents, in the order in which they are read."""

    def __init__(self, rules: Rules, findings: Findings) -> None:
        self._rules = rules
        self._findings = findings
        self.refused: Dict[int, Place] = {}  # rules that were read and had mistakes

    def refuse(self, rule_id: int, place: Place) -> None:
        """Remember that this rule had mistakes, for what is said of its children."""
        self.refused.setdefault(rule_id, place)

    def hang(self, rule: Rule, parents: List[Rule]) -> None:
        """Put the rule under its parents."""
        for parent in parents:
            parent.adopt(rule)
        self._rules.by_id[rule.id] = rule

    def parents(self, rule: Rule, element: Element) -> Optional[List[Rule]]:
        """Return the rules that `rule` hangs under, None when there is a mistake in what it says of them."""
        if rule.id < ROOT_BELOW:
            return [self._above(rule.category)]
        kinds = {child.name for child in element.children}
        if "if_group" in kinds:
            kinds.discard("if_matched_sid")  # else it stands for an <if_sid>, which wins over <if_level>
        by_id = next((kind for kind in ("if_sid", "if_matched_sid") if kind in kinds), None)
        by_group = next((kind for kind in ("if_group", "if_matched_group") if kind in kinds), None)
        if by_id:
            return self._by_id(rule, element, by_id)
        if "if_level" in kinds:
            return self._by_level(element)
        if by_group:
            return self._by_group(element, by_group)
        above = self._above(rule.category)
        return [next((root for root in above.children if root.id < ROOT_BELOW), above)]

    def _by_id(self, rule: Rule, element: Element, name: str) -> Optional[List[Rule]]:
        place = next(element.named(name)).place
        text = element.joined(name)
        numbers = re.findall(r"[^,\s]+", text)
        if not numbers or not all(number.isascii() and number.isdecimal() for number in numbers):
            self._findings.refuse(place, f"<{name}> is {text.strip()!r}", "rule ids with commas between")
            return None
        parents = []
        for number in map(int, numbers):
            parent = self._rules.by_id.get(number)
            if parent is not None:
                parents.append(parent)
                continue
            if number in self.refused:
                what = f"<{name}> names rule {number}, which was not loaded"
                self._findings.refuse(place, what, f"the mistake in {self.refused[number]} corrected")
                continue
            what = f"<{name}> names rule {number}, which has not been read before"
            known = map(str, self._rules.by_id)
            self._findings.refuse(place, what, closest(str(number), known, "the id of a rule read before"))
        if len(parents) < len(numbers):
            return None
        rule.category = parents[-1].category
        return parents

    def _by_level(self, element: Element) -> Optional[List[Rule]]:
        place = next(element.named("if_level")).place
        text = element.joined("if_level").strip()
        if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= LEVEL_MAX:
            self._findings.refuse(place, f"<if_level> is {text!r}", f"a number from 1 to {LEVEL_MAX}")
            return None
        # While it loads, OSSEC counts a level of 0 as 99 and one without accuracy as a hundredth.
        found = [other for other in self._rules.by_id.values() if -other.order >= int(text) * 100]
        if not found:
            self._findings.refuse(place, f"<if_level>: no rule read before has level {text} or a higher one")
        return found or None

    def _by_group(self, element: Element, name: str) -> Optional[List[Rule]]:
        place = next(element.named(name)).place
        text = element.joined(name).strip()
        words = compile_words(text)
        found = [other for other in self._rules.by_id.values() if words.search(other.group_text)]
        if not found:
            groups = {group for other in self._rules.by_id.values() for group in other.groups}
            what = f"<{name}>: no rule read before is in the group {text!r}"
            self._findings.refuse(place, what, nearest(text, groups))
        return found or None

    def _above(self, category: str) -> Rule:
        """Return the node above the roots of `category`, which matches every event of it."""
        root = self._rules.roots.get(category)
        if root is None:
            root = Rule(0, 0, (), "", "", Place(""), category=category, noalert=True)
            self._rules.roots[category] = root
        return root
