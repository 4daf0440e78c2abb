"""`journal`: what it tells of each record, what it makes of damage, and that it leaves the home as it is."""

import json
import os
import sys
import time
import tracemalloc

import pytest

from ar.model import NOTHING, Subject
from ar.policy.records import Added, Arguments, Ended, Offended, Opened, Prolonged, Promised, Ran, Released
from ar.respond import clock
from ar.respond.codec import encode
from ar.respond.journal import Journal
from ar.respond.lock import Lock

WALL_S = 1763706239.125
ADDRESS = Subject("srcip", "203.0.113.7")
NETWORK = Subject("srcip", "2001:db8::/64")
KEYS = {
    "kind", "line", "time", "block", "subject", "subject_kind", "command", "offence", "timeout_s", "rule", "alert",
    "boot", "damage",
}  # fmt: skip


def promise(block=1, subject=ADDRESS, sentence_s=600, left_s=600.0, **changes):
    fields = {
        "block": block,
        "command": "drop",
        "executable": "null.sh",
        "contract": "argv",
        "subject": subject,
        "arguments": Arguments("-", "-", "1763706239.12", 5720, "auth.log", "-"),
        "offence": 1,
        "at_s": WALL_S,
        "sentence_s": sentence_s,
        "ends_boot_s": clock.now().boot_s + left_s if sentence_s else None,
    }
    return Promised(**{**fields, **changes})


def opened():
    return Opened(clock.boot_id(), *clock.now())


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def journal(home):
    """Write records, and bytes as they are, into the home's journal; return its path."""
    path = home / "var/journal.json"

    def write(*parts):
        path.write_bytes(b"".join(part if isinstance(part, bytes) else encode(part) for part in parts))
        return path

    return write


def everything_in(folder):
    """Return what stands in a folder and when it was written, so that nobody can change it unnoticed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found[path] = (stat.st_ino, stat.st_mode, stat.st_mtime_ns, path.read_bytes() if path.is_file() else None)
    return {folder: folder.stat().st_mtime_ns, **found}


def told(out):
    """Return the lines about records, without those of the summary."""
    return out.partition("\n\njournal ")[0].split("\n")


def test_each_record_is_told_in_order_with_its_time_and_whom_it_is_about(journal, verb):
    journal(
        Opened("7c0a-boot", WALL_S, 5084.25),
        Offended("drop", Subject("srcip", "192.0.2.1"), 3, WALL_S - 3600),
        promise(),
        Added(1),
        Prolonged(1, 2, WALL_S + 60, 1800, 6990.125),
        Ended(1, WALL_S + 61),
        Released(1, WALL_S + 62),
        Ran(2, "mail", Subject("user", "alice"), WALL_S + 63),
        promise(3, NETWORK, 0, arguments=Arguments("-", "-", "1.0", 0, "by hand", "-"), offence=0),
        promise(4, NOTHING),
    )
    code, out, err = verb("journal")
    assert (code, err) == (0, "")
    assert told(out) == [
        "2025-11-21 06:23:59  agent      begins to write here, in boot 7c0a-boot",
        "2025-11-21 05:23:59  offender   192.0.2.1        drop             3 offences by then",
        "2025-11-21 06:23:59  promised   203.0.113.7      drop             offence 1, for 10 min, rule 5720",
        "                     in force   203.0.113.7      drop",
        "2025-11-21 06:24:59  prolonged  203.0.113.7      drop             offence 2, for 30 min",
        "2025-11-21 06:25:00  ended      203.0.113.7      drop             to be released",
        "2025-11-21 06:25:01  released   203.0.113.7      drop",
        "2025-11-21 06:25:02  ran        alice            mail",
        "2025-11-21 06:23:59  promised   2001:db8::/64    drop             by hand, for good",
        "2025-11-21 06:23:59  promised   -                drop             offence 1, for 10 min, rule 5720",
    ]


def test_the_summary_counts_what_is_in_force_and_what_is_overdue(journal, verb, objects):
    path = journal(
        opened(),
        promise(1),
        Added(1),
        promise(2, NETWORK, 0),
        Added(2),
        promise(3, Subject("user", "alice")),
        promise(4, Subject("user", "bob"), left_s=-1),
        Added(4),
        promise(5, Subject("user", "carol")),
        Added(5),
        Ended(5, WALL_S),
        promise(6, Subject("user", "dave")),
        Released(6, WALL_S),
    )
    code, out, _ = verb("journal", "--verify")
    assert code == 0
    assert out.splitlines() == [
        f"journal    {path}",
        f"records    13 in {path.stat().st_size} bytes",
        "blocks     2 in force, 1 promised (not in force yet), 1 being released, 1 OVERDUE",
        "OVERDUE    the end has passed and no release is written: where no agent runs, start it, or `ar-agent unblock`",
        "offenders  6",
        "damage     none",
    ]
    assert objects("journal", "--verify") == [
        {
            "kind": "summary",
            "journal": str(path),
            "records": 13,
            "bytes": path.stat().st_size,
            "blocks": 5,
            "in_force": 2,
            "promised": 1,
            "releasing": 1,
            "overdue": 1,
            "offenders": 6,
            "damaged": 0,
            "torn_bytes": 0,
        }
    ]


def test_a_block_whose_end_passed_in_an_earlier_boot_is_overdue(journal, objects):
    journal(Opened("an earlier boot", WALL_S, 5.0), promise(), Added(1))
    (summary,) = objects("journal", "--verify")
    assert (summary["blocks"], summary["overdue"]) == (1, 1)


def test_as_json_each_record_is_an_object_with_all_keys_and_the_summary_is_the_last(journal, objects):
    journal(opened(), promise(), Added(1), Prolonged(1, 2, WALL_S, 1800, None), Ran(2, "mail", NOTHING, WALL_S))
    *records, summary = objects("journal")
    assert all(record.keys() == KEYS for record in records)
    assert [record["kind"] for record in records] == ["open", "promise", "added", "prolong", "run"]
    assert [record["line"] for record in records] == [1, 2, 3, 4, 5]
    assert records[0]["boot"] == clock.boot_id()
    assert records[1] == {
        "kind": "promise",
        "line": 2,
        "time": WALL_S,
        "block": 1,
        "subject": "203.0.113.7",
        "subject_kind": "srcip",
        "command": "drop",
        "offence": 1,
        "timeout_s": 600,
        "rule": 5720,
        "alert": "1763706239.12",
        "boot": None,
        "damage": None,
    }
    assert (records[2]["time"], records[2]["subject"], records[2]["command"]) == (None, "203.0.113.7", "drop")
    assert (records[3]["offence"], records[3]["timeout_s"]) == (2, 1800)
    assert (records[4]["subject"], records[4]["subject_kind"]) == ("-", "none")
    assert (summary["kind"], summary["records"]) == ("summary", 5)


def test_damage_in_the_middle_is_told_where_it_stands_and_the_exit_code_says_so(journal, verb):
    path = journal(promise(), b"nonsense\n", b'{"added":1,"crc":"00000000"}\n', Released(1, WALL_S))
    code, out, _ = verb("journal")
    assert code == 65
    passed_over = "expected a journal record; this one is passed over"
    assert told(out)[1:3] == [
        f"                     DAMAGED    {path}:2: no checksum at its end: {passed_over}",
        f"                     DAMAGED    {path}:3: its checksum does not fit: {passed_over}",
    ]
    assert f"records    2 in {path.stat().st_size} bytes" in out
    assert "DAMAGE     2 lines, named above; each is passed over, and all other records count" in out
    code, out, _ = verb("journal", "--verify")
    assert code == 65
    assert [f":{number}: " in line for number, line in zip((2, 3), out.splitlines())] == [True, True]
    assert "promised" not in out


def test_as_json_damage_is_an_object_too_and_verify_leaves_only_that(journal, verb):
    journal(promise(), b"nonsense\n", Released(1, WALL_S))
    code, out, _ = verb("journal", "--verify", "--json")
    damage, summary = map(json.loads, out.splitlines())
    assert code == 65
    assert (damage["kind"], damage["line"], damage["damage"]) == ("damage", 2, "no checksum at its end")
    assert (summary["records"], summary["damaged"]) == (2, 1)


@pytest.mark.parametrize("end", [b'{"released":1,"at', b'{"released":1,"at":1.0,"crc":"00000000"}\n'])
def test_a_torn_last_line_is_told_and_no_error(journal, verb, objects, end):
    path = journal(promise(), Added(1), end)
    code, out, _ = verb("journal")
    assert code == 0
    assert f"records    2 in {path.stat().st_size} bytes" in out
    assert "damage     none" in out
    assert f"torn       the last line is not whole ({len(end)} bytes): a running agent may be writing" in out
    assert "the next start cuts it off" in out
    assert objects("journal", "--verify")[0]["torn_bytes"] == len(end)


def test_a_record_whose_promise_was_damaged_names_the_block_by_number(journal, verb):
    journal(b"nonsense\n", Prolonged(7, 2, WALL_S, 1800, None), Released(7, WALL_S))
    code, out, _ = verb("journal")
    assert code == 65
    assert told(out)[1:] == [
        "2025-11-21 06:23:59  prolonged  block 7 (its promise is missing) offence 2, for 30 min",
        "2025-11-21 06:23:59  released   block 7 (its promise is missing)",
    ]


def test_nothing_in_a_record_can_do_anything_to_a_terminal(journal, verb):
    hostile = "\x1b[2J\n\u202e\ud800"
    journal(
        Opened(hostile, WALL_S, 1.0),
        promise(1, Subject("user", hostile), command=hostile),
        Added(1),
        Ran(2, hostile, Subject("filename", hostile), WALL_S),
    )
    code, out, _ = verb("journal")
    assert code == 0
    assert all(line.isprintable() for line in out.splitlines())
    assert len(told(out)) == 4
    assert told(out)[2].split() == ["in", "force", *["\\x1b[2J\\n\\u202e\\ud800"] * 2]


@pytest.mark.parametrize("when_s", [1e300, -1e300, 1e17])
def test_a_time_that_no_calendar_holds_is_told_in_seconds(journal, verb, when_s):
    journal(Opened("b", when_s, when_s), promise(at_s=when_s), Released(1, when_s))
    code, out, _ = verb("journal")
    assert code == 0
    assert f"@{when_s:.15g}" in told(out)[1]


def test_on_a_narrow_terminal_lines_are_wrapped_and_whole(journal, verb, monkeypatch):
    journal(promise(), promise(2, Subject("srcip", "2001:db8:1:2:3:4:5:6")), b'{"torn')
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = verb("journal")
    assert max(map(len, (line for line in out.splitlines() if "/journal.json" not in line))) <= 60
    assert told(out)[:2] == [
        "2025-11-21 06:23:59  promised   203.0.113.7      drop",
        "                     offence 1, for 10 min, rule 5720",
    ]


def test_a_home_without_a_journal_says_so(verb, objects):
    code, out, err = verb("journal")
    assert (code, err) == (0, "")
    assert "there is no journal yet; nothing was ever promised in this home" in out
    (summary,) = objects("journal")
    assert (summary["records"], summary["bytes"]) == (0, None)


def test_an_empty_journal_is_intact(journal, verb):
    journal()
    code, out, _ = verb("journal")
    assert code == 0
    assert out.startswith("journal ")
    assert "records    0 in 0 bytes" in out
    assert "blocks     none\noffenders  none\ndamage     none\n" in out


def test_a_folder_that_is_no_home_is_told(verb, home):
    (home / "var").rmdir()
    code, out, err = verb("journal")
    assert (code, out) == (69, "")
    assert "no home of an agent" in err


def test_a_journal_that_cannot_be_read_is_told_with_its_exit_code(home, verb):
    (home / "var/journal.json").mkdir()
    code, out, err = verb("journal", "--verify")
    assert (code, out) == (73, "")
    assert "var/journal.json: cannot be read: Is a directory" in err


@pytest.fixture
def unreadable(journal):
    journal(promise()).chmod(0)


@pytest.fixture
def nobody():
    """Be a user without rights, for as long as a test lasts."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_a_journal_that_this_user_may_not_read_is_told(unreadable, verb, nobody):
    code, out, err = verb("journal")
    assert (code, out) == (73, "")
    assert "cannot be read: Permission denied" in err


@pytest.mark.parametrize("options", [(), ("--verify",), ("--json",)])
def test_nothing_in_the_home_changes_not_even_what_is_damaged_or_torn(journal, home, verb, options):
    journal(opened(), promise(left_s=-1), Added(1), b"nonsense\n", Released(9, 1.0), b'{"torn')
    before = everything_in(home)
    assert verb("journal", *options)[0] == 65
    assert everything_in(home) == before


def test_it_may_be_asked_while_an_agent_holds_the_home_and_writes(home, verb, objects):
    lock = Lock(home / "var/lock")
    journal = Journal(home / "var/journal.json")
    journal.write(opened(), promise())
    assert objects("journal", "--verify")[0]["promised"] == 1
    journal.write(Added(1))
    journal.sync()
    assert objects("journal", "--verify")[0]["in_force"] == 1
    journal.compact([opened(), promise(2, NETWORK), Added(2)])
    assert verb("journal")[0] == 0
    journal.close()
    lock.release()


def test_of_a_large_journal_no_more_is_kept_than_the_file_and_what_is_in_force(journal, verb):
    blocks = range(1, 1501)
    path = journal(
        opened(), *(r for n in blocks for r in (promise(n, offence=n), Added(n), Released(n, WALL_S))), promise(9999)
    )
    assert verb("journal", "--verify")[0] == 0  # all that is imported has been
    tracemalloc.start()
    code, out, _ = verb("journal", "--verify")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert code == 0
    assert "records    4502 in " in out
    assert "blocks     1 promised" in out
    assert peak_bytes < path.stat().st_size + 500_000


@pytest.mark.parametrize("which", [1, -1], ids=["the first line's end", "the last line's end"])
def test_a_damaged_line_end_is_found_and_costs_no_record(journal, verb, which):
    path = journal(opened(), promise())
    content = bytearray(path.read_bytes())
    content[content.index(b"\n") if which == 1 else -1] = 0x0B
    path.write_bytes(content)
    code, out, _ = verb("journal", "--verify")
    assert code == 65
    assert "its line end is damaged" in out
    assert "records    2 in " in out
    assert "blocks     1 promised" in out
