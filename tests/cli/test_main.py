"""The front door: help, wrong verbs, the home, and exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ar import __version__
from ar.cli import VERBS, main


def test_help_names_every_verb(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {verb} " in out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_of_its_own(verb, capsys):
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    assert f"usage: ar-agent {verb}" in capsys.readouterr().out


def test_without_a_verb_the_help_is_printed_and_the_exit_code_says_usage(capsys):
    assert main([]) == 64
    assert "usage:" in capsys.readouterr().out


def test_a_mistyped_verb_is_answered_with_the_nearest(capsys):
    assert main(["chekc"]) == 64
    assert capsys.readouterr().err == "ar-agent: unknown verb 'chekc': expected 'check'\n"


def test_a_mistyped_option_exits_with_usage(capsys):
    with pytest.raises(SystemExit) as end:
        main(["list", "--jsno"])
    assert end.value.code == 64
    assert "unrecognized arguments: --jsno" in capsys.readouterr().err


def test_the_home_is_the_option_else_the_variable(home, monkeypatch, capsys):
    assert main(["list", "--home", str(home)]) == 0
    assert main([f"--home={home}", "list"]) == 0
    monkeypatch.setenv("AR_HOME", str(home))
    assert main(["list"]) == 0
    capsys.readouterr()


def test_version(capsys):
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == __version__


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path, home):
    agent = Path(__file__).parents[2] / "agent.py"
    log = tmp_path / "long.log"
    log.write_text("Nov 21 06:23:59 pi sshd[99]: Failed password for root from 203.0.113.7 port 4242 ssh2\n" * 3000)
    pipe = f"{sys.executable} {agent} --home {home} explain --json < {log} | head -n 1"
    done = subprocess.run(["sh", "-c", pipe], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout)["rule"] == 5716
