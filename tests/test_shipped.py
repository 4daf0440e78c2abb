"""Where the shipped files are found, and the one order of rule files."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from ar import shipped

ROOT = Path(__file__).resolve().parent.parent


def test_in_a_checkout_they_lie_beside_the_modules():
    """Scripts, decoders, rules and samples are where the source has them."""
    assert shipped.shipped_scripts() == ROOT / "scripts"
    assert shipped.SHIPPED_DECODERS == ROOT / "ar/ruleset/decoder.xml"
    assert {path.parent for path in shipped.shipped_rules()} == {ROOT / "ar/ruleset/rules"}
    assert shipped.as_shown(shipped.SHIPPED_DECODERS) == "shipped decoder.xml"
    assert shipped.as_shown(shipped.SHIPPED_RULES / "a.xml") == "shipped rules/a.xml"


def test_wherever_the_modules_lie_the_files_lie_beside_them(tmp_path):
    """The executable unpacks its modules' names and its files into one folder, which is another at each start."""
    (tmp_path / "ar").mkdir()
    spec = importlib.util.spec_from_file_location("unpacked", shutil.copy(shipped.__file__, tmp_path / "ar"))
    unpacked = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unpacked)
    assert unpacked.shipped_scripts() == tmp_path / "scripts"
    assert tmp_path / "ar/ruleset/rules" == unpacked.SHIPPED_RULES


def test_parents_come_first_whatever_the_disk_says():
    """Rules find their parents only in what was read before; local rules come after everything."""
    names = ["b.xml", "local_rules.xml", "web_rules.xml", "a.xml", "attack_rules.xml", "rules_config.xml"]
    expected = ["rules_config.xml", "web_rules.xml", "a.xml", "b.xml", "attack_rules.xml", "local_rules.xml"]
    assert shipped.in_loading_order(names) == expected
    assert shipped.shipped_rules()[0].name == "rules_config.xml"


def test_a_folder_that_was_swept_away_is_an_error_and_not_an_empty_ruleset(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "SHIPPED_RULES", tmp_path / "swept")
    with pytest.raises(FileNotFoundError):
        shipped.shipped_rules()
