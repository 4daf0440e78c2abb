"""ossec.conf and agent.conf as files: roots, filters, sections of others, and what is no XML at all."""

from __future__ import annotations

import pytest
from trialhome import COMMAND

from ar.config.load import load
from ar.config.ossecconf import Identity

LOG = "<localfile><log_format>syslog</log_format><location>/var/log/{}.log</location></localfile>"


def test_several_roots_in_one_file_are_one_configuration(trial):
    trial.write(
        "etc/ossec.conf",
        f"<ossec_config>{LOG.format('a')}</ossec_config>\n<ossec_config>{LOG.format('b')}</ossec_config>\n",
    )
    loaded = trial.load()
    assert not loaded.mistakes
    assert [local.location for local in loaded.config.local_files] == ["/var/log/a.log", "/var/log/b.log"]


def test_a_home_without_any_configuration_says_how_to_make_one(trial):
    assert trial.mistakes() == [
        (
            f"etc/ossec.conf: there is neither this file nor etc/agent.toml in {trial.home.root}: "
            "expected a configuration; `ar-agent init` makes one"
        )
    ]


def test_agent_toml_alone_is_enough(trial):
    trial.toml('agent_id = "001"')
    loaded = trial.load()
    assert not loaded.mistakes
    assert loaded.config.settings.agent_id == "001"


def test_a_configuration_that_cannot_be_read_is_a_mistake(trial):
    (trial.home.root / "etc/ossec.conf").mkdir(parents=True)
    (message,) = trial.mistakes()
    assert message.startswith("etc/ossec.conf: ")
    assert "cannot be read" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "<ossec_config>\n<global>\n</ossec_config>\n",
            "etc/ossec.conf:3: broken XML (mismatched tag): expected </global> to close <global> of line 2",
        ),
        (
            '<!DOCTYPE x [\n<!ENTITY a "aaaa">\n<!ENTITY b "&a;&a;">\n]>\n<ossec_config>&b;</ossec_config>',
            "etc/ossec.conf:1: a document type or entity definition: expected elements only",
        ),
        (
            "<ossec_config>\n<global",
            "etc/ossec.conf:2: broken XML: a `<` that starts no element, or a tag that is not complete: ",
        ),
        (
            "<ossec_conf>\n</ossec_conf>",
            "etc/ossec.conf:1: <ossec_conf>: expected <ossec_config> … </ossec_config> around everything",
        ),
        (
            "\n<command>\n</command>",
            (
                "etc/ossec.conf:2: <command> stands outside <ossec_config>: "
                "expected <ossec_config> … </ossec_config> around everything"
            ),
        ),
        (
            "<ossec_config>\n<activ-response/>\n</ossec_config>",
            "etc/ossec.conf:2: unknown section <activ-response>: expected <active-response>",
        ),
        (
            "<ossec_config>\n<zzz/>\n</ossec_config>",
            (
                "etc/ossec.conf:2: unknown section <zzz>: "
                "expected one of active-response, command, global, localfile, rules"
            ),
        ),
        (
            "<ossec_config>\n<global><whitelist>192.0.2.1</whitelist></global>\n</ossec_config>",
            "etc/ossec.conf:2: unknown element <whitelist> in <global>: expected <white_list>",
        ),
        (
            '<ossec_config os="Linux">\n</ossec_config>',
            "etc/ossec.conf:1: unknown attribute 'os' of <ossec_config>: expected no attribute",
        ),
    ],
)
def test_a_file_that_is_no_configuration_is_told_with_its_line(trial, text, message):
    trial.write("etc/ossec.conf", text)
    (found,) = trial.mistakes()
    assert found.startswith(message)


def test_sections_of_other_daemons_load_and_are_listed(trial):
    trial.conf(
        """
        <syscheck><frequency>72000</frequency></syscheck>
        <rootcheck/>
        <client><server-ip>192.0.2.1</server-ip></client>
        <remote><connection>secure</connection></remote>
        <alerts><log_alert_level>1</log_alert_level></alerts>
        <wodle name="osquery"><disabled>yes</disabled></wodle>
        <global><email_to>root@example.com</email_to><white_list>192.0.2.9</white_list></global>
        <localfile><log_format>eventlog</log_format><location>Security</location></localfile>
        <localfile><log_format>multi-line: 3</log_format><location>/var/log/x</location></localfile>
        """
    )
    loaded = trial.load()
    assert not loaded.mistakes
    assert [(name, place.line) for name, place in loaded.config.unused] == [
        ("syscheck", 2), ("rootcheck", 3), ("client", 4), ("remote", 5), ("alerts", 6), ("wodle", 7),
        ("global/email_to", 8), ("localfile of format eventlog", 9), ("localfile of format multi-line", 10),
    ]  # fmt: skip
    assert [allowed.text for allowed in loaded.config.allowed] == ["192.0.2.9"]


def test_text_between_elements_is_not_read_and_told(trial):
    trial.write("etc/ossec.conf", "stray\n<ossec_config>\n<global>words</global>\n</ossec_config>\n")
    assert trial.warnings() == [
        "etc/ossec.conf:1: text outside <ossec_config> is not read: 'stray'",
        "etc/ossec.conf:3: text between the elements of <global> is not read: 'words'",
    ]


def test_a_latin_1_comment_does_no_harm(trial):
    trial.write("etc/ossec.conf", "<ossec_config><!-- gehört Jörg --></ossec_config>".encode("latin-1"))
    assert trial.mistakes() == []


@pytest.mark.parametrize(
    ("attributes", "fits"),
    [
        ("", True), ('os="Linux"', True), ('os="FreeBSD|Linux"', True), ('os="Windows"', False),
        ('name="web1"', True), ('name="db1"', False), ('name="web1" os="Windows"', False),
        ('profile="web"', True), ('profile="mail"', False),
    ],
)  # fmt: skip
def test_agent_conf_counts_when_every_filter_fits_this_host(trial, attributes, fits):
    trial.conf("<client><config-profile>web, linux</config-profile></client>")
    trial.write("etc/shared/agent.conf", f"<agent_config {attributes}>{LOG.format('a')}</agent_config>")
    loaded = trial.load()
    assert not loaded.mistakes
    assert len(loaded.config.local_files) == fits


def test_without_a_profile_a_section_for_profiles_is_not_for_this_host(trial):
    trial.conf("")
    trial.write("etc/shared/agent.conf", f'<agent_config profile="web">{LOG.format("a")}</agent_config>')
    assert trial.load().config.local_files == ()


def test_an_unknown_filter_is_a_mistake(trial):
    trial.conf("")
    trial.write("etc/shared/agent.conf", '<agent_config nmae="web1"></agent_config>')
    assert trial.mistakes() == ["etc/shared/agent.conf:1: unknown attribute 'nmae' of <agent_config>: expected 'name'"]


def test_a_response_in_agent_conf_counts_as_in_ossec_conf(trial):
    trial.conf(COMMAND)
    trial.write(
        "etc/shared/agent.conf",
        "<agent_config>\n<active-response><command>firewall-drop</command><level>6</level></active-response></agent_config>",
    )
    (response,) = trial.load().config.responses
    assert str(response.place) == "etc/shared/agent.conf:2"


def test_this_host_knows_itself(trial):
    identity = Identity.here()
    trial.conf("")
    trial.write("etc/shared/agent.conf", f'<agent_config name="{identity.name}">{LOG.format("a")}</agent_config>')
    assert len(load(trial.home).config.local_files) == 1


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "<localfile><location>/var/log/a</location></localfile>",
            (
                "2: <localfile> without <log_format>: "
                "expected one of apache, iis, journald, json, nginx, snort-fast, squid, syslog"
            ),
        ),
        (
            "<localfile><log_format>syslog</log_format></localfile>",
            "2: <localfile> without <location>: expected the path of a log",
        ),
        (
            "<localfile><log_format>sylog</log_format><location>/var/log/a</location></localfile>",
            "2: <log_format> is 'sylog': expected 'syslog'",
        ),
    ],
)
def test_what_is_wrong_with_a_localfile_is_said(trial, section, message):
    trial.conf(section)
    assert trial.mistakes() == [f"etc/ossec.conf:{message}"]


def test_journald_needs_no_location_and_a_relative_one_counts_from_the_home(trial):
    trial.conf(
        "<localfile><log_format>journald</log_format></localfile>"
        "<localfile><log_format>syslog</log_format><location>logs/active-responses.log</location></localfile>"
    )
    assert [(local.log_format, local.location) for local in trial.load().config.local_files] == [
        ("journald", "journald"),
        ("syslog", f"{trial.home.root}/logs/active-responses.log"),
    ]


def test_mistakes_come_by_file_and_line(trial):
    trial.conf("<active-response><command>a</command></active-response>\n<global><white_list>x y</white_list></global>")
    trial.toml("settel = 1\n")
    assert [message.split(": ")[0] for message in trial.mistakes()] == [
        "etc/ossec.conf:2", "etc/ossec.conf:3", "etc/agent.toml:1",
    ]  # fmt: skip
