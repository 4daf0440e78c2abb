"""`<list>` of a rule: asks whether a field of the event stands in a list (lists_list.c)."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, Mapping, NamedTuple, Optional

from ar.cdb import Cdb
from ar.detect.conditions import read_address
from ar.detect.decoder import FIELD_NAMES
from ar.detect.event import Event
from ar.detect.findings import Findings, closest
from ar.detect.rule import Condition
from ar.errors import nearest
from ar.osregex import match_expression
from ar.ossecxml import Element
from ar.patterns.literals import lower

ATTRIBUTES = {"field", "lookup", "check_value"}

# The configured lists by `list_name`; None is one that could not be read, which has been told already.
Lists = Mapping[str, Optional[Cdb]]
Find = Callable[[str], Optional[bytes]]


class Lookup(NamedTuple):
    """One kind of look-up."""

    by_prefix: bool = False  # what is not found whole is looked up by its beginnings, as networks are written
    negated: bool = False
    checks_value: bool = False


LOOKUPS: Dict[str, Lookup] = {
    "match_key": Lookup(),
    "not_match_key": Lookup(negated=True),
    "match_key_value": Lookup(checks_value=True),
    "address_match_key": Lookup(by_prefix=True),
    "not_address_match_key": Lookup(by_prefix=True, negated=True),
    "address_match_key_value": Lookup(by_prefix=True, checks_value=True),
}

# What is no decoded field. A list asks for the source's user first, `<user>` for the other one: both as in OSSEC.
_READERS: Dict[str, Callable[[Event], Optional[str]]] = {
    "user": lambda event: event.fields.get("srcuser") or event.fields.get("user"),
    "hostname": lambda event: event.hostname,
    "program_name": lambda event: event.program,
    "location": lambda event: event.source,
}


def list_name(text: str) -> str:
    """Return the one name of a list that rules and configuration may each write with `.cdb` or without.

    As in OSSEC, a name without a folder is one in rules/.
    """
    name = text.strip().removesuffix(".cdb")
    return name if "/" in name else f"rules/{name}"


def read_list(element: Element, lists: Lists, findings: Findings) -> Optional[Condition]:
    """Return what a `<list>` asks, None when it cannot be answered, so that the rule never matches."""
    name = list_name(element.text)
    field, check = element.attributes.get("field", "").strip(), element.attributes.get("check_value")
    word = element.attributes.get("lookup", "match_key").strip().lower()
    lookup = LOOKUPS.get(word, Lookup())
    if not field:
        findings.refuse(element.place, "a <list> without a field", 'field="srcip" or another one')
    if word not in LOOKUPS:
        findings.refuse(element.place, f"lookup of <list> is {word!r}", nearest(word, LOOKUPS))
    elif check is None and lookup.checks_value:
        findings.refuse(element.place, f"lookup {word!r} of <list> without a value", 'check_value="…"')
    elif check is not None and not lookup.checks_value:
        expected = f"lookup {word.removeprefix('not_')}_value" if not lookup.negated else "no check_value"
        findings.warn(element.place, f"check_value of <list> has no effect with lookup {word!r}", expected)
    expression = findings.compile(element.place, "list", check, match_expression) if check is not None else None
    if name not in lists:
        what = f"<list> names {element.text.strip()!r}, which ossec.conf does not: the rule never matches"
        findings.warn(element.place, what, closest(name, lists, f"<list>{name}</list> in <rules>"))
    table = lists.get(name)
    if table is None:
        return None
    return in_list(field, lookup, table, expression.tester() if expression else None)


def in_list(field: str, lookup: Lookup, table: Cdb, test: Optional[Callable[[str, str], bool]]) -> Condition:
    """Ask that the event has the field and that the list has it as a key (`negated`: has not), with a fitting value.

    An event without the field never fits, not even a negated look-up.
    """
    known = FIELD_NAMES.get(field, field)
    read = _READERS.get(field) or (lambda event: event.fields.get(known))
    find = _finder(table, by_prefix=lookup.by_prefix)

    def fits(event: Event) -> bool:
        text = read(event)
        if not text:
            return False
        found = find(text)
        if found is None or lookup.negated:
            return (found is None) is lookup.negated
        if not lookup.checks_value or test is None:
            return True
        value = found.decode("utf-8", "backslashreplace")
        return test(value, lower(value))

    return fits


def _finder(table: Cdb, *, by_prefix: bool) -> Find:
    if not by_prefix:
        return lambda text: table.get(text.encode("utf-8", "surrogatepass"))

    def find(text: str) -> Optional[bytes]:
        for key in _beginnings(text):
            found = table.get(key.encode("utf-8", "surrogatepass"))
            if found is not None:
                return found
        return None

    return find


def _beginnings(text: str) -> Iterator[str]:
    """Yield the text, and the longest first what of it ends in `.`, and of an IPv6 address what ends in `:`.

    An address has one spelling here: `::FFFF:192.0.2.1` is looked up as 192.0.2.1 too.
    """
    yield text
    address = read_address(text)
    ends = "."
    if address is not None:
        if str(address) != text:
            text = str(address)
            yield text
        ends = ":" if address.version == 6 else "."
    at = text.rfind(ends)
    while at >= 0:
        yield text[: at + 1]
        at = text.rfind(ends, 0, at)
