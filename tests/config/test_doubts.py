"""What loads but will not do what it seems to: each doubt in its exact words."""

from __future__ import annotations

import os
import time

import pytest
from trialhome import RULES

from ar.config.check import Surroundings, _fault_of_log, doubts
from ar.config.settings import LocalFile
from ar.errors import Place

AROUND = Surroundings(os.geteuid(), time.struct_time((2030, 5, 17, 12, 0, 0, 4, 137, 0)))
COMMAND = "<command><name>firewall-drop</name><executable>firewall-drop.sh</executable><expect>srcip</expect></command>"
PLACE = Place("etc/ossec.conf", 4)
OK = "<rules_id>100002</rules_id><timeout>600</timeout>"


@pytest.fixture
def said(trial):
    """Return what is doubtful about responses (from line 3 on) in a home in which all else is well."""
    trial.script()
    log = trial.write("var.log", "")
    trial.write("rules/mine.xml", RULES)

    def said(*responses: str, more: str = "", command: str = COMMAND, local: str = str(log)) -> list[str]:
        lines = "\n".join(f"<active-response><command>firewall-drop</command>{r}</active-response>" for r in responses)
        trial.conf(
            f"{command}\n{lines}\n{more}<localfile><log_format>syslog</log_format><location>{local}</location></localfile>"
            "<rules><include>rules_config.xml</include><include>mine.xml</include></rules>"
        )
        loaded = trial.load()
        assert [str(mistake) for mistake in loaded.mistakes] == []
        return [str(doubt) for doubt in doubts(loaded, AROUND)]

    return said


def test_a_sound_configuration_raises_no_doubt(said):
    assert said(OK) == []


def test_a_missing_script_is_told_at_its_command(said, trial):
    (trial.home.scripts / "firewall-drop.sh").unlink()
    assert said(OK) == [
        (
            "etc/ossec.conf:2: command 'firewall-drop' cannot run active-response/bin/firewall-drop.sh: "
            "there is no such script"
        )
    ]


@pytest.mark.parametrize(
    ("mode", "fault"), [(0o640, "it is not executable"), (0o757, "it is writable by others (mode 0757)")]
)
def test_a_script_that_may_not_be_run_is_told_with_the_reason(said, trial, mode, fault):
    trial.script(mode=mode)
    assert said(OK) == [
        f"etc/ossec.conf:2: command 'firewall-drop' cannot run active-response/bin/firewall-drop.sh: {fault}"
    ]


def test_a_command_that_no_response_runs_needs_no_script(said):
    more = "<command><name>spare</name><executable>spare.sh</executable><expect/></command>"
    assert said(OK, more=more) == []


def test_a_rule_that_does_not_exist_is_told(said):
    assert said("<rules_id>100002,100099</rules_id>") == [
        "etc/ossec.conf:3: rules_id 100099 of 'firewall-drop': no loaded rule has that number"
    ]


def test_a_rule_of_level_0_never_fires_a_response_and_is_told(said):
    assert said("<rules_id>100001,100002</rules_id>") == [
        "etc/ossec.conf:3: rules_id 100001 of 'firewall-drop': its level is 0, which never fires a response"
    ]


def test_a_rule_with_no_ar_is_told(said):
    assert said("<rules_id>100002,100004</rules_id>") == [
        "etc/ossec.conf:3: rules_id 100004 of 'firewall-drop': its option no_ar keeps it from firing responses"
    ]


@pytest.mark.parametrize(
    "binding", ["<level>16</level>", "<level>1,2</level>", "<rules_group>sshd</rules_group>", "<level>7-9</level>"]
)
def test_a_response_that_fits_no_rule_is_told_and_so_is_that_nothing_is_ever_blocked(said, binding):
    assert said(binding) == [
        "etc/ossec.conf: no response is bound to any rule, so nothing is ever blocked",
        (
            "etc/ossec.conf:3: the response that runs 'firewall-drop' never runs: "
            "expected a level, group or id that a loaded rule has"
        ),
    ]


def test_without_any_response_nothing_is_ever_blocked(said):
    assert said() == ["etc/ossec.conf: no response is bound to any rule, so nothing is ever blocked"]


def test_two_responses_of_one_command_on_the_same_rules_are_told(said):
    assert said(OK, "<level>6</level>", "<rules_group>authentication_failed</rules_group>", "<level>5</level>") == [
        (
            "etc/ossec.conf:5: 'firewall-drop' also runs on rule 100002 by etc/ossec.conf:3: "
            "there the longer of their sentences counts"
        ),
        (
            "etc/ossec.conf:6: 'firewall-drop' also runs on rule 100002 by etc/ossec.conf:3: "
            "there the longer of their sentences counts"
        ),
        (
            "etc/ossec.conf:6: 'firewall-drop' also runs on rule 100003 by etc/ossec.conf:4: "
            "there the longer of their sentences counts"
        ),
        (
            "etc/ossec.conf:6: 'firewall-drop' also runs on rule 100002 by etc/ossec.conf:5: "
            "there the longer of their sentences counts"
        ),
    ]


def test_responses_of_one_command_on_different_rules_are_fine(said):
    assert said(OK, "<rules_id>100003</rules_id>") == []


def test_a_second_offence_shorter_than_the_first_is_told(said):
    assert said("<rules_id>100002</rules_id><timeout>3600</timeout><repeated_offenders>30,60</repeated_offenders>") == [
        (
            "etc/ossec.conf:3: the second offence is blocked for less (30 min, etc/ossec.conf:3) than the first (1 h): "
            "expected steps longer than the timeout"
        )
    ]


def test_a_default_for_repeated_offenders_that_no_response_uses_is_told(said):
    more = "<active-response><repeated_offenders>30</repeated_offenders></active-response>\n"
    assert said("<rules_id>100002</rules_id>", more=more) == [
        (
            "etc/ossec.conf:4: no response here uses this default for repeated offenders: "
            "expected a response with a timeout"
        )
    ]


def test_loadings_own_warnings_are_among_the_doubts(said):
    steps = "<repeated_offenders>30,60,20</repeated_offenders>"
    assert said(OK + steps) == [
        "etc/ossec.conf:3: <repeated_offenders> is '30,60,20': it falls after 1 h: expected a list that rises"
    ]


def test_a_log_that_does_not_exist_is_told(said):
    assert said(OK, local="/nonexistent/auth.log") == [
        "etc/ossec.conf:4: log /nonexistent/auth.log: it does not exist now"
    ]


def test_a_log_that_is_a_folder_is_told(said, trial):
    assert said(OK, local=str(trial.home.root)) == [f"etc/ossec.conf:4: log {trial.home.root}: it is a folder"]


def test_a_glob_without_a_file_is_told_and_with_one_is_fine(said, trial):
    pattern = f"{trial.home.root}/log.d/*.log"
    assert said(OK, local=pattern) == [f"etc/ossec.conf:4: log {pattern}: no file fits it now"]
    trial.write("log.d/a.log", "")
    assert said(OK, local=pattern) == []


def test_a_dated_location_means_todays_file(said, trial):
    pattern = f"{trial.home.root}/a-%Y-%m-%d.log"
    assert said(OK, local=pattern) == [f"etc/ossec.conf:4: log {pattern}: it does not exist now"]
    trial.write("a-2030-05-17.log", "")
    assert said(OK, local=pattern) == []


def test_a_home_without_any_log_to_follow_is_told(trial):
    trial.toml("settle = 1")
    assert "etc/agent.toml: no log is followed: expected a localfile" in [
        str(doubt) for doubt in doubts(trial.load(), AROUND)
    ]


def test_without_an_argument_this_process_and_time_are_meant(trial):
    trial.conf("")
    assert [doubt.what for doubt in doubts(trial.load())] == [
        "no response is bound to any rule, so nothing is ever blocked",
        "no log is followed",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_log_that_the_agents_user_may_not_read_is_told(trial):
    folder = trial.write("private/auth.log", "").parent
    folder.chmod(0o700)
    trial.home.root.chmod(0o755)
    os.seteuid(65534)
    try:
        found = _fault_of_log(LocalFile("syslog", f"{folder}/auth.log", PLACE), AROUND)
    finally:
        os.seteuid(0)
    assert found == "it cannot be read (Permission denied)"


def test_a_log_without_read_permission_is_told(said, trial, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    log = trial.home.root / "var.log"
    assert said(OK) == [f"etc/ossec.conf:4: log {log}: it cannot be read (Permission denied)"]


def test_a_host_name_in_the_allowlist_is_told_to_be_looked_up_once(said):
    more = "<global><white_list>admin.example.org</white_list>\n<white_list>192.0.2.7</white_list></global>\n"
    assert said(OK, more=more) == [
        (
            "etc/ossec.conf:4: host name 'admin.example.org' is looked up when the agent starts or reloads, "
            "and only then: expected an address or network, if it may get another address"
        )
    ]


def test_the_allowlists_localhost_is_nothing_to_doubt(said):
    assert said(OK, more="<global><white_list>^localhost.localdomain$</white_list></global>\n") == []
