"""How bytes of a file become lines."""

from __future__ import annotations

import os

import pytest
from watching import append

from ar.model import Chunk, Moment
from ar.watch import tail


def test_a_file_that_is_there_at_the_start_is_followed_from_its_end(watch, log):
    append(log, b"before\n")
    one = watch(log)
    append(log, b"after\n")
    assert one.read() == ["after"]
    assert one.read() == []


def test_a_line_that_is_half_written_at_the_start_is_read_as_a_whole(watch, log):
    append(log, b"before\nhalf ")
    one = watch(log)
    assert one.read() == []
    append(log, b"done\n")
    assert one.read() == ["half done"]


def test_the_rest_of_a_long_half_line_at_the_start_is_dropped(watch, log):
    append(log, b"before\n" + b"x" * 5000)
    one = watch(log)
    append(log, b"x from 192.0.2.1\nnext\n")
    assert one.read() == ["next"]


def test_a_half_line_waits_for_its_newline(watch, log):
    """What is there of `from 192.0.2.12` may not be read as `from 192.0.2.1`."""
    one = watch(log)
    append(log, b"whole\nfrom 192.0.2.1")
    assert one.read() == ["whole"]
    append(log, b"2\n")
    assert one.read() == ["from 192.0.2.12"]


def test_lines_carry_their_file_and_the_time_of_reading(watch, log):
    one = watch(log)
    append(log, b"a\n")
    assert one.watcher.read(Moment(1234.5, 9000.0)) == [Chunk(str(log), [b"a"], 1234.5)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (b"a\r\nb\n", ["a", "b"]),
        (b"a\rb\n", ["a\rb"]),
        (b"\n\na\n", ["", "", "a"]),
        (b"a\tb\0c\n", ["a\tb\0c"]),
        (b"caf\xc3\xa9 \xff\xfe\n", ["café \\xff\\xfe"]),
        (b"cut \xe2\x82\n", ["cut \\xe2\\x82"]),
    ],
    ids=["crlf", "lone cr", "empty", "nul and tab", "not utf-8", "half a character"],
)
def test_line_ends_and_bytes(watch, log, written, expected):
    one = watch(log)
    append(log, written)
    assert one.read() == expected


@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 4096])
def test_a_long_line_is_cut_counted_and_the_next_one_is_whole_however_it_is_written(watch, log, piece_bytes):
    one = watch(log, line_bytes_max=20)
    written = b"x" * 1000 + b"\n" + b"y" * 20 + b"\r\n" + b"z" * 21 + b"\nend\n"
    lines = []
    for at in range(0, len(written), piece_bytes):
        append(log, written[at : at + piece_bytes])
        lines += one.read()
    assert lines == ["x" * 20, "y" * 20, "z" * 20, "end"]
    assert one.watcher.bounds_hit["line_bytes_max"] == 2


def test_a_line_of_a_megabyte_is_cut_without_being_held_in_memory(watch, log):
    one = watch(log, line_bytes_max=6144)
    append(log, b"m" * 3_000_000)
    assert one.read() == ["m" * 6144]
    assert one.read() == []
    append(log, b"m\nnext\n")
    assert one.read() == ["next"]
    assert one.watcher.bounds_hit["line_bytes_max"] == 1


def test_a_hole_of_nuls_before_a_line_is_passed_over(watch, log):
    """A writer that does not append leaves one when its log is truncated below it."""
    one = watch(log, line_bytes_max=100)
    with log.open("wb") as writer:
        writer.write(b"old\n")
        writer.flush()
        assert one.read() == ["old"]
        os.truncate(log, 0)
        writer.seek(3_000_000)
        writer.write(b"new\n")
    lines = []
    for _ in range(10):
        lines += one.read()
    assert lines == ["new"]


def test_a_full_list_is_followed_by_the_rest_in_order(watch, log):
    one = watch(log)
    append(log, b"".join(b"%d\n" % number for number in range(25)))
    assert one.read(lines_max=10) == [str(number) for number in range(10)]
    assert one.watcher.wake_after_s() == 0.0
    assert one.read(lines_max=10) == [str(number) for number in range(10, 20)]
    assert one.read(lines_max=10) == ["20", "21", "22", "23", "24"]
    assert one.read() == []
    assert one.watcher.wake_after_s() > 0.0


def test_a_busy_file_does_not_starve_the_others(watch, tmp_path):
    one = watch(tmp_path / "a", tmp_path / "b")
    append(tmp_path / "a", b"a\n" * 100)
    append(tmp_path / "b", b"b\n" * 100)
    assert "b" in one.read(lines_max=60) + one.read(lines_max=60)


def test_more_than_one_stretch_is_read_in_turns_and_nothing_is_lost(watch, log, monkeypatch):
    monkeypatch.setattr(tail, "CHUNK_BYTES", 256)
    one = watch(log)
    numbers = [str(number) for number in range(2000)]
    append(log, "".join(f"{number}\n" for number in numbers).encode())
    lines = one.read()
    assert 0 < len(lines) < len(numbers)
    while one.watcher.wake_after_s() == 0.0:
        lines += one.read()
    assert lines == numbers
