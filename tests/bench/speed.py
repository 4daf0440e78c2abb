#!/usr/bin/env python3
"""Lines per CPU second (user and system), each measured in a process of its own.

Usage: speed.py shipped|stock|plain LOG    prints the CPU seconds of going once through LOG
       speed.py shipped|stock              prints the CPU seconds of loading the ruleset
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any, Callable, Iterator, List, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared"
MAKER = SHARED / "bench/make_corpus.py"
OSSEC = SHARED / "ossec"  # OSSEC's own decoders and rules
REAL_LOGS = [SHARED / "corpus" / name for name in ("OpenSSH_2k.log", "Linux_2k.log", "Apache_2k.log")]
REPEATS = 50  # of a real log, whose 2,000 lines are over in no time
CHUNK_LINES = 1000
FAIL2BAN = shutil.which("fail2ban-regex")
SSHGUARD = shutil.which("sshg-parser", path="/usr/libexec/sshguard:/usr/lib/sshguard:/usr/local/libexec")
LOGTEST = shutil.which("ossec-logtest", path="/var/ossec/bin")
# What any program that reads these logs has to do at the least: the header, and one anchored message of sshd.
PLAIN = re.compile(
    r"\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ ([^\s\[:]+)(?:\[\d+\])?: "
    r"(?:Failed password for (?:invalid user )?(\S*) from (\S+) port \d+)?"
)


def make_corpora(folder: Path, lines: int) -> List[Path]:
    """Return the attack and the benign log, or nothing where the program that makes them is missing."""
    if not MAKER.exists():
        return []
    subprocess.run([sys.executable, MAKER, folder, "--lines", str(lines)], check=True)
    return [folder / "attack.log", folder / "benign.log"]


def make_repeated(folder: Path) -> List[Path]:
    """Return the real logs, each many times over, or nothing where they are missing."""
    if not all(log.exists() for log in REAL_LOGS) or not OSSEC.exists():
        return []
    made = []
    for log in REAL_LOGS:
        path = folder / f"{log.stem}-x{REPEATS}.log"
        path.write_bytes(log.read_bytes().rstrip(b"\n").join([b"", b"\n"]) * REPEATS)
        made.append(path)
    return made


def make_shapeless(log: Path) -> Path:
    """Return the log with a host of its own in each line, so that no line has the shape of another."""
    path = log.with_name(f"{log.stem}-no-shape-twice.log")
    with log.open("rb") as lines, path.open("wb") as made:
        for number, line in enumerate(lines):
            name = "".join(chr(ord("a") + number // 26**power % 26) for power in range(5))
            made.write(re.sub(rb"(?<=^.{16})\S+", name.encode(), line))
    return path


def lines_per_cpu_s(what: str, log: Path) -> float:
    """Return how many lines of `log` one CPU second takes: "shipped", "stock" or "plain"; start and load left out."""
    used_s = subprocess.run([sys.executable, __file__, what, log], check=True, stdout=subprocess.PIPE).stdout
    return count(log) / float(used_s)


def load_cpu_s(which: str) -> float:
    """Return the CPU seconds that it takes to load a configuration with the shipped ruleset, or with OSSEC's own."""
    return float(subprocess.run([sys.executable, __file__, which], check=True, stdout=subprocess.PIPE).stdout)


def lines_per_cpu_s_of(argv: Sequence[Any], log: Path) -> float:
    """Return how many lines of `log`, its standard input, one CPU second takes a whole program, start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with log.open("rb") as lines:
        silent = subprocess.DEVNULL
        subprocess.run([str(word) for word in argv], check=True, stdin=lines, stdout=silent, stderr=silent)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return count(log) / (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def peers(log: Path) -> Iterator[Tuple[str, float]]:
    """Yield the name and the lines per CPU second of each other program that is installed here."""
    if FAIL2BAN:
        yield "fail2ban-regex sshd", lines_per_cpu_s_of([FAIL2BAN, log, "sshd"], log)
    if SSHGUARD:
        yield "sshguard's parser", lines_per_cpu_s_of([SSHGUARD], log)
    if LOGTEST:
        yield "ossec-logtest", lines_per_cpu_s_of([LOGTEST], log)


def absent() -> List[str]:
    """Return the names of those that are not."""
    found = {"fail2ban-regex": FAIL2BAN, "sshguard's parser": SSHGUARD, "ossec-logtest": LOGTEST}
    return [name for name, path in found.items() if not path]


def count(log: Path) -> int:
    with log.open("rb") as file:
        return sum(1 for _ in file)


def detector(which: str) -> Tuple[Any, float]:
    """Return a detector as an agent has it, and the CPU seconds that it took to load its ruleset, ours or OSSEC's."""
    sys.path.insert(0, str(ROOT))
    from ar.config.home import Home  # noqa: PLC0415 (found only from here on)
    from ar.config.load import load  # noqa: PLC0415 (the same)
    from ar.garbage import nothing_is_garbage, search_seldom  # noqa: PLC0415 (the same)
    from ar.setup import detector_of  # noqa: PLC0415 (the same)

    search_seldom()
    with tempfile.TemporaryDirectory(prefix="ar-bench-home-") as folder:
        home = Path(folder)
        (home / "etc").mkdir()
        (home / "etc/ossec.conf").write_text("<ossec_config></ossec_config>\n")
        if which == "stock":
            shutil.copytree(OSSEC / "rules", home / "rules")
            shutil.copy(OSSEC / "decoder.xml", home / "etc")
            shutil.copy(OSSEC / "ossec-local.conf", home / "etc/ossec.conf")
            for command in (
                "host-deny.sh",
                "firewall-drop.sh",
                "disable-account.sh",
                "restart-ossec.sh",
                "route-null.sh",
            ):
                script = home / "active-response/bin" / command
                script.parent.mkdir(parents=True, exist_ok=True)
                script.write_text("#!/bin/sh\n")
                script.chmod(0o755)
        began_s = time.process_time()
        with nothing_is_garbage():
            loaded = load(Home(home))
            assert not loaded.mistakes, loaded.mistakes
            detecting = detector_of(loaded)
        return detecting, time.process_time() - began_s


def taker(which: str) -> Callable[[List[bytes]], object]:
    """Return what is to be measured, as a function of some lines."""
    if which == "plain":
        match = PLAIN.match
        return lambda lines: [match(line.decode("ascii", "replace")) for line in lines]
    taking, _ = detector(which)
    from ar.model import Chunk  # noqa: PLC0415 (found only from here on)

    now_s = time.time()
    return lambda lines: deque(taking.alerts_of(Chunk("bench", lines, now_s)), maxlen=0)


def main(which: str, log: Path) -> None:
    """Print the CPU seconds of going once through the log."""
    take = taker(which)
    lines = log.read_bytes().splitlines()
    take(lines[:100])  # whatever is compiled at first use is
    began_s = time.process_time()
    for at in range(0, len(lines), CHUNK_LINES):
        take(lines[at : at + CHUNK_LINES])
    print(time.process_time() - began_s)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        main(sys.argv[1], Path(sys.argv[2]))
    else:
        print(detector(sys.argv[1])[1])
