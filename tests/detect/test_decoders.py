"""Decoders: which one takes a line, and which fields it finds."""

from __future__ import annotations

from typing import Dict

import pytest
from detecting import detector, failure, ruleset, take

from ar.detect.event import Event
from ar.detect.ruleset import Text, load
from ar.patterns.literals import lower


def decode(decoders: str, log: str, program: str = "") -> Event:
    header = f"Dec 10 06:55:46 host {program}[1]: " if program else ""
    return take(detector(decoders=decoders), header + log).event


def fields(decoders: str, log: str, program: str = "") -> Dict[str, str]:
    return decode(decoders, log, program).fields


def test_a_child_takes_the_fields_and_the_parent_gives_the_name() -> None:
    event = take(detector(), failure("192.0.2.1")).event
    assert (event.decoder, event.program, event.hostname) == ("sshd", "sshd", "host")
    assert event.fields["srcip"] == "192.0.2.1"
    assert event.fields == {"user": "root", "srcip": "192.0.2.1", "srcport": "2222"}


def test_use_own_name_is_reported() -> None:
    decoders = """
    <decoder name="p"><prematch>^p </prematch></decoder>
    <decoder name="c"><parent>p</parent><use_own_name>true</use_own_name><prematch>^p x</prematch></decoder>
    """
    assert decode(decoders, "p x").decoder == "c"
    assert decode(decoders, "p y").decoder == "p"


def test_a_line_with_a_program_is_tried_only_by_decoders_that_ask_for_one() -> None:
    decoders = """
    <decoder name="plain"><prematch>^hello</prematch></decoder>
    <decoder name="prog"><program_name>^greeter$</program_name></decoder>
    """
    assert decode(decoders, "hello").decoder == "plain"
    assert decode(decoders, "hello", "other").decoder == ""
    assert decode(decoders, "hello", "GREETER").decoder == "prog"


def test_the_first_decoder_in_file_order_wins() -> None:
    decoders = """
    <decoder name="one"><program_name>^a</program_name><prematch>x</prematch></decoder>
    <decoder name="two"><program_name>^ab</program_name></decoder>
    """
    assert decode(decoders, "x", "ab").decoder == "one"
    assert decode(decoders, "y", "ab").decoder == "two"


OFFSETS = """
<decoder name="p"><prematch>^start </prematch></decoder>
<decoder name="c"><parent>p</parent><prematch offset="after_parent">^middle </prematch>
  <regex offset="{}">^(\\w+)</regex><order>user</order></decoder>
"""


@pytest.mark.parametrize(("offset", "user"), [("after_parent", "middle"), ("after_prematch", "end")])
def test_offsets_say_where_a_regex_begins(offset: str, user: str) -> None:
    assert fields(OFFSETS.format(offset), "start middle end") == {"user": user}


def test_without_an_offset_a_regex_begins_at_the_start() -> None:
    assert fields(OFFSETS.format("").replace(' offset=""', ""), "start middle end") == {"user": "start"}


def test_a_decoder_without_children_uses_its_own_regex() -> None:
    decoders = """<decoder name="p"><program_name>^p</program_name><prematch>^x </prematch>
      <regex offset="after_prematch">^(\\w+)</regex><order>id</order></decoder>"""
    assert fields(decoders, "x 7", "p") == {"id": "7"}


def test_when_no_child_fits_the_parent_stays_and_no_field_is_taken() -> None:
    decoders = """
    <decoder name="p"><prematch>^x</prematch><regex>(\\d+)</regex><order>id</order></decoder>
    <decoder name="c"><parent>p</parent><use_own_name>true</use_own_name><prematch>never</prematch>
      <regex>(\\d+)</regex><order>id</order></decoder>
    """
    event = decode(decoders, "x 7")
    assert (event.decoder, event.fields) == ("p", {})


def test_a_chosen_child_whose_regex_fails_ends_the_search() -> None:
    """The next child, which would fit, is not tried."""
    decoders = """
    <decoder name="p"><prematch>^x</prematch></decoder>
    <decoder name="c"><parent>p</parent><use_own_name>true</use_own_name><prematch>x</prematch>
      <regex>y(\\d+)</regex><order>id</order></decoder>
    <decoder name="d"><parent>p</parent><prematch>x</prematch><regex>(\\d+)</regex><order>id</order></decoder>
    """
    event = decode(decoders, "x 7")
    assert (event.decoder, event.fields) == ("c", {})


MULTI = """
<decoder name="p"><prematch>^p: </prematch></decoder>
<decoder name="m"><parent>p</parent><prematch offset="after_parent">^go </prematch>
  <regex offset="after_prematch">^u=(\\w+)</regex><order>user</order></decoder>
<decoder name="m"><parent>p</parent><regex offset="after_regex">^ a=(\\S+)</regex><order>srcip</order></decoder>
<decoder name="m"><parent>p</parent><regex offset="after_regex">s=(\\w+)</regex><order>status</order></decoder>
<decoder name="other"><parent>p</parent><regex offset="after_parent">^(\\w+)</regex><order>id</order></decoder>
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("p: go u=bob a=192.0.2.1 s=ok", {"user": "bob", "srcip": "192.0.2.1", "status": "ok"}),
        ("p: go u=bob s=ok", {"user": "bob", "status": "ok"}),  # one that fails is passed over
        ("p: go a=1 s=ok", {"status": "ok"}),
        ("p: stop s=ok", {"id": "stop"}),  # the whole group is skipped when its prematch fails
    ],
)
def test_children_of_one_name_share_the_work(log: str, expected: Dict[str, str]) -> None:
    assert fields(MULTI, log) == expected


def test_repeated_patterns_are_joined_as_text() -> None:
    decoders = """<decoder name="p"><prematch>^a</prematch><prematch>b</prematch>
      <regex>(\\d)</regex><regex>-(\\d)</regex><order>id, status</order></decoder>"""
    assert fields(decoders, "ab 1-2") == {"id": "1", "status": "2"}
    assert decode(decoders, "a 1-2").decoder == ""


def test_a_group_that_took_no_part_shifts_the_later_ones() -> None:
    """So `a=(x)|b=(y)` gives the same field whichever side matched, as OSSEC's files expect."""
    decoders = """<decoder name="p"><prematch>=</prematch>
      <regex>a=(\\d+)|b=(\\w+) (\\w+)</regex><order>id,srcip</order></decoder>"""
    assert fields(decoders, "b=foo bar") == {"id": "foo", "srcip": "bar"}
    assert fields(decoders, "a=1") == {"id": "1"}


def test_fields_have_one_name_each() -> None:
    decoders = """<decoder name="p"><prematch>^x</prematch><regex>(\\w) (\\w) (\\w) (\\w)</regex>
      <order>dstuser, srcuser,data,  my.own</order></decoder>"""
    assert fields(decoders, "x a b c") == {"user": "x", "srcuser": "a", "extra_data": "b", "my.own": "c"}


def test_pcre2_twins_work_alike() -> None:
    decoders = """
    <decoder name="p"><program_name_pcre2>^s{2}hd$</program_name_pcre2></decoder>
    <decoder name="c"><parent>p</parent><prematch_pcre2>^(?:Failed|Bad) </prematch_pcre2>
      <pcre2 offset="after_prematch">from ([\\d.]+)</pcre2><order>srcip</order></decoder>
    """
    assert fields(decoders, "bad thing FROM 192.0.2.7 x", "SSHD") == {"srcip": "192.0.2.7"}


def test_a_parent_of_several_bearers_gives_each_of_them_the_child() -> None:
    decoders = """
    <decoder name="p"><program_name>^a</program_name></decoder>
    <decoder name="p"><program_name>^b</program_name></decoder>
    <decoder name="c"><parent>p</parent><regex>(\\d+)</regex><order>id</order></decoder>
    """
    assert fields(decoders, "7", "a") == fields(decoders, "7", "b") == {"id": "7"}


def test_the_type_of_the_last_decoder_is_the_category() -> None:
    decoders = """
    <decoder name="p"><type>windows</type><prematch>^p</prematch></decoder>
    <decoder name="c"><parent>p</parent><type>web-log</type><prematch>^p web</prematch></decoder>
    """
    assert decode(decoders, "p web").category == "web-log"
    assert decode(decoders, "p x").category == "windows"
    assert decode(decoders, "none").category == "syslog"


def test_what_was_remembered_of_a_message_start_decides_nothing() -> None:
    """Many messages, alike in their first characters or not, each get the child that a fresh start would give."""
    children = "".join(
        f'<decoder name="c{n}"><parent>p</parent><use_own_name>true</use_own_name>'
        f"<prematch>^message {n} </prematch></decoder>"
        for n in range(12)
    )
    decoders = f'<decoder name="p"><program_name>^p</program_name></decoder>{children}'
    detecting = detector(decoders=decoders)
    for n in [*range(12), *range(12), 99]:
        event = take(detecting, f"Dec 10 06:55:46 host p: message {n} x").event
        assert event.decoder == (f"c{n}" if n < 12 else "p")
    assert take(detecting, "Dec 10 06:55:46 host p: m").event.decoder == "p"
    assert take(detecting, "Dec 10 06:55:46 host p: MESSAGE 3 x").event.decoder == "c3"


def test_a_group_is_only_of_decoders_that_follow_each_other() -> None:
    """A namesake further down is a decoder of its own, and may have a prematch."""
    decoders = """
    <decoder name="p"><prematch>^p: </prematch></decoder>
    <decoder name="m"><parent>p</parent><prematch>one</prematch><regex>u=(\\w+)</regex><order>user</order></decoder>
    <decoder name="n"><parent>p</parent><prematch>two</prematch><regex>(\\d+)</regex><order>id</order></decoder>
    <decoder name="m"><parent>p</parent><prematch>three</prematch><regex>s=(\\w+)</regex><order>status</order></decoder>
    """
    assert fields(decoders, "p: one u=bob s=ok 7") == {"user": "bob"}
    assert fields(decoders, "p: two u=bob s=ok 7") == {"id": "7"}
    assert fields(decoders, "p: three u=bob s=ok 7") == {"status": "ok"}


def test_a_group_without_a_prematch_keeps_the_parent_until_a_regex_matches() -> None:
    decoders = """
    <decoder name="p"><prematch>^p: </prematch></decoder>
    <decoder name="m"><parent>p</parent><use_own_name>true</use_own_name>
      <regex>u=(\\w+)</regex><order>user</order></decoder>
    <decoder name="m"><parent>p</parent><use_own_name>true</use_own_name>
      <regex>a=(\\w+)</regex><order>action</order></decoder>
    <decoder name="n"><parent>p</parent><prematch>z</prematch><regex>z=(\\w+)</regex><order>id</order></decoder>
    """
    assert decode(decoders, "p: z=1").decoder == "p"
    assert fields(decoders, "p: z=1") == {}
    event = decode(decoders, "p: a=drop")
    assert (event.decoder, event.fields) == ("m", {"action": "drop"})


def test_a_child_without_a_prematch_is_taken_at_once() -> None:
    """Its regex fails and the parent stays; a later child that would fit is not tried."""
    decoders = """
    <decoder name="p"><prematch>^x</prematch></decoder>
    <decoder name="c"><parent>p</parent><type>web-log</type><use_own_name>true</use_own_name>
      <regex>y(\\d+)</regex><order>id</order></decoder>
    <decoder name="d"><parent>p</parent><prematch>x</prematch><regex>(\\d+)</regex><order>id</order></decoder>
    """
    event = decode(decoders, "x 7")
    assert (event.decoder, event.category, event.fields) == ("p", "syslog", {})
    assert decode(decoders, "x y7").decoder == "c"


def test_the_end_of_a_parent_that_matched_by_program_alone_is_the_start() -> None:
    decoders = """
    <decoder name="p"><program_name>^p$</program_name></decoder>
    <decoder name="c"><parent>p</parent><prematch offset="after_parent">^go </prematch>
      <regex offset="after_parent">^(\\w+) </regex><order>action</order></decoder>
    """
    assert fields(decoders, "go there", "p") == {"action": "go"}


def test_the_end_is_that_of_the_whole_match() -> None:
    decoders = """<decoder name="p"><prematch>a\\d+ </prematch>
      <regex offset="after_prematch">^(\\S+)</regex><order>id</order></decoder>"""
    assert fields(decoders, "x a12 rest a3 more") == {"id": "rest"}


@pytest.mark.parametrize("offset", ["after_parent", "after_prematch"])
def test_at_the_top_both_offsets_mean_after_its_own_prematch(offset: str) -> None:
    decoders = f"""<decoder name="p"><prematch>^x </prematch>
      <regex offset="{offset}">^(\\w+)</regex><order>id</order></decoder>"""
    assert fields(decoders, "x 7") == {"id": "7"}


def test_a_childs_prematch_without_an_offset_sees_the_whole_message() -> None:
    decoders = """
    <decoder name="p"><prematch>^start </prematch></decoder>
    <decoder name="c"><parent>p</parent><use_own_name>true</use_own_name><prematch>^start m</prematch></decoder>
    """
    assert decode(decoders, "start middle").decoder == "c"


def test_without_a_match_before_it_a_further_regex_begins_after_the_prematch() -> None:
    decoders = """
    <decoder name="p"><prematch>^p: </prematch></decoder>
    <decoder name="m"><parent>p</parent><prematch offset="after_parent">^go </prematch>
      <regex offset="after_prematch">^u=(\\w+)</regex><order>user</order></decoder>
    <decoder name="m"><parent>p</parent><regex offset="after_regex">^a=(\\S+)</regex><order>srcip</order></decoder>
    """
    assert fields(decoders, "p: go a=192.0.2.1") == {"srcip": "192.0.2.1"}


@pytest.mark.parametrize(
    ("order", "expected"),
    [("id", {"id": "a"}), ("id, status", {"id": "a", "status": "b"}), ("id,status,url", {"id": "a", "status": "b"})],
)
def test_an_order_may_be_shorter_or_longer_than_there_are_groups(order: str, expected: Dict[str, str]) -> None:
    decoders = f'<decoder name="p"><prematch>^x</prematch><regex>(a) (b)</regex><order>{order}</order></decoder>'
    assert fields(decoders, "x a b") == expected


def test_a_group_that_matched_nothing_took_part_all_the_same() -> None:
    decoders = """<decoder name="p"><prematch>^x</prematch>
      <regex>u=(\\w*) a=(\\w+)</regex><order>user, action</order></decoder>"""
    assert fields(decoders, "x u= a=b") == {"user": "", "action": "b"}


def test_patterns_ignore_case_and_fields_keep_it() -> None:
    decoders = """<decoder name="p"><program_name>^PROG</program_name><prematch>^Hello </prematch>
      <regex>from (\\w+)</regex><order>srcuser</order></decoder>"""
    assert fields(decoders, "hELLO FROM Bob", "prog") == {"srcuser": "Bob"}


@pytest.mark.parametrize("prematch", ["<prematch></prematch>", "<prematch/>", "<prematch_pcre2></prematch_pcre2>"])
def test_an_empty_prematch_matches_every_message(prematch: str) -> None:
    decoders = f'<decoder name="all">{prematch}</decoder><decoder name="b"><prematch>^b</prematch></decoder>'
    assert decode(decoders, "b").decoder == "all"
    assert decode(decoders, "b", "prog").decoder == ""


def test_a_parents_children_are_found_in_both_lists() -> None:
    decoders = """
    <decoder name="p"><program_name>^a</program_name></decoder>
    <decoder name="p"><prematch>^plain </prematch></decoder>
    <decoder name="c"><parent>p</parent><regex>(\\d+)</regex><order>id</order></decoder>
    """
    assert fields(decoders, "7", "a") == fields(decoders, "plain 7") == {"id": "7"}


def test_use_own_name_is_exactly_true() -> None:
    decoders = """
    <decoder name="p"><prematch>^p</prematch></decoder>
    <decoder name="c"><parent>p</parent><use_own_name>{}</use_own_name><prematch>^p x</prematch></decoder>
    """
    assert [decode(decoders.format(word), "p x").decoder for word in ("true", "yes", "TRUE")] == ["c", "p", "p"]


def test_a_childs_type_is_syslog_unless_it_says_otherwise() -> None:
    """It does not take over its parent's."""
    decoders = """
    <decoder name="p"><type>windows</type><prematch>^p</prematch></decoder>
    <decoder name="c"><parent>p</parent><prematch>^p x</prematch></decoder>
    """
    assert decode(decoders, "p x").category == "syslog"


def test_first_seen_fields_are_those_of_the_decoder_that_was_taken_last() -> None:
    decoders = """
    <decoder name="p"><prematch>^p</prematch></decoder>
    <decoder name="c"><parent>p</parent><prematch>^p x</prematch><regex>(\\d)</regex><order>id</order>
      <fts>name, dstuser, data, systemname, location</fts><ftscomment>Something.</ftscomment></decoder>
    """
    assert decode(decoders, "p y 7").first_seen == ()
    assert decode(decoders, "p x 7").first_seen == ("name", "user", "extra_data", "system_name", "location")


def test_a_file_read_later_adds_children_to_earlier_decoders_and_its_own_come_last() -> None:
    stock = """<decoder name="p"><program_name>^p</program_name></decoder>
    <decoder name="one"><parent>p</parent><use_own_name>true</use_own_name><prematch>^x</prematch></decoder>"""
    local = """<decoder name="mine"><program_name>^p</program_name></decoder>
    <decoder name="two"><parent>p</parent><use_own_name>true</use_own_name><prematch>^x|^y</prematch></decoder>"""
    loaded = load([Text("decoder.xml", stock), Text("local_decoder.xml", local)], [])
    assert loaded.mistakes == []
    detecting = detector(loaded=loaded)
    assert [take(detecting, f"Dec 10 06:55:46 host p: {log}").event.decoder for log in "xyz"] == ["one", "two", "p"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '<decoder name="a"><prematch offset="after_parent">x</prematch></decoder>',
            "decoder 'a' has no parent: the offset of its prematch has no effect: expected a parent, or no offset",
        ),
        (
            (
                '<decoder name="a"><prematch>x</prematch></decoder><decoder name="b"><parent>a</parent>'
                '<regex offset="after_prematch">(x)</regex><order>id</order></decoder>'
            ),
            "decoder 'b' has no prematch of its own: 'after_prematch' means 'after_parent': expected 'after_parent'",
        ),
        (
            (
                '<decoder name="a"><prematch>x</prematch></decoder>'
                '<decoder name="b"><parent>a</parent><program_name>p</program_name></decoder>'
            ),
            "decoder 'b' has a parent: its own program name is not looked at: expected the parent's alone",
        ),
    ],
)
def test_what_has_no_effect_in_a_decoder_is_warned_of(text: str, message: str) -> None:
    loaded = load([Text("d.xml", text)], [])
    assert [str(warning) for warning in loaded.warnings] == [f"d.xml:1: {message}"]
    assert loaded.mistakes == []


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("<fts>name</fts>", "decoder 'a' has an <fts> without a <regex>: expected both"),
        ('<type offset="after_parent">ids</type>', "unknown attribute 'offset' of <type>: expected none"),
    ],
)
def test_what_ossec_refuses_in_a_decoder_is_a_mistake(inside: str, message: str) -> None:
    loaded = load([Text("d.xml", f'<decoder name="a"><prematch>x</prematch>\n{inside}</decoder>')], [])
    assert [str(mistake) for mistake in loaded.mistakes] == [f"d.xml:2: {message}"]


def test_lower_case_keeps_every_character_in_its_place() -> None:
    assert lower("AİB") == "aİb"
    assert lower("ΛΑΘΟΣ λάθος \u212aÉ") == "λαθοσ λάθοσ \u212aé"
    assert len(ruleset().decoders) == 2
