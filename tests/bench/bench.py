#!/usr/bin/env python3
"""Measures size, start, memory, detection and latency in one session and prints a table with ratios.

Usage: bench.py [--lines N] [--blocks N] [--attackers N] [--journal N]

Absolute figures move with the machine, so each stands beside a yardstick taken in the same session: Python's own
start, one plain pattern over the same file, and what is installed of fail2ban-regex, sshguard's parser and
ossec-logtest. `make dist` first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

import flood
import latency
import processes
import speed

ROOT = Path(__file__).resolve().parent.parent.parent
EXECUTABLE = ROOT / "dist/ar-agent"
FROM_SOURCE = (sys.executable, str(ROOT / "agent.py"))
STARTS = 11
IDLE_S = 20


class Row(NamedTuple):
    """One line of the table: what was measured, the figure, and by how much it differs from a yardstick."""

    what: str
    figure: str
    ratio: str = ""


def main() -> int:
    options = arguments()
    if not EXECUTABLE.exists():
        print(f"{EXECUTABLE.relative_to(ROOT)} is missing: make dist", file=sys.stderr)
        return 69
    with tempfile.TemporaryDirectory(prefix="ar-bench-") as folder:
        for measure in (
            size,
            start,
            idle,
            lambda f: detection(f, options.lines),
            lambda f: delay(f, options.blocks),
            lambda f: crowd(f, options.attackers, options.journal),
        ):
            for row in measure(Path(folder)):
                print(f"{row.what:<58} {row.figure:>22}  {row.ratio}".rstrip(), flush=True)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=100_000, help="of each corpus (default %(default)s)")
    parser.add_argument("--blocks", type=int, default=20, help="timed for the latency (default %(default)s)")
    parser.add_argument("--attackers", type=int, default=10_000, help="in the flood (default %(default)s)")
    parser.add_argument("--journal", type=int, default=100_000, help="blocks at a start (default %(default)s)")
    return parser.parse_args()


def size(_folder: Path) -> Iterator[Row]:
    yield Row("size of the executable", f"{EXECUTABLE.stat().st_size / 1e6:.2f} MB")


def start(folder: Path) -> Iterator[Row]:
    """Yield how long a verb that does nothing, and `run` until it follows its log, take from the exec on."""
    python_s = median(partial(took_s, [sys.executable, "-c", "pass"]))
    yield Row("start: python3 -c pass (yardstick)", f"{python_s:.3f} s")
    home = processes.make_home(EXECUTABLE, folder / "start")
    for name, program in (("executable", [str(EXECUTABLE)]), ("from source", list(FROM_SOURCE))):
        version_s = median(partial(took_s, [*program, "version"]))
        yield Row(f"start: version, {name}", f"{version_s:.3f} s", f"{version_s / python_s:.1f} x python3")
        ready_s = median(partial(until_ready_s, [*program, "run", "--observe", "--home", str(home)]))
        yield Row(
            f"start: run until it follows its log, {name}", f"{ready_s:.3f} s", f"{ready_s / python_s:.1f} x python3"
        )


def idle(folder: Path) -> Iterator[Row]:
    """Yield what a running agent costs that has nothing to do."""
    home = processes.make_home(EXECUTABLE, folder / "idle")
    for name, program in (("executable", [str(EXECUTABLE)]), ("from source", list(FROM_SOURCE))):
        with processes.running([*program, "run", "--home", str(home)]) as agent:
            time.sleep(2)
            family = processes.family(agent.pid)
            memory_mb = [processes.pss_bytes(pid) / 1e6 for pid in family]
            before_s = processes.cpu_s(family)
            time.sleep(IDLE_S)
            cpu_s = processes.cpu_s(family) - before_s
        parts = f"({' + '.join(f'{part:.1f}' for part in memory_mb)})" if len(memory_mb) > 1 else ""
        yield Row(f"idle memory (PSS), {name}", f"{sum(memory_mb):.1f} MB", parts)
        yield Row(f"idle CPU seconds a minute, {name}", f"{cpu_s * 60 / IDLE_S:.4f} s")


def detection(folder: Path, lines: int) -> Iterator[Row]:
    """Yield lines per CPU second of detection alone, beside a plain pattern and other programs."""
    corpora = speed.make_corpora(folder, lines)
    if not corpora:
        yield Row("lines per CPU second", "skipped", f"{speed.MAKER} is not there")
        return
    for which in ("shipped", "stock"):
        load_s = median(partial(speed.load_cpu_s, which), times=5)
        yield Row(f"loading the {which} ruleset", f"{load_s:.3f} CPU s")
    for log in corpora:
        yield from detection_of(log, ["shipped", "stock"])
        replayed = speed.lines_per_cpu_s_of([EXECUTABLE, "replay", log, "--home", folder / "start"], log)
        yield Row(f"{log.name}: replay, whole executable", f"{replayed:,.0f} lines/CPU s")
    yield from detection_of(speed.make_shapeless(corpora[0]), ["shipped"])
    for log in speed.make_repeated(folder):
        yield from detection_of(log, ["stock"])
    for name in speed.absent():
        yield Row(name, "skipped", "not installed")


def detection_of(log: Path, rulesets: Sequence[str]) -> Iterator[Row]:
    plain = speed.lines_per_cpu_s("plain", log)
    yield Row(f"{log.name}: one plain pattern (yardstick)", f"{plain:,.0f} lines/CPU s")
    ours = {}
    for which in rulesets:
        ours[which] = speed.lines_per_cpu_s(which, log)
        ratio = f"{ours[which] / plain:.2f} x plain"
        yield Row(f"{log.name}: detection, {which} ruleset", f"{ours[which]:,.0f} lines/CPU s", ratio)
    for name, theirs in speed.peers(log):
        ratios = ", ".join(f"{which} {figure / theirs:.2f}" for which, figure in ours.items())
        yield Row(f"{log.name}: {name}", f"{theirs:,.0f} lines/CPU s", f"ours {ratios} x this")


def delay(folder: Path, blocks: int) -> Iterator[Row]:
    """Yield how long it takes from the last line of an attack in the log to the address in nftables."""
    lacking = latency.lacks()
    if lacking:
        yield Row("last log line to nftables", "skipped", lacking)
        return
    yardstick_s = statistics.median(latency.of_nft_alone(blocks))
    yield Row("nft add element alone (yardstick)", f"{yardstick_s * 1e3:.1f} ms", "one process, seen by nft monitor")
    for name, program in (("executable", [str(EXECUTABLE)]), ("from source", list(FROM_SOURCE))):
        taken_s = latency.of_agent(program, folder / f"latency {name}".replace(" ", "-"), blocks)
        middle_s = statistics.median(taken_s)
        yield Row(
            f"last log line to nftables, {name}: median (max) of {len(taken_s)}",
            f"{middle_s * 1e3:.0f} ms ({max(taken_s) * 1e3:.0f} ms)",
            f"{middle_s / yardstick_s:.1f} x nft alone",
        )


def crowd(folder: Path, attackers: int, blocks: int) -> Iterator[Row]:
    """Yield what a flood of attackers costs, and a start with many blocks after a reboot."""
    lacking = latency.lacks()
    if lacking:
        yield Row("a flood of attackers", "skipped", lacking)
        return
    for name, program in (("executable", [str(EXECUTABLE)]), ("from source", list(FROM_SOURCE))):
        label = name.replace(" ", "-")
        cost = flood.of_attackers(program, folder / f"flood-{label}", attackers)
        cpu = f"{cost.cpu_s:.1f} CPU s ({cost.agent_cpu_s:.1f} of the agent)"
        yield Row(f"{attackers} attackers, first line to nftables, {name}", f"{cost.wall_s:.1f} s", cpu)
        yield Row("  memory of the agent then", f"{cost.memory_bytes / 1e6:.1f} MB")
        yield Row("  journal", f"{cost.bytes_per_block:.0f} bytes a block", f"{cost.syncs_per_block:.4f} syncs a block")
        cost = flood.of_start(program, folder / f"start-{label}", blocks)
        yield Row(
            f"start with {blocks} blocks after a reboot, {name}",
            f"{cost.ready_s:.1f} s",
            f"{cost.wall_s:.1f} s until all are in nftables again; {cost.memory_bytes / 1e6:.0f} MB",
        )


def median(measure: Callable[[], float], times: int = STARTS) -> float:
    return statistics.median(measure() for _ in range(times))


def took_s(argv: Sequence[str]) -> float:
    began_s = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def until_ready_s(argv: Sequence[str]) -> float:
    began_s = time.perf_counter()
    with processes.running(argv):
        return time.perf_counter() - began_s


if __name__ == "__main__":
    sys.exit(main())
