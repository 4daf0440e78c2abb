"""`ar-agent make-lists`: builds the .cdb of lists, whole or not at all, and says what it did."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from ar.cdb import Cdb, build_cdb

CONF = """<ossec_config><rules>
<list>lists/bad</list>
<list>lists/good.cdb</list>
</rules></ossec_config>
"""


def size(path: Path) -> int:
    return path.stat().st_size


@pytest.fixture
def lists(home):
    (home / "etc/ossec.conf").write_text(CONF)
    folder = home / "lists"
    folder.mkdir()
    (folder / "bad").write_text("### bad ones\n192.0.2.1:spam\n198.51.100.:net\n")
    (folder / "good").write_text("bob\n")
    return folder


def test_each_configured_list_is_built(verb, lists):
    code, out, err = verb("make-lists")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"lists/bad.cdb: built, 2 entries, {size(lists / 'bad.cdb')} bytes",
        f"lists/good.cdb: built, 1 entry, {size(lists / 'good.cdb')} bytes",
    ]
    table = Cdb((lists / "bad.cdb").read_bytes())
    assert (table.get(b"192.0.2.1"), table.get(b"198.51.100."), len(table)) == (b"spam", b"net", 2)
    assert sorted(path.name for path in lists.iterdir()) == ["bad", "bad.cdb", "good", "good.cdb"]


def test_what_is_up_to_date_is_left_alone_unless_forced(verb, lists):
    verb("make-lists")
    (lists / "good.cdb").write_bytes(build_cdb([]))
    code, out, _ = verb("make-lists")
    assert (code, out) == (
        0,
        "lists/bad.cdb: kept: the text is not newer\nlists/good.cdb: kept: the text is not newer\n",
    )
    assert len(Cdb((lists / "good.cdb").read_bytes())) == 0
    assert verb("make-lists", "--force")[1].count(": built, ") == 2
    assert len(Cdb((lists / "good.cdb").read_bytes())) == 1


def test_a_newer_text_is_built_again(verb, lists):
    verb("make-lists")
    (lists / "bad").write_text("192.0.2.9:new\n")
    later = (lists / "bad.cdb").stat().st_mtime + 10
    os.utime(lists / "bad", (later, later))
    assert verb("make-lists")[1].startswith("lists/bad.cdb: built, 1 entry, ")
    assert Cdb((lists / "bad.cdb").read_bytes()).get(b"192.0.2.9") == b"new"


def test_a_text_from_the_future_is_not_newer_than_what_is_built_of_it(verb, lists):
    """A board without a clock would else build it each time, and never use it."""
    future = (lists / "bad").stat().st_mtime + 10**8
    os.utime(lists / "bad", (future, future))
    verb("make-lists")
    assert verb("make-lists")[1].startswith("lists/bad.cdb: kept: ")


def test_lines_that_are_wrong_are_mistakes_and_nothing_is_built_of_them(verb, lists):
    (lists / "bad").write_text("192.0.2.1:fine\n:nothing\n192.0.2.0/24:net\n")
    (lists / "bad.cdb").write_bytes(b"former")
    os.utime(lists / "bad.cdb", (0, 0))
    code, out, err = verb("make-lists")
    assert code == 78
    assert out.splitlines()[0] == "lists/bad.cdb: refused: its text has mistakes"
    assert err.splitlines() == [
        "ar-agent: lists have mistakes:",
        "lists/bad:2: ':nothing' has no key: expected key:value",
        (
            "lists/bad:3: no address is ever looked up as '192.0.2.0/24': "
            "expected an address, or its beginning such as 192.0.2."
        ),
    ]
    assert (lists / "bad.cdb").read_bytes() == b"former"
    assert (lists / "good.cdb").is_file(), "the others are built"


def test_what_the_agent_would_refuse_to_load_is_not_built(verb, lists, monkeypatch):
    verb("make-lists", "--force")
    most = size(lists / "bad.cdb")
    monkeypatch.setattr("ar.config.lists.LIST_BYTES_MAX", most)
    assert verb("make-lists", "--force")[0] == 0
    (lists / "bad").write_text("### bad ones\n192.0.2.1:spams\n198.51.100.:net\n")
    code, out, err = verb("make-lists", "--force")
    assert code == 78
    assert out.splitlines()[0] == "lists/bad.cdb: refused: its text cannot be read or is too large"
    assert f"lists/bad: the .cdb of this list would have {most + 1} bytes: expected at most {most} bytes" in err
    assert size(lists / "bad.cdb") == most


def test_files_can_be_named_whatever_is_configured(verb, home, tmp_path):
    (tmp_path / "mine").write_text("a:1\n")
    assert verb("make-lists", str(tmp_path / "mine.cdb"))[:2] == (
        0,
        f"{tmp_path / 'mine.cdb'}: built, 1 entry, {size(tmp_path / 'mine.cdb')} bytes\n",
    )


def test_a_list_that_is_not_there_is_a_mistake_and_one_without_a_text_is_kept(verb, lists):
    (lists / "bad").unlink()
    (lists / "good").rename(lists / "good.cdb")
    code, out, err = verb("make-lists")
    assert code == 78
    assert out.splitlines() == [
        "lists/bad.cdb: refused: there is no text",
        "lists/good.cdb: kept: there is no text to build it from",
    ]
    assert "lists/bad: there is no such list: expected a text with key:value on each line" in err


def test_without_lists_that_is_what_is_said(verb):
    code, out, err = verb("make-lists")
    assert (code, err) == (0, "")
    assert out.startswith("No list is configured in ")


def test_a_configuration_that_cannot_be_read_is_told(verb, home):
    (home / "etc/ossec.conf").write_text("<ossec_config><rules>")
    code, _, err = verb("make-lists")
    assert code == 78
    assert "etc/ossec.conf:" in err


def test_one_object_for_each_list(objects, lists):
    (lists / "good.cdb").write_bytes(b"x")
    os.utime(lists / "good", (0, 0))
    assert objects("make-lists") == [
        {
            "path": "lists/bad.cdb",
            "what": "built",
            "entries": 2,
            "bytes": size(lists / "bad.cdb"),
            "note": "",
        },
        {"path": "lists/good.cdb", "what": "kept", "entries": None, "bytes": None, "note": "the text is not newer"},
    ]


def test_who_may_read_the_text_may_read_what_is_built(verb, lists):
    (lists / "bad").chmod(0o640)
    (lists / "good").chmod(0o644)
    verb("make-lists")
    modes = [stat.S_IMODE((lists / name).stat().st_mode) for name in ("bad.cdb", "good.cdb")]
    assert modes == [0o640, 0o644]


@pytest.mark.parametrize(("where", "call"), [(os, "fsync"), (Path, "replace")], ids=["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_former_file_and_nothing_else(verb, lists, monkeypatch, where, call):
    (lists / "bad.cdb").write_bytes(b"former")
    os.utime(lists / "bad.cdb", (0, 0))

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(where, call, fail)
    code, _, err = verb("make-lists")
    assert (code, err) == (73, f"ar-agent: {lists / 'bad.cdb'} cannot be written: No space left on device\n")
    monkeypatch.undo()
    assert (lists / "bad.cdb").read_bytes() == b"former"
    assert not (lists / "bad.cdb.new").exists()


def test_what_is_printed_can_be_read_by_other_programs(verb, lists):
    code, out, _ = verb("make-lists", "--json")
    assert code == 0
    assert [json.loads(line)["what"] for line in out.splitlines()] == ["built", "built"]
