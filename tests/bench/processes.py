"""Agents to be measured: homes for them, starting and stopping them, and what the kernel says of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Iterator, List, Sequence

import psutil

READY = b"Started (pid"
CONF = """
<ossec_config>
  <localfile><log_format>syslog</log_format><location>{log}</location></localfile>
  <command><name>firewall-drop</name><executable>firewall-drop.sh</executable><expect>srcip</expect></command>
  <active-response>
    <command>firewall-drop</command><location>local</location><rules_id>{rule}</rules_id><timeout>600</timeout>
  </active-response>
</ossec_config>
"""


def make_home(executable: Path, home: Path, rule: int = 5712) -> Path:
    """Return a home with the shipped scripts, following `auth.log` in it and dropping addresses on `rule`."""
    subprocess.run([executable, "init", "--home", home], check=True, stdout=subprocess.DEVNULL)
    (home / "auth.log").touch()
    (home / "etc/ossec.conf").write_text(CONF.format(log=home / "auth.log", rule=rule))
    return home


@contextlib.contextmanager
def running(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start an agent, give it as soon as it says that it is ready, and stop it."""
    agent = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert agent.stdout is not None
    said: List[bytes] = []
    try:
        for line in agent.stdout:
            said.append(line)
            if READY in line:
                break
        else:
            raise RuntimeError(f"{argv}: never became ready:\n{b''.join(said).decode()}")
        yield agent
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.communicate()


def family(pid: int) -> List[int]:
    """Return the process and its descendants: the executable's unpacking parent has the agent as its child."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def pss_bytes(pid: int) -> int:
    """Return the process's share of memory, with pages that n processes share counted as 1/n (proc(5))."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kilobytes = next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(kilobytes) * 1024


def cpu_s(pids: Sequence[int]) -> float:
    """Return the user and system CPU seconds of living processes, finer than a clock tick where schedstat has it."""
    total_s = 0.0
    for pid in pids:
        schedstat = Path(f"/proc/{pid}/schedstat")
        if schedstat.exists():
            total_s += int(schedstat.read_text().split()[0]) / 1e9
        else:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total_s += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total_s
