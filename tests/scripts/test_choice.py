"""Which firewall firewall-drop.sh chooses on systems other than Linux, on doubles of their programs."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import pytest
from doubled import BACKENDS, Host
from shells import SHELLS

OFF = {"pf": {"enabled": False}, "ipfilter": {"running": False}, "npf": {"active": False}}
ABSENT = {"pf": "/dev/pf: No such file or directory", "ipfw": "getsockopt(IP_FW_XGET): Protocol not available"}

in_each_shell = pytest.mark.parametrize(
    "shell", [shell for shell in SHELLS if shell != "busybox"]
)  # its uname is its own


def host_with(folder: Path, system: str, firewalls: Sequence[str], **changes) -> Host:
    """Return a host with doubles of several firewalls; what they keep under one name belongs to the first of them."""
    programs = [program for name in firewalls for program in BACKENDS[name].programs]
    state = {key: value for name in reversed(firewalls) for key, value in BACKENDS[name].state.items()}
    (folder / "home" / "var").mkdir(parents=True)
    return Host(folder, programs, {**state, **changes}, system)


def used(host: Host) -> list:
    return (Path(host.path).parent / "home/var/firewalls").read_text().split()[::2]


@pytest.mark.parametrize(
    ("system", "there", "chosen"),
    [
        ("FreeBSD", ["pf"], "pf"), ("FreeBSD", ["ipfw"], "ipfw"), ("FreeBSD", ["ipfilter"], "ipfilter"),
        ("OpenBSD", ["pf"], "pf"), ("Darwin", ["pf"], "pf"), ("NetBSD", ["npf"], "npf"),
        ("NetBSD", ["ipfilter"], "ipfilter"), ("SunOS", ["ipfilter"], "ipfilter"), ("FreeBSD", ["pf", "ipfw"], "pf"),
        ("AIX", ["aix-ipsec"], "aix-ipsec"),
    ],
)  # fmt: skip
@in_each_shell
def test_what_the_system_has_is_chosen_asked_and_released(tmp_path, system, there, chosen, shell):
    host = host_with(tmp_path, system, there)
    options = {"shell": shell, "AR_HOME": str(tmp_path / "home"), "timeout_s": 60}
    for subject in ("203.0.113.7", "2001:db8::7", "2001:db8:5::/64"):
        for action, status in (("add", 0), ("present", 0), ("delete", 0), ("present", 1), ("delete", 0)):
            done = host.call("firewall-drop.sh", action, "-", subject, **options)
            assert (done.returncode, done.stderr) == (status, "")
            if (action, status) == ("present", 0):
                assert BACKENDS[chosen].blocks(host.state, subject)
    assert used(host) == [chosen]


@pytest.mark.parametrize(("system", "there"), [("FreeBSD", "pf"), ("FreeBSD", "ipfw"), ("NetBSD", "npf")])
@in_each_shell
def test_a_batch_goes_to_a_script_that_takes_none_one_by_one(tmp_path, system, there, shell):
    host = host_with(tmp_path, system, [there])
    lines = "203.0.113.7 60\n203.0.113.8 60\n2001:db8::7 0\n"

    def run(action: str, text: str = lines) -> str:
        options = {"shell": shell, "AR_HOME": str(tmp_path / "home"), "lines": text}
        done = host.call("firewall-drop.sh", action, "--batch", **options)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert run("present") == "missing 203.0.113.7\nmissing 203.0.113.8\nmissing 2001:db8::7\n"
    assert run("add") == run("present") == ""
    assert run("delete", "203.0.113.8 0\n") == ""
    assert run("present") == "missing 203.0.113.8\n"
    run("delete")
    assert run("present").count("missing") == 3


def test_of_a_batch_one_by_one_each_is_tried_and_one_failure_is_that_of_all(tmp_path):
    """The second entry is there already, within a wider one by hand, which npf takes for a conflict."""
    host = host_with(tmp_path, "NetBSD", ["npf"], ipsets=["ossec_fwtable"])
    done = host.call("firewall-drop.sh", "add", "--batch", lines="2001:db8:5::/64 60\n203.0.113.7 60\n")
    assert done.returncode == 69
    assert host.state["tables"]["ossec_fwtable"] == ["203.0.113.7/32"]


def test_one_that_is_enabled_goes_before_one_that_is_not(tmp_path):
    host = host_with(tmp_path, "FreeBSD", ["ipfw", "pf"], enabled=False)
    options = {"AR_HOME": str(tmp_path / "home")}
    assert host.call("firewall-drop.sh", "add", "-", "203.0.113.7", **options).returncode == 0
    assert used(host) == ["ipfw"]


@pytest.mark.parametrize(("system", "name"), [("OpenBSD", "pf"), ("SunOS", "ipfilter"), ("NetBSD", "npf")])
def test_where_none_is_enabled_the_first_says_how_to(tmp_path, system, name):
    host = host_with(tmp_path, system, [name], **OFF[name])
    done = host.call("firewall-drop.sh", "add", "-", "203.0.113.7", AR_HOME=str(tmp_path / "home"))
    assert done.returncode == 69
    assert "type " in done.stderr


def test_one_that_the_kernel_does_not_have_is_passed_over_and_holds_nothing(tmp_path):
    host = host_with(tmp_path, "FreeBSD", ["ipfw", "pf"], broken={"pfctl": ABSENT["pf"]})
    done = host.call("firewall-drop.sh", "add", "-", "203.0.113.7", AR_HOME=str(tmp_path / "home"))
    assert (done.returncode, used(host)) == (0, ["ipfw"])
    assert "passing over pf, which does not work here: pfctl: /dev/pf: No such file" in done.stderr
    assert host.call("firewall-drop.sh", "delete", "-", "203.0.113.7").returncode == 0


@pytest.mark.parametrize("action", ["add", "delete", "present"])
@pytest.mark.parametrize(
    ("system", "advice"),
    [("FreeBSD", "enable pf or ipfw"), ("NetBSD", "enable npf"), ("SunOS", "enable ipfilter"),
     ("Haiku", "this system is unknown")],
)  # fmt: skip
def test_where_there_is_none_it_says_so(tmp_path, system, advice, action):
    done = host_with(tmp_path, system, []).call("firewall-drop.sh", action, "-", "203.0.113.7")
    assert (done.returncode, done.stderr) == (69, f"firewall-drop.sh: no firewall works here: {advice}\n")


def test_no_block_that_must_expire_is_left_to_one_that_cannot_end_it(tmp_path):
    host = host_with(tmp_path, "OpenBSD", ["pf"])
    done = host.call("firewall-drop.sh", "add", "-", "203.0.113.7", AR_MUST_EXPIRE="1", timeout_s=60)
    assert done.returncode == 69
    assert "no firewall works here that ends a block by itself" in done.stderr
    assert host.state["tables"]["ossec_fwtable"] == []


def test_a_release_fails_while_one_does_not_answer_or_is_gone_after_it_was_used(tmp_path):
    """What is remembered is told by its name, whichever firewall came first."""
    host = host_with(tmp_path, "FreeBSD", ["pf", "ipfw"])
    options = {"AR_HOME": str(tmp_path / "home")}
    assert host.call("firewall-drop.sh", "add", "-", "203.0.113.7", **options).returncode == 0
    host.change(broken={"pfctl": "cannot allocate memory"})
    done = host.call("firewall-drop.sh", "delete", "-", "203.0.113.7", **options)
    assert done.returncode == 69
    assert "pf does not answer, and may hold what is asked for: pfctl: cannot allocate memory" in done.stderr
    host.change(broken={})
    host.uninstall("pfctl")
    done = host.call("firewall-drop.sh", "delete", "-", "203.0.113.7", **options)
    assert done.returncode == 69
    assert "pf may hold what is asked for, but is gone: there is no program pfctl" in done.stderr
    host.install("pfctl")
    assert host.call("firewall-drop.sh", "delete", "-", "203.0.113.7", **options).returncode == 0
    assert host.state["tables"]["ossec_fwtable"] == []
