"""Asking what is still in force: who is asked when, and what becomes of what is missing."""

from __future__ import annotations

import pytest

from ar.model import Moment, Subject
from ar.policy.block import State
from ar.policy.ledger import Ledger
from ar.policy.records import Added, Arguments, Promised
from ar.policy.tasks import Finished
from ar.respond.reconcile import FIRST_AFTER_S, Reconciler


def at(seconds):
    return Moment(1e6 + seconds, 100.0 + seconds)


class Scripts:
    """Stands for the runner."""

    def __init__(self):
        self.can = {"drop.sh": {"present", "batch"}, "one.sh": {"present"}, "old.sh": set()}
        self.tasks = []
        self.has_room = True

    def abilities(self, executable):
        return frozenset(self.can[executable])

    def submit(self, task, boot_s):
        self.tasks.append(task)


class Round:
    """A reconciler with blocks in force."""

    def __init__(self, *blocks, every_s=300):
        self.ledger = Ledger("boot-a")
        self.scripts = Scripts()
        self.log = []
        self.reconciler = Reconciler(
            self.ledger, self.scripts, lambda severity, text: self.log.append((severity, text))
        )
        self.reconciler.every_s = every_s
        for number, (executable, address) in enumerate(blocks, 1):
            subject = Subject("srcip", address)
            arguments = Arguments("-", address, "1.2", 5712, "log", "-")
            self.ledger.apply(Promised(number, executable, executable, "argv", subject, arguments, 1, 1e6, 0, None))
            self.ledger.apply(Added(number))

    def answer(self, output="", status=0, seconds=0):
        task = self.scripts.tasks.pop(0)
        self.reconciler.take(Finished(task, status == 0, f"exit status {status}", output, status), at(seconds))

    def states(self):
        return {block.subject.value: block.state for block in self.ledger.blocks.values()}


def test_the_first_round_comes_soon_after_the_start_and_then_one_each_interval():
    asked = Round(("drop.sh", "203.0.113.1"))
    asked.reconciler.work(at(0))
    assert asked.scripts.tasks == []
    assert asked.reconciler.next_wake_s() == 100 + FIRST_AFTER_S
    asked.reconciler.work(at(FIRST_AFTER_S))
    assert len(asked.scripts.tasks) == 1
    assert asked.reconciler.next_wake_s() is None, "while a script answers there is nothing to do"
    asked.answer(seconds=FIRST_AFTER_S)
    assert asked.reconciler.next_wake_s() == 100 + FIRST_AFTER_S + 300
    asked.reconciler.work(at(FIRST_AFTER_S + 300))
    assert len(asked.scripts.tasks) == 1


def test_with_nothing_in_force_no_script_is_run():
    asked = Round()
    asked.reconciler.work(at(0))
    asked.reconciler.work(at(1000))
    assert asked.scripts.tasks == []


def test_an_interval_of_zero_asks_only_when_it_is_wanted():
    asked = Round(("drop.sh", "203.0.113.1"), every_s=0)
    asked.reconciler.work(at(0))
    assert asked.reconciler.next_wake_s() is None
    asked.reconciler.work(at(10_000))
    assert asked.scripts.tasks == []
    asked.reconciler.ask_about_all()
    asked.reconciler.work(at(10_000))
    assert len(asked.scripts.tasks) == 1


def test_what_a_batch_says_is_missing_is_put_back_and_told():
    asked = Round(("drop.sh", "203.0.113.1"), ("drop.sh", "203.0.113.2"), ("drop.sh", "203.0.113.3"))
    assert asked.reconciler.ask_about_all() == []
    asked.reconciler.work(at(0))
    (task,) = asked.scripts.tasks
    assert (task.verb, task.lines) == ("present", ("203.0.113.1 0", "203.0.113.2 0", "203.0.113.3 0"))
    asked.answer("missing 203.0.113.1\nnft says hello\nmissing 203.0.113.3")
    assert list(asked.states().values()) == [State.PROMISED, State.IN_FORCE, State.PROMISED]
    actions = list(asked.ledger.take_due(at(0)))
    assert [action.block.id for action in actions] == [1, 3]
    asked.reconciler.work(at(0))
    assert (asked.log, asked.reconciler.waiting) == ([], 2), "it is not known yet what comes of it"
    assert asked.reconciler.next_wake_s() is None, "nor is there anything to do before it is"
    for action in actions:
        record = asked.ledger.finish(action, worked=True, last_words="", now=at(0))
        asked.ledger.apply(record)
    asked.reconciler.work(at(0))
    assert asked.reconciler.waiting == 0
    assert asked.log == [("WARNING", "drop.sh: 2 blocks were not in the firewall any more; put back.")]
    assert asked.reconciler.counts == {"rounds": 1, "asked": 3, "missing": 2, "put_back": 2, "unclear": 0}


@pytest.mark.parametrize(("status", "state"), [(0, State.IN_FORCE), (1, State.PROMISED), (69, State.IN_FORCE)])
def test_a_script_that_takes_no_batch_answers_by_its_status(status, state):
    asked = Round(("one.sh", "203.0.113.1"), ("one.sh", "203.0.113.2"))
    asked.reconciler.ask_about_all()
    for _ in range(2):
        asked.reconciler.work(at(0))
        assert len(asked.scripts.tasks) == 1, "one after the other"
        asked.answer("cannot ask the firewall", status)
    assert set(asked.states().values()) == {state}
    assert asked.reconciler.counts["unclear"] == (2 if status == 69 else 0)
    for action in asked.ledger.take_due(at(0)):
        asked.ledger.finish(action, worked=False, last_words="", now=at(0))
    asked.reconciler.work(at(0))
    told = [text for _, text in asked.log]
    assert (
        told
        == {
            0: [],
            1: ["one.sh: 2 blocks were not in the firewall any more; 0 of them put back so far."],
            69: ["one.sh cannot tell what is in force: exit status 69: cannot ask the firewall"],
        }[status]
    )


def test_a_script_without_present_is_named_and_not_asked():
    asked = Round(("old.sh", "203.0.113.1"))
    assert asked.reconciler.ask_about_all() == ["old.sh"]
    asked.reconciler.work(at(0))
    assert asked.scripts.tasks == []


def test_what_has_changed_since_it_was_asked_is_left_as_it_is():
    """A block that was ended while the script looked is not brought back."""
    asked = Round(("drop.sh", "203.0.113.1"), ("drop.sh", "203.0.113.2"))
    asked.reconciler.ask_about_all()
    asked.reconciler.work(at(0))
    (block, _) = list(asked.ledger.blocks.values())
    block.state, block.turn = State.RELEASING, block.turn + 1
    asked.answer("missing 203.0.113.1")
    assert list(asked.states().values()) == [State.RELEASING, State.IN_FORCE]


def test_nothing_is_asked_while_no_script_has_room():
    asked = Round(("drop.sh", "203.0.113.1"))
    asked.scripts.has_room = False
    asked.reconciler.ask_about_all()
    asked.reconciler.work(at(0))
    assert asked.scripts.tasks == []
    asked.scripts.has_room = True
    asked.reconciler.work(at(0))
    assert len(asked.scripts.tasks) == 1


@pytest.mark.parametrize(("wanted", "wakes_s"), [(False, 102 + 9 * 2), (True, float("-inf"))])
def test_a_script_that_takes_long_is_asked_the_less_often_unless_somebody_waits(wanted, wakes_s):
    asked = Round(("one.sh", "203.0.113.1"), ("one.sh", "203.0.113.2"))
    asked.reconciler.ask_about_all(is_wanted=wanted)
    asked.reconciler.work(at(0))
    asked.answer(seconds=2)
    assert asked.reconciler.next_wake_s() == wakes_s
    asked.reconciler.work(at(19))
    assert len(asked.scripts.tasks) == wanted
    asked.reconciler.work(at(20))
    assert len(asked.scripts.tasks) == 1


def test_a_script_that_tells_no_more_what_is_in_force_is_not_asked():
    asked = Round(("one.sh", "203.0.113.1"), ("drop.sh", "203.0.113.2"))
    asked.reconciler.ask_about_all()
    asked.scripts.can["drop.sh"] = set()
    asked.reconciler.work(at(0))
    assert [task.executable for task in asked.scripts.tasks] == ["one.sh"]
