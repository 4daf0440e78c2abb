"""A soak: an agent under continuous offences is ended with kill -9 again and again, and must always unblock.

Three witnesses write down what happens, each on the boot clock and none of them the agent: `Firewall` (what
nftables and iptables hold, from `nft monitor`), `Promises` (each record of the journal, over its snapshots), and
the soak itself (when an agent lived). `judge` holds them against each other when all is over.

Each address is blocked by two commands, nftables-drop and iptables-drop. What nft expires by itself is announced
by nobody, so a block counts as released only where the agent's own script took it out; iptables never expires.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from itertools import dropwhile
from typing import Dict, Iterator, List, NamedTuple, Tuple

import netns
import psutil
from world import Agent, iptables_rules, make_home, nft_elements, wait_for

from ar.policy.ledger import Ledger
from ar.policy.records import Added, Offended, Prolonged, Promised, Released
from ar.respond import clock
from ar.respond.codec import decode
from ar.respond.journal import read

ADDRESSES = [f"198.51.100.{number}" for number in range(1, 41)]
OFFENCE_EVERY_S = 0.08
PAUSE_S = (3.5, 4.5)  # longer than any block
PATIENCE_S = 1.2  # an agent that lived this long within a block's time has had the time to put it in force
ROUNDING_S = 0.01  # the journal writes milliseconds

_LINE = "{stamp} host sshd[99]: Failed password for root from {address} port 4242 ssh2\n"
_RESPONSE = (
    "<command><name>{name}</name><executable>{name}.sh</executable><expect>srcip</expect></command>"
    "<active-response><command>{name}</command><location>local</location><rules_id>5716</rules_id>"
    "<timeout>{timeout}</timeout><repeated_offenders>{steps}</repeated_offenders></active-response>"
)

Key = Tuple[str, str]  # a command and an address


class Seen(NamedTuple):
    """One change of the firewall: an address came in or went out."""

    boot_s: float
    key: Key
    inside: bool


class Term(NamedTuple):
    """What the journal promised of a block from `from_s` on: that it ends at `ends_s`."""

    from_s: float
    ends_s: float


class Block:
    """What the journal said of one block."""

    def __init__(self, key: Key, term: Term) -> None:
        self.key = key
        self.terms = [term]
        self.added = self.released = False

    @property
    def from_s(self) -> float:
        return self.terms[0].from_s

    @property
    def ends_s(self) -> float:
        return self.terms[-1].ends_s

    def ends_at(self, boot_s: float) -> float:
        """Return the end as it was promised by then."""
        return max(term.ends_s for term in self.terms if term.from_s <= boot_s)

    def is_of_the_one_before(self, seen: Seen) -> bool:
        """Tell a release that had begun when this block was promised, so that it is seen after that."""
        return not seen.inside and seen.boot_s < self.ends_at(seen.boot_s)


class Report(NamedTuple):
    """What came of a soak; each list holds a sentence for each fault."""

    seed: int
    kills: int
    blocks: int
    releases: int
    overdue: int  # blocks whose time was over before an agent had lived long enough to put them in force
    seconds: float
    leaked: List[str]
    lost: List[str]
    early: List[str]  # released before their end
    miscounted: List[str]

    def __str__(self) -> str:
        return (
            f"soak: {self.kills} kills, {self.blocks} blocks ({self.overdue} overdue before they began), "
            f"{self.releases} releases, {len(self.leaked)} leaked, {len(self.lost)} lost, {len(self.early)} early, "
            f"{len(self.miscounted)} miscounted, {self.seconds:.0f} seconds (seed {self.seed})"
        )

    @property
    def faults(self) -> List[str]:
        return self.leaked + self.lost + self.early + self.miscounted


class Firewall:
    """Writes down each change of what the scripts block, as the kernel announces it."""

    _ELEMENT = re.compile(r"(add|delete) element inet ar_agent blocked4 \{ ([0-9.]+)")
    _RULE_IN = re.compile(r"add rule ip filter OSSEC_AR ip saddr ([0-9.]+) .*# handle (\d+)")
    _RULE_OUT = re.compile(r"delete rule ip filter OSSEC_AR handle (\d+)")

    def __init__(self, namespace: netns.Namespace) -> None:
        self.seen: List[Seen] = []
        self.gaps = False
        self._namespace = namespace
        self._lines = 0
        self._handles: Dict[str, str] = {}
        self._pending: Dict[Key, bool] = {}
        self._monitor = namespace.start(["nft", "--handle", "monitor"], stdout=-1, stderr=-2, text=True)
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()
        wait_for(self._announces, "nft monitor to begin")

    def catch_up(self) -> None:
        """Return when all that has happened so far is written down."""
        before = self._lines
        wait_for(lambda: self._announces(before), "nft monitor to catch up")

    def close(self) -> None:
        self._monitor.terminate()
        self._monitor.wait(timeout=20)
        self._thread.join()
        self._monitor.stdout.close()

    def _announces(self, more_than: int = 0) -> bool:
        """Change something that no script cares for, and tell whether the monitor has spoken."""
        self._namespace.run(["nft", "add table inet soak; delete table inet soak"], check=True)
        return self._lines > more_than

    def _follow(self) -> None:
        for line in self._monitor.stdout:
            self._take(line)
            self._lines += "delete table inet soak" in line

    def _take(self, line: str) -> None:
        """Note what a line says; only what a whole transaction leads to has happened."""
        self.gaps = self.gaps or "lost some netlink events" in line
        if found := self._ELEMENT.match(line):
            self._pending["nftables-drop", found[2]] = found[1] == "add"
        elif found := self._RULE_IN.match(line):
            self._handles[found[2]] = found[1]
            self._pending["iptables-drop", found[1]] = True
        elif found := self._RULE_OUT.match(line):
            self._pending["iptables-drop", self._handles.pop(found[1])] = False
        elif line.startswith("# new generation"):
            now_s = clock.now().boot_s
            self.seen += [Seen(now_s, key, inside) for key, inside in self._pending.items()]
            self._pending.clear()


class Promises:
    """Reads the journal while it is written, through each snapshot that takes its place, and counts offences."""

    def __init__(self, path) -> None:
        self.blocks: Dict[int, Block] = {}
        self.offences: Dict[Key, int] = defaultdict(int)
        self.miscounted: List[str] = []
        self._path = path
        self._behind_s = time.time() - clock.now().boot_s
        self._file = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def close(self) -> None:
        """Read to the end, and stop."""
        self._done.set()
        self._thread.join()
        if self._file:
            self._file.close()

    def _follow(self) -> None:
        while not self._done.wait(0.05):
            self._read()
        self._read()

    def _read(self) -> None:
        """Read what is new; a file that was replaced is read to its end first, then the new one from its start."""
        if self._file:
            self._read_file()
        try:
            fresh = self._path.open("rb")
        except FileNotFoundError:
            return
        if self._file and self._path.samefile(f"/proc/self/fd/{self._file.fileno()}"):
            fresh.close()
            return
        if self._file:
            self._read_file()  # what was written between the first look and the replacement
            self._file.close()
        self._file = fresh
        self._read_file()

    def _read_file(self) -> None:
        while True:
            line_begins = self._file.tell()
            line = self._file.readline()
            if not line.endswith(b"\n"):
                self._file.seek(line_begins)
                return
            self._take(decode(line[:-1]))

    def _take(self, record) -> None:
        if isinstance(record, (Promised, Prolonged)):
            self._promise(record)
        elif isinstance(record, Added):
            self.blocks[record.block].added = True
        elif isinstance(record, Released):
            self.blocks[record.block].released = True
        elif isinstance(record, Offended):
            self._count((record.command, record.subject.value), record.offences, further=0)

    def _promise(self, record) -> None:
        block_id, known = record.block, self.blocks.get(record.block)
        term = Term(record.at_s - self._behind_s, record.ends_boot_s)
        if known is None:
            block = self.blocks[block_id] = Block((record.command, record.subject.value), term)
            self._count(block.key, record.offence, further=1)
        elif isinstance(record, Promised):  # a snapshot says again where the block stands
            self._count(known.key, record.offence, further=0)
        else:
            known.terms.append(term)
            self._count(known.key, record.offence, further=1)

    def _count(self, key: Key, offences: int, *, further: int) -> None:
        expected = self.offences[key] + further
        if offences != expected:
            self.miscounted.append(f"{key}: offence {offences} in the journal, {expected} by its own promises")
        self.offences[key] = offences


# ── the verdict ────────────────────────────────────────────────────────────────────────────────────────────────


class Verdict(NamedTuple):
    leaked: List[str]
    lost: List[str]
    early: List[str]
    overdue: int


def judge(blocks: Dict[int, Block], seen: List[Seen], lives: List[Tuple[float, float]]) -> Verdict:
    """Hold what was promised against what the firewall did; `lives` are the spans in which an agent was at work."""
    verdict = Verdict([], [], [], 0)
    overdue = 0
    blocks_of: Dict[Key, List[Block]] = defaultdict(list)
    for _, block in sorted(blocks.items()):
        blocks_of[block.key].append(block)
    seen_of: Dict[Key, List[Seen]] = defaultdict(list)
    for one in seen:
        seen_of[one.key].append(one)
    for key in blocks_of.keys() | seen_of.keys():
        overdue += _judge_key(key, blocks_of[key], seen_of[key], lives, verdict)
    return verdict._replace(overdue=overdue)


def _judge_key(key: Key, blocks: List[Block], seen: List[Seen], lives: List[Tuple[float, float]], into: Verdict) -> int:
    """Judge one command on one address; return how many of its blocks were over before they could begin."""
    overdue = 0
    begins = [block.from_s for block in blocks] + [float("inf")]
    into.leaked.extend(f"{key}: in the firewall, and never promised" for o in seen if o.inside and o.boot_s < begins[0])
    into.leaked.extend(f"{key}: still in the firewall" for one in seen[-1:] if one.inside)
    inside = former_released = False
    for block, next_begins_s in zip(blocks, begins[1:]):
        during = [one for one in seen if block.from_s <= one.boot_s < next_begins_s]
        own = list(dropwhile(block.is_of_the_one_before, during))
        inside = inside and len(own) == len(during)
        if inside and former_released:
            into.leaked.append(f"{key}: the block before the one of {block.from_s:.3f} was never taken out")
        for one in own:
            ends_s = block.ends_at(one.boot_s)
            if not one.inside and one.boot_s < ends_s - ROUNDING_S:
                into.early.append(f"{key}: promised until {ends_s:.3f}, released at {one.boot_s:.3f}")
        began = bool(own) or inside
        if not began and (block.added or _had_time(block, lives)):
            into.lost.append(f"{key}: promised from {block.from_s:.3f} to {block.ends_s:.3f}, never in the firewall")
        overdue += not began
        inside = own[-1].inside if own else inside
        former_released = block.released
    # A block that was offended against before its release ran is continued by the next one, which tells its release.
    if blocks and not blocks[-1].released:
        into.leaked.append(f"{key}: promised until {blocks[-1].ends_s:.3f}, and no release is in the journal")
    return overdue


def _had_time(block: Block, lives: List[Tuple[float, float]]) -> bool:
    return any(min(end_s, block.ends_s) - max(start_s, block.from_s) >= PATIENCE_S for start_s, end_s in lives)


# ── the soak ───────────────────────────────────────────────────────────────────────────────────────────────────


def home_to_soak(folder, log):
    """Make a home in which each offence blocks twice, for 1 to 3 s, and a second later counts as a further one."""
    home = make_home(
        folder,
        log,
        command=_RESPONSE.format(name="nftables-drop", timeout=1, steps="2s,3s"),
        response=_RESPONSE.format(name="iptables-drop", timeout=2, steps="3s"),
    )
    (home / "etc/agent.toml").write_text("settle = 1\n")
    return home


@contextmanager
def offences(log, seed: int) -> Iterator[None]:
    """Let one address after another offend until the end."""
    done = threading.Event()
    chance = random.Random(seed)  # noqa: S311 (chosen by chance, and the same way again)

    def offend() -> None:
        with log.open("a", buffering=1) as file:
            while not done.wait(OFFENCE_EVERY_S):
                stamp = time.strftime("%b %e %H:%M:%S")
                file.write(_LINE.format(stamp=stamp, address=chance.choice(ADDRESSES)))

    thread = threading.Thread(target=offend)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def crash(agent: Agent, *, scripts_too: bool) -> None:
    """End an agent as a crash does: alone, or with all that it runs as some service managers do."""
    scripts = psutil.Process(agent.process.pid).children(recursive=True) if scripts_too else []
    agent.process.kill()
    for script in scripts:
        try:
            script.kill()
        except psutil.NoSuchProcess:
            continue
    agent.process.wait(timeout=20)


def soak(namespace: netns.Namespace, folder, kills: int, seed: int) -> Report:
    """End an agent that many times or once more, let the last blocks end, and tell what became of all of them."""
    chance = random.Random(seed)  # noqa: S311 (chosen by chance, and the same way again)
    log = folder / "auth.log"
    log.touch()
    agent = Agent(namespace, home_to_soak(folder, log))
    firewall = Firewall(namespace)
    promises = Promises(agent.home / "var/journal.json")
    started_s = clock.now().boot_s
    lives: List[Tuple[float, float]] = []
    try:
        with offences(log, seed):
            ended = 0
            while ended < kills:
                ended += _some_lives(agent, chance, lives)
            agent.start()
            at_work_s = clock.now().boot_s
            time.sleep(1.0)  # a last second of offences, under an agent that will be there for their end
        rows: List[object] = wait_for(lambda: agent.rows() or [None], "the agent to answer")
        wait_for(lambda: agent.rows() == [], f"all blocks to end (seed {seed}); at first there were {rows}")
        left = [f"{address}: still in the firewall while `list` shows nothing" for address in _in_force(namespace)]
        lives.append((at_work_s, clock.now().boot_s))
        firewall.catch_up()
    finally:
        agent.stop()
        firewall.close()
        promises.close()
    assert not firewall.gaps, f"nft monitor lost events, so this soak proves nothing (seed {seed})"
    verdict = judge(promises.blocks, firewall.seen, lives)
    return Report(
        seed=seed,
        kills=ended,
        blocks=len(promises.blocks),
        releases=sum(block.released for block in promises.blocks.values()),
        overdue=verdict.overdue,
        seconds=clock.now().boot_s - started_s,
        leaked=verdict.leaked + left,
        lost=verdict.lost,
        early=verdict.early,
        miscounted=promises.miscounted + _miscounted_at_the_end(agent, promises),
    )


def _some_lives(agent: Agent, chance: random.Random, lives: List[Tuple[float, float]]) -> int:
    """Start an agent, end it at some moment, and wait for a while or not at all; return how often it was ended."""
    draw = chance.random()
    if draw < 0.2:
        _crash_amid_a_promise(agent)
        with _life(agent, lives):  # long enough for what was half done to be due to be completed
            time.sleep(chance.uniform(PATIENCE_S + 0.5, PATIENCE_S + 1.0))
    elif draw < 0.4:  # while it starts, or just after
        agent.launch()
        time.sleep(chance.uniform(0.0, 0.6))
    else:
        with _life(agent, lives):
            time.sleep(chance.uniform(0.0, 1.2))
    crash(agent, scripts_too=chance.random() < 0.5)
    if chance.random() < 0.12:
        time.sleep(chance.uniform(*PAUSE_S))
    return 2 if draw < 0.2 else 1


@contextmanager
def _life(agent: Agent, lives: List[Tuple[float, float]]) -> Iterator[None]:
    """Start an agent, and note how long it was at work."""
    agent.start()
    at_work_s = clock.now().boot_s
    yield
    lives.append((at_work_s, clock.now().boot_s))


def _crash_amid_a_promise(agent: Agent) -> None:
    """Start an agent and end it with its scripts right after a promise reached the journal."""
    agent.start()
    with (agent.home / "var/journal.json").open("rb") as journal:
        journal.seek(0, os.SEEK_END)
        give_up_s = clock.now().boot_s + 10.0  # a snapshot may take its place; then this is any other moment
        while b'{"promise"' not in journal.read() and clock.now().boot_s < give_up_s:
            time.sleep(0.001)
    crash(agent, scripts_too=True)


def _in_force(namespace: netns.Namespace) -> List[str]:
    return nft_elements(namespace) + iptables_rules(namespace)


def _miscounted_at_the_end(agent: Agent, promises: Promises) -> List[str]:
    ledger = Ledger.remembered(read(agent.home / "var/journal.json").records)
    remembered = {(command, subject.value): o.offences for (command, subject), o in ledger.offenders.items()}
    wrong = {key for key in remembered.keys() | promises.offences if remembered.get(key) != promises.offences.get(key)}
    return [f"{key}: {remembered.get(key)} remembered, {promises.offences.get(key)} promised" for key in wrong]
