"""Which events a composite rule counts, by OSSEC's elements and those that Wazuh added."""

from __future__ import annotations

from typing import List, Optional

import pytest
from detecting import detector, fired, rule, ruleset, take

from ar.detect.counted import DIFFERENT, NOT_SAME, SAME

NAMES = (
    "srcip", "dstip", "srcport", "dstport", "user", "srcuser", "id", "url", "protocol", "action", "status",
    "extra_data", "system_name", "own.name",
)  # fmt: skip
WORDS = "".join(" (\\S+)" for _ in NAMES)
DECODERS = (
    f'<decoder name="d"><prematch>^all</prematch><regex>^all{WORDS}</regex><order>{",".join(NAMES)}</order></decoder>'
)
BASE = rule(100, "<match>^all</match>")


def line(**changed: str) -> str:
    values = {name: f"192.0.2.{number}" if name.endswith("ip") else f"v{number}" for number, name in enumerate(NAMES)}
    values.update(changed)
    return " ".join(["all", *(values[name] for name in NAMES)])


def run(inside: str, lines: List[str], **attributes: object) -> List[Optional[int]]:
    text = BASE + rule(200, f"<if_matched_sid>100</if_matched_sid>{inside}", 10, **attributes)
    detecting = detector(text, DECODERS)
    return [fired(take(detecting, one))[0] for one in lines]


OF_FIELDS = [(name, field) for name, field in SAME.items() if field != "hostname"]


@pytest.mark.parametrize(("element", "field"), OF_FIELDS)
def test_same_counts_events_with_the_same_value(element: str, field: str) -> None:
    other = line(**{field: "203.0.113.77"})
    assert run(f"<{element}/>", [line(), other, other]) == [100, 100, 200]


@pytest.mark.parametrize(("element", "field"), [(f"different_{name[5:]}", field) for name, field in OF_FIELDS])
def test_different_counts_events_with_another_value(element: str, field: str) -> None:
    assert DIFFERENT[element] == field
    assert run(f"<{element}/>", [line(), line(), line(**{field: "203.0.113.77"})]) == [100, 100, 200]


@pytest.mark.parametrize("name", ["own.name", "url", "data", "dstuser"])
def test_any_field_can_be_named(name: str) -> None:
    field = {"data": "extra_data", "dstuser": "user"}.get(name, name)
    other = line(**{field: "x"})
    assert run(f"<same_field>{name}</same_field>", [line(), other, other]) == [100, 100, 200]
    for element in ("different_field", "not_same_field"):
        assert run(f"<{element}>{name}</{element}>", [line(), line(), other]) == [100, 100, 200]


@pytest.mark.parametrize(("element", "field"), [item for item in NOT_SAME.items() if item[1] != "hostname"])
def test_not_same_takes_a_same_back_that_stands_before_it(element: str, field: str) -> None:
    same = element[4:]
    other = line(**{field: "203.0.113.77"})
    assert run(f"<{same}/><{element}/>", [line(), other]) == [100, 200]
    loaded = ruleset(BASE + rule(200, f"<if_matched_sid>100</if_matched_sid><{element}/><{same}/>"), DECODERS)
    detecting = detector(loaded=loaded)
    assert [fired(take(detecting, one))[0] for one in (line(), other)] == [100, 100]
    (warning,) = loaded.warnings
    what = (
        f"rules.xml:3: <{element}> takes back a <{same}> that does not stand before it, and so does nothing: expected"
    )
    assert str(warning).startswith(f"{what} <different_{'srcip' if field == 'srcip' else field}>")


def test_a_field_that_must_be_the_same_and_differ_is_warned_of() -> None:
    loaded = ruleset(BASE + rule(200, "<if_matched_sid>100</if_matched_sid><same_id/><different_id/>"))
    assert [str(warning) for warning in loaded.warnings] == [
        "rules.xml:3: id must be the same and must differ: the rule never matches"
    ]


def test_a_field_without_a_name_is_a_mistake() -> None:
    loaded = ruleset(BASE + rule(200, "<if_matched_sid>100</if_matched_sid><same_field/>"), clean=False)
    assert [str(mistake) for mistake in loaded.mistakes] == [
        "rules.xml:3: <same_field> is empty: expected the name of a field"
    ]


def test_a_second_sid_is_a_mistake() -> None:
    """OSSEC takes the last one, in silence; joined as text they would be a third."""
    text = (
        BASE
        + rule(101, "<match>x</match>")
        + rule(200, "<if_matched_sid>100</if_matched_sid><if_matched_sid>101</if_matched_sid>")
    )
    loaded = ruleset(text, clean=False)
    assert "rules.xml:4: <if_matched_sid> is '100, 101': expected one rule id" in map(str, loaded.mistakes)


@pytest.mark.parametrize(("group", "counts"), [("^local", True), ("bad,$", True), ("^bad", False), ("BAD", True)])
def test_a_group_is_matched_as_os_match_does(group: str, *, counts: bool) -> None:
    """The text is that of the rule's groups as OSSEC joins them: `local,bad,`."""
    text = rule(100, "<match>^all</match><group>bad,</group>")
    text += rule(200, f"<if_sid>100</if_sid><if_matched_group>{group}</if_matched_group>", 10)
    detecting = detector(text, DECODERS)
    assert (fired([take(detecting, line()) for _ in range(2)][-1])[0] == 200) is counts


def test_what_wazuh_adds_and_changes_nothing_here_is_accepted() -> None:
    """Techniques are for the reader; and all events count together anyway, since there is one host."""
    inside = "<mitre><id>T1110</id></mitre><global_frequency/>"
    loaded = ruleset(BASE + rule(200, f"<if_matched_sid>100</if_matched_sid>{inside}"), DECODERS)
    assert (loaded.mistakes, loaded.warnings) == ([], [])


@pytest.mark.parametrize(
    ("inside", "matches"),
    [
        ("<srcuser>^v5$</srcuser>", True), ("<dstuser>^v4$</dstuser>", True), ("<protocol>^v8$</protocol>", True),
        ("<system_name>^v12$</system_name>", True), ("<data>^v11$</data>", True), ("<srcuser>^v4$</srcuser>", False),
        ("<protocol_pcre2>^v[89]$</protocol_pcre2>", True),
    ],
)  # fmt: skip
def test_patterns_of_fields_that_wazuh_added_are_asked(inside: str, *, matches: bool) -> None:
    assert (fired(take(detector(rule(100, inside), DECODERS), line()))[0] == 100) is matches
