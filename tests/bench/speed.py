#!/usr/bin/env python3
"""Lines per CPU second (user and system), each measured in a process of its own.

Usage: speed.py detect|plain LOG    prints the CPU seconds of going once through LOG
"""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, List, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
MAKER = ROOT.parent / "shared/bench/make_corpus.py"
FAIL2BAN = shutil.which("fail2ban-regex")
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


def lines_per_cpu_s(what: str, log: Path) -> float:
    """Return how many lines of `log` one CPU second takes "detect" or "plain", reading and start left out."""
    used_s = subprocess.run([sys.executable, __file__, what, log], check=True, stdout=subprocess.PIPE).stdout
    return count(log) / float(used_s)


def lines_per_cpu_s_of(argv: Sequence[Any], log: Path) -> float:
    """Return how many lines of `log` one CPU second takes a whole program, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in argv], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return count(log) / (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def fail2ban(log: Path) -> Optional[float]:
    """Return the same of fail2ban's own sshd filter, where fail2ban is installed."""
    return lines_per_cpu_s_of([FAIL2BAN, log, "sshd"], log) if FAIL2BAN else None


def count(log: Path) -> int:
    with log.open("rb") as file:
        return sum(1 for _ in file)


def detector() -> Callable[[str], object]:
    """Return the shipped ruleset's detection of one line, as an agent does it that reads the line now."""
    sys.path.insert(0, str(ROOT))
    from ar.config.home import Home  # noqa: PLC0415 (found only from here on)
    from ar.config.load import load  # noqa: PLC0415 (the same)
    from ar.model import Line  # noqa: PLC0415 (the same)
    from ar.setup import detector_of  # noqa: PLC0415 (the same)

    with tempfile.TemporaryDirectory(prefix="ar-bench-home-") as folder:
        (Path(folder) / "etc").mkdir()
        (Path(folder) / "etc/ossec.conf").write_text("<ossec_config></ossec_config>\n")
        loaded = load(Home(Path(folder)))
    assert not loaded.mistakes, loaded.mistakes
    taker = detector_of(loaded)
    now_s = time.time()
    return lambda text: taker.take(Line("bench", text, now_s))


def main(what: str, log: Path) -> None:
    take = detector() if what == "detect" else PLAIN.match
    lines = log.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    for line in lines[:100]:  # whatever is compiled at first use is
        take(line)
    began_s = time.process_time()
    for line in lines:
        take(line)
    print(time.process_time() - began_s)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
