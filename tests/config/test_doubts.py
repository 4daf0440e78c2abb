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
UNSEEN = (
    "etc/ossec.conf: not one of the logs can be followed now, so nothing will be seen until one can: "
    "expected a log that is there and that this user may read"
)
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


def test_a_script_that_asks_needs_a_contract_in_which_it_is_answered(said, trial):
    script = trial.script()
    script.write_text('#!/bin/sh\necho \'{"command":"check_keys"}\'\n')
    assert said(OK) == [
        (
            "etc/ossec.conf:2: active-response/bin/firewall-drop.sh asks `check_keys` as Wazuh's scripts do, and gets "
            "no answer by argv: expected the contract wazuh4 or wazuh5 for command 'firewall-drop'"
        )
    ]
    trial.toml('contract.firewall-drop = "wazuh4"\n')
    assert said(OK) == []


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


@pytest.mark.parametrize("binding", ["<level>16</level>", "<level>1,2</level>", "<level>7-9</level>"])
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
        UNSEEN,
        "etc/ossec.conf:4: log /nonexistent/auth.log: it does not exist now",
    ]


def test_a_log_that_is_a_folder_is_told(said, trial):
    assert said(OK, local=str(trial.home.root)) == [
        UNSEEN,
        f"etc/ossec.conf:4: log {trial.home.root}: it is a folder",
    ]


def test_a_glob_without_a_file_is_told_and_with_one_is_fine(said, trial):
    pattern = f"{trial.home.root}/log.d/*.log"
    assert said(OK, local=pattern) == [UNSEEN, f"etc/ossec.conf:4: log {pattern}: no file fits it now"]
    trial.write("log.d/a.log", "")
    assert said(OK, local=pattern) == []


def test_a_dated_location_means_todays_file(said, trial):
    pattern = f"{trial.home.root}/a-%Y-%m-%d.log"
    assert said(OK, local=pattern) == [UNSEEN, f"etc/ossec.conf:4: log {pattern}: it does not exist now"]
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
    monkeypatch.setattr(os, "access", lambda _, how: how != os.R_OK)
    log = trial.home.root / "var.log"
    assert said(OK) == [UNSEEN, f"etc/ossec.conf:4: log {log}: it cannot be read (Permission denied)"]
    pattern = str(log).replace("var", "va?")
    assert said(OK, local=pattern) == [UNSEEN, f"etc/ossec.conf:4: log {pattern}: no file that fits it can be read"]


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


@pytest.mark.parametrize(
    ("written", "group"),
    [
        ("authentication_failuress", "authentication_failuress"),
        ("authentication_failed,authentication_faild", "authentication_faild"),
        ("authentication_failed|authentication_faild", "authentication_faild"),
    ],
)
def test_a_rules_group_that_no_loaded_rule_has_is_told_even_when_another_binding_fits(said, written, group):
    assert said(f"<rules_id>100002</rules_id><rules_group>{written}</rules_group>") == [
        (
            f"etc/ossec.conf:3: rules_group {group!r} of 'firewall-drop': no loaded rule fits it: "
            "expected 'authentication_failed'"
        )
    ]


def test_a_rules_group_that_is_like_no_other_is_told_as_well(said):
    assert said("<rules_id>100002</rules_id><rules_group>zzz</rules_group>") == [
        (
            "etc/ossec.conf:3: rules_group 'zzz' of 'firewall-drop': no loaded rule fits it: "
            "expected a group of a loaded rule"
        )
    ]


def test_a_rules_group_of_rules_that_never_fire_responses_is_told(said, trial):
    quiet = RULES.replace("failed,", "failed,</group><group>").replace(
        'level="0"><match>', 'level="0"><group>silent,</group><match>'
    )
    trial.write("rules/mine.xml", quiet)
    assert said("<rules_id>100002</rules_id><rules_group>silent</rules_group>") == [
        (
            "etc/ossec.conf:3: rules_group 'silent' of 'firewall-drop': "
            "all rules that fit are of level 0 or have the option no_ar"
        )
    ]


def test_a_level_that_no_loaded_rule_has_is_told_even_when_another_binding_fits(said):
    assert said("<rules_id>100002</rules_id><level>12</level>") == [
        (
            "etc/ossec.conf:3: level of 'firewall-drop': no loaded rule has it: "
            "expected a level of a loaded rule, 10 at most"
        )
    ]


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("0.0.0.0/0", "is every IPv4 address, so none is ever blocked: expected the networks that you trust"),
        ("::/0", "is every IPv6 address, so none is ever blocked: expected the networks that you trust"),
        ("128.0.0.0/7", "is so wide that hardly any IPv4 address is blocked: expected /8 or narrower"),
        ("2000::/15", "is so wide that hardly any IPv6 address is blocked: expected /16 or narrower"),
    ],
)
def test_a_network_so_wide_that_nothing_can_be_blocked_is_told(said, network, told):
    more = f"<global><white_list>{network}</white_list></global>\n"
    assert said(OK, more=more) == [f"etc/ossec.conf:4: the allowlist's {network} {told}"]


@pytest.mark.parametrize("network", ["10.0.0.0/8", "2001::/16"])
def test_a_network_that_somebody_may_mean_is_fine(said, network):
    assert said(OK, more=f"<global><white_list>{network}</white_list></global>\n") == []


def test_a_folder_that_the_agent_writes_in_and_that_is_missing_is_told(said, trial):
    trial.home.alerts.rmdir()
    trial.home.journal.parent.rmdir()
    why = "no such folder, without which `ar-agent run` refuses to start"
    expected = "expected a home; `ar-agent init` makes what is missing"
    assert said(OK) == [f"logs/alerts: {why}: {expected}", f"var: {why}: {expected}"]


def test_a_log_among_others_that_cannot_be_followed_leaves_the_others(said, trial):
    other = "<localfile><log_format>syslog</log_format><location>/nonexistent/a.log</location></localfile>\n"
    assert said(OK, more=other) == ["etc/ossec.conf:4: log /nonexistent/a.log: it does not exist now"]


def test_a_script_that_would_not_start_is_told_at_its_command(said, trial):
    trial.script().write_text("#!/no/such/sh\n")
    assert said(OK) == [
        (
            "etc/ossec.conf:2: command 'firewall-drop' cannot run active-response/bin/firewall-drop.sh: "
            "its interpreter '/no/such/sh' does not exist here or cannot be run"
        )
    ]


@pytest.mark.parametrize(
    "conf", ["<ossec_config>\n<a b>\n</ossec_config>", "just text\n", None], ids=["broken XML", "plain text", "missing"]
)
def test_what_stands_in_a_file_that_could_not_be_understood_is_not_said_to_be_missing(trial, conf):
    if conf is not None:
        trial.write("etc/ossec.conf", conf)
    loaded = trial.load()
    assert len(loaded.mistakes) == 1
    assert doubts(loaded, AROUND) == []


def test_a_configuration_that_cannot_be_opened_is_not_said_to_lack_anything(trial):
    trial.home.ossec_conf.mkdir(parents=True)
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == [
        f"etc/ossec.conf: {trial.home.ossec_conf} cannot be read (Is a directory): expected a regular file"
    ]
    assert doubts(loaded, AROUND) == []


@pytest.mark.parametrize(
    "default", ["", "<active-response><repeated_offenders>30</repeated_offenders></active-response>"]
)
def test_a_mistake_in_a_timeout_leads_to_no_other_finding(trial, default):
    trial.script()
    own = "" if default else "<repeated_offenders>30,60</repeated_offenders>"
    trial.conf(
        f"{COMMAND}<active-response><command>firewall-drop</command><level>6</level><timeout>ten</timeout>{own}"
        f"</active-response>{default}<localfile><log_format>journald</log_format></localfile>"
    )
    loaded = trial.load()
    assert len(loaded.mistakes) == 1
    assert [str(doubt) for doubt in doubts(loaded, AROUND)] == []
