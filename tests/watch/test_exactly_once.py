"""Whatever is done to a log and whenever it is read, each line comes once and in order."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watching import Watch, append

from ar.watch import tail
from ar.watch.hints import Inotify, Polling

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 6), st.integers(0, 400)),
        st.tuples(st.just("half"), st.integers(1, 300)),
        st.tuples(st.just("rotate")),
        st.tuples(st.just("truncate")),
        st.tuples(st.just("read"), st.sampled_from([1, 3, 10_000])),
    ),
    max_size=40,
)


class Story:
    """A writer that rotates and truncates its log, and a reader; `expected` is what the reader must have got.

    Each expected line goes with the file that it stands in, since a truncation takes what was not read yet.
    """

    def __init__(self, folder, hints, after_s):
        self.log = folder / "log"
        self.log.write_bytes(b"")
        self.after_s = after_s
        self.reader = Watch(self.log, hints=hints, line_bytes_max=1000)
        self.got = []
        self.expected = []
        self.file = 0
        self.half = b""
        self.number = 0

    def append(self, count, width):
        for _ in range(count):
            self.number += 1
            end = b"%d %s" % (self.number, b"x" * width)
            append(self.log, end + b"\n")
            self.expected.append((self.file, (self.half + end).decode()))
            self.half = b""

    def half_line(self, width):
        self.number += 1
        if len(self.half) < 250:
            piece = b"%d %s" % (self.number, b"h" * width)
            append(self.log, piece)
            self.half += piece

    def rotate(self):
        self.read(1)  # a file that comes and goes between two looks cannot be known
        self.file += 1
        self.log.rename(self.log.with_name(f"log.{self.file}"))
        self.log.write_bytes(b"")
        self.half = b""

    def truncate(self):
        os.truncate(self.log, 0)
        lost = [one for one in self.expected[len(self.got) :] if one[0] == self.file]
        self.expected = [one for one in self.expected if one not in lost]
        self.half = b""

    def read(self, lines_max):
        lines = self.reader.read(lines_max, after_s=self.after_s)
        assert len(lines) <= lines_max
        self.got += lines

    def read_all(self):
        self.read(10_000)
        while self.reader.watcher.wake_after_s() == 0.0:
            self.read(10_000)


def told(steps, hints, after_s, chunk_bytes):
    """Play the story and return what was read and what should have been."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "CHUNK_BYTES", chunk_bytes)
        story = Story(Path(folder), hints, after_s)
        play = {
            "append": story.append,
            "half": story.half_line,
            "rotate": story.rotate,
            "truncate": story.truncate,
            "read": story.read,
        }
        for name, *arguments in steps:
            play[name](*arguments)
        story.read_all()
        story.reader.watcher.close()
        assert story.reader.complaints() == []
        return story.got, [text for _, text in story.expected]


@given(STEPS, st.sampled_from([64, tail.CHUNK_BYTES]))
def test_each_line_comes_once_and_in_order_by_looking_each_second(steps, chunk_bytes):
    got, expected = told(steps, Polling(), after_s=1.0, chunk_bytes=chunk_bytes)
    assert got == expected


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
@given(STEPS, st.sampled_from([64, tail.CHUNK_BYTES]))
def test_each_line_comes_once_and_in_order_by_inotify_alone(steps, chunk_bytes):
    """The clock stands still, so that the safety look never comes."""
    got, expected = told(steps, Inotify(lambda *_: None), after_s=0.0, chunk_bytes=chunk_bytes)
    assert got == expected
