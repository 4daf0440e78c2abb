"""`ar-agent sweep`: what is overdue is released, and nothing is read while nothing can be."""

import pytest

from ar.model import Moment, Subject
from ar.policy.records import Added, Arguments, Opened, Promised
from ar.respond import clock
from ar.respond.disk import Disk
from ar.respond.journal import Journal


@pytest.fixture
def reads(monkeypatch):
    """How often a journal was read."""
    reads = []
    real_read = Disk.read
    monkeypatch.setattr(Disk, "read", lambda disk, path: reads.append(path.name) or real_read(disk, path))
    return reads


@pytest.fixture
def blocked(home):
    """A journal with a block that ends in 600 s, and a script that notes what it is asked."""
    script = home / "active-response/bin/note.sh"
    script.write_text(f'#!/bin/sh\necho "$1 $3" >> {home}/asked\n')
    script.chmod(0o755)
    block(home, 1, "203.0.113.7", 600)
    return home


def block(home, number, address, left_s):
    now = clock.now()
    arguments = Arguments("-", address, "1.1", 5720, "auth.log", "-")
    journal = Journal(home / "var/journal.json")
    journal.write(
        Opened(clock.boot_id(), *now),
        Promised(number, "drop", "note.sh", "argv", Subject("srcip", address), arguments, 1, now.wall_s, 600,
                 now.boot_s + left_s),
        Added(number),
    )  # fmt: skip
    journal.close()


def asked(home):
    return (home / "asked").read_text().splitlines() if (home / "asked").exists() else []


def test_while_nothing_can_be_due_the_journal_is_not_read_again(blocked, verb, reads, monkeypatch):
    assert verb("sweep") == (0, "", "")
    assert len(reads) == 1
    assert verb("sweep") == (0, "", "")
    assert len(reads) == 1
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: Moment(now.wall_s + 601, now.boot_s + 601))
    assert verb("sweep")[0] == 0
    assert asked(blocked) == ["delete 203.0.113.7"]


def test_a_journal_that_was_written_since_is_read(blocked, verb):
    verb("sweep")
    block(blocked, 2, "203.0.113.8", -1)
    assert verb("sweep")[0] == 0
    assert asked(blocked) == ["delete 203.0.113.8"]


def test_in_another_boot_it_is_read(blocked, verb, reads, monkeypatch):
    verb("sweep")
    monkeypatch.setattr(clock, "boot_id", lambda: "the next")
    verb("sweep")
    assert len(reads) == 2


def test_a_release_that_failed_is_tried_by_the_next_sweep(blocked, verb):
    script = blocked / "active-response/bin/note.sh"
    works = script.read_text()
    block(blocked, 2, "203.0.113.8", -1)
    script.write_text("#!/bin/sh\nexit 1\n")
    assert verb("sweep")[0] == 69
    script.write_text(works)
    assert verb("sweep")[0] == 0
    assert asked(blocked) == ["delete 203.0.113.8"]


@pytest.mark.parametrize("content", ["", "{", "7", "[1, 2]", '[[], "soon"]', "[[], null, 3]", "null"])
def test_a_note_that_no_sweep_wrote_says_nothing(blocked, verb, content):
    (blocked / "var/sweep.json").write_text(content)
    block(blocked, 2, "203.0.113.8", -1)
    assert verb("sweep")[0] == 0
    assert asked(blocked) == ["delete 203.0.113.8"]


def test_a_note_that_cannot_be_written_changes_nothing(blocked, verb, reads):
    (blocked / "var/sweep.json").mkdir()
    for number in (1, 2):
        assert verb("sweep") == (0, "", "")
        assert len(reads) == number
