"""Which decoder, rule and list files are loaded, from where, and in which order."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from trialhome import RULES

from ar.cdb import build_cdb
from ar.shipped import shipped_rules

NAMES_SHIPPED = {path.name for path in shipped_rules()}
OSSEC = Path(__file__).parents[3] / "shared/ossec"
DECODER = '<decoder name="trial"><program_name>^trial</program_name></decoder>\n'


def names(included) -> list[str]:
    return [file.path.name for file in included]


def test_without_rules_everything_shipped_is_loaded_parents_first(trial):
    trial.conf("")
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == []
    assert set(names(loaded.config.rule_files)) == NAMES_SHIPPED
    assert names(loaded.config.rule_files)[0] == "rules_config.xml"
    assert names(loaded.config.decoder_files) == ["decoder.xml"]
    assert all(file.shipped for file in (*loaded.config.rule_files, *loaded.config.decoder_files))
    assert len(loaded.ruleset.rules) > 0
    assert len(loaded.ruleset.decoders) > 0


def test_without_rules_the_homes_local_files_are_loaded_last(trial):
    trial.conf("")
    trial.write("rules/local_rules.xml", RULES)
    trial.write("rules/local_decoder.xml", DECODER)
    trial.write("etc/local_decoder.xml", DECODER.replace("trial", "other"))
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == []
    assert loaded.config.rule_files[-1].path == trial.home.rules / "local_rules.xml"
    assert [str(file.path.relative_to(trial.home.root)) for file in loaded.config.decoder_files[1:]] == [
        "rules/local_decoder.xml", "etc/local_decoder.xml",
    ]  # fmt: skip
    assert 100002 in loaded.ruleset.rules.by_id


def test_an_included_name_is_taken_from_the_home_and_else_from_what_is_shipped(trial):
    trial.conf("<rules><include>rules_config.xml</include>\n<include>mine.xml</include></rules>")
    trial.write("rules/mine.xml", RULES)
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == []
    assert [(file.path.name, file.shipped) for file in loaded.config.rule_files] == [
        ("rules_config.xml", True),
        ("mine.xml", False),
    ]
    assert str(loaded.ruleset.rules.by_id[100002].place).startswith("rules/mine.xml:")


def test_the_homes_file_wins_over_the_shipped_one_of_that_name(trial):
    trial.conf("<rules><include>rules_config.xml</include><include>sshd_rules.xml</include></rules>")
    trial.write("rules/sshd_rules.xml", RULES)
    loaded = trial.load()
    assert not loaded.config.rule_files[1].shipped
    assert 5710 not in loaded.ruleset.rules.by_id


def test_a_name_that_is_nowhere_is_a_mistake(trial):
    trial.conf("<rules>\n<include>rules_config.xml</include>\n<include>sshd_rulez.xml</include></rules>")
    assert trial.mistakes() == [
        (
            "etc/ossec.conf:4: <include> is 'sshd_rulez.xml', which is not there: "
            "expected a rule file in rules/ or one of those shipped"
        )
    ]


def test_only_bare_names_fall_back_to_what_is_shipped(trial):
    trial.conf("<rules><include>elsewhere/sshd_rules.xml</include><decoder>mine/decoder.xml</decoder></rules>")
    assert [message.split(" is ")[1].split(",")[0] for message in trial.mistakes()] == [
        "'elsewhere/sshd_rules.xml'", "'mine/decoder.xml'",
    ]  # fmt: skip


def test_with_rules_the_homes_own_decoders_are_used_where_there_are_any(trial):
    trial.conf("<rules><include>rules_config.xml</include></rules>")
    assert [file.shipped for file in trial.load().config.decoder_files] == [True]
    trial.write("etc/decoder.xml", DECODER)
    trial.write("etc/local_decoder.xml", DECODER.replace("trial", "other"))
    loaded = trial.load()
    assert [(file.path.name, file.shipped) for file in loaded.config.decoder_files] == [
        ("decoder.xml", False),
        ("local_decoder.xml", False),
    ]
    assert len(loaded.ruleset.decoders) == 2


def test_named_decoders_replace_all_others(trial):
    trial.conf("<rules><include>rules_config.xml</include><decoder>etc/mine.xml</decoder></rules>")
    trial.write("etc/mine.xml", DECODER)
    trial.write("etc/decoder.xml", DECODER)
    trial.write("etc/local_decoder.xml", DECODER)
    assert names(trial.load().config.decoder_files) == ["mine.xml"]


def test_a_folder_gives_its_xml_files_by_name_with_parents_first(trial):
    trial.conf("<rules><rule_dir>rules/own</rule_dir><decoder_dir>etc/decoders</decoder_dir></rules>")
    for name in ("b.xml", "a.xml", "rules_config.xml", "local_rules.xml", "notes.txt", "a.xml.bak"):
        trial.write(f"rules/own/{name}", "")
    trial.write("etc/decoders/b.xml", "")
    trial.write("etc/decoders/a.xml", "")
    config = trial.load().config
    assert names(config.rule_files) == ["rules_config.xml", "a.xml", "b.xml", "local_rules.xml"]
    assert names(config.decoder_files) == ["a.xml", "b.xml"]


def test_a_folder_may_have_a_pattern(trial):
    trial.conf('<rules><rule_dir pattern="^a|.rules$">rules</rule_dir></rules>')
    for name in ("a.xml", "b.xml", "c.rules"):
        trial.write(f"rules/{name}", "")
    assert names(trial.load().config.rule_files) == ["a.xml", "c.rules"]


def test_a_folder_in_agent_toml_may_have_a_pattern_too(trial):
    trial.toml('[rules]\nrule_dir = [{ path = "rules", pattern = "^a" }, "more"]\n')
    for name in ("rules/a.xml", "rules/b.xml", "more/c.xml"):
        trial.write(name, "")
    assert names(trial.load().config.rule_files) == ["a.xml", "c.xml"]


def test_a_missing_folder_is_a_mistake_and_an_empty_one_a_warning(trial):
    trial.conf("<rules>\n<rule_dir>nope</rule_dir>\n<rule_dir>empty</rule_dir></rules>")
    (trial.home.root / "empty").mkdir()
    assert trial.mistakes() == [
        (
            "etc/ossec.conf:3: <rule_dir> is 'nope', which cannot be read (No such file or directory): "
            "expected a folder in the home"
        )
    ]
    assert trial.warnings() == ["etc/ossec.conf:4: <rule_dir> is 'empty', in which no file fits the pattern"]


def test_a_bad_pattern_is_a_mistake(trial):
    trial.conf(r'<rules><rule_dir pattern="\q">rules</rule_dir></rules>')
    (message,) = trial.mistakes()
    assert message.startswith("etc/ossec.conf:2: pattern of <rule_dir>: ")


def test_a_file_included_twice_is_loaded_once_and_told(trial):
    trial.conf("<rules><include>rules_config.xml</include>\n<include>rules_config.xml</include></rules>")
    loaded = trial.load()
    assert names(loaded.config.rule_files) == ["rules_config.xml"]
    assert [str(warning) for warning in loaded.warnings] == [
        "etc/ossec.conf:3: shipped rules/rules_config.xml is already included at etc/ossec.conf:2"
    ]


def test_lists_are_kept_and_a_missing_one_is_told(trial):
    trial.conf(
        "<rules><list>etc/lists/there</list>\n<list>etc/lists/compiled</list>\n<list>etc/lists/nope</list></rules>"
    )
    trial.write("etc/lists/there", "key:value\n")
    trial.write("etc/lists/compiled.cdb", build_cdb([]))
    loaded = trial.load()
    assert loaded.mistakes == []
    assert names(loaded.config.list_files) == ["there", "compiled", "nope"]
    assert len(loaded.config.rule_files) == len(NAMES_SHIPPED)
    assert [str(warning) for warning in loaded.warnings] == [
        "etc/ossec.conf:4: <list> is 'etc/lists/nope', which is not there: rules that look it up never match"
    ]


def test_mistakes_in_rule_files_are_told_with_file_and_line(trial):
    trial.conf("<rules><include>rules_config.xml</include><include>bad.xml</include></rules>")
    trial.write("rules/bad.xml", '<group name="x,">\n<rule id="100001" level="3">\n<mtach>x</mtach></rule>\n</group>')
    assert any(message.startswith("rules/bad.xml:3: ") for message in trial.mistakes())


@pytest.mark.parametrize(("name", "responses", "logs"), [("local", 2, 8), ("server", 2, 9), ("agent", 0, 8)])
def test_ossecs_own_configuration_and_ruleset_load_without_a_mistake(trial, name, responses, logs):
    if not OSSEC.is_dir():
        pytest.skip(f"{OSSEC} is not there: OSSEC's files do not come with the source")
    trial.write("etc/ossec.conf", (OSSEC / f"ossec-{name}.conf").read_bytes())
    trial.write("etc/decoder.xml", (OSSEC / "decoder.xml").read_bytes())
    shutil.copytree(OSSEC / "rules", trial.home.rules)
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == []
    assert len(loaded.config.responses) == responses
    assert len(loaded.config.local_files) == logs
    assert {"syscheck", "rootcheck"} <= {section for section, _ in loaded.config.unused}


LOCAL = ["rules/local_rules.xml", "rules/local_decoder.xml", "etc/local_decoder.xml"]


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_file_that_is_a_folder_is_a_mistake(trial, name):
    trial.conf("")
    (trial.home.root / name).mkdir(parents=True)
    assert trial.mistakes() == [
        f"{name}: {trial.home.root / name} cannot be read (Is a directory): expected a regular file"
    ]


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_file_that_leads_nowhere_is_a_mistake(trial, name):
    trial.conf("")
    path = trial.write(name, "")
    path.unlink()
    path.symlink_to("gone.xml")
    assert trial.mistakes() == [f"{name}: {path} cannot be read (No such file or directory)"]


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_file_of_plain_text_is_one_mistake_that_says_what_was_expected(trial, name):
    trial.conf("")
    trial.write(name, "\nrule 100001 level 5: sshd failed\n")
    expected = '<group name="…"> elements with rules' if "rules.xml" in name else '<decoder name="…"> elements'
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == [
        f"{name}: plain text, no XML: 'rule 100001 level 5: sshd failed': expected {expected}"
    ]
    assert loaded.warnings == []


@pytest.mark.parametrize("content", ["", "\n", "<!-- nothing yet -->\n"])
def test_a_local_file_without_anything_in_it_is_fine(trial, content):
    trial.conf("")
    trial.write("rules/local_rules.xml", content)
    assert trial.mistakes() == trial.warnings() == []


def test_a_local_file_that_may_not_be_read_is_a_mistake_with_what_was_expected(trial, monkeypatch):
    trial.conf("")
    path = trial.write("rules/local_rules.xml", RULES)
    refusing = {str(path): PermissionError(errno.EACCES, os.strerror(errno.EACCES))}
    opening = os.open

    def refuse(name, *arguments, **options):
        if str(name) in refusing:
            raise refusing[str(name)]
        return opening(name, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    assert trial.mistakes() == [
        f"rules/local_rules.xml: {path} cannot be read (Permission denied): expected root, or a home of your own"
    ]
