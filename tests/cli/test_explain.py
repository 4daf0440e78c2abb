"""explain: what it says of a line, in words and as JSON, and what it remembers."""

import io
import sys

FAILED = "Nov 21 06:23:59 pi sshd[99]: Failed password for {user} from {address} port 4242 ssh2"
LINE = FAILED.format(user="root", address="203.0.113.7")


def test_json_has_the_documented_keys(objects, home):
    (said,) = objects("explain", LINE)
    responses = said.pop("responses")
    tried = said.pop("tried")
    assert [rule for rule in tried if rule in said["path"]] == said["path"]
    timestamp, groups, description = said.pop("timestamp"), said.pop("groups"), said.pop("description")
    assert said == {
        "line": LINE,
        "hostname": "pi",
        "program": "sshd",
        "decoder": "sshd",
        "fields": {"user": "root", "srcip": "203.0.113.7", "srcport": "4242"},
        "rule": 5716,
        "level": 5,
        "alert": True,
        "path": [1, 5700, 5716],
    }
    assert timestamp[4:19] == "-11-21T06:23:59"
    assert "authentication_failed" in groups
    assert description
    drop, mail = responses
    alert_id = drop["argv"][4]
    script = f"{home}/active-response/bin/null.sh"
    assert drop["argv"] == [script, "add", "-", "203.0.113.7", alert_id, "5716", "explain", "-"]
    assert (drop["would_run"], drop["outcome"], drop["timeout_s"]) == (True, "block", 600)
    assert mail["argv"] == [script, "add", "root", "-", alert_id, "5716", "explain", "-"]
    assert (mail["would_run"], mail["outcome"]) == (True, "run")


def test_words_say_what_would_run(verb, home):
    _, out, _ = verb("explain", LINE)
    assert "rule      5716 (level 5)" in out
    assert "path      1 > 5700 > 5716 (" in out
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
    assert "decoder   none" in verb("explain", "no header here")[1]


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
