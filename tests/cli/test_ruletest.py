"""explain --test: what it says of tests that hold and of those that do not, and OSSEC's own tests."""

import json
import re
from pathlib import Path

import pytest

from ar.cli import main

OSSEC = Path(__file__).parents[3] / "shared" / "ossec"

SSHD = "Nov 21 06:23:59 pi sshd[99]: "
FAILED = f"{SSHD}Failed password for root from 203.0.113.7 port 4242 ssh2"


@pytest.fixture
def tests(tmp_path):
    """Write one section into a file of tests; return its name."""

    def write(logs, *, rule=5716, level=5, decoder="sshd"):
        path = tmp_path / "my.ini"
        path.write_text(f"[Mine]\n{logs}\nrule = {rule}\nalert = {level}\ndecoder = {decoder}\n")
        return str(path)

    return write


def test_what_holds_needs_one_line(verb, tests):
    name = tests(f"log 1 pass = {FAILED}\nlog 2 fail = {SSHD}Connection closed")
    assert verb("explain", "--test", name) == (0, "2 logs in 1 file: 2 as expected, 0 not\n", "")


def test_what_does_not_hold_is_told_with_its_place_and_why(verb, tests):
    name = tests(f"log 1 pass = {FAILED}", rule=5710)
    code, out, err = verb("explain", "--test", name)
    assert (code, err) == (1, "")
    first, last = out.splitlines()
    expected = (
        f"{name}:2: log 1 pass: expected rule 5710 (level 5), decoder sshd: got rule 5716 (level 5), decoder sshd"
    )
    assert first.startswith(f"{expected} (5710 <")
    assert last == "1 log in 1 file: 0 as expected, 1 not"


def test_a_line_that_should_not_get_the_rule_and_does_is_told(verb, tests):
    name = tests(f"log 1 fail = {FAILED}")
    code, out, _ = verb("explain", "--test", name)
    assert code == 1
    assert f"{name}:2: log 1 fail: expected anything but rule 5716 (level 5), decoder sshd: got just that\n" in out


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ({"rule": 99999}, "(rule 99999 is not loaded)"),
        ({"rule": 5700, "level": 0}, "(5700 matched, and 5716 below it did too)"),
        (
            {"rule": 5720, "level": 10},
            "(5720 counts 8 events of rule 5716 with the same srcip within 6 min: this is the 1st)",
        ),
        ({"level": 6}, "got rule 5716 (level 5), decoder sshd\n"),
        ({"rule": 31101}, "(31101 is for decoders of the type web-log; this line's is of the type syslog)"),
    ],
)
def test_the_hint_fits_the_reason(verb, tests, expected, why):
    assert why in verb("explain", "--test", tests(f"log 1 pass = {FAILED}", **expected))[1]


def test_each_log_is_given_to_a_detector_that_has_seen_nothing(verb, tests):
    logs = "\n".join(f"log {number} pass = {FAILED}" for number in range(20))
    assert verb("explain", "--test", tests(logs))[0] == 0


def test_json_tells_every_log_and_a_summary(verb, tests):
    name = tests(f"log 1 pass = {FAILED}\nlog 2 fail = {FAILED}")
    code, out, _ = verb("explain", "--json", "--test", name)
    passing, failing, summary = map(json.loads, out.splitlines())
    outcome = {"rule": 5716, "level": 5, "decoder": "sshd"}
    assert code == 1
    assert passing == {
        "file": name, "line": 2, "section": "Mine", "name": "log 1 pass", "log": FAILED, "pass": True,
        "expected": outcome, "actual": outcome, "ok": True, "why": "",
    }  # fmt: skip
    assert (failing["line"], failing["pass"], failing["ok"]) == (3, False, False)
    assert summary == {"summary": True, "files": 1, "logs": 2, "failed": 1, "ok": False}


def test_mistakes_in_the_files_are_told_and_nothing_runs(verb, tests):
    name = tests(f"log 1 pass = {FAILED}", rule="x")
    code, out, err = verb("explain", "--test", name, name)
    assert (code, out) == (65, "")
    assert err.count(f"{name}:3: 'rule' is 'x': expected a number from 0 to 999999\n") == 2


def test_warnings_do_not_fail_a_test(verb, tests):
    name = tests(f"log 1 pass = {FAILED}\nnote = mine")
    code, out, err = verb("explain", "--test", name)
    assert (code, out) == (0, "1 log in 1 file: 1 as expected, 0 not\n")
    assert f"WARNING: {name}:3: 'note' is passed over" in err


def test_what_cannot_be_read_is_told(verb, tmp_path):
    for name, problem in ((str(tmp_path), "Is a directory"), (str(tmp_path / "none.ini"), "No such file or directory")):
        code, out, err = verb("explain", "--test", name)
        assert (code, out) == (65, "")
        assert err == f"ar-agent: {name}: cannot be read: {problem}: expected a file of rule tests\n"


def test_lines_beside_tests_are_refused(verb, tests):
    code, _, err = verb("explain", "a line", "--test", tests(f"log 1 pass = {FAILED}"))
    assert code == 64
    assert "--test takes its lines from its files" in err


@pytest.mark.skipif(not OSSEC.exists(), reason="OSSEC's ruleset and its tests are not beside this checkout")
def test_of_ossecs_own_tests_only_those_fail_that_fail_with_the_real_program(tmp_path, capsys):
    """Two of them want an alert of snort to be known from before (fts), where each log has a fresh start."""
    for name in ("etc", "active-response/bin"):
        (tmp_path / name).mkdir(parents=True)
    conf = (OSSEC / "ossec-local.conf").read_text(encoding="utf-8")
    (tmp_path / "etc/ossec.conf").write_text(_without_responses(conf), encoding="utf-8")
    (tmp_path / "etc/decoder.xml").symlink_to(OSSEC / "decoder.xml")
    (tmp_path / "rules").symlink_to(OSSEC / "rules")
    files = sorted(str(path) for path in (OSSEC / "tests").glob("*.ini"))
    code = main(["--home", str(tmp_path), "explain", "--json", "--test", *files])
    *logs, summary = map(json.loads, capsys.readouterr().out.splitlines())
    known = json.loads((OSSEC / "tests/expected.json").read_text(encoding="utf-8"))
    assert [(Path(log["file"]).name, log["ok"]) for log in logs] == [(case["file"], case["ok"]) for case in known]
    assert all(log["log"].startswith(case["log"]) for log, case in zip(logs, known))  # the real runner cuts some at ;
    assert (code, summary["logs"], summary["failed"]) == (1, 141, 2)


def _without_responses(conf):
    """Leave out the commands, whose scripts this home does not have."""
    return re.sub(r"<(command|active-response)>.*?</\1>", "", conf, flags=re.DOTALL)
