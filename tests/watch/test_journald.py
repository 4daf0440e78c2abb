"""journalctl is followed, heard and started again; a double stands in for it."""

import json
import os
import select

import pytest
from watching import WALL_S, local, texts

from ar.model import Moment
from ar.watch import Watcher, journald


def entry(message, cursor="c1"):
    fields = {"__CURSOR": cursor, "_HOSTNAME": "box", "_UID": "0", "SYSLOG_IDENTIFIER": "sshd", "MESSAGE": message}
    return json.dumps(fields).encode() + b"\n"


class Double:
    """A journalctl that prints what was recorded, notes how it was called, and then waits or ends."""

    def __init__(self, folder):
        self.folder = folder
        self.said = []
        self.now_s = 100.0
        self.program = folder / "journalctl"
        self.calls = folder / "calls"
        self.recorded = folder / "recorded"

    def then(self, last, recorded=b""):
        self.recorded.write_bytes(recorded)
        self.program.write_text(f'#!/bin/sh\necho "$*" >>{self.calls}\nenv >{self.folder}/env\n{last}\n')
        self.program.chmod(0o755)

    def start(self, **options):
        self.watcher = Watcher(
            [local("journald", "journald")],
            line_bytes_max=options.get("line_bytes_max", 6144),
            log=lambda level, text: self.said.append((level, text)),
            journalctl=(str(self.program),),
        )
        return self.watcher

    def read(self, lines_max=10_000, after_s=0.0):
        self.now_s += after_s
        return texts(self.watcher.read(Moment(WALL_S, self.now_s), lines_max))

    def wait(self):
        pipe = self.watcher.filenos()[-1]
        assert select.select([pipe], [], [], 20)[0], "journalctl's double said nothing within 20 s"

    def read_until(self, count):
        lines = []
        while len(lines) < count:
            self.wait()
            lines += self.read()
        return lines

    def read_to_the_end(self):
        lines = []
        while self.watcher._journald.running:
            self.wait()
            lines += self.read()
        return lines


@pytest.fixture
def double(tmp_path):
    one = Double(tmp_path)
    yield one
    one.watcher.close()


def stay(double):
    return f'cat "{double.recorded}"; exec sleep 1000'


def die(double):
    return f'cat "{double.recorded}"; echo "no journal" >&2; exit 3'


def test_entries_come_as_lines_from_the_source_journald(double):
    double.then(stay(double), entry("a") + entry("b"))
    watcher = double.start()
    double.wait()
    chunks = watcher.read(Moment(WALL_S, 1.0))
    assert chunks[0].source == "journald"
    assert texts(chunks)[0].split(" box ")[1] == "sshd: a"
    assert watcher.followed() == ["journald"]
    assert double.calls.read_text() == "-o json --all -f -n 0\n"


def test_it_is_run_without_our_libraries(double, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/tmp/_MEI1")
    monkeypatch.setenv("PYTHONPATH", "/tmp/_MEI1")
    double.then(stay(double), entry("a"))
    double.start()
    double.read_until(1)
    names = {line.partition("=")[0] for line in (double.folder / "env").read_text().splitlines()}
    assert not names & {"LD_LIBRARY_PATH", "PYTHONPATH"}


def test_it_is_started_again_after_a_pause_that_grows_and_goes_on_after_the_last_entry(double):
    double.then(die(double), entry("a", "cursor-of-a"))
    watcher = double.start()
    assert [line.split(" box ")[1] for line in double.read_to_the_end()] == ["sshd: a"]
    assert watcher.filenos() == double.watcher.filenos()
    assert watcher.wake_after_s() == pytest.approx(1.0)
    assert double.read(after_s=0.5) == []
    assert double.calls.read_text().count("\n") == 1
    double.then(die(double))
    double.read(after_s=0.5)
    double.read_to_the_end()
    assert watcher.wake_after_s() == pytest.approx(2.0)
    assert double.calls.read_text().splitlines()[1] == "-o json --all -f --no-tail --after-cursor=cursor-of-a"
    assert ("WARNING", f"{double.program}: no journal") in double.said
    assert ("WARNING", f"{double.program} has ended with status 3; starting it again") in double.said


def test_a_cursor_with_which_it_always_dies_is_given_up(double):
    double.then(die(double), entry("a"))
    double.start()
    double.read_to_the_end()
    double.then(die(double))
    for _ in range(journald._TRIES_AT_CURSOR):
        double.read(after_s=60)
        double.read_to_the_end()
    assert "--after-cursor" not in double.calls.read_text().splitlines()[-1]
    assert "--after-cursor" in double.calls.read_text().splitlines()[-2]


def test_a_missing_journalctl_is_said_once_and_tried_again(double):
    double.start()
    for _ in range(5):
        assert double.read(after_s=60) == []
    wrong = [text for level, text in double.said if level == "ERROR"]
    assert wrong == [
        f"{double.program} cannot be run (No such file or directory): nothing in journald is seen; retrying",
    ]
    assert double.watcher.followed() == []
    assert double.watcher.wake_after_s() > 0
    double.then(stay(double), entry("a"))
    double.read(after_s=60)
    assert len(double.read_until(1)) == 1


def test_what_is_not_json_and_entries_without_a_message_are_passed_over(double):
    double.then(stay(double), b"-- No entries --\n{\n\xff\n" + b'{"MESSAGE": null}\n' + entry("a"))
    double.start()
    assert [line.split(" box ")[1] for line in double.read_until(1)] == ["sshd: a"]


def test_a_full_list_is_followed_by_the_rest(double):
    double.then(stay(double), b"".join(entry(str(number)) for number in range(10)))
    double.start()
    lines = []
    while len(lines) < 10:
        if double.watcher.wake_after_s() > 0:
            double.wait()
        some = double.read(lines_max=4)
        assert len(some) <= 4
        lines += some
    assert [line.rsplit(" ", 1)[1] for line in lines] == [str(number) for number in range(10)]


def test_an_entry_without_end_is_left_out_and_counted_and_the_next_is_read(double, monkeypatch):
    monkeypatch.setattr(journald, "ENTRY_BYTES_MAX", 200_000)
    double.then(stay(double), entry("x" * 500_000) + entry("a"))
    double.start()
    assert [line.split(" box ")[1] for line in double.read_until(1)] == ["sshd: a"]
    assert double.watcher.bounds_hit["line_bytes_max"] == 1


def test_a_long_message_is_cut_as_a_line_of_a_file_is(double):
    double.then(stay(double), entry("é" * 500))
    double.start(line_bytes_max=101)
    (line,) = double.read_until(1)
    assert 99 <= len(line.encode()) <= 101
    assert double.watcher.bounds_hit["line_bytes_max"] == 1


def test_journalctl_ends_with_the_watcher_and_when_it_is_no_longer_configured(double):
    double.then(stay(double), entry("a"))
    watcher = double.start()
    pid = watcher._journald._process.pid
    watcher.rewatch([])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert watcher.followed() == []
