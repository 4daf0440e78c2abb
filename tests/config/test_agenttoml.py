"""agent.toml: its settings, everything that ossec.conf can say too, and the line of each mistake."""

from __future__ import annotations

import pytest

from ar.config.settings import Settings
from ar.model import Levels


def test_every_setting_can_be_set(trial):
    trial.toml(
        """
        settle = "20s"
        forget_after = "30d"
        ipv6_prefix = 64
        agent_id = "007"
        script_deadline = 15
        stale_after = "2h"

        [limits]
        scripts_max = 4
        blocks_max = 1000
        offenders_max = 2000
        window_keys_max = 3000
        line_bytes_max = 4096
        """
    )
    loaded = trial.load()
    assert not loaded.mistakes
    assert loaded.config.settings == Settings(
        settle_s=20, forget_after_s=30 * 86400, ipv6_prefix=64, agent_id="007", script_deadline_s=15, scripts_max=4,
        blocks_max=1000, offenders_max=2000, window_keys_max=3000, line_bytes_max=4096, stale_after_s=7200,
    )  # fmt: skip


def test_it_can_hold_a_whole_configuration(trial):
    trial.toml(
        """
        allow = ["192.0.2.1", "198.51.100.0/24", "ns.example.com"]
        repeated_offenders = [30, 60, 120]

        [contract]
        firewall-drop = "wazuh4"

        [[command]]
        name = "firewall-drop"
        executable = "firewall-drop.sh"
        expect = ["srcip"]
        timeout_allowed = true

        [[response]]
        command = "firewall-drop"
        level = [8, 9]
        rules_id = [5712, 5720]
        rules_group = ["sshd", "pam"]
        timeout = "10m"

        [[response]]
        command = "firewall-drop"
        level = 12

        [[localfile]]
        log_format = "syslog"
        location = "/var/log/auth.log"
        """
    )
    loaded = trial.load()
    assert [str(mistake) for mistake in loaded.mistakes] == []
    config = loaded.config
    assert [allowed.text for allowed in config.allowed] == ["192.0.2.1", "198.51.100.0/24", "ns.example.com"]
    assert config.commands["firewall-drop"].contract == "wazuh4"
    first, second = config.responses
    assert first.levels == Levels(exactly=frozenset({8, 9}))
    assert first.rules == {5712, 5720}
    assert first.groups == ("sshd", "pam")
    assert (first.timeout_s, first.steps_s) == (600, (1800, 3600, 7200))
    assert second.levels == Levels(least=12)
    assert str(second.place) == "etc/agent.toml:20"
    assert config.local_files[0].location == "/var/log/auth.log"


def test_a_list_of_one_level_is_exactly_that_level(trial):
    trial.toml(
        """
        [[command]]
        name = "a"
        executable = "a.sh"
        expect = []
        [[response]]
        command = "a"
        level = [8]
        """
    )
    assert trial.load().config.responses[0].levels == Levels(exactly=frozenset({8}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("settel = 1", "1: unknown key 'settel': expected 'settle'"),
        (
            "# in flight\nsettle = -1",
            "2: settle is -1: expected 0 s or more, written as a number of seconds or with s, m, h or d",
        ),
        ("settle = 1.5", "1: settle is 1.5: expected 0 s or more, written as a number of seconds or with s, m, h or d"),
        (
            "settle = true",
            ("1: settle is True: expected 0 s or more, written as a number of seconds or with s, m, h or d"),
        ),
        ("ipv6_prefix = 200", "1: ipv6_prefix is 200: expected a whole number from 32 to 128"),
        ("agent_id = 1", '1: agent_id is 1: expected digits in quotes such as "001"'),
        ("[limits]\n\nscript_max = 1", "3: unknown key 'script_max': expected 'scripts_max'"),
        ("limits.scripts_max = 0", "1: scripts_max is 0: expected a whole number from 1 to 1000"),
        ("limits = 3", "1: limits is 3: expected a table [limits]"),
        ("response = 3", "1: response is 3: expected [[response]] tables"),
        (
            "[contract]\nnope = 'argv'",
            ("2: contract for 'nope', which is no command: expected a command of that name to be defined"),
        ),
        (
            "allow = ['192.0.2.1',\n '192.0.2.0/33']",
            ("1: allow is '192.0.2.0/33': expected an address, a network such as 192.0.2.0/24, or a host name"),
        ),
        ("allow = [1.5]", "1: allow is 1.5: expected text, a whole number, true or false, or a list of these"),
        ("[rules]\nincldue = ['a.xml']", "2: unknown key 'incldue' in [rules]: expected 'include'"),
        (
            "[rules]\ninclude = ['nope.xml']",
            ("2: include is 'nope.xml', which is not there: expected a rule file in rules/ or one of those shipped"),
        ),
        (
            "[[response]]\ncommand = 'a'\n[[response]]\n\nlevle = 3\ncommand = 'a'",
            "5: unknown key 'levle' in [[response]]: expected 'level'",
        ),
        (
            "[[response]]\nlevel = 3",
            (
                "1: [[response]] without command: "
                "expected the name of a command, or repeated_offenders alone to set the default"
            ),
        ),
        (
            "repeated_offenders = []",
            ("1: repeated_offenders is '': expected 1 to 50 positive numbers of minutes such as 30,60,120"),
        ),
        ("settle = ", "1: broken TOML (Invalid value): expected TOML, see toml.io"),
        ("a = 1\nb = [", "2: broken TOML ("),
    ],
)
def test_each_mistake_names_its_line_and_what_was_expected(trial, text, message):
    trial.toml(text)
    assert any(found.startswith(f"etc/agent.toml:{message}") for found in trial.mistakes())


def test_text_that_looks_like_keys_does_not_confuse_the_lines(trial):
    trial.toml(
        '''
        allow = """
        [[response]]
        settle = 3
        """
        [[command]]
        name = "a"
        nmae = "b"
        '''
    )
    assert "etc/agent.toml:7: unknown key 'nmae' in [[command]]: expected 'name'" in trial.mistakes()


def test_a_file_that_is_not_utf_8_is_a_mistake_at_its_line(trial):
    trial.write("etc/agent.toml", b"settle = 1\n# J\xf6rg\n")
    assert trial.mistakes() == ["etc/agent.toml:2: not UTF-8: expected TOML, which is always UTF-8"]


@pytest.mark.parametrize(
    "text",
    ["settle = " + "9" * 5000, "settle = 0x" + "f" * 5000, "a = " + "[" * 5000, "allow = [0x" + "f" * 5000 + "]"],
)
def test_monstrous_values_are_mistakes_and_nothing_worse(trial, text):
    trial.toml(text)
    assert len(trial.mistakes()) >= 1
    assert all(len(message) < 300 for message in trial.mistakes())
