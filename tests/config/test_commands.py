"""`<command>` sections: what is understood, and the exact words for what is not."""

from __future__ import annotations

import pytest


def test_a_command_has_a_name_a_script_and_what_it_expects(trial):
    trial.conf(
        """<command>
  <name>disable-account</name><executable>disable-account.sh</executable>
  <expect>USER, srcip</expect><timeout_allowed>no</timeout_allowed>
</command>"""
    )
    command = trial.load().config.commands["disable-account"]
    assert command.executable == "disable-account.sh"
    assert command.expects == {"user", "srcip"}
    assert not command.timeout_allowed
    assert command.contract == "argv"
    assert str(command.place) == "etc/ossec.conf:2"


def test_timeout_allowed_is_yes_when_it_is_not_there(trial):
    """OSSEC's manual says yes and its code no; here the manual holds."""
    trial.conf("<command><name>a</name><executable>a.sh</executable><expect/></command>")
    command = trial.load().config.commands["a"]
    assert command.timeout_allowed
    assert command.expects == frozenset()


@pytest.mark.parametrize("word", ["user", "username", "UserName"])
def test_user_and_username_are_the_same(trial, word):
    trial.conf(f"<command><name>a</name><executable>a.sh</executable><expect>{word}</expect></command>")
    assert trial.load().config.commands["a"].expects == {"user"}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "<executable>a.sh</executable><expect/>",
            "2: <command> without <name>: expected the name by which responses call it",
        ),
        (
            "<name>a</name><expect/>",
            "2: <command> without <executable>: expected the name of a file in active-response/bin",
        ),
        (
            "<name>a</name><executable>a.sh</executable>",
            "2: <command> without <expect>: expected srcip, user, filename, or an empty one if the script needs none",
        ),
        (
            "<name>a b</name><executable>a.sh</executable><expect/>",
            "2: <name> is 'a b': expected a name of letters, digits, dots, dashes and underscores",
        ),
        (
            "<name>a</name>\n<executable>../a.sh</executable><expect/>",
            "3: <executable> is '../a.sh': expected the name of a file in active-response/bin, without a folder",
        ),
        (
            "<name>a</name><executable>..</executable><expect/>",
            "2: <executable> is '..': expected the name of a file in active-response/bin, without a folder",
        ),
        (
            "<name>a</name><executable>a.sh</executable>\n<expect>srcipp</expect>",
            "3: <expect> is 'srcipp': expected 'srcip'",
        ),
        (
            "<name>a</name><executable>a.sh</executable><expect/>\n<timeout_allowed>maybe</timeout_allowed>",
            "3: <timeout_allowed> is 'maybe': expected yes or no",
        ),
        (
            "<name>a</name><executable>a.sh</executable><expect/>\n<contract>wazuh</contract>",
            "3: <contract> is 'wazuh': expected argv, wazuh4 or wazuh5",
        ),
        (
            f"<name>a</name><executable>a.sh</executable><expect/>\n<extra_args>{'x' * 1025}</extra_args>",
            f"3: <extra_args> is '{'x' * 77}...': expected at most 1024 characters",
        ),
        (
            "<name>a</name><executable>a.sh</executable><expect/>\n<exectuable>b</exectuable>",
            "3: unknown element <exectuable> in <command>: expected <executable>",
        ),
    ],
)
def test_what_is_wrong_with_a_command_is_said_with_its_line(trial, section, message):
    trial.conf(f"<command>{section}</command>")
    assert trial.mistakes() == [f"etc/ossec.conf:{message}"]


def test_expecting_hostname_loads_but_nothing_is_passed_for_it(trial):
    trial.conf("<command><name>a</name><executable>a.sh</executable><expect>hostname</expect></command>")
    assert trial.load().config.commands["a"].expects == frozenset()
    assert trial.warnings() == [
        "etc/ossec.conf:2: <expect> is 'hostname': nothing is passed to the script for 'hostname'"
    ]


def test_the_same_command_may_be_defined_again_but_not_differently(trial):
    trial.conf("<command><name>a</name><executable>a.sh</executable><expect/></command>")
    trial.toml(
        """
        [[command]]
        name = "a"
        executable = "a.sh"
        expect = ""
        """
    )
    assert trial.mistakes() == []
    trial.toml(
        """
        [[command]]
        name = "a"
        executable = "b.sh"
        expect = []
        """
    )
    assert trial.mistakes() == [
        "etc/agent.toml:1: command 'a' is defined differently at etc/ossec.conf:2: expected one definition"
    ]


def test_an_element_that_stands_twice_counts_once_and_is_told(trial):
    trial.conf("<command><name>a</name>\n<name>b</name><executable>b.sh</executable><expect/></command>")
    assert list(trial.load().config.commands) == ["b"]
    assert trial.warnings() == ["etc/ossec.conf:3: <name> stands twice in one <command>; that of line 2 does not count"]


@pytest.mark.parametrize("contract", ["argv", "wazuh4", "wazuh5"])
def test_a_command_names_its_contract_and_what_its_script_is_told_besides(trial, contract):
    trial.conf(
        f"""<command><name>a</name><executable>a</executable><expect>srcip</expect>
  <contract>{contract}</contract><extra_args>-yara_path  /usr/bin</extra_args></command>"""
    )
    loaded = trial.load()
    command = loaded.config.commands["a"]
    assert (command.contract, command.extra_args) == (contract, ("-yara_path", "/usr/bin"))
    assert (loaded.mistakes, loaded.config.unused) == ([], ())


def test_two_contracts_for_one_command_are_a_mistake(trial):
    trial.conf(
        """<command><name>a</name><executable>a</executable><expect/>
<contract>wazuh4</contract></command>"""
    )
    trial.toml('contract.a = "wazuh4"\n')
    assert trial.mistakes() == []
    trial.toml('contract.a = "wazuh5"\n')
    assert trial.mistakes() == [
        "etc/agent.toml:1: contract is 'wazuh5', and 'wazuh4' at etc/ossec.conf:3: expected one contract"
    ]


def test_a_contract_in_agent_toml_is_held_to_the_same_words(trial):
    trial.conf("<command><name>a</name><executable>a</executable><expect/></command>")
    trial.toml('contract.a = "stdin"\n')
    assert trial.mistakes() == ["etc/agent.toml:1: a is 'stdin': expected argv, wazuh4 or wazuh5"]


@pytest.mark.parametrize("written", ['"-v /x"', '["-v", "/x"]'])
def test_extra_args_may_be_a_list_in_agent_toml(trial, written):
    trial.conf("")
    trial.toml(f'[[command]]\nname = "a"\nexecutable = "a"\nexpect = ""\nextra_args = {written}\n')
    assert trial.load().config.commands["a"].extra_args == ("-v", "/x")
