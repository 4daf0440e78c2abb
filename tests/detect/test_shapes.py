"""Many lines at once get what each would get alone: the same alerts, wherever the chunks begin and end."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path
from random import Random
from typing import Callable, List, Sequence

import pytest
from detecting import NOON, ROOT, SSHD, detector, failure, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from ar.cdb import Cdb, build_cdb
from ar.detect.detector import Detector
from ar.detect.ruleset import Ruleset, Text, load
from ar.model import Alert, Chunk, Line
from ar.shipped import SHIPPED_DECODERS, shipped_rules

SHARED = Path(__file__).parents[3] / "shared"
SOURCE = "/var/log/auth.log"

# Decoders and rules that go by digits in every way there is.
DECODERS = (
    SSHD
    + r"""
<decoder name="app">
  <program_name>^app2</program_name>
  <regex>(\d)</regex><order>id</order><fts>name, id</fts>
</decoder>
<decoder name="app-other"><program_name>^app</program_name></decoder>
<decoder name="pix"><prematch>^%ASA-6-30</prematch></decoder>
<decoder name="pix-child">
  <parent>pix</parent>
  <prematch offset="after_parent">^2013:</prematch>
  <regex offset="after_prematch">from (\d+.\d+.\d+.\d+) code (4\d|5)</regex>
  <order>srcip, id</order>
</decoder>
<decoder name="pix-further">
  <parent>pix</parent>
  <prematch offset="after_parent">^201</prematch>
  <regex>user (\S+) id 7(\d*)</regex>
  <order>user, id</order>
</decoder>
<decoder name="session">
  <program_name>^slap</program_name>
  <accumulate/>
  <regex>conn=(\d+) (\S*)$</regex>
  <order>id, user</order>
</decoder>
<decoder name="box">
  <program_name>^box</program_name>
  <plugin_decoder>JSON_Decoder</plugin_decoder>
</decoder>
"""
)
RULES = (
    rule(100, "<match>failed</match>", 5, ignore=0)
    + rule(101, "<if_sid>100</if_sid><regex>port 22\\d</regex>", 6)
    + rule(102, "<if_sid>100</if_sid><srcip>192.0.2.0/28</srcip>", 0)
    + rule(103, "<if_matched_sid>100</if_matched_sid><same_source_ip/>", 10, frequency=2, timeframe=60)
    + rule(104, "<if_matched_group>local</if_matched_group><same_user/><different_srcip/>", 11, frequency=1)
    + rule(105, "<if_sid>100</if_sid><user>7$</user>", 7, ignore=2)
    + rule(110, "<decoded_as>pix</decoded_as>", 3)
    + rule(111, "<if_sid>110</if_sid><id>^42</id>", 8)
    + rule(112, "<if_sid>110</if_sid><time>00:00 - 23:59</time><pcre2>code (?!43)</pcre2>", 4)
    + rule(113, '<if_sid>110</if_sid><list field="srcip">lists/known</list>', 9)
    + rule(120, "<program_name>^app1</program_name><match>error 40|code 5</match>", 2)
    + rule(121, "<decoded_as>app</decoded_as><if_fts/>", 2)
    + rule(122, "<decoded_as>app-other</decoded_as><check_diff/>", 2)
    + rule(123, "<decoded_as>session</decoded_as><user>bob</user>", 6)
    + rule(124, "<decoded_as>box</decoded_as><field name='a'>^1</field>", 6)
    + rule(125, "<hostname>^h2</hostname><match>mark</match>", 3)
    + rule(126, "<match>mark</match>", 1, maxsize=8)
    + rule(127, "<match>quiet</match>", 0, noalert=1)
    + rule(128, "<if_sid>127</if_sid><match>99</match>", 4)
    + rule(129, "<match>mark 1</match><ignore>id</ignore>", 1)
    + rule(130, "<match>mark</match><check_if_ignored>id</check_if_ignored>", 1)
)
ALERTING = (100, 101, 103, 104, 105, 110, 111, 112, 113, 120, 121, 122, 123, 124, 125, 126, 128, 129, 130)
LISTS = {"lists/known": Cdb(build_cdb([(b"192.0.2.33", b""), (b"198.51.100.7", b"")]))}

# Lines whose digits decide; `#` is a digit or a few, so that many lines share each shape, and more each skeleton.
TEMPLATES = (
    "Xxx 99 99:99:99 host sshd[#]: Failed password for root from 192.0.2.## port 22## ssh2",
    "Xxx 99 99:99:99 host sshd[##]: Failed password for user# from 192.0.2.2# port 22## ssh2",
    "Oct  9 08:53:2# h# sshd[#]: Failed password for joe from 198.51.100.# port 2### ssh2",
    "%ASA-6-30#01#: from 198.51.100.# code 4#",
    "%ASA-6-302013: from 192.0.2.3# code 4# user bob id 7#",
    "%ASA-6-302014: user al# id 7## code",
    "Xxx 99 99:99:99 host app#: error 4#",
    "Xxx 99 99:99:99 host app#[##]: code # mark #",
    "Xxx 99 99:99:99 h# app: mark #",
    "Xxx 99 99:99:99 host slapd: conn=# bob",
    "Xxx 99 99:99:99 host slapd: conn=# ",
    'Xxx 99 99:99:99 host box: {"a": #}',
    "quiet ## mark",
    "nothing ### of interest",
    "caf\xe9 mark #",
    "mark \x01#",
    "mark \\xff\\xe#",
)


def sensitive() -> Ruleset:
    loaded = load(
        [Text("decoder.xml", DECODERS)],
        [Text("root.xml", ROOT), Text("rules.xml", f'<group name="local,">\n{RULES}\n</group>')],
        LISTS,
    )
    assert [str(mistake) for mistake in loaded.mistakes] == []
    return loaded


def one_by_one(detecting: Detector, lines: Sequence[bytes]) -> List[Alert]:
    verdicts = (detecting.take(Line(SOURCE, line.decode("utf-8", "backslashreplace"), NOON, line)) for line in lines)
    return [verdict.alert for verdict in verdicts if verdict.alert is not None]


def in_chunks(detecting: Detector, lines: Sequence[bytes], cuts: Sequence[int]) -> List[Alert]:
    alerts = []
    for start, end in zip([0, *cuts], [*cuts, len(lines)]):
        alerts += detecting.alerts_of(Chunk(SOURCE, lines[start:end], NOON))
    return alerts


def filled(template: str, numbers: Sequence[str]) -> bytes:
    """Put the numbers, over and over, where the template leaves them open."""
    given = itertools.cycle(numbers)
    return re.sub("#", lambda _: next(given), template).encode()


NUMBERS = st.one_of(st.sampled_from("0123456789"), st.text("0123456789", min_size=1, max_size=3))
LINES = st.lists(
    st.builds(filled, st.sampled_from(TEMPLATES), st.lists(NUMBERS, min_size=1, max_size=4)),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, max_examples=300)
@given(lines=LINES, cut=st.integers(0, 60), shapes_max=st.sampled_from([1, 3, 4096]))
def test_lines_that_differ_in_digits_get_what_each_gets_alone(lines: List[bytes], cut: int, shapes_max: int) -> None:
    loaded = sensitive()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ar.detect.shapes.SHAPES_MAX", shapes_max)
        together = in_chunks(detector(loaded=loaded), lines, [min(cut, len(lines))])
    assert together == one_by_one(detector(loaded=loaded), lines)


STRAIGHT = (
    rule(100, "<match>failed</match>", 5)
    + rule(101, "<if_matched_sid>100</if_matched_sid><same_source_ip/>", 10, frequency=1, timeframe=60)
    + rule(102, "<if_matched_group>local</if_matched_group>", 11, frequency=4, timeframe=60)
    + rule(103, "<if_matched_sid>100</if_matched_sid><same_user/><different_srcip/>", 9, frequency=1, timeframe=60)
)
PLAIN = STRAIGHT.partition('<rule id="103"')[0]
WITH_CHILD = PLAIN + rule(110, "<if_sid>101</if_sid><user>1$</user>", 12)
COUNTED_TWICE = PLAIN + rule(110, "<if_matched_sid>101</if_matched_sid><same_user/>", 12, frequency=0, timeframe=90)
WITH_GRANDCHILD = COUNTED_TWICE + rule(111, "<if_sid>110</if_sid><user>1$</user>", 13)
ASKING = PLAIN + rule(110, "<if_matched_sid>100</if_matched_sid><user>1$</user>", 12, frequency=0, timeframe=90)
SILENT = PLAIN.replace('id="101"', 'id="101" noalert="1"')


def stamped(source: int, time_s: float) -> bytes:
    stamp = time.strftime("%b %d %H:%M:%S", time.localtime(time_s))
    return failure(f"192.0.2.{source}", f"u{source % 2}").replace("Xxx 99 99:99:99", stamp).encode()


@settings(deadline=None, max_examples=300)
@given(
    sources=st.lists(st.integers(0, 3), min_size=30, max_size=60),
    each_s=st.sampled_from([0, 7, 25]),
    keys_max=st.integers(1, 6),
    bytes_max=st.sampled_from([400, 2**20]),
    rules=st.sampled_from([STRAIGHT, PLAIN, WITH_CHILD, WITH_GRANDCHILD, COUNTED_TWICE, ASKING, SILENT]),
)
def test_the_straight_way_remembers_what_the_long_one_does(
    sources: List[int], each_s: int, keys_max: int, bytes_max: int, rules: str
) -> None:
    """Sources give way in the same order, and what they held is counted as free."""
    lines = [stamped(source, NOON - 3600 + at * each_s) for at, source in enumerate(sources)]
    short, long = (detector(rules, window_keys_max=keys_max, trust_stamps=True) for _ in "ab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ar.detect.windows.TEXT_BYTES_MAX", bytes_max)
        assert in_chunks(short, lines, []) == one_by_one(long, lines)
    assert short.bounds_hit == long.bounds_hit
    windows = [window for listener in short._windows._all.values() for window in listener.windows.values()]
    assert short._windows._keys == len(windows) <= keys_max
    assert short._windows._bytes == sum(earlier.room for window in windows for earlier in window)


def test_a_line_that_completes_no_count_goes_the_straight_way(monkeypatch: pytest.MonkeyPatch) -> None:
    detecting = detector(PLAIN)
    lines = [failure("192.0.2.1").encode(), failure("192.0.2.2").encode(), failure("192.0.2.3").encode()]
    in_chunks(detecting, lines[:2], [])
    monkeypatch.setattr(Detector, "_match", None)
    assert [alert.rule for alert in in_chunks(detecting, lines[2:], [])] == [100]


def test_a_line_that_completes_a_count_goes_the_straight_way(monkeypatch: pytest.MonkeyPatch) -> None:
    detecting = detector(PLAIN)
    lines = [failure("192.0.2.1").encode(), failure("192.0.2.2").encode()] * 2
    in_chunks(detecting, lines, [])
    monkeypatch.setattr(Detector, "_match", None)
    (alert,) = in_chunks(detecting, lines[:1], [])
    assert (alert.rule, alert.previous) == (101, (lines[0].decode(),) * 2)


def test_every_way_of_telling_digits_apart_is_met_by_these_lines() -> None:
    """So that the test above cannot pass for want of alerts."""
    random = Random(1)  # noqa: S311 (a repeatable choice, no secret)
    lines = [filled(random.choice(TEMPLATES), f"{random.randrange(10_000):04}") for _ in range(20_000)]
    fired = {alert.rule for alert in in_chunks(detector(loaded=sensitive()), lines, [])}
    assert fired == set(ALERTING)


def test_a_text_with_digits_is_looked_for_in_each_line() -> None:
    """The first lines of the shape cannot matter, the last one does."""
    lines = [b"Xxx 99 99:99:99 host x: error 404"] * 3 + [b"Xxx 99 99:99:99 host x: error 500"]
    detecting = detector(rule(100, "<match>error 500</match>"))
    assert [alert.full_log[-3:] for alert in in_chunks(detecting, lines, [])] == ["500"]


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (r"v(?:(?:1[0-9])+2)+", "v172"),
        (r"v(?:(?:,*b?)(?:,(?:1b7+)+))+x", "q" * 120 + "v,1b7x"),
        (r"v(?:(?:\.?(?:0+\.,+))*2*a)+$", "q" * 400 + "v2a"),
    ],
)
def test_a_pattern_without_a_relaxed_form_is_asked_for_each_line(pattern: str, line: str) -> None:
    """By a rule and by a decoder."""
    detecting = detector(rule(100, f"<pcre2>{pattern}</pcre2>"), "")
    assert [alert.rule for alert in in_chunks(detecting, [line.encode()] * 4, [0, 4])] == [100] * 4
    decoder = f'<decoder name="x"><prematch>^</prematch><pcre2>({pattern})</pcre2><order>id</order></decoder>'
    detecting = detector(rule(100, "<id>v</id>"), decoder)
    assert [alert.rule for alert in in_chunks(detecting, [line.encode()] * 4, [0, 4])] == [100] * 4


def test_another_program_with_the_same_shape_is_told_apart() -> None:
    lines = [f"Xxx 99 99:99:99 host app{number}: x".encode() for number in (1, 1, 1, 2, 2, 1, 2)]
    detecting = detector(rule(100, "<program_name>^app2</program_name><match>x</match>"))
    assert [alert.program for alert in in_chunks(detecting, lines, [])] == ["app2"] * 3


def test_the_own_host_name_of_a_line_without_one_may_have_digits() -> None:
    detecting = detector(rule(100, "<hostname>box1</hostname><match>x</match>"), hostname="box1")
    assert len(in_chunks(detecting, [b"x 1", b"x 2", b"x 3", b"x 4"], [])) == 4


def test_a_shape_seen_again_needs_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third line of a shape is not decoded, and its alert is complete."""
    detecting = detector(rule(100, "<match>failed</match>"))
    line = b"Xxx 99 99:99:99 host sshd[7]: Failed password for root from 192.0.2.%d port 2222 ssh2"
    in_chunks(detecting, [line % 1, line % 2], [])
    monkeypatch.setattr("ar.detect.decoder.Decoders.decode", None)
    (alert,) = in_chunks(detecting, [line % 3], [])
    assert (alert.rule, str(alert.srcip), alert.user) == (100, "192.0.2.3", "root")
    assert (alert.hostname, alert.program, alert.decoder) == ("host", "sshd", "sshd")


def test_a_skeleton_seen_again_needs_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do lines with other numbers of digits, of which the third is the first of its shape."""
    detecting = detector(rule(100, "<match>failed</match>"))
    line = "Xxx 99 99:99:99 host sshd[{}]: Failed password for u{} from 192.0.{} port {} ssh2"
    in_chunks(detecting, [line.format(7, 1, "2.1", 80).encode(), line.format(77, 12, "22.1", 8080).encode()], [])
    monkeypatch.setattr("ar.detect.decoder.Decoders.decode", None)
    (alert,) = in_chunks(detecting, [line.format(777, 123, "222.111", 1).encode()], [])
    assert (alert.rule, str(alert.srcip), alert.user) == (100, "192.0.222.111", "u123")
    assert (alert.hostname, alert.program, alert.decoder) == ("host", "sshd", "sshd")


def test_what_is_remembered_of_shapes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ar.detect.shapes.SHAPES_MAX", 50)
    detecting = detector(rule(100, "<match>failed</match>"))
    in_chunks(detecting, [b"x" * number for number in range(500)] * 2, [])
    assert len(detecting._shapes.known) + len(detecting._shapes._old) <= 100
    in_chunks(detecting, [b"Xxx 99 99:99:99 host sshd[1]: Failed " + b"x" * number for number in range(200)], [])
    assert 0 < len(detecting._shapes._skeletons) <= 50
    longest = max(map(len, [*detecting._shapes.known, *detecting._shapes._old]))
    assert longest <= 512


def stock_ruleset() -> Ruleset:
    conf = (SHARED / "ossec/ossec-local.conf").read_text(encoding="utf-8")
    included = re.findall(r"^\s*<include>(.*?)</include>", conf, re.MULTILINE)
    return load([text(SHARED / "ossec/decoder.xml")], [text(SHARED / "ossec/rules" / name) for name in included])


def shipped_ruleset() -> Ruleset:
    return load([text(SHIPPED_DECODERS)], [text(path) for path in shipped_rules()])


def text(path: Path) -> Text:
    return Text(path.name, path.read_text(encoding="utf-8", errors="replace"))


@pytest.mark.skipif(not (SHARED / "corpus").exists(), reason="the real logs are not beside this checkout")
@pytest.mark.parametrize("load_ruleset", [shipped_ruleset, stock_ruleset])
@pytest.mark.parametrize("changed", ["nothing", "a digit", "numbers"])
def test_real_logs_give_the_same_alerts_in_chunks(load_ruleset: Callable[[], Ruleset], changed: str) -> None:
    loaded = load_ruleset()
    random = Random(2)  # noqa: S311 (a repeatable choice, no secret)
    for log in sorted((SHARED / "corpus").glob("*.log")):
        lines = log.read_bytes().splitlines()
        if changed == "a digit":
            lines = [re.sub(rb"\d(?=\d*$|\d* )", lambda _: b"%d" % random.randrange(10), line) for line in lines]
        elif changed == "numbers":
            lines = [re.sub(rb"(?<=.{16})\d+", lambda _: b"%d" % random.randrange(2000), line) for line in lines]
        cuts = sorted(random.randrange(len(lines)) for _ in range(30))
        together = in_chunks(detector(loaded=loaded), lines, cuts)
        assert together == one_by_one(detector(loaded=loaded), lines), log.name
        assert together


def test_a_hostile_value_takes_little_room_as_a_key() -> None:
    """Two long values are still told apart."""
    rules = rule(100, "<match>failed</match>") + rule(
        101, "<if_matched_sid>100</if_matched_sid><same_user/>", 9, frequency=1, timeframe=60
    )
    detecting = detector(rules)
    lines = [
        f"Xxx 99 99:99:99 host sshd[7]: Failed password for {'x' * 3000}{who} from 192.0.2.1 port 2 ssh2".encode()
        for who in "abababa"
    ]
    assert [alert.rule for alert in in_chunks(detecting, lines, [])] == [100, 100, 100, 100, 101, 101, 100]
    sources = [source for listener in detecting._windows._all.values() for source in listener.windows]
    assert sources
    assert max(map(len, sources)) < 250
