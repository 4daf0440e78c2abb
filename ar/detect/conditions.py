"""What a rule can ask of an event: one compiled test for each element of `<rule>`."""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache
from typing import Callable, Dict, List, Optional, Tuple

from ar.detect.event import BRIEF_CHARS, Event, size_of
from ar.detect.finders import starts
from ar.detect.rule import Asked, Condition
from ar.detect.times import Days, Span
from ar.model import Address, Network, parse_address, parse_network, safe_user
from ar.osregex import Expression
from ar.patterns.digits import SHAPE_CHARS_MAX
from ar.patterns.literals import lower

# The same few addresses come again and again, and reading one takes longer than all the rest of a rule.
_read_address = lru_cache(maxsize=16_384)(parse_address)
_read_user = lru_cache(maxsize=4096)(safe_user)


def read_address(text: str) -> Optional[Address]:
    """Do what `parse_address` does, and remember it; what is long is none."""
    return _read_address(text) if len(text) <= BRIEF_CHARS else None


def read_user(text: str) -> Optional[str]:
    """Do what `safe_user` does, and remember it; what is long is none."""
    return _read_user(text) if len(text) <= BRIEF_CHARS else None


def log_fits(expression: Expression) -> Condition:
    """Ask that the message fits."""
    prefixes = starts(expression)
    if prefixes is not None and expression.exact and not any(literal.at_end for literal in expression.literals or ()):
        return lambda event: event.lowered.startswith(prefixes)
    test = expression.tester()
    return lambda event: test(event.log, event.lowered)


def patterned(expression: Expression, condition_of: Callable[[Expression], Condition]) -> Asked:
    """Return what a pattern asks: steady when it is blind, else with its relaxed form, compiled when it is needed."""
    condition = condition_of(expression)

    @cache
    def relaxed() -> Optional[Condition]:
        found = expression.relaxed()
        return condition_of(found) if found is not None else None

    @cache
    def loosened() -> Optional[Condition]:
        found = expression.loosened()
        return condition_of(found) if found is not None else None

    def possible(event: Event) -> bool:
        fits = relaxed()
        return fits is None or fits(event)

    def counts_digits(event: Event) -> bool:
        fits = loosened() if expression.counts_digits else _never
        return fits is None or fits(event)

    if expression.blind:
        return Asked(condition, steady=True, counts_digits=counts_digits)
    return Asked(condition, possible=possible, counts_digits=counts_digits)


def _never(_event: Event) -> bool:
    return False


def literals_anywhere(expression: Expression) -> Tuple[str, ...]:
    """Return the texts of which one must stand in a fitting message, () when they must stand at one end of it."""
    literals = expression.literals or ()
    if any(literal.at_start or literal.at_end or not literal.text for literal in literals):
        return ()
    return tuple(literal.text for literal in literals)


def literals_of(expression: Expression) -> Tuple[str, ...]:
    """Return texts of which one must stand somewhere in a fitting message, () when there are none to go by."""
    texts = tuple(literal.text for literal in expression.literals or ())
    return texts if all(texts) else ()


def field_fits(name: str, expression: Expression) -> Condition:
    """Ask that the event has the field and that it fits."""
    test = expression.tester()

    def fits(event: Event) -> bool:
        value = event.fields.get(name)
        return value is not None and test(value, lower(value))

    return fits


def user_fits(expression: Expression) -> Condition:
    """Ask that the user, or where there is none the source's user, fits."""
    test = expression.tester()

    def fits(event: Event) -> bool:
        value = event.fields.get("user")
        if value is None:
            value = event.fields.get("srcuser")
        return value is not None and test(value, lower(value))

    return fits


def hostname_fits(expression: Expression) -> Condition:
    """Ask that the host in the header fits."""
    test = expression.tester()
    return lambda event: bool(event.hostname) and test(event.hostname, lower(event.hostname))


def field_is(name: str, text: str) -> Condition:
    """Ask that the field is exactly `text`."""
    return lambda event: event.fields.get(name) == text


def address_in(name: str, networks: List[Tuple[bool, Network]]) -> Condition:
    """Ask that the field is an address in one of the networks, or outside of those that are negated.

    As in OSSEC (OS_IPFoundList) the first network that holds the address decides, and all that come after a
    negated one are negated too.
    """

    def inside(event: Event) -> bool:
        text = event.fields.get(name)
        address = read_address(text) if text else None
        if address is None:
            return False
        wanted = True
        for negated, network in networks:
            wanted = wanted and not negated
            if address in network:
                return wanted
        return not wanted

    return inside


EVERY_NETWORK = tuple(network for network in map(parse_network, ("0.0.0.0/0", "::/0")) if network is not None)


def read_network(text: str) -> Optional[Tuple[bool, Network]]:
    """Return whether `!` negates it, and the network, None when it is none; a dotted prefix as `10.1.` is one too."""
    negated = text.startswith("!")
    text = text.lstrip("!").strip()
    parts = [part for part in text.split(".") if part]
    if text.endswith(".") and 0 < len(parts) < 4:
        text = ".".join(parts + ["0"] * (4 - len(parts))) + f"/{8 * len(parts)}"
    network = parse_network(text)
    return None if network is None else (negated, network)


def size_is(least: int) -> Asked:
    """Ask that the message is `least` bytes or longer."""

    def fits(event: Event) -> bool:
        chars = len(event.log)
        if "\\x" not in event.log and (chars >= least or event.log.isascii()):
            return chars >= least
        return size_of(event) >= least

    return Asked(fits, steady=True, counts_digits=lambda _event: least <= SHAPE_CHARS_MAX)


def at_time(span: Span) -> Condition:
    """Ask that the event's local time of day lies in `span`."""
    return lambda event: _local(event).hour * 60 + _local(event).minute in span


def on_days(days: Days) -> Condition:
    """Ask that the event's local day of the week is among `days`."""
    return lambda event: _local(event).weekday() in days


def _local(event: Event) -> datetime:
    return datetime.fromtimestamp(event.time_s)  # noqa: DTZ006 (such rules speak of local time)


def _is_simple_request(event: Event) -> bool:
    url = event.fields.get("url")
    return url is not None and "?" not in url and event.fields.get("action", "get").lower() == "get"


def _has_one_user(event: Event) -> bool:
    source, target = event.fields.get("srcuser"), event.fields.get("user")
    return source is None or target is None or source == target


def _has_long_id(event: Event) -> bool:
    return len(event.fields.get("id", "")) >= 10


def _has_two_accounts(event: Event) -> bool:
    """Tell whether both accounts are named and differ; a name ends at two spaces."""
    target, caller = (_after_colon(event.log, name) for name in ("Target Account Name", "Caller User Name"))
    if target is None or caller is None:
        return False
    name, two_spaces, _ = target.partition("  ")
    return not caller.startswith(name + two_spaces[:1])


def _after_colon(log: str, name: str) -> Optional[str]:
    """Return what stands after the first colon behind `name`, None when there is none."""
    _, found, rest = log.partition(name)
    _, colon, rest = rest.partition(":")
    return rest if found and colon else None


def _is_known_crawler(event: Event) -> bool:
    return event.log.startswith(("72.14.", "209.85.", "65.55.", "207.46.", "74.6.", "72.30.", "67.195."))


# `<compiled_rule>`: OSSEC has these in C, by name (generic_samples.c).
COMPILED: Dict[str, Condition] = {
    "is_simple_http_request": _is_simple_request,
    "comp_srcuser_dstuser": _has_one_user,
    "check_id_size": _has_long_id,
    "comp_mswin_targetuser_calleruser_diff": _has_two_accounts,
    "is_valid_crawler": _is_known_crawler,
}
SERVED_IN_PART = {
    "is_valid_crawler": (
        "knows crawlers by their networks alone, of Google, Microsoft and Yahoo as OSSEC has them: "
        "no name is ever looked up for what stands in a log"
    )
}
