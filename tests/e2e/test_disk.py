"""When the disk is full, fails, or loses the journal or the home: nothing unpromised is blocked, releases go on."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager

import netns
import pytest
from smalldisk import SmallDisk
from world import Agent, iptables_rules, make_home, wait_for

from ar.policy.ledger import Ledger
from ar.respond.journal import read

pytestmark = pytest.mark.e2e

LINE = "{stamp} host sshd[99]: Failed password for root from {address} port 4242 ssh2\n"
FIRST = netns.ATTACKER_4
OTHERS = [f"198.51.100.{number}" for number in range(1, 41)]  # their promises are more than one page of a full disk


def short_blocks(folder, log, seconds=3, step="6s"):
    """Make a home in which one line blocks, by rules that never end by themselves."""
    response = (
        "<active-response><command>firewall-drop</command><location>local</location><rules_id>5716</rules_id>"
        f"<timeout>{seconds}</timeout><repeated_offenders>{step}</repeated_offenders></active-response>"
    )
    return make_home(folder, log, "iptables-drop.sh", response=response)


@pytest.fixture
def namespace():
    netns.require("iptables")
    with netns.hosts("disk") as (namespace,):
        yield namespace


@pytest.fixture
def log(tmp_path):
    log = tmp_path / "auth.log"
    log.touch()
    return log


@contextmanager
def at_work(namespace, home):
    """Give an agent that is at work in a home."""
    agent = Agent(namespace, home)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()


def offend(log, *addresses):
    stamp = time.strftime("%b %e %H:%M:%S")
    with log.open("a") as file:
        file.writelines(LINE.format(stamp=stamp, address=address) for address in addresses)


def asked_to_block(home):
    """Return the addresses that a script was run for to block them."""
    text = (home / "logs/active-responses.log").read_text()
    return {address for address in [FIRST, *OTHERS] if f" add - {address} " in text}


def remembered(home):
    return Ledger.remembered(read(home / "var/journal.json").records)


def offences(home):
    return {subject.value: offender.offences for (_, subject), offender in remembered(home).offenders.items()}


def status_text(agent):
    done = agent.verb("status")
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait_for_block(namespace, agent, address, offence=1):
    wait_for(lambda: address in iptables_rules(namespace), f"{address} to be blocked; the agent said:\n{agent.said()}")
    assert f"{address}: rule 5716 (level 5), offence {offence}, for " in agent.said()


def wait_for_release(namespace, agent, address):
    wait_for(lambda: f"{address}: released." in agent.said(), f"{address} to be released")
    wait_for(lambda: address not in iptables_rules(namespace), f"{address} to be out of the firewall")


def test_a_full_disk_refuses_new_blocks_keeps_no_release_waiting_and_heals_by_itself(namespace, tmp_path, log):
    home = short_blocks(tmp_path, log)
    with closing(SmallDisk.in_memory(home / "var")) as disk, at_work(namespace, disk.seen(home)) as agent:
        offend(log, FIRST)
        wait_for_block(namespace, agent, FIRST)
        disk.fill()
        offend(log, *OTHERS)
        wait_for(lambda: agent.status()["counts"]["not promised"], "a block that cannot be promised")
        wait_for_release(namespace, agent, FIRST)
        wait_for(lambda: iptables_rules(namespace) == [], "the release of all that still was promised")
        assert disk.is_full()
        refused = [address for address in OTHERS if f"firewall-drop {address}: rule 5716" not in agent.said()]
        assert refused
        assert not asked_to_block(home) & set(refused)
        assert len(refused) == agent.status()["counts"]["not promised"]
        assert "No space left on device. Nothing is blocked that is not in the journal first" in agent.said()
        assert f"JOURNAL    {len(refused)} blocks were not made" in status_text(agent)
        agent.kill()
        promised = [f"{block.subject}: released." for block in remembered(agent.home).blocks.values()]
        assert promised, "the last records fill a page of the disk, but not all of them fit into it"
        agent.start()  # on the full disk: the journal still promises what was released since
        wait_for(
            lambda: all(text in agent.said().rpartition("Started (pid")[2] for text in promised),
            "the releases once more",
        )
        disk.make_room()
        wait_for(lambda: not remembered(agent.home).blocks, "the journal to be written anew, with nothing happening")
        offend(log, FIRST, refused[-1])
        wait_for_block(namespace, agent, FIRST, offence=2)
        wait_for_block(namespace, agent, refused[-1], offence=1)


def test_a_disk_that_fails_under_the_agent_refuses_new_blocks_and_keeps_no_release_waiting(namespace, tmp_path, log):
    """A file system with an error becomes read-only by itself; the kernel lets nobody do that while files are open."""
    home, image = short_blocks(tmp_path, log), tmp_path / "disk"
    with closing(SmallDisk.on_a_device(home / "var", image)) as disk, at_work(namespace, disk.seen(home)) as agent:
        offend(log, FIRST, OTHERS[0])
        wait_for_block(namespace, agent, FIRST)
        wait_for_block(namespace, agent, OTHERS[0])
        assert "busy" in disk.mount_again("remount,ro").stderr
        disk.mount_again("remount,abort")
        offend(log, OTHERS[1])
        wait_for(lambda: agent.status()["counts"]["not promised"], "a block that cannot be promised")
        wait_for_release(namespace, agent, FIRST)
        wait_for_release(namespace, agent, OTHERS[0])
        assert asked_to_block(home) == {FIRST, OTHERS[0]}
        assert "Nothing is blocked that is not in the journal first" in agent.said()
        assert "JOURNAL    1 blocks were not made" in status_text(agent)
        agent.kill()
        disk.repair(image)
        assert set(offences(agent.home)) == {FIRST, OTHERS[0]}, "what was promised survived"
        agent.start()
        wait_for(lambda: not remembered(agent.home).blocks, "what had been released to be recorded")
        offend(log, FIRST, OTHERS[1])
        wait_for_block(namespace, agent, FIRST, offence=2)
        wait_for_block(namespace, agent, OTHERS[1], offence=1)


def test_on_a_disk_mounted_read_only_a_start_releases_what_is_overdue_and_blocks_nobody(namespace, tmp_path, log):
    home = short_blocks(tmp_path, log)
    with closing(SmallDisk.in_memory(home / "var")) as disk:
        with at_work(namespace, disk.seen(home)) as agent:
            offend(log, FIRST)
            wait_for_block(namespace, agent, FIRST)
            agent.kill()
        assert disk.mount_again("remount,ro").returncode == 0
        agent.start()
        assert "Read-only file system. What is overdue is released" in agent.said()
        wait_for(lambda: iptables_rules(namespace) == [], "the release without a record")
        offend(log, OTHERS[0])
        wait_for(lambda: "Nothing is blocked that is not in the journal first" in agent.said(), "the refusal")
        assert iptables_rules(namespace) == []
        assert disk.mount_again("remount,rw").returncode == 0
        wait_for(lambda: FIRST not in {b.subject.value for b in remembered(agent.home).blocks.values()}, "its record")
        offend(log, OTHERS[1])
        wait_for(lambda: iptables_rules(namespace) == [OTHERS[1]], "a block that is promised again")
        agent.process.terminate()  # its number could not be written into the lock
        assert agent.process.wait(timeout=30) == 0


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced by an old copy"])
def test_a_journal_taken_away_under_the_agent_is_whole_again_after_a_crash(namespace, tmp_path, log, replaced):
    home = short_blocks(tmp_path, log, seconds=600)
    journal = home / "var/journal.json"
    with at_work(namespace, home) as agent:
        offend(log, OTHERS[0])
        wait_for_block(namespace, agent, OTHERS[0])
        old = journal.read_bytes()
        assert agent.verb("unblock", OTHERS[0]).returncode == 0
        offend(log, FIRST)
        wait_for_block(namespace, agent, FIRST)
        if replaced:
            (home / "var/copy").write_bytes(old)
            (home / "var/copy").rename(journal)
        else:
            journal.unlink()
        offend(log, OTHERS[1])
        wait_for_block(namespace, agent, OTHERS[1])
        assert "somebody deleted or changed it; it is written anew from memory" in agent.said()
        agent.kill()
        agent.start()
        assert {row["subject"] for row in agent.rows()} == {FIRST, OTHERS[1]} == set(iptables_rules(namespace))
        assert offences(home) == {OTHERS[0]: 1, FIRST: 1, OTHERS[1]: 1}
        assert agent.verb("unblock", "--all").returncode == 0
        wait_for(lambda: iptables_rules(namespace) == [], "everything to be released")


@pytest.mark.parametrize("crashed", [False, True], ids=["stop", "crash"])
def test_a_journal_deleted_while_nothing_happens_is_there_at_the_next_start(namespace, tmp_path, log, crashed):
    home = short_blocks(tmp_path, log, seconds=600)
    with at_work(namespace, home) as agent:
        offend(log, FIRST)
        wait_for_block(namespace, agent, FIRST)
        (home / "var/journal.json").unlink()
        if crashed:
            agent.status()  # whatever wakes it
            wait_for((home / "var/journal.json").exists, "the journal to be written anew")
            agent.kill()
        else:
            assert agent.stop() == 0
        agent.start()
        assert "somebody deleted or changed it; it is written anew from memory" in agent.said()
        assert [row["subject"] for row in agent.rows()] == iptables_rules(namespace) == [FIRST]


def test_a_second_agent_names_the_first_and_leaves_it_at_its_work(namespace, tmp_path, log):
    home = short_blocks(tmp_path, log)
    with at_work(namespace, home) as agent:
        offend(log, FIRST)
        wait_for_block(namespace, agent, FIRST)
        for _ in range(2):
            done = agent.verb("run")
            assert done.returncode == 69
            assert f"another ar-agent (process {agent.process.pid}) holds this home" in done.stderr
        assert agent.status()["pid"] == agent.process.pid
        offend(log, OTHERS[0])
        wait_for_block(namespace, agent, OTHERS[0])
        wait_for_release(namespace, agent, FIRST)
        wait_for_release(namespace, agent, OTHERS[0])


def test_a_home_moved_away_and_back_is_told_and_everything_due_is_made_up_for(namespace, tmp_path, log):
    home, away = short_blocks(tmp_path, log), tmp_path / "away"
    with at_work(namespace, home) as agent:
        offend(log, FIRST)
        wait_for_block(namespace, agent, FIRST)
        home.rename(away)
        offend(log, OTHERS[0])

        def said():
            return (away / "logs/ossec.log").read_text()

        wait_for(lambda: f"delete {FIRST} failed: not run: " in said(), "a release that finds no script")
        wait_for(lambda: "cannot be replaced by a snapshot" in said(), "the loss of the journal to be told")
        assert iptables_rules(namespace) == [FIRST]
        away.rename(home)
        wait_for_release(namespace, agent, FIRST)
        wait_for(lambda: not remembered(home).blocks, "the release to be recorded")
        offend(log, FIRST, OTHERS[0])
        wait_for_block(namespace, agent, FIRST, offence=2)
        wait_for_block(namespace, agent, OTHERS[0], offence=1)
