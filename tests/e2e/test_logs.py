"""Logs that misbehave under a running agent: whatever is in them or becomes of them, the next attack is seen."""

from __future__ import annotations

import signal
import time

import netns
import pytest
from world import Agent, make_home, nft_elements, wait_for

pytestmark = pytest.mark.e2e


def attack(address: str) -> bytes:
    stamp = time.strftime("%b %e %H:%M:%S")
    line = f"{stamp} host sshd[99]: Failed password for root from {address} port 4242 ssh2\n"
    return line.encode() * 8


@pytest.fixture
def host(tmp_path):
    """A namespace, a log in it, and an agent that blocks for ten minutes."""
    netns.require("nft")
    with netns.hosts("host") as (namespace,):
        log = tmp_path / "auth.log"
        log.touch()
        home = make_home(tmp_path, log)
        conf = home / "etc/ossec.conf"
        conf.write_text(conf.read_text().replace("<timeout>3<", "<timeout>600<"))
        agent = Agent(namespace, home)
        agent.start()
        yield log, agent
        agent.stop()


def append(log, content: bytes) -> None:
    with log.open("ab") as file:
        file.write(content)


def test_junk_before_an_attack_hides_nothing(host):
    log, agent = host
    append(log, b"A" * 1_000_000 + b"\n" + attack("203.0.113.1"))
    agent.wait_for_block("203.0.113.1")
    append(log, b"\x00" * 5000 + b"\n\xff\xfe\xc3\x28 \x1b[2J\n\n\r\n" + attack("203.0.113.2"))
    agent.wait_for_block("203.0.113.2")
    append(log, b"\x00" + attack("203.0.113.3").replace(b"sshd[99]", b"ss\x00hd[99]"))
    agent.wait_for_block("203.0.113.3")
    assert "Traceback" not in agent.said()


def test_a_line_written_in_pieces_is_one_line(host):
    log, agent = host
    text = attack("203.0.113.4")
    for start in range(0, len(text), 50):
        append(log, text[start : start + 50])
        time.sleep(0.01)
    agent.wait_for_block("203.0.113.4")
    assert agent.status()["lines"] == 8


def test_a_log_that_is_rotated_truncated_or_gone_for_a_while_is_followed_on(host):
    log, agent = host
    append(log, attack("203.0.113.1")[: -len(attack("203.0.113.1")) // 8])
    log.rename(log.with_suffix(".1"))
    append(log.with_suffix(".1"), attack("203.0.113.1")[: len(attack("203.0.113.1")) // 8])
    append(log, attack("203.0.113.2"))
    agent.wait_for_block("203.0.113.1")
    agent.wait_for_block("203.0.113.2")
    log.write_bytes(b"")
    wait_for(lambda: agent.status()["lines"] == 16, "sixteen lines")
    append(log, attack("203.0.113.3"))
    agent.wait_for_block("203.0.113.3")
    log.unlink()
    time.sleep(0.2)
    append(log, attack("203.0.113.4"))
    agent.wait_for_block("203.0.113.4")
    assert agent.status()["lines"] == 32


def test_a_missing_script_or_one_that_others_may_write_is_told_and_tried_again(host):
    log, agent = host
    script = agent.home / "active-response/bin/firewall-drop.sh"
    script.chmod(0o777)
    append(log, attack("203.0.113.1"))
    wait_for(lambda: "firewall-drop.sh add 203.0.113.1 failed: not run: " in agent.said(), "the refusal")
    (row,) = agent.rows()
    assert row["state"] == "failing block"
    assert "writable" in row["last_words"]
    assert agent.status()["failing"] == 1
    script.chmod(0o755)
    agent.wait_for_block("203.0.113.1")
    moved = script.rename(script.with_suffix(".away"))
    assert agent.verb("unblock", "203.0.113.1").returncode == 0
    wait_for(lambda: "firewall-drop.sh delete 203.0.113.1 failed: not run: " in agent.said(), "the failed release")
    assert nft_elements(agent.namespace) == ["203.0.113.1"]
    moved.rename(script)
    wait_for(lambda: nft_elements(agent.namespace) == [], "the release, tried again")


def test_reloads_in_the_middle_of_a_busy_log_lose_no_line_and_count_none_twice(host):
    log, agent = host
    append(log, attack("203.0.113.1")[:-1])  # the last line still lacks its end
    for number in range(1, 1001):
        append(log, f"\n{time.strftime('%b %e %H:%M:%S')} host cron[{number}]: line {number}".encode())
        if number % 100 == 0:
            agent.signal(signal.SIGHUP)
            wait_for(lambda number=number: agent.status()["reloads"] >= number // 100, "the reload")
    append(log, b"\n")
    wait_for(lambda: agent.status()["lines"] >= 1008, "all lines to be read")
    assert agent.status()["lines"] == 1008
    assert agent.status()["blocks"] == 1
