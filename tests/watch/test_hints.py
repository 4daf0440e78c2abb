"""inotify tells at once, and says nothing while nothing happens; without it everything is looked at."""

import os
import select
import sys

import pytest
from watching import Watch, append

from ar.watch import hints

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


def ready(watcher):
    """Return whether a selector would wake up now."""
    return bool(select.select(watcher.filenos(), [], [], 0)[0])


@pytest.fixture
def one(log):
    watch = Watch(log, hints=hints.Inotify(lambda *_: None))
    watch.read()
    yield watch
    watch.watcher.close()


def test_nothing_wakes_while_nothing_happens(one, log):
    (log.parent / "foreign.log").write_bytes(b"")
    one.read()
    append(log.parent / "foreign.log", b"not watched\n")
    log.read_bytes()
    assert not ready(one.watcher)
    assert one.watcher.wake_after_s() >= hints.SAFETY_S - 2


@pytest.mark.parametrize("event", ["append", "rotate", "truncate", "unlink", "chmod"])
def test_each_event_wakes_at_once_and_is_answered_by_one_reading(one, log, event):
    append(log, b"old\n")
    one.read(after_s=0)
    {
        "append": lambda: append(log, b"a\n"),
        "rotate": lambda: log.rename(log.with_suffix(".1")),
        "truncate": lambda: os.truncate(log, 0),
        "unlink": log.unlink,
        "chmod": lambda: log.chmod(0o600),
    }[event]()
    assert ready(one.watcher)
    assert one.read(after_s=0) == (["a"] if event == "append" else [])
    assert not ready(one.watcher)


def test_the_first_line_of_a_rotated_log_is_read_without_time_passing(one, log):
    log.rename(log.with_suffix(".1"))
    one.read(after_s=0)
    append(log, b"first\n")
    assert ready(one.watcher)
    assert one.read(after_s=0) == ["first"]
    append(log, b"second\n")
    assert ready(one.watcher)
    assert one.read(after_s=0) == ["second"]


def test_the_renamed_log_is_still_heard(one, log):
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"")
    one.read(after_s=0)
    append(log.with_suffix(".1"), b"late\n")
    assert ready(one.watcher)
    assert one.read(after_s=0) == ["late"]


def test_a_log_in_a_folder_that_is_made_later_is_heard(tmp_path):
    log = tmp_path / "nginx" / "access.log"
    watch = Watch(log, hints=hints.Inotify(lambda *_: None))
    watch.read()
    log.parent.mkdir()
    assert ready(watch.watcher)
    watch.read(after_s=0)
    log.write_bytes(b"first\n")
    assert ready(watch.watcher)
    assert watch.read(after_s=0) == ["first"]
    watch.watcher.close()


def test_the_target_of_a_link_is_heard_when_it_is_rotated(tmp_path):
    target = tmp_path / "real" / "app.log"
    target.parent.mkdir()
    target.write_bytes(b"")
    link = tmp_path / "links" / "app.log"
    link.parent.mkdir()
    link.symlink_to(target)
    watch = Watch(link, hints=hints.Inotify(lambda *_: None))
    watch.read()
    target.rename(target.with_suffix(".1"))
    target.write_bytes(b"new\n")
    assert ready(watch.watcher)
    assert watch.read(after_s=0) == ["new"]
    watch.watcher.close()


def test_a_missed_hint_is_made_up_for_by_the_safety_look(one, log):
    log.rename(log.with_suffix(".1"))
    log.write_bytes(b"first\n")
    one.watcher._hints.drain()
    assert one.read(after_s=0) == []
    assert one.read(after_s=hints.SAFETY_S) == ["first"]


def test_more_events_than_the_kernel_queues_lose_no_line(one, log):
    for number in range(20_000):
        (log.parent / "other").touch()
        if number % 1000 == 0:
            append(log, b"%d\n" % number)
    log.rename(log.with_suffix(".1"))
    append(log, b"new\n")
    assert one.read(after_s=0) == [str(number) for number in range(0, 20_000, 1000)] + ["new"]


def test_when_inotify_refuses_a_watch_it_is_said_once_and_everything_is_looked_at_each_second(log):
    said = []
    inotify = hints.Inotify(lambda level, text: said.append((level, text)))
    inotify.watch_folders({"/nonexistent/a", "/nonexistent/b"})
    assert [level for level, _ in said] == ["WARNING"]
    assert "'/nonexistent/a' (No such file or directory)" in said[0][1]
    assert inotify.interval_s == hints.POLLING_S
    inotify.close()


def test_without_inotify_polling_takes_its_place_and_says_so(monkeypatch):
    def refuse(_):
        raise OSError(24, "Too many open files")

    said = []
    monkeypatch.setattr(hints, "Inotify", refuse)
    found = hints.hints_of_this_system(lambda level, text: said.append((level, text)))
    assert isinstance(found, hints.Polling)
    assert said[0][0] == "WARNING"
    assert "Too many open files" in said[0][1]


def test_other_systems_poll_in_silence(monkeypatch):
    said = []
    monkeypatch.setattr(hints.sys, "platform", "openbsd7")
    assert isinstance(hints.hints_of_this_system(lambda *words: said.append(words)), hints.Polling)
    assert said == []
