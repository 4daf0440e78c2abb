"""firewalld-drop.sh against a real firewalld, on a bus of its own, with real packets."""

from __future__ import annotations

import contextlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import pytest
from netns import ATTACKER_4, ATTACKER_6, HOST_4, HOST_6, Namespace, pair, require
from shells import PATH, SHELLS, call, in_each_shell, path_without, succeed

pytestmark = pytest.mark.e2e

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:dir={folder}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""
OF_THE_ADMINISTRATOR = f'rule family="ipv4" source address="{ATTACKER_4}" accept'
PEERS = [(ATTACKER_4, HOST_4), (ATTACKER_6, HOST_6)]


class Walled(NamedTuple):
    """A host on which firewalld runs, an attacker beside it, and where its bus is."""

    attacker: Namespace
    host: Namespace
    bus: str

    def ask(self, *arguments: str) -> str:
        """Run firewall-cmd, which must succeed, and return what it printed."""
        environment = {"PATH": PATH, "DBUS_SYSTEM_BUS_ADDRESS": self.bus}
        done = self.host.run(["firewall-cmd", *arguments], env=environment)
        assert done.returncode == 0, done
        return done.stdout.strip()

    def rules(self, zone: str = "public") -> list[str]:
        return self.ask(f"--zone={zone}", "--list-rich-rules").splitlines()

    def options(self, **more: Any) -> dict[str, Any]:
        return {"inside": self.host, "DBUS_SYSTEM_BUS_ADDRESS": self.bus, **more}


@contextlib.contextmanager
def running(started: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@contextlib.contextmanager
def firewalld(folder: Path) -> Iterator[Walled]:
    """Start a bus and firewalld with an empty configuration in a host's namespace."""
    require("firewalld", "firewall-cmd", "dbus-daemon", "nft")
    (folder / "bus.conf").write_text(BUS.format(folder=folder))
    (folder / "etc").mkdir()
    (folder / "etc/firewalld.conf").write_text("DefaultZone=public\nFirewallBackend=nftables\n")
    with pair() as (attacker, host):
        bus = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile", "--print-address=1"]
        with running(host.start(bus, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)) as daemon:
            walled = Walled(attacker, host, daemon.stdout.readline().strip())  # type: ignore[union-attr]  # a pipe
            wall = ["firewalld", "--nofork", "--nopid", "--system-config", str(folder / "etc"), "--log-target=console"]
            environment = {"PATH": PATH, "DBUS_SYSTEM_BUS_ADDRESS": walled.bus}
            with (folder / "log").open("w") as log, running(host.start(wall, stdout=log, stderr=log, env=environment)):
                for _ in range(100):  # each answer takes it a tenth of a second
                    if host.run(["firewall-cmd", "--state"], env=environment).returncode == 0:
                        break
                else:
                    pytest.fail((folder / "log").read_text())
                yield walled


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    with firewalld(tmp_path_factory.mktemp("w")) as walled:
        yield walled


@pytest.fixture
def walled(started):
    """firewalld as it is after a reload: nothing is in force."""
    started.ask("--reload")
    assert started.rules() == []
    return started


@in_each_shell
@pytest.mark.parametrize(("address", "host"), PEERS)
def test_packets_are_dropped_while_the_block_is_in_force(walled, shell, address, host):
    require(SHELLS[shell][0])
    options = walled.options(shell=shell, timeout_s=600)
    with walled.host.listen(host, 22):
        assert walled.attacker.reaches(host, 22, within_s=5)
        assert call("firewalld-drop.sh", "present", "-", address, **options).returncode == 1
        for _ in range(2):
            assert succeed("firewalld-drop.sh", "add", "-", address, **options) == ""
            assert succeed("firewalld-drop.sh", "present", "-", address, **options) == ""
            assert len(walled.rules()) == 1
            assert not walled.attacker.reaches(host, 22)
        for _ in range(2):
            assert succeed("firewalld-drop.sh", "delete", "-", address, **options) == ""
            assert walled.rules() == []
        assert call("firewalld-drop.sh", "present", "-", address, **options).returncode == 1
        assert walled.attacker.reaches(host, 22, within_s=5)


def test_a_prefix_is_dropped_as_a_whole_and_another_one_not(walled):
    options = walled.options(timeout_s=600)
    with walled.host.listen(HOST_6, 22):
        succeed("firewalld-drop.sh", "add", "-", "2001:db8:1::/64", **options)
        assert walled.attacker.reaches(HOST_6, 22, within_s=5)
        succeed("firewalld-drop.sh", "add", "-", "2001:db8::/64", **options)
        assert not walled.attacker.reaches(HOST_6, 22)
        succeed("firewalld-drop.sh", "delete", "-", "2001:db8::/64", **options)
        assert walled.attacker.reaches(HOST_6, 22, within_s=5)
        assert len(walled.rules()) == 1


def test_after_a_reload_the_block_is_missing_and_is_put_back(walled):
    options = walled.options(timeout_s=600)
    with walled.host.listen(HOST_4, 22):
        succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **options)
        walled.ask("--reload")
        assert call("firewalld-drop.sh", "present", "-", ATTACKER_4, **options).returncode == 1
        succeed("firewalld-drop.sh", "delete", "-", "198.51.100.7", **options)
        succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **options)
        assert not walled.attacker.reaches(HOST_4, 22)


def test_firewalld_itself_ends_a_block_and_a_second_add_gives_it_more_time(walled):
    """Of two blocks of a second (and the 5 s more) one is prolonged: it alone stays."""
    options = walled.options(timeout_s=1)
    succeed("firewalld-drop.sh", "add", "-", "198.51.100.7", **options)
    succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **options)
    succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **walled.options(timeout_s=600))
    for _ in range(100):  # firewalld counts 6 s; each answer takes a tenth of a second
        if len(walled.rules()) == 1:
            break
    assert [ATTACKER_4 in rule for rule in walled.rules()] == [True]
    assert succeed("firewalld-drop.sh", "present", "-", ATTACKER_4, **options) == ""
    assert call("firewalld-drop.sh", "present", "-", "198.51.100.7", **options).returncode == 1


@in_each_shell
def test_a_batch_is_dropped_and_released_as_a_whole(walled, shell):
    require(SHELLS[shell][0])
    subjects = [ATTACKER_4, ATTACKER_6, "2001:db8:1::/64", "198.51.100.7", "198.51.100.77"]
    lines = "".join(f"{subject} {600 if number else 0}\n" for number, subject in enumerate(subjects))
    options = walled.options(shell=shell, lines=lines)
    missing = "".join(f"missing {subject}\n" for subject in subjects)
    succeed("firewalld-drop.sh", "add", "-", "198.51.100.8", **walled.options())
    assert succeed("firewalld-drop.sh", "present", "--batch", **options) == missing
    with walled.host.listen(HOST_4, 22), walled.host.listen(HOST_6, 22):
        for _ in range(2):
            assert succeed("firewalld-drop.sh", "add", "--batch", **options) == ""
            assert len(walled.rules()) == 6
        assert succeed("firewalld-drop.sh", "present", "--batch", **options) == ""
        assert not walled.attacker.reaches(HOST_4, 22)
        assert not walled.attacker.reaches(HOST_6, 22)
        succeed("firewalld-drop.sh", "delete", "-", "198.51.100.7", **walled.options())
        assert succeed("firewalld-drop.sh", "present", "--batch", **options) == "missing 198.51.100.7\n"
        for _ in range(2):
            assert succeed("firewalld-drop.sh", "delete", "--batch", **options) == ""
            assert len(walled.rules()) == 1
        assert walled.attacker.reaches(HOST_4, 22, within_s=5)
        assert walled.attacker.reaches(HOST_6, 22, within_s=5)


def test_what_firewalld_refuses_of_a_batch_is_a_failure(walled, tmp_path):
    """A firewall-cmd that does not pass one of the rules on, and has status 0 all the same, as the real one has."""
    path = path_without(tmp_path / "bin", "firewall-cmd")
    (tmp_path / "bin/firewall-cmd").write_text(
        "#!/bin/sh\nfor word; do shift; case $word in *-rich-rule=*198.51.100.7*) ;; *) set -- "
        '"$@" "$word" ;; esac; done\nexec /usr/bin/firewall-cmd "$@"\n'
    )
    (tmp_path / "bin/firewall-cmd").chmod(0o755)
    options = walled.options(lines="198.51.100.7 600\n198.51.100.8 600\n")
    done = call("firewalld-drop.sh", "add", "--batch", **options, PATH=path)
    assert done.returncode == 69
    assert "firewalld did not take all" in done.stderr
    succeed("firewalld-drop.sh", "add", "--batch", **options)
    done = call("firewalld-drop.sh", "delete", "--batch", **options, PATH=path)
    assert done.returncode == 69
    assert "firewalld did not let go of all" in done.stderr


@pytest.mark.parametrize("timeout_s", [0, 999999999])
def test_a_block_for_good_and_the_longest_are_taken(walled, timeout_s):
    succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **walled.options(timeout_s=timeout_s))
    assert len(walled.rules()) == 1


def test_the_administrators_own_rules_stay_and_an_accept_among_them_does_not_help(walled):
    walled.ask("--zone=public", f"--add-rich-rule={OF_THE_ADMINISTRATOR}")
    with walled.host.listen(HOST_4, 22):
        succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **walled.options())
        assert not walled.attacker.reaches(HOST_4, 22)
        succeed("firewalld-drop.sh", "delete", "-", ATTACKER_4, **walled.options())
        assert walled.attacker.reaches(HOST_4, 22, within_s=5)
    assert walled.rules() == [OF_THE_ADMINISTRATOR]


def test_the_zone_of_the_interface_is_blocked_in_and_any_zone_released_in(walled):
    """The block begins while the interface is in the zone work, and ends when it is in it no more."""
    walled.ask("--zone=work", "--change-interface=to-attacker")
    with walled.host.listen(HOST_4, 22):
        assert walled.attacker.reaches(HOST_4, 22, within_s=5)
        succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **walled.options())
        assert not walled.attacker.reaches(HOST_4, 22)
        assert [len(walled.rules(zone)) for zone in ("public", "work")] == [1, 1]
        walled.ask("--zone=public", "--change-interface=to-attacker")
        succeed("firewalld-drop.sh", "delete", "-", ATTACKER_4, **walled.options())
        assert [walled.rules(zone) for zone in ("public", "work")] == [[], []]


def test_two_at_once_leave_one_rule(walled):
    options = walled.options(timeout_s=600)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: succeed("firewalld-drop.sh", "add", "-", ATTACKER_4, **options), range(4)))
    assert len(walled.rules()) == 1


@pytest.mark.parametrize("action", ["add", "delete", "present"])
def test_where_firewalld_does_not_answer_nothing_is_promised(walled, tmp_path, action):
    done = call(
        "firewalld-drop.sh", action, "-", ATTACKER_4, inside=walled.host, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/n"
    )
    assert done.returncode == 69
    assert "firewalld-drop.sh: cannot ask firewalld:" in done.stderr
    without = path_without(tmp_path / "bin", "firewall-cmd")
    done = call("firewalld-drop.sh", action, "-", ATTACKER_4, **walled.options(PATH=without))
    assert (done.returncode, done.stderr) == (
        69,
        "firewalld-drop.sh: there is no firewall-cmd here: install firewalld\n",
    )
