"""A slow and simple model of OSSEC's detection, written from its described behaviour alone, to hold ours against.

It shares nothing with the detector: no table, no memory of lines, no expression. Composite rules count each source
on its own. What it does not know (plugin decoders, `accumulate`, lists, most compiled rules, `check_diff`, geoip, times
of day) it says of a line with `beyond`.
"""

from __future__ import annotations

import ipaddress
from typing import Dict, List, NamedTuple, Optional, Pattern, Sequence, Set, Tuple

from reference_decoders import Decoded, Decoders
from reference_header import Header, split
from reference_patterns import os_match, os_regex, os_word_match, pcre2
from reference_rules import Rule, Tree
from reference_xml import Element

BEYOND = {"list", "check_diff", "srcgeoip", "dstgeoip", "different_srcgeoip", "time", "weekday"}
CRAWLERS = ("72.14.", "209.85.", "65.55.", "207.46.", "74.6.", "72.30.", "67.195.")
# Condition, what of the event it asks, and in which dialect.
ASKED = (
    ("program_name", "program_name", os_match),
    ("id", "id", os_match),
    ("match", "log", os_match),
    ("regex", "log", os_regex),
    ("url", "url", os_match),
    ("srcport", "srcport", os_match),
    ("dstport", "dstport", os_match),
    ("user", "any_user", os_match),
    ("extra_data", "extra_data", os_match),
    ("hostname", "hostname", os_match),
    ("status", "status", os_match),
)


class Answer(NamedTuple):
    program: str
    decoder: str
    fields: Dict[str, str]
    rule: Optional[int]
    level: Optional[int]
    fired: bool
    beyond: bool


class Event:
    def __init__(self, number: int, time_s: float, header: Header, decoded: Decoded) -> None:
        self.number = number
        self.time_s = time_s
        self.header = header
        self.decoded = decoded
        self.values: Dict[str, Optional[str]] = dict(decoded.fields)
        self.values["log"] = header.log
        self.values["hostname"] = header.hostname
        self.values["program_name"] = header.program
        user, srcuser = decoded.fields.get("user"), decoded.fields.get("srcuser")
        self.values["any_user"] = srcuser if user is None else user
        self.size = len(header.log.encode("utf-8", "surrogatepass"))
        self.rule: Optional[Rule] = None
        self.beyond = decoded.beyond


class Reference:
    def __init__(self, decoder_texts: Sequence[str], rule_texts: Sequence[str]) -> None:
        self.decoders = Decoders(decoder_texts)
        self.tree = Tree(rule_texts)
        self.forget()

    def forget(self) -> None:
        """Start as if no line had come."""
        self.past: List[Event] = []
        self.last_number = 0
        self.used_up_to: Dict[Tuple[int, Tuple[Optional[str], ...]], int] = {}
        self.ignored_from: Dict[Tuple[int, Tuple[Optional[str], ...]], float] = {}
        self.seen: Set[Tuple[str, ...]] = set()
        self.ignore_keys: Set[Tuple[str, ...]] = set()

    def take(self, text: str, time_s: float) -> Answer:
        """Take the next line, at a time in seconds."""
        clean = "".join(char for char in text if ord(char) > 31 and ord(char) != 127)
        header = split(clean)
        self.last_number += 1
        event = Event(self.last_number, time_s, header, self.decoders.decode(header))
        rule = None
        for root in self.tree.roots:
            if root.category == event.decoded.kind:
                rule = self.find(root, event)
                if rule is not None:
                    break
        fired = rule is not None and rule.level > 0 and not self.silenced(rule, event)
        if fired:
            event.rule = rule
            self.past.append(event)
        decoded = event.decoded
        number, level = (rule.id, rule.level) if rule else (None, None)
        return Answer(header.program or "", decoded.name, decoded.fields, number, level, fired, event.beyond)

    def find(self, rule: Rule, event: Event) -> Optional[Rule]:
        """Return the rule itself or the one below it that takes its place; None when it does not match."""
        if not self.holds(rule, event):
            return None
        for child in rule.children:
            found = self.find(child, event)
            if found is not None:
                return found
        return None if rule.noalert else rule

    def holds(self, rule: Rule, event: Event) -> bool:
        """Ask one condition after the other; the last two remember what they were asked."""
        element = rule.element
        if any(element.has(name) for name in BEYOND):
            event.beyond = True
            return False
        return (
            element.joined("decoded_as") in ("", event.decoded.name)
            and all(asked(element, event, *question) for question in ASKED)
            and (not element.has("action") or element.joined("action") == event.values.get("action"))
            and all(dynamic(child, event) for child in element.named("field"))
            and all(address(element, event, name) for name in ("srcip", "dstip"))
            and event.size >= rule.number("maxsize")
            and (not element.has("compiled_rule") or compiled(element.joined("compiled_rule"), event))
            and (not element.has("if_fts") or self.first_seen(event))
            and (not rule.counts or self.counted(rule, event))
        )

    def first_seen(self, event: Event) -> bool:
        """Tell whether the decoder's key of this event is new, and remember it."""
        if not event.decoded.first_seen:
            return False
        key = tuple(f"{name}={key_part(event, name) or ''}" for name in event.decoded.first_seen)
        new = key not in self.seen
        self.seen.add(key)
        return new

    def counted(self, rule: Rule, event: Event) -> bool:
        """Tell whether this event is the one that completes the count of its source, and start that count over."""
        source = tuple(event.values.get(field) or None for field in rule.same)
        used = self.used_up_to.get((rule.id, source), 0)
        earlier = [old for old in self.past if old.number > used and matched(rule, old, event)]
        if None in source or len(earlier) < rule.number("frequency") + 1:
            return False
        self.used_up_to[rule.id, source] = event.number
        return True

    def silenced(self, rule: Rule, event: Event) -> bool:
        """Tell whether `ignore` or `check_if_ignored` keeps the alert back, and remember what `<ignore>` says."""
        if rule.number("ignore"):
            key = (rule.id, tuple(event.values.get(field) or None for field in rule.same or ("srcip",)))
            if event.time_s - self.ignored_from.get(key, -(10**9)) < rule.number("ignore"):
                return True
            self.ignored_from[key] = event.time_s
        if rule.element.has("check_if_ignored") and ignore_key(rule, event, "check_if_ignored") in self.ignore_keys:
            return True
        if rule.element.has("ignore"):
            self.ignore_keys.add(ignore_key(rule, event, "ignore"))
        return False


def asked(element: Element, event: Event, name: str, value_name: str, dialect) -> bool:
    """Tell whether the condition of this name holds, or its pcre2 twin where it stands alone."""
    twin = "pcre2" if name == "regex" else f"{name}_pcre2"
    expression: Optional[Pattern[str]] = None
    if element.has(name):
        expression = dialect(element.joined(name))
    elif element.has(twin):
        expression = pcre2(element.joined(twin))
    if expression is None:
        return True
    value = event.values.get(value_name)
    return value is not None and expression.search(value) is not None


def compiled(name: str, event: Event) -> bool:
    """Answer the two conditions that OSSEC's stock rules have in C; of the crawlers' one no more than that it asks."""
    if name == "is_simple_http_request":
        url, action = event.values.get("url"), event.values.get("action")
        return url is not None and (action is None or action.lower() == "get") and "?" not in url
    event.beyond |= name != "is_valid_crawler" or event.header.log.startswith(CRAWLERS)
    return False


def dynamic(child: Element, event: Event) -> bool:
    value = event.decoded.fields.get(child.attributes["name"])
    return value is not None and os_regex(child.text).search(value) is not None


def address(element: Element, event: Event, name: str) -> bool:
    """Tell whether the address is in the list; with `!` whether it is in none of it."""
    texts = [child.text.strip() for child in element.named(name)]
    if not texts:
        return True
    try:
        value = ipaddress.ip_address(event.values.get(name) or "")
    except ValueError:
        return False
    inside = any(value in ipaddress.ip_network(text.lstrip("!"), strict=False) for text in texts)
    return inside is not any(text.startswith("!") for text in texts)


def belongs(rule: Rule, old: Event, event: Event) -> bool:
    """Tell whether an earlier event is of those that this composite rule counts."""
    element = rule.element
    assert old.rule is not None
    if element.has("if_matched_sid"):
        return old.rule.id == int(element.joined("if_matched_sid"))
    if element.has("if_matched_group"):
        return os_word_match(element.joined("if_matched_group"), old.rule.group)
    expression = os_regex(element.joined("if_matched_regex"))
    return old.decoded.kind == event.decoded.kind and expression.search(old.header.log) is not None


def matched(rule: Rule, old: Event, event: Event) -> bool:
    """Tell whether an earlier event counts for this composite rule and this event."""
    if event.time_s - old.time_s > rule.timeframe_s or not belongs(rule, old, event):
        return False
    # A field found empty is none here: all that have none are no source. (OSSEC takes them for one.)
    pairs = [(old.values.get(field) or None, event.values.get(field) or None) for field in rule.same]
    if any(None in pair or pair[0] != pair[1] for pair in pairs):
        return False
    pairs = [(old.values.get(field) or None, event.values.get(field) or None) for field in rule.different]
    return not any(None in pair or pair[0] == pair[1] for pair in pairs)


def key_part(event: Event, name: str) -> Optional[str]:
    if name == "name":
        return event.decoded.name
    return event.values.get({"dstuser": "user", "data": "extra_data", "systemname": "system_name"}.get(name, name))


def ignore_key(rule: Rule, event: Event, element_name: str) -> Tuple[str, ...]:
    words = [word.strip() for word in rule.element.joined(element_name).split(",")]
    return tuple(f"{word}={key_part(event, word)}" for word in sorted(words))
