"""The ledger: which state follows which, what is due when, and what a restart makes of the records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ar.model import Moment, Subject
from ar.policy.block import State
from ar.policy.ledger import Ledger
from ar.policy.records import Added, Arguments, Ended, Offended, Opened, Prolonged, Promised, Ran, Released

WEEK_S = 7 * 86400
SUBJECT = Subject("srcip", "203.0.113.7")
KEY = ("firewall-drop", SUBJECT)


def at(seconds, wall=1_000_000.0):
    return Moment(wall + seconds, 100.0 + seconds)


def promise(block=1, seconds=0.0, sentence_s=60, offence=1, subject=SUBJECT, *, user="-"):
    now = at(seconds)
    ends = now.boot_s + sentence_s if sentence_s else None
    arguments = Arguments(user, subject.value, "1000000.1", 5712, "/var/log/auth.log", "-")
    return Promised(
        block, "firewall-drop", "firewall-drop.sh", "argv", subject, arguments, offence, now.wall_s, sentence_s, ends
    )


def due(ledger, seconds):
    return [(action.verb, action.block.id) for action in ledger.take_due(at(seconds))]


def finish(ledger, action, *, worked, seconds):
    record = ledger.finish(action, worked=worked, last_words="no", now=at(seconds))
    if record is not None:
        ledger.apply(record)
    return record


def in_force(sentence_s=60):
    ledger = Ledger("boot-a")
    ledger.apply(promise(sentence_s=sentence_s))
    (action,) = ledger.take_due(at(0))
    finish(ledger, action, worked=True, seconds=0)
    return ledger


def test_a_promise_is_due_at_once_and_a_release_at_its_end():
    ledger = Ledger("boot-a")
    ledger.apply(promise(sentence_s=60))
    (add,) = ledger.take_due(at(0))
    assert add.verb == "add"
    assert finish(ledger, add, worked=True, seconds=0.1) == Added(1)
    assert due(ledger, 59.9) == []
    assert ledger.next_wake_s() == 160.0
    (delete,) = ledger.take_due(at(60))
    assert delete.verb == "delete"
    assert finish(ledger, delete, worked=True, seconds=60.1) == Released(1, at(60.1).wall_s)
    assert ledger.blocks == {}
    assert ledger.next_wake_s() is None
    assert ledger.offences(KEY, at(61), WEEK_S) == 1


def test_what_runs_is_not_due_again_until_it_ended():
    ledger = Ledger("boot-a")
    ledger.apply(promise(sentence_s=5))
    (add,) = ledger.take_due(at(0))
    assert due(ledger, 100) == []
    finish(ledger, add, worked=True, seconds=100)
    assert due(ledger, 100) == [("delete", 1)]


def test_a_block_for_good_is_never_due_for_release():
    ledger = in_force(sentence_s=0)
    assert due(ledger, 10 * 365 * 86400) == []
    assert ledger.next_wake_s() is None


def test_a_failed_add_is_tried_again_after_growing_pauses_and_undone_at_its_end():
    ledger = Ledger("boot-a")
    ledger.apply(promise(sentence_s=60))
    pauses, now = [], 0.0
    for _ in range(5):
        (action,) = ledger.take_due(at(now))
        assert action.verb == "add"
        finish(ledger, action, worked=False, seconds=now)
        pauses.append(ledger.next_wake_s() - at(now).boot_s)
        now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16]
    (block,) = ledger.blocks.values()
    assert (block.failures, block.last_words, block.state) == (5, "no", State.PROMISED)
    assert due(ledger, 60) == [("delete", 1)]


def test_a_failed_release_is_tried_for_ever():
    ledger = in_force(sentence_s=10)
    now = 10.0
    for _ in range(50):
        (action,) = ledger.take_due(at(now))
        assert action.verb == "delete"
        finish(ledger, action, worked=False, seconds=now)
        pause = ledger.next_wake_s() - at(now).boot_s
        assert 0 < pause <= 60
        now += pause
    assert ledger.block_of(KEY)


def test_a_prolonged_block_runs_its_script_again_and_ends_at_the_new_end():
    ledger = in_force(sentence_s=60)
    ledger.apply(Prolonged(1, 2, at(30).wall_s, 600, at(630).boot_s))
    (action,) = ledger.take_due(at(30))
    assert action.verb == "add"
    finish(ledger, action, worked=True, seconds=30)
    assert due(ledger, 60) == []
    assert due(ledger, 630) == [("delete", 1)]
    assert ledger.offences(KEY, at(630), WEEK_S) == 2


def test_an_add_that_finishes_after_it_was_prolonged_is_not_the_answer():
    ledger = Ledger("boot-a")
    ledger.apply(promise(sentence_s=60))
    (first,) = ledger.take_due(at(0))
    ledger.apply(Prolonged(1, 2, at(1).wall_s, 600, at(601).boot_s))
    assert due(ledger, 1) == []
    assert finish(ledger, first, worked=True, seconds=2) is None
    assert due(ledger, 2) == [("add", 1)]


def test_a_block_ended_by_hand_is_released_at_once():
    ledger = in_force(sentence_s=0)
    ledger.apply(Ended(1, at(5).wall_s))
    assert due(ledger, 5) == [("delete", 1)]


def test_a_new_block_while_the_former_is_being_released_waits_for_that_script():
    ledger = in_force(sentence_s=60)
    (delete,) = ledger.take_due(at(60))
    ledger.apply(promise(block=2, seconds=60.5, offence=2))
    assert due(ledger, 60.5) == [], "two scripts never run on one subject"
    assert finish(ledger, delete, worked=True, seconds=61) is None
    assert due(ledger, 61) == [("add", 2)]


def test_due_releases_come_before_new_blocks_even_those_for_good():
    ledger = in_force(sentence_s=60)
    ledger.apply(promise(block=2, seconds=59, sentence_s=0, subject=Subject("srcip", "203.0.113.8")))
    ledger.apply(promise(block=3, seconds=58, subject=Subject("srcip", "203.0.113.9")))
    assert due(ledger, 61) == [("delete", 1), ("add", 2), ("add", 3)]


def test_the_end_of_a_block_whose_script_failed_comes_while_only_releases_are_taken():
    ledger = Ledger("boot-a")
    ledger.apply(promise(sentence_s=60))
    (add,) = ledger.take_due(at(0))
    finish(ledger, add, worked=False, seconds=0)
    assert list(ledger.take_due(at(59), releases_only=True)) == []
    assert ledger.next_wake_s(releases_only=True) == at(60).boot_s
    assert [action.verb for action in ledger.take_due(at(60), releases_only=True)] == ["delete"]


def test_a_new_block_is_not_taken_for_the_release_of_the_one_before():
    ledger = in_force(sentence_s=0)
    ledger.apply(Ended(1, at(5).wall_s))
    ledger.apply(promise(block=2, seconds=6))
    assert list(ledger.take_due(at(6), releases_only=True)) == []
    assert due(ledger, 6) == [("add", 2)]


def test_what_is_due_takes_no_more_room_than_there_are_blocks():
    ledger = in_force(sentence_s=60)
    ledger.apply(promise(block=2, subject=Subject("srcip", "203.0.113.8")))
    for number in range(20_000):
        ledger.apply(Prolonged(1, 2, at(0).wall_s, 600 + number, at(600 + number).boot_s))
    assert len(ledger._releases._queues["firewall-drop"]._entries) <= 1001
    assert len(ledger._additions._queues["firewall-drop"]._entries) <= 1001


def test_only_releases_are_taken_when_that_is_asked_for():
    ledger = in_force(sentence_s=60)
    ledger.apply(promise(block=2, seconds=59, subject=Subject("srcip", "203.0.113.8")))
    assert [action.verb for action in ledger.take_due(at(61), releases_only=True)] == ["delete"]
    assert due(ledger, 61) == [("add", 2)]


@pytest.mark.parametrize("then", ["prolonged", "ended by hand"])
def test_whatever_happens_to_a_new_block_it_waits_for_the_script_of_the_former_one(then):
    ledger = in_force(sentence_s=60)
    (delete,) = ledger.take_due(at(60))
    ledger.apply(promise(block=2, seconds=61, offence=2))
    if then == "prolonged":
        ledger.apply(Prolonged(2, 3, at(62).wall_s, 600, at(662).boot_s))
    else:
        ledger.apply(Ended(2, at(62).wall_s))
    assert due(ledger, 63) == []
    finish(ledger, delete, worked=True, seconds=64)
    assert due(ledger, 64) == [("add" if then == "prolonged" else "delete", 2)]


def test_what_was_prolonged_in_this_boot_ends_by_this_boots_clock_after_a_restart():
    ledger = Ledger()
    for record in [
        Opened("boot-a", *at(0)),
        promise(sentence_s=600),
        Opened("boot-b", at(300).wall_s, 10.0),
        Prolonged(1, 2, at(300).wall_s, 600, 610.0),
        Added(1),
    ]:
        ledger.apply(record)
    assert ledger.rearm(Moment(at(800).wall_s, 20.0), "boot-b") is False, "the wall clock was stepped by 500 s"
    assert next(iter(ledger.blocks.values())).ends_boot_s == 610.0


@pytest.mark.parametrize("wall_s", [1_000_100.0, 1_000_700.0, 5.0], ids=["later", "overdue", "without a clock"])
def test_that_a_boot_has_begun_is_all_it_takes_to_carry_blocks_over(wall_s):
    records = [
        Opened("boot-a", *at(0)),
        promise(sentence_s=600),
        Added(1),
        promise(2, sentence_s=0)._replace(subject=Subject("srcip", "192.0.2.2")),
        promise(3, sentence_s=60)._replace(subject=Subject("srcip", "192.0.2.3")),
        Ended(3, at(10).wall_s),
    ]
    now = Moment(wall_s, 20.0)
    ledger = Ledger.remembered(records)
    assert not ledger.rearm(now, "boot-b")
    again = Ledger.remembered([*records, Opened("boot-b", *now)])
    assert not again.rearm(Moment(2e9, 20.0), "boot-b"), "from then on the boot clock counts"
    assert state_of(again) == state_of(ledger)
    assert [block.ends_boot_s for block in again.blocks.values()] == [
        block.ends_boot_s for block in ledger.blocks.values()
    ]


def test_an_offender_is_forgotten_a_week_after_the_last_block_ended():
    ledger = Ledger("boot-a")
    ledger.apply(Offended(*KEY, 3, at(0).wall_s))
    assert ledger.offences(KEY, at(WEEK_S), WEEK_S) == 3
    assert ledger.offences(KEY, at(WEEK_S + 1), WEEK_S) == 0


def test_an_offender_is_not_forgotten_while_blocked():
    ledger = in_force(sentence_s=0)
    assert ledger.offences(KEY, at(10 * WEEK_S), WEEK_S) == 1


def test_forgetting_drops_the_stale_and_then_the_longest_quiet():
    ledger = Ledger("boot-a")
    for number, last_s in enumerate((0.0, 100.0, 200.0, 300.0)):
        ledger.apply(Offended("firewall-drop", Subject("srcip", f"192.0.2.{number}"), 1, at(last_s).wall_s))
    dropped = ledger.forget(at(WEEK_S + 50), WEEK_S, offenders_max=2)
    assert dropped == 1
    assert [subject.value for _, subject in ledger.offenders] == ["192.0.2.2", "192.0.2.3"]


@pytest.mark.parametrize("last", [[], [Added(1)]], ids=["promised", "in force"])
def test_after_a_restart_in_the_same_boot_the_boot_clock_goes_on(last):
    ledger = Ledger()
    for record in [Opened("boot-a", *at(0)), promise(sentence_s=60), *last]:
        ledger.apply(record)
    ledger.rearm(at(30, wall=5_000_000.0), "boot-a")
    assert due(ledger, 30) == ([] if last else [("add", 1)])
    if last:
        assert due(ledger, 59) == []
        assert due(ledger, 60) == [("delete", 1)]


def test_what_is_overdue_at_a_restart_is_released_first():
    ledger = Ledger()
    other = Subject("srcip", "203.0.113.8")
    records = [
        Opened("boot-a", *at(0)),
        promise(block=1, sentence_s=600),
        promise(block=2, sentence_s=60, subject=other),
        Added(2),
    ]
    for record in records:
        ledger.apply(record)
    ledger.rearm(at(100), "boot-a")
    assert due(ledger, 100) == [("delete", 2), ("add", 1)]


def test_hushed_nothing_is_due_but_what_changes_from_then_on():
    ledger = Ledger()
    for record in [Opened("boot-a", *at(0)), promise(), promise(2, subject=Subject("srcip", "203.0.113.8"))]:
        ledger.apply(record)
    ledger.rearm(at(1000), "boot-a")
    ledger.hush()
    assert (due(ledger, 1000), ledger.next_wake_s()) == ([], None)
    ledger.apply(Ended(2, at(1000).wall_s))
    assert due(ledger, 1000) == [("delete", 2)]


def test_after_a_reboot_the_wall_clock_counts_and_the_script_runs_again():
    ledger = Ledger()
    for record in [Opened("boot-a", *at(0)), promise(sentence_s=600), Added(1)]:
        ledger.apply(record)
    ledger.rearm(Moment(at(400).wall_s, 20.0), "boot-b")
    (action,) = ledger.take_due(Moment(at(400).wall_s, 20.0))
    assert action.verb == "add"
    assert action.block.ends_boot_s == 220.0


def test_after_a_reboot_without_a_clock_no_block_outlasts_its_full_sentence_from_boot():
    ledger = Ledger()
    for record in [Opened("boot-a", *at(0)), promise(sentence_s=600), Added(1)]:
        ledger.apply(record)
    ledger.rearm(Moment(0.0, 20.0), "boot-b")
    (block,) = ledger.blocks.values()
    assert block.ends_boot_s == 600.0


def test_a_command_that_was_run_is_not_run_again_after_a_restart():
    ledger = Ledger()
    ledger.apply(Ran(7, "email-alert", SUBJECT, at(0).wall_s))
    ledger.rearm(at(1), "boot-a")
    assert due(ledger, 1) == []
    assert ledger.next_id() == 8


STEPS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "seconds": st.integers(0, 50).map(float),
                "sentence_s": st.sampled_from([0, 5, 60]),
                "offence": st.integers(1, 4),
                "subject": st.sampled_from([SUBJECT, Subject("srcip", "203.0.113.8")]),
                "user": st.sampled_from(["-", "alice"]),
            }
        ),
        st.builds(Prolonged, st.integers(1, 5), st.integers(2, 5), st.just(at(9).wall_s), st.just(60), st.just(199.0)),
        st.builds(Added, st.integers(1, 5)),
        st.builds(Ended, st.integers(1, 5), st.just(at(9).wall_s)),
        st.builds(Released, st.integers(1, 5), st.just(at(9).wall_s)),
    ),
    max_size=25,
)
# No two promises of one journal have the same number.
RECORDS = STEPS.map(lambda steps: [promise(block=n, **s) if isinstance(s, dict) else s for n, s in enumerate(steps, 1)])


def state_of(ledger):
    blocks = {
        number: (b.key, b.offence, b.at_s, b.sentence_s, b.ends_boot_s, b.state, b.arguments)
        for number, b in ledger.blocks.items()
    }
    return blocks, ledger.offenders


@given(RECORDS)
def test_a_snapshot_leads_to_the_same_ledger(records):
    ledger = Ledger("boot-a")
    for record in records:
        ledger.apply(record)
    again = Ledger()
    for record in ledger.snapshot(at(60), WEEK_S):
        again.apply(record)
    assert state_of(again) == state_of(ledger)
    assert again.boot_id == "boot-a"


@given(RECORDS)
def test_whatever_happened_every_timed_block_comes_to_its_release(records):
    ledger = Ledger("boot-a")
    for record in records:
        ledger.apply(record)
    ledger.rearm(at(60), "boot-a")
    seconds = 60.0
    for _ in range(200):
        actions = list(ledger.take_due(at(seconds)))
        for action in actions:
            finish(ledger, action, worked=True, seconds=seconds)
        wake = ledger.next_wake_s()
        if wake is None:
            break
        seconds = max(seconds, wake - 100.0)
    assert all(block.ends_boot_s is None and block.state is State.IN_FORCE for block in ledger.blocks.values())


def test_of_the_shortest_sentences_the_oldest_block_makes_room():
    ledger = Ledger("boot-a")
    for number, (sentence_s, at_s) in enumerate([(600, 1), (60, 3), (60, 2), (0, 0), (60, 4)], 1):
        subject = Subject("srcip", f"203.0.113.{number}")
        end_s = 100.0 + sentence_s if sentence_s else None
        ledger.apply(promise(number)._replace(subject=subject, sentence_s=sentence_s, at_s=at_s, ends_boot_s=end_s))
    gave_way = []
    while (block := ledger.first_to_make_room()) is not None:
        gave_way.append(block.id)
        ledger.apply(Ended(block.id, 5.0))
    assert gave_way == [3, 2, 5, 1], "a block for good never does"


def test_in_the_same_boot_no_block_outlasts_its_full_sentence_even_if_the_boot_clock_went_back():
    """A container that was moved, or restored from a snapshot, keeps the boot's id and has another clock."""
    ledger = Ledger.remembered([Opened("boot-a", *at(0)), promise(sentence_s=60), Added(1)])
    assert ledger.rearm(at(-50), "boot-a"), "the new end is to be written down"
    assert due(ledger, 9) == []
    assert due(ledger, 10) == [("delete", 1)]


# ── whether a block is known to stand, which a script that asks is told ──────────────────────────────────────


def test_a_new_block_does_not_stand_before_its_script_has_succeeded():
    ledger = Ledger("boot-a")
    ledger.apply(promise())
    (action,) = ledger.take_due(at(0))
    assert not action.block.stands
    finish(ledger, action, worked=False, seconds=0)
    assert not ledger.block_of(KEY).stands
    (again,) = ledger.take_due(at(1))
    finish(ledger, again, worked=True, seconds=1)
    assert ledger.block_of(KEY).stands


def prolonged(ledger):
    ledger.apply(Prolonged(1, 2, at(10).wall_s, 600, 710.0))
    return ledger.block_of(KEY)


def test_a_prolonged_block_stands_until_its_script_fails_at_it():
    ledger = in_force()
    assert prolonged(ledger).stands
    (action,) = ledger.take_due(at(10))
    finish(ledger, action, worked=False, seconds=10)
    assert not ledger.block_of(KEY).stands, "nobody knows what a script that failed has left"


def test_a_block_that_was_prolonged_while_its_script_ran_stands_if_that_worked():
    ledger = Ledger("boot-a")
    ledger.apply(promise())
    (action,) = ledger.take_due(at(0))
    assert not prolonged(ledger).stands
    finish(ledger, action, worked=True, seconds=0.1)
    assert ledger.block_of(KEY).stands


def test_a_block_that_was_flushed_does_not_stand():
    ledger = in_force()
    ledger.put_back(ledger.block_of(KEY))
    assert not ledger.block_of(KEY).stands


def test_a_block_stands_until_its_release_begins_and_its_successor_with_it():
    ledger = in_force()
    ledger.apply(Ended(1, at(1).wall_s))
    assert ledger.block_of(KEY).stands
    ledger.apply(promise(2, seconds=2))
    assert ledger.block_of(KEY).stands, "the former one was never released"
    ledger.apply(Ended(2, at(3).wall_s))
    (release,) = ledger.take_due(at(3))
    assert not release.block.stands
    ledger.apply(promise(3, seconds=4))
    assert not ledger.block_of(KEY).stands
    finish(ledger, release, worked=False, seconds=4)
    assert not ledger.block_of(KEY).stands, "the release may have done its work before it failed"


def test_another_script_does_not_take_over_what_stands():
    ledger = in_force()
    ledger.apply(Ended(1, at(1).wall_s))
    ledger.apply(promise(2, seconds=2)._replace(executable="other.sh"))
    assert not ledger.block_of(KEY).stands


@pytest.mark.parametrize(
    ("last", "boot", "stands"),
    [
        (Added(1), "boot-a", True),
        (Added(1), "boot-b", False),
        (Prolonged(1, 2, at(10).wall_s, 600, 710.0), "boot-a", False),
        (Ended(1, at(1).wall_s), "boot-a", False),
    ],
)
def test_after_a_restart_only_what_is_in_force_on_record_stands(last, boot, stands):
    ledger = Ledger.remembered([Opened("boot-a", *at(0)), promise(), Added(1), last])
    ledger.rearm(at(20), boot)
    assert ledger.block_of(KEY).stands == stands


def test_blocks_of_two_contracts_do_not_go_into_one_batch():
    ledger = Ledger("boot-a")
    ledger.apply(promise())
    ledger.apply(promise(2, subject=Subject("srcip", "203.0.113.8"))._replace(contract="wazuh4"))
    first, second = (action.block for action in ledger.take_due(at(0)))
    assert not first.goes_with(second)


# ── a new block on a key whose former block did something else ───────────────────────────────────────────────


def test_what_a_former_block_did_is_undone_before_a_new_one_does_something_else():
    ledger = Ledger("boot-a")
    ledger.apply(promise(user="alice"))
    (add,) = ledger.take_due(at(0))
    finish(ledger, add, worked=True, seconds=0)
    ledger.apply(Ended(1, at(1).wall_s))
    ledger.apply(promise(2, seconds=2, user="bob"))
    (release,) = ledger.take_due(at(2))
    assert (release.verb, release.block.id, release.block.arguments.user) == ("delete", 1, "alice")
    assert finish(ledger, release, worked=True, seconds=3) == Released(1, at(3).wall_s)
    assert due(ledger, 3) == [("add", 2)]
    assert ledger.offenders[KEY].last_end_s == 0, "a block of it is in force"


@pytest.mark.parametrize("other", [{"executable": "new.sh"}, {"contract": "wazuh4"}, {"extra_args": ("-x",)}])
def test_a_release_is_finished_by_the_script_and_in_the_way_that_the_block_was_made(other):
    records = [Opened("boot-a", *at(0)), promise(), Added(1), promise(2, seconds=90)._replace(**other)]
    ledger = Ledger.remembered(records)
    ledger.rearm(at(91), "boot-a")
    (release,) = ledger.take_due(at(91))
    assert (release.verb, release.block.promise()) == ("delete", promise())
    finish(ledger, release, worked=True, seconds=92)
    assert due(ledger, 92) == [("add", 2)]


def test_a_release_that_fails_keeps_no_new_block_out_and_that_one_is_put_in_force_again_after_it():
    ledger = Ledger("boot-a")
    ledger.apply(promise())
    ledger.apply(Ended(1, at(1).wall_s))
    (release,) = ledger.take_due(at(1))
    ledger.apply(promise(2, seconds=2)._replace(executable="new.sh"))
    assert due(ledger, 2) == [], "two scripts never run for one key at once"
    finish(ledger, release, worked=False, seconds=3)
    (add,) = ledger.take_due(at(3))
    assert (add.verb, add.block.id) == ("add", 2)
    assert due(ledger, 10) == []
    finish(ledger, add, worked=True, seconds=10)
    (release,) = ledger.take_due(at(10))
    assert (release.verb, release.block.id) == ("delete", 1)
    finish(ledger, release, worked=True, seconds=11)
    assert not ledger.blocks[2].stands
    assert due(ledger, 11) == [("add", 2)]


def test_a_failing_release_and_a_failing_block_of_one_key_both_pause():
    ledger = Ledger("boot-a")
    ledger.apply(promise(sentence_s=0))
    ledger.apply(Ended(1, at(1).wall_s))
    ledger.apply(promise(2, seconds=2, sentence_s=0)._replace(executable="new.sh"))
    runs, seconds = 0, 2.0
    while seconds < 300:
        for action in ledger.take_due(at(seconds)):
            runs += 1
            finish(ledger, action, worked=False, seconds=seconds)
        seconds = ledger.next_wake_s() - 100.0
    assert runs < 30


def test_the_same_block_again_leaves_nothing_of_the_former_one_to_undo():
    ledger = in_force()
    ledger.apply(Ended(1, at(1).wall_s))
    ledger.apply(promise(2, seconds=2, user="bob"))
    ledger.apply(Ended(2, at(3).wall_s))
    ledger.apply(promise(3, seconds=4))
    assert list(ledger.blocks) == [2, 3]
    assert due(ledger, 4) == [("delete", 2)]


def test_a_snapshot_holds_the_releases_of_former_blocks_and_later_counts():
    ledger = Ledger("boot-a")
    ledger.apply(promise())
    ledger.apply(promise(2, seconds=2, offence=2)._replace(executable="new.sh"))
    again = Ledger.remembered(ledger.snapshot(at(3), WEEK_S))
    assert state_of(again) == state_of(ledger)
    ledger.apply(Released(2, at(70).wall_s))
    again = Ledger.remembered(ledger.snapshot(at(71), WEEK_S))
    assert list(again.blocks) == [1]
    assert again.offences(KEY, at(71), WEEK_S) == 2


# ── a wall clock that is set between the promise and a reboot ───────────────────────────────────────────────


@pytest.mark.parametrize("set_by_s", [1.7e9, -500_000.0], ids=["from 1970 on", "back"])
@pytest.mark.parametrize("is_snapshot", [False, True])
def test_a_block_lasts_as_long_as_promised_though_the_clock_was_set_before_the_reboot(set_by_s, is_snapshot):
    right = at(100)._replace(wall_s=at(100).wall_s + set_by_s)
    records = [Opened("boot-a", *at(0)), promise(sentence_s=600), Added(1), Opened("boot-a", *right)]
    if is_snapshot:
        records = list(Ledger.remembered(records).snapshot(right, WEEK_S))
    ledger = Ledger.remembered(records)
    ledger.rearm(Moment(right.wall_s + 200, 20.0), "boot-b")
    assert ledger.blocks[1].ends_boot_s == pytest.approx(20 + 600 - 100 - 200)


def test_a_clock_is_known_until_it_is_set():
    ledger = Ledger("boot-a")
    assert not ledger.knows_clock(at(0))
    ledger.apply(Opened("boot-a", *at(0)))
    assert ledger.knows_clock(at(1000, wall=1_000_000.9)), "slewed a little"
    assert not ledger.knows_clock(at(1000, wall=1_000_001.1))
    assert not ledger.knows_clock(at(1000, wall=0))


def test_a_block_by_hand_revives_no_offences_that_were_forgotten():
    ledger = Ledger("boot-a")
    ledger.apply(Offended(*KEY, 3, at(0).wall_s))
    late = at(WEEK_S + 1)
    by_hand = ledger.offences(KEY, late, WEEK_S)
    ledger.apply(promise(seconds=WEEK_S + 1, offence=by_hand))
    assert ledger.offences(KEY, late, WEEK_S) == 0
    again = Ledger.remembered(ledger.snapshot(late, WEEK_S))
    assert again.offences(KEY, late, WEEK_S) == 0


# ── who makes room ───────────────────────────────────────────────────────────────────────────────────────────


def many(number):
    """Return a ledger of so many blocks; the sentence of each is as many minutes as its number says."""
    ledger = Ledger("boot-a")
    for n in range(1, number + 1):
        ledger.apply(promise(n, sentence_s=60 * n, subject=Subject("srcip", f"203.0.113.{n}")))
    return ledger


def test_who_makes_room_is_asked_anew_each_time():
    ledger = many(3)
    assert ledger.first_to_make_room().id == 1
    assert ledger.first_to_make_room().id == 1, "it has not given way yet"
    ledger.apply(Prolonged(1, 2, at(1).wall_s, 9000, at(9001).boot_s))
    assert ledger.first_to_make_room().id == 2
    ledger.apply(promise(4, sentence_s=30, subject=Subject("srcip", "203.0.113.4")))
    assert ledger.first_to_make_room().id == 4
    ledger.apply(Prolonged(1, 3, at(2).wall_s, 20, at(22).boot_s))
    assert ledger.first_to_make_room().id == 1


def test_finding_none_that_makes_room_goes_through_the_blocks_once(monkeypatch):
    ledger = many(100)
    for n in range(1, 101):
        ledger.apply(Ended(n, at(1).wall_s))
    assert ledger.first_to_make_room() is None
    monkeypatch.setattr("ar.policy.giving_way.GivingWay._begin", pytest.fail)
    assert ledger.first_to_make_room() is None


def test_the_order_of_giving_way_takes_no_more_room_than_there_are_blocks():
    ledger = many(2)
    assert ledger.first_to_make_room().id == 1
    for number in range(5000):
        ledger.apply(Prolonged(2, 2, at(0).wall_s, 600 + number, at(600 + number).boot_s))
    assert len(ledger._giving_way._entries) <= 1004
