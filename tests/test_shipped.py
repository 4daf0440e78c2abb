"""Where the shipped scripts are found."""

from __future__ import annotations

import sys
from pathlib import Path

from ar.shipped import shipped_scripts


def test_in_a_checkout_they_lie_beside_the_package():
    assert shipped_scripts() == Path(__file__).resolve().parent.parent / "scripts"


def test_when_frozen_they_lie_where_the_executable_was_unpacked(monkeypatch):
    monkeypatch.setattr(sys, "_MEIPASS", "/tmp/_MEI1", raising=False)
    assert shipped_scripts() == Path("/tmp/_MEI1/scripts")
