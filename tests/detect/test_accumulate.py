"""Decoders that accumulate: the lines of one id fill in each other's fields."""

from __future__ import annotations

from typing import Dict, Optional

import pytest
from detecting import NOON, detector, fired, rule, take

from ar.detect import accumulate
from ar.detect.detector import Detector
from ar.model import Chunk

SLAPD = """
<decoder name="slapd"><program_name>^slapd</program_name><accumulate/></decoder>
<decoder name="connect"><parent>slapd</parent><prematch>ACCEPT</prematch>
  <regex>^conn=(\\d+) ACCEPT from IP=(\\S+):</regex><order>id, srcip</order><accumulate/></decoder>
<decoder name="bind"><parent>slapd</parent><prematch>BIND </prematch>
  <regex>^conn=(\\d+) BIND dn="\\w+=(\\w+),</regex><order>id, dstuser</order><accumulate/></decoder>
<decoder name="result"><parent>slapd</parent><prematch> RESULT </prematch>
  <regex>^conn=(\\d+) RESULT </regex><order>id</order><accumulate/></decoder>
<decoder name="other"><parent>slapd</parent><prematch> CLOSED</prematch>
  <regex>^conn=(\\d+) </regex><order>id</order></decoder>
"""
RULES = rule(2500, "<decoded_as>slapd</decoded_as>", level=0) + rule(2509, "<if_sid>2500</if_sid><match>err=49</match>")


def say(detecting: Detector, message: str, after_s: float = 0.0, host: str = "host") -> Dict[str, str]:
    """Give one line of slapd, `after_s` after noon, and return the fields that its event got."""
    return take(detecting, f"Xxx 99 99:99:99 {host} slapd[7]: {message}", NOON + after_s).event.fields


@pytest.fixture
def detecting() -> Detector:
    return detector(RULES, SLAPD)


def test_what_one_line_told_is_known_to_the_later_ones(detecting: Detector) -> None:
    assert say(detecting, "conn=5 ACCEPT from IP=192.0.2.7:33 ") == {"id": "5", "srcip": "192.0.2.7"}
    assert say(detecting, 'conn=5 BIND dn="uid=eve,ou=x"') == {"id": "5", "srcip": "192.0.2.7", "user": "eve"}
    assert say(detecting, "conn=5 RESULT err=49") == {"id": "5", "srcip": "192.0.2.7", "user": "eve"}


def test_an_alert_has_the_address_that_an_earlier_line_told() -> None:
    """Also where lines are given many at once, though those before the last one make no alert themselves."""
    lines = [
        b"Xxx 99 99:99:99 host slapd[7]: " + message
        for message in (b"conn=5 ACCEPT from IP=192.0.2.7:33 ", b'conn=5 BIND dn="uid=eve,"', b"conn=5 RESULT err=49")
    ]
    detecting = detector(RULES, SLAPD)
    for _ in range(3):
        alerts = list(detecting.alerts_of(Chunk("/var/log/ldap", lines, NOON)))
        assert [(alert.rule, str(alert.srcip), alert.user) for alert in alerts] == [(2509, "192.0.2.7", "eve")]
    verdict = take(detecting, lines[-1].decode())
    assert fired(verdict) == (2509, True)


def test_a_field_that_a_line_has_is_kept_and_told_to_later_ones(detecting: Detector) -> None:
    say(detecting, 'conn=5 BIND dn="uid=eve,ou=x"')
    assert say(detecting, 'conn=5 BIND dn="uid=bob,ou=x"')["user"] == "bob"
    assert say(detecting, "conn=5 RESULT err=49")["user"] == "bob"


@pytest.mark.parametrize(("message", "host"), [("conn=6 RESULT ", "host"), ("conn=5 RESULT ", "other")])
def test_another_id_or_host_knows_nothing_of_it(detecting: Detector, message: str, host: str) -> None:
    say(detecting, "conn=5 ACCEPT from IP=192.0.2.7:33 ")
    assert "srcip" not in say(detecting, message, host=host)


def test_a_line_of_a_decoder_that_does_not_accumulate_knows_nothing_of_it(detecting: Detector) -> None:
    say(detecting, "conn=5 ACCEPT from IP=192.0.2.7:33 ")
    assert say(detecting, "conn=5 CLOSED") == {"id": "5"}


def test_without_an_id_nothing_is_joined(detecting: Detector) -> None:
    say(detecting, "conn=5 ACCEPT from IP=192.0.2.7:33 ")
    assert say(detecting, "conn=x RESULT ") == {}


@pytest.mark.parametrize(("pause_s", "srcip"), [(120, "192.0.2.7"), (121, None)])
def test_two_minutes_after_the_last_line_an_id_is_new(
    detecting: Detector, pause_s: float, srcip: Optional[str]
) -> None:
    say(detecting, "conn=5 ACCEPT from IP=192.0.2.7:33 ")
    say(detecting, "conn=5 RESULT ", 100)
    assert say(detecting, "conn=5 RESULT ", 100 + pause_s).get("srcip") == srcip


def test_ids_are_bounded_in_number_and_losing_one_is_counted(
    detecting: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accumulate, "KEYS_MAX", 3)
    for number in (1, 2, 3, 1, 4):  # 2 is the one unheard of for longest
        say(detecting, f"conn={number} ACCEPT from IP=192.0.2.{number}:33 ")
    assert detecting.bounds_hit == {"accumulated_keys": 1}
    assert [number for number in (1, 2, 3, 4) if "srcip" in say(detecting, f"conn={number} RESULT ")] == [1, 3, 4]


def test_losing_an_id_that_has_expired_is_not_counted(detecting: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accumulate, "KEYS_MAX", 1)
    say(detecting, "conn=1 ACCEPT from IP=192.0.2.1:33 ")
    say(detecting, "conn=2 ACCEPT from IP=192.0.2.2:33 ", 121)
    assert detecting.bounds_hit == {}


def test_long_fields_are_bounded_together(detecting: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accumulate, "CHARS_MAX", 1000)
    for number in (1, 2, 3):
        say(detecting, f'conn={number} BIND dn="uid={"x" * 400},"')
    assert detecting.bounds_hit == {"accumulated_keys": 1}
    assert "user" not in say(detecting, "conn=1 RESULT ")
    assert "user" in say(detecting, "conn=3 RESULT ")


def test_a_reload_keeps_what_was_told_and_forgetting_drops_it(detecting: Detector) -> None:
    say(detecting, "conn=5 ACCEPT from IP=192.0.2.7:33 ")
    reloaded = detector(RULES, SLAPD)
    reloaded.carry_over(detecting)
    assert "srcip" in say(reloaded, "conn=5 RESULT ")
    reloaded.forget()
    assert "srcip" not in say(reloaded, "conn=5 RESULT ")
