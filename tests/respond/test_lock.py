"""A home is held by one at a time, who says so, and whom another waits for only if it will be done in a while."""

import errno
import os
import subprocess

import pytest

from ar.errors import CannotCreateError, UnavailableError
from ar.respond import lock as room
from ar.respond.lock import Lock


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    monkeypatch.setattr(room, "LOOK_EACH_S", 0.001)
    monkeypatch.setattr(room, "NOTED_WITHIN_S", 0.02)


@pytest.fixture
def note(tmp_path):
    return tmp_path / "lock"


def test_a_second_agent_on_the_same_home_is_turned_away_with_the_first_ones_number(note):
    lock = Lock(note)
    with pytest.raises(UnavailableError, match=rf"another ar-agent \(process {os.getpid()}\) holds this home"):
        Lock(note, waits=lambda: True)
    lock.release()
    Lock(note).release()


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_home_stays_held_whatever_becomes_of_the_file_that_says_so(note, how):
    lock = Lock(note)
    note.unlink()
    if how == "replaced":
        note.write_text("")
    with pytest.raises(UnavailableError, match="has not said its number"):
        Lock(note)
    lock.release()
    Lock(note).release()


def test_a_verb_that_is_done_in_a_while_is_waited_for_and_that_is_told_once(note):
    sweep = Lock(note, "sweep")
    told = []
    looks = []

    def waits():
        looks.append(1)
        if len(looks) == 3:
            sweep.release()
        return True

    Lock(note, waits=waits, tell=told.append).release()
    assert told == [f"Waiting for `ar-agent sweep` (process {os.getpid()}), which holds this home."]


def test_who_waits_gives_up_when_that_is_over(note):
    sweep = Lock(note, "sweep")
    with pytest.raises(UnavailableError):
        Lock(note, waits=lambda: False)
    sweep.release()


def test_a_holder_that_has_not_said_so_yet_is_given_time_to(note, monkeypatch):
    """The note of one that is gone, killed or not, says nothing of the one who has taken the home since."""
    monkeypatch.setattr(room, "NOTED_WITHIN_S", 30)
    gone = subprocess.Popen(["true"])
    gone.wait()
    sweep = Lock(note, "sweep")
    noted = note.read_bytes()
    note.write_text(f"{gone.pid}\n")
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            note.write_bytes(noted)
        if len(naps) == 5:
            sweep.release()

    monkeypatch.setattr(room.time, "sleep", nap)
    Lock(note, waits=lambda: True).release()
    assert len(naps) == 5


@pytest.mark.parametrize("what", ["nonsense", "", f"{2**99} sweep", "-1 sweep", "0"])
def test_a_note_that_no_holder_wrote_is_taken_for_none(note, what):
    lock = Lock(note)
    note.write_text(what)
    with pytest.raises(UnavailableError):
        Lock(note, waits=lambda: True)
    lock.release()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_where_the_note_cannot_be_written_the_home_is_held_all_the_same(note, monkeypatch, number):
    real_open = os.open

    def refuses(path, flags, *rest):
        if path == note and flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return real_open(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuses)
    lock = Lock(note)
    with pytest.raises(UnavailableError, match="has not said its number"):
        Lock(note)
    lock.release()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_note_that_is_no_file_holds_nobody_up(note, make):
    make(note)
    Lock(note).release()


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(CannotCreateError, match="no: cannot be opened: No such file or directory"):
        Lock(tmp_path / "no/lock")
