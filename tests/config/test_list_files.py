"""The files of lists: which of text and .cdb counts, what is wrong in them, and that a reload reads them again."""

from __future__ import annotations

import os
from typing import List

import pytest

from ar.cdb import build_cdb
from ar.model import Line
from ar.setup import detector_of

LINE = "Oct  9 12:00:00 host sshd[7]: Failed password for root from {} port 2222 ssh2"
RULE = """<group name="syslog,">
<rule id="1" level="0" noalert="1"><description>All.</description></rule>
<rule id="100001" level="9">
  <list field="srcip" lookup="address_match_key">{}</list><description>Listed.</description></rule></group>"""


@pytest.fixture
def listed(trial):
    """Say whether the rule, which looks in the list, matches an address."""
    trial.conf("<rules>\n<list>lists/bad</list>\n<include>mine.xml</include></rules>")
    trial.write("rules/mine.xml", RULE.format("lists/bad"))

    def listed(address: str) -> bool:
        loaded = trial.load()
        assert [str(mistake) for mistake in loaded.mistakes] == []
        rule = detector_of(loaded).take(Line("auth", LINE.format(address), 1_760_000_000.0)).rule
        return rule is not None and rule.id == 100001

    return listed


def aged(path, seconds: int) -> None:
    os.utime(path, (1_700_000_000 - seconds, 1_700_000_000 - seconds))


def test_the_text_is_enough(trial, listed):
    trial.write("lists/bad", "### bad ones\n192.0.2.1:one\n198.51.100.:net\n")
    assert (listed("192.0.2.1"), listed("198.51.100.9"), listed("192.0.2.2")) == (True, True, False)


def test_the_cdb_is_enough(trial, listed):
    trial.write("lists/bad.cdb", build_cdb([(b"192.0.2.1", b"")]))
    assert (listed("192.0.2.1"), listed("192.0.2.2")) == (True, False)


@pytest.mark.parametrize(("text_age_s", "expected"), [(0, "text"), (10, "cdb"), (20, "cdb")])
def test_of_both_the_text_counts_only_when_it_is_newer(trial, listed, text_age_s, expected):
    aged(trial.write("lists/bad", "192.0.2.1:text\n"), text_age_s)
    aged(trial.write("lists/bad.cdb", build_cdb([(b"192.0.2.2", b"cdb")])), 10)
    assert (listed("192.0.2.1"), listed("192.0.2.2")) == (expected == "text", expected == "cdb")


def test_a_reload_reads_the_list_again(trial, listed):
    aged(trial.write("lists/bad", "192.0.2.1:\n"), 10)
    assert (listed("192.0.2.1"), listed("192.0.2.2")) == (True, False)
    trial.write("lists/bad", "192.0.2.2:\n")
    assert (listed("192.0.2.1"), listed("192.0.2.2")) == (False, True)


@pytest.mark.parametrize("configured", ["bad", "rules/bad", "bad.cdb", "rules/bad.cdb"])
@pytest.mark.parametrize("named", ["bad", "rules/bad", "rules/bad.cdb"])
def test_a_name_without_a_folder_is_in_rules_and_the_ending_does_not_matter(trial, configured, named):
    trial.conf(f"<rules><list>{configured}</list><include>mine.xml</include></rules>")
    trial.write("rules/mine.xml", RULE.format(named))
    trial.write("rules/bad", "192.0.2.1:\n")
    loaded = trial.load()
    assert ([*loaded.mistakes], [*loaded.warnings]) == ([], [])
    assert detector_of(loaded).take(Line("auth", LINE.format("192.0.2.1"), 1_760_000_000.0)).alert is not None


def test_a_missing_list_is_warned_of_once(trial, listed):
    assert not listed("192.0.2.1")
    assert trial.warnings() == [
        "etc/ossec.conf:3: <list> is 'lists/bad', which is not there: rules that look it up never match"
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "0 bytes, and a cdb file has 2048 at least"),
        (b"192.0.2.1:x\n" * 400, "cut off or damaged"),
        (build_cdb([(b"192.0.2.1", b"")])[:-4], "cut off: a hash table should reach to byte "),
    ],
)
def test_a_damaged_cdb_is_a_mistake_with_its_name(trial, listed, content, what):
    trial.write("lists/bad.cdb", content)
    (message,) = trial.mistakes()
    assert message.startswith(f"lists/bad.cdb: {what}")
    assert message.endswith(": expected a file that `ar-agent make-lists` or ossec-makelists built")


def test_a_wrong_line_is_warned_of_with_its_place_and_the_others_count(trial, listed):
    trial.write("lists/bad", "192.0.2.1:\n192.0.2.0/24:net\n192.0.2.3:\n")
    assert (listed("192.0.2.1"), listed("192.0.2.2"), listed("192.0.2.3")) == (True, False, True)
    (message,) = trial.warnings()
    assert message.startswith("lists/bad:2: no address is ever looked up as '192.0.2.0/24'")


def test_a_list_that_is_too_large_is_a_mistake(trial, listed, monkeypatch):
    monkeypatch.setattr("ar.config.lists.LIST_BYTES_MAX", 1024 * 1024)
    trial.write("lists/bad", "x" * (1024 * 1024 + 1))
    path = trial.home.root / "lists/bad"
    assert trial.mistakes() == [f"etc/ossec.conf:3: {path} is too large: expected at most 1 MiB"]


def test_a_text_whose_cdb_would_be_too_large_is_a_mistake(trial, listed, monkeypatch):
    monkeypatch.setattr("ar.config.lists.LIST_BYTES_MAX", 2048 + 33)
    trial.write("lists/bad", "192.0.2.1\n")
    assert trial.mistakes() == []
    trial.write("lists/bad", "192.0.2.10\n")
    assert trial.mistakes() == ["lists/bad: the .cdb of this list would have 2082 bytes: expected at most 2081 bytes"]


@pytest.mark.parametrize(
    ("named", "what"),
    [("", "names no list"), ("rules/", "names no list"), ("lists/", "names lists, which is a folder")],
)
def test_a_folder_is_no_list(trial, named, what):
    trial.conf(f"<rules><list>{named}</list></rules>")
    (trial.home.root / "lists").mkdir(exist_ok=True)
    (mistake,) = trial.mistakes()
    assert mistake.endswith(f": this <list> {what}: expected the name of a list such as lists/bad")


def test_a_list_may_stand_in_agent_toml(trial):
    trial.toml('[rules]\nlist = ["lists/bad"]\ninclude = ["mine.xml"]\n')
    trial.write("rules/mine.xml", RULE.format("lists/bad"))
    trial.write("lists/bad", "192.0.2.1:\n")
    loaded = trial.load()
    assert ([*loaded.mistakes], [*loaded.warnings]) == ([], [])


def test_stock_lists_of_a_feed_load_whole(trial, listed):
    """As many entries as a public feed has."""
    entries: List[str] = [f"10.{a}.{b}.1:x\n" for a in range(100) for b in range(200)]
    trial.write("lists/bad", "".join(entries))
    assert (listed("10.99.199.1"), listed("10.99.200.1")) == (True, False)
