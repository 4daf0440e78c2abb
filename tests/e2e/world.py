"""A small world for end-to-end tests: a host with a real sshd and a real syslog daemon, an attacker, and the agent."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import netns

ROOT = Path(__file__).resolve().parents[2]
SOURCE_COMMAND = [sys.executable, str(ROOT / "agent.py")]
WAIT_S = 60.0  # how long anything may take that is waited for; nothing is asserted about speed

_SSHD_CONFIG = """\
Port 22
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
MaxStartups 200
LoginGraceTime 20
"""
_RSYSLOG_CONFIG = """\
module(load="imuxsock")
global(workDirectory="{folder}")
$FileOwner root
$FileCreateMode 0640
*.* action(type="omfile" file="{log}" asyncWriting="off")
"""


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of `condition`; fail, saying `what` was waited for, when none comes."""
    give_up = time.monotonic() + WAIT_S
    while time.monotonic() < give_up:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {WAIT_S:g} s in vain for {what}")


class SshHost:
    """A namespace in which OpenSSH's server runs, and rsyslog writes what it says to `log`."""

    def __init__(self, namespace: netns.Namespace, folder: Path) -> None:
        netns.require("sshd", "rsyslogd", "ssh", "sshpass", "unshare", "nft", "iptables")
        self.namespace = namespace
        self.folder = folder
        self.log = folder / "auth.log"
        self._processes: List[subprocess.Popen[Any]] = []
        self._make_dev()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host_key")], check=True)
        (folder / "sshd_config").write_text(_SSHD_CONFIG.format(folder=folder))
        self.start_syslog()
        sshd = shutil.which("sshd") or "/usr/sbin/sshd"
        self._start("mkdir -p /run/sshd", [sshd, "-D", "-f", str(folder / "sshd_config")])
        wait_for(lambda: self.log.exists() and "Server listening" in self.log.read_text(), "sshd to listen")

    def start_syslog(self) -> None:
        """Start the syslog daemon on its own /dev/log."""
        config = self.folder / "rsyslog.conf"
        config.write_text(_RSYSLOG_CONFIG.format(folder=self.folder, log=self.log))
        self.syslog = self._start("true", ["rsyslogd", "-n", "-f", str(config), "-i", str(self.folder / "rsyslog.pid")])
        wait_for((self.folder / "dev/log").is_socket, "rsyslogd to open /dev/log")

    def _make_dev(self) -> None:
        """Make a /dev of the host's own, since syslog's socket has one place only."""
        dev = self.folder / "dev"
        dev.mkdir()
        for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            os.mknod(dev / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            (dev / name).chmod(0o666)

    def _start(self, first: str, argv: Sequence[str]) -> subprocess.Popen[Any]:
        setup = f'mount --bind {self.folder}/dev /dev && mount -t tmpfs tmpfs /run && {first} && exec "$@"'
        with (self.folder / f"{Path(argv[0]).name}.err").open("wb") as errors:
            process = self.namespace.start(
                ["unshare", "--mount", "sh", "-c", setup, "sh", *argv], stdout=subprocess.DEVNULL, stderr=errors
            )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """End both servers."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=20)


@contextlib.contextmanager
def failing_logins(
    client: netns.Namespace, times: int, source: Optional[str] = None
) -> Iterator[List[subprocess.Popen[Any]]]:
    """Try that many logins with a wrong password, side by side as the attackers' tools do; end them at the end.

    A login that is under way when its address is blocked hangs, so whoever waits for all of them waits long.
    """
    options = [
        "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "PubkeyAuthentication=no",
        "NumberOfPasswordPrompts=1", "ConnectTimeout=5", "LogLevel=ERROR",
    ]  # fmt: skip
    argv = ["sshpass", "-p", "wrong", "ssh", *(["-b", source] if source else [])]
    for option in options:
        argv += ["-o", option]
    tries = [
        client.start([*argv, f"root@{netns.HOST_4}", "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(times)
    ]
    try:
        yield tries
    finally:
        for attempt in tries:
            attempt.terminate()
        for attempt in tries:
            assert attempt.wait(timeout=60) != 0, "a login with a wrong password got in"


def make_home(folder: Path, log: Path, script: str = "firewall-drop.sh", **changes: str) -> Path:
    """Make a home that blocks for 3 s, then 6 s, then 9 s; `changes` are further XML by name of the section."""
    home = folder / "home"
    for name in ("etc", "rules", "active-response/bin", "logs/alerts", "var"):
        (home / name).mkdir(parents=True)
    for path in (ROOT / "scripts").glob("*.sh"):
        shutil.copy(path, home / "active-response/bin")
        (home / "active-response/bin" / path.name).chmod(0o755)
    parts = {
        "global": "<global><white_list>192.0.2.99</white_list></global>",
        "command": f"<command><name>firewall-drop</name><executable>{script}</executable>"
        "<expect>srcip</expect><timeout_allowed>yes</timeout_allowed></command>",
        "response": "<active-response><command>firewall-drop</command><location>local</location>"
        "<rules_id>5712,5720,5551</rules_id><timeout>3</timeout>"
        "<repeated_offenders>6s,9s</repeated_offenders></active-response>",
        "localfile": f"<localfile><log_format>syslog</log_format><location>{log}</location></localfile>",
        **changes,
    }
    (home / "etc/ossec.conf").write_text("<ossec_config>\n" + "\n".join(parts.values()) + "\n</ossec_config>\n")
    return home


class Agent:
    """An agent in a home, run inside a namespace by `command` (from source, or the executable)."""

    def __init__(self, namespace: netns.Namespace, home: Path, command: Sequence[str] = ()) -> None:
        self.namespace = namespace
        self.home = home
        self.command = list(command or SOURCE_COMMAND)
        self.output = home / "output"
        self._process: Optional[subprocess.Popen[Any]] = None

    @property
    def process(self) -> subprocess.Popen[Any]:
        """The process that was started last (the executable unpacks there, and works in a child of it)."""
        assert self._process is not None, "it was never started"
        return self._process

    def launch(self, *options: str) -> None:
        """Start it, and do not wait."""
        with self.output.open("ab") as output:
            self._process = self.namespace.start(
                [*self.command, "--home", str(self.home), "run", *options], stdout=output, stderr=subprocess.STDOUT
            )

    def start(self, *options: str) -> None:
        """Start it, and wait until it says that it is ready."""
        ready_before = self.said().count("Started (pid")
        self.launch(*options)
        wait_for(
            lambda: self.said().count("Started (pid") > ready_before or self.process.poll() is not None,
            "the agent to start",
        )
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        """Return all that it has printed."""
        return self.output.read_text() if self.output.exists() else ""

    def signal(self, number: int) -> None:
        """Send it a signal (by the number it tells itself: the executable has a parent that unpacks)."""
        os.kill(int(self.said().rpartition("Started (pid: ")[2].partition(")")[0]), number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.signal(signal.SIGKILL)
        self._process.wait(timeout=20)

    def stop(self) -> int:
        """End it politely; return its exit code."""
        if self._process is None or self._process.poll() is not None:
            return -1
        self.signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another verb on the same home, in the same namespace."""
        return self.namespace.run([*self.command, "--home", str(self.home), *words])

    def rows(self) -> List[Dict[str, Any]]:
        """Return what `list --json` prints."""
        done = self.verb("list", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def status(self) -> Dict[str, Any]:
        """Return what `status --json` prints."""
        done = self.verb("status", "--json")
        assert done.returncode == 0, done.stderr
        facts: Dict[str, Any] = json.loads(done.stdout)
        return facts

    def wait_for_block(self, address: str) -> Dict[str, Any]:
        """Wait until an address is blocked, and return its row."""

        def blocked() -> Optional[Dict[str, Any]]:
            rows = [row for row in self.rows() if row["subject"] == address and row["state"] == "in force"]
            return rows[0] if rows else None

        row: Dict[str, Any] = wait_for(blocked, f"{address} to be blocked; the agent said:\n{self.said()}")
        return row


@contextlib.contextmanager
def world(folder: Path) -> Iterator[tuple[netns.Namespace, SshHost]]:
    """Make an attacker (192.0.2.2, and 192.0.2.99 which the homes allowlist) and an SSH host (192.0.2.1)."""
    netns.require("sshd", "rsyslogd", "ssh", "sshpass", "unshare", "nft", "iptables")
    with netns.pair() as (attacker, namespace):
        attacker.add_address("192.0.2.99/24", "to-host")
        host = SshHost(namespace, folder)
        try:
            yield attacker, host
        finally:
            host.close()


def nft_elements(namespace: netns.Namespace) -> List[str]:
    """Return the IPv4 addresses in the agent's nftables set."""
    done = namespace.run(["nft", "--json", "list", "table", "inet", "ar_agent"])
    if done.returncode != 0:
        return []
    sets = [item["set"] for item in json.loads(done.stdout)["nftables"] if "set" in item]
    (blocked,) = [one for one in sets if one["name"] == "blocked4"]
    return [element["elem"]["val"] if isinstance(element, dict) else element for element in blocked.get("elem", [])]


def iptables_rules(namespace: netns.Namespace) -> List[str]:
    """Return the addresses that the agent's iptables chain drops."""
    done = namespace.run(["iptables", "-S", "OSSEC_AR"])
    words = (line.split() for line in done.stdout.splitlines())
    return [line[line.index("-s") + 1].partition("/")[0] for line in words if "-s" in line]
