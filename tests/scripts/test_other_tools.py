"""Scripts that hand an address to another tool: fail2ban (the real one), the helper of blocklistd, and the template."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from netns import Namespace, hosts, require
from shells import SHELLS, call, in_each_shell, path_without, succeed

ADDRESSES = ["192.0.2.7", "2001:db8::7", "2001:db8:1::/64"]


@in_each_shell
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_template_keeps_a_file_for_each_address(tmp_path, shell, address):
    require(SHELLS[shell][0])
    options: dict[str, Any] = {"shell": shell, "AR_HOME": str(tmp_path)}
    folder = tmp_path / "var/ipblock"
    succeed("ip-customblock.sh", "delete", "-", address, **options)
    assert call("ip-customblock.sh", "present", "-", address, **options).returncode == 1
    for _ in range(2):
        succeed("ip-customblock.sh", "add", "-", address, **options)
        assert [path.name for path in folder.iterdir()] == [address.replace("/", "_")]
        succeed("ip-customblock.sh", "present", "-", address, **options)
    for _ in range(2):
        succeed("ip-customblock.sh", "delete", "-", address, **options)
        assert list(folder.iterdir()) == []


def test_a_template_that_cannot_write_fails(tmp_path):
    (tmp_path / "var").write_text("in the way")
    done = call("ip-customblock.sh", "add", "-", "192.0.2.7", AR_HOME=str(tmp_path))
    assert done.returncode == 73
    assert f"ip-customblock.sh: cannot write to {tmp_path}/var/ipblock" in done.stderr


# ── fail2ban ─────────────────────────────────────────────────────────────────────────────────────────────────────

FAIL2BAN = {
    "fail2ban.conf": "[Definition]\nloglevel=INFO\nlogtarget={folder}/log\nsyslogsocket=auto\n"
    "socket={folder}/sock\npidfile={folder}/pid\ndbfile=None\ndbpurgeage=1d\ndbmaxmatches=1\n",
    "jail.conf": "[DEFAULT]\nbackend=polling\nmaxretry=5\nfindtime=600\nbantime=-1\nenabled=false\nignoreip=\n"
    "logencoding=auto\nusedns=no\nbanaction=\n[ar-agent]\nenabled=true\nfilter=none\nlogpath={folder}/empty\n"
    "action=\n[other]\nenabled=true\nfilter=none\nlogpath={folder}/empty\naction=\n",
    "filter.d/none.conf": "[Definition]\nfailregex = ^never <HOST>$\n",
}


@pytest.fixture(scope="module")
def fail2ban(tmp_path_factory) -> Iterator[tuple[Namespace, list[str]]]:
    """A host where fail2ban runs with two jails that do nothing else, and how its /etc is seen."""
    require("fail2ban-server", "fail2ban-client", "unshare")
    folder = tmp_path_factory.mktemp("f")
    for name, text in FAIL2BAN.items():
        path = folder / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(folder=folder))
    (folder / "empty").touch()
    wrapper = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/fail2ban && exec "$@"', str(folder / "etc")]
    with hosts("banning") as (host,):
        server = host.start([*wrapper, "fail2ban-server", "-xf", "start"], stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):  # each answer takes it a tenth of a second
                if host.run([*wrapper, "fail2ban-client", "status", "other"]).returncode == 0:
                    break
            else:
                pytest.fail("fail2ban did not start")
            yield host, wrapper
        finally:
            server.terminate()
            server.wait(timeout=20)


@pytest.mark.e2e
@in_each_shell
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_real_fail2ban_bans_and_unbans(fail2ban, tmp_path, shell, address):
    require(SHELLS[shell][0])
    host, wrapper = fail2ban
    options: dict[str, Any] = {"shell": shell, "inside": host, "wrapper": wrapper, "AR_HOME": str(tmp_path)}
    assert succeed("fail2ban-ban.sh", "delete", "-", address, **options) == ""
    assert call("fail2ban-ban.sh", "present", "-", address, **options).returncode == 1
    for _ in range(2):
        assert succeed("fail2ban-ban.sh", "add", "-", address, **options) == ""
        assert succeed("fail2ban-ban.sh", "present", "-", address, **options) == ""
    for _ in range(2):
        assert succeed("fail2ban-ban.sh", "delete", "-", address, **options) == ""
        assert call("fail2ban-ban.sh", "present", "-", address, **options).returncode == 1


@pytest.mark.e2e
def test_the_jail_may_be_named_and_must_be_one(fail2ban, tmp_path):
    host, wrapper = fail2ban
    options: dict[str, Any] = {"inside": host, "wrapper": wrapper, "AR_HOME": str(tmp_path)}
    (tmp_path / "etc").mkdir()
    conf = tmp_path / "etc/fail2ban-ban.conf"
    conf.write_text("jail = other\n")
    succeed("fail2ban-ban.sh", "add", "-", "192.0.2.9", **options)
    succeed("fail2ban-ban.sh", "delete", "-", "192.0.2.9", **options)
    conf.write_text("jail = nix\n")
    done = call("fail2ban-ban.sh", "add", "-", "192.0.2.9", **options)
    assert done.returncode == 69
    assert "fail2ban-ban.sh: cannot ask fail2ban for the jail nix: " in done.stderr
    for hostile in ("--help", "a b", "$(id)"):
        conf.write_text(f"jail = {hostile}\n")
        assert call("fail2ban-ban.sh", "add", "-", "192.0.2.9", **options).returncode == 78


def test_without_fail2ban_it_says_what_to_install(tmp_path):
    path = path_without(tmp_path / "bin", "fail2ban-client")
    done = call("fail2ban-ban.sh", "add", "-", "192.0.2.7", AR_HOME=str(tmp_path), PATH=path)
    assert done.returncode == 69
    assert done.stderr == "fail2ban-ban.sh: there is no fail2ban-client here: install fail2ban\n"


# ── blocklistd ───────────────────────────────────────────────────────────────────────────────────────────────────

# Strict: seven arguments as blocklistd(8) gives them. Like npf it gives each rule an id, and knows it by nothing else.
HELPER = """#!{python}
import ipaddress, json, sys
from pathlib import Path
state = Path(__file__).with_name("rules")
rules = json.loads(state.read_text()) if state.exists() else {{}}
action, name, protocol, address, mask, port, number = sys.argv[1:]
assert name == "{name}" and protocol == "" and port == "", sys.argv
network = str(ipaddress.ip_network(address + "/" + mask))
if Path(__file__).with_name("broken").exists():
    sys.exit("npfctl: No such device")
if action == "add":
    assert number == ""
    number = hex(len(rules) + 10 + sum(map(len, rules)))[2:]
    rules[number] = network
    print("OK", number)
elif action == "rem":
    if rules.get(number) != network:
        sys.exit("npfctl: no such rule")
    del rules[number]
    print("OK")
else:
    sys.exit("unknown action")
state.write_text(json.dumps(rules))
"""


class Helped:
    """A host with the helper in /usr/libexec, as FreeBSD has it; `rules` are the networks that it blocks."""

    def __init__(self, folder: Path, name: str = "blocklistd") -> None:
        self.folder = folder
        self.options: dict[str, Any] = {"AR_HOME": str(folder), "AR_RUN": str(folder)}
        self.libexec = folder / "libexec"
        self.libexec.mkdir()
        mounted = 'mount --bind "$0" /usr/libexec && exec "$@"'
        self.options["wrapper"] = ["unshare", "--mount", "sh", "-c", mounted, str(self.libexec)]
        helper = self.libexec / f"{name}-helper"
        helper.write_text(HELPER.format(python=sys.executable, name=name))
        helper.chmod(0o755)

    @property
    def rules(self) -> list[str]:
        state = self.libexec / "rules"
        return list(json.loads(state.read_text()).values()) if state.exists() else []

    def call(self, action: str, address: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return call("blocklistd.sh", action, "-", address, **self.options, **options)

    def succeed(self, action: str, address: str, **options: Any) -> None:
        assert succeed("blocklistd.sh", action, "-", address, **self.options, **options) == ""


@pytest.fixture
def helped(tmp_path):
    require("unshare")
    return Helped(tmp_path)


@in_each_shell
@pytest.mark.parametrize(
    ("address", "network"), [(ADDRESSES[0], "192.0.2.7/32"), (ADDRESSES[1], "2001:db8::7/128"), (ADDRESSES[2],) * 2]
)
def test_the_helper_of_blocklistd_gets_its_arguments_and_its_id_back(helped, shell, address, network):
    require(SHELLS[shell][0])
    helped.succeed("delete", address, shell=shell)
    helped.succeed("add", "198.51.100.1", shell=shell)
    for _ in range(2):
        helped.succeed("add", address, shell=shell)
        assert helped.rules == ["198.51.100.1/32", network]
    for _ in range(2):
        helped.succeed("delete", address, shell=shell)
        assert helped.rules == ["198.51.100.1/32"]
    assert helped.call("present", address, shell=shell).returncode == 69


def test_after_a_reboot_the_rule_is_put_in_though_it_is_on_record(helped):
    helped.succeed("add", ADDRESSES[0])
    (helped.libexec / "rules").unlink()
    helped.succeed("add", ADDRESSES[0])
    assert helped.rules == ["192.0.2.7/32"]
    helped.succeed("delete", ADDRESSES[0])
    assert helped.rules == []


def test_the_older_name_is_known(tmp_path):
    require("unshare")
    helped = Helped(tmp_path, "blacklistd")
    helped.succeed("add", ADDRESSES[0])
    assert helped.rules == ["192.0.2.7/32"]


def test_a_helper_that_fails_is_a_failure_and_the_rule_is_not_forgotten(helped):
    helped.succeed("add", ADDRESSES[0])
    (helped.libexec / "broken").touch()
    for action in ("delete", "add"):
        done = helped.call(action, ADDRESSES[0])
        assert done.returncode != 0
        assert "No such device" in done.stderr
    (helped.libexec / "broken").unlink()
    helped.succeed("delete", ADDRESSES[0])
    assert helped.rules == []


def test_a_rule_whose_id_cannot_be_kept_is_taken_out_again(helped):
    (helped.folder / "var").write_text("in the way")
    done = helped.call("add", ADDRESSES[0])
    assert done.returncode == 73
    assert helped.rules == []


def test_without_a_helper_it_says_so(tmp_path):
    done = call("blocklistd.sh", "add", "-", ADDRESSES[0], AR_HOME=str(tmp_path), AR_RUN=str(tmp_path))
    assert done.returncode == 69
    assert "blocklistd.sh: there is no blocklistd-helper here" in done.stderr
