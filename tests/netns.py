"""Hosts for tests: network namespaces, wired to each other, in which real firewalls and real packets do no harm.

    with netns.pair() as (attacker, host):
        host.run(["nft", "list", "ruleset"])
        with host.listen("192.0.2.1", 22): assert attacker.reaches("192.0.2.1", 22)

Everything is made by `ip netns`, so root is needed. `require()` says so: it skips the test on a developer's
machine, and fails it where CI=true, so that a run that proves nothing cannot pass there.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import itertools
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence, Tuple

import pytest

CLONE_NEWNET = 0x40000000  # linux/sched.h
HOST_4, HOST_6 = "192.0.2.1", "2001:db8::1"
ATTACKER_4, ATTACKER_6 = "192.0.2.2", "2001:db8::2"
CONNECT_S = 0.4  # a connection over a veth takes well under a millisecond; this long without an answer is a "no"

_serial = itertools.count()


def require(*programs: str) -> None:
    """Skip the test unless this is root with `ip` and `programs`; where CI=true, fail it instead."""
    missing = [program for program in ("ip", *programs) if shutil.which(program) is None]
    lacks = f"not installed: {', '.join(missing)}" if missing else ""
    if not lacks and os.geteuid() != 0:
        lacks = "network namespaces need root"
    if lacks and os.environ.get("CI") == "true":
        pytest.fail(lacks)
    if lacks:
        pytest.skip(lacks)


class Namespace:
    """One host: a network namespace with a name of its own and `lo` up; `delete()` removes it."""

    def __init__(self, label: str) -> None:
        self.name = f"ar-{label}-{os.getpid()}-{next(_serial)}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        try:
            self.run(["ip", "link", "set", "lo", "up"], check=True)
            for scope in ("all", "default"):  # no second of looking for duplicates: IPv6 is usable at once
                self.run(["sh", "-c", f"echo 0 >/proc/sys/net/ipv6/conf/{scope}/accept_dad"], check=True)
        except BaseException:
            self.delete()
            raise

    def argv(self, argv: Sequence[str]) -> list[str]:
        """Return the argv that runs `argv` inside this namespace."""
        return [shutil.which("ip") or "ip", "netns", "exec", self.name, *argv]  # whatever PATH `argv` is to have

    def run(self, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `argv` inside and wait for it; its output is captured as text. `options` are subprocess.run's."""
        options = {"capture_output": True, "text": True, "check": False, "timeout": 60, **options}
        done: subprocess.CompletedProcess[str] = subprocess.run(self.argv(argv), **options)  # noqa: PLW1510 (in options)
        return done

    def start(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start `argv` inside and return it at once; whoever starts it ends it. `options` are Popen's."""
        return subprocess.Popen(self.argv(argv), **options)

    def add_address(self, address: str, device: str) -> None:
        """Give `device` one more address, such as 192.0.2.3/24; it is usable at once."""
        quick = ["nodad"] if ":" in address else []
        self.run(["ip", "address", "add", address, "dev", device, *quick], check=True)

    def open_socket(self, address: str, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Return a socket of the family of `address` that lives inside, usable from the test's own process."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made: list[socket.socket] = []

        def enter_and_open() -> None:  # setns moves one thread only, and this thread ends right here
            with Path("/run/netns", self.name).open("rb") as entrance:
                if ctypes.CDLL(None, use_errno=True).setns(entrance.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.socket(family, kind))

        thread = threading.Thread(target=enter_and_open)
        thread.start()
        thread.join()
        if not made:
            raise OSError(f"cannot open a socket in namespace {self.name}")
        return made[0]

    @contextlib.contextmanager
    def listen(self, address: str, port: int) -> Iterator[socket.socket]:
        """Listen for TCP on `address` inside, as a server that is there would (the kernel answers)."""
        with self.open_socket(address) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address, port))
            server.listen(64)
            server.settimeout(10)
            yield server

    def connect(
        self, address: str, port: int, source: Optional[str] = None, within_s: float = CONNECT_S
    ) -> socket.socket:
        """Return a TCP connection from here (from the address `source`, when given); OSError when there is no way."""
        client = self.open_socket(address)
        try:
            client.settimeout(within_s)
            if source is not None:
                client.bind((source, 0))
            client.connect((address, port))
        except BaseException:
            client.close()
            raise
        return client

    def reaches(self, address: str, port: int, source: Optional[str] = None, within_s: float = CONNECT_S) -> bool:
        """Tell whether a TCP connection from here comes about; a refusal is a fault of the test, and raised.

        Where "yes" is expected, a longer `within_s` costs nothing and forgives a neighbour lookup.
        """
        try:
            self.connect(address, port, source, within_s).close()
        except ConnectionRefusedError:
            raise
        except OSError:  # timed out, or no route
            return False
        return True

    def delete(self) -> None:
        """Remove the namespace; what is wired to it goes too."""
        subprocess.run(["ip", "netns", "delete", self.name], check=True)


def wire(left: Namespace, left_addresses: Sequence[str], right: Namespace, right_addresses: Sequence[str]) -> None:
    """Lay a cable between two hosts; in each, the device bears the other host's label, cut to what Linux takes.

    Addresses are interface addresses (192.0.2.1/24). The devices are up and the addresses usable on return.
    """
    ends = ((left, device(right), left_addresses), (right, device(left), right_addresses))
    first, second = ends
    left.run(
        ["ip", "link", "add", first[1], "type", "veth", "peer", "name", second[1], "netns", right.name], check=True
    )
    for namespace, name, addresses in ends:
        namespace.run(["ip", "link", "set", name, "up"], check=True)
        for address in addresses:
            ipaddress.ip_interface(address)
            namespace.add_address(address, name)


def device(other: Namespace) -> str:
    """Return the name of the device that leads to `other`."""
    return "to-" + other.name.split("-")[1][:12]


@contextlib.contextmanager
def hosts(*labels: str) -> Iterator[Tuple[Namespace, ...]]:
    """Make a host for each label, not yet wired, and delete them all at the end."""
    with contextlib.ExitStack() as stack:
        made = []
        for label in labels:
            made.append(Namespace(label))
            stack.callback(made[-1].delete)
        yield tuple(made)


@contextlib.contextmanager
def pair() -> Iterator[Tuple[Namespace, Namespace]]:
    """Make an attacker (ATTACKER_4, ATTACKER_6) and a host (HOST_4, HOST_6) on one cable, and delete them at the end.

    The attacker's device is `to-host`, the host's `to-attacker`.
    """
    with hosts("attacker", "host") as (attacker, host):
        wire(attacker, [f"{ATTACKER_4}/24", f"{ATTACKER_6}/64"], host, [f"{HOST_4}/24", f"{HOST_6}/64"])
        yield attacker, host
