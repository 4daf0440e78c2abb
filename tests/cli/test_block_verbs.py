"""list, status, block and unblock when no agent runs; with one running the end-to-end tests try them."""

import time
from pathlib import Path

import pytest

from ar.answers import row_of
from ar.model import Subject
from ar.policy.block import Block
from ar.policy.records import Added, Arguments, Opened, Promised
from ar.respond import clock
from ar.respond.journal import Journal


@pytest.fixture
def blocked(home):
    """A journal with two blocks in force, and a script that writes down what it is asked."""
    now = clock.now()
    journal = Journal(home / "var/journal.json")
    journal.write(Opened(clock.boot_id(), *now))
    for number, (address, sentence_s) in enumerate((("203.0.113.7", 600), ("2001:db8::7", 0)), 1):
        ends = now.boot_s + sentence_s if sentence_s else None
        arguments = Arguments("-", address, "1.1", 5720, "auth.log", "-")
        subject = Subject("srcip", address)
        journal.write(
            Promised(number, "drop", "note.sh", "argv", subject, arguments, 2, now.wall_s, sentence_s, ends),
            Added(number),
        )
    journal.close()
    script = home / "active-response/bin/note.sh"
    script.write_text(f'#!/bin/sh\necho "$@" >> {home}/asked\n')
    script.chmod(0o755)
    return home


def test_list_tells_from_the_journal_what_is_in_force(blocked, objects, verb):
    first, second = objects("list")
    assert (first["subject"], first["command"], first["state"], first["offence"]) == (
        "203.0.113.7", "drop", "in force", 2,
    )  # fmt: skip
    assert 590 < first["left_s"] <= 600
    assert first["until"] > time.time()
    assert (second["subject"], second["left_s"], second["until"]) == ("2001:db8::7", None, None)
    code, out, err = verb("list")
    assert code == 0
    assert "No agent answers in this home" in err
    assert out.splitlines()[0].split() == ["SUBJECT", "COMMAND", "STATE", "OFFENCE", "RULE", "LEFT", "UNTIL"]
    assert "for good" in out


def test_list_of_a_home_without_a_journal_is_empty(verb):
    code, out, _ = verb("list")
    assert (code, out) == (0, "Nothing is blocked.\n")


def test_unblock_runs_the_script_and_keeps_the_rest(blocked, verb, objects):
    code, out, err = verb("unblock", "2001:DB8:0::7")
    assert (code, err) == (0, "")
    assert "1 released from its journal" in out
    assert (blocked / "asked").read_text() == "delete - 2001:db8::7 1.1 5720 auth.log -\n"
    assert [row["subject"] for row in objects("list")] == ["203.0.113.7"]
    assert "note.sh delete - 2001:db8::7 1.1 5720" in (blocked / "logs/active-responses.log").read_text()


def test_unblock_does_nothing_else_that_is_due(blocked, verb):
    journal = Journal(blocked / "var/journal.json")
    arguments = Arguments("-", "203.0.113.8", "1.1", 5720, "auth.log", "-")
    subject = Subject("srcip", "203.0.113.8")
    journal.write(Promised(9, "drop", "note.sh", "argv", subject, arguments, 1, 0.0, 600, clock.now().boot_s + 600))
    journal.close()
    assert verb("unblock", "203.0.113.7")[0] == 0
    assert (blocked / "asked").read_text() == "delete - 203.0.113.7 1.1 5720 auth.log -\n"


def test_unblock_tells_as_json_what_it_released(blocked, objects):
    (row,) = objects("unblock", "203.0.113.7")
    assert (row["subject"], row["state"]) == ("203.0.113.7", "released")


def test_a_release_that_cannot_be_written_down_is_told_so(blocked, verb, monkeypatch):
    def is_full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ar.respond.disk.Disk.write", is_full)
    code, out, err = verb("unblock", "203.0.113.7")
    assert (code, out) == (0, "No agent runs in this home; 1 released from its journal.\n")
    assert "journal.json: cannot be written, so the next start does not know what was done now." in err


def test_list_of_a_folder_that_is_no_home_says_so(verb, home):
    (home / "var").rmdir()
    code, out, err = verb("list")
    assert (code, out) == (69, "")
    assert "no home of an agent" in err


@pytest.mark.parametrize("words", [("unblock", "--all"), ("flush",)])
def test_everything_is_released_at_once(blocked, verb, objects, words):
    assert verb(*words)[0] == 0
    assert objects("list") == []
    assert len((blocked / "asked").read_text().splitlines()) == 2


def test_a_release_that_fails_is_told_and_stays_promised(blocked, verb, objects):
    (blocked / "active-response/bin/note.sh").write_text("#!/bin/sh\necho the firewall says no >&2\nexit 1\n")
    code, out, err = verb("unblock", "203.0.113.7")
    assert code == 69
    assert "could not be released" in out
    assert "the firewall says no" in err
    assert [row["state"] for row in objects("list") if row["subject"] == "203.0.113.7"] == ["releasing"]


def test_one_address_that_the_firewall_does_not_let_go_keeps_no_other_one_blocked(blocked, verb, objects, monkeypatch):
    monkeypatch.setattr("ar.respond.blocks.BATCH_MAX", 2)
    monkeypatch.setattr("ar.policy.ledger.RETRY_FIRST_S", 0.01)
    (blocked / "active-response/bin/note.sh").write_text(
        '#!/bin/sh\n# ar: batch\n[ "$2" != --batch ] || exit 1\n[ "$3" != 203.0.113.7 ]\n'
    )
    code, out, _ = verb("unblock", "--all")
    assert code == 69
    assert "; 1 released from its journal." in out
    assert "203.0.113.7 (drop) could not be released: exit status 1" in out
    assert [row["subject"] for row in objects("list")] == ["203.0.113.7"]


def test_a_release_that_hangs_lets_go_of_the_home_in_time(blocked, verb, monkeypatch):
    monkeypatch.setattr("ar.offline.RELEASING_S", 0)
    monkeypatch.setattr("ar.offline.KILL_AFTER_TERM_S", 0)
    (blocked / "etc/agent.toml").write_text('script_deadline = "1s"\n')
    (blocked / "active-response/bin/note.sh").write_text("#!/bin/sh\nexec sleep 60\n")
    before_s = time.monotonic()
    code, out, _ = verb("unblock", "--all")
    assert time.monotonic() - before_s < 30
    assert code == 69
    assert out.count("ended after 1 s without an end of its own") == 2


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["unblock", "203.0.113.99"], 69, "203.0.113.99 is not blocked"),
        (["unblock"], 64, "expected an ADDRESS or --all"),
        (["unblock", "203.0.113.7", "--all"], 64, "expected an ADDRESS or --all"),
        (["block", "evil.example.com"], 64, "'evil.example.com' is no address"),
        (["block", "203.0.113.7", "--for", "soon"], 64, "--for 'soon': expected seconds"),
        (["block", "203.0.113.7"], 69, "no agent listens here"),
        (["status"], 69, "no agent listens here"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_exit_code(blocked, verb, words, code, message):
    assert verb(*words)[0] == code
    assert message in verb(*words)[2]


def test_a_damaged_journal_is_told_and_what_is_whole_is_listed(blocked, objects, verb):
    journal = blocked / "var/journal.json"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:1], b"nonsense\n", *lines[1:]]))
    code, out, err = verb("list")
    assert code == 0
    assert "journal.json:2: no checksum at its end" in err
    assert out.count("in force") == 2


def test_what_another_user_may_not_see_is_told_without_a_traceback(blocked, verb, monkeypatch):
    def refuses(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuses)
    code, out, err = verb("sweep")
    assert (code, out, err) == (77, "", f"ar-agent: {blocked}/var/journal.json: Permission denied\n")


@pytest.mark.parametrize(
    ("already", "left_s", "told"),
    [
        (False, 60.0, "203.0.113.7 is being blocked with drop, for 1 min."),
        (True, 600.0, "203.0.113.7 is blocked with drop already, for 10 min: that stands. `unblock` would end it."),
        (True, None, "203.0.113.7 is blocked with drop already, for good: that stands. `unblock` would end it."),
    ],
)
def test_block_says_what_stands_when_the_address_is_blocked_for_longer_already(
    verb, monkeypatch, already, left_s, told
):
    row = {"subject": "203.0.113.7", "command": "drop", "left_s": left_s, "already": already}
    monkeypatch.setattr("ar.cli.block.ask", lambda *_: [row])
    assert verb("block", "203.0.113.7", "--for", "1m") == (0, told + "\n", "")


def test_a_block_that_fails_is_told_from_a_release_that_fails():
    now = clock.now()
    arguments = Arguments("-", "203.0.113.7", "1.1", 5720, "auth.log", "-")
    subject = Subject("srcip", "203.0.113.7")
    block = Block(Promised(1, "drop", "note.sh", "argv", subject, arguments, 1, now.wall_s, 0, None), "boot-a")
    block.failures = 2
    assert row_of(block, now)["state"] == "failing block"
    block.let_go()
    assert (row_of(block, now)["state"], row_of(block, now)["failures"]) == ("releasing", 0)
    block.failures = 1
    assert row_of(block, now)["state"] == "failing release"
