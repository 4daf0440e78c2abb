"""Promise, act, record: the order of things, and what happens when one of them cannot be done."""

from dataclasses import replace

import pytest

from ar.errors import Place
from ar.model import Alert, Command, Levels, Moment, Response, Subject
from ar.policy.block import State
from ar.policy.ledger import Ledger
from ar.policy.policy import Outcome, Ruling
from ar.policy.records import Added, Arguments, Opened, Prolonged, Promised, Ran, Released
from ar.policy.tasks import Finished
from ar.respond.blocks import RUNS_WAITING_MAX, Blocks, restored
from ar.respond.journal import Journal, JournalError, JournalGoneError, read

HERE = Place("etc/ossec.conf", 1)
DROP = Command("firewall-drop", "firewall-drop.sh", frozenset({"srcip"}), timeout_allowed=True, place=HERE)
RESPONSE = Response(DROP, Levels(least=7), (), frozenset(), 60, (), HERE)
ADDRESS = Subject("srcip", "203.0.113.7")
ARGUMENTS = Arguments("-", "203.0.113.7", "1.2", 5712, "/var/log/auth.log", "-")


def at(seconds):
    return Moment(1e6 + seconds, 100.0 + seconds)


class Story:
    """Stands for journal, runner and policy at once, and writes down the order in which they are used."""

    def __init__(self):
        self.told = []
        self.tasks = []
        self.finished = []
        self.log = []
        self.disk_is_full = self.journal_is_gone = self.sync_fails = self.stays_gone = False
        self.scripts_max = 99
        self.can = frozenset()
        self.waiting = 0
        self.ledger = Ledger("boot-a")
        self.blocks = Blocks(
            self.ledger,
            self,
            self,
            log=lambda severity, text: self.log.append((severity, text)),
            rule_words=lambda rule: (10, f"rule {rule} in words"),
            on_finished=lambda outcome: self.told.append(("report", outcome.task.verb)),
        )

    def write(self, *records):
        if self.disk_is_full:
            raise JournalError("journal.json: cannot be written: No space left on device")
        if self.journal_is_gone:
            self.journal_is_gone = False
            raise JournalGoneError("journal.json: somebody deleted or changed it")
        self.told += [("journal", type(record).__name__) for record in records]

    def check_is_as_left(self):
        if self.stays_gone:
            raise JournalGoneError("journal.json: somebody deleted or changed it")

    def sync(self):
        if self.sync_fails:
            raise JournalError("journal.json: cannot be written: Input/output error")
        self.told.append(("sync",))

    def compact(self, snapshot):
        if self.sync_fails:
            raise JournalError("journal.json: cannot be replaced by a snapshot: Input/output error")
        self.told.append(("snapshot", *(type(record).__name__ for record in snapshot)))

    def compact_when_grown(self, snapshot):
        return False

    @property
    def has_room(self):
        return len(self.tasks) < self.scripts_max

    def abilities(self, executable):
        return self.can

    def submit(self, task, boot_s):
        self.told.append(("script", task.verb))
        self.tasks.append(task)

    def reap(self, boot_s):
        finished, self.finished = self.finished, []
        return finished

    def commit(self, ruling, now):
        self.ledger.apply(ruling.record)

    def tellable(self, command, alert):
        return alert._replace(program=f"as {command.name} may be told")

    def end_script(self, *, worked=True, output="", seconds=0.0):
        self.finished.append(
            Finished(self.tasks.pop(0), worked, "exit status 0" if worked else "exit status 1", output)
        )
        self.blocks.collect(at(seconds))


def ruling(record=None, block=1, seconds=0.0):
    now = at(seconds)
    promise = Promised(
        block, "firewall-drop", "firewall-drop.sh", "argv", ADDRESS, ARGUMENTS, 1, now.wall_s, 60, now.boot_s + 60
    )
    return Ruling(RESPONSE, Outcome.BLOCK, "", ADDRESS, ARGUMENTS, record or promise)


def take(story, a_ruling=None, seconds=0.0):
    taken = story.blocks.take(a_ruling or ruling(), story, at(seconds))
    story.blocks.work(at(seconds))
    return taken


def test_the_promise_is_on_disk_before_the_script_and_the_outcome_after_it():
    story = Story()
    assert take(story)
    story.end_script(seconds=0.1)
    story.blocks.work(at(60))
    story.end_script(seconds=60.1)
    assert story.told == [
        ("journal", "Opened"),
        ("journal", "Promised"),
        ("sync",),
        ("script", "add"),
        ("report", "add"),
        ("journal", "Added"),
        ("script", "delete"),
        ("report", "delete"),
        ("journal", "Released"),
        ("sync",),
    ]
    assert story.blocks.counts["blocks"] == story.blocks.counts["releases"] == 1


def test_many_promises_share_one_sync_and_no_script_starts_before_it():
    story = Story()
    for number in range(1, 101):
        subject = Subject("srcip", f"203.0.113.{number}")
        story.blocks.take(ruling(ruling(block=number).record._replace(subject=subject)), story, at(0))
    assert story.tasks == []
    story.blocks.work(at(0))
    assert story.told.count(("sync",)) == 1
    assert story.told.index(("sync",)) < story.told.index(("script", "add"))


def test_nothing_runs_that_cannot_be_promised_and_it_is_said_loudly():
    story = Story()
    story.disk_is_full = True
    assert not take(story)
    assert (story.tasks, story.ledger.blocks) == ([], {})
    ((severity, text),) = story.log
    assert severity == "ERROR"
    assert "No space left on device" in text
    story.disk_is_full = False
    assert take(story, ruling(seconds=1), 1)
    assert story.told[:2] == [("journal", "Opened"), ("journal", "Promised")]


def test_while_the_disk_does_not_sync_only_releases_go_on_and_then_a_new_file_is_written():
    story = Story()
    take(story)
    story.end_script()
    story.sync_fails = True
    other = ruling(block=2, seconds=60).record._replace(subject=Subject("srcip", "203.0.113.8"))
    assert take(story, ruling(other), 60)
    assert [task.verb for task in story.tasks] == ["delete"]
    assert "Input/output error" in story.log[-1][1]
    assert story.blocks.next_wake_s() == at(61).boot_s, "no busy loop"
    story.sync_fails = False
    story.blocks.work(at(60.5))
    assert [task.verb for task in story.tasks] == ["delete"]
    story.blocks.work(at(61))
    assert [task.verb for task in story.tasks] == ["delete", "add"]
    assert story.told[-2:] == [("snapshot", "Opened", "Promised", "Ended", "Promised"), ("script", "add")]


def test_a_journal_that_somebody_deleted_is_written_anew_with_all_that_is_in_force():
    story = Story()
    take(story)
    story.end_script()
    story.journal_is_gone = True
    other = ruling(block=2).record._replace(subject=Subject("srcip", "203.0.113.8"))
    assert take(story, ruling(other), 1)
    assert ("snapshot", "Opened", "Promised", "Added") in story.told
    assert story.told[-3:] == [("journal", "Promised"), ("sync",), ("script", "add")]
    assert "somebody deleted or changed it" in story.log[0][1]


def test_while_a_journal_that_is_gone_cannot_be_written_anew_no_add_is_tried_again():
    story = Story()
    take(story)
    story.end_script(worked=False)
    story.stays_gone = story.sync_fails = True
    story.blocks.promises.look(at(5))
    story.blocks.work(at(5))
    assert story.tasks == []
    story.blocks.work(at(60))
    assert [task.verb for task in story.tasks] == ["delete"], "its end has come, and releases need no promise"
    other = ruling(block=2, seconds=60).record._replace(subject=Subject("srcip", "203.0.113.8"))
    take(story, ruling(other), 60)
    story.stays_gone = story.sync_fails = False
    story.blocks.work(at(65))
    assert story.told[-2:] == [("snapshot", "Opened", "Promised", "Ended", "Promised"), ("script", "add")]


def test_releases_go_on_while_the_disk_is_full():
    story = Story()
    take(story)
    story.end_script()
    story.disk_is_full = True
    story.blocks.work(at(60))
    story.end_script(seconds=60)
    assert story.ledger.blocks == {}
    assert "No space left" in story.log[-1][1]


def test_a_script_is_told_how_long_and_what_for():
    story = Story()
    take(story)
    assert story.tasks[0].environment == {
        "AR_TIMEOUT": "60",
        "AR_RULE_ID": "5712",
        "AR_RULE_LEVEL": "10",
        "AR_RULE_DESCRIPTION": "rule 5712 in words",
        "AR_ALERT_ID": "1.2",
    }


@pytest.mark.parametrize("begin_s", [0.1 + 0.2, 12345.678901234, 98765.4321, 1e6 + 0.7])
def test_whole_seconds_stay_whole_whatever_the_clock_says(begin_s):
    story = Story()
    take(story, ruling(seconds=begin_s), begin_s)
    assert story.tasks[0].environment["AR_TIMEOUT"] == "60"


def test_a_script_run_again_late_is_told_the_time_that_is_left():
    story = Story()
    take(story)
    story.end_script(worked=False, output="first words\nlast words", seconds=0)
    story.blocks.work(at(30.5))
    assert story.tasks[0].environment["AR_TIMEOUT"] == "30"
    assert story.log == [
        ("INFO", "firewall-drop.sh add: first words"),
        ("ERROR", "firewall-drop.sh add 203.0.113.7 failed: exit status 1: last words. It is tried again."),
    ]
    (block,) = story.ledger.blocks.values()
    assert (block.state, block.failures, block.last_words) == (State.PROMISED, 1, "exit status 1: last words")


def test_no_more_is_taken_from_the_ledger_than_the_runner_has_room_for():
    story = Story()
    story.scripts_max = 1
    for number in (1, 2):
        record = ruling(block=number).record._replace(subject=Subject("srcip", f"203.0.113.{number}"))
        take(story, ruling(record))
    assert len(story.tasks) == 1
    story.end_script()
    assert len(story.tasks) == 1
    assert story.tasks[0].actions[0].block.id == 2


def test_commands_that_are_never_undone_are_dropped_and_counted_when_too_many_wait():
    story = Story()
    story.waiting = RUNS_WAITING_MAX
    assert not take(story, ruling(Ran(1, "email-alert", ADDRESS, 1e6)))
    assert story.blocks.bounds_hit == {"scripts_waiting": 1}
    assert story.told == []


def test_a_block_ended_by_hand_is_promised_to_end_and_released():
    story = Story()
    take(story)
    story.end_script()
    (block,) = story.ledger.blocks.values()
    story.blocks.end(block, at(5))
    story.blocks.work(at(5))
    assert story.tasks[0].verb == "delete"


def test_a_block_ended_while_the_disk_is_full_is_released_and_written_down_when_it_can_be():
    story = Story()
    take(story)
    story.end_script()
    (block,) = story.ledger.blocks.values()
    story.disk_is_full = story.sync_fails = True
    story.blocks.end(block, at(5))
    story.blocks.work(at(5))
    assert [task.verb for task in story.tasks] == ["delete"]
    story.end_script(seconds=6)
    assert story.ledger.blocks == {}
    story.disk_is_full = story.sync_fails = False
    story.blocks.work(at(7))
    assert story.told[-1] == ("snapshot", "Opened", "Offended")


def test_a_prolonged_block_comes_to_its_release_while_the_disk_does_not_sync():
    story = Story()
    take(story)
    story.end_script()
    story.sync_fails = True
    story.blocks.apply(Prolonged(1, 2, at(5).wall_s, 60, at(65).boot_s), at(5))
    for seconds in (5, 30, 64.9):
        story.blocks.work(at(seconds))
        assert story.tasks == [], "the longer block is not promised on disk"
    story.blocks.work(at(65))
    assert [task.verb for task in story.tasks] == ["delete"]


def test_releases_new_blocks_and_other_commands_take_turns():
    story = Story()
    story.scripts_max = 1
    for number in (1, 2):
        subject = Subject("srcip", f"203.0.113.{number}")
        take(story, ruling(ruling(block=number).record._replace(subject=subject)))
        story.end_script()
        story.end_script() if story.tasks else None
    for number in (11, 12):
        subject = Subject("srcip", f"203.0.113.{number}")
        record = ruling(block=number, seconds=60).record._replace(subject=subject)
        story.blocks.take(ruling(record), story, at(60))
        story.blocks.take(ruling(Ran(20 + number, "mail", subject, 1e6)), story, at(60))
    begun = []
    story.blocks.work(at(60))
    while story.tasks:
        task = story.tasks[0]
        begun.append("run" if not task.actions else task.verb)
        story.end_script(seconds=60)
    assert sorted(begun[:3]) == sorted(begun[3:]) == ["add", "delete", "run"]


def test_trouble_with_the_disk_is_told_once_a_minute():
    story = Story()
    story.disk_is_full = True
    for seconds in range(120):
        take(story, ruling(seconds=seconds), seconds)
    assert len(story.log) == 2


def test_while_it_is_not_known_who_is_allowlisted_only_releases_start():
    story = Story()
    take(story)
    story.end_script()
    story.blocks.holding = True
    other = ruling(block=2, seconds=60).record._replace(subject=Subject("srcip", "203.0.113.8"))
    take(story, ruling(other), 60)
    assert [task.verb for task in story.tasks] == ["delete"]
    story.end_script(seconds=61)
    assert story.blocks.next_wake_s() == at(120).boot_s, "the end of the block that waits, and no busy loop"
    story.blocks.holding = False
    story.blocks.work(at(62))
    assert [task.verb for task in story.tasks] == ["add"]


class Written:
    """A journal as it was found."""

    def __init__(self, records, damage=()):
        self.records = list(records)
        self.damage = list(damage)
        self.may_be_rid_of_damage = False
        self.snapshot = None
        self.written = []

    def compact(self, snapshot):
        self.snapshot = list(snapshot)

    def write(self, *records):
        self.written += records

    def sync(self):
        self.written.append("synced")


def test_after_a_reboot_it_is_written_down_at_once_that_this_boot_has_begun():
    journal = Written([Opened("boot-a", *at(0)), ruling(seconds=30).record, Added(1)])
    now = Moment(at(50).wall_s, 5.0)
    ledger = restored(journal, now, "boot-b", lambda *_: None)
    assert journal.written == [Opened("boot-b", *now), "synced"]
    assert ledger.blocks[1].ends_boot_s == 45.0


def test_with_nothing_blocked_a_start_writes_nothing():
    journal = Written([Opened("boot-a", *at(0)), ruling(seconds=30).record, Added(1), Released(1, 1e6)])
    restored(journal, Moment(at(50).wall_s, 5.0), "boot-b", lambda *_: None)
    assert (journal.written, journal.snapshot) == ([], None)


@pytest.mark.parametrize(
    ("records", "verbs"),
    [
        ([Opened("boot-a", *at(0)), ruling().record], ["delete"]),
        ([Opened("boot-a", *at(0)), ruling().record, Added(1)], ["delete"]),
        ([Opened("boot-a", *at(0)), ruling(seconds=30).record], ["add"]),
        ([Opened("boot-a", *at(0)), ruling(seconds=30).record, Added(1)], []),
        ([Opened("boot-a", *at(0)), ruling().record, Added(1), Released(1, 1e6)], []),
    ],
    ids=["half done and overdue", "overdue", "half done", "in force", "released"],
)
def test_a_start_releases_what_is_overdue_and_completes_what_was_half_done(records, verbs):
    ledger = restored(Written(records), at(70), "boot-a", lambda *_: None)
    assert [action.verb for action in ledger.take_due(at(70))] == verbs


def test_a_stepped_wall_clock_is_written_down_once_while_something_is_blocked():
    story = Story()
    stepped = at(30)._replace(wall_s=2e9)
    story.blocks.promises.note_clock(stepped)
    assert story.told == [], "nothing lasts"
    take(story)
    story.told.clear()
    story.blocks.promises.note_clock(at(20))
    assert story.told == []
    for seconds in (30, 31):
        story.blocks.promises.note_clock(at(seconds)._replace(wall_s=2e9 + seconds))
        story.blocks.work(at(seconds))
    assert story.told == [("journal", "Opened"), ("sync",)]


def test_after_a_reboot_nothing_is_written_about_the_clock_again():
    now = Moment(at(50).wall_s, 5.0)
    journal = Written([Opened("boot-a", *at(0)), ruling(seconds=30).record, Added(1)])
    ledger = restored(journal, now, "boot-b", print)
    assert ledger.knows_clock(now)


def test_without_its_first_line_no_block_is_taken_for_one_of_this_boot():
    """The wall clock then says how long it lasts, and its script runs again: the firewall may have started empty."""
    ledger = restored(Written([ruling(seconds=30).record, Added(1)]), Moment(at(50).wall_s, 5.0), "boot-b", print)
    (action,) = ledger.take_due(Moment(at(50).wall_s, 5.0))
    assert (action.verb, action.block.ends_boot_s) == ("add", 45.0)


def test_a_start_says_loudly_what_is_damaged():
    log = []
    restored(
        Written([], ["journal.json:2: its checksum does not fit"]), at(0), "boot-a", lambda *told: log.append(told)
    )
    assert log == [("ERROR", "journal.json:2: its checksum does not fit")]


def promise(block, address, seconds=0.0, command="firewall-drop"):
    subject = Subject("srcip", address)
    arguments = ARGUMENTS._replace(srcip=address)
    return Promised(
        block, command, "firewall-drop.sh", "argv", subject, arguments, 1, 1e6 + seconds, 60, 160.0 + seconds
    )


def test_blocks_of_one_command_go_to_a_script_that_takes_many_at_once():
    story = Story()
    story.can = frozenset({"batch"})
    for number in range(1, 4):
        story.blocks.apply(promise(number, f"203.0.113.{number}"), at(0))
    story.blocks.apply(promise(4, "203.0.113.1", command="another"), at(0))
    story.blocks.work(at(1))
    assert [task.lines for task in story.tasks] == [("203.0.113.1 59", "203.0.113.2 59", "203.0.113.3 59"), ()]
    assert story.tasks[0].argv("/x.sh") == ["/x.sh", "add", "--batch"]
    assert story.tasks[1].argv("/x.sh")[:4] == ["/x.sh", "add", "-", "203.0.113.1"]
    story.end_script(seconds=1)
    assert [block.state for block in story.ledger.blocks.values()] == [*[State.IN_FORCE] * 3, State.PROMISED]


def test_a_batch_that_failed_is_tried_again_in_ever_smaller_ones(monkeypatch):
    """So one address that the firewall refuses keeps few others out, and in the end none."""
    monkeypatch.setattr("ar.respond.blocks.BATCH_MAX", 16)
    story = Story()
    story.can = frozenset({"batch"})
    for number in range(1, 17):
        story.blocks.apply(promise(number, f"203.0.113.{number}"), at(0))
    sizes, seconds = [], 0.0
    while story.ledger.blocks and seconds < 50:
        story.blocks.work(at(seconds))
        sizes.append(sorted({max(1, len(task.lines)) for task in story.tasks}))
        while story.tasks:
            poisoned = any(action.block.id == 5 for action in story.tasks[0].actions)
            story.end_script(worked=not poisoned, output="conflict", seconds=seconds)
        seconds += 8
    assert sizes[:3] == [[16], [2], [1]]
    assert [b.id for b in story.ledger.blocks.values() if b.state is not State.IN_FORCE] == [5]


def sizes_of_batches(story, seconds, **outcome):
    """Start what is due and end it all in one way; return how many blocks went into each run."""
    sizes = []
    story.blocks.work(at(seconds))
    while story.tasks:
        sizes.append(len(story.tasks[0].actions))
        story.finished.append(Finished(story.tasks.pop(0), how="", output="", **outcome))
        story.blocks.collect(at(seconds))
    return sizes


def batches_story(number):
    story = Story()
    story.can = frozenset({"batch"})
    story.scripts_max = 1
    for n in range(1, number + 1):
        block = promise(n, f"203.0.113.{n}")
        story.blocks.apply(block._replace(sentence_s=0, ends_boot_s=None), at(0))
    return story


def test_batches_grow_again_once_runs_work(monkeypatch):
    monkeypatch.setattr("ar.respond.blocks.BATCH_MAX", 512)
    story = batches_story(100)
    for seconds in range(0, 420, 70):
        sizes = sizes_of_batches(story, seconds, worked=False, status=1)
    assert set(sizes) == {1}
    assert sizes_of_batches(story, 420, worked=True) == [1] * 4 + [8] * 12


@pytest.mark.parametrize("fault", [{"status": 69}, {"started": False}], ids=["lacks a program", "cannot be run"])
def test_a_batch_is_not_split_for_what_is_the_scripts_own_fault(fault):
    story = batches_story(100)
    for seconds in range(0, 350, 70):
        assert sizes_of_batches(story, seconds, worked=False, **fault) == [100]


def test_the_lines_of_a_batch_fit_into_a_pipe():
    story = Story()
    story.can = frozenset({"batch"})
    for number in range(1, 2000):
        story.blocks.apply(promise(number, f"2001:db8:{number:x}:ffff::/64"), at(0))
    story.blocks.work(at(0))
    assert sum(len(task.lines) for task in story.tasks) == 1999
    assert max(sum(len(line) + 1 for line in task.lines) for task in story.tasks) <= 16_384


def test_a_block_too_many_has_the_oldest_one_released_and_it_is_said_once_a_minute():
    story = Story()
    take(story, ruling(promise(1, "203.0.113.1")))
    story.end_script()
    for number in (2, 3):
        take(story, ruling(promise(number, f"203.0.113.{number}"))._replace(makes_room=True))
    states = [block.state for block in story.ledger.blocks.values()]
    assert states == [State.RELEASING, State.RELEASING, State.PROMISED]
    assert sorted(task.verb for task in story.tasks) == ["add", "add", "delete"]
    assert story.blocks.bounds_hit["blocks"] == 2
    assert len([text for _, text in story.log if "give way" in text]) == 1


@pytest.mark.parametrize("fault", ["disk_is_full", "sync_fails"])
def test_nobody_makes_room_for_a_block_that_cannot_be_promised(fault):
    story = Story()
    take(story, ruling(promise(1, "203.0.113.1")))
    story.end_script()
    setattr(story, fault, True)
    story.blocks.end(story.ledger.block_of(("firewall-drop", Subject("srcip", "203.0.113.1"))), at(0))
    story.blocks.work(at(0))
    story.blocks.apply(promise(2, "203.0.113.2"), at(0))
    states = [block.state for block in story.ledger.blocks.values()]
    for number in range(3, 6):
        assert not take(story, ruling(promise(number, f"203.0.113.{number}"))._replace(makes_room=True))
    assert [block.state for block in story.ledger.blocks.values()] == states


def test_blocks_of_several_commands_on_one_alert_go_in_a_batch_each():
    story = Story()
    story.can = frozenset({"batch"})
    for number in range(1, 9):
        command = "host-deny" if number % 2 else "firewall-drop"
        story.blocks.apply(promise(number, f"203.0.113.{(number + 1) // 2}", command=command), at(0))
    story.blocks.work(at(0))
    assert [len(task.lines) for task in story.tasks] == [4, 4]


def test_a_batch_holds_nothing_but_addresses():
    """Also after a command has been given another thing to expect."""
    story = Story()
    story.can = frozenset({"batch"})
    for number, subject in enumerate((("srcip", "203.0.113.1"), ("user", "mallory"), ("srcip", "203.0.113.2")), 1):
        story.blocks.apply(promise(number, "-")._replace(subject=Subject(*subject)), at(0))
    story.blocks.work(at(0))
    assert [task.about for task in story.tasks] == ["203.0.113.1", "mallory", "203.0.113.2"]
    assert [task.lines for task in story.tasks] == [(), (), ()]


EMERGENCY = frozenset({"timeout"})


def test_while_the_disk_is_full_a_short_block_is_made_where_the_firewall_ends_it():
    story = Story()
    story.can, story.disk_is_full = EMERGENCY, True
    story.blocks.emergency_block_s = 30
    assert take(story)
    assert [(task.verb, task.environment["AR_TIMEOUT"]) for task in story.tasks] == [("add", "30")]
    story.end_script()
    (block,) = story.ledger.blocks.values()
    assert (block.state, block.left_s(at(0))) == (State.IN_FORCE, 30)
    assert story.blocks.counts["emergencies"] == 1
    story.disk_is_full = False
    story.blocks.work(at(2))
    assert story.told[-1] == ("snapshot", "Opened", "Promised", "Added"), "written down as soon as it can be"
    story.blocks.work(at(30))
    assert [task.verb for task in story.tasks] == ["delete"], "and the agent releases it as any other"


def test_the_script_of_a_block_without_a_promise_is_told_that_it_must_expire():
    story = Story()
    story.can, story.disk_is_full, story.sync_fails = EMERGENCY, True, True
    story.blocks.emergency_block_s = 30
    assert take(story)
    assert [task.environment.get("AR_MUST_EXPIRE") for task in story.tasks] == ["1"]
    story.end_script()
    story.disk_is_full = story.sync_fails = False
    story.blocks.work(at(2))
    assert take(story, ruling(promise(2, "203.0.113.2")), seconds=2)
    assert [task.environment.get("AR_MUST_EXPIRE") for task in story.tasks] == [None], "that one is promised"


@pytest.mark.parametrize(("emergency_s", "can"), [(0, EMERGENCY), (30, frozenset())])
def test_without_the_wish_or_a_firewall_that_ends_it_no_block_is_made_without_a_promise(emergency_s, can):
    story = Story()
    story.can, story.disk_is_full = can, True
    story.blocks.emergency_block_s = emergency_s
    assert not take(story)
    assert story.tasks == []
    assert story.ledger.blocks == {}


def test_while_the_disk_does_not_sync_a_short_block_is_made_too():
    story = Story()
    story.can, story.sync_fails = EMERGENCY, True
    story.blocks.emergency_block_s = 30
    assert take(story)
    assert [
        (task.verb, task.environment["AR_TIMEOUT"], task.environment["AR_MUST_EXPIRE"]) for task in story.tasks
    ] == [("add", "30", "1")]
    story.end_script()
    assert take(story, ruling(promise(2, "203.0.113.2")), seconds=0.5)
    assert [task.environment["AR_TIMEOUT"] for task in story.tasks] == ["30"], "that of the next turn no less"
    assert (story.blocks.counts["emergencies"], story.blocks.counts["not promised"]) == (2, 2)
    story.end_script(seconds=0.6)
    story.sync_fails = False
    story.blocks.work(at(2))
    assert story.told[-1] == ("snapshot", "Opened", "Promised", "Added", "Promised", "Added")
    assert [block.left_s(at(2)) for block in story.ledger.blocks.values()] == [28, 28.5]


def test_a_block_in_an_emergency_waits_for_the_script_that_runs_on_its_key():
    story = Story()
    story.can = EMERGENCY
    story.blocks.emergency_block_s = 30
    take(story)
    story.end_script()
    (block,) = story.ledger.blocks.values()
    story.blocks.end(block, at(1))
    story.blocks.work(at(1))
    story.disk_is_full = story.sync_fails = True
    assert take(story, ruling(promise(2, "203.0.113.7")), seconds=2)
    assert [task.verb for task in story.tasks] == ["delete"]
    assert story.blocks.next_wake_s() == at(3).boot_s, "no busy loop while it runs"
    story.end_script(seconds=3)
    assert [(task.verb, task.environment["AR_MUST_EXPIRE"]) for task in story.tasks] == [("add", "1")]


def test_a_start_replaces_a_journal_that_is_mostly_of_what_is_over(tmp_path, monkeypatch):
    monkeypatch.setattr("ar.respond.blocks.GROWN_RECORDS", 10)
    journal = Journal(tmp_path / "journal.json")
    journal.write(Opened("boot-a", *at(0)), promise(1, "203.0.113.1"), Added(1))
    for number in range(2, 12):
        journal.write(promise(number, "203.0.113.2"), Released(number, 1e6))
    restored(Journal(tmp_path / "journal.json"), at(1), "boot-a", lambda *_: None)
    kinds = [type(record).__name__ for record in read(tmp_path / "journal.json").records]
    assert kinds == ["Opened", "Promised", "Added", "Offended"]
    before = (tmp_path / "journal.json").stat().st_ino
    restored(Journal(tmp_path / "journal.json"), at(1), "boot-a", lambda *_: None)
    assert (tmp_path / "journal.json").stat().st_ino == before, "once is enough"


def test_a_start_replaces_a_damaged_journal_once_a_copy_of_it_is_kept(tmp_path):
    path = tmp_path / "journal.json"
    for number, copy in ((1, "journal.json.damaged"), (2, "journal.json.damaged.2")):
        journal = Journal(path)
        journal.write(Opened("boot-a", *at(0)), promise(number, f"203.0.113.{number}"))
        journal.close()
        path.write_bytes(b"nonsense\n" + path.read_bytes())
        content = path.read_bytes()
        ledger = restored(Journal(path), at(1), "boot-a", lambda *_: None)
        assert (tmp_path / copy).read_bytes() == content
        assert (read(path).damage, len(read(path).records)) == ([], number + 1)
        assert len(ledger.blocks) == number


# ── what scripts are told ────────────────────────────────────────────────────────────────────────────────────

ALERT = Alert("1.2", 1e6, 5712, 10, ("sshd",), "brute force", "/var/log/auth.log", full_log="the line")
WAZUH = replace(DROP, contract="wazuh4", extra_args=("-v",))


def block_for(alert, block=1, address="203.0.113.7", seconds=0.0, contract="wazuh4"):
    subject, now = Subject("srcip", address), at(seconds)
    arguments = ARGUMENTS._replace(srcip=address)
    promise = Promised(
        block, "firewall-drop", "firewall-drop.sh", contract, subject, arguments, 1, now.wall_s, 60, now.boot_s + 60,
        ("-v",),
    )  # fmt: skip
    response = replace(RESPONSE, command=WAZUH)
    return Ruling(response, Outcome.BLOCK, "", subject, arguments, promise), alert


def take_told(story, told, seconds=0.0):
    a_ruling, alert = told
    assert story.blocks.take(a_ruling, story, at(seconds), alert)
    story.blocks.work(at(seconds))


def test_a_script_is_told_of_block_and_release_by_the_contract_and_alert_that_led_to_them():
    story = Story()
    take_told(story, block_for(ALERT))
    add = story.tasks[0].notice
    assert (add.contract, add.command, add.extra_args, add.is_stateful) == ("wazuh4", "firewall-drop", ("-v",), True)
    assert add.alert == ALERT._replace(program="as firewall-drop may be told")
    story.end_script()
    story.blocks.work(at(60))
    assert story.tasks[0].notice == add._replace(stands=False)
    story.end_script(seconds=60)
    assert story.blocks._briefing._alerts == {}, "nothing of it is kept once it is over"


def test_a_block_that_is_prolonged_stands_and_one_that_is_new_does_not():
    story = Story()
    take_told(story, block_for(ALERT))
    assert not story.tasks[0].notice.stands
    story.end_script()
    take(story, ruling(Prolonged(1, 2, at(1).wall_s, 600, at(1).boot_s + 600)), seconds=1)
    assert story.tasks[0].notice.stands


def test_without_the_alert_a_script_is_told_what_the_journal_has():
    """As after a restart, and of a block that was made by hand."""
    story = Story()
    story.ledger.apply(block_for(None)[0].record)
    story.blocks.work(at(0))
    alert = story.tasks[0].notice.alert
    assert (alert.id, alert.rule, alert.level, alert.description) == ("1.2", 5712, 10, "rule 5712 in words")
    assert (alert.time_s, alert.location, alert.full_log) == (at(0).wall_s, "/var/log/auth.log", "")


def test_so_many_alerts_are_kept_and_no_more(monkeypatch):
    monkeypatch.setattr("ar.respond.briefing.ALERTS_KEPT_MAX", 2)
    story = Story()
    for number in (1, 2, 3):
        take_told(story, block_for(ALERT, number, f"203.0.113.{number}"))
    assert list(story.blocks._briefing._alerts) == [2, 3]


def test_a_command_that_is_never_undone_is_told_so():
    story = Story()
    mail = Command("mail", "mail.py", frozenset(), timeout_allowed=False, place=HERE, contract="wazuh5")
    response = replace(RESPONSE, command=mail)
    run = Ruling(response, Outcome.RUN, "", ADDRESS, ARGUMENTS, Ran(1, "mail", ADDRESS, 1e6))
    assert story.blocks.take(run, story, at(0), ALERT)
    story.blocks.work(at(0))
    notice = story.tasks[0].notice
    assert (notice.contract, notice.command, notice.is_stateful, notice.stands) == ("wazuh5", "mail", False, False)
    assert notice.alert.full_log == "the line"


def test_a_batch_is_told_its_addresses_and_a_script_of_another_contract_gets_none():
    story = Story()
    story.can = frozenset({"batch"})
    for number, contract in ((1, "argv"), (2, "argv"), (3, "wazuh4"), (4, "wazuh4")):
        story.ledger.apply(block_for(None, number, f"203.0.113.{number}", contract=contract)[0].record)
    story.blocks.work(at(0))
    assert [(len(task.lines), task.notice and task.notice.contract) for task in story.tasks] == [
        (2, None), (0, "wazuh4"), (0, "wazuh4"),
    ]  # fmt: skip


# ── two commands with one script, which share what it puts into the firewall ─────────────────────────────────


def shared_story():
    """`long` blocks an address for 600 s, and `short` the same one with the same script for 60 s."""
    story = Story()
    long = promise(1, "203.0.113.7", command="long")._replace(sentence_s=600, ends_boot_s=700.0)
    for record in (long, promise(2, "203.0.113.7", command="short")):
        assert story.blocks.apply(record, at(0))
    story.blocks.work(at(0))
    timeouts = [task.environment["AR_TIMEOUT"] for task in story.tasks]
    story.end_script()
    story.end_script()
    return story, timeouts


def test_the_release_of_the_shorter_block_leaves_the_longer_one_in_force():
    story, timeouts = shared_story()
    assert timeouts == ["600", "600"], "the firewall must not end the longer one with the shorter"
    story.blocks.work(at(60))
    (task,) = story.tasks
    assert (task.verb, task.actions[0].block.command, task.environment["AR_TIMEOUT"]) == ("add", "long", "540")
    story.end_script(seconds=60)
    assert [block.command for block in story.ledger.blocks.values()] == ["long"]
    assert story.told.count(("journal", "Released")) == 1
    assert ("INFO", "short 203.0.113.7: over; long keeps it blocked.") in story.log
    story.blocks.work(at(600))
    assert [task.verb for task in story.tasks] == ["delete"]


def test_what_is_shared_is_released_once_nobody_wants_it():
    story, _ = shared_story()
    for block in list(story.ledger.blocks.values()):
        story.blocks.end(block, at(10))
    story.blocks.work(at(10))
    assert [task.verb for task in story.tasks] == ["delete", "delete"]


def test_a_block_that_came_while_its_element_was_being_released_is_put_in_force_after_it():
    story = Story()
    assert story.blocks.apply(promise(1, "203.0.113.7", command="short"), at(0))
    story.blocks.work(at(0))
    story.end_script()
    story.blocks.work(at(60))
    assert story.blocks.apply(promise(2, "203.0.113.7", 60.0, command="long"), at(60))
    story.blocks.work(at(60))
    assert [task.verb for task in story.tasks] == ["delete", "add"]
    story.tasks.reverse()
    story.end_script(seconds=61)
    story.end_script(seconds=62)
    assert [(task.verb, task.actions[0].block.command) for task in story.tasks] == [("add", "long")]


def test_a_release_that_acts_otherwise_is_run_and_what_has_its_script_is_put_in_force_again():
    story, _ = shared_story()
    by_user = promise(3, "203.0.113.7", command="other")
    by_user = by_user._replace(arguments=by_user.arguments._replace(user="alice"))
    assert story.blocks.apply(by_user, at(1))
    story.blocks.work(at(1))
    story.end_script(seconds=1)
    story.blocks.end(story.ledger.blocks[3], at(2))
    story.blocks.work(at(2))
    assert [task.verb for task in story.tasks] == ["delete"]
    story.end_script(seconds=3)
    assert [(task.verb, task.actions[0].block.command) for task in story.tasks] == [("add", "long"), ("add", "short")]


def test_why_a_script_fails_is_told_once_a_minute_with_how_often():
    story = Story()
    for number in range(1, 100):
        story.blocks.apply(promise(number, f"203.0.113.{number}"), at(0))
    story.blocks.work(at(0))
    story.scripts_max = 0
    told = story.log
    while story.tasks:
        story.end_script(worked=False, output=f"no such set\n{story.tasks[0].about} refused", seconds=0)
    assert told == [
        ("INFO", "firewall-drop.sh add: no such set"),
        ("ERROR", "firewall-drop.sh add 203.0.113.1 failed: exit status 1: 203.0.113.1 refused. It is tried again."),
    ]
    told.clear()
    story.scripts_max = 1
    story.blocks.work(at(30))
    story.scripts_max = 0
    story.end_script(worked=False, output="another cause", seconds=30)
    assert len(told) == 1
    told.clear()
    story.scripts_max = 1
    story.blocks.work(at(59))
    story.scripts_max = 0
    story.end_script(worked=False, output=f"{story.tasks[0].about} refused", seconds=61)
    ((_, text),) = told
    assert "refused (so did 98 more since this was last told). It is tried again." in text


def test_a_block_that_no_alert_asked_for_has_another_one_give_way():
    story = Story()
    assert story.blocks.apply(promise(1, "203.0.113.1"), at(0))
    assert story.blocks.apply(promise(2, "203.0.113.2"), at(0), makes_room=True)
    assert [block.state for block in story.ledger.blocks.values()] == [State.RELEASING, State.PROMISED]
    story.blocks.end(story.ledger.blocks[2], at(1))
    assert not story.blocks.apply(promise(3, "203.0.113.3"), at(1), makes_room=True), "none is left to give way"
    assert list(story.ledger.blocks) == [1, 2]
