"""Reads what stands inside one `<rule>` into what it asks of an event."""

from __future__ import annotations

import re
from functools import partial
from typing import Callable, Dict, List, Optional, Tuple

from ar.detect import conditions as ask
from ar.detect.counted import DIFFERENT, NAMED, NOT_SAME, SAME
from ar.detect.decoder import FIELD_NAMES, Decoders
from ar.detect.decoder_file import FIRST_SEEN_FIELDS
from ar.detect.findings import Compile, Findings, closest
from ar.detect.lists import ATTRIBUTES as LIST_ATTRIBUTES
from ar.detect.lists import Lists, read_list
from ar.detect.rule import Asked, Condition
from ar.detect.times import parse_days, parse_span
from ar.errors import nearest
from ar.model import Network
from ar.osregex import Expression, match_expression, pcre2_expression, regex_expression
from ar.ossecxml import Element

# Elements that ask what the agent never knows. A rule that has one never matches.
NOT_SERVED = {
    "srcgeoip", "srcgeoip_pcre2", "dstgeoip", "dstgeoip_pcre2", "same_srcgeoip", "same_dstgeoip",
    "different_srcgeoip", "different_dstgeoip",
}  # fmt: skip
_WHY_NOT = "asks for a country, and no GeoIP database comes with the agent: the rule never matches"
_PATTERNED: Dict[str, Compile] = {
    "match": match_expression,
    "regex": regex_expression,
    "program_name": match_expression,
    "id": match_expression,
    "url": match_expression,
    "srcport": match_expression,
    "dstport": match_expression,
    "user": match_expression,
    "srcuser": match_expression,
    "dstuser": match_expression,
    "protocol": match_expression,
    "system_name": match_expression,
    "data": match_expression,
    "extra_data": match_expression,
    "hostname": match_expression,
    "status": match_expression,
}
TWINS = {name: "pcre2" if name == "regex" else f"{name}_pcre2" for name in _PATTERNED}
_WITH_ATTRIBUTES = {"info": {"type"}, "field": {"name"}, "list": LIST_ATTRIBUTES}
_OTHERS = {
    "decoded_as", "if_fts", "check_if_ignored", "category", "cve", "info", "time", "weekday", "description", "group",
    "ignore", "srcip", "dstip", "action", "field", "list", "compiled_rule", "check_diff", "if_sid", "if_group",
    "if_level", "if_matched_regex", "if_matched_group", "if_matched_sid", "options", "mitre", "global_frequency",
}  # fmt: skip
_COMPARED = set(SAME) | set(DIFFERENT) | set(NOT_SAME) | NAMED
ELEMENTS = NOT_SERVED | _OTHERS | _COMPARED | set(_PATTERNED) | set(TWINS.values())

# The order in which OSSEC asks.
ORDER = tuple(
    name
    for pair in (
        *((plain, TWINS[plain]) for plain in ("id", "match", "regex")),
        ("action",),
        ("url", TWINS["url"]),
        ("field", "srcip", "dstip"),
        *((plain, TWINS[plain]) for plain in ("srcport", "dstport", "user", "srcuser", "dstuser")),
        ("maxsize", "time", "weekday"),
        *((plain, TWINS[plain]) for plain in ("protocol", "system_name", "data", "extra_data", "hostname", "status")),
        ("compiled_rule", "list"),
    )
    for name in pair
)


class Parts:
    """The elements of one rule."""

    def __init__(self, element: Element, decoders: Decoders, lists: Lists, findings: Findings) -> None:
        self._element = element
        self._decoders = decoders
        self._lists = lists
        self._findings = findings
        self.not_served = {child.name for child in element.children if child.name in NOT_SERVED}

    def check(self) -> None:
        """Record elements and attributes that no rule has."""
        for child in self._element.children:
            if child.name not in ELEMENTS:
                what = f"unknown element <{child.name}> in a rule"
                self._findings.refuse(child.place, what, nearest(child.name, ELEMENTS))
                continue
            if child.name in NOT_SERVED:
                self._findings.warn(child.place, f"<{child.name}> {_WHY_NOT}")
            known = _WITH_ATTRIBUTES.get(child.name, set())
            for attribute in sorted(child.attributes.keys() - known):
                what = f"unknown attribute {attribute!r} of <{child.name}>"
                self._findings.refuse(child.place, what, nearest(attribute, known))

    def decoder_name(self) -> Optional[str]:
        """Return the decoder that `<decoded_as>` asks for."""
        last = self._last("decoded_as")
        if last is None:
            return None
        name = last.text.strip()
        if name not in self._decoders.names:
            what = f"<decoded_as> names the decoder {name!r}, which is not loaded: the rule never matches"
            self._findings.warn(last.place, what, closest(name, self._decoders.names, "one that is loaded"))
        return name

    def program(self) -> Tuple[Optional[Expression], bool]:
        """Return the pattern of the program's name, and whether it stands in the PCRE2 twin."""
        name, expression = self._expression("program_name")
        return expression, name == TWINS["program_name"]

    def remembered_fields(self, name: str) -> Tuple[str, ...]:
        """Return the fields that `<ignore>` or `<check_if_ignored>` names."""
        last = self._last(name)
        if last is None:
            return ()
        names = [word for word in re.split(r"[,\s]+", last.text) if word]
        for word in sorted(set(names) - FIRST_SEEN_FIELDS):
            self._findings.refuse(last.place, f"<{name}> names {word!r}", nearest(word, FIRST_SEEN_FIELDS))
        if not names:
            self._findings.refuse(last.place, f"<{name}> is empty", "fields such as srcip, id")
        return tuple(sorted(FIELD_NAMES.get(word, word) for word in names))

    def asked(self) -> Dict[str, Asked]:
        """Return what the rule asks of an event, by element."""
        found: Dict[str, Asked] = {}
        for name in ("match", "regex"):
            known, expression = self._expression(name)
            if expression:
                texts = ask.literals_anywhere(expression)
                whole = bool(texts) and expression.exact
                asked = Asked() if whole else ask.patterned(expression, ask.log_fits)
                found[known] = asked._replace(texts=texts, literals=ask.literals_of(expression))
        for name, condition_of in _FIELD_CONDITIONS.items():
            known, expression = self._expression(name)
            if expression:
                found[known] = ask.patterned(expression, condition_of)
        for name, condition in self._unpatterned().items():
            if condition is not None:
                found[name] = Asked(condition)
        return found

    def _unpatterned(self) -> Dict[str, Optional[Condition]]:
        action = self._element.joined("action")
        return {
            "action": ask.field_is("action", action) if action else None,
            "field": self._dynamic_fields(),
            "srcip": self._address("srcip"),
            "dstip": self._address("dstip"),
            "time": self._time(),
            "weekday": self._weekday(),
            "compiled_rule": self._compiled(),
            "list": self._listed(),
        }

    def _compiled(self) -> Optional[Condition]:
        last = self._last("compiled_rule")
        if last is None:
            return None
        name = last.text.strip()
        condition = ask.COMPILED.get(name)
        if condition is None:
            self.not_served.add("compiled_rule")
            what = f"<compiled_rule> {name!r} is none of those that OSSEC has: the rule never matches"
            self._findings.warn(last.place, what, nearest(name, ask.COMPILED))
        elif name in ask.SERVED_IN_PART:
            self._findings.warn(last.place, f"<compiled_rule> {name!r} {ask.SERVED_IN_PART[name]}")
        return condition

    def _listed(self) -> Optional[Condition]:
        """Return what all `<list>` elements ask together; with one that cannot be answered the rule never matches."""
        found: List[Condition] = []
        for child in self._element.named("list"):
            condition = read_list(child, self._lists, self._findings)
            if condition is None:
                self.not_served.add("list")
            else:
                found.append(condition)
        return _all_of(found)

    def _last(self, name: str) -> Optional[Element]:
        return next(reversed(list(self._element.named(name))), None)

    def _expression(self, name: str) -> Tuple[str, Optional[Expression]]:
        """Compile the element's pattern, or that of its PCRE2 twin; the plain one wins."""
        for known, compiler in ((name, _PATTERNED[name]), (TWINS[name], pcre2_expression)):
            first = self._element.first(known)
            if first is not None:
                return known, self._findings.compile(first.place, known, self._element.joined(known), compiler)
        return name, None

    def _dynamic_fields(self) -> Optional[Condition]:
        found: List[Condition] = []
        for child in self._element.named("field"):
            name = child.attributes.get("name", "").strip()
            if not name:
                self._findings.refuse(child.place, "a <field> without a name", 'name="…"')
                continue
            expression = self._findings.compile(child.place, "field", child.text, regex_expression)
            if expression:
                found.append(ask.field_fits(FIELD_NAMES.get(name, name), expression))
        return _all_of(found)

    def _address(self, name: str) -> Optional[Condition]:
        networks: List[Tuple[bool, Network]] = []
        for child in self._element.named(name):
            network = ask.read_network(child.text.strip())
            if child.text.strip().lower() in {"any", "!any"}:
                networks += [(child.text.strip().startswith("!"), every) for every in ask.EVERY_NETWORK]
            elif network is None:
                what = f"<{name}> is {child.text.strip()!r}"
                self._findings.refuse(child.place, what, "an address or network, or ! and one")
            else:
                networks.append(network)
        return ask.address_in(name, networks) if networks else None

    def _time(self) -> Optional[Condition]:
        last = self._last("time")
        if last is None:
            return None
        try:
            return ask.at_time(parse_span(last.text))
        except ValueError:
            what = f"<time> is {last.text.strip()!r}"
            self._findings.refuse(last.place, what, "hours such as 18:00 - 8:30 or 6 pm - 8:30 am")
            return None

    def _weekday(self) -> Optional[Condition]:
        last = self._last("weekday")
        if last is None:
            return None
        try:
            return ask.on_days(parse_days(last.text))
        except ValueError:
            what = f"<weekday> is {last.text.strip()!r}"
            self._findings.refuse(last.place, what, "days such as monday, mon, weekdays or weekends")
            return None


def _all_of(conditions: List[Condition]) -> Optional[Condition]:
    if len(conditions) <= 1:
        return conditions[0] if conditions else None
    return lambda event: all(condition(event) for condition in conditions)


_OF_ONE_FIELD = (
    "id", "url", "srcport", "dstport", "srcuser", "dstuser", "protocol", "system_name", "data", "extra_data", "status",
)  # fmt: skip
_FIELD_CONDITIONS: Dict[str, Callable[[Expression], Condition]] = {
    "user": ask.user_fits,
    "hostname": ask.hostname_fits,
    **{name: partial(ask.field_fits, FIELD_NAMES.get(name, name)) for name in _OF_ONE_FIELD},
}
