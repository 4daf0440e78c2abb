"""`<list>`: a rule asks whether a field of the event stands in a list."""

from __future__ import annotations

from typing import Dict, List, Optional

import pytest
from detecting import NOON, ROOT, SSHD, detector, failure, fired, rule, take
from hypothesis import given
from hypothesis import strategies as st

from ar.cdb import Cdb, build_cdb
from ar.detect.lists import LOOKUPS, Lists, in_list, list_name
from ar.detect.ruleset import Ruleset, Text, load
from ar.model import Chunk

ENTRIES = {
    "192.0.2.1": "spam", "198.51.100.": "net", "10.": "inside", "2001:db8:": "six", "bob": "left", "2222": "",
    "host": "", "sshd": "", "203.0.113.9": "", "/a?b": "", "Mixed": "",
}  # fmt: skip
WEB = """<decoder name="web"><prematch>^\\S+ \\w+ </prematch><regex>^(\\S+) (\\w+) (\\S+) (\\d+) (\\w+) (\\w+)</regex>
<order>srcip,action,url,id,status,own.field</order></decoder>"""


def table(entries: Dict[str, str]) -> Cdb:
    return Cdb(build_cdb((key.encode(), value.encode()) for key, value in entries.items()))


def loaded(rules: str, lists: Optional[Lists] = None, decoders: str = SSHD) -> Ruleset:
    """Load the rules, which begin on line 2, with the list lists/x unless others are given."""
    given_lists = {"lists/x": table(ENTRIES)} if lists is None else lists
    texts = [Text("root.xml", ROOT), Text("rules.xml", f'<group name="local,">\n{rules}\n</group>')]
    return load([Text("decoder.xml", decoders)], texts, given_lists)


def asks(inside: str, line: str, decoders: str = SSHD) -> bool:
    found = loaded(rule(100, inside), decoders=decoders)
    assert (found.mistakes, found.warnings) == ([], [])
    return fired(take(detector(loaded=found), line))[0] == 100


def lookup(word: str, check: str = "", field: str = "srcip") -> str:
    attribute = f' check_value="{check}"' if check else ""
    return f'<list field="{field}" lookup="{word}"{attribute}>lists/x</list>'


@pytest.mark.parametrize(
    ("inside", "address", "matches"),
    [
        (lookup("match_key"), "192.0.2.1", True),
        (lookup("match_key"), "192.0.2.2", False),
        (lookup("match_key"), "198.51.100.7", False),
        ('<list field="srcip">lists/x</list>', "192.0.2.1", True),
        (lookup("not_match_key"), "192.0.2.1", False),
        (lookup("not_match_key"), "192.0.2.2", True),
        (lookup("match_key_value", "^spam$"), "192.0.2.1", True),
        (lookup("match_key_value", "SP"), "192.0.2.1", True),
        (lookup("match_key_value", "ham|eggs"), "192.0.2.1", False),
        (lookup("match_key_value", "spam"), "192.0.2.2", False),
        (lookup("address_match_key"), "192.0.2.1", True),
        (lookup("address_match_key"), "198.51.100.7", True),
        (lookup("address_match_key"), "198.51.10.7", False),
        (lookup("address_match_key"), "10.1.2.3", True),
        (lookup("address_match_key"), "110.1.2.3", False),
        (lookup("ADDRESS_match_key"), "10.1.2.3", True),
        (lookup("address_match_key"), "::ffff:192.0.2.1", True),
        (lookup("address_match_key"), "::FFFF:10.1.2.3", True),
        (lookup("address_match_key"), "2001:db8:1::2", True),
        (lookup("address_match_key"), "2001:DB8:1::2", True),
        (lookup("address_match_key"), "2001:db9::", False),
        (lookup("not_address_match_key"), "198.51.100.7", False),
        (lookup("not_address_match_key"), "198.51.10.7", True),
        (lookup("address_match_key_value", "net"), "198.51.100.7", True),
        (lookup("address_match_key_value", "inside"), "198.51.100.7", False),
        (lookup("address_match_key_value", "net"), "198.51.10.7", False),
    ],
)
def test_an_address_is_looked_up(inside: str, address: str, *, matches: bool) -> None:
    assert asks(inside, failure(address)) is matches


@pytest.mark.parametrize(
    ("field", "line", "matches"),
    [
        ("user", failure("1.1.1.1", "bob"), True),
        ("user", failure("1.1.1.1", "Bob"), False),  # keys are exact
        ("dstuser", failure("1.1.1.1", "bob"), True),
        ("srcport", failure("1.1.1.1"), True),
        ("hostname", failure("1.1.1.1"), True),
        ("program_name", failure("1.1.1.1"), True),
        ("dstip", failure("192.0.2.1"), False),
    ],
)
def test_each_field_can_be_looked_up(field: str, line: str, *, matches: bool) -> None:
    assert asks(lookup("match_key", field=field), line) is matches


@pytest.mark.parametrize(
    ("field", "line", "matches"),
    [
        ("url", "1.1.1.1 GET /a?b 1 x y", True),
        ("url", "1.1.1.1 GET /a 1 x y", False),
        ("action", "1.1.1.1 host /a 1 x y", True),
        ("id", "1.1.1.1 GET /a 2222 x y", True),
        ("status", "1.1.1.1 GET /a 1 bob y", True),
        ("own.field", "1.1.1.1 GET /a 1 x Mixed", True),
        ("own.field", "1.1.1.1 GET /a 1 x mixed", False),
    ],
)
def test_any_decoded_field_can_be_looked_up(field: str, line: str, *, matches: bool) -> None:
    assert asks(lookup("match_key", field=field), line, WEB) is matches


def test_the_users_list_is_asked_for_the_sources_user_first() -> None:
    """`<user>` asks for the other one first; both as in OSSEC."""
    decoders = (
        '<decoder name="d"><prematch>^u</prematch><regex>^u (\\w+) (\\w+)</regex><order>srcuser,user</order></decoder>'
    )
    assert asks(lookup("match_key", field="user"), "u bob eve", decoders)
    assert not asks(lookup("match_key", field="user"), "u eve bob", decoders)


@pytest.mark.parametrize("word", LOOKUPS)
def test_an_event_without_the_field_never_fits(word: str) -> None:
    check = "^" if LOOKUPS[word].checks_value else ""
    assert not asks(lookup(word, check), "nothing decoded")
    assert asks(lookup(word, check), failure("192.0.2.1")) is not LOOKUPS[word].negated


def test_several_lists_must_all_fit() -> None:
    both = lookup("address_match_key") + lookup("not_match_key", field="user")
    assert asks(both, failure("192.0.2.1", "eve"))
    assert not asks(both, failure("192.0.2.1", "bob"))
    assert not asks(both, failure("192.0.2.7", "eve"))


@pytest.mark.parametrize("written", ["lists/x", " lists/x ", "lists/x.cdb"])
def test_a_rule_may_name_the_text_or_what_is_made_of_it(written: str) -> None:
    found = loaded(rule(100, f'<list field="srcip">{written}</list>'))
    assert fired(take(detector(loaded=found), failure("192.0.2.1"))) == (100, True)


def test_a_name_without_a_folder_is_in_rules() -> None:
    assert [list_name(name) for name in ("x", "x.cdb", "rules/x", "a/x.cdb")] == [
        "rules/x",
        "rules/x",
        "rules/x",
        "a/x",
    ]


@pytest.mark.parametrize("word", ["match_key", "not_match_key", "not_address_match_key"])
def test_a_list_that_is_not_configured_means_that_the_rule_never_matches(word: str) -> None:
    found = loaded(rule(100, lookup(word)), {"lists/y": table(ENTRIES)})
    assert [str(warning) for warning in found.warnings] == [
        "rules.xml:2: <list> names 'lists/x', which ossec.conf does not: the rule never matches: expected 'lists/y'"
    ]
    assert fired(take(detector(loaded=found), failure("192.0.2.1"))) == (None, False)


def test_without_a_name_like_it_the_hint_is_how_to_configure_one() -> None:
    found = loaded(rule(100, '<list field="srcip">zzz</list>'))
    assert str(found.warnings[0]).endswith("the rule never matches: expected <list>rules/zzz</list> in <rules>")


@pytest.mark.parametrize("word", ["match_key", "not_match_key"])
def test_a_list_that_could_not_be_read_means_the_same_and_was_told_already(word: str) -> None:
    found = loaded(rule(100, lookup(word)), {"lists/x": None})
    assert found.warnings == []
    assert fired(take(detector(loaded=found), failure("192.0.2.1"))) == (None, False)


@pytest.mark.parametrize(
    ("inside", "mistake"),
    [
        ("<list>lists/x</list>", 'a <list> without a field: expected field="srcip" or another one'),
        ('<list field="srcip" lookup="key">lists/x</list>', "lookup of <list> is 'key': expected one of address_match"),
        (lookup("match_keys"), "lookup of <list> is 'match_keys': expected 'match_key'"),
        (lookup("match_key_value"), "lookup 'match_key_value' of <list> without a value: expected check_value="),
        (
            '<list field="srcip" chek_value="x">lists/x</list>',
            "unknown attribute 'chek_value' of <list>: expected 'check",
        ),
    ],
)
def test_a_mistake_in_a_list_names_its_place(inside: str, mistake: str) -> None:
    messages = [str(mistake) for mistake in loaded(rule(100, inside)).mistakes]
    assert len(messages) == 1
    assert messages[0].startswith(f"rules.xml:2: {mistake}")


def test_a_value_that_is_not_asked_for_is_warned_of() -> None:
    found = loaded(rule(100, lookup("address_match_key", "spam")) + rule(101, lookup("not_match_key", "spam")))
    assert [str(warning) for warning in found.warnings] == [
        (
            "rules.xml:2: check_value of <list> has no effect with lookup 'address_match_key': "
            "expected lookup address_match_key_value"
        ),
        "rules.xml:3: check_value of <list> has no effect with lookup 'not_match_key': expected no check_value",
    ]


def test_an_overwritten_rule_keeps_its_list_unless_it_is_given_another() -> None:
    base = rule(100, lookup("match_key")) + rule(100, "", 9, overwrite="yes")
    assert fired(take(detector(loaded=loaded(base)), failure("192.0.2.1")))[0] == 100
    assert fired(take(detector(loaded=loaded(base)), failure("192.0.2.2")))[0] is None
    other = base + rule(100, lookup("not_match_key"), 9, overwrite="yes")
    assert fired(take(detector(loaded=loaded(other)), failure("192.0.2.2")))[0] == 100
    unknown = rule(100, '<list field="srcip">lists/nope</list>') + rule(100, "", 9, overwrite="yes")
    assert fired(take(detector(loaded=loaded(unknown)), failure("192.0.2.1")))[0] is None
    mended = unknown + rule(100, lookup("match_key"), 9, overwrite="yes")
    assert fired(take(detector(loaded=loaded(mended)), failure("192.0.2.1")))[0] == 100


def test_a_list_is_asked_after_what_is_seen_for_the_first_time() -> None:
    """As in OSSEC, what is not in the list uses up a first time."""
    decoders = SSHD.replace("<order>user", "<fts>name, user</fts><order>user")
    rules = rule(100, "<match>failed</match>", 1) + rule(101, f"<if_sid>100</if_sid><if_fts/>{lookup('match_key')}", 4)
    detecting = detector(loaded=loaded(rules, decoders=decoders))
    lines = [failure("192.0.2.2", "joe"), failure("192.0.2.1", "joe"), failure("192.0.2.1", "ann")]
    found: List[Optional[int]] = [fired(take(detecting, line))[0] for line in lines]
    assert found == [100, 100, 101]


def test_lines_that_differ_in_their_digits_alone_are_looked_up_each() -> None:
    """What is known of one line of a shape is not taken for the others."""
    detecting = detector(loaded=loaded(rule(100, lookup("match_key"))))
    lines = [failure(f"192.0.2.{n}").encode() for n in (2, 1, 3, 1, 2, 1)]
    alerts = [alert for _ in range(3) for alert in detecting.alerts_of(Chunk("auth", lines, NOON))]
    assert [alert.fields["srcip"] for alert in alerts] == ["192.0.2.1"] * 9


@given(st.text(max_size=20), st.sampled_from(sorted(LOOKUPS)))
def test_a_look_up_of_any_text_has_an_answer(text: str, word: str) -> None:
    event = take(detector(), "x").event
    event.fields["srcip"] = text
    condition = in_list("srcip", LOOKUPS[word], table(ENTRIES), lambda value, lowered: True)
    assert condition(event) in (True, False)
