"""Decoders: which one takes a line, and which fields it finds."""

from __future__ import annotations

from typing import Dict

import pytest
from detecting import detector, failure, ruleset, take

from ar.detect.event import Event, lower


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


def test_lower_case_keeps_every_character_in_its_place() -> None:
    assert lower("AİB") == "aİb"
    assert len(ruleset().decoders) == 2
