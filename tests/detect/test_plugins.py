"""Plugin decoders: which fields they take of their formats, and for which rules they say a message is."""

from __future__ import annotations

from typing import Dict, List

import pytest
from detecting import ROOT, detector, fired, rule, take
from hypothesis import given, settings
from hypothesis import strategies as st

from ar.detect.detector import Detector
from ar.detect.event import Event
from ar.detect.plugins import PLUGINS
from ar.detect.ruleset import Text, load

# A decoder for lines without a header; everything behind `x: ` is the plugin's.
PLUGGED = '<decoder name="p"><prematch>^x: </prematch><plugin_decoder{}>{}</plugin_decoder>{}</decoder>'


def event_of(plugin: str, text: str, inside: str = "") -> Event:
    decoders = PLUGGED.format(' offset="after_prematch"', plugin, inside)
    return take(detector(decoders=decoders), "x: " + text).event


def fields(plugin: str, text: str, inside: str = "") -> Dict[str, str]:
    return event_of(plugin, text, inside).fields


def ends(source: str, target: str, **more: str) -> Dict[str, str]:
    """Return the fields of a packet; each end is an address, or address and port with a space between."""
    found = dict(more)
    for side, end in (("src", source), ("dst", target)):
        address, _, port = end.partition(" ")
        found[f"{side}ip"] = address
        if port:
            found[f"{side}port"] = port
    return found


PF = [
    (
        "Mar 30 15:32:33.483712 rule 2/(match) pass in on xl0: 192.0.2.3.6667 > 192.0.2.10.16290: P 1:2(1) ack 3 (DF)",
        ends("192.0.2.3 6667", "192.0.2.10 16290", action="pass", protocol="TCP"),
    ),
    (
        "rule 4/(match) block in on lo0: 127.0.0.1.48784 > 127.0.0.1.23: S 13:13(0) win 16384 <mss 33184,[|tcp]> (DF)",
        ends("127.0.0.1 48784", "127.0.0.1 23", action="block", protocol="TCP"),
    ),
    (
        "rule 3/(match) pass out on xl0: 192.0.2.10.1514 > 192.0.2.190.1030:  udp 73",
        ends("192.0.2.10 1514", "192.0.2.190 1030", action="pass", protocol="UDP"),
    ),
    (
        "rule 9/(match) block in on em0: 198.51.100.7 > 192.0.2.10: icmp: echo request",
        ends("198.51.100.7", "192.0.2.10", action="block", protocol="ICMP"),
    ),
    (
        "rule 9/(match) [uid 0, pid 7] block in on em0: 2001:db8::7.443 > 2001:db8::1.22: S 1:1(0)",
        ends("2001:db8::7 443", "2001:db8::1 22", action="block", protocol="TCP"),
    ),
    (
        "rule 9/(match) block in on em0: fe80::1 > ff02::1: icmp6: neighbor sol",
        ends("fe80::1", "ff02::1", action="block", protocol="ICMP"),
    ),
    (  # FreeBSD's tcpdump
        (
            "rule 67/0(match): block in on vr1: (tos 0, ttl 1, proto TCP (6), length 60) 192.0.2.3.40 > 192.0.2.4.80: "
            "Flags [S], seq 1"
        ),
        ends("192.0.2.3 40", "192.0.2.4 80", action="block", protocol="TCP"),
    ),
    ("rule 67/0(match): block in on vr1: 192.0.2.3.5 > 192.0.2.4.6: UDP, length 1", {"protocol": "UDP"}),
    (
        "rule 3/(match) block in on em0: 192.0.2.3 > 224.0.0.1: igmp query",
        ends("192.0.2.3", "224.0.0.1", action="block"),
    ),
    ("rule 3/(match) block in on em0: host.example.com.80 > 192.0.2.4.6: S 1:1(0)", {"dstip": "192.0.2.4"}),
]


@pytest.mark.parametrize(("text", "expected"), PF)
def test_pf_tells_what_became_of_a_packet(text: str, expected: Dict[str, str]) -> None:
    found = fields("PF_Decoder", text)
    assert expected.items() <= found.items()
    if "srcip" in expected:
        assert found == expected


def test_pf_takes_no_name_for_an_address() -> None:
    found = fields("PF_Decoder", PF[-1][0])
    assert "srcip" not in found
    assert found["action"] == "block"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rule 3/(match) scrub in on em0: 1.2.3.4 > 1.2.3.5: udp 3",
        "rule 3/(match) block in on xl0: arp who-has 192.0.2.1 tell 192.0.2.7",
        "rule 3/(match) block in on xl0: ",
        "interface up (em0)",
    ],
)
def test_what_pf_says_otherwise_has_no_fields(text: str) -> None:
    event = event_of("PF_Decoder", text)
    assert (event.decoder, event.fields) == ("p", {})


SONICWALL = 'id=firewall sn=000SERIAL time="2007-01-03 14:48:06" fw=192.0.2.1 '


@pytest.mark.parametrize(
    ("text", "category", "expected"),
    [
        (
            'pri=6 c=262144 m=98 msg="Connection Opened" n=23 src=192.0.2.2:36:WAN dst=192.0.2.1:50:LAN proto=tcp/50',
            "firewall",
            ends("192.0.2.2 36", "192.0.2.1 50", status="6", id="98", protocol="tcp", action="pass"),
        ),
        (
            (
                'pri=1 c=32 m=30 msg="Administrator login denied due to bad credentials" n=7 src=192.0.2.2:3:WAN '
                "dst=192.0.2.1:5:WAN"
            ),
            "ids",
            ends("192.0.2.2 3", "192.0.2.1 5", status="1", id="30"),
        ),
        (
            'pri=5 c=64 m=36 msg="TCP connection dropped" n=2 src=192.0.2.2:4507:WAN:name dst=192.0.2.1:445:LAN rule=0',
            "firewall",
            ends("192.0.2.2 4507", "192.0.2.1 445", status="5", id="36", action="drop"),
        ),
        (
            (
                "pri=6 c=1024 m=97 n=9 src=192.0.2.2:1:X0 dst=192.0.2.1:443:X1 proto=tcp/https op=GET result=403 "
                "dstname=www.example.com arg=/a.ico code=20"
            ),
            "squid",
            ends("192.0.2.2 1", "192.0.2.1 443", status="6", id="403", protocol="tcp", url="www.example.com/a.ico"),
        ),
        (
            'pri=6 c=16 m=236 msg="WAN zone administrator login allowed src=203.0.113.9:1" src=192.0.2.2 dst=192.0.2.1',
            "syslog",
            {"status": "6", "id": "236"},
        ),
        (
            "pri=6 c=64 m=175 n=2 src=192.0.2.2:8:LAN dst=192.0.2.1:0:WAN proto=icmp",
            "syslog",
            ends("192.0.2.2 8", "192.0.2.1 0", status="6", id="175", protocol="icmp"),
        ),
    ],
)
def test_sonicwall_messages_say_for_which_rules_they_are(text: str, category: str, expected: Dict[str, str]) -> None:
    event = event_of("SonicWall_Decoder", SONICWALL + text, "<type>firewall</type>")
    assert (event.category, event.fields) == (category, expected)


@pytest.mark.parametrize(
    "text",
    [
        "pri=1 c=32 m=30 n=7 usr=x",
        "pri=6 c=64 m=36 n=7 src=192.0.2.2 dst=192.0.2.1 proto=tcp/50",
        "pri=6 c=64 m=36 src=192.0.2.2:3:WAN dst=192.0.2.1",
        "pri=6 c=64 m=36 src=192.0.2.2:3:WAN dst=192.0.2.1:5",
        "pri=6 c=64 m=36 src=192.0.2.2:3:WAN rule=0 dst=192.0.2.1:5:LAN",
        "pri=6 c=64 m=36 src=gate:1:WAN dst=:2:LAN",
        "pri=6 c=1024 m=97 op=GET result=403 dstname=www.example.com arg=/src=192.0.2.2:3:WAN dst=192.0.2.1:5:LAN",
        'pri=6 c=64 m=36 msg="src=192.0.2.2:3:WAN dst=192.0.2.1:5:LAN"',
        "pri=6",
    ],
)
def test_a_sonicwall_message_without_both_ends_in_full_is_the_devices_own(text: str) -> None:
    """It keeps the priority and the message number, by which OSSEC's rules for SonicWall know it, and nothing else."""
    event = event_of("SonicWall_Decoder", SONICWALL + text, "<type>firewall</type>")
    pairs = dict(word.split("=", 1) for word in text.split()[:3])
    expected = {name: pairs[key] for name, key in (("status", "pri"), ("id", "m")) if key in pairs}
    assert (event.category, event.fields) == ("syslog", expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "20070717,73556,1=5,100=Logoff due to timeout.,11=192.0.2.4,10=usera,3=1,2=2",
            {"id": "3=1,2=2", "srcip": "192.0.2.4", "user": "usera"},
        ),
        (
            "20070717,73559,1=5,11=192.0.2.5,10=userb,3=2,2=1",
            {"id": "3=2,2=1", "srcip": "192.0.2.5", "user": "userb"},
        ),
        ("20070717,30517,1=3,41=SWS-3.0.1.86/vendor-config,100=Version 3.0.6,3=7,2=29", {"id": "3=7,2=29"}),
        (
            "20070717,80000,11=192.0.2.6,10=c,60=http://example.com/abc.exe,2=27",
            {"id": "2=27", "srcip": "192.0.2.6", "user": "c", "url": "http://example.com/abc.exe"},
        ),
        ("20070717,80000,1=5,2=1,3=192.0.2.1,11=192.0.2.6", {"id": "2=1,3=192.0.2.1", "srcip": "192.0.2.6"}),
        ("20070717,80000,100=http://example.com/,61=http://example.com/,2=27", {"id": "2=27"}),
        ("20070717,80000,60=example.com,60=http://example.com/", {"url": "example.com"}),
        ("20070717,80000,nothing", {}),
    ],
)
def test_symantec_web_security_numbers_its_fields(text: str, expected: Dict[str, str]) -> None:
    assert fields("SymantecWS_Decoder", text) == expected


def test_the_first_of_equal_symantec_fields_counts() -> None:
    """So what a user's name holds does not change the address, which comes before it; what follows it could be."""
    found = fields("SymantecWS_Decoder", "20070717,73559,1=5,11=192.0.2.5,10=a,3=1,2=1,11=203.0.113.1,3=2,2=1")
    assert found == {"id": "3=1,2=1", "srcip": "192.0.2.5", "user": "a"}


ALERT = (
    "ossec: Alert Level: 3; Rule: 5501 - Login session opened.; Location: (web) 192.0.2.9->/var/log/auth.log; "
    "classification: pam,syslog,; srcip: 192.0.2.7; user: root;  Jan 31 02:57:25 web sshd[9]: x; srcip: 203.0.113.1;"
)
FORWARDED = """
<decoder name="ossec"><prematch>^ossec: </prematch><type>ossec</type></decoder>
<decoder name="ossec-alert1"><parent>ossec</parent><prematch>^ossec: Alert Level:</prematch>
  <plugin_decoder>OSSECAlert_Decoder</plugin_decoder></decoder>
<decoder name="ossec-alert"><program_name>^ossec$</program_name>
  <plugin_decoder>OSSECAlert_Decoder</plugin_decoder></decoder>
"""


@pytest.mark.parametrize("header", ["", "Jan 31 04:18:14 collector "])
def test_an_alert_of_another_ossec_gets_the_rule_it_had_there(header: str) -> None:
    rules = rule(5501, "<match>never in a line</match>", level=3) + rule(5502)
    verdict = take(detector(rules, FORWARDED), header + ALERT)
    assert fired(verdict) == (5501, True)
    assert verdict.path == (5501,)
    assert verdict.alert is not None
    assert (str(verdict.alert.srcip), verdict.alert.user) == ("192.0.2.7", "root")
    assert verdict.event.fields == {
        "ossec.rule": "5501",
        "ossec.level": "3",
        "ossec.location": "(web) 192.0.2.9->/var/log/auth.log",
        "srcip": "192.0.2.7",
        "user": "root",
    }


def test_an_alert_whose_rule_is_not_known_here_gets_none() -> None:
    verdict = take(detector(rule(7), FORWARDED), ALERT)
    assert (verdict.event.decoder, verdict.rule) == ("ossec", None)


def test_a_forwarded_users_name_brings_in_no_address() -> None:
    """The text after the fields is the line of the alert, which somebody else wrote."""
    text = "ossec: Alert Level: 3; Rule: 1 - D; Location: a->b; user: x; srcip: 203.0.113.1;  line"
    assert "srcip" not in take(detector(decoders=FORWARDED), text).event.fields


def test_what_else_a_program_ossec_says_is_a_plain_message() -> None:
    event = take(detector(decoders=FORWARDED), "Jan 31 04:18:14 host ossec: started").event
    assert (event.decoder, event.category, event.fields) == ("ossec-alert", "syslog", {})


JSON = [
    ('{"a": 1, "b": {"c": "x", "d": {"e": true}}}', {"a": "1", "b.c": "x", "b.d.e": "true"}),
    ('  {"a": "x"} and more', {"a": "x"}),
    (
        '{"srcip": "192.0.2.1", "dstuser": "root", "data": "d", "systemname": "s", "in": {"data": "e"}}',
        {"srcip": "192.0.2.1", "user": "root", "extra_data": "d", "system_name": "s", "in.data": "e"},
    ),
    (
        '{"n": 1563348138.075903, "big": 123456789012345678901234567890, "e": 1e400, "none": null}',
        {"n": "1563348138.075903", "big": "123456789012345678901234567890", "e": "1e400", "none": "null"},
    ),
    ('{"l": ["a", 1.50, null, {"k": [false]}]}', {"l": '["a",1.50,null,{"k":[false]}]'}),
    ('{"a": "é\\u0041"}', {"a": "éA"}),
    ("{}", {}),
    ("[1]", {}),
    ("", {}),
    ('{"a": ', {}),
    ('{"a":' * 1000, {}),
    ('{"l":' + "[" * 900 + "]" * 900 + "}", None),
]


@pytest.mark.parametrize(("text", "expected"), JSON)
def test_json_becomes_fields(text: str, expected: Dict[str, str]) -> None:
    found = fields("JSON_Decoder", text)
    if expected is not None:
        assert found == expected


def test_what_becomes_of_nulls_and_arrays_can_be_chosen() -> None:
    inside = "<json_null_field>discard</json_null_field><json_array_structure>csv</json_array_structure>"
    assert fields("JSON_Decoder", '{"a": null, "b": ["x", 1, null], "c": 2}', inside) == {"b": "x,1,null", "c": "2"}


def test_json_fields_are_bounded_in_number_and_depth() -> None:
    many = ", ".join(f'"k{number}": {number}' for number in range(300))
    assert len(fields("JSON_Decoder", "{" + many + "}")) == 256
    deep = '{"x": 1, "a": ' * 20 + "{}" + "}" * 20
    assert max(name.count(".") for name in fields("JSON_Decoder", deep)) == 15


def test_a_plugin_begins_where_its_offset_says() -> None:
    decoders = PLUGGED.format("", "JSON_Decoder", "")
    assert take(detector(decoders=decoders), 'x: {"a": 1}').event.fields == {}
    child = """
    <decoder name="p"><prematch>^x: </prematch></decoder>
    <decoder name="c"><parent>p</parent><plugin_decoder offset="after_parent">JSON_Decoder</plugin_decoder></decoder>
    <decoder name="c"><parent>p</parent><regex>"a": (\\d)</regex><order>first</order></decoder>
    """
    assert take(detector(decoders=child), 'x: {"a": 1}').event.fields == {"a": "1", "first": "1"}


def test_a_parents_plugin_is_not_used_when_it_has_children() -> None:
    """Like its regex; a child's is."""
    decoders = """
    <decoder name="p"><prematch>^{</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>
    <decoder name="c"><parent>p</parent><prematch>never</prematch></decoder>
    """
    assert take(detector(decoders=decoders), '{"a": 1}').event.fields == {}


def test_rules_ask_for_a_plugins_fields() -> None:
    rules = rule(7, '<field name="b.c">^x$</field>')
    decoders = PLUGGED.format(' offset="after_prematch"', "JSON_Decoder", "")
    detecting = detector(rules, decoders)
    assert fired(take(detecting, 'x: {"b": {"c": "x"}}')) == (7, True)
    assert fired(take(detecting, 'x: {"b": {"c": "y"}}')) == (None, False)


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("<plugin_decoder>PF_Decode</plugin_decoder>", "<plugin_decoder> is 'PF_Decode': expected 'PF_Decoder'"),
        (
            '<plugin_decoder offset="after_regex">PF_Decoder</plugin_decoder>',
            "offset is 'after_regex': expected 'after_parent' or 'after_prematch'",
        ),
        (
            "<plugin_decoder>JSON_Decoder</plugin_decoder><json_null_field>discards</json_null_field>",
            "<json_null_field> is 'discards': expected 'discard'",
        ),
    ],
)
def test_a_mistake_about_a_plugin_names_its_place(inside: str, message: str) -> None:
    loaded = load([Text("d.xml", f'<decoder name="a"><prematch>x</prematch>\n{inside}</decoder>')], [])
    assert [str(mistake) for mistake in loaded.mistakes] == [f"d.xml:2: {message}"]


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (
            "<regex>(x)</regex><order>id</order><plugin_decoder>PF_Decoder</plugin_decoder>",
            "decoder 'a' has a <regex> beside a plugin: it is not used: expected one",
        ),
        ("<json_null_field>string</json_null_field>", "<json_null_field> beside no JSON_Decoder has no effect: "),
    ],
)
def test_what_has_no_effect_beside_a_plugin_is_warned_of(inside: str, message: str) -> None:
    loaded = load([Text("d.xml", f'<decoder name="a"><prematch>x</prematch>\n{inside}</decoder>')], [])
    assert next(str(warning) for warning in loaded.warnings).startswith(f"d.xml:2: {message}")
    assert loaded.mistakes == []


PIECES = st.sampled_from(
    ["rule 1/(match) block in on em0: ", "1.2.3.4.5 > ", "::1: ", "m=98 ", 'src=1.1.1.1:2 msg="', ",3=1", ",2=", "=",
     "Alert Level: 3; Rule: 7 - ", "; Location: ", " user: ;", "{", '"a":', "[", "]", "}", "1e5", ",", '"', "é"]
)  # fmt: skip


@pytest.fixture(scope="module")
def plugged() -> Dict[str, Detector]:
    """Return a detector for each plugin."""
    return {name: detector(decoders=PLUGGED.format(' offset="after_prematch"', name, "")) for name in sorted(PLUGINS)}


@settings(deadline=None)  # other work on the machine is no fault of a plugin
@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=12))
def test_no_message_breaks_a_plugin(plugged: Dict[str, Detector], pieces: List[str]) -> None:
    """Any text gives fields of text or none."""
    for detecting in plugged.values():
        event = take(detecting, "x: " + "".join(pieces)).event
        assert event.decoder == "p"
        assert all(isinstance(text, str) for text in (*event.fields, *event.fields.values()))


def test_the_root_group_is_not_needed_for_a_forwarded_alert() -> None:
    loaded = load(
        [Text("d.xml", FORWARDED)],
        [Text("root.xml", ROOT), Text("r.xml", f'<group name="g,">{rule(5501, level=0)}</group>')],
    )
    assert fired(take(detector(loaded=loaded), ALERT)) == (5501, False)
