"""replay: blocks and releases that would have been, on the clock of the log's own stamps."""

import gzip

import pytest

FAILED = "{stamp} pi sshd[99]: Failed password for root from {address} port 4242 ssh2\n"


def log_of(path, *failures):
    path.write_text("".join(FAILED.format(stamp=stamp, address=address) for stamp, address in failures))
    return str(path)


def kinds(facts):
    return [(fact["kind"], fact.get("subject"), fact.get("timeout_s")) for fact in facts[:-1] if fact["kind"] != "run"]


def test_offences_follow_the_log_and_not_the_clock_on_the_wall(objects, tmp_path):
    log = log_of(
        tmp_path / "auth.log",
        ("Nov 20 10:00:00", "203.0.113.7"),
        ("Nov 20 10:00:05", "203.0.113.7"),  # still in flight
        ("Nov 20 10:20:00", "203.0.113.7"),  # after ten minutes: the second offence
        ("Nov 20 10:20:00", "10.1.1.1"),  # allowlisted
        ("Nov 20 10:25:00", "203.0.113.7"),  # while blocked: prolonged
        ("Nov 20 10:25:01", "203.0.113.8"),
    )
    facts = objects("replay", log)
    assert kinds(facts) == [
        ("block", "203.0.113.7", 600),
        ("release", "203.0.113.7", None),
        ("block", "203.0.113.7", 1800),
        ("prolong", "203.0.113.7", 3600),
        ("block", "203.0.113.8", 600),
        ("release", "203.0.113.8", None),
        ("release", "203.0.113.7", None),
    ]
    times = [fact["time"] - facts[0]["time"] for fact in facts[:-1] if fact["kind"] != "run"]
    assert times == [0, 600, 1200, 1500, 1501, 2101, 5100]
    summary = facts[-1]
    assert summary["kind"] == "summary"
    assert (summary["lines"], summary["alerts"], summary["blocks"]) == (6, 6, 3)
    assert summary["alerts_by_rule"] == {"5716": 6}
    assert (summary["offenders"], summary["releases"], summary["still_blocked"]) == (2, 3, 0)


def test_several_logs_are_read_in_the_order_of_their_stamps(objects, tmp_path):
    first = log_of(tmp_path / "b.log", ("Nov 20 10:00:00", "203.0.113.7"), ("Nov 20 12:00:00", "203.0.113.9"))
    second = log_of(tmp_path / "a.log", ("Nov 20 11:00:00", "203.0.113.8"))
    facts = objects("replay", first, second)
    assert [fact["subject"] for fact in facts[:-1] if fact["kind"] == "block"] == [
        "203.0.113.7", "203.0.113.8", "203.0.113.9",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "junk",
    ["no stamp at all\n", FAILED.format(stamp="2031-01-01T00:00:00+00:00", address="198.51.100.1")],
    ids=["without a stamp", "from the future"],
)
@pytest.mark.parametrize("place", [0, 1], ids=["first", "in the middle"])
def test_a_line_whose_time_is_not_known_does_not_spoil_the_clock(objects, tmp_path, junk, place):
    log = tmp_path / "auth.log"
    lines = [FAILED.format(stamp=f"Nov 20 1{hour}:00:00", address="203.0.113.7") for hour in range(3)]
    lines.insert(place, junk)
    log.write_text("".join(lines))
    assert [fact["timeout_s"] for fact in objects("replay", str(log)) if fact["kind"] == "block"
            and fact["subject"] == "203.0.113.7"] == [600, 1800, 3600]  # fmt: skip


def test_a_log_without_any_stamp_is_taken_as_written_now(objects, tmp_path):
    log = tmp_path / "plain.log"
    log.write_text("nothing\n" * 1500)
    assert objects("replay", str(log))[-1]["lines"] == 1500


def test_a_packed_log_is_unpacked(objects, tmp_path):
    log = tmp_path / "auth.log.2.gz"
    log.write_bytes(gzip.compress(FAILED.format(stamp="Nov 20 10:00:00", address="203.0.113.7").encode()))
    assert objects("replay", str(log))[-1]["blocks"] == 1


def test_words_are_for_people(verb, tmp_path):
    log = log_of(tmp_path / "auth.log", ("Nov 20 10:00:00", "203.0.113.7"))
    code, out, _ = verb("replay", log)
    assert code == 0
    assert "block    drop             203.0.113.7      for 10 min, offence 1, rule 5716" in out
    assert "1 lines, 1 alerts" in out
    assert "1 offenders, 1 blocks, 0 prolonged, 1 releases" in out


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothere.log", "cannot be read: No such file or directory"), ("", "is a folder")],
    ids=["missing", "a folder"],
)
def test_a_file_that_is_no_log_is_told_with_its_name(verb, tmp_path, name, message):
    code, _, err = verb("replay", str(tmp_path / name))
    assert code == 65
    assert message in err


def test_a_packed_log_that_is_cut_short_is_told(verb, tmp_path):
    log = tmp_path / "auth.log.gz"
    log.write_bytes(gzip.compress(b"x" * 100_000)[:-20])
    code, _, err = verb("replay", str(log))
    assert code == 65
    assert "auth.log.gz: cannot be read on" in err
    log.write_bytes(gzip.compress(b"x" * 100_000)[:15] + b"junk" * 50)
    code, _, err = verb("replay", str(log))
    assert code == 65
    assert "auth.log.gz: cannot be read on" in err


def test_nothing_is_written_in_the_home(verb, home, tmp_path):
    before = sorted(home.rglob("*"))
    verb("replay", log_of(tmp_path / "auth.log", ("Nov 20 10:00:00", "203.0.113.7")))
    assert sorted(home.rglob("*")) == before
