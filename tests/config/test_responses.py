"""`<active-response>` sections: binding, location, durations, and the exact words for what is wrong."""

from __future__ import annotations

import pytest
from trialhome import COMMAND

from ar.model import Levels

AT = 2 + COMMAND.strip().count("\n") + 1  # the line of a response that follows the command


def response(trial, inside: str):
    trial.conf(f"{COMMAND.strip()}\n<active-response>{inside}</active-response>")
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == []
    (one,) = loaded.config.responses
    return one


def mistakes(trial, inside: str) -> list[str]:
    trial.conf(f"{COMMAND.strip()}\n<active-response>{inside}</active-response>")
    return [message.removeprefix(f"etc/ossec.conf:{AT}: ") for message in trial.mistakes()]


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("6", Levels(least=6)),
        (" 0 ", Levels(least=0)),
        ("16", Levels(least=16)),
        ("8,9,10", Levels(exactly=frozenset({8, 9, 10}))),
        ("8, 9 ,10", Levels(exactly=frozenset({8, 9, 10}))),
        ("6-7", Levels(exactly=frozenset({6, 7}))),
        ("6-7,12", Levels(exactly=frozenset({6, 7, 12}))),
        ("7-7", Levels(exactly=frozenset({7}))),
    ],
)
def test_a_number_is_that_level_and_up_and_a_list_exactly_these(trial, text, levels):
    one = response(trial, f"<command>firewall-drop</command><location>local</location><level>{text}</level>")
    assert one.levels == levels


@pytest.mark.parametrize("text", ["8,x", "17", "-1", "7-6", "8,", "", "high", "1.5", "0-17", "٣"])
def test_a_bad_level_is_a_mistake(trial, text):
    inside = f"<command>firewall-drop</command><level>{text}</level>"
    assert mistakes(trial, inside) == [
        f"<level> is {text!r}: expected a number 0–16 or a list such as 8,9,10"  # noqa: RUF001 (as the message has it)
    ]


def test_groups_are_split_at_commas_into_alternatives(trial):
    inside = "<command>firewall-drop</command><rules_group>authentication_failed, sshd|pam,sshd|pam</rules_group>"
    assert response(trial, inside).groups == ("authentication_failed", "sshd|pam")


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (
            "<command>firewall-block</command><level>6</level>",
            "<command> is 'firewall-block', which is not defined: expected 'firewall-drop'",
        ),
        (
            "<level>6</level>",
            (
                "<active-response> without <command>: "
                "expected the name of a command, or repeated_offenders alone to set the default"
            ),
        ),
        (
            "<command>firewall-drop</command><levle>6</levle><level>6</level>",
            "unknown element <levle> in <active-response>: expected <level>",
        ),
        (
            "<command>firewall-drop</command><level>6</level><location>locla</location>",
            "<location> is 'locla': expected 'local'",
        ),
        (
            "<command>firewall-drop</command><level>6</level><location>defined-agent</location>",
            "<location> is 'defined-agent' without <agent_id>: expected the number of an agent",
        ),
        (
            "<command>firewall-drop</command><level>6</level><location>defined-agent</location><agent_id>x1</agent_id>",
            "<agent_id> is 'x1': expected the number of an agent such as 001",
        ),
        (
            "<command>firewall-drop</command><rules_id>5712,sshd</rules_id>",
            "<rules_id> is '5712,sshd': expected numbers of rules separated by commas, such as 5712,5720",
        ),
        (
            "<command>firewall-drop</command><rules_group>sshd,,pam</rules_group>",
            "<rules_group> is 'sshd,,pam': expected names of groups separated by commas",
        ),
        (
            "<command>firewall-drop</command><level>6</level><timeout>10x</timeout>",
            "<timeout> is '10x': expected seconds, or a number with s, m, h or d; 0 is for good",
        ),
        (
            "<command>firewall-drop</command><level>6</level><timeout>-5</timeout>",
            "<timeout> is '-5': expected seconds, or a number with s, m, h or d; 0 is for good",
        ),
        (
            "<command>firewall-drop</command><level>6</level><disabled>perhaps</disabled>",
            "<disabled> is 'perhaps': expected yes or no",
        ),
        (
            "<command>firewall-drop</command><level><b>6</b></level>",
            "<b> stands inside <level>: expected text only",
        ),
    ],
)
def test_what_is_wrong_with_a_response_is_said_with_its_line(trial, inside, message):
    assert mistakes(trial, inside)[0] == message


def test_a_bad_pattern_of_groups_is_a_mistake(trial):
    (message,) = mistakes(trial, r"<command>firewall-drop</command><rules_group>a\qb</rules_group>")
    assert message.startswith(r"<rules_group> is 'a\\qb': ")
    assert message.endswith(": expected names of groups separated by commas")


def test_every_mistake_is_told_and_not_only_the_first(trial):
    inside = (
        "<command>nope</command><level>x</level><timeout>y</timeout><repeated_offenders>z</repeated_offenders>"
        "<rules_id>w</rules_id><location>v</location>"
    )
    assert len(mistakes(trial, inside)) == 6


@pytest.mark.parametrize(
    ("text", "seconds"), [("600", 600), ("10m", 600), ("2h", 7200), ("0", 0), ("1d", 86400), ("90 s", 90)]
)
def test_a_timeout_is_seconds_unless_it_has_a_unit(trial, text, seconds):
    inside = f"<command>firewall-drop</command><level>6</level><timeout>{text}</timeout>"
    assert response(trial, inside).timeout_s == seconds


def test_without_a_timeout_the_block_is_for_good(trial):
    one = response(trial, "<command>firewall-drop</command><level>6</level>")
    assert [one.sentence_s(offence) for offence in (1, 2, 3)] == [0, 0, 0]


@pytest.mark.parametrize(
    "location", ["local", "server", "AS", "analysisd", "analysis-server", "all", "any", "ALL", "local,server"]
)
def test_every_location_but_another_agent_is_this_host(trial, location):
    inside = f"<command>firewall-drop</command><location>{location}</location><level>6</level>"
    assert response(trial, inside).timeout_s == 0


def test_a_response_without_a_location_is_for_this_host(trial):
    assert response(trial, "<command>firewall-drop</command><level>6</level>").levels == Levels(least=6)


def test_another_agents_response_does_not_run_here_and_is_told(trial):
    trial.conf(
        f"{COMMAND.strip()}\n<active-response><command>firewall-drop</command><level>6</level>\n"
        "<location>defined-agent</location><agent_id>001</agent_id></active-response>"
    )
    loaded = trial.load()
    assert loaded.config.responses == ()
    assert [str(warning) for warning in loaded.warnings] == [
        (
            f"etc/ossec.conf:{AT + 1}: <location> is 'defined-agent' with agent_id 001: "
            "this response does not run here, where the agent_id is 000"
        )
    ]


@pytest.mark.parametrize("agent_id", ["001", "1"])
def test_this_agents_response_runs_when_agent_toml_says_who_it_is(trial, agent_id):
    trial.toml(f'agent_id = "{agent_id}"')
    inside = (
        "<command>firewall-drop</command><location>defined-agent</location><agent_id>001</agent_id><level>6</level>"
    )
    assert response(trial, inside).levels == Levels(least=6)


def test_a_disabled_response_is_skipped_and_the_others_stay(trial):
    trial.conf(
        f"""{COMMAND}
<active-response><disabled>yes</disabled><command>nope</command><level>x</level></active-response>
<active-response><disabled>no</disabled><command>firewall-drop</command><level>7</level></active-response>"""
    )
    loaded = trial.load()
    assert not loaded.mistakes
    assert [r.levels for r in loaded.config.responses] == [Levels(least=7)]


def test_disabled_alone_turns_all_responses_off(trial):
    trial.conf(
        f"""{COMMAND.strip()}
<active-response><disabled>yes</disabled></active-response>
<active-response><command>firewall-drop</command><level>7</level></active-response>"""
    )
    loaded = trial.load()
    assert loaded.config.responses == ()
    assert [str(warning) for warning in loaded.warnings] == [
        f"etc/ossec.conf:{AT}: <active-response> with nothing but 'disabled' turns all responses off"
    ]


def test_disabled_no_alone_changes_nothing(trial):
    """Agents have it in their ossec.conf."""
    trial.conf("<active-response><disabled>no</disabled></active-response>")
    loaded = trial.load()
    assert (loaded.mistakes, loaded.warnings) == ([], [])


def test_a_timeout_on_a_command_that_allows_none_is_a_mistake(trial):
    command = COMMAND.strip().replace("</command>", "<timeout_allowed>no</timeout_allowed></command>")
    trial.conf(
        f"{command}\n<active-response>"
        "<command>firewall-drop</command><level>6</level><timeout>60</timeout></active-response>"
    )
    assert trial.mistakes() == [
        (
            f"etc/ossec.conf:{AT}: <timeout> is '60', but command 'firewall-drop' (etc/ossec.conf:2) "
            "has timeout_allowed no: "
            "expected no timeout, or timeout_allowed yes"
        )
    ]


def test_a_response_bound_to_nothing_loads_and_is_told(trial):
    unbound = "<active-response><command>firewall-drop</command></active-response>"
    trial.conf(f"{COMMAND.strip()}\n{unbound}")
    loaded = trial.load()
    assert not loaded.mistakes
    assert [str(warning) for warning in loaded.warnings] == [
        (
            f"etc/ossec.conf:{AT}: <active-response> never runs: "
            "expected level, rules_group or rules_id to bind it to alerts"
        )
    ]
