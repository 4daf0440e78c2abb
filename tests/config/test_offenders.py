"""`repeated_offenders`: wherever it stands, it works."""

from __future__ import annotations

import pytest
from trialhome import COMMAND

LIST = "<repeated_offenders>30,60,120</repeated_offenders>"
BLOCK = "<command>firewall-drop</command><location>all</location><level>6</level><timeout>600</timeout>"
ESCALATION = [600, 1800, 3600, 7200, 7200]


def sentences(loaded) -> list[int]:
    assert [str(mistake) for mistake in loaded.mistakes] == []
    (response,) = loaded.config.responses
    return [response.sentence_s(offence) for offence in range(1, 6)]


def test_in_a_response_it_is_for_that_response_only(trial):
    trial.conf(
        f"""{COMMAND}
<active-response>{BLOCK}{LIST}</active-response>
<active-response><command>firewall-drop</command><rules_id>5712</rules_id><timeout>60</timeout></active-response>"""
    )
    first, second = trial.load().config.responses
    assert first.steps_s == (1800, 3600, 7200)
    assert second.steps_s == ()


@pytest.mark.parametrize("order", ["{list}{block}", "{block}{list}"])
def test_alone_in_ossec_conf_it_is_the_default_whichever_comes_first(trial, order):
    parts = {
        "list": f"<active-response>{LIST}</active-response>",
        "block": f"<active-response>{BLOCK}</active-response>",
    }
    trial.conf(COMMAND + order.format(**parts))
    assert sentences(trial.load()) == ESCALATION


def test_alone_in_agent_conf_it_is_the_default(trial):
    trial.conf(f"{COMMAND}<active-response>{BLOCK}</active-response>")
    trial.write("etc/shared/agent.conf", f"<agent_config><active-response>{LIST}</active-response></agent_config>")
    loaded = trial.load()
    assert sentences(loaded) == ESCALATION
    assert str(loaded.config.offender_steps_place) == "etc/shared/agent.conf:1"


@pytest.mark.parametrize("line", ["repeated_offenders = [30, 60, 120]", 'repeated_offenders = "30,1h,2h"'])
def test_in_agent_toml_it_is_the_default(trial, line):
    trial.conf(f"{COMMAND}<active-response>{BLOCK}</active-response>")
    trial.toml(f"settle = 5\n{line}\n")
    loaded = trial.load()
    assert sentences(loaded) == ESCALATION
    assert str(loaded.config.responses[0].steps_place) == "etc/agent.toml:2"


def test_a_default_that_is_read_later_wins_and_the_other_is_told(trial):
    trial.conf(f"{COMMAND}<active-response>{BLOCK}</active-response>\n<active-response>{LIST}</active-response>")
    trial.write(
        "etc/shared/agent.conf",
        "<agent_config><active-response><repeated_offenders>5</repeated_offenders></active-response></agent_config>",
    )
    trial.toml("repeated_offenders = [7]")
    loaded = trial.load()
    assert loaded.config.responses[0].steps_s == (420,)
    assert [str(warning).partition(": ")[2] for warning in loaded.warnings] == [
        "this default for repeated offenders is replaced by that of etc/shared/agent.conf:1",
        "this default for repeated offenders is replaced by that of etc/agent.toml:1",
    ]


def test_a_responses_own_list_wins_over_the_default(trial):
    trial.conf(f"{COMMAND}<active-response>{BLOCK}<repeated_offenders>1</repeated_offenders></active-response>")
    trial.toml("repeated_offenders = [7]")
    loaded = trial.load()
    assert loaded.config.responses[0].steps_s == (60,)
    assert str(loaded.config.responses[0].steps_place).startswith("etc/ossec.conf:")


@pytest.mark.parametrize("text", ["30,-1", "0", "30,0,60", "", "30,,60", "half an hour", "30;60"])
def test_a_list_that_is_no_list_of_positive_minutes_is_a_mistake(trial, text):
    trial.conf(f"<active-response>\n<repeated_offenders>{text}</repeated_offenders></active-response>")
    assert trial.mistakes() == [
        (
            f"etc/ossec.conf:3: <repeated_offenders> is {text!r}: "
            "expected 1 to 5 positive numbers of minutes such as 30,60,120"
        )
    ]


def test_a_sixth_entry_in_ossec_conf_is_a_mistake(trial):
    trial.conf("<active-response><repeated_offenders>1,2,3,4,5,6</repeated_offenders></active-response>")
    assert trial.mistakes() == [
        "etc/ossec.conf:2: <repeated_offenders> is '1,2,3,4,5,6', 6 entries: expected at most 5"
    ]


def test_agent_toml_takes_more_than_five_entries(trial):
    trial.toml("repeated_offenders = [1, 2, 3, 4, 5, 6]")
    assert trial.load().config.offender_steps_s == (60, 120, 180, 240, 300, 360)


def test_a_falling_list_loads_and_is_told(trial):
    trial.conf("<active-response><repeated_offenders>30,60,20</repeated_offenders></active-response>")
    loaded = trial.load()
    assert loaded.config.offender_steps_s == (1800, 3600, 1200)
    assert [str(warning) for warning in loaded.warnings] == [
        "etc/ossec.conf:2: <repeated_offenders> is '30,60,20': it falls after 1 h: expected a list that rises"
    ]


def test_a_list_does_nothing_for_a_block_that_is_for_good_and_is_told(trial):
    trial.conf(f"{COMMAND}<active-response><command>firewall-drop</command><level>6</level>{LIST}</active-response>")
    loaded = trial.load()
    assert loaded.config.responses[0].steps_s == ()
    assert [warning.what for warning in loaded.warnings] == [
        "<repeated_offenders> is '30,60,120', which has no effect: the first offence is already blocked for good"
    ]


def test_a_list_does_nothing_for_a_command_without_timeout_and_is_told(trial):
    command = COMMAND.replace("</command>", "<timeout_allowed>no</timeout_allowed></command>")
    trial.conf(f"{command}<active-response><command>firewall-drop</command><level>6</level>{LIST}</active-response>")
    loaded = trial.load()
    assert loaded.config.responses[0].steps_s == ()
    assert [warning.what for warning in loaded.warnings] == [
        "<repeated_offenders> is '30,60,120', which has no effect: command 'firewall-drop' has timeout_allowed no"
    ]


def test_the_default_leaves_blocks_for_good_as_they_are(trial):
    trial.conf(f"{COMMAND}<active-response><command>firewall-drop</command><level>6</level></active-response>")
    trial.toml("repeated_offenders = [7]")
    loaded = trial.load()
    assert loaded.config.responses[0].steps_s == ()
    assert loaded.warnings == []


def test_a_list_without_a_command_is_the_default_whatever_stands_beside_it_and_that_is_told(trial):
    trial.conf(f"<active-response>{LIST}\n<level>7</level></active-response>")
    loaded = trial.load()
    assert not loaded.mistakes
    assert loaded.config.offender_steps_s == (1800, 3600, 7200)
    assert [str(warning) for warning in loaded.warnings] == [
        (
            "etc/ossec.conf:3: <level> is '7', which has no effect in <active-response> without <command>: "
            "its repeated_offenders are the default for all"
        )
    ]
