"""The engine without root: what it does at its start, in a turn, at a reload, and when asked on its socket."""

from __future__ import annotations

import errno
import json
import os
import time

import pytest

from ar.answers import answer
from ar.cli import status
from ar.config.home import Home
from ar.config.load import load
from ar.control.protocol import RefusedError
from ar.engine import Engine
from ar.model import Subject
from ar.offline import sweep
from ar.policy.ledger import Ledger
from ar.policy.records import Added, Arguments, Opened, Promised
from ar.report.log import Log
from ar.respond import clock, hosts
from ar.respond.journal import Journal, read

CONF = """\
<ossec_config>
  <global>{allowed}</global>
  <command><name>drop</name><executable>note.sh</executable><expect>srcip</expect></command>
  <command><name>mail</name><executable>note.sh</executable><expect>srcip</expect>
    <timeout_allowed>no</timeout_allowed></command>
  <active-response><command>drop</command><location>local</location><rules_id>5716</rules_id>
    <timeout>600</timeout></active-response>
  <localfile><log_format>syslog</log_format><location>{log}</location></localfile>
</ossec_config>
"""
FAILED = "{stamp} pi sshd[99]: Failed password for root from {address} port 4242 ssh2\n"


class NoSignals:
    """Signals that come when the test says so."""

    def __init__(self):
        self.stop = self.reload = self.reopen = False
        self.fileno = os.open(os.devnull, os.O_RDONLY)

    def wake(self):
        pass

    def drain(self):
        pass


class Host:
    """A home with a script that notes how it was called, and engines on it."""

    def __init__(self, root):
        self.home = Home(root / "home")
        self.log = root / "auth.log"
        self.log.touch()
        self.asked = root / "asked"
        for name in ("etc", "rules", "active-response/bin", "logs/alerts", "var"):
            (self.home.root / name).mkdir(parents=True)
        script = self.home.scripts / "note.sh"
        script.write_text(f'#!/bin/sh\necho "$1 $3" >> {self.asked}\n')
        script.chmod(0o755)
        self.configure()
        self.signals = NoSignals()
        self.engines = []

    def configure(self, *allowed, toml=""):
        entries = "".join(f"<white_list>{text}</white_list>" for text in allowed)
        self.home.ossec_conf.write_text(CONF.format(allowed=entries, log=self.log))
        self.home.agent_toml.write_text(toml)

    def journal(self, *subjects, sentence_s=600):
        now = clock.now()
        journal = Journal(self.home.journal)
        journal.write(Opened("another boot", *now))
        for number, value in enumerate(subjects, 1):
            arguments = Arguments("-", value, "1.1", 5716, "auth.log", "-")
            subject = Subject("srcip", value)
            ends = now.boot_s + sentence_s
            journal.write(
                Promised(number, "drop", "note.sh", "argv", subject, arguments, 1, now.wall_s, sentence_s, ends),
                Added(number),
            )
        journal.close()

    def engine(self, *, observing=False):
        loaded = load(self.home)
        assert loaded.mistakes == []
        engine = Engine(loaded, observing=observing, log=Log(self.home.ossec_log, None), signals=self.signals)
        self.engines.append(engine)
        engine._adopt_when_known()
        return engine

    def attack(self, *addresses):
        stamp = time.strftime("%b %e %H:%M:%S")
        with self.log.open("a") as file:
            file.writelines(FAILED.format(stamp=stamp, address=address) for address in addresses)

    def turn_until(self, engine, condition):
        give_up = time.monotonic() + 30
        while not condition() and time.monotonic() < give_up:
            engine._turn()
            time.sleep(0.005)
        assert condition(), self.said()

    def calls(self):
        return self.asked.read_text().splitlines() if self.asked.exists() else []

    def said(self):
        return self.home.ossec_log.read_text()


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    for engine in host.engines:
        engine._stop()
    os.close(host.signals.fileno)


def test_after_a_reboot_no_script_blocks_an_address_that_was_allowlisted_meanwhile(host):
    host.journal("203.0.113.1", "203.0.113.2", "2001:db8:1::/64", "203.0.113.9")
    host.configure("203.0.113.0/29", "2001:db8:1::7")
    engine = host.engine()
    host.turn_until(engine, lambda: len(host.calls()) == 4)
    assert sorted(host.calls()) == [
        "add 203.0.113.9",
        "delete 2001:db8:1::/64",
        "delete 203.0.113.1",
        "delete 203.0.113.2",
    ]


def test_a_block_on_a_prefix_is_released_when_something_in_it_is_allowlisted_at_a_reload(host):
    host.configure(toml="ipv6_prefix = 64\n")
    engine = host.engine()
    host.attack("2001:db8:1:2::5")
    host.turn_until(engine, lambda: host.calls() == ["add 2001:db8:1:2::/64"])
    host.configure("2001:db8:1:2::9", toml="ipv6_prefix = 64\n")
    host.signals.reload = True
    host.turn_until(engine, lambda: host.calls()[1:] == ["delete 2001:db8:1:2::/64"])


def test_until_the_allowlists_names_are_known_lines_wait_and_releases_do_not(host, monkeypatch):
    names = []

    def never_ends(lookup):
        names.append(lookup)

    monkeypatch.setattr(hosts.Lookup, "_run", never_ends)
    host.journal("203.0.113.1", sentence_s=0)
    host.configure("admin.example.com")
    host.journal("203.0.113.1", sentence_s=1)
    engine = host.engine()
    host.attack("203.0.113.2")
    time.sleep(1.1)
    host.turn_until(engine, lambda: "delete 203.0.113.1" in host.calls())
    assert engine.lines == 0
    with pytest.raises(RefusedError, match="being looked up"):
        list(answer(engine, {"verb": "block", "address": "203.0.113.5"}))
    names[0].answer = ([], [])
    host.turn_until(engine, lambda: "add 203.0.113.2" in host.calls())


def test_a_reload_with_mistakes_keeps_the_former_configuration(host):
    engine = host.engine()
    host.home.ossec_conf.write_text("<ossec_config><global></ossec_config>")
    host.signals.reload = True
    engine._turn()
    assert "the former one goes on" in host.said()
    host.attack("203.0.113.2")
    host.turn_until(engine, lambda: host.calls() == ["add 203.0.113.2"])


def test_why_nothing_is_done_is_said_once_a_minute_and_counted(host):
    host.configure("203.0.113.5", toml="[limits]\nblocks_max = 1\n")
    engine = host.engine()
    host.attack(*["203.0.113.5"] * 20, "203.0.113.1", *[f"198.51.100.{n}" for n in range(1, 21)])
    host.turn_until(engine, lambda: engine.lines == 41)
    assert host.said().count("drop 203.0.113.5: rule 5716") == 1
    assert host.said().count("1 blocks are in force, and no more are kept") == 1
    assert engine.bounds_hit()["blocks"] == 20


def test_an_observer_says_what_it_leaves_alone_and_blocks_nobody(host):
    host.journal("203.0.113.1")
    before = host.home.journal.read_bytes()
    engine = host.engine(observing=True)
    engine._tell_of_blocks_left_alone()
    assert "1 blocks are in the journal and left alone while only observing" in host.said()
    with pytest.raises(RefusedError, match="only observes"):
        list(answer(engine, {"verb": "block", "address": "203.0.113.5"}))
    host.attack("203.0.113.2")
    host.turn_until(engine, lambda: "would run" in host.said())
    assert host.calls() == []
    assert host.home.journal.read_bytes() == before


def test_beside_an_observer_what_is_overdue_is_released_and_another_agent_may_act(host):
    host.journal("203.0.113.1", sentence_s=1)
    observer = host.engine(observing=True)
    now = clock.now()
    while clock.now().boot_s < now.boot_s + 1.1:
        observer._turn()
    assert [block.subject.value for block in sweep(host.home, lambda *_: None).meant] == ["203.0.113.1"]
    assert host.calls() == ["delete 203.0.113.1"]
    agent = host.engine()
    host.attack("203.0.113.2")
    host.turn_until(agent, lambda: "add 203.0.113.2" in host.calls())


def test_without_a_control_socket_the_agent_works_and_says_so(host):
    host.home.socket.mkdir()
    engine = host.engine()
    assert "agent.sock: the control socket cannot be made: Address already in use" in host.said()
    host.attack("203.0.113.2")
    host.turn_until(engine, lambda: host.calls() == ["add 203.0.113.2"])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "unknown request None"),
        ({"verb": ["list"]}, "unknown request"),
        ({"verb": "block"}, "None is no address"),
        ({"verb": "block", "address": ["x"]}, "is no address"),
        *(
            ({"verb": "block", "address": "203.0.113.5", "sentence_s": value}, "sentence_s is")
            for value in ("x", None, -5, 1.5, True, float("nan"), 10**30, [])
        ),
        ({"verb": "block", "address": "203.0.113.5", "command": "mail"}, "no command that blocks addresses"),
        ({"verb": "block", "address": "127.0.0.1"}, "a loopback address"),
        ({"verb": "unblock", "all": "no"}, "is not blocked"),
        ({"verb": "unblock", "address": "203.0.113.77"}, "is not blocked"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(host, request_, message):
    engine = host.engine()
    with pytest.raises(RefusedError, match=message):
        list(answer(engine, request_))


def test_many_blocks_are_ended_with_one_write_of_the_journal(host, monkeypatch):
    engine = host.engine()
    host.attack(*[f"203.0.113.{number}" for number in range(1, 60)])
    host.turn_until(engine, lambda: engine.blocks.counts["blocks"] == 59)
    writes = []
    real_write = engine.journal.write
    monkeypatch.setattr(engine.journal, "write", lambda *records: writes.append(len(records)) or real_write(*records))
    rows = list(answer(engine, {"verb": "unblock", "all": True}))
    assert (len(rows), writes) == (59, [59])
    assert host.said().count(": ended by hand.") == 59


def test_logs_are_opened_anew_when_that_is_asked_for(host):
    engine = host.engine()
    engine.log("INFO", "before")
    host.home.ossec_log.rename(host.home.ossec_log.with_suffix(".1"))
    host.signals.reopen = True
    engine._turn()
    engine.log("INFO", "after")
    assert "after" in host.said()
    assert "before" not in host.said()


def test_a_deleted_journal_is_written_anew_with_the_next_block(host):
    engine = host.engine()
    host.attack("203.0.113.1")
    host.turn_until(engine, lambda: host.calls() == ["add 203.0.113.1"])
    host.home.journal.unlink()
    host.attack("203.0.113.2")
    host.turn_until(engine, lambda: len(host.calls()) == 2)
    promised = [record.subject.value for record in read(host.home.journal).records if isinstance(record, Promised)]
    assert promised == ["203.0.113.1", "203.0.113.2"]


@pytest.mark.parametrize("ending", ["_turn", "_stop"])
def test_a_deleted_journal_is_written_anew_even_when_nothing_happens(host, ending):
    engine = host.engine()
    host.attack("203.0.113.1")
    host.turn_until(engine, lambda: engine.blocks.counts["blocks"] == 1)
    host.home.journal.unlink()
    getattr(engine, ending)()
    if ending == "_stop":
        host.engines.remove(engine)
    assert [record.block for record in read(host.home.journal).records if isinstance(record, Promised)] == [1]
    assert host.said().count("somebody deleted or changed it; it is written anew from memory") == 1


def test_a_journal_that_cannot_be_written_anew_is_told_once_and_tried_again(host):
    engine = host.engine()
    host.home.journal.parent.rename(host.home.root / "away")
    engine._turn()
    engine._turn()
    assert host.said().count("cannot be replaced by a snapshot") == 1
    (host.home.root / "away").rename(host.home.journal.parent)
    host.home.journal.unlink()
    host.turn_until(engine, host.home.journal.exists)
    assert read(host.home.journal).damage == []


@pytest.mark.parametrize("how", ["emptied", "overwritten"])
def test_a_journal_changed_in_place_is_whole_again_at_the_next_turn(host, how):
    engine = host.engine()
    host.attack("203.0.113.1")
    host.turn_until(engine, lambda: engine.blocks.counts["blocks"] == 1 and not engine.runner.running)
    size = host.home.journal.stat().st_size
    host.home.journal.write_bytes(b"" if how == "emptied" else b"x" * size)
    engine._turn()
    reading = read(host.home.journal)
    assert reading.damage == []
    assert [record.block for record in reading.records if isinstance(record, Promised)] == [1]
    assert "somebody deleted or changed it; it is written anew from memory" in host.said()


def test_a_stop_ends_a_script_that_hangs_and_the_next_start_has_nobody_to_wait_for(host, monkeypatch):
    monkeypatch.setattr("ar.engine.STOP_WAIT_S", 0.0)
    (host.home.scripts / "note.sh").write_text(f'#!/bin/sh\necho "$1 $3" >> {host.asked}\nexec sleep 600\n')
    engine = host.engine()
    host.attack("203.0.113.1")
    host.turn_until(engine, lambda: host.calls() == ["add 203.0.113.1"])
    engine._stop()
    host.engines.remove(engine)
    assert "note.sh add 203.0.113.1 failed: ended after" in host.said()
    later = host.engine()
    assert later.runner.has_room
    assert [block.state.value for block in later.ledger.blocks.values()] == ["promised"]
    (host.home.scripts / "note.sh").write_text("#!/bin/sh\n")
    host.turn_until(later, lambda: [b.state.value for b in later.ledger.blocks.values()] == ["in force"])


def test_a_stop_says_what_is_left_and_status_whether_the_journal_has_it_all(host):
    engine = host.engine()
    host.attack("203.0.113.1", "203.0.113.2")
    host.turn_until(engine, lambda: sum(b.state.value == "in force" for b in engine.ledger.blocks.values()) == 2)
    (host.home.scripts / "note.sh").write_text("#!/bin/sh\nexit 1\n")
    list(answer(engine, {"verb": "unblock", "address": "203.0.113.1"}))
    host.attack("203.0.113.3")
    host.turn_until(engine, lambda: engine.blocks.counts["failures"] > 1 and not engine.runner.running)
    (facts,) = answer(engine, {"verb": "status"})
    assert facts["journal"]["whole"] is True
    host.home.journal.parent.rename(host.home.root / "away")
    engine._turn()
    (facts,) = answer(engine, {"verb": "status"})
    assert facts["journal"]["whole"] is False
    assert ("JOURNAL", "lacks something") in [(title, text[:15]) for title, text in status._lines(facts)]
    engine._stop()
    host.engines.remove(engine)
    assert (
        "Stopped; of the blocks 1 stay in force, 1 are yet to be put in force, 1 are yet to be released; "
        "THE JOURNAL DOES NOT HAVE THEM ALL."
    ) in host.said()


def test_a_stop_writes_down_what_the_disk_had_no_room_for_before(host, monkeypatch):
    engine = host.engine()
    host.attack("203.0.113.1")
    host.turn_until(engine, lambda: [b.state.value for b in engine.ledger.blocks.values()] == ["in force"])

    def is_full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(engine.journal._disk, "write", is_full)
        list(answer(engine, {"verb": "unblock", "address": "203.0.113.1"}))
        host.turn_until(engine, lambda: not engine.ledger.blocks)
    engine._stop()
    host.engines.remove(engine)
    assert Ledger.remembered(read(host.home.journal).records).blocks == {}


def test_alerts_that_cannot_be_written_are_told_and_counted(host):
    engine = host.engine()
    host.home.alerts.rmdir()
    host.attack("203.0.113.1")
    host.turn_until(engine, lambda: host.calls() == ["add 203.0.113.1"])
    assert host.said().count("alerts.log: cannot be written") == 1
    assert next(iter(answer(engine, {"verb": "status"})))["log_lines_lost"] == 2


def test_a_release_is_told_by_the_contract_of_its_block_whatever_became_of_the_configuration(host):
    """And by the alert while the agent that saw it runs, by what the journal has of it later."""
    (host.home.scripts / "note.sh").write_text(f'#!/bin/sh\nread -r told\necho "$# $told" >> {host.asked}\n')
    host.configure(toml='contract.drop = "wazuh4"\n')
    engine = host.engine()
    host.attack("203.0.113.1", "203.0.113.2")
    host.turn_until(engine, lambda: len(host.calls()) == 2)
    host.configure(toml="")
    host.signals.reload = True
    host.turn_until(engine, lambda: engine.reloads == 1)
    list(answer(engine, {"verb": "unblock", "address": "203.0.113.1"}))
    host.turn_until(engine, lambda: not engine.ledger.of_subject("203.0.113.1"))
    host.turn_until(engine, lambda: not engine.runner.running)
    engine._stop()
    host.engines.clear()
    later = host.engine()
    list(answer(later, {"verb": "unblock", "address": "203.0.113.2"}))
    host.turn_until(later, lambda: not later.ledger.blocks)
    assert all(call.startswith("0 ") for call in host.calls()), "no arguments"
    first, second, known, remembered = [json.loads(call[2:]) for call in host.calls()]
    alerts = {told["parameters"]["alert"]["data"]["srcip"]: told for told in (first, second)}
    assert known == {**alerts["203.0.113.1"], "command": "delete"}
    assert "Failed password for root" in known["parameters"]["alert"]["full_log"]
    before, after = alerts["203.0.113.2"]["parameters"]["alert"], remembered["parameters"]["alert"]
    assert (remembered["command"], after["full_log"], after["data"]) == ("delete", "", {"srcip": "203.0.113.2"})
    for key in ("id", "location", "agent"):
        assert after[key] == before[key]
    assert after["rule"] == {**before["rule"], "groups": []}


def test_a_notification_is_not_told_an_address_that_is_never_acted_on(host):
    (host.home.scripts / "note.sh").write_text(f"#!/bin/sh\ncat >> {host.asked}\n")
    host.configure("198.51.100.0/24")
    conf = host.home.ossec_conf.read_text().replace(
        "<name>mail</name><executable>note.sh</executable><expect>srcip</expect>",
        "<name>mail</name><executable>note.sh</executable><expect>user</expect>",
    )
    response = "<active-response><command>mail</command><location>local</location><rules_id>5716</rules_id>"
    host.home.ossec_conf.write_text(conf.replace("<localfile>", f"{response}</active-response><localfile>"))
    engine = host.engine()
    host.attack("198.51.100.7")
    host.turn_until(engine, lambda: host.calls() and not engine.runner.running)
    (told,) = [json.loads(call) for call in host.calls()]
    assert told["parameters"]["alert"]["data"] == {"dstuser": "root", "srcport": "4242"}


# ── a trial beside everything else ───────────────────────────────────────────────────────────────────────────

FIREWALL = """#!/bin/sh
# ar: present
echo "$1 $3" >> {asked}
case $1 in
    add) : > {asked}.$3; while [ -e {asked}.gate ]; do sleep 0.01; done ;;
    delete) rm -f {asked}.$3 ;;
    present) [ -e {asked}.$3 ] ;;
esac
"""


@pytest.fixture
def firewall(host):
    (host.home.scripts / "note.sh").write_text(FIREWALL.format(asked=host.asked))
    return host


def begun(engine, subject="203.0.113.7", command="drop"):
    (row,) = answer(engine, {"verb": "try", "command": command, "subject": subject})
    return row


def tried(engine, trial, **more):
    *steps, last = answer(engine, {"verb": "tried", **trial, **more})
    return [(step["step"], step["ok"]) for step in steps], last["over"]


ALL_WELL = [("before", True), ("add", True), ("during", True), ("delete", True), ("after", True)]


def test_a_running_agent_tries_a_script_to_the_end_whoever_asked_for_it_goes_away(firewall):
    engine = firewall.engine()
    trial = begun(engine)
    with pytest.raises(RefusedError, match="another trial is under way"):
        begun(engine, "203.0.113.8")
    firewall.turn_until(engine, lambda: tried(engine, trial)[1])
    assert tried(engine, trial) == (ALL_WELL, True)
    assert firewall.calls() == [f"{verb} 203.0.113.7" for verb in ("present", "add", "present", "delete", "present")]
    assert engine.ledger.blocks == {}
    assert engine.ledger.offenders == {}
    assert engine.blocks.reconciler.counts["asked"] == 0, "the trial's questions are its own"
    assert begun(engine)["trial"] != trial["trial"], "and then another one may begin"
    with pytest.raises(RefusedError, match="not known"):
        tried(engine, trial)


def test_a_trial_in_a_hurry_goes_straight_to_the_release(firewall):
    engine = firewall.engine()
    gate = firewall.asked.with_name("asked.gate")
    gate.touch()
    trial = begun(engine)
    firewall.turn_until(engine, lambda: "add 203.0.113.7" in firewall.calls())
    assert tried(engine, trial, hurry=True) == ([("before", True)], False)
    gate.unlink()
    firewall.turn_until(engine, lambda: tried(engine, trial, hurry=True)[1])
    assert tried(engine, trial) == ([("before", True), ("add", True), ("delete", True)], True)
    assert firewall.calls()[-1] == "delete 203.0.113.7"


def test_an_offender_who_comes_during_a_trial_stays_blocked(firewall):
    engine = firewall.engine()
    gate = firewall.asked.with_name("asked.gate")
    gate.touch()
    trial = begun(engine)
    firewall.turn_until(engine, lambda: "add 203.0.113.7" in firewall.calls())
    firewall.attack("203.0.113.7")
    firewall.turn_until(engine, lambda: [block.offence for block in engine.ledger.blocks.values()] == [1])
    gate.unlink()
    firewall.turn_until(engine, lambda: tried(engine, trial)[1])
    assert tried(engine, trial)[0][-1] == ("delete", False)
    firewall.turn_until(engine, lambda: not engine.runner.running)
    (block,) = engine.ledger.blocks.values()
    assert (block.offence, block.sentence_s, block.state.value) == (1, 600, "in force")
    assert "delete 203.0.113.7" not in firewall.calls()


def test_an_offender_who_is_blocked_between_question_and_promise_is_left_alone(firewall):
    engine = firewall.engine()
    trial = begun(engine)
    firewall.attack("203.0.113.7")
    engine._read(clock.now())
    assert [block.offence for block in engine.ledger.blocks.values()] == [1]
    firewall.turn_until(engine, lambda: tried(engine, trial)[1])
    *_, (step, ok) = tried(engine, trial)[0]
    assert (step, ok) in {("add", False), ("before", False)}
    assert "delete 203.0.113.7" not in firewall.calls()


def test_an_agent_that_ends_during_a_trial_leaves_it_to_the_next_one(firewall):
    engine = firewall.engine()
    begun(engine)
    firewall.turn_until(engine, lambda: [block.state.value for block in engine.ledger.blocks.values()] == ["in force"])
    engine._stop()
    firewall.engines.clear()
    later = firewall.engine()
    (block,) = later.ledger.blocks.values()
    assert (block.subject.value, block.offence) == ("203.0.113.7", 0)
    assert block.left_s(clock.now()) <= 100


def test_what_a_running_agent_does_not_try_is_refused_as_without_one(firewall):
    firewall.configure("198.51.100.0/24")
    engine = firewall.engine()
    for command, subject, why in (
        ("drop", "198.51.100.7", "allowlisted"), ("drop", "127.0.0.1", "loopback"), ("drop", None, "needs a --subject"),
        ("mail", "203.0.113.7", "never undone"), ("nope", "203.0.113.7", "no command"),
    ):  # fmt: skip
        with pytest.raises(RefusedError, match=why):
            begun(engine, subject, command)
    engine.observing = True
    with pytest.raises(RefusedError, match="only observes"):
        begun(engine)
    engine.observing = False
    assert firewall.calls() == []


def test_a_full_disk_lets_nothing_be_tried(firewall, monkeypatch):
    engine = firewall.engine()
    monkeypatch.setattr(engine.blocks.promises, "make", lambda now, *records: False)
    trial = begun(engine)
    firewall.turn_until(engine, lambda: tried(engine, trial)[1])
    assert tried(engine, trial)[0] == [("before", True), ("add", False)]
    assert firewall.calls() == ["present 203.0.113.7"]
