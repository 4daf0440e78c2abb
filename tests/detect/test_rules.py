"""Rules: the tree they hang in, the order in which they are tried, and what each can ask."""

from __future__ import annotations

from datetime import datetime
from typing import List

import pytest
from detecting import NOON, ROOT, SSHD, detector, failure, fired, rule, ruleset, take

from ar.detect.ruleset import Text, load
from ar.detect.times import parse_days, parse_span

WEB = """
<decoder name="web">
  <type>web-log</type><prematch>^\\S+ \\w+ </prematch>
  <regex>^(\\S+) (\\w+) (\\S+) (\\d+) (\\w+) (\\S+)</regex><order>srcip,action,url,id,status,data</order></decoder>
"""
HIT = "192.0.2.9 GET /a?b 404 bad Extra"


def test_a_child_replaces_its_parent_and_the_path_says_so() -> None:
    rules = rule(100, "<match>failed</match>") + rule(101, "<if_sid>100</if_sid><match>root</match>", 10)
    verdict = take(detector(rules), failure("192.0.2.1"))
    assert (fired(verdict), verdict.path) == ((101, True), (1, 100, 101))
    verdict = take(detector(rules), failure("192.0.2.1", "bob"))
    assert (fired(verdict), verdict.path) == ((100, True), (1, 100))


def test_no_rule_means_no_alert() -> None:
    verdict = take(detector(rule(100, "<match>other</match>")), failure("192.0.2.1"))
    assert (verdict.rule, verdict.alert, verdict.path) == (None, None, ())


def test_level_0_is_tried_first_and_ends_the_search_in_silence() -> None:
    rules = rule(100, "<match>failed</match>", 15) + rule(101, "<match>failed</match>", 0)
    assert fired(take(detector(rules), failure("192.0.2.1"))) == (101, False)


def test_a_higher_level_is_tried_first_and_equal_ones_in_order() -> None:
    rules = "".join(rule(n, "<match>failed</match>", level) for n, level in ((100, 3), (101, 7), (102, 7)))
    assert fired(take(detector(rules), failure("192.0.2.1"))) == (101, True)


def test_an_inaccurate_rule_is_tried_last() -> None:
    rules = rule(100, "<match>failed</match>", 15, accuracy=0) + rule(101, "<match>failed</match>", 1)
    assert fired(take(detector(rules), failure("192.0.2.1"))) == (101, True)


def test_noalert_without_a_child_that_fits_counts_as_not_matched() -> None:
    rules = rule(100, "<match>failed</match>", 9, noalert=1) + rule(101, "<if_sid>100</if_sid><match>zzz</match>")
    rules += rule(102, "<match>failed</match>", 2)
    assert fired(take(detector(rules), failure("192.0.2.1"))) == (102, True)


def test_a_rule_hangs_under_every_parent_it_names() -> None:
    rules = rule(100, "<match>alpha</match>") + rule(101, "<match>beta</match>")
    rules += rule(102, "<if_sid>100, 101</if_sid><match>x</match>", 9)
    for word in ("alpha", "beta"):
        assert fired(take(detector(rules), f"{word} x")) == (102, True)


def test_if_group_hangs_under_every_rule_of_the_group() -> None:
    rules = rule(100, "<match>alpha</match><group>win,</group>") + rule(101, "<match>beta</match>")
    rules += rule(102, "<if_group>win</if_group><match>x</match>", 9)
    assert fired(take(detector(rules), "alpha x")) == (102, True)
    assert fired(take(detector(rules), "beta x")) == (101, True)


def test_if_level_hangs_under_every_rule_of_that_level_or_higher() -> None:
    rules = rule(100, "<match>alpha</match>", 8) + rule(101, "<match>beta</match>", 3)
    rules += rule(102, "<if_level>5</if_level><match>x</match>", 2)
    assert fired(take(detector(rules), "alpha x")) == (102, True)
    assert fired(take(detector(rules), "beta x")) == (101, True)


@pytest.mark.parametrize(
    ("inside", "parents"),
    [
        ("<if_matched_sid>100</if_matched_sid>", [100]),
        ("<if_matched_sid>100</if_matched_sid><if_level>7</if_level>", [100]),
        ("<if_matched_sid>100</if_matched_sid><if_group>red</if_group>", [102]),
        ("<if_matched_sid>100</if_matched_sid><if_group>red</if_group><if_level>7</if_level>", [101]),
        ("<if_matched_sid>100</if_matched_sid><if_sid>103</if_sid><if_level>7</if_level>", [103]),
        ("<if_matched_group>red</if_matched_group>", [102]),
        ("<if_matched_group>red</if_matched_group><if_level>7</if_level>", [101]),
        ("<if_matched_group>red</if_matched_group><if_group>blue</if_group>", [103]),
        ("<if_matched_group>red</if_matched_group><if_sid>103</if_sid>", [103]),
        ("<if_matched_group>red</if_matched_group><if_matched_sid>100</if_matched_sid>", [100]),
    ],
)
def test_what_is_counted_says_where_a_rule_hangs_when_nothing_else_does(inside: str, parents: List[int]) -> None:
    """As an <if_sid> it wins over <if_level>, as an <if_group> it does not."""
    plain = (
        rule(100, "", 5) + rule(101, "", 7) + rule(102, "<group>red</group>", 5) + rule(103, "<group>blue</group>", 5)
    )
    rules = ROOT.replace('level="0"', 'level="1"') + f'<group name="x,">{plain}{rule(200, inside, 9)}</group>'
    by_id = load([], [Text("rules.xml", rules)]).rules.by_id
    assert [number for number, one in by_id.items() if by_id[200] in one.children] == parents


def test_if_level_takes_a_level_of_0_for_99_as_the_order_of_siblings_does() -> None:
    rules = rule(100, "<match>alpha</match>", 0) + rule(101, "<match>beta</match>", 9, accuracy=0)
    rules += rule(102, "<if_level>16</if_level><match>x</match>", 2)
    assert fired(take(detector(rules), "alpha x")) == (102, True)
    assert fired(take(detector(rules), "beta x")) == (102, True), "it hangs under the root too, whose level is 0"
    assert fired(take(detector(rules), "beta")) == (101, True)


def test_only_roots_of_the_category_are_walked() -> None:
    rules = rule(100, "<category>web-log</category><match>x</match>") + rule(101, "<match>x</match>")
    detecting = detector(rules, WEB)
    assert fired(take(detecting, "a b x 1 c d")) == (100, True)
    assert fired(take(detecting, "x")) == (101, True)


def test_a_child_of_if_sid_takes_over_the_category() -> None:
    rules = rule(100, "<category>web-log</category>", 0) + rule(101, "<if_sid>100</if_sid><id>^404</id>")
    assert fired(take(detector(rules, WEB), HIT)) == (101, True)


# element, whether the rule matches HIT
ASKED = [
    ("<decoded_as>web</decoded_as>", True),
    ("<match>GET /</match>", True),
    ("<match>^get</match>", False),
    ("<match>^192.0|^x</match>", True),
    ("<match>Extra$</match>", True),
    ("<regex>^\\d+.\\d+</regex>", True),
    ("<regex>^\\w+ x</regex>", False),
    ("<pcre2>\\?b\\b</pcre2>", True),
    ("<match>GET</match><regex>4\\d4</regex>", True),
    ("<match>GET</match><regex>4\\d5</regex>", False),
    ("<match>GET</match><pcre2>POST|404</pcre2>", True),
    ("<match>GE</match><match>T /</match>", True),  # joined as text
    ("<srcip>192.0.2.9</srcip>", True),
    ("<srcip>192.0.2.0/24</srcip>", True),
    ("<srcip>192.0.2.</srcip>", True),
    ("<srcip>::ffff:192.0.2.0/120</srcip>", True),
    ("<srcip>198.51.100.0/24</srcip>", False),
    ("<srcip>!198.51.100.0/24</srcip>", True),
    ("<srcip>!192.0.2.9</srcip>", False),
    ("<srcip>198.51.100.1</srcip><srcip>192.0.2.9</srcip>", True),
    ("<srcip>192.0.2.0/24</srcip><srcip>!192.0.2.9</srcip>", True),  # the first that holds the address decides
    ("<srcip>!192.0.2.9</srcip><srcip>192.0.2.0/24</srcip>", False),
    ("<srcip>!192.0.2.8</srcip><srcip>192.0.2.0/24</srcip>", False),  # negated too, after one that is
    ("<srcip>!192.0.2.8</srcip>", True),
    ("<srcip>any</srcip>", True),
    ("<srcip>!any</srcip>", False),
    ("<srcip>2001:db8::/32</srcip>", False),
    ("<dstip>192.0.2.9</dstip>", False),  # the event has none
    ("<action>GET</action>", True),
    ("<action>get</action>", False),  # exact
    ("<url>^/A?</url>", True),
    ("<url_pcre2>\\?b$</url_pcre2>", True),
    ("<id>^4</id>", True),
    ("<id_pcre2>^(?:5|3)</id_pcre2>", False),
    ("<status>^bad$</status>", True),
    ("<extra_data>extra</extra_data>", True),
    ("<user>.</user>", False),
    ("<hostname>host</hostname>", False),
    ("<program_name>web</program_name>", False),
    ('<field name="url">^\\Sa</field>', True),
    ('<field name="url">^x</field>', False),
    ('<field name="none">x</field>', False),
    ("<compiled_rule>is_simple_http_request</compiled_rule>", False),
    ("<list field='srcip' lookup='address_match_key'>etc/lists/x</list>", False),
    ("<check_diff/>", False),
]


@pytest.mark.parametrize(("inside", "matches"), ASKED)
def test_a_rule_matches_when_all_that_it_asks_holds(inside: str, *, matches: bool) -> None:
    rules = rule(100, f"<category>web-log</category>{inside}")
    assert (take(detector(rules, WEB), HIT).rule is not None) is matches


SSH_ASKED = [
    ("<program_name>^SSHD</program_name>", True),
    ("<program_name>^su</program_name>", False),
    ("<program_name_pcre2>^ss(?=hd)</program_name_pcre2>", True),
    ("<hostname>^ho</hostname>", True),
    ("<user>^root$</user>", True),
    ("<user_pcre2>^(?:bob|root)$</user_pcre2>", True),
    ("<srcport>^2222$</srcport>", True),
    ("<decoded_as>sshd</decoded_as>", True),
]


@pytest.mark.parametrize(("inside", "matches"), SSH_ASKED)
def test_what_the_header_gives_can_be_asked(inside: str, *, matches: bool) -> None:
    assert (take(detector(rule(100, inside)), failure("192.0.2.1")).rule is not None) is matches


def test_a_rule_asks_for_the_source_user_where_there_is_no_other() -> None:
    decoders = '<decoder name="d"><prematch>^u</prematch><regex>^u (\\w+)</regex><order>srcuser</order></decoder>'
    assert take(detector(rule(100, "<user>^bob</user>"), decoders), "u bob").rule is not None


@pytest.mark.parametrize(("size", "matches"), [(len(HIT), True), (len(HIT) + 1, False)])
def test_maxsize_matches_lines_of_that_length_and_longer(size: int, *, matches: bool) -> None:
    rules = rule(100, "<category>web-log</category>", maxsize=size)
    assert (take(detector(rules, WEB), HIT).rule is not None) is matches


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("9:00 - 17:30", "9:00 17:30", "8:59 17:31"),
        ("6 pm - 8:30 am", "18:00 23:59 0:00 8:30", "8:31 17:59"),
        ("!6 pm - 8:30 am", "8:31 17:59", "18:00 8:30"),
        ("12 am-12:30 pm", "0:00 12:30", "12:31"),
    ],
)
def test_a_time_of_day_holds_on_both_ends_and_over_midnight(text: str, inside: str, outside: str) -> None:
    span = parse_span(text)
    for clocks, expected in ((inside, True), (outside, False)):
        for clock in clocks.split():
            hour, minute = map(int, clock.split(":"))
            assert (hour * 60 + minute in span) is expected, clock


@pytest.mark.parametrize("text", ["", "9:00", "25:00 - 26:00", "13 pm - 14 pm", "9:60 - 10", "x - y"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^.*$"):
        parse_span(text)


def test_days_have_names_short_names_and_sets() -> None:
    assert parse_days("monday,tue") == {0, 1}
    assert parse_days("weekends") == {5, 6}
    assert parse_days("!weekdays") == {5, 6}
    assert parse_days("!Monday") == {1, 2, 3, 4, 5, 6}
    for text in ("", "someday", "!"):
        with pytest.raises(ValueError, match=r"^.*$"):
            parse_days(text)


def test_time_and_weekday_ask_for_the_local_time_of_the_event() -> None:
    local = datetime.fromtimestamp(NOON)  # noqa: DTZ006 (local time is meant)
    clock, day = local.strftime("%H:%M"), local.strftime("%A").lower()
    rules = rule(100, f"<time>{clock} - {clock}</time><weekday>{day}</weekday>")
    assert take(detector(rules), "x").rule is not None
    assert take(detector(rules), "x", NOON + 86_400).rule is None
    assert take(detector(rules), "x", NOON + 7 * 86_400 + 120).rule is None


def test_overwrite_replaces_what_a_rule_asks_and_keeps_its_place() -> None:
    rules = rule(100, "<match>failed</match>", 5) + rule(101, "<if_sid>100</if_sid><match>root</match>", 7)
    rules += rule(100, "<match>password</match>", 9, overwrite="yes")
    loaded = ruleset(rules)
    assert (loaded.rules.by_id[100].level, len(loaded.rules)) == (9, 3)
    assert fired(take(detector(loaded=loaded), failure("192.0.2.1"))) == (101, True)
    assert fired(take(detector(loaded=loaded), failure("192.0.2.1", "bob"))) == (100, True)
    assert fired(take(detector(loaded=loaded), "failed")) == (None, False)


def test_overwriting_a_level_alone_keeps_pcre2_conditions() -> None:
    """OSSEC resets the others and leaves these; a rule whose level was raised must not match everything."""
    rules = rule(100, "<pcre2>fail(?=ed)</pcre2>") + rule(100, "", 9, overwrite="yes")
    assert fired(take(detector(rules), failure("192.0.2.1"))) == (100, True)
    assert fired(take(detector(rules), "other")) == (None, False)
    rules += rule(100, "<pcre2>oth(?=er)</pcre2>", 9, overwrite="yes")
    assert fired(take(detector(rules), "other")) == (100, True)
    assert fired(take(detector(rules), failure("192.0.2.1"))) == (None, False)


def test_overwrite_of_a_rule_not_there_adds_it() -> None:
    assert fired(take(detector(rule(100, "<match>failed</match>", overwrite="yes")), failure("192.0.2.1")))[0] == 100


def test_groups_are_joined_as_ossec_joins_them() -> None:
    loaded = ruleset(rule(100, "<group>a,b,</group><group>c</group>"))
    found = loaded.rules.by_id[100]
    assert (found.group_text, found.groups) == ("local,a,b,c", ("local", "a", "b", "c"))


def test_repeated_descriptions_are_joined_and_options_are_read() -> None:
    inside = "<description>One </description><options>no_ar</options><options>no_log</options>"
    inside += "<options>alert_by_email</options><match>failed</match>"
    verdict = take(detector(rule(100, inside)), failure("192.0.2.1"))
    assert verdict.rule is not None
    assert verdict.alert is not None
    assert verdict.rule.description == "One Rule 100."
    assert (verdict.rule.no_ar, verdict.rule.no_log) == (True, True)
    assert verdict.alert.active_response is False


def test_if_fts_holds_once_for_each_key() -> None:
    decoders = SSHD.replace("<order>user", "<fts>name, user, location</fts><order>user")
    rules = rule(100, "<match>failed</match>", 1) + rule(101, "<if_sid>100</if_sid><if_fts/>", 4)
    detecting = detector(rules, decoders)
    found = [fired(take(detecting, failure("192.0.2.1", user)))[0] for user in ("a", "a", "b", "a", "b")]
    assert found == [101, 100, 101, 100, 100]
    detecting.forget()
    assert fired(take(detecting, failure("192.0.2.1", "a")))[0] == 101


def test_a_rule_can_put_values_on_the_list_that_another_one_ignores() -> None:
    rules = rule(100, "<match>failed</match><check_if_ignored>srcip</check_if_ignored>")
    rules += rule(101, "<if_sid>100</if_sid><user>^evil</user><ignore>srcip</ignore>", 9)
    detecting = detector(rules)
    assert fired(take(detecting, failure("192.0.2.1"))) == (100, True)
    assert fired(take(detecting, failure("192.0.2.1", "evil"))) == (101, True)
    assert fired(take(detecting, failure("192.0.2.1"))) == (100, False)
    assert fired(take(detecting, failure("192.0.2.2"))) == (100, True)


def test_a_rule_of_level_0_puts_no_values_on_that_list() -> None:
    """Of its events nothing is remembered."""
    rules = rule(100, "<match>failed</match><check_if_ignored>srcip</check_if_ignored>")
    rules += rule(101, "<if_sid>100</if_sid><user>^evil</user><ignore>srcip</ignore>", 0)
    detecting = detector(rules)
    found = [fired(take(detecting, failure("192.0.2.1", user))) for user in ("bob", "evil", "bob")]
    assert found == [(100, True), (101, False), (100, True)]


@pytest.mark.parametrize(
    ("name", "log", "matches"),
    [
        ("is_simple_http_request", "1.1.1.1 GET /a 404 x y", True),
        ("is_simple_http_request", "1.1.1.1 POST /a 404 x y", False),
        ("is_simple_http_request", "1.1.1.1 GET /a?b 404 x y", False),
        ("check_id_size", "1.1.1.1 GET /a 1234567890 x y", True),
        ("check_id_size", "1.1.1.1 GET /a 123456789 x y", False),
        ("comp_srcuser_dstuser", "1.1.1.1 GET /a 1 x y", True),
        (
            "comp_mswin_targetuser_calleruser_diff",
            "1.1.1.1 GET /a 1 x Target Account Name: bob  Caller User Name: amy  ",
            True,
        ),
        (
            "comp_mswin_targetuser_calleruser_diff",
            "1.1.1.1 GET /a 1 x Target Account Name: bob  Caller User Name: bob  ",
            False,
        ),
    ],
)
def test_conditions_that_ossec_has_in_c(name: str, log: str, *, matches: bool) -> None:
    rules = rule(100, f"<category>web-log</category><compiled_rule>{name}</compiled_rule>")
    assert (take(detector(rules, WEB), log).rule is not None) is matches


def test_the_trace_says_which_rules_were_tried() -> None:
    rules = rule(100, "<match>alpha</match>", 9) + rule(101, "<match>failed</match>")
    detecting = detector(rules)
    take(detecting, failure("192.0.2.1"))
    assert detecting.tried == [1, 100, 101]
