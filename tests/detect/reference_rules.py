"""Rules for the reference model: one class that holds what a rule's element says, and the tree they hang in."""

from __future__ import annotations

import re
from typing import Dict, List, Sequence, Tuple

from reference_patterns import os_word_match
from reference_xml import Element, read

LEVEL_0_COUNTS_AS = 99
TIMEFRAME_S = 360

# Elements that say where a rule hangs; an overwriting rule does not change them.
PLACE = ("if_sid", "if_level", "if_group", "category")
# Elements that an overwriting rule does not change either.
KEPT = ("list", "field", "ignore", "check_if_ignored")
SAME = {
    "same_id": "id",
    "same_source_ip": "srcip",
    "same_srcip": "srcip",
    "same_src_port": "srcport",
    "same_srcport": "srcport",
    "same_dst_port": "dstport",
    "same_dstport": "dstport",
    "same_user": "user",
    "same_location": "hostname",
}
DIFFERENT = {"different_url": "url", "different_srcip": "srcip"}


class Rule:
    def __init__(self, element: Element, group: str) -> None:
        self.id = int(element.attributes["id"])
        self.element = element
        self.attributes = element.attributes
        self.group = group + element.joined("group")
        self.children: List[Rule] = []
        self.category = element.joined("category") or "syslog"

    @property
    def level(self) -> int:
        return int(self.attributes["level"])

    @property
    def sort_level(self) -> float:
        """The level that decides the order of siblings and what `if_level` finds."""
        if self.level == 0:
            return LEVEL_0_COUNTS_AS
        return self.level / 100 if self.attributes.get("accuracy") == "0" else self.level

    @property
    def noalert(self) -> bool:
        return "noalert" in self.attributes

    def number(self, name: str, default: int = 0) -> int:
        return int(self.attributes.get(name, default))

    @property
    def counts(self) -> bool:
        named = any(self.element.has(name) for name in ("if_matched_sid", "if_matched_group", "if_matched_regex"))
        return named or bool(self.same)

    @property
    def timeframe_s(self) -> int:
        return self.number("timeframe", TIMEFRAME_S)

    @property
    def same(self) -> Tuple[str, ...]:
        """The fields that make a source: `not_same_…` takes one away again."""
        fields: Dict[str, None] = {}
        for child in self.element.children:
            if child.name in SAME:
                fields[SAME[child.name]] = None
            elif child.name.startswith("not_") and child.name[4:] in SAME:
                fields.pop(SAME[child.name[4:]], None)
        return tuple(fields)

    @property
    def different(self) -> List[str]:
        return [DIFFERENT[child.name] for child in self.element.children if child.name in DIFFERENT]

    def overwrite(self, newer: Rule) -> None:
        """Take over what an overwriting rule says; the place in the tree and the children stay."""
        children = [child for child in newer.element.children if not kept(child)]
        children += [child for child in self.element.children if kept(child)]
        self.element = Element("rule", newer.attributes)
        self.element.children = children
        self.attributes = newer.attributes
        self.group = newer.group


def kept(child: Element) -> bool:
    return child.name in PLACE + KEPT or child.name.endswith("pcre2")


class Tree:
    def __init__(self, texts: Sequence[str]) -> None:
        self.by_id: Dict[int, Rule] = {}
        self.roots: List[Rule] = []
        for text in texts:
            for group in read(text):
                for element in group.named("rule"):
                    self.add(Rule(element, group.attributes.get("name", "")))

    def add(self, rule: Rule) -> None:
        if rule.attributes.get("overwrite") == "yes":
            self.by_id[rule.id].overwrite(rule)
            return
        for siblings in self.places(rule):
            insert(siblings, rule)
        self.by_id[rule.id] = rule

    def places(self, rule: Rule) -> List[List[Rule]]:
        """Return the lists of siblings that the rule belongs into."""
        element = rule.element
        if rule.id < 10:
            return [self.roots]
        sids = [int(word) for word in re.split("[ ,]+", element.joined("if_sid").strip()) if word]
        group = element.joined("if_group")
        if not sids and not group:
            group = element.joined("if_matched_group")
            if element.has("if_matched_sid"):
                sids, group = [int(element.joined("if_matched_sid"))], ""
        if sids:
            rule.category = self.by_id[sids[-1]].category
            return [self.by_id[sid].children for sid in sids]
        if element.has("if_level"):
            least = int(element.joined("if_level"))
            return [other.children for other in self.by_id.values() if other.sort_level >= least]
        if group:
            return [other.children for other in self.by_id.values() if os_word_match(group, other.group)]
        return [next(root.children for root in self.roots if root.category == rule.category)]


def insert(siblings: List[Rule], rule: Rule) -> None:
    """Put the rule in front of the first one with a lower level."""
    index = 0
    while index < len(siblings) and rule.sort_level <= siblings[index].sort_level:
        index += 1
    siblings.insert(index, rule)
