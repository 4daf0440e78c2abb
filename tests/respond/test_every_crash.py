"""The agent is ended at every single step between a line of the log and the disk, and started again.

Whatever it was doing, while blocks give way or what somebody flushed is put back: nothing is in the firewall that no
promise on disk speaks of, nothing stays there after its end, nothing is released before it, and no offence that was
acted on is forgotten.
"""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

import pytest
from crashworld import (
    EXPIRES_LATER_S,
    JOURNAL,
    LOSSES,
    Clock,
    CrashError,
    FaultDisk,
    FaultScripts,
    Loss,
    Steps,
    element_of,
)

from ar.errors import Place
from ar.model import Alert, Command, Levels, Moment, Response
from ar.policy.allowlist import Allowlist
from ar.policy.bind import Bindings
from ar.policy.block import Block, State
from ar.policy.ledger import Ledger
from ar.policy.policy import Policy, Terms
from ar.policy.records import Ended
from ar.policy.tasks import Task
from ar.respond.blocks import Blocks, restored
from ar.respond.codec import decode
from ar.respond.journal import Journal

HERE = Place("etc/ossec.conf", 1)
DROP = Command("drop", "drop.sh", frozenset({"srcip", "user"}), timeout_allowed=True, place=HERE)
RESPONSE = Response(DROP, Levels(least=1), (), frozenset(), 10, (20, 40), HERE)
TERMS = Terms(settle_s=2, forget_after_s=86400, ipv6_prefix=128, blocks_max=1000)
BLOCKS_MOST = 2  # where those that are too many give way
A, B, C, D = (f"203.0.113.{number}" for number in range(1, 5))
# second: who offends. Some are blocked anew, some while they are blocked; C's first add and D's first delete fail.
OFFENCES: Dict[int, Tuple[str, ...]] = {
    1: (A, B), 2: (C, D), 5: (A,), 6: (B, D), 20: (C,), 26: (A, B, C, D), 27: (D,), 70: (A,), 71: (A, B),
}  # fmt: skip
# D comes as another user while its first release, which failed, is still to be done.
USERS = {D: ((0, "alice"), (26, "bob"))}
ENDED_BY_HAND = {8: B, 30: C, 72: A}
FLUSHED = (7, 28)  # when somebody empties the firewall, and asks the agent to put back what is missing
FULL_S = range(19, 25)  # when the disk takes nothing, so that C is blocked without a promise
EMERGENCY_S = 4
NOTHING = Ledger()
QUIET_S = 200  # by then every block has ended


class Story:
    """One life of a host: what happens each second, and what must be true after it."""

    def __init__(self, *, batch: bool, blocks_max: int = TERMS.blocks_max, fills: bool = False) -> None:
        self.clock = Clock()
        self.steps = Steps()
        self.disk = FaultDisk(self.steps)
        self.firewall: Dict[str, float] = {}
        self.batch = batch
        self.fails = {("add", C): 1, ("delete", D): 1}
        self.told_to_abort = 0
        self.gave_way = self.unpromised = 0
        self.fills = fills
        self.steps_before: Dict[int, int] = {}  # second: how many steps had been taken before it
        self.terms = replace(TERMS, blocks_max=blocks_max)
        self.ended_by_hand: Set[int] = set()
        self.start()

    def start(self) -> None:
        self.scripts = FaultScripts(self.steps, self.firewall, self.is_promised, self.clock, batch=self.batch)
        self.scripts.fails = self.fails
        self.journal = Journal(JOURNAL, self.disk)
        self.said: List[str] = []
        self.ledger = restored(
            self.journal, self.clock.now(), self.clock.boot_id, lambda _, text: self.said.append(text)
        )
        self.blocks = Blocks(
            self.ledger, self.journal, self.scripts,
            log=lambda _, text: self.said.append(text), rule_words=lambda _: (0, ""), on_finished=lambda _: None,
        )  # fmt: skip
        self.blocks.emergency_block_s = EMERGENCY_S if self.fills else 0
        self.policy = Policy(Bindings([RESPONSE]), Allowlist([], []), self.ledger, self.terms)

    def live(self) -> None:
        """Go on from where the clock stands to the end, checking each second."""
        while self.clock.story_s < QUIET_S:
            self.clock.story_s += 1
            self.steps_before[int(self.clock.story_s)] = len(self.steps.taken)
            self.second()
            self.nothing_is_wrong()
        assert self.firewall == {}
        assert self.ledger.blocks == {}

    def second(self) -> None:
        now = self.clock.now()
        self.disk.is_full = self.fills and self.clock.story_s in FULL_S
        for address in [address for address, until_s in self.firewall.items() if until_s <= self.clock.story_s]:
            del self.firewall[address]
        if self.clock.story_s in FLUSHED:
            self.firewall.clear()
            self.blocks.reconciler.ask_about_all(is_wanted=True)
        for address in OFFENCES.get(int(self.clock.story_s), ()):
            for ruling in self.policy.rule_on(alert(address, now.wall_s, self.user_of(address)), now):
                if ruling.record is not None:
                    assert self.blocks.take(ruling, self.policy, now) or ruling.makes_room or self.disk.is_full
                    self.gave_way += ruling.makes_room
        address = ENDED_BY_HAND.get(int(self.clock.story_s), "")
        for block in self.ledger.of_subject(address):
            self.ended_by_hand.add(block.id)
            self.blocks.end(block, now)
        self.blocks.work(now)
        while self.scripts.running:
            self.blocks.collect(now)
        self.blocks.compact_when_grown(now, TERMS.forget_after_s, 1000)

    def user_of(self, address: str) -> Optional[str]:
        return next((user for since_s, user in reversed(USERS.get(address, ())) if self.clock.story_s >= since_s), None)

    def crash(self, loss: Loss) -> None:
        """End the agent here, lose what the loss loses, and start it again."""
        self.steps.crash_at = None
        before = self.ledger
        safe = on_disk(self.disk)
        ended = ended_in(self.disk.written())
        if loss.scripts_go_on:
            self.scripts.end_without_the_agent()
        self.disk.lose(loss)
        if loss.power_cut:
            self.clock.reboot()
            if not loss.firewall_kept:
                self.firewall.clear()
        self.start()
        self.counts_are_kept(safe, before)
        if self.clock.story_s in FLUSHED:
            self.blocks.reconciler.ask_about_all(is_wanted=True)
        self.blocks.work(self.clock.now())
        while self.scripts.running:
            self.blocks.collect(self.clock.now())
        self.nothing_is_wrong(safe, before, ended)

    # ── what must be true ──────────────────────────────────────────────────────────────────────────────────

    def is_promised(self, task: Task) -> None:
        """Nothing runs that a power cut in this moment would forget, nor is told to abort what is not in force."""
        if task.verb == "present":
            return
        if "AR_MUST_EXPIRE" in task.environment:
            self.unpromised += 1
            return
        safe = on_disk(self.disk)
        if task.notice is not None and task.notice.stands:
            assert element_of(task.actions[0].block) in self.firewall
            self.told_to_abort += 1
        for action in task.actions:
            if task.verb == "add":
                assert action.block.id in safe.blocks
                assert safe.blocks[action.block.id].offence == action.block.offence
            elif action.block.id not in self.ended_by_hand | ended_in(self.disk.written()):
                assert ends_wall_s(action.block, self.clock.now()) <= self.clock.now().wall_s, "released too early"

    def nothing_is_wrong(
        self, safe: Ledger = NOTHING, before: Ledger = NOTHING, ended: FrozenSet[int] = frozenset()
    ) -> None:
        now = self.clock.now()
        in_ledger = {element_of(block): block for block in self.ledger.blocks.values()}
        for element, until_s in self.firewall.items():
            if self.unpromised and until_s <= self.clock.story_s + EMERGENCY_S + EXPIRES_LATER_S:
                continue  # the firewall ends it, whatever is known of it
            assert element in in_ledger, f"{element} is in the firewall, and nothing will ever release it"
            block = in_ledger[element]
            assert block.left_s(now) or block.failures, f"{element} is in the firewall after its end"
        for block in self.ledger.blocks.values():
            promised_end_s = block.at_s + block.sentence_s
            assert ends_wall_s(block, now) == pytest.approx(promised_end_s, abs=0.001), "its end was moved"
            if block.state is State.IN_FORCE:
                assert element_of(block) in self.firewall, f"{block.subject} is not in force"
        for number, block in safe.blocks.items():  # what was promised before a crash, and nobody ended
            wanted = before.blocks.get(number)
            ends_s = block.at_s + block.sentence_s
            is_ended = block.id in ended or ENDED_BY_HAND.get(int(self.clock.story_s)) == block.subject.value
            if wanted is not None and wanted.state is not State.RELEASING and now.wall_s < ends_s and not is_ended:
                waits = number in self.ledger.blocks and self.ledger.blocks[number].failures
                assert element_of(block) in self.firewall or waits, f"{block.subject} was released too early"

    def counts_are_kept(self, safe: Ledger, before: Ledger) -> None:
        """At most the record that was being written when the crash came is counted besides."""
        for key, offender in safe.offenders.items():
            assert key in self.ledger.offenders, f"{key} is forgotten"
            known = before.offenders[key].offences if key in before.offenders else 0
            assert offender.offences <= self.ledger.offenders[key].offences <= known + 1


def ends_wall_s(block: Block, now: Moment) -> float:
    """Return when a block ends, on the wall clock, which nobody steps in this story."""
    assert block.ends_boot_s is not None
    return now.wall_s + block.ends_boot_s - now.boot_s


def alert(address: str, at_s: float, user: Optional[str]) -> Alert:
    source = ipaddress.ip_address(address)
    return Alert(f"{int(at_s)}.1", at_s, 5712, 10, (), "", "/var/log/auth.log", srcip=source, user=user)


def on_disk(disk: FaultDisk) -> Ledger:
    """Return the ledger that the journal leads to if the power fails in this moment."""
    lines = disk.on_platter().split(b"\n")[:-1]
    return Ledger.remembered(map(decode, lines))


def ended_in(content: bytes) -> FrozenSet[int]:
    """Return the blocks of which the journal says that they were ended before their time."""
    return frozenset(r.block for r in map(decode, content.split(b"\n")[:-1]) if isinstance(r, Ended))


def each_crash(*, loss: Loss, seconds: range = range(1, QUIET_S), **of_story: Any) -> Iterator[str]:
    """Live the story again and again, each time with a crash one step later; yield what the step was.

    Only the crashes in those seconds of the story are tried.
    """
    rehearsal = Story(**of_story)
    rehearsal.live()
    steps = range(rehearsal.steps_before[seconds.start], rehearsal.steps_before[seconds.stop])
    for number in steps:
        story = Story(**of_story)
        story.steps.crash_at = number + 1
        with pytest.raises(CrashError) as crash:
            story.live()
        story.crash(loss)
        story.live()
        yield str(crash.value)


@pytest.fixture(autouse=True)
def small_journal(monkeypatch):
    """Have the journal replaced by a snapshot several times within the story."""
    monkeypatch.setattr("ar.respond.journal.COMPACT_AT_BYTES", 1500)


@pytest.mark.parametrize("batch", [False, True], ids=["one by one", "in batches"])
def test_without_a_crash_the_story_ends_well_and_meets_every_kind_of_step(batch):
    story = Story(batch=batch)
    story.live()
    assert {key[1].value: offender.offences for key, offender in story.ledger.offenders.items()} == {
        A: 4, B: 4, C: 3, D: 3,
    }  # fmt: skip
    assert story.told_to_abort > 0
    kinds = set(story.steps.taken)
    assert {"in a write", "before a sync", "after a sync", "after a rename", "before a sync of var/"} <= kinds
    assert {"before present starts", "after present ended"} <= kinds
    assert story.blocks.reconciler.counts["put_back"] > 0
    assert {f"{when} {verb} takes effect" for when in ("before",) for verb in ("add", "delete")} <= kinds
    assert {
        f"after {verb} {what}" for verb in ("add", "delete") for what in ("started", "took effect", "ended")
    } <= kinds


@pytest.mark.parametrize("batch", [False, True], ids=["one by one", "in batches"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_at_whatever_step_the_agent_is_ended_every_promise_is_kept(batch, loss):
    crashes = list(each_crash(loss=loss, batch=batch))
    assert len(crashes) > 150


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_at_whatever_step_it_is_ended_while_blocks_give_way_every_promise_is_kept(loss):
    story = Story(batch=True, blocks_max=BLOCKS_MOST)
    story.live()
    assert story.gave_way > 0
    crashes = each_crash(loss=loss, seconds=range(1, 9), batch=True, blocks_max=BLOCKS_MOST)
    assert len(list(crashes)) > 50


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_at_whatever_step_it_is_ended_around_a_full_disk_what_is_not_promised_expires(loss):
    story = Story(batch=True, fills=True)
    story.live()
    assert story.unpromised > 0
    crashes = each_crash(loss=loss, seconds=range(FULL_S.start - 1, FULL_S.stop + 8), batch=True, fills=True)
    assert len(list(crashes)) > 50


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_crash_while_it_starts_after_a_crash_is_no_different(loss):
    """The first crash comes in the middle of a snapshot; the second at every step of the start after it."""
    number = 0
    while True:
        number += 1
        story = Story(batch=True)
        story.steps.crash_at = story_until(story, "after a rename")
        try:
            story.live()
        except CrashError:
            story.steps.crash_at = None
        story.disk.lose(loss)
        story.steps.crash_at = len(story.steps.taken) + number
        try:
            story.start()
        except CrashError:
            story.crash(loss)
            story.live()
        else:
            break
    assert number > 3


def story_until(story: Story, what: str) -> int:
    """Return the number of the first step of that kind."""
    rehearsal = Story(batch=story.batch)
    rehearsal.live()
    return rehearsal.steps.taken.index(what) + 1
