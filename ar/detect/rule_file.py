"""Reads `<group>` and `<rule>` elements into the tree of rules, collecting every mistake with its place (rules.c)."""

from __future__ import annotations

import re
from typing import Dict, List, Optional

from ar.detect import conditions as ask
from ar.detect.counted import read_correlation
from ar.detect.decoder import Decoders
from ar.detect.event import CATEGORIES
from ar.detect.findings import Findings, closest
from ar.detect.lists import Lists
from ar.detect.rule import Correlation, Rule, Rules
from ar.detect.rule_parts import ORDER, TWINS, Parts
from ar.detect.rule_tree import RuleTree
from ar.errors import nearest
from ar.model import LEVEL_MAX
from ar.ossecxml import STRAY_TEXT, Element

_ATTRIBUTES = {
    "id", "level", "maxsize", "timeframe", "frequency", "accuracy", "noalert", "ignore", "overwrite",
}  # fmt: skip
_OPTIONS = {"alert_by_email", "no_email_alert", "log_alert", "no_log", "no_ar"}
_OF_WAZUH = {"no_full_log", "no_counter"}  # they shorten its reports, and are passed over here
FREQUENCY_MAX = 9999  # the largest that OSSEC takes; it bounds what is remembered of one source
TIMEFRAME_MAX_S = 99_999
TIMEFRAME_DEFAULT_S = 360


LEVEL_WRITTEN_MAX = 99  # OSSEC looks at no bounds


class RuleReader:
    """Adds the rules of file after file to `rules`, each under its parents, which must have been read before."""

    def __init__(self, rules: Rules, decoders: Decoders, lists: Lists, findings: Findings) -> None:
        self._rules = rules
        self._decoders = decoders
        self._lists = lists
        self._findings = findings
        self._tree = RuleTree(rules, findings)

    def read(self, roots: List[Element]) -> None:
        """Add the rules among the root elements of one file."""
        for root in roots:
            if root.name == STRAY_TEXT:
                self._findings.warn(root.place, f"text outside of any element: {root.text[:40]!r}", "<group>")
            elif root.name != "group":
                self._findings.refuse(root.place, f"unknown element <{root.name}>", "<group>")
            else:
                self._read_group(root)

    def _read_group(self, group: Element) -> None:
        name = group.attributes.get("name")
        if name is None:
            self._findings.refuse(group.place, "a <group> without a name", 'name="…"')
        for attribute in sorted(group.attributes.keys() - {"name"}):
            self._findings.refuse(group.place, f"unknown attribute {attribute!r} of <group>", "'name'")
        for child in group.children:
            if child.name != "rule":
                self._findings.refuse(child.place, f"unknown element <{child.name}> in a group", "<rule>")
            else:
                self._read_rule(child, name or "")

    def _read_rule(self, element: Element, group: str) -> None:
        findings = self._findings
        before = len(findings.mistakes)
        for attribute in sorted(element.attributes.keys() - _ATTRIBUTES):
            what = f"unknown attribute {attribute!r} of <rule>"
            findings.refuse(element.place, what, nearest(attribute, _ATTRIBUTES))
        for required in ("id", "level"):
            if required not in element.attributes:
                findings.refuse(element.place, f"a <rule> without {required}", f'{required}="…"')
        rule = self._build(element, group)
        overwrite = element.attributes.get("overwrite", "no")
        if overwrite not in {"yes", "no"}:
            findings.refuse(element.place, f"overwrite is {overwrite!r}", "'yes' or 'no'")
        known = self._rules.by_id.get(rule.id)
        if known is not None and overwrite == "no":
            what = f"rule {rule.id} is already there ({known.place})"
            findings.refuse(element.place, what, 'an id of its own, or overwrite="yes"')
        if known is None and overwrite == "yes" and rule.id not in self._tree.refused:
            what = f"rule {rule.id} is to overwrite one that has not been read before: it is a rule of its own now"
            findings.warn(
                element.place, what, closest(str(rule.id), map(str, self._rules.by_id), "the id of a rule read before")
            )
        parents = self._tree.parents(rule, element) if known is None else []
        if parents is None or len(findings.mistakes) > before:
            self._tree.refuse(rule.id, element.place)
        elif known is not None:
            _overwrite(known, rule)
        else:
            rule.arrange(ORDER)
            self._tree.hang(rule, parents)

    def _build(self, element: Element, group: str) -> Rule:
        parts = Parts(element, self._decoders, self._lists, self._findings)
        parts.check()
        group_text = group + element.joined("group")
        number = self._number(element, "id", 0, 999_999) or 0
        program, program_is_pcre2 = parts.program()
        rule = Rule(
            id=number,
            level=self._level(element),
            groups=tuple(dict.fromkeys(re.findall(r"[^,\s]+", group_text))),
            group_text=group_text,
            description=self._description(element, number),
            place=element.place,
            category=self._category(element),
            noalert=element.attributes.get("noalert", "0") != "0",
            ignore_s=self._number(element, "ignore", 0, 999_999) or 0,
            accurate=element.attributes.get("accuracy", "1") != "0",
            decoded_as=parts.decoder_name(),
            program=program.tester() if program else None,
            program_expression=program,
            program_is_pcre2=program_is_pcre2,
            asked=parts.asked(),
            correlation=self._correlation(number, element),
            differs=element.first("check_diff") is not None,
            first_seen=element.first("if_fts") is not None,
            ignored_by=parts.remembered_fields("check_if_ignored"),
            ignores=parts.remembered_fields("ignore"),
            not_served=frozenset(parts.not_served),
            shown=_shown(element),
        )
        maxsize = self._number(element, "maxsize", 0, 99_999)
        if maxsize:
            rule.shown = {**rule.shown, "maxsize": str(maxsize)}
            rule.asked["maxsize"] = ask.size_is(maxsize)
        self._read_options(rule, element)
        return rule

    def _description(self, element: Element, number: int) -> str:
        description = re.sub(r"\s*\n\s*", " ", element.joined("description")).strip()
        if not description:
            self._findings.warn(element.place, f"rule {number} has no description", "<description>")
        return description

    def _category(self, element: Element) -> str:
        category = element.joined("category").strip() or "syslog"
        if category not in CATEGORIES:
            place = next(element.named("category")).place
            self._findings.refuse(place, f"<category> is {category!r}", nearest(category, CATEGORIES))
        return category

    def _read_options(self, rule: Rule, element: Element) -> None:
        for child in element.named("options"):
            option = child.text.strip()
            if option in _OF_WAZUH:
                self._findings.warn(child.place, f"<options> is {option!r}, which has no effect here")
            elif option not in _OPTIONS:
                self._findings.refuse(child.place, f"<options> is {option!r}", nearest(option, _OPTIONS))
            rule.no_ar = rule.no_ar or option == "no_ar"
            rule.no_log = option == "no_log" or (rule.no_log and option != "log_alert")

    def _correlation(self, number: int, element: Element) -> Optional[Correlation]:
        frequency = self._number(element, "frequency", 0, FREQUENCY_MAX) or 0
        timeframe_s = self._number(element, "timeframe", 0, TIMEFRAME_MAX_S) or TIMEFRAME_DEFAULT_S
        return read_correlation(number, element, frequency, timeframe_s, self._findings)

    def _level(self, element: Element) -> int:
        level = self._number(element, "level", 0, LEVEL_WRITTEN_MAX) or 0
        if level > LEVEL_MAX:
            self._findings.warn(element.place, f"level is {level}, which no response asks for", f"0 to {LEVEL_MAX}")
        return level

    def _number(self, element: Element, name: str, least: int, most: int) -> Optional[int]:
        text = element.attributes.get(name)
        if text is None:
            return None
        stripped = text.strip()
        if not (stripped.isascii() and stripped.isdecimal()) or not least <= int(stripped) <= most:
            self._findings.refuse(element.place, f"{name} is {text!r}", f"a number from {least} to {most}")
            return None
        return int(stripped)


def _shown(element: Element) -> Dict[str, str]:
    """Return what stands in the elements of a rule that ask something, by name."""
    found: Dict[str, str] = {}
    for child in element.children:
        if child.name in _TOLD:
            continue
        name = child.attributes.get("name", "")
        text = f"{name}={child.text.strip()}" if name else child.text.strip()
        before = found.get(child.name)
        found[child.name] = text if before is None else before + (", " if child.name in _LISTED else "") + text
    return found


_TOLD = {"description", "group", "info", "cve"}  # they ask nothing
_LISTED = {"srcip", "dstip", "field", "list"}  # several of them are several things; of others one text is made

# What `overwrite` leaves as it is: the place in the tree and all that hangs on it, and which keys are ignored.
_KEPT = {
    "id",
    "children",
    "category",
    "_candidates",
    "_candidate",
    "_subsets",
    "_asks_program",
    "ignored_by",
    "ignores",
}
_STAYING = {"list", *TWINS.values()}


def _overwrite(known: Rule, rule: Rule) -> None:
    """Put `rule` in the place of `known`.

    As in OSSEC, every condition that is not repeated is reset, but for lists and those in PCRE2: these stay, unless the
    new rule has its own.
    """
    if "list" not in rule.asked:
        rule.not_served |= known.not_served & {"list"}
    rule.asked = {name: asked for name, asked in known.asked.items() if name in _STAYING} | rule.asked
    for plain, twin in TWINS.items():
        if plain in rule.asked and plain != "regex":
            rule.asked.pop(twin, None)  # the plain one wins
    if rule.program is None and known.program_is_pcre2:
        rule.program, rule.program_is_pcre2 = known.program, True
        rule.program_expression = known.program_expression
    for name, value in vars(rule).items():
        if name not in _KEPT:
            setattr(known, name, value)
    known.arrange(ORDER)
