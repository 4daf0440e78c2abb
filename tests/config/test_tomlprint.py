"""`check --print`: the effective configuration as TOML that loads to the same configuration again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from trialhome import RULES, Trial

from ar.config.settings import Config
from ar.config.tomlprint import write_toml
from ar.errors import Place

NOWHERE = Place("")

CONF = """
<syscheck><frequency>7200</frequency></syscheck>
<global><white_list>127.0.0.1</white_list><white_list>^localhost.localdomain$</white_list></global>
<global><white_list>192.168.1.77/24</white_list><email_to>root@example.com</email_to></global>
<command><name>firewall-drop</name><executable>firewall-drop.sh</executable><expect>srcip</expect></command>
<command>
  <name>mail</name><executable>mail.sh</executable><expect>username,srcip</expect><timeout_allowed>no</timeout_allowed>
</command>
<active-response>
  <command>firewall-drop</command><location>all</location><level>6</level><timeout>600</timeout>
  <repeated_offenders>30,60,120</repeated_offenders>
</active-response>
<active-response><command>firewall-drop</command><level>8,9,10</level><timeout>45</timeout></active-response>
<active-response><command>firewall-drop</command><level>7-7</level><rules_id>5712, 5720</rules_id></active-response>
<active-response>
  <command>mail</command><rules_group>sshd,"a|b"\\t</rules_group><location>server</location>
</active-response>
<active-response>
  <command>mail</command><level>3</level><location>defined-agent</location><agent_id>9</agent_id>
</active-response>
<active-response><repeated_offenders>90s,5</repeated_offenders></active-response>
<localfile><log_format>syslog</log_format><location>/var/log/%Y/*.log</location></localfile>
<localfile><log_format>journald</log_format></localfile>
"""

PRINTED = r"""settle = "10s"
forget_after = "7d"
ipv6_prefix = 128
agent_id = "000"
reconcile_every = "5m"
emergency_block = "0s"
script_deadline = "30s"
stale_after = "1h"
allow = ["127.0.0.1", "localhost.localdomain", "192.168.1.77/24"]
repeated_offenders = ["90s", "5m"]

[limits]
scripts_max = 8
blocks_max = 200000
offenders_max = 200000
window_keys_max = 30000
line_bytes_max = 6144

# The rules are those that come with the agent, and the local ones of this home.

[[command]]
name = "firewall-drop"
executable = "firewall-drop.sh"
expect = ["srcip"]
timeout_allowed = true
contract = "argv"

[[command]]
name = "mail"
executable = "mail.sh"
expect = ["srcip", "user"]
timeout_allowed = false
contract = "argv"

[[response]]
command = "firewall-drop"
level = 6
timeout = "10m"
repeated_offenders = ["30m", "1h", "2h"]

[[response]]
command = "firewall-drop"
level = [8, 9, 10]
timeout = "45s"

[[response]]
command = "firewall-drop"
level = [7]
rules_id = [5712, 5720]

[[response]]
command = "mail"
rules_group = ["sshd", "\"a|b\"\\t"]

[[localfile]]
log_format = "syslog"
location = "/var/log/%Y/*.log"

[[localfile]]
log_format = "journald"
location = "journald"
"""


def without_places(config: Config) -> Config:
    """Return what a configuration says, wherever it is said; sections of other daemons say nothing."""
    return replace(
        config,
        allowed=tuple(replace(one, place=NOWHERE) for one in config.allowed),
        commands={name: replace(one, place=NOWHERE) for name, one in config.commands.items()},
        responses=tuple(
            replace(one, place=NOWHERE, steps_place=None, command=replace(one.command, place=NOWHERE))
            for one in config.responses
        ),
        offender_steps_place=None,
        local_files=tuple(replace(one, place=NOWHERE) for one in config.local_files),
        decoder_files=tuple(replace(one, place=NOWHERE) for one in config.decoder_files),
        rule_files=tuple(replace(one, place=NOWHERE) for one in config.rule_files),
        list_files=tuple(replace(one, place=NOWHERE) for one in config.list_files),
        unused=(),
    )


def reloaded(trial: Trial, printed: str) -> Config:
    """Return what the home loads when the printed text is all its configuration."""
    for path in (trial.home.ossec_conf, trial.home.agent_conf):
        path.unlink(missing_ok=True)
    trial.write("etc/agent.toml", printed)
    again = trial.load()
    assert [str(mistake) for mistake in again.mistakes] == []
    return again.config


def test_the_printed_text_is_this(trial):
    trial.conf(CONF)
    assert write_toml(trial.load().config) == PRINTED


def test_what_is_printed_loads_to_the_same(trial):
    trial.conf(CONF)
    config = trial.load().config
    assert len(config.responses) == 4
    again = reloaded(trial, write_toml(config))
    assert without_places(again) == without_places(config)
    assert write_toml(again) == write_toml(config)


def test_settings_contracts_and_rule_files_are_printed_too(trial):
    trial.conf(
        CONF
        + """<rules>
        <include>rules_config.xml</include><rule_dir>rules/own</rule_dir><decoder>etc/decoder.xml</decoder>
        <list>etc/lists/a</list></rules>"""
    )
    trial.write("rules/own/mine.xml", RULES)
    trial.write("etc/lists/a", "x:y\n")
    trial.toml(
        'settle = 3\nforget_after = "1h"\nipv6_prefix = 64\nlimits.scripts_max = 2\ncontract.mail = "wazuh5"\n'
        '[[command]]\nname = "own"\nexecutable = "own"\nexpect = ""\ncontract = "wazuh4"\nextra_args = "-v /x"\n'
    )
    config = trial.load().config
    printed = write_toml(config)
    assert '[rules]\ninclude = ["rules_config.xml", "rules/own/mine.xml"]\ndecoder = ["etc/decoder.xml"]\n' in printed
    assert without_places(reloaded(trial, printed)) == without_places(config)


def test_local_files_are_found_again_without_being_printed(trial):
    trial.conf(CONF)
    trial.write("rules/local_rules.xml", RULES)
    config = trial.load().config
    printed = write_toml(config)
    assert "[rules]" not in printed
    assert without_places(reloaded(trial, printed)) == without_places(config)


# A location is any path of one line.
TEXT = st.text(st.characters(blacklist_characters="\0\n\r", blacklist_categories=["Cs"]), min_size=1, max_size=20)
STEPS = st.lists(st.integers(1, 10**9), min_size=1, max_size=5)
BINDING = st.fixed_dictionaries(
    {},
    optional={
        "level": st.one_of(
            st.integers(0, 16).map(str),
            st.lists(st.integers(0, 16), min_size=2, max_size=4).map(lambda levels: ",".join(map(str, levels))),
            st.integers(0, 8).map(lambda level: f"{level}-{level + 8}"),
        ),
        "rules_id": st.lists(st.integers(0, 999999), min_size=1, max_size=4).map(lambda ids: ",".join(map(str, ids))),
        "rules_group": st.lists(st.text("abc_| \"'$^é", min_size=1), min_size=1, max_size=3).map(",".join),
        "timeout": st.integers(0, 10**9).map(str),
        "repeated_offenders": STEPS.map(lambda steps: ",".join(f"{step}s" for step in steps)),
        "disabled": st.sampled_from(["yes", "no"]),
    },
)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


@given(responses=st.lists(BINDING, max_size=4), default=st.none() | STEPS, logs=st.lists(TEXT, max_size=3))
@settings(max_examples=60, deadline=None)
def test_any_configuration_without_mistakes_is_printed_so_that_it_loads_to_the_same(responses, default, logs):
    with TemporaryDirectory() as folder:
        trial = Trial(Path(folder))
        sections = [
            "<active-response><command>a</command>"
            + "".join(f"<{key}>{escaped(value)}</{key}>" for key, value in response.items())
            + "</active-response>"
            for response in responses
        ]
        if default is not None:
            steps = ",".join(f"{step}s" for step in default)
            sections.append(f"<active-response><repeated_offenders>{steps}</repeated_offenders></active-response>")
        sections += [
            f"<localfile><log_format>syslog</log_format><location>{escaped(log)}</location></localfile>" for log in logs
        ]
        sections.append("<command><name>a</name><executable>a.sh</executable><expect>srcip</expect></command>")
        sections.append("<rules><include>rules_config.xml</include></rules>")  # the whole ruleset takes its time
        trial.conf("\n".join(sections))
        trial.write("etc/decoder.xml", "")
        loaded = trial.load()
        if not loaded.mistakes:
            again = reloaded(trial, write_toml(loaded.config))
            assert without_places(again) == without_places(loaded.config)
