"""The logs that people and other programs read: their exact format, and that they never stop the agent."""

import json
import os
import re
import signal
import time
from types import SimpleNamespace

import pytest

from ar.model import Alert
from ar.policy.records import Arguments
from ar.policy.tasks import Finished, Task
from ar.report.alerts import LOG_TEXT_MAX, AlertsLog, as_json, as_text
from ar.report.appender import Appender
from ar.report.log import Log, printable
from ar.report.responses import ResponsesLog

ALERT = Alert(
    id="1763706239.12",
    time_s=1763706239.5,
    rule=5712,
    level=10,
    groups=("syslog", "sshd", "authentication_failures"),
    description="many failed logins from one address",
    location="/var/log/auth.log",
    hostname="pi",
    program="sshd",
    decoder="sshd",
    fields={"srcip": "203.0.113.7", "srcport": "4242", "user": "root", "id": "77"},
    full_log="Nov 21 06:23:59 pi sshd[9]: Failed password for root from 203.0.113.7 port 4242 ssh2",
    previous=("first line", "second line"),
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_an_alert_is_a_paragraph_in_the_format_of_ossec():
    assert as_text(ALERT) == (
        "** Alert 1763706239.12: - syslog,sshd,authentication_failures,\n"
        "2025 Nov 21 06:23:59 pi->/var/log/auth.log\n"
        "Rule: 5712 (level 10) -> 'many failed logins from one address'\n"
        "Src IP: 203.0.113.7\n"
        "Src Port: 4242\n"
        "User: root\n"
        "Nov 21 06:23:59 pi sshd[9]: Failed password for root from 203.0.113.7 port 4242 ssh2\n"
        "first line\n"
        "second line\n"
        "\n"
    )


def test_a_long_line_is_cut_in_the_text_and_whole_in_json():
    long = ALERT._replace(full_log="x" * 5000, previous=())
    assert max(map(len, as_text(long).split("\n"))) == LOG_TEXT_MAX
    assert len(json.loads(as_json(long))["full_log"]) == 5000


def test_an_alert_is_an_object_with_the_keys_of_ossec(tmp_path):
    AlertsLog(tmp_path, pytest.fail).write([ALERT])
    assert json.loads((tmp_path / "alerts.json").read_text()) == {
        "rule": {
            "level": 10,
            "comment": "many failed logins from one address",
            "sidid": 5712,
            "group": "syslog,sshd,authentication_failures,",
            "groups": ["syslog", "sshd", "authentication_failures"],
        },
        "id": "1763706239.12",
        "TimeStamp": 1763706239500,
        "srcip": "203.0.113.7",
        "srcport": "4242",
        "dstuser": "root",
        "decoder": "sshd",
        "location": "/var/log/auth.log",
        "full_log": ALERT.full_log,
        "previous_output": "first line\nsecond line",
        "hostname": "pi",
        "program_name": "sshd",
        "timestamp": "2025 Nov 21 06:23:59",
    }
    assert (tmp_path / "alerts.log").read_text() == as_text(ALERT)


@pytest.mark.parametrize(("worked", "tail"), [(True, ""), (False, " failed: exit status 1")], ids=["worked", "failed"])
def test_a_response_is_a_line_in_the_format_of_ossecs_scripts(tmp_path, worked, tail):
    arguments = Arguments("-", "203.0.113.7", "1763706239.12", 5712, "/var/log/auth.log", "-")
    task = Task("add", "firewall-drop.sh", arguments, {})
    log = ResponsesLog(tmp_path / "active-responses.log", tmp_path / "bin", pytest.fail)
    log.write(Finished(task, worked, "exit status 0" if worked else "exit status 1", ""))
    line = (tmp_path / "active-responses.log").read_text()
    words = line.split()
    assert words[4] == "UTC"
    assert line.endswith(f"{words[5]} {tmp_path}/bin/firewall-drop.sh add - 203.0.113.7 1763706239.12 5712{tail}\n")


@pytest.mark.parametrize(
    ("verb", "worked", "counted"),
    [
        ("add", True, ["- Blocked IP: 203.0.113.7 (Rule: 5712)", "- Blocked IP: 2001:db8::7 (Rule: 5712)"]),
        ("delete", True, ["- Unblocked IP: 203.0.113.7", "- Unblocked IP: 2001:db8::7"]),
        ("add", False, []), ("delete", False, []),
    ],
)  # fmt: skip
def test_each_address_that_is_blocked_or_released_has_a_line_to_be_counted(tmp_path, verb, worked, counted):
    """A day in one word, what happened in the fourth and the address in the sixth; a block of a user has none."""

    def action(srcip):
        return SimpleNamespace(block=SimpleNamespace(arguments=Arguments("ann", srcip, "1.1", 5712, "-", "-")))

    actions = tuple(map(action, ("203.0.113.7", "-", "2001:db8::7")))
    log = ResponsesLog(tmp_path / "active-responses.log", tmp_path / "bin", pytest.fail)
    task = Task(verb, "firewall-drop.sh", actions[0].block.arguments, {}, actions)
    log.write(Finished(task, worked, "exit status 1", ""))
    lines = [line for line in (tmp_path / "active-responses.log").read_text().splitlines() if ".sh " not in line]
    assert [line.split(" ", 2)[2] for line in lines] == counted
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line[:19]) for line in lines)


@pytest.fixture
def terminal():
    """A pipe that stands for the terminal: a file descriptor to write to, and a way to read what was written."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    class Terminal:
        fileno = writer

        def said(self):
            try:
                return os.read(reader, 1 << 20).decode()
            except BlockingIOError:
                return ""

        def hang_up(self):
            nonlocal reader
            os.close(reader)
            reader = os.open(os.devnull, os.O_RDONLY)

    yield Terminal()
    os.close(reader)
    os.close(writer)


def test_the_agents_log_is_in_the_style_of_ossec_and_repeated_on_the_terminal(tmp_path, terminal):
    log = Log(tmp_path / "ossec.log", terminal.fileno)
    log("INFO", "Started (pid: 7).")
    written = (tmp_path / "ossec.log").read_text()
    assert written == terminal.said()
    assert written[19:] == " ar-agent: INFO: Started (pid: 7).\n"
    assert written[4] == written[7] == "/"


def test_a_terminal_that_nobody_reads_keeps_the_agent_from_nothing(tmp_path, terminal):
    log = Log(tmp_path / "ossec.log", terminal.fileno)
    for number in range(5000):
        log("INFO", f"line {number} →")
    assert len((tmp_path / "ossec.log").read_text().splitlines()) == 5000
    assert 0 < len(terminal.said()) < 5000 * 40


@pytest.mark.parametrize("gone", ["the reader", "a full disk"])
def test_a_terminal_that_is_gone_is_told_of_in_the_file_and_not_tried_again(tmp_path, terminal, gone):
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    terminal.hang_up()
    full = os.open("/dev/full", os.O_WRONLY)
    log = Log(tmp_path / "ossec.log", terminal.fileno if gone == "the reader" else full)
    log("INFO", "one")
    log("INFO", "two")
    os.close(full)
    lines = (tmp_path / "ossec.log").read_text().splitlines()
    assert [line[20:45] for line in lines] == [
        "ar-agent: INFO: one",
        "ar-agent: WARNING: The te",
        "ar-agent: INFO: two",
    ]


def test_hostile_text_can_do_nothing_to_a_terminal():
    assert printable("a\x1b[2Jb\n\x9b") == "a\\x1b[2Jb\\n\\x9b"
    assert printable("grün") == "grün"


def test_a_log_that_cannot_be_written_is_told_once_and_counted_and_stops_nothing(tmp_path, terminal):
    log = Log(tmp_path / "gone" / "ossec.log", terminal.fileno)
    log("INFO", "one")
    log("INFO", "two")
    assert log.lost == 2
    assert terminal.said().count("ossec.log: cannot be written: No such file or directory") == 1
    (tmp_path / "gone").mkdir()
    log("INFO", "three")
    assert "three" in (tmp_path / "gone" / "ossec.log").read_text()


def test_trouble_that_comes_back_is_told_again(tmp_path):
    told = []
    log = AlertsLog(tmp_path / "alerts", told.append)
    log.write([ALERT])
    log.write([ALERT])
    assert (len(told), log.lost) == (2, 4), "one for each file"
    (tmp_path / "alerts").mkdir()
    log.write([ALERT])
    (tmp_path / "alerts" / "alerts.log").unlink()
    (tmp_path / "alerts" / "alerts.log").mkdir()
    log.reopen()
    log.write([ALERT])
    assert [text.rpartition("/")[2] for text in told[2:]] == ["alerts.log: cannot be written: Is a directory"]


def test_a_line_that_fitted_only_in_part_does_not_swallow_the_next(tmp_path, monkeypatch):
    told = []
    file = Appender(tmp_path / "x.log", told.append)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, content: real(fd, content[:3]))
    file.write("first\n")
    monkeypatch.undo()
    file.write("second\n")
    assert (tmp_path / "x.log").read_text() == "fir\nsecond\n"
    assert len(told) == 1


def test_after_reopen_lines_go_to_the_file_that_has_the_name_now(tmp_path):
    log = Log(tmp_path / "ossec.log", None)
    log("INFO", "one")
    (tmp_path / "ossec.log").rename(tmp_path / "ossec.log.1")
    log.reopen()
    log("INFO", "two")
    assert "two" in (tmp_path / "ossec.log").read_text()
