"""What is wrong in decoders and rules: every mistake with its file and line, what it is, and what was expected."""

from __future__ import annotations

from typing import List

import pytest
from detecting import ROOT, ruleset

from ar.detect.ruleset import Ruleset, Text, load


def rules(text: str) -> Ruleset:
    """Load the rules, which begin on line 2 of rules.xml."""
    return ruleset(text, clean=False)


def mistakes(loaded: Ruleset) -> List[str]:
    return [str(mistake) for mistake in loaded.mistakes]


GOOD = '<rule id="100" level="1"><description>D</description>{}</rule>'

IN_RULES = [
    (
        '<rule id="100" level="100"><description>D</description></rule>',
        "level is '100': expected a number from 0 to 99",
    ),
    ('<rule id="100" level="x"><description>D</description></rule>', "level is 'x': expected a number from 0 to 99"),
    ('<rule id="100" level="-1"><description>D</description></rule>', "level is '-1': expected a number from 0 to 99"),
    ('<rule level="1"><description>D</description></rule>', 'a <rule> without id: expected id="…"'),
    ('<rule id="100"><description>D</description></rule>', 'a <rule> without level: expected level="…"'),
    ('<rule id="1x" level="1"><description>D</description></rule>', "id is '1x': expected a number from 0 to 999999"),
    (
        '<rule id="100" level="1" frequenzy="2"><description>D</description></rule>',
        "unknown attribute 'frequenzy' of <rule>: expected 'frequency'",
    ),
    (
        '<rule id="100" level="1" overwrite="1"><description>D</description></rule>',
        "overwrite is '1': expected 'yes' or",
    ),
    ("<rul/>", "unknown element <rul> in a group: expected <rule>"),
    (GOOD.format("<matches>x</matches>"), "unknown element <matches> in a rule: expected 'match'"),
    (GOOD.format('<match type="x">x</match>'), "unknown attribute 'type' of <match>: expected none here"),
    (GOOD.format("<regex>\\q</regex>"), "<regex> is '\\\\q': expected a pattern that compiles (unknown escape \\q"),
    (GOOD.format("<pcre2>(</pcre2>"), "<pcre2> is '(': expected a pattern that compiles ("),
    (GOOD.format("<if_sid>99</if_sid>"), "<if_sid> names rule 99, which has not been read before"),
    (GOOD.format("<if_sid>x</if_sid>"), "<if_sid> is 'x': expected rule ids with commas between"),
    (
        GOOD.format("<if_group>synlog</if_group>"),
        "<if_group>: no rule read before is in the group 'synlog': expected 'sy",
    ),
    (GOOD.format("<if_level>17</if_level>"), "<if_level> is '17': expected a number from 1 to 16"),
    (GOOD.format("<if_level>nine</if_level>"), "<if_level> is 'nine': expected a number from 1 to 16"),
    (GOOD.format("<if_matched_sid>x</if_matched_sid>"), "<if_matched_sid> is 'x': expected one rule id"),
    (GOOD.format("<category>web</category>"), "<category> is 'web': expected 'web-log'"),
    (GOOD.format("<options>no-ar</options>"), "<options> is 'no-ar': expected 'no_ar'"),
    (GOOD.format("<srcip>192.0.2.0/33</srcip>"), "<srcip> is '192.0.2.0/33': expected an address or network"),
    (GOOD.format("<srcip>localhost</srcip>"), "<srcip> is 'localhost': expected an address or network"),
    (GOOD.format("<time>9</time>"), "<time> is '9': expected hours such as"),
    (GOOD.format("<weekday>mo</weekday>"), "<weekday> is 'mo': expected days such as"),
    (GOOD.format("<field>x</field>"), 'a <field> without a name: expected name="…"'),
    (GOOD.format("<ignore>src</ignore>"), "<ignore> names 'src': expected 'srcip'"),
    (GOOD.format("<check_if_ignored/>"), "<check_if_ignored> is empty: expected fields such as"),
    (
        GOOD.format("<different_url/>"),
        "rule 100 counts events (frequency, different_…) but does not say which",
    ),
    (
        '<rule id="100" level="1" frequency="3"><description>D</description></rule>',
        "rule 100 counts events (frequency, different_…) but does not say which: expected <if_matched_sid>",
    ),
]


@pytest.mark.parametrize(("text", "expected"), IN_RULES)
def test_a_mistake_in_a_rule_names_its_place_and_what_was_expected(text: str, expected: str) -> None:
    found = mistakes(rules(text))
    assert [message for message in found if message.startswith(f"rules.xml:2: {expected}")], found


def test_every_mistake_is_reported_and_the_rest_still_loads() -> None:
    text = """<rule id="100" level="199"><description>D</description></rule>
<rule id="101" level="1"><description>D</description><mtach>x</mtach><if_sid>7</if_sid></rule>
<rule id="102" level="1"><description>D</description></rule>
<rule id="102" level="1"><description>D</description></rule>
<rule id="103" level="1"><if_sid>100</if_sid><description>D</description></rule>"""
    loaded = rules(text)
    assert mistakes(loaded) == [
        "rules.xml:2: level is '199': expected a number from 0 to 99",
        "rules.xml:3: unknown element <mtach> in a rule: expected 'match'",
        "rules.xml:3: <if_sid> names rule 7, which has not been read before: expected the id of a rule read before",
        'rules.xml:5: rule 102 is already there (rules.xml:4): expected an id of its own, or overwrite="yes"',
        "rules.xml:6: <if_sid> names rule 100, which was not loaded: expected the mistake in rules.xml:2 corrected",
    ]
    assert sorted(loaded.rules.by_id) == [1, 102]


def test_what_ossec_takes_in_silence_or_not_at_all_is_warned_of() -> None:
    loaded = rules('<rule id="100" level="17" overwrite="yes"><description>D</description></rule>')
    assert mistakes(loaded) == []
    said = [str(warning) for warning in loaded.warnings]
    assert said[0] == "rules.xml:2: level is 17, which no response asks for: expected 0 to 16"
    assert said[1].startswith(
        "rules.xml:2: rule 100 is to overwrite one that has not been read before: it is a rule of"
    )
    assert loaded.rules.by_id[100].level == 17


def test_a_rule_without_a_description_is_only_warned_of() -> None:
    loaded = rules('<rule id="100" level="1"/>')
    assert mistakes(loaded) == []
    assert [str(warning) for warning in loaded.warnings] == [
        "rules.xml:2: rule 100 has no description: expected <description>"
    ]
    assert 100 in loaded.rules.by_id


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ('<list field="srcip">x</list>', "<list> names 'x', which ossec.conf does not: the rule never matches"),
        ("<srcgeoip>x</srcgeoip>", "<srcgeoip> asks for a country, and no GeoIP database comes with the agent: the"),
        ("<dstgeoip_pcre2>x</dstgeoip_pcre2>", "<dstgeoip_pcre2> asks for a country, and no GeoIP database comes"),
        ("<if_matched_sid>1</if_matched_sid><different_srcgeoip/>", "<different_srcgeoip> asks for a country, and no"),
        (
            "<compiled_rule>is_valid_crawler</compiled_rule>",
            "<compiled_rule> 'is_valid_crawler' knows crawlers by",
        ),
        ("<options>no_full_log</options>", "<options> is 'no_full_log', which has no effect here"),
        ("<compiled_rule>own</compiled_rule>", "<compiled_rule> 'own' is none of those that OSSEC has: the rule never"),
        ("<decoded_as>ssdh</decoded_as>", "<decoded_as> names the decoder 'ssdh', which is not loaded: the rule never"),
        ("<pcre2>(a+)+b</pcre2>", "<pcre2> repeats a group that repeats inside: a hostile line can make it take ten"),
    ],
)
def test_what_loads_and_does_less_than_it_seems_is_warned_of(inside: str, expected: str) -> None:
    loaded = rules(GOOD.format(inside))
    assert mistakes(loaded) == []
    assert [warning for warning in loaded.warnings if str(warning).startswith(f"rules.xml:2: {expected}")]


def decoders(text: str) -> Ruleset:
    return load([Text("decoder.xml", text)], [])


IN_DECODERS = [
    ("<decodr/>", "unknown element <decodr>: expected <decoder>"),
    ("<decoder><prematch>x</prematch></decoder>", 'a <decoder> without a name: expected name="…"'),
    ('<decoder name="a" kind="b"><prematch>x</prematch></decoder>', "unknown attribute 'kind' of <decoder>"),
    ('<decoder name="a"/>', "decoder 'a' would take every line: expected a program_name, prematch or parent"),
    ('<decoder name="a"><prematc>x</prematc></decoder>', "unknown element <prematc> in a decoder: expected 'prematch'"),
    ('<decoder name="a"><prematch at="b">x</prematch></decoder>', "unknown attribute 'at' of <prematch>"),
    ('<decoder name="a"><prematch>(x</prematch></decoder>', "<prematch> is '(x': expected a pattern that compiles ("),
    (
        '<decoder name="a"><prematch offset="after_prematch">x</prematch></decoder>',
        "a prematch with offset 'after_prematch': expected 'after_parent'",
    ),
    (
        '<decoder name="a"><prematch>x</prematch><regex offset="after_parnt">(x)</regex><order>id</order></decoder>',
        "offset is 'after_parnt': expected 'after_parent'",
    ),
    (
        '<decoder name="a"><parent>p</parent><regex>(x)</regex><regex offset="after_parent">y</regex></decoder>',
        "an offset on a further <regex>: expected it on the first one only",
    ),
    (
        '<decoder name="a"><prematch>x</prematch><order>id</order></decoder>',
        "decoder 'a' has an <order> without a <regex>: expected both",
    ),
    (
        '<decoder name="a"><prematch>x</prematch><regex>(x)</regex></decoder>',
        "decoder 'a' has a <regex> without an <order>: expected both",
    ),
    (
        '<decoder name="a"><prematch>x</prematch><regex>(x)</regex><order>id,,url</order></decoder>',
        "<order> is 'id,,url': expected 1 to 256 names with commas between",
    ),
    ('<decoder name="a"><prematch>x</prematch><type>weblog</type></decoder>', "<type> is 'weblog': expected 'web-log'"),
    ('<decoder name="a"><prematch>x</prematch><fts>nam</fts></decoder>', "<fts> names 'nam': expected 'name'"),
    (
        '<decoder name="a"><parent>sshd</parent></decoder>',
        "decoder 'a' names the parent 'sshd': expected a decoder read before that has no parent itself",
    ),
    (
        '<decoder name="a"><prematch>x</prematch><regex offset="after_regex">(x)</regex><order>id</order></decoder>',
        "offset 'after_regex' with no regex of the same name before it: expected 'after_prematch'",
    ),
]


@pytest.mark.parametrize(("text", "expected"), IN_DECODERS)
def test_a_mistake_in_a_decoder_names_its_place_and_what_was_expected(text: str, expected: str) -> None:
    found = mistakes(decoders(f"\n{text}"))
    assert [message for message in found if message.startswith(f"decoder.xml:2: {expected}")], found


def test_further_decoders_of_a_name_may_only_add_a_regex() -> None:
    text = """<decoder name="p"><prematch>x</prematch></decoder>
<decoder name="c"><parent>p</parent><regex>(x)</regex><order>id</order></decoder>
<decoder name="c"><parent>p</parent><prematch>y</prematch><regex>(y)</regex><order>id</order></decoder>
<decoder name="d"><parent>c</parent><prematch>x</prematch></decoder>"""
    assert mistakes(decoders(text)) == [
        (
            "decoder.xml:3: a further decoder 'c' under 'p': "
            "expected only a <regex> and an <order> in it, or a name of its own"
        ),
        "decoder.xml:4: decoder 'd' names the parent 'c': expected a decoder read before that has no parent itself",
    ]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<regex>x</regex><order>id</order>", "decoder 'a' takes no field: its <regex> has no group: expected ( )"),
    ],
)
def test_a_decoder_that_does_less_than_it_seems_is_warned_of(inside: str, expected: str) -> None:
    loaded = decoders(f'<decoder name="a"><prematch>x</prematch>{inside}</decoder>')
    assert [str(warning) for warning in loaded.warnings] == [f"decoder.xml:1: {expected}"]
    assert len(loaded.decoders) == 1


def test_broken_xml_is_one_mistake_and_other_files_still_load() -> None:
    good = '<group name="g"><rule id="100" level="1"><description>D</description></rule></group>'
    loaded = load([Text("d.xml", "<decoder")], [Text("root.xml", ROOT), Text("a.xml", "<group>"), Text("b.xml", good)])
    assert [message.partition(":")[0] for message in mistakes(loaded)] == ["d.xml", "a.xml"]
    assert 100 in loaded.rules.by_id


def test_stray_text_and_unknown_roots_are_told_apart() -> None:
    loaded = load([], [Text("a.xml", 'stray\n<group name="g"/>\n<rules/>\n<group/>\n<group name="a" id="1"/>')])
    assert [str(warning) for warning in loaded.warnings] == [
        "a.xml:1: text outside of any element: 'stray': expected <group>"
    ]
    assert mistakes(loaded) == [
        "a.xml:3: unknown element <rules>: expected <group>",
        'a.xml:4: a <group> without a name: expected name="…"',
        "a.xml:5: unknown attribute 'id' of <group>: expected 'name'",
    ]


def test_variables_hold_for_their_file() -> None:
    text = """<var name="WORDS">alpha|beta</var>
<group name="g"><rule id="100" level="1"><match>$WORDS</match><description>About $WORDS.</description></rule></group>"""
    loaded = load([], [Text("a.xml", text)])
    assert mistakes(loaded) == []
    assert loaded.rules.by_id[100].description == "About alpha|beta."


def test_without_a_root_of_its_category_a_rule_still_hangs_somewhere() -> None:
    """A home that includes only its own rules needs no rules_config.xml."""
    loaded = load(
        [], [Text("a.xml", '<group name="g"><rule id="100" level="1"><description>D</description></rule></group>')]
    )
    assert mistakes(loaded) == []
    assert [child.id for child in loaded.rules.roots["syslog"].children] == [100]
