"""The journal: what it holds, what a crash can leave of it, and what happens when the disk says no."""

import errno
import json
import os
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.errors import CannotCreateError
from ar.model import NOTHING, Subject
from ar.policy.records import Added, Arguments, Ended, Offended, Opened, Prolonged, Promised, Ran, Released
from ar.respond.codec import decode, encode
from ar.respond.disk import Disk
from ar.respond.journal import COMPACT_AT_BYTES, Journal, JournalError, JournalGoneError, read

ADDRESS = Subject("srcip", "203.0.113.7")


def promise(block=1, **changes):
    fields = {
        "block": block,
        "command": "firewall-drop",
        "executable": "firewall-drop.sh",
        "contract": "argv",
        "subject": ADDRESS,
        "arguments": Arguments("-", "203.0.113.7", "1763706239.12", 5712, "/var/log/auth.log", "-"),
        "offence": 1,
        "at_s": 1763706239.125,
        "sentence_s": 600,
        "ends_boot_s": 5723.5,
    }
    return Promised(**{**fields, **changes})


ONE_OF_EACH = [
    Opened("7c0a-boot", 1763706200.0, 5084.25),
    promise(),
    promise(2, sentence_s=0, ends_boot_s=None, contract="wazuh4"),
    promise(2, contract="wazuh4", extra_args=("-v", "/x")),
    promise(3, subject=Subject("user", "alice"), arguments=Arguments("alice", "192.0.2.1", "1.2", 5, "a b", "/x")),
    promise(4, subject=NOTHING, arguments=Arguments("-", "-", "1.2", 5, "loc", "-")),
    Prolonged(1, 2, 1763706300.0, 1800, 6990.125),
    Prolonged(2, 2, 1763706300.0, 0, None),
    Added(1),
    Ended(1, 1763706301.0),
    Released(1, 1763706302.5),
    Ran(5, "email-alert", ADDRESS, 1763706303.0),
    Offended("firewall-drop", ADDRESS, 3, 1763706302.5),
]


@pytest.mark.parametrize("record", ONE_OF_EACH, ids=lambda record: type(record).__name__)
def test_a_record_reads_as_it_was_written(record):
    assert decode(encode(record)[:-1]) == record


def sealed(body: str) -> bytes:
    """Return a line with a checksum that fits, whatever it says."""
    return b'%s,"crc":"%08x"}' % (body.encode(), zlib.crc32(body.encode()))


PROMISE = (
    '{"promise":1,"cmd":"drop","exe":"x.sh","on":["srcip","203.0.113.7"],"n":1,"at":1.0,"for":600,"end":9.0,'
    '"alert":"1.2","rule":5,"loc":"l"'
)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("{", "a record of an unknown kind"),
        ('{"nothing":1', "a record of an unknown kind"),
        ("[" * 4000, "a record of an unknown kind"),
        ('{"added":NaN', "a record of an unknown kind (NaN is no number)"),
        ('{"added":1e999', "a 'added' record that is not whole"),
        ('{"added":[1]', "a 'added' record that is not whole"),
        ('{"released":1,"at":1e999', "'at' is no time"),
        (PROMISE.replace("9.0", "1e999"), "'end' is no time"),
        (PROMISE.replace(":600", ":-1"), "'for' is no length of time"),
        (PROMISE.replace(":600", ":1" + "0" * 400), "'for' is no length of time"),
        (PROMISE.replace("x.sh", "/bin/echo"), "'/bin/echo' is no script"),
        (PROMISE.replace("x.sh", ".."), "'..' is no script"),
        (PROMISE.replace("203.0.113.7", "; rm -rf /"), "does not appear to be an IPv4 or IPv6 network"),
        (PROMISE.replace('"srcip",', '"srcip","x",'), "record that is not whole"),
        (PROMISE.replace('"srcip"', '"anything"'), "is no kind of subject"),
        (PROMISE.replace('"l"', '"a\\u0000b"'), "'loc' has a NUL"),
    ],
)
def test_a_record_that_says_what_was_never_written_is_damage_even_with_a_checksum(body, fault):
    with pytest.raises(ValueError, match=re.escape(fault)):
        decode(sealed(body))


def test_the_record_that_those_were_made_of_is_whole():
    assert decode(sealed(PROMISE)).executable == "x.sh"


def test_a_line_is_one_json_object_and_a_block_takes_little_room():
    lines = [encode(record) for record in (promise(), Added(1), Released(1, 1763706302.5))]
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert sum(map(len, lines)) <= 300


def test_what_is_written_is_there_after_a_restart(tmp_path):
    journal = Journal(tmp_path / "journal.json")
    journal.write(*ONE_OF_EACH)
    journal.close()
    again = Journal(tmp_path / "journal.json")
    assert (again.records, again.damage) == (ONE_OF_EACH, [])
    assert (tmp_path / "journal.json").stat().st_mode & 0o777 == 0o600


def test_the_journal_cut_at_every_byte_keeps_all_whole_records(tmp_path):
    lines = [encode(record) for record in ONE_OF_EACH]
    text = b"".join(lines)
    path = tmp_path / "journal.json"
    for size in range(len(text) + 1):
        path.write_bytes(text[:size])
        journal = Journal(path)
        whole, used = 0, 0
        while whole < len(lines) and used + len(lines[whole]) <= size:
            used += len(lines[whole])
            whole += 1
        assert journal.records == ONE_OF_EACH[:whole]
        assert path.read_bytes() == text[:used]
        assert bool(journal.damage) == (used < size)
        if used < size:
            torn = path.with_name("journal.json.torn")
            assert torn.read_bytes() == text[used:size]
            torn.unlink()
        journal.close()


@pytest.mark.parametrize("bit", [0, 2, 5, 7])
def test_every_flipped_bit_is_noticed_and_costs_no_other_record(tmp_path, bit):
    text = b"".join(map(encode, ONE_OF_EACH))
    path = tmp_path / "journal.json"
    for position in range(len(text)):
        flipped = bytearray(text)
        flipped[position] ^= 1 << bit
        path.write_bytes(flipped)
        reading = read(path)
        lost = [record for record in ONE_OF_EACH if record not in reading.records]
        assert reading.damage or reading.torn
        assert all(record in ONE_OF_EACH for record in reading.records)
        assert len(lost) == (text[position : position + 1] != b"\n"), "a flipped line end costs none at all"
        if reading.torn:
            assert position > text.rindex(b"\n", 0, -1), "only what is last can be torn"


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_start_from_a_journal_with_a_flipped_bit_keeps_a_copy_and_goes_on_with_what_is_intact(tmp_path, bit):
    text = b"".join(map(encode, ONE_OF_EACH))
    path = tmp_path / "journal.json"
    for position in range(0, len(text), 7):
        flipped = bytearray(text)
        flipped[position] ^= 1 << bit
        path.write_bytes(flipped)
        intact = read(path).records
        journal = Journal(path)
        journal.write(Added(99))
        journal.close()
        assert journal.records == intact
        assert read(path).records == [*intact, Added(99)]
        torn, damaged = path.with_name("journal.json.torn"), path.with_name("journal.json.damaged")
        kept = damaged.read_bytes() if damaged.exists() else path.read_bytes()[: -len(encode(Added(99)))]
        kept += torn.read_bytes() if torn.exists() and not damaged.exists() else b""
        assert kept == flipped
        for copy in (torn, damaged):
            copy.unlink(missing_ok=True)


def test_damage_in_the_middle_is_told_with_its_line_and_a_copy_is_kept(tmp_path):
    path = tmp_path / "journal.json"
    content = encode(Added(1)) + b'{"added":2,"crc":"00000000"}\nnonsense\n' + encode(Added(3))
    path.write_bytes(content)
    journal = Journal(path)
    assert journal.records == [Added(1), Added(3)]
    assert [text.replace(str(tmp_path), "") for text in journal.damage] == [
        "/journal.json:2: its checksum does not fit: expected a journal record; this one is passed over",
        "/journal.json:3: no checksum at its end: expected a journal record; this one is passed over",
    ]
    assert (tmp_path / "journal.json.damaged").read_bytes() == content


@given(st.binary(max_size=200))
def test_reading_never_raises_whatever_the_file_holds(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any-journal.json"
    path.write_bytes(content)
    assert read(path).records == []


def test_a_snapshot_replaces_a_grown_journal_and_the_next_records_follow_it(tmp_path):
    path = tmp_path / "journal.json"
    journal = Journal(path)
    assert not journal.compact_when_grown(lambda: [Added(1)])
    while path.stat().st_size < COMPACT_AT_BYTES:
        journal.write(*[promise()] * 100)
    assert journal.compact_when_grown(lambda: [promise(), Added(1)])
    journal.write(Released(1, 2.0))
    assert read(path).records == [promise(), Added(1), Released(1, 2.0)]
    assert not journal.compact_when_grown(list)


class FullDisk(Disk):
    """A disk on which only `room` more bytes fit, and which can refuse to sync or to truncate."""

    def __init__(self):
        self.room = 1 << 30
        self.refuses = set()

    def write(self, fd, text):
        super().write(fd, text[: self.room])
        if len(text) > self.room:
            self.room = 0
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(text)

    def sync(self, fd):
        if "sync" in self.refuses:
            raise OSError(errno.EIO, "Input/output error")
        super().sync(fd)

    def truncate(self, fd, size):
        if "truncate" in self.refuses:
            raise OSError(errno.EIO, "Input/output error")
        super().truncate(fd, size)


def test_a_half_record_that_cannot_be_taken_back_does_not_swallow_the_next(tmp_path):
    disk = FullDisk()
    path = tmp_path / "journal.json"
    journal = Journal(path, disk)
    journal.write(promise())
    disk.room, disk.refuses = 20, {"truncate"}
    with pytest.raises(JournalError, match="half record cannot be taken back yet"):
        journal.write(promise(2))
    disk.room = 1 << 30
    with pytest.raises(JournalError):
        journal.write(promise(3))
    disk.refuses = set()
    journal.write(promise(4))
    assert read(path).records == [promise(), promise(4)]


def test_a_snapshot_whose_name_is_not_on_disk_yet_is_synced_again(tmp_path, monkeypatch):
    disk = FullDisk()
    journal = Journal(tmp_path / "journal.json", disk)
    calls = []

    def sync_folder(folder):
        calls.append(folder)
        if len(calls) < 3:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk, "sync_folder", sync_folder)
    with pytest.raises(JournalError):
        journal.compact([promise()])
    journal.write(Added(1))
    with pytest.raises(JournalError):
        journal.sync()
    journal.sync()
    journal.sync()
    assert len(calls) == 3


def test_a_sync_that_fails_is_told(tmp_path):
    disk = FullDisk()
    journal = Journal(tmp_path / "journal.json", disk)
    journal.write(promise())
    disk.refuses = {"sync"}
    with pytest.raises(JournalError, match="Input/output error"):
        journal.sync()


def overwrite(path):
    path.write_bytes(b"x" * path.stat().st_size)


CHANGES = {
    "deleted": Path.unlink,
    "replaced": lambda path: path.with_name("copy").rename(path),
    "emptied": lambda path: os.truncate(path, 0),
    "cut": lambda path: os.truncate(path, 10),
    "appended to": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "overwritten": overwrite,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_journal_that_somebody_took_away_takes_no_record_until_it_is_written_anew(tmp_path, change):
    path = tmp_path / "journal.json"
    journal = Journal(path)
    journal.write(promise())
    path.with_name("copy").write_bytes(path.read_bytes())
    journal.check_is_as_left()
    change(path)
    with pytest.raises(JournalGoneError):
        journal.check_is_as_left()
    with pytest.raises(JournalGoneError, match="somebody deleted or changed it"):
        journal.write(Added(1))
    journal.compact([promise()])
    journal.write(Added(1))
    assert read(path).records == [promise(), Added(1)]


def test_a_copy_that_does_not_fit_is_told_and_keeps_nothing_from_starting(tmp_path):
    path = tmp_path / "journal.json"
    path.write_bytes(encode(promise()) + b'{"half')
    disk = FullDisk()
    disk.room = 3
    journal = Journal(path, disk)
    assert journal.records == [promise()]
    assert "cannot be kept: No space left on device" in journal.damage[0]
    assert not (tmp_path / "journal.json.torn").exists()


def test_on_a_full_disk_a_record_is_refused_whole_and_later_ones_are_taken_again(tmp_path):
    disk = FullDisk()
    path = tmp_path / "journal.json"
    journal = Journal(path, disk)
    journal.write(promise())
    disk.room = 20
    with pytest.raises(JournalError, match="No space left on device"):
        journal.write(promise(2))
    assert read(path).records == [promise()]
    disk.room = 1 << 30
    journal.write(promise(3))
    assert read(path).records == [promise(), promise(3)]


def test_a_snapshot_that_does_not_fit_leaves_the_journal_as_it_was(tmp_path):
    disk = FullDisk()
    path = tmp_path / "journal.json"
    journal = Journal(path, disk)
    journal.write(promise())
    disk.room = 10
    with pytest.raises(JournalError, match="cannot be replaced"):
        journal.compact([promise(2)])
    assert [file.name for file in tmp_path.iterdir()] == ["journal.json"], "nor does it take the room of others"
    disk.room = 1 << 30
    journal.write(Added(1))
    assert read(path).records == [promise(), Added(1)]


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_a_journal_that_can_only_be_read_is_told_and_written_as_soon_as_it_can_be(tmp_path, monkeypatch, number):
    """What is overdue is in it, and has to be released all the same."""
    path = tmp_path / "journal.json"
    path.write_bytes(encode(promise()) + b'{"half')
    disk = Disk()

    def refuses(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as unwritable:
        unwritable.setattr(disk, "open_append", refuses)
        unwritable.setattr(disk, "keep_copy", refuses)
        journal = Journal(path, disk)
        assert journal.records == [promise()]
        assert journal.damage[-1] == (
            f"{path}: cannot be written: {os.strerror(number)}. "
            "What is overdue is released, and nobody is blocked until it can be written"
        )
        with pytest.raises(JournalError, match="cannot be written"):
            journal.write(Added(1))
        journal.check_is_as_left()
    journal.write(Added(1))
    journal.sync()
    assert read(path).records == [promise(), Added(1)]
    journal.close()


def test_a_journal_in_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(CannotCreateError, match=r"no/journal.json: cannot be written: No such file"):
        Journal(tmp_path / "no" / "journal.json")
