"""How the shipped patterns are written: anchored where an attacker's text stands, and quick on any line."""

from __future__ import annotations

from typing import Dict, Iterator, Tuple

import pytest

from ar.ossecxml import STRAY_TEXT, Element, expand_variables, parse
from ar.shipped import SHIPPED_RULESET, shipped_rules

PATTERNS = (
    "match", "regex", "pcre2", "url", "url_pcre2", "id", "id_pcre2", "user", "program_name", "program_name_pcre2",
    "prematch", "prematch_pcre2", "status",
)  # fmt: skip
WILDCARDS_MAX = 4  # of `.*` in one pattern: each more may raise the power of the length in what a search costs
# Rules of sshd below a rule whose own pattern is anchored.
BELOW_ANCHORED = {5752, 5753}


def roots(name: str) -> list[Element]:
    text = (SHIPPED_RULESET / name).read_text(encoding="utf-8")
    return expand_variables(parse(text, name))


def decoders() -> Iterator[Element]:
    return (root for root in roots("decoder.xml") if root.name == "decoder")


def rules(name: str) -> Iterator[Element]:
    return (rule for root in roots(f"rules/{name}") if root.name == "group" for rule in root.named("rule"))


def patterns() -> Dict[Tuple[str, str, str], str]:
    """Return the patterns by the file, the name and the element they stand in; repeated elements are one."""
    found = {}
    for decoder in decoders():
        for kind in PATTERNS:
            if decoder.first(kind):
                found["decoder.xml", f"{decoder.attributes['name']}:{decoder.place.line}", kind] = decoder.joined(kind)
    for path in shipped_rules():
        for rule in rules(path.name):
            for kind in PATTERNS:
                if rule.first(kind):
                    found[path.name, rule.attributes["id"], kind] = rule.joined(kind)
    return found


def test_files_hold_no_stray_text():
    """Each file is elements only, so that nothing written in them is silently without effect."""
    for name in ("decoder.xml", *(f"rules/{path.name}" for path in shipped_rules())):
        assert [root.text for root in roots(name) if root.name == STRAY_TEXT] == []


def test_every_address_is_anchored():
    """A pattern that takes an address begins where the text begins, or ends where it ends."""
    taking = [d for d in decoders() if "srcip" in d.joined("order")]
    assert len(taking) > 30
    for decoder in taking:
        pattern = decoder.joined("pcre2") or decoder.joined("regex")
        assert pattern.startswith("^") or pattern.endswith("$"), decoder.attributes["name"]


def test_rules_of_sshd_begin_where_its_message_begins():
    """No user name can raise or silence a rule: every alternative is anchored at the start."""
    for rule in rules("sshd_rules.xml"):
        number = int(rule.attributes["id"])
        literal = rule.joined("match")
        if number in BELOW_ANCHORED:
            assert rule.joined("if_sid") == "5750"
        elif literal:
            assert all(part.startswith("^") for part in literal.split("|")), number
        elif rule.joined("pcre2"):
            assert all(part.startswith("^") for part in _alternatives(rule.joined("pcre2"))), number


@pytest.mark.parametrize("where", patterns(), ids=" ".join)
def test_no_pattern_holds_many_wildcards(where):
    """Together with the loader's warning about nested quantifiers this bounds what a hostile line can cost."""
    assert patterns()[where].count(".*") <= WILDCARDS_MAX


def _alternatives(pattern: str) -> Iterator[str]:
    """Yield the alternatives of a pattern's outermost level."""
    depth, start = 0, 0
    for at, char in enumerate(pattern):
        escaped = at > 0 and pattern[at - 1] == "\\"
        if not escaped:
            depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0 and not escaped:
            yield pattern[start:at]
            start = at + 1
    yield pattern[start:]
