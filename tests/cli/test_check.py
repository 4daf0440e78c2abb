"""`ar-agent check`: what it prints, in each form, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from trialhome import COMMAND, RULES, Trial

from ar.cli import main

TREE = Path(__file__).resolve().parent.parent.parent
BAD = COMMAND + (
    "<active-response><command>firewall-block</command><level>8,x</level></active-response>\n"
    "<syscheck/>\n<active-response><command>firewall-drop</command><rules_id>100002</rules_id><timeout>600</timeout>"
    "<repeated_offenders>30,60,20</repeated_offenders></active-response>"
    "<localfile><log_format>journald</log_format></localfile>"
    "<rules><include>rules_config.xml</include><include>mine.xml</include></rules>"
)


@pytest.fixture
def trial(tmp_path):
    trial = Trial(tmp_path)
    trial.write("rules/mine.xml", RULES)
    trial.write("etc/decoder.xml", "")
    trial.script()
    trial.folders()
    return trial


@pytest.fixture
def check(trial, capsys):
    """Run the verb and return its exit code, what it printed, and its errors."""

    def check(*options: str) -> tuple[int, str, str]:
        code = main(["check", "--home", str(trial.home.root), *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return check


def test_each_finding_is_a_line_with_its_place_and_mistakes_exit_78(trial, check):
    trial.conf(BAD)
    code, out, err = check()
    assert code == 78
    assert err == ""
    assert out.splitlines() == [
        "etc/ossec.conf:7: <command> is 'firewall-block', which is not defined: expected 'firewall-drop'",
        "etc/ossec.conf:7: <level> is '8,x': expected a number 0–16 or a list such as 8,9,10",  # noqa: RUF001 (a range)
        "etc/ossec.conf:9: warning: <repeated_offenders> is '30,60,20': it falls after 1 h: expected a list that rises",
        (
            "etc/ossec.conf:9: response: firewall-drop on rule 100002, for 10 min, then 30 min, 1 h, 20 min "
            "(etc/ossec.conf:9)"
        ),
        "etc/ossec.conf:8: not used: syscheck",
        "2 mistakes, 1 warning, 0 decoders, 11 rules, 1 response, 1 log",
    ]


def test_warnings_alone_exit_0(trial, check):
    trial.conf("")
    code, out, _ = check()
    assert code == 0
    assert "warning: no log is followed: expected a localfile" in out


def test_every_responses_list_of_offenders_is_named_with_its_place(trial, check):
    trial.conf(
        COMMAND
        + "<active-response><command>firewall-drop</command><level>7</level><timeout>60</timeout></active-response>\n"
        "<active-response><command>firewall-drop</command><rules_group>authentication_failed</rules_group>"
        "<timeout>60</timeout><repeated_offenders>5</repeated_offenders></active-response>\n"
        "<active-response><command>firewall-drop</command><level>3-4</level></active-response>"
    )
    trial.toml("repeated_offenders = [30, 60]")
    _, out, _ = check()
    assert [line for line in out.splitlines() if ": response: " in line] == [
        "etc/ossec.conf:7: response: firewall-drop on level 7 and up, for 1 min, then 30 min, 1 h (etc/agent.toml:1)",
        (
            "etc/ossec.conf:8: response: firewall-drop on group authentication_failed, for 1 min, then 5 min "
            "(etc/ossec.conf:8)"
        ),
        "etc/ossec.conf:9: response: firewall-drop on level 3,4, for good",
    ]


def test_json_is_one_object_a_finding_and_a_summary_last(trial, check):
    trial.conf(BAD)
    code, out, _ = check("--json")
    assert code == 78
    *findings, summary = [json.loads(line) for line in out.splitlines()]
    assert [(f["severity"], f["file"], f["line"]) for f in findings] == [
        ("mistake", "etc/ossec.conf", 7), ("mistake", "etc/ossec.conf", 7), ("warning", "etc/ossec.conf", 9),
    ]  # fmt: skip
    assert findings[0]["message"] == "<command> is 'firewall-block', which is not defined: expected 'firewall-drop'"
    assert summary == {
        "summary": True,
        "home": str(trial.home.root),
        "mistakes": 2,
        "warnings": 1,
        "decoders": 0,
        "rules": 11,
        "local_files": ["journald"],
        "responses": [
            {
                "file": "etc/ossec.conf",
                "line": 9,
                "command": "firewall-drop",
                "timeout_s": 600,
                "repeated_offenders_s": [1800, 3600, 1200],
                "repeated_offenders_from": "etc/ossec.conf:9",
            }
        ],
        "unused": [{"file": "etc/ossec.conf", "line": 8, "name": "syscheck"}],
    }


@pytest.fixture
def terminal(monkeypatch):
    """Make standard output a terminal of so many columns."""

    def terminal(columns: int) -> None:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))

    return terminal


def test_a_terminal_gets_aligned_tables(trial, check, terminal):
    trial.conf(BAD)
    terminal(200)
    _, out, _ = check()
    lines = out.splitlines()
    at = lines.index("\x1b[1mResponses\x1b[0m")
    assert lines[at + 1 : at + 3] == [
        "  where             command        on           first offence  repeated offenders",
        "  etc/ossec.conf:9  firewall-drop  rule 100002  10 min         30 min, 1 h, 20 min (etc/ossec.conf:9)",
    ]


def test_what_stands_in_files_does_nothing_to_a_terminal(trial, check):
    trial.toml('[[command]]\nname = "a"\nexecutable = "a\\u001b[31m"\nexpect = []\n"\\u001b[2J" = 1\n')
    _, out, _ = check()
    assert "\x1b" not in out
    assert "unknown key '\\x1b[2J' in [[command]]" in out


def test_print_gives_toml_and_nothing_else(trial, check):
    trial.conf(COMMAND)
    code, out, err = check("--print")
    assert (code, err) == (0, "")
    assert '[[command]]\nname = "firewall-drop"\n' in out


def test_print_refuses_a_configuration_with_mistakes_and_names_them(trial, check):
    trial.conf(BAD)
    code, out, err = check("--print")
    assert code == 78
    assert out == ""
    assert "etc/ossec.conf:7: <command> is 'firewall-block'" in err


def test_print_and_json_exclude_each_other(trial, check):
    with pytest.raises(SystemExit) as stop:
        check("--print", "--json")
    assert stop.value.code == 64


def test_a_home_without_configuration_exits_78_and_names_init(check):
    code, out, _ = check()
    assert code == 78
    assert "`ar-agent init` makes one" in out


def test_a_terminal_too_narrow_for_a_table_gets_lines_wrapped_at_words(trial, check, terminal):
    trial.conf(BAD)
    terminal(60)
    _, out, _ = check()
    lines = out.splitlines()
    assert max(len(line) for line in lines) <= 60
    at = lines.index("\x1b[1;31mMistakes\x1b[0m")
    assert lines[at + 1 : at + 6] == [
        "  etc/ossec.conf:7: <command> is 'firewall-block', which is",
        "      not defined: expected 'firewall-drop'",
        "  etc/ossec.conf:7: <level> is '8,x': expected a number 0–16",  # noqa: RUF001 (a range)
        "      or a list such as 8,9,10",
        "",
    ]
    at = lines.index("\x1b[1mResponses\x1b[0m")
    assert lines[at + 1 : at + 4] == [
        "  etc/ossec.conf:9: firewall-drop on rule 100002, for 10",
        "      min, then 30 min, 1 h, 20 min (etc/ossec.conf:9)",
        "",
    ]
    at = lines.index("\x1b[1mNot used here\x1b[0m")
    assert lines[at + 1 : at + 3] == ["  where             section", "  etc/ossec.conf:8  syscheck"]


def test_a_terminal_is_done_nothing_to_by_lines_that_are_wrapped(trial, check, terminal):
    trial.toml('[[command]]\nname = "a"\nexecutable = "a\\u001b[31m"\nexpect = []\n"\\u001b[2J" = 1\n')
    terminal(40)
    _, out, _ = check()
    assert "\x1b[2J" not in out
    assert "\x1b[31m" not in out


def alike(trial, count: int) -> None:
    """Let the home have decoders that each lead to the same warning."""
    decoders = [
        f'<decoder name="d{number}"><program_name>^d</program_name>\n'
        "<json_null_field>discard</json_null_field></decoder>\n"
        for number in range(count)
    ]
    trial.write("etc/decoder.xml", "".join(decoders))
    trial.conf("<rules><include>rules_config.xml</include></rules>")


ALIKE = "<json_null_field> beside no JSON_Decoder has no effect: expected that plugin"
OTHERS = "etc/decoder.xml:4, etc/decoder.xml:6, etc/decoder.xml:8"


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (3, [f"etc/decoder.xml:{line}: warning: {ALIKE}" for line in (2, 4, 6)]),
        (4, [
            f"etc/decoder.xml:2: warning: {ALIKE} (and 3 more places: {OTHERS})",
        ]),
        (9, [
            f"etc/decoder.xml:2: warning: {ALIKE} (and 8 more places: {OTHERS} …)",
        ]),
    ],
)  # fmt: skip
def test_a_warning_that_stands_in_more_than_three_places_is_told_once(trial, check, count, told):
    alike(trial, count)
    _, out, _ = check()
    assert [line for line in out.splitlines() if "json_null_field" in line] == told
    assert f"0 mistakes, {count + 2} warnings, " in out


def test_a_terminal_gets_such_a_warning_once_too(trial, check, terminal):
    alike(trial, 5)
    terminal(200)
    _, out, _ = check()
    assert out.count(ALIKE) == 1
    assert "(and 4 more places: " in out


def test_json_stays_one_object_a_finding_however_many_are_alike(trial, check):
    alike(trial, 5)
    _, out, _ = check("--json")
    findings = [json.loads(line) for line in out.splitlines()]
    assert [one["line"] for one in findings if one.get("message") == ALIKE] == [2, 4, 6, 8, 10]


def test_mistakes_are_told_each_however_many_are_alike(trial, check):
    trial.conf("\n".join(["<zzz/>"] * 6))
    _, out, _ = check()
    assert out.count("unknown section <zzz>") == 6


def test_a_home_without_configuration_is_told_in_one_finding(check):
    _, out, _ = check()
    assert len(out.splitlines()) == 2
    assert out.splitlines()[1].startswith("1 mistake, 0 warnings, ")


def test_a_message_about_a_shipped_file_calls_it_shipped(trial, check):
    trial.conf("<rules><include>sshd_rules.xml</include></rules>")
    _, out, _ = check()
    assert any(line.startswith("shipped rules/sshd_rules.xml:") for line in out.splitlines())
    assert "ar/ruleset" not in out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("verb", ["check", "run", "explain"])
def test_a_user_who_may_not_enter_the_home_is_told_so_and_nothing_else(trial, verb):
    trial.conf(BAD)
    for folder in list(trial.home.root.parents)[:-2]:
        folder.chmod(0o755)
    trial.home.root.chmod(0o700)
    as_nobody = (  # once as root for a home that is not there, so that nothing is left to be imported
        f"import os, sys; from ar import cli; cli.main({[verb, '--home', '/nonexistent']!r})\n"
        f"print('----', flush=True); os.setuid(65534); sys.exit(cli.main({[verb, '--home', str(trial.home.root)]!r}))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", as_nobody],
        cwd=TREE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = outcome.stdout.partition("----\n")[2]
    assert outcome.returncode == 78, outcome.stdout
    refused = f"{trial.home.root} cannot be entered: Permission denied: expected root, or a home of your own"
    assert f"etc/ossec.conf: {refused}\n" in said
    assert len(said.splitlines()) == 2
