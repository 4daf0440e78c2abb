"""What `ar-agent run` prints before it follows the logs; what it does then is tested with whole agents."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from ar.cli import run


class StandingEngine:
    """An engine that says what it would follow and does nothing."""

    observing = False
    blocks_restored = 0
    watcher = SimpleNamespace(followed=lambda: ["/var/log/auth.log"])

    def __init__(self, *_arguments, **_options):
        self.run = lambda: None


@pytest.fixture
def summary(verb, monkeypatch):
    """Start the verb without an agent in it, and return the lines of its summary."""
    monkeypatch.setattr(run, "Engine", StandingEngine)
    monkeypatch.setattr(run, "Signals", object)
    monkeypatch.setattr(run, "Log", lambda *_: lambda *_: None)

    def summary():
        monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)
        code, out, err = verb("run")
        assert (code, err) == (0, "")
        return out.splitlines()

    return summary


RESPONSE = "  response   drop on rule 5716,5720, for 10 min, then 30 min, 1 h, 2 h"


def test_on_a_terminal_long_lines_are_wrapped_under_their_text(summary, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "50")
    lines = summary()
    at = lines.index("  response   drop on rule 5716,5720, for 10 min,")
    assert lines[at + 1] == "             then 30 min, 1 h, 2 h"


def test_for_another_program_each_fact_stays_one_line(summary, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    assert RESPONSE in summary()


@pytest.mark.parametrize("name", ["logs", "logs/alerts", "var"])
def test_a_home_without_a_folder_to_write_in_is_refused_with_what_makes_one(verb, home, name, monkeypatch):
    monkeypatch.setattr(run, "Signals", object)
    (home / name).rename(home / "elsewhere")
    code, out, err = verb("run")
    assert (code, out) == (73, "")
    assert err == f"ar-agent: {home / name}: no such folder: expected a home, which `ar-agent init` makes\n"
