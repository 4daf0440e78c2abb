"""Reads which earlier events a composite rule counts: `if_matched_…`, `same_…`, `different_…`."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

from ar.detect.decoder import FIELD_NAMES
from ar.detect.findings import Findings
from ar.detect.rule import Correlation
from ar.osregex import match_expression, regex_expression
from ar.ossecxml import Element
from ar.patterns.literals import lower

# The first names of each field are OSSEC's, the others Wazuh's. A location is a host here, as in OSSEC.
_FIELDS: Dict[str, Tuple[str, ...]] = {
    "srcip": ("source_ip", "srcip"),
    "dstip": ("dstip",),
    "srcport": ("src_port", "srcport"),
    "dstport": ("dst_port", "dstport"),
    "user": ("user",),
    "srcuser": ("srcuser",),
    "hostname": ("location", "agent"),
    "id": ("id",),
    "url": ("url",),
    "protocol": ("protocol",),
    "action": ("action",),
    "status": ("status",),
    "extra_data": ("data", "extra_data"),
    "system_name": ("system_name",),
}
SAME = {f"same_{name}": field for field, names in _FIELDS.items() for name in names}
DIFFERENT = {f"different_{name}": field for field, names in _FIELDS.items() for name in names}
# These take a `same_…` before them back, and do nothing else, as in OSSEC.
NOT_SAME = {f"not_same_{name}": SAME[f"same_{name}"] for name in ("source_ip", "user", "agent", "id")}
NAMED = {"same_field", "different_field", "not_same_field"}  # the field's name is their text; the last two are one

_MATCHED = ("if_matched_sid", "if_matched_group", "if_matched_regex")


def read_correlation(
    number: int, element: Element, frequency: int, timeframe_s: int, findings: Findings
) -> Optional[Correlation]:
    """Return what the rule of this number counts, None when it counts nothing."""
    same, different = _compared(element, findings)
    if not any(element.first(name) for name in _MATCHED):
        if element.first("check_diff") is not None:
            return None
        if frequency or (different and not same):
            what = f"rule {number} counts events (frequency, different_…) but does not say which"
            findings.refuse(element.place, what, "<if_matched_sid>, <if_matched_group> or <if_matched_regex>")
            return None
        if not same:
            return None  # else, as in OSSEC, it counts those of any rule
    sid = _sid(element, findings)
    group = element.joined("if_matched_group").strip() if sid is None else ""
    regex = element.joined("if_matched_regex")
    by_regex = sid is None and not group
    return Correlation(
        events=frequency + 1,
        timeframe_s=timeframe_s,
        target=f"{sid} {group} {regex}",
        sid=sid,
        group=_group_test(element, group, findings) if group else None,
        regex=_message_test(element, regex, findings) if by_regex else None,
        same=same,
        different=different,
    )


def _compared(element: Element, findings: Findings) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """Return the fields that must be the same and those that must differ."""
    same: Dict[str, None] = {}
    different: Dict[str, None] = {}
    for child in element.children:
        name = child.name
        if name in SAME:
            same[SAME[name]] = None
        elif name in DIFFERENT:
            different[DIFFERENT[name]] = None
        elif name in NAMED:
            field = child.text.strip()
            if field:
                (same if name == "same_field" else different)[FIELD_NAMES.get(field, field)] = None
            else:
                findings.refuse(child.place, f"<{name}> is empty", "the name of a field")
        elif name in NOT_SAME:
            field = NOT_SAME[name]
            if field in same:
                del same[field]
            else:
                what = f"<{name}> takes back a <{name[4:]}> that does not stand before it, and so does nothing"
                findings.warn(child.place, what, _different(field))
    for field in same.keys() & different.keys():
        findings.warn(element.place, f"{field} must be the same and must differ: the rule never matches")
    return tuple(same), tuple(different)


def _different(field: str) -> str:
    """Return the element that asks for another value of the field."""
    return f"<{[name for name, known in DIFFERENT.items() if known == field][-1]}>"


def _sid(element: Element, findings: Findings) -> Optional[int]:
    named = list(element.named("if_matched_sid"))
    if not named:
        return None
    text = named[0].text.strip()
    if len(named) > 1 or not (text.isascii() and text.isdecimal()):
        text = ", ".join(one.text.strip() for one in named)
        findings.refuse(named[-1].place, f"<if_matched_sid> is {text!r}", "one rule id")
        return None
    return int(text)


def _group_test(element: Element, group: str, findings: Findings) -> Callable[[str], bool]:
    """Return the test of a rule's groups as they are written, an OS_Match."""
    place = next(element.named("if_matched_group")).place
    expression = findings.compile(place, "if_matched_group", group, match_expression)
    if expression is None:
        return lambda groups: False  # noqa: ARG005 (the rule is refused)
    test = expression.tester()
    return lambda groups: test(groups, lower(groups))


def _message_test(element: Element, regex: str, findings: Findings) -> Optional[Callable[[str, str], bool]]:
    """Return the test of earlier messages, None when any will do."""
    first: List[Element] = list(element.named("if_matched_regex"))[:1]
    expression = findings.compile(first[0].place, "if_matched_regex", regex, regex_expression) if first else None
    return expression.tester() if expression else None
