"""`ar-agent init`: what it makes, what it finds, and what it leaves alone."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ar import ossecxml
from ar.cli import init, main
from ar.cli.starterconf import starter_conf
from ar.cli.survey import Blocker, Log, Survey, survey
from ar.config.check import doubts
from ar.config.home import Home
from ar.config.load import load
from ar.errors import CannotCreateError, PermissionDeniedError, UnavailableError
from ar.model import parse_address
from ar.shipped import shipped_scripts

TREE = Path(__file__).resolve().parent.parent.parent
SCRIPTS = {"firewall-drop.sh": b"#!/bin/sh\nexit 0\n", "lib.sh": b"true\n"}
FOUND = Survey(
    (Log("/var/log/auth.log", "syslog"), Log("/var/log/nginx/*.log", "apache")),
    Blocker("firewall-drop", "firewall-drop.sh", "nftables (/usr/sbin/nft)"),
    parse_address("198.51.100.9"),
)
FULL = {"firewall-drop.sh", "host-deny.sh", "route-null.sh", "lib.sh"}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "new" / "home")


@pytest.fixture
def root(tmp_path):
    """Return the root folder of a host on which nothing was installed."""
    path = tmp_path / "root"
    path.mkdir()
    return path


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o755)


def whats(made, home):
    return {str(one.path.relative_to(home.root)): one.what for one in made}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_made_with_its_folders_scripts_and_configuration(home):
    made = init.make_home(home, SCRIPTS, FOUND)
    assert whats(made, home) == {
        "active-response/bin/firewall-drop.sh": "created",
        "active-response/bin/lib.sh": "created",
        "etc/ossec.conf": "created",
    }
    assert home.scripts.joinpath("firewall-drop.sh").read_bytes() == SCRIPTS["firewall-drop.sh"]


def test_owners_and_modes_keep_others_out_whatever_the_umask(home):
    before = os.umask(0)
    try:
        init.make_home(home, SCRIPTS, FOUND)
    finally:
        os.umask(before)
    for name in ("", "etc", "etc/shared", "rules", "active-response", "active-response/bin", "logs", "logs/alerts"):
        assert mode(home.root / name) == 0o750, name
    assert mode(home.root / "var") == 0o700
    assert mode(home.scripts / "firewall-drop.sh") == 0o755
    assert mode(home.ossec_conf) == 0o640
    assert all(path.stat().st_uid == os.geteuid() for path in home.root.rglob("*"))


def test_a_second_time_everything_is_kept(home):
    init.make_home(home, SCRIPTS, FOUND)
    before = {path: path.stat().st_mtime_ns for path in home.root.rglob("*")}
    again = init.make_home(home, SCRIPTS, FOUND, update=True)
    assert set(whats(again, home).values()) == {"kept"}
    assert {path: path.stat().st_mtime_ns for path in home.root.rglob("*")} == before


def test_what_somebody_else_wrote_is_left_alone_even_with_update(home):
    home.scripts.mkdir(parents=True)
    home.ossec_conf.parent.mkdir()
    home.ossec_conf.write_text("<ossec_config>mine</ossec_config>")
    (home.scripts / "firewall-drop.sh").write_text("mine")
    made = init.make_home(home, SCRIPTS, FOUND, update=True)
    assert whats(made, home) == {
        "active-response/bin/firewall-drop.sh": "kept",
        "active-response/bin/lib.sh": "created",
        "etc/ossec.conf": "kept",
    }
    assert made[0].note == "it differs from the shipped one and was not written by init"
    assert home.ossec_conf.read_text() == "<ossec_config>mine</ossec_config>"
    assert (home.scripts / "firewall-drop.sh").read_text() == "mine"


def test_a_link_to_nowhere_in_place_of_a_file_is_left_alone(home, tmp_path):
    home.ossec_conf.parent.mkdir(parents=True)
    home.ossec_conf.symlink_to(tmp_path / "elsewhere")
    assert whats(init.make_home(home, SCRIPTS, FOUND), home)["etc/ossec.conf"] == "kept"
    assert not (tmp_path / "elsewhere").exists()


def test_a_script_that_init_wrote_is_updated_only_when_asked(home):
    init.make_home(home, SCRIPTS, FOUND)
    newer = {**SCRIPTS, "lib.sh": b"newer\n"}
    kept = init.make_home(home, newer, FOUND)[1]
    assert (kept.what, kept.note) == ("kept", "a newer one is shipped: --update replaces it")
    assert (home.scripts / "lib.sh").read_bytes() == b"true\n"
    assert init.make_home(home, newer, FOUND, update=True)[1].what == "updated"
    assert (home.scripts / "lib.sh").read_bytes() == b"newer\n"
    assert mode(home.scripts / "lib.sh") == 0o755


def test_a_script_that_was_changed_since_is_never_updated(home):
    init.make_home(home, SCRIPTS, FOUND)
    (home.scripts / "lib.sh").write_text("changed here")
    made = init.make_home(home, {**SCRIPTS, "lib.sh": b"newer\n"}, FOUND, update=True)
    assert (made[1].what, made[1].note) == ("kept", "you changed it since init wrote it")
    assert (home.scripts / "lib.sh").read_text() == "changed here"


def test_the_sums_are_as_sha256sum_checks_them(home):
    init.make_home(home, SCRIPTS, FOUND)
    digest = hashlib.sha256(SCRIPTS["lib.sh"]).hexdigest()
    assert f"{digest}  active-response/bin/lib.sh\n" in (home.root / "var/shipped.sums").read_text()


def test_a_dry_run_says_the_same_and_touches_nothing(home):
    said = init.make_home(home, SCRIPTS, FOUND, dry_run=True)
    assert not home.root.parent.exists()
    assert said == init.make_home(home, SCRIPTS, FOUND)


@pytest.mark.parametrize(
    ("code", "error", "exit_code"),
    [(13, PermissionDeniedError, 77), (30, CannotCreateError, 73), (28, CannotCreateError, 73)],
    ids=["no permission", "read-only file system", "disk full"],
)
def test_a_refusing_folder_is_named_with_its_exit_code(home, monkeypatch, code, error, exit_code):
    """The tests may run as root, whom no mode keeps out: the refusal is made up."""

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(init.Path, "mkdir", refuse)
    with pytest.raises(error, match=str(home.root)) as caught:
        init.make_home(home, SCRIPTS, FOUND)
    assert caught.value.exit_code == exit_code


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_permission_is_told_and_gets_77(tmp_path):
    forbidden = tmp_path / "forbidden"
    forbidden.mkdir(mode=0o700)
    arguments = ["init", "--home", str(forbidden / "home")]
    become_nobody = (  # once as root, without doing anything, so that nothing is left to be imported
        "import os, sys; from pathlib import Path; from ar import cli; from ar.cli import init\n"
        f"init.shipped_scripts = lambda: Path({str(tmp_path)!r})\n"
        "init.read_scripts = lambda folder: {'lib.sh': b''}\n"
        f"cli.main({[*arguments, '--dry-run']!r}); os.setuid(65534); sys.exit(cli.main({arguments!r}))"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", become_nobody], cwd=TREE, capture_output=True, text=True, check=False
    )
    expected = f"{forbidden}/home: Permission denied: expected root, or --home with a folder of your own"
    assert outcome.stderr == f"ar-agent: {expected}\n"
    assert outcome.returncode == 77


def test_a_file_in_place_of_a_folder_is_73(home):
    home.root.mkdir(parents=True)
    (home.root / "etc").touch()
    with pytest.raises(CannotCreateError, match="etc: cannot be made or read: File exists"):
        init.make_home(home, SCRIPTS, FOUND)


def test_half_a_file_is_not_left_behind_when_the_disk_is_full(home, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    home.scripts.mkdir(parents=True)
    monkeypatch.setattr(init.Path, "chmod", refuse)
    with pytest.raises(CannotCreateError, match="No space left on device"):
        init._Disk().new(home.scripts / "full.sh", b"content", 0o755)
    assert not (home.scripts / "full.sh").exists()


def test_without_shipped_scripts_it_says_so(tmp_path):
    with pytest.raises(UnavailableError, match="no response scripts"):
        init.read_scripts(tmp_path)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["var/log/auth.log", "var/log/syslog", "var/log/messages"], ["/var/log/auth.log", "/var/log/syslog"]),
        (["var/log/secure", "var/log/messages", "var/log/maillog"],
         ["/var/log/secure", "/var/log/messages", "/var/log/maillog"]),
        (["var/log/authlog", "var/www/logs/access.log"], ["/var/log/authlog", "/var/www/logs/*.log"]),
        (["var/log/messages", "var/log/httpd/error_log"], ["/var/log/messages", "/var/log/httpd/*_log"]),
        (["var/log/auth.log", "var/log/nginx/access.log", "var/log/apache2/vhost_access.log"],
         ["/var/log/auth.log", "/var/log/nginx/*.log", "/var/log/apache2/*.log"]),
        (["usr/bin/journalctl", "run/log/journal/x", "var/log/nginx/error.log"], ["journald", "/var/log/nginx/*.log"]),
        (["usr/bin/journalctl", "var/log/journal/x", "var/log/auth.log"], ["/var/log/auth.log"]),
        (["usr/bin/journalctl"], []),
        (["var/log/journal/x"], []),
        ([], []),
    ],
    ids=["debian", "alma", "openbsd", "messages alone", "web", "journald and web", "text before journald",
         "no journal", "no journalctl", "none"],
)  # fmt: skip
def test_the_logs_that_exist_are_found_and_journald_where_the_system_writes_no_text(root, there, expected):
    put(root, *there)
    assert [log.location for log in survey(root, {}, FULL, root / "none").logs] == expected


def test_the_homes_own_log_of_responses_is_followed_when_it_is_there(root):
    put(root, "home/active-responses.log")
    log = root / "home/active-responses.log"
    assert survey(root, {}, FULL, log).logs == (Log(str(log), "syslog"),)


@pytest.mark.parametrize(
    ("there", "script", "found"),
    [
        (["usr/sbin/nft", "usr/sbin/iptables"], "firewall-drop.sh", "nftables (/usr/sbin/nft)"),
        (["sbin/iptables", "sbin/ipset"], "firewall-drop.sh", "ipset (/sbin/ipset)"),
        (["sbin/iptables"], "firewall-drop.sh", "iptables (/sbin/iptables)"),
        (["usr/bin/firewall-cmd"], "firewall-drop.sh", "firewalld (/usr/bin/firewall-cmd)"),
        (["sbin/pfctl", "sbin/ipfw", "sbin/ipf"], "firewall-drop.sh", "pf (/sbin/pfctl)"),
        (["sbin/npfctl", "sbin/pfctl.disabled"], "firewall-drop.sh", "npf (/sbin/npfctl)"),
        (["sbin/ipfw", "etc/hosts.allow"], "firewall-drop.sh", "ipfw (/sbin/ipfw)"),
        (["usr/sbin/ipf"], "firewall-drop.sh", "IP Filter (/usr/sbin/ipf)"),
        (["usr/sbin/genfilt"], "firewall-drop.sh", "IP Security filters (/usr/sbin/genfilt)"),
        (["etc/hosts.deny"], "host-deny.sh", "no firewall; the files of tcp_wrappers"),
        ([], "route-null.sh", "no firewall"),
    ],
)  # fmt: skip
def test_the_best_firewall_that_a_shipped_script_drives_is_chosen(root, there, script, found):
    put(root, *there)
    blocker = survey(root, {}, FULL, root / "none").blocker
    assert (blocker.script, blocker.found) == (script, found)


def test_a_firewall_whose_script_was_not_shipped_is_only_told_of(root):
    put(root, "sbin/nft", "sbin/pfctl")
    blocker = survey(root, {}, FULL - {"firewall-drop.sh"}, root / "none").blocker
    told = "nftables (/sbin/nft), for which no script is shipped; pf (/sbin/pfctl), for which no script is shipped"
    assert (blocker.script, blocker.found) == ("route-null.sh", told)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SSH_CONNECTION": "198.51.100.9 50000 192.0.2.1 22"}, "198.51.100.9"),
        ({"SSH_CLIENT": "2001:db8::7 50000 22"}, "2001:db8::7"),
        ({"SSH_CONNECTION": "127.0.0.1 50000 127.0.0.1 22"}, None),
        ({"SSH_CONNECTION": "UNKNOWN 65535 UNKNOWN 65535"}, None),
        ({"SSH_CONNECTION": "--><white_list>0.0.0.0/0</white_list> 1 2 3"}, None),
        ({}, None),
    ],
)
def test_the_administrators_address_is_taken_from_sshd_and_only_if_it_is_one(root, environment, expected):
    client = survey(root, environment, FULL, root / "none").client
    assert (None if client is None else str(client)) == expected


@pytest.mark.parametrize("found", [FOUND, Survey((), FOUND.blocker, None)], ids=["all", "nothing"])
def test_the_configuration_is_xml_that_says_what_was_found(found):
    (root,) = ossecxml.parse(starter_conf(found), "ossec.conf")
    assert root.name == "ossec_config"
    logs = [(one.joined("location"), one.joined("log_format")) for one in root.named("localfile")]
    assert logs == [(log.location, log.log_format) for log in found.logs]
    allowed = [one.text for one in root.first("global").named("white_list")]
    assert allowed == ["127.0.0.1", "::1"] + (["198.51.100.9"] if found.client else [])


def test_the_configuration_loads_without_a_mistake_and_binds_the_blocker(home):
    init.make_home(home, init.read_scripts(shipped_scripts()), FOUND)
    loaded = load(home)
    assert loaded.mistakes == []
    (response,) = loaded.config.responses
    assert response.command.executable == "firewall-drop.sh"
    assert [response.sentence_s(offence) for offence in (1, 2, 3, 4, 5)] == [600, 1800, 3600, 7200, 7200]
    assert 10 in response.levels
    assert 9 not in response.levels
    assert [local.location for local in loaded.config.local_files] == ["/var/log/auth.log", "/var/log/nginx/*.log"]


# What the scripts expect that do not block an address; `no` is for those that are never undone.
EXPECT = {
    "disable-account.sh": ("user", "yes"), "email-notify.sh": ("srcip,user", "no"), "makelists.sh": ("", "no"),
    "webhook-notify.sh": ("srcip,user", "no"), "restart-agent.sh": ("", "no"), "restart-ossec.sh": ("", "no"),
}  # fmt: skip


def test_every_shipped_script_is_installed_and_a_configuration_that_names_them_all_passes_check(home):
    init.make_home(home, init.read_scripts(shipped_scripts()), FOUND)
    names = [path.name for path in sorted(shipped_scripts().glob("*.sh")) if "# usage: " in path.read_text()]
    assert {"firewalld-drop.sh", "fail2ban-ban.sh", "blocklistd.sh", "ip-customblock.sh", *EXPECT} < set(names)
    sections = []
    for name in names:
        expect, allowed = EXPECT.get(name, ("srcip", "yes"))
        sections.append(
            f"<command><name>{name}</name><executable>{name}</executable><expect>{expect}</expect>"
            f"<timeout_allowed>{allowed}</timeout_allowed></command>\n<active-response><command>{name}</command>"
            "<location>local</location><rules_id>5712</rules_id>"
            f"{'<timeout>600</timeout>' if allowed == 'yes' else ''}</active-response>\n"
        )
    log = home.root / "auth.log"
    log.touch()
    followed = f"<localfile><log_format>syslog</log_format><location>{log}</location></localfile>"
    home.ossec_conf.write_text(f"<ossec_config>\n{''.join(sections)}{followed}</ossec_config>\n")
    loaded = load(home)
    assert loaded.mistakes == []
    assert [str(doubt) for doubt in doubts(loaded)] == []
    assert sorted(loaded.config.commands) == names


def test_journald_loads_as_a_source(home):
    init.make_home(home, SCRIPTS, Survey((Log("journald", "journald"),), FOUND.blocker, None))
    loaded = load(home)
    assert loaded.mistakes == []
    assert [local.log_format for local in loaded.config.local_files] == ["journald"]


def test_a_location_with_signs_of_xml_is_written_so_that_it_comes_back(home):
    odd = Survey((Log("/srv/a&b<c/log", "syslog"),), FOUND.blocker, None)
    init.make_home(home, SCRIPTS, odd)
    assert [local.location for local in load(home).config.local_files] == ["/srv/a&b<c/log"]


def test_json_is_one_object_a_file(home, capsys):
    assert main(["init", "--home", str(home.root), "--json"]) == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"path": str(home.ossec_conf), "what": "created", "note": ""} in objects
    assert {tuple(one) for one in objects} == {("path", "what", "note")}


def test_it_says_what_to_type_next(home, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/ar-agent"])
    assert main(["init", "--home", str(home.root)]) == 0
    said = capsys.readouterr().out
    assert f"created  {home.ossec_conf}\n" in said
    assert f"  ar-agent --home {home.root} run --observe  # watch, and only say" in said


def test_a_dry_run_speaks_in_the_conditional(home, capsys):
    assert main(["init", "--home", str(home.root), "--dry-run"]) == 0
    assert f"would be created {home.ossec_conf}\n" in capsys.readouterr().out
    assert not home.root.exists()
