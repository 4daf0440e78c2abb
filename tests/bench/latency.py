"""From the last line of an attack to the address in nftables, in a network namespace, told by `nft monitor`.

The kernel reports each change of its tables to `nft monitor`, so the moment is seen without asking again and again,
which would take time away from what is measured.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Iterator, List, Sequence

import processes

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import netns

ROOT = Path(__file__).resolve().parent.parent.parent
RULE = 5712  # an sshd brute force: this many attempts on names that do not exist, from one address
ATTEMPTS = 8
WAIT_S = 10.0
PAUSE_S = 0.3  # the lines before the last are dealt with, and the agent sleeps


def lacks() -> str:
    """Return what this machine lacks for the measurement, or nothing."""
    missing = [program for program in ("ip", "nft") if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}" if missing else "" if os.geteuid() == 0 else "needs root"


class Monitor:
    """What `nft monitor` reports, with the moment it was read."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: queue.Queue[tuple[float, str]] = queue.Queue()
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.put((time.perf_counter(), line))

    def seen_s(self, word: str) -> float:
        """Return when an element with `word` was first reported; raise queue.Empty when none is."""
        give_up_s = time.perf_counter() + WAIT_S
        while True:
            at_s, line = self._lines.get(timeout=max(0.0, give_up_s - time.perf_counter()))
            if "add element" in line and word in line:
                return at_s


@contextlib.contextmanager
def watched(label: str) -> Iterator[tuple[netns.Namespace, Monitor]]:
    """Make a namespace with an eye on its nftables."""
    host = netns.Namespace(label)
    try:
        watcher = host.start(["nft", "monitor", "elements"], stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(PAUSE_S)
            yield host, Monitor(watcher)
        finally:
            watcher.terminate()
            watcher.wait()
    finally:
        host.delete()


def of_nft_alone(times: int) -> List[float]:
    """Return how long one `nft add element` takes until it is reported, each time a process of its own."""
    taken_s = []
    with watched("bench-nft") as (host, monitor):
        host.run(["nft", "add table inet t; add set inet t s { type ipv4_addr; flags timeout; }"], check=True)
        for number in range(1, times + 1):
            address = f"203.0.113.{number}"
            began_s = time.perf_counter()
            host.run(["nft", f"add element inet t s {{ {address} timeout 600s }}"], check=True)
            taken_s.append(monitor.seen_s(address) - began_s)
    return taken_s


def of_agent(program: Sequence[str], home: Path, times: int) -> List[float]:
    """Return how long each of `times` attackers, one after the other, goes unblocked after its last line."""
    processes.make_home(Path(program[0]) if len(program) == 1 else Path("dist/ar-agent"), home, RULE)
    taken_s = []
    with (
        watched("bench-agent") as (host, monitor),
        processes.running(host.argv([*program, "run", "--home", str(home)])),
    ):
        for number in range(1, times + 1):
            address = f"203.0.113.{number}"
            lines = [attempt(number * ATTEMPTS + i, address) for i in range(ATTEMPTS)]
            with (home / "auth.log").open("a") as log:
                log.writelines(lines[:-1])
                log.flush()
                time.sleep(PAUSE_S)
                began_s = time.perf_counter()
                log.write(lines[-1])
            taken_s.append(monitor.seen_s(address) - began_s)
    return taken_s


def attempt(number: int, address: str) -> str:
    """Return a line of sshd, stamped now, that names a user who does not exist."""
    stamp = time.strftime("%b %e %H:%M:%S")
    return f"{stamp} host sshd[{2000 + number}]: Invalid user admin{number} from {address} port {40000 + number}\n"
