"""The real file system is asked in an order that a power cut at any moment does no harm to."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest

from ar.policy.records import Added
from ar.respond.codec import encode
from ar.respond.journal import Journal, JournalError, read


@pytest.fixture
def done(monkeypatch):
    """A list of what was asked of the operating system that changes files or makes a change durable, as it comes."""
    done = []
    names = {}

    def note(name, verb):
        real = getattr(os, name)

        def called(fd, *rest):
            result = real(fd, *rest)
            if fd in names:
                done.append(f"{verb} {names[fd]}")
            return result

        monkeypatch.setattr(os, name, called)

    real_open, real_close, real_rename = os.open, os.close, Path.rename

    def opened(path, *rest):
        fd = real_open(path, *rest)
        names[fd] = Path(path).name
        return fd

    def closed(fd):
        names.pop(fd, None)
        real_close(fd)

    def renamed(path, to):
        done.append(f"rename {path.name} to {to.name}")
        return real_rename(path, to)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "close", closed)
    monkeypatch.setattr(Path, "rename", renamed)
    for name, verb in (("write", "write"), ("fsync", "sync"), ("ftruncate", "cut")):
        note(name, verb)
    yield done
    assert names == {}, "every file that was opened is closed"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "var").mkdir()
    return tmp_path / "var/journal.json"


def test_a_new_journal_has_its_name_on_disk_before_anything_is_promised_in_it(path, done):
    journal = Journal(path)
    assert done == ["cut journal.json", "sync var"]
    journal.write(Added(1))
    journal.sync()
    assert done[2:] == ["write journal.json", "sync journal.json"]
    journal.close()


def test_a_snapshot_is_on_disk_before_it_takes_the_name_and_then_the_name_is(path, done):
    journal = Journal(path)
    done.clear()
    journal.compact([Added(1)])
    assert done == [
        "write journal.json.new", "sync journal.json.new", "rename journal.json.new to journal.json", "sync var",
    ]  # fmt: skip
    journal.close()


def test_a_copy_of_what_is_torn_is_on_disk_before_it_is_cut_off(path, done):
    path.write_bytes(encode(Added(1)) + b'{"half')
    Journal(path).close()
    assert done == [
        "write journal.json.torn", "sync journal.json.torn", "sync var", "cut journal.json", "sync var",
    ]  # fmt: skip


def test_a_copy_of_what_is_damaged_is_on_disk_before_a_snapshot_may_take_its_place(path, done):
    path.write_bytes(b"nonsense\n" + encode(Added(1)))
    journal = Journal(path)
    assert journal.may_be_rid_of_damage
    assert done[:3] == ["write journal.json.damaged", "sync journal.json.damaged", "sync var"]
    journal.close()


def test_a_file_that_cannot_be_opened_whole_or_let_go_of_leaves_none_open(path, done, monkeypatch):
    real_close = os.close

    def refuses(*_):
        raise OSError(errno.EIO, "Input/output error")

    def closes_and_complains(fd):
        real_close(fd)
        refuses()

    with monkeypatch.context() as failing:
        failing.setattr(os, "ftruncate", refuses)
        journal = Journal(path)
        with pytest.raises(JournalError, match="Input/output error"):
            journal.write(Added(1))
    journal.write(Added(1))
    with monkeypatch.context() as failing:
        failing.setattr(os, "close", closes_and_complains)
        with suppress(JournalError):
            journal.compact([Added(2)])
    journal.write(Added(3))
    assert read(path).records == [Added(2), Added(3)]
    journal.close()
