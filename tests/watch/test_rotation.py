"""Files that are renamed, truncated, lost, found again, or no files at all."""

import os

import pytest
from watching import Watch, append, local

from ar.model import Moment
from ar.watch import files
from ar.watch import tail as tail_room


def test_a_renamed_log_is_read_to_its_end_and_then_the_new_one_from_its_start(watch, log):
    one = watch(log)
    append(log, b"old\n")
    log.rename(log.with_suffix(".1"))
    append(log, b"new\n")
    assert one.read() == ["old", "new"]
    assert one.complaints() == []


def test_what_a_writer_still_adds_to_the_renamed_log_is_read(watch, log):
    """Between the rename and the signal to reopen, a daemon goes on writing into the old file."""
    one = watch(log)
    writer = log.open("ab")
    log.rename(log.with_suffix(".1"))
    append(log, b"new\n")
    assert one.read() == ["new"]
    writer.write(b"late\n")
    writer.close()
    assert one.read() == ["late"]
    assert one.read(after_s=50) == []
    append(log.with_suffix(".1"), b"later\n")
    assert one.read(after_s=50) == ["later"]


def test_the_old_file_is_let_go_when_it_has_been_quiet_and_its_half_line_is_dropped(watch, log):
    one = watch(log)
    append(log, b"half")
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"")
    one.read()
    one.read(after_s=files.QUIET_S + 1)
    append(log.with_suffix(".1"), b" line\n")
    assert one.read() == []
    append(log, b"new\n")
    assert one.read() == ["new"]
    assert one.watcher.followed() == [str(log)]


def test_the_new_log_waits_until_the_old_one_is_read(watch, log):
    one = watch(log)
    append(log, b"1\n2\n3\n")
    log.rename(log.with_suffix(".1"))
    append(log, b"4\n")
    assert one.read(lines_max=2) == ["1", "2"]
    assert one.read(lines_max=2) == ["3", "4"]


def test_a_truncated_log_is_read_from_its_start(watch, log):
    one = watch(log)
    append(log, b"old\n" * 100)
    one.read()
    os.truncate(log, 0)
    append(log, b"new\n")
    assert one.read() == ["new"]
    assert ("INFO", f"File truncated or rewritten, read from its start: {str(log)!r}.") in one.said


def test_a_log_that_was_truncated_and_has_outgrown_its_former_size_is_noticed(watch, log):
    """Its size alone would not tell, and reading would go on in the middle of a line."""
    one = watch(log)
    append(log, b"old line\n")
    assert one.read() == ["old line"]
    os.truncate(log, 0)
    append(log, b"from 192.0.2.1\nfrom 192.0.2.2\n")
    assert one.read() == ["from 192.0.2.1", "from 192.0.2.2"]


def test_half_a_line_that_a_truncation_took_does_not_join_the_next(watch, log):
    one = watch(log)
    append(log, b"whole\nhalf of ")
    assert one.read() == ["whole"]
    os.truncate(log, 0)
    append(log, b"another\n")
    assert one.read() == ["another"]


def test_a_log_that_vanishes_is_missed_only_when_it_stays_away_and_is_read_from_its_start_when_it_returns(watch, log):
    one = watch(log)
    log.unlink()
    assert one.read() == []
    assert one.complaints() == []
    one.read(after_s=files.MISSING_S)
    one.read()
    assert one.complaints() == [f"WARNING: {str(log)!r} is not there; it is read from its start when it appears"]
    append(log, b"back\n")
    assert one.read() == ["back"]


@pytest.mark.parametrize("away_s", [1, 1000])
def test_a_log_that_is_moved_away_and_back_goes_on_where_it_was(watch, log, away_s):
    one = watch(log)
    append(log, b"a\n")
    assert one.read() == ["a"]
    log.rename(log.with_suffix(".away"))
    append(log.with_suffix(".away"), b"b\n")
    one.now_s += 1
    assert one.read() == ["b"]
    one.read(after_s=away_s)
    log.with_suffix(".away").rename(log)
    append(log, b"c\n")
    assert one.read() == ["c"]


def test_a_rotated_log_that_comes_back_after_it_was_let_go_is_not_read_twice(watch, log):
    one = watch(log)
    append(log, b"a\n")
    one.read()
    log.rename(log.with_suffix(".1"))
    append(log, b"b\n")
    assert one.read() == ["b"]
    one.read(after_s=files.QUIET_S + 1)
    log.with_suffix(".1").rename(log)
    append(log, b"c\n")
    assert one.read() == ["c"]


def test_another_file_that_got_the_number_of_a_closed_one_is_read_from_its_start(watch, log):
    """Inode numbers are used again; what stood before the remembered offset tells the files apart."""
    one = watch(log)
    append(log, b"a\n")
    one.read()
    one.watcher.rewatch([])
    log.write_bytes(b"other\ncontent\n")
    one.watcher.rewatch([local(log)])
    assert one.read() == ["other", "content"]


def test_a_log_that_appears_later_is_read_from_its_start(watch, tmp_path):
    late = tmp_path / "missing" / "late.log"
    one = watch(late)
    assert one.complaints() == [f"WARNING: {str(late)!r} is not there; it is read from its start when it appears"]
    late.parent.mkdir()
    late.write_bytes(b"first\n")
    assert one.read() == ["first"]


def test_a_folder_in_place_of_a_log_is_said_once_and_the_log_is_read_when_it_is_there(watch, log):
    log.unlink()
    log.mkdir()
    one = watch(log)
    for _ in range(20):
        assert one.read() == []
    assert one.complaints() == [
        f"ERROR: {str(log)!r} is not followed: expected a regular file, not a folder or pipe",
    ]
    log.rmdir()
    append(log, b"now\n")
    assert one.read() == ["now"]


def test_a_pipe_in_place_of_a_log_neither_blocks_nor_is_read(watch, log):
    one = watch(log)
    log.unlink()
    os.mkfifo(log)
    assert one.read() == []
    assert len(one.complaints()) == 1


def test_an_unreadable_log_is_said_once_and_followed_from_its_end_once_it_can_be_read(watch, log, monkeypatch):
    """The tests may run as root, whom no mode keeps out: the refusal is made up."""

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    append(log, b"old\n")
    with monkeypatch.context() as patch:
        patch.setattr(tail_room.os, "open", refuse)
        one = watch(log)
        for _ in range(20):
            assert one.read() == []
    assert one.complaints() == [
        f"ERROR: {str(log)!r} cannot be read (Permission denied): nothing in it is seen; retrying",
    ]
    assert one.watcher.followed() == []
    assert one.read() == []
    append(log, b"new\n")
    assert one.read() == ["new"]


def test_a_failing_disk_is_said_once_and_reading_goes_on_where_it_was(watch, log, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    one = watch(log)
    append(log, b"a\n")
    with monkeypatch.context() as patch:
        patch.setattr(tail_room.os, "pread", fail)
        assert one.read() == one.read() == []
    assert one.complaints() == [f"ERROR: {str(log)!r} cannot be read (Input/output error); retrying"]
    assert one.read() == ["a"]


def test_a_glob_takes_up_new_files_from_their_start_and_none_twice(watch, tmp_path):
    append(tmp_path / "a.log", b"old\n")
    one = watch(tmp_path / "*")
    append(tmp_path / "b.log", b"first of b\n")
    append(tmp_path / "c.log.gz", b"not text\n")
    append(tmp_path / ".hidden", b"not meant\n")
    assert one.read() == ["first of b"]
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    append(tmp_path / "a.log", b"first of the new a\n")
    append(tmp_path / "a.log.1", b"last of the old a\n")
    assert one.read() == ["last of the old a", "first of the new a"]
    assert one.read(after_s=100) == []
    assert one.complaints() == []


def test_a_name_with_the_date_changes_with_it_and_the_last_lines_of_yesterday_are_read(tmp_path):
    one = Watch(tmp_path / "app-%Y%j.log")
    (tmp_path / one.dated("app-%Y%j.log")).write_bytes(b"")
    one.read()
    append(tmp_path / one.dated("app-%Y%j.log"), b"today\n")
    assert one.read() == ["today"]
    yesterday = tmp_path / one.dated("app-%Y%j.log")
    one.now_s += 86400
    append(yesterday, b"late\n")
    append(tmp_path / one.dated("app-%Y%j.log"), b"tomorrow\n")
    assert one.read() == ["late", "tomorrow"]
    one.read(after_s=files.QUIET_S + 1)
    assert one.watcher.followed() == [str(tmp_path / one.dated("app-%Y%j.log"))]
    one.watcher.close()


def test_two_names_of_one_file_are_one_source(watch, log):
    link = log.with_name("link.log")
    link.symlink_to(log)
    one = watch(log, link)
    append(log, b"once\n")
    assert one.read() == ["once"]


def test_more_files_than_can_be_open_are_left_out_and_said(watch, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FILES_MAX", 2)
    for number in range(5):
        (tmp_path / f"{number}.log").write_bytes(b"")
    one = watch(tmp_path / "*.log")
    one.read()
    assert len(one.watcher.followed()) == 2
    assert one.watcher.bounds_hit["watched_files_max"] == 3
    assert one.complaints() == ["ERROR: 3 files over the limit of 2 are not followed"]


def test_a_reload_keeps_the_place_in_files_that_stay_and_starts_new_ones_at_their_end(watch, log, tmp_path):
    append(tmp_path / "other", b"old\n")
    one = watch(log)
    append(log, b"a\nb\nhalf")
    assert one.read(lines_max=1) == ["a"]
    one.watcher.rewatch([local(tmp_path / "auth.*"), local(tmp_path / "other")])
    append(log, b" line\n")
    append(tmp_path / "other", b"new\n")
    assert sorted(one.read()) == ["b", "half line", "new"]


def test_a_reload_without_a_file_lets_go_of_it(watch, log):
    one = watch(log)
    append(log, b"a\n")
    one.watcher.rewatch([])
    assert one.read() == []
    assert one.watcher.followed() == []


def test_the_next_look_is_due_after_the_interval(watch, log):
    one = watch(log)
    one.read()
    assert one.watcher.wake_after_s() == pytest.approx(1.0)
    one.watcher.read(Moment(0.0, one.now_s + 0.75))
    assert one.watcher.wake_after_s() == pytest.approx(0.25)
