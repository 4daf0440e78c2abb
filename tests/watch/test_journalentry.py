"""How an entry of systemd's journal becomes a line of syslog, and whom it lets speak as sshd."""

import json
import time

import pytest

from ar.watch.journalentry import read_entry

NOON_S = int(time.mktime((2031, 3, 9, 12, 5, 7, 0, 0, -1)))
SSHD = {
    "__CURSOR": "s=1;i=2",
    "__REALTIME_TIMESTAMP": f"{NOON_S}999999",
    "_HOSTNAME": "box",
    "_TRANSPORT": "syslog",
    "_UID": "0",
    "_PID": "812",
    "_COMM": "sshd-session",
    "_EXE": "/usr/lib/openssh/sshd-session",
    "SYSLOG_IDENTIFIER": "sshd-session",
    "MESSAGE": "Failed password for root from 192.0.2.1 port 22 ssh2",
}


def line(**changes):
    fields = {name: value for name, value in {**SSHD, **changes}.items() if value is not None}
    return read_entry(json.dumps(fields).encode()).line


def program(**changes):
    return line(**changes).split(" box ")[1].split(": Failed")[0]


def test_an_entry_becomes_a_line_as_syslog_writes_it_and_a_cursor():
    entry = read_entry(json.dumps(SSHD).encode())
    assert entry.line == "Mar  9 12:05:07 box sshd-session[812]: Failed password for root from 192.0.2.1 port 22 ssh2"
    assert entry.cursor == "s=1;i=2"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"SYSLOG_IDENTIFIER": "sshd", "_COMM": "logger", "_EXE": "/usr/bin/logger"}, "sshd[812]"),
        ({"SYSLOG_IDENTIFIER": None}, "sshd-session[812]"),
        ({"_UID": None, "_TRANSPORT": "kernel", "SYSLOG_IDENTIFIER": "kernel", "_COMM": None, "_PID": None}, "kernel"),
    ],
    ids=["root may use any name", "no name of its own", "the kernel"],
)
def test_root_and_the_kernel_are_believed(changes, expected):
    assert program(**changes) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"SYSLOG_IDENTIFIER": "sudo", "_COMM": "sudo", "_EXE": "/usr/bin/sudo"}, "sudo[812]"),
        ({"SYSLOG_IDENTIFIER": "sshd", "_COMM": "logger", "_EXE": "/usr/bin/logger"}, "logger[812]"),
        ({"SYSLOG_IDENTIFIER": "sshd", "_COMM": "sshd", "_EXE": "/usr/bin/perl"}, "/usr/bin/perl[812]"),
        ({"SYSLOG_IDENTIFIER": "sshd", "_COMM": "sshd", "_EXE": "/home/mallory/sshd"}, "/home/mallory/sshd[812]"),
        ({"SYSLOG_IDENTIFIER": "sshd", "_COMM": None, "_EXE": None}, "unknown[812]"),
        ({"SYSLOG_IDENTIFIER": "sshd", "_UID": None, "_COMM": None, "_EXE": None}, "unknown[812]"),
        ({"SYSLOG_IDENTIFIER": ["sshd", "logger"], "_COMM": "logger", "_EXE": "/usr/bin/logger"}, "logger[812]"),
        (
            {"SYSLOG_IDENTIFIER": "systemd-networkd", "_COMM": "systemd-network",
             "_EXE": "/usr/lib/systemd/systemd-networkd (deleted)"},
            "systemd-networkd[812]",
        ),
        ({"SYSLOG_IDENTIFIER": "x", "_COMM": "a: sshd[1]", "_EXE": None}, "a__sshd_1_[812]"),
    ],
    ids=[
        "the same name everywhere", "logger -t sshd", "a process that renamed itself", "a copy in a home folder",
        "gone before journald could look", "sender unknown", "a repeated name", "a long name of an updated program",
        "a name that poses as a header",
    ],
)  # fmt: skip
def test_a_user_cannot_speak_as_another_program(changes, expected):
    assert program(**{"_UID": "1000", **changes}) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("two\nlines\r\nand more", "two lines and more"),
        ([102, 97, 255, 10, 108], "fa\\xff l"),
        (["first", "second"], "first"),
        ("", ""),
        ([], ""),
    ],
    ids=["newlines", "bytes that are not UTF-8", "a repeated field", "empty", "no bytes"],
)
def test_messages(message, expected):
    assert line(MESSAGE=message).split(": ", 1)[1] == expected


def test_a_host_or_time_that_is_missing_or_broken_leaves_a_whole_header():
    assert " localhost sshd-session[812]: Failed" in line(_HOSTNAME=None)
    assert " my_box sshd-session[812]: Failed" in line(_HOSTNAME="my box")
    for stamp in (None, "x", "9" * 40):
        assert line(__REALTIME_TIMESTAMP=stamp).endswith(SSHD["MESSAGE"])


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"1", b"null", b"\xff\xfe", b"{}", b'{"MESSAGE": null}', b'{"MESSAGE": {}}',
        b'{"MESSAGE": [1, "a"]}', b'{"MESSAGE": [300]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_entry_is_none_and_never_an_error(raw):
    assert read_entry(raw) is None
