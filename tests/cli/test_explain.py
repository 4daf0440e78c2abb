"""explain: what it says of a line, in words and as JSON, and what it remembers."""

import io
import os
import re
import socket
import sys

import pytest

from ar.cli import explain
from ar.cli.whynot import ordinal

FAILED = "Nov 21 06:23:59 pi sshd[99]: Failed password for {user} from {address} port 4242 ssh2"
LINE = FAILED.format(user="root", address="203.0.113.7")


def test_a_script_of_another_contract_is_shown_without_arguments(home, objects, verb):
    (home / "etc/agent.toml").write_text('contract.drop = "wazuh4"\n')
    (said,) = objects("explain", LINE)
    script = f"{home}/active-response/bin/null.sh"
    assert (said["responses"][0]["contract"], said["responses"][0]["argv"]) == ("wazuh4", [script])
    assert f"drop: would run: {script}, told of 203.0.113.7 by wazuh4 (offence 1" in " ".join(
        verb("explain", LINE)[1].split()
    )


def test_json_has_the_documented_keys(objects, home):
    (said,) = objects("explain", LINE)
    responses = said.pop("responses")
    tried = said.pop("tried")
    assert [rule for rule in tried if rule in said["path"]] == said["path"]
    timestamp, groups, description = said.pop("timestamp"), said.pop("groups"), said.pop("description")
    nearly = said.pop("nearly")
    assert said == {
        "line": LINE,
        "cut": False,
        "hostname": "pi",
        "program": "sshd",
        "message": LINE.partition(": ")[2],
        "decoder": "sshd",
        "decoders_tried": [],
        "decoders_tried_more": 0,
        "earlier": [],
        "fields": {"user": "root", "srcip": "203.0.113.7", "srcport": "4242"},
        "rule": 5716,
        "level": 5,
        "alert": True,
        "path": [1, 5700, 5716],
    }
    assert timestamp[4:19] == "-11-21T06:23:59"
    assert "authentication_failed" in groups
    assert description
    assert nearly[0].pop("description")
    assert nearly[0] == {
        "rule": 5720,
        "level": 10,
        "why": "counts 8 events of rule 5716 with the same srcip within 6 min: this is the 1st",
        "lacks": [{"element": "frequency", "asks": "8", "has": "1"}],
        "instead": None,
    }
    drop, mail = responses
    alert_id = drop["argv"][4]
    script = f"{home}/active-response/bin/null.sh"
    assert drop["argv"] == [script, "add", "-", "203.0.113.7", alert_id, "5716", "explain", "-"]
    assert (drop["would_run"], drop["outcome"], drop["timeout_s"]) == (True, "block", 600)
    assert drop["contract"] == "argv"
    assert mail["argv"] == [script, "add", "root", "-", alert_id, "5716", "explain", "-"]
    assert (mail["would_run"], mail["outcome"]) == (True, "run")


def test_words_say_what_would_run(verb, home):
    _, out, _ = verb("explain", LINE)
    assert "rule      5716 (level 5)" in out
    assert "message   Failed password for root from 203.0.113.7 port 4242 ssh2\n" in out
    assert "fields    user     root\n          srcip    203.0.113.7\n          srcport  4242\n" in out
    assert "groups    syslog, sshd, authentication_failed\n" in out
    assert "path      1 > 5700 > 5716 (" in out
    assert "alert     yes\n" in out
    assert f"response  drop: would run: {home}/active-response/bin/null.sh add - 203.0.113.7 " in out
    assert "(offence 1, for 10 min; AR_TIMEOUT=600)" in out


def test_why_not(objects):
    allowlisted, no_user = objects("explain", FAILED.format(user="root", address="10.1.2.3"))[0]["responses"]
    assert (allowlisted["would_run"], allowlisted["why"]) == (False, "allowlisted (10.0.0.0/8)")
    assert no_user["would_run"] is True
    drop, mail = objects("explain", FAILED.format(user="a\\ b;c", address="203.0.113.9"))[0]["responses"] or (
        None,
        None,
    )
    assert drop["would_run"] is True
    assert mail["would_run"] is False
    assert "is not something a script may be handed" in mail["why"]


def test_a_line_that_nothing_knows_is_explained_too(objects, verb):
    (said,) = objects("explain", "no header here")
    assert (said["timestamp"], said["decoder"], said["rule"], said["level"], said["responses"]) == (
        None, "", None, None, [],
    )  # fmt: skip
    assert len(said["decoders_tried"]) > 1
    out = verb("explain", "no header here")[1]
    assert "header    none: the line is taken as it is\n" in out
    assert f"decoder   none: of {len(said['decoders_tried'])} decoders for lines that name no program none finds" in out
    assert "nearly    no rule came near\n" in out
    assert "\nmessage" not in out  # it would be the line once more


def test_lines_on_standard_input_count_together_unless_fresh(objects, monkeypatch):
    def feed():
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((LINE + "\n").encode() * 8)))

    feed()
    assert [said["rule"] for said in objects("explain")] == [5716] * 7 + [5720]
    feed()
    fresh = objects("explain", "--fresh")
    assert [said["rule"] for said in fresh] == [5716] * 8
    assert [said["responses"][0]["outcome"] for said in fresh] == ["block"] * 8


def test_any_bytes_on_standard_input_are_explained(objects, monkeypatch):
    junk = b"\x00\xff\xfe\x1b[2J\n" + b"A" * 1_000_000 + b"\n" + b"\r\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(junk)))
    said = objects("explain")
    assert len(said) == 3
    assert "\x1b" not in said[0]["hostname"]


def test_a_byte_that_is_no_text_is_the_same_as_an_argument_and_on_standard_input(objects, monkeypatch):
    line = LINE.encode().replace(b"root", b"r\xfft")
    (argument,) = objects("explain", "--fresh", os.fsdecode(line))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line)))
    assert objects("explain", "--fresh")[0]["fields"] == argument["fields"]
    assert argument["fields"]["user"] == "r\\xfft"


def test_a_line_that_is_cut_says_so(objects, verb):
    assert [said["cut"] for said in objects("explain", "x" * 6144, "x" * 6145, "\u00e9" * 3073)] == [False, True, True]
    out = verb("explain", "x" * 6145)[1]
    assert "\ncut       after 6144 bytes (line_bytes_max): decoders and rules do not see the rest\n" in out
    assert "\nheader    none: the line is taken as it is\n" in out


def test_a_host_that_the_line_does_not_name_is_told_apart(verb, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "vm")
    out = verb("explain", "2025-03-01T06:00:00+00:00 sshd: x", LINE)[1]
    headers = re.findall(r"^header +(.*)$", out, re.MULTILINE)
    assert [header.partition(", ")[2] for header in headers] == [
        "host vm (this host), program sshd",
        "host pi, program sshd",
    ]


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        (
            '<list field="srcip">lists/bad</list>',
            "asks for <list> 'lists/bad', which is not configured or not there: it never matches",
        ),
        (
            "<if_fts />",
            "asks for what was never seen before; the line's decoder names no fields for that in <fts>",
        ),
    ],
)
def test_what_can_never_match_is_told_with_what_is_missing(verb, home, inside, why):
    (home / "rules/mine.xml").write_text(
        f'<group name="local,"><rule id="100001" level="3">{inside}<description>Q.</description></rule></group>'
    )
    conf = (home / "etc/ossec.conf").read_text()
    (home / "etc/ossec.conf").write_text(
        conf.replace("<ossec_config>", "<ossec_config><rules><include>mine.xml</include></rules>", 1)
    )
    assert f"why not   100001 {why}\n" in verb("explain", "--why-not", "100001", "quiet")[1]


def test_a_configuration_with_mistakes_explains_nothing(verb, home):
    (home / "etc/ossec.conf").write_text("<ossec_config><global></ossec_config>")
    code, out, err = verb("explain", LINE)
    assert (code, out) == (78, "")
    assert "etc/ossec.conf:1: broken XML" in err


def test_a_block_that_ended_before_the_line_is_over(objects):
    times = ("06:00", "06:05", "09:00")
    lines = [LINE.replace("Nov 21 06:23:59", f"2025-03-01T{time}:00+00:00") for time in times]
    drops = [said["responses"][0] for said in objects("explain", *lines)]
    assert [(drop["outcome"], drop["timeout_s"]) for drop in drops] == [
        ("block", 600), ("prolong", 1800), ("block", 3600),
    ]  # fmt: skip


def test_decoders_that_were_tried_are_named_with_what_they_ask(objects, verb):
    line = "Nov 21 06:23:59 pi unheard-of[99]: of"
    (said,) = objects("explain", line)
    assert "decoder   none; tried for unheard-of: pam, which asks for '" in verb("explain", line)[1]
    assert [one["name"] for one in said["decoders_tried"]] == ["pam"]
    assert said["decoders_tried"][0]["prematch"]
    assert "decoder.xml:" in said["decoders_tried"][0]["place"]


def test_of_many_decoders_that_were_tried_json_names_the_first(objects, verb, home):
    (before,) = objects("explain", "no header here")
    (home / "rules/local_decoder.xml").write_text(
        "".join(f'<decoder name="d{number}"><prematch>^nothing</prematch></decoder>' for number in range(20))
    )
    (said,) = objects("explain", "no header here")
    more = len(before["decoders_tried"]) + 20 - 10
    assert (len(said["decoders_tried"]), said["decoders_tried_more"]) == (10, more)
    assert f"none: of {10 + more} decoders" in verb("explain", "no header here")[1]


def test_a_decoder_that_takes_no_fields_says_so(verb):
    assert re.search(
        r"\nfields    none: of \d+ forms of message that sshd knows none fits\n",
        verb("explain", LINE.replace("password", "passwort"))[1],
    )


def test_a_composite_shows_what_it_counted(verb, objects):
    lines = [LINE.replace("4242", str(port)) for port in range(4240, 4248)]
    last = objects("explain", *lines)[-1]
    assert last["earlier"] == lines[6::-1]
    shown = "\n".join(f"          {line}" for line in lines[6::-1])
    out = verb("explain", *lines)[1]
    assert f"counted   this was the 8th event; before it, newest first:\n{shown}\nresponse" in out


def test_a_near_miss_is_told_in_words(verb, objects):
    out = verb("explain", LINE, LINE)[1]
    assert (
        "nearly    5720 (level 10) counts 8 events of rule 5716 with the same srcip within 6 min: this is the 2nd"
        in out
    )
    assert all(len(said["nearly"]) <= 5 for said in objects("explain", LINE, "nothing"))


def test_why_a_rule_makes_no_alert(verb, home):
    (home / "rules/mine.xml").write_text(
        '<group name="local,"><rule id="100001" level="0"><match>quiet</match><description>Q.</description></rule>'
        '<rule id="100002" level="5" ignore="60"><match>loud</match><description>L.</description></rule></group>'
    )
    conf = (home / "etc/ossec.conf").read_text()
    (home / "etc/ossec.conf").write_text(
        conf.replace("<ossec_config>", "<ossec_config><rules><include>mine.xml</include></rules>", 1)
    )
    code, out, err = verb("explain", "quiet", "loud", "loud")
    assert code == 0, err
    assert re.findall(r"^alert +(.*)$", out, re.MULTILINE) == [
        "no: a rule of level 0 makes none",
        "yes",
        "no: this rule keeps silent about a source for 60 s after an alert",
    ]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (5712, "5712 stands below 5710, which did not match: 5710 <"),
        (5700, "5700 matched; a rule below it did too\n"),
        (5716, "5716 matched\n"),
        (31101, "31101 is for decoders of the type web-log; this line's is of the type syslog\n"),
    ],
)
def test_a_rule_that_is_asked_about_is_always_told_of(verb, number, why):
    assert f"why not   {why}" in verb("explain", "--why-not", str(number), LINE)[1]


def test_json_tells_of_the_rule_asked_about(objects):
    assert objects("explain", "--why-not", "5716", LINE)[0]["why_not"] is None
    assert objects("explain", "--why-not", "31101", LINE)[0]["why_not"]["lacks"] == [
        {"element": "category", "asks": "web-log", "has": "syslog"}
    ]


def test_a_rule_that_is_not_loaded_cannot_be_asked_about(verb):
    code, out, err = verb("explain", "--why-not", "424242", LINE)
    assert (code, out) == (64, "")
    assert err == "ar-agent: explain: --why-not is 424242: expected the id of a rule that is loaded\n"


def test_on_a_terminal_lines_are_wrapped_under_their_titles(verb, monkeypatch):
    monkeypatch.setattr(explain, "terminal_width", lambda: 80)
    out = verb("explain", *[LINE] * 8)[1].splitlines()
    words = [line for line in out if "/" not in line]  # a path is not cut
    assert max(map(len, words)) <= 80
    assert "          " + "  port 4242 ssh2" in out


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (22, "22nd"), (101, "101st")],
)
def test_numbers_are_spoken(number, word):
    assert ordinal(number) == word
