"""`ar-agent self-test` says whether the shipped rules work in the program it runs in."""

from __future__ import annotations

import json

from ar.cli import main
from ar.ruleset import golden


def test_says_ok_in_one_line(capsys):
    """All is well: exit 0 and a line that can be read."""
    assert main(["self-test"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.endswith(" 0 failed: ok\n")


def test_json_is_one_object_with_the_figures(capsys):
    """The keys that scripts rely on."""
    assert main(["self-test", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["ok"], facts["failed"], facts["frozen"]) == (True, 0, False)
    assert facts["samples"] == len(golden.golden_samples())
    assert facts["rules"] >= 140
    assert facts["decoders"] >= 50


def test_failure_is_printed_and_is_exit_70(monkeypatch, tmp_path, capsys):
    """A wrong verdict is shown with its place, as text and as JSON."""
    path = tmp_path / "x.golden"
    path.write_text('Nov 20 10:00:00 pi sshd[1]: x\n{"rule": 5716}\n', encoding="utf-8")
    monkeypatch.setattr(golden, "golden_files", lambda: [path])
    assert main(["self-test"]) == 70
    assert "FAILED x.golden:1: Nov 20 10:00:00 pi sshd[1]: x\n  expected" in capsys.readouterr().out
    assert main(["self-test", "--json"]) == 70
    failure, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert failure["place"] == "x.golden:1"
    assert (failure["expected"], failure["actual"]) == ({"rule": 5716}, {"decoder": "sshd", "rule": None})
    assert (summary["ok"], summary["failed"]) == (False, 1)


def test_golden_set_that_was_left_out_is_a_failure(monkeypatch):
    """An executable built without its golden files must not pass for a tested one."""
    monkeypatch.setattr(golden, "golden_files", list)
    assert main(["self-test"]) == 70
