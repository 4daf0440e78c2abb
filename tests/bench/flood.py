"""Many attackers at once, and a start with many blocks in the journal, in a network namespace with real nftables.

Each attacker sends the lines that rule 5712 takes; all of them, interleaved, are appended to the log at once. Told
are the seconds from then until the agent has put the last address in force, which nftables must confirm.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence

import processes
from latency import ATTEMPTS, ROOT, RULE, attempt, netns

sys.path.insert(0, str(ROOT))
from ar.control.protocol import ask
from ar.model import Subject
from ar.policy.records import Arguments, Opened, Promised
from ar.respond.codec import encode

LOOK_EACH_S = 0.2
WAIT_S = 600.0


class Cost(NamedTuple):
    """Wall seconds until the agent said that it is ready, and until all were blocked; CPU seconds (of the agent and
    its scripts, and of the agent alone); its resident memory; and what the journal took for each block."""

    ready_s: float
    wall_s: float
    cpu_s: float
    agent_cpu_s: float
    memory_bytes: int
    bytes_per_block: float
    syncs_per_block: float


def address(number: int) -> str:
    return str(ipaddress.IPv4Address("100.64.0.0") + number)


def of_attackers(program: Sequence[str], home: Path, attackers: int) -> Cost:
    """Return what it costs to block that many, from their first line on."""
    processes.make_home(Path("dist/ar-agent"), home, RULE)
    lines = [attempt(number, address(number)) for _ in range(ATTEMPTS) for number in range(attackers)]

    def attack() -> None:
        with (home / "auth.log").open("a") as log:
            log.writelines(lines)

    return _measure(program, home, attackers, attack)


def of_start(program: Sequence[str], home: Path, blocks: int) -> Cost:
    """Return what it costs to start after a reboot with that many blocks, until all are in the firewall again.

    The journal is of another boot of the machine, so the firewall is taken for empty.
    """
    processes.make_home(Path("dist/ar-agent"), home, RULE)
    now_s = time.time()
    with (home / "var/journal.json").open("wb") as journal:
        journal.write(encode(Opened("another-boot", now_s, 100.0)))
        for number in range(blocks):
            subject = Subject("srcip", address(number))
            arguments = Arguments("-", subject.value, f"{int(now_s)}.{number}", RULE, "/var/log/auth.log", "-")
            promise = Promised(
                number + 1, "firewall-drop", "firewall-drop.sh", "argv", subject, arguments, 1, now_s, 3600, 3700.0
            )
            journal.write(encode(promise))
    return _measure(program, home, blocks, None)


def _measure(program: Sequence[str], home: Path, blocks: int, attack: Optional[Callable[[], None]]) -> Cost:
    host = netns.Namespace("bench-flood")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.perf_counter()
    with contextlib.ExitStack() as stack:
        stack.callback(host.delete)
        agent = stack.enter_context(processes.running(host.argv([*program, "run", "--home", str(home)])))
        ready_s = time.perf_counter() - began_s
        if attack is not None:
            began_s = time.perf_counter()
            attack()
        facts = _status(home)
        while facts["in_force"] < blocks and time.perf_counter() - began_s < WAIT_S:
            time.sleep(LOOK_EACH_S)
            facts = _status(home)
        wall_s = time.perf_counter() - began_s
        agent_cpu_s = processes.cpu_s(processes.family(agent.pid))
        listed = json.loads(host.run(["nft", "-j", "list", "set", "inet", "ar_agent", "blocked4"]).stdout)
        elements = next(item["set"] for item in listed["nftables"] if "set" in item).get("elem", [])
        assert len(elements) == blocks, f"{len(elements)} of {blocks} are in nftables: {facts}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    written, syncs = facts["journal"]["written_bytes"], facts["journal"]["syncs"]
    return Cost(ready_s, wall_s, cpu_s, agent_cpu_s, facts["memory_bytes"], written / blocks, syncs / blocks)


def _status(home: Path) -> Dict[str, Any]:
    (facts,) = ask(home / "var/agent.sock", {"verb": "status"})
    return facts


if __name__ == "__main__":
    os.chdir(ROOT)
    which, folder, many = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print({"flood": of_attackers, "start": of_start}[which]((sys.executable, str(ROOT / "agent.py")), folder, many))
