"""The configurations of the documents that the project comes from: each loads and does what its document says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from trialhome import Trial

from ar.config.check import doubts
from ar.model import Levels
from ar.policy.bind import Bindings

HERE = Path(__file__).parent
DOCUMENTS = HERE.parents[2] / "shared/seeds"
ESCALATION = [600, 1800, 3600, 7200, 7200]  # ten minutes, then 30, 60, 120 and 120 again


@pytest.fixture
def trial(tmp_path):
    trial = Trial(tmp_path)
    trial.script()
    trial.folders()
    return trial


@pytest.fixture
def use(trial):
    """Load the named documents' configurations as one ossec.conf, and return what was loaded."""

    def use(*names: str):
        trial.write("etc/ossec.conf", "".join((HERE / f"{name}.xml").read_text() for name in names))
        return trial.load()

    return use


def messages(found) -> list[str]:
    return [str(one) for one in found]


def sentences(response) -> list[int]:
    return [response.sentence_s(offence) for offence in range(1, 6)]


def triggered(loaded, rule_id: int) -> list[tuple[str, int]]:
    """Return command and first sentence of each response that a loaded rule triggers."""
    rule = loaded.ruleset.rules.by_id[rule_id]
    bound = Bindings(loaded.config.responses).of_rule(rule.id, rule.level, rule.groups)
    return [(response.command.name, response.timeout_s) for response in bound]


# --- The blog: repeated offenders ignored ----------------------------------------------------------------


def test_the_blogs_server_configuration_escalates_where_ossec_ignored_it(use):
    loaded = use("blog_server")
    assert messages(loaded.mistakes) == []
    (response,) = loaded.config.responses
    assert sentences(response) == ESCALATION
    assert triggered(loaded, 5712) == [("firewall-drop", 600)]
    assert triggered(loaded, 5716) == [], "level 5 is below 6"


@pytest.mark.parametrize("order", [("blog_server_unchanged", "blog_agent"), ("blog_agent", "blog_server_unchanged")])
def test_the_blogs_solution_works_with_both_blocks_in_one_ossec_conf(use, order):
    loaded = use(*order)
    assert messages(loaded.mistakes) == []
    (response,) = loaded.config.responses
    assert sentences(response) == ESCALATION


def test_the_blogs_hope_comes_true_and_the_list_works_in_agent_conf(use, trial):
    agent = (HERE / "blog_agent.xml").read_text()
    trial.write("etc/shared/agent.conf", agent.replace("ossec_config", "agent_config"))
    loaded = use("blog_server_unchanged")
    assert messages(loaded.mistakes) == []
    (response,) = loaded.config.responses
    assert sentences(response) == ESCALATION
    assert str(response.steps_place) == "etc/shared/agent.conf:8"


def test_the_agents_file_works_when_the_response_stands_in_agent_conf(use, trial):
    server = (HERE / "blog_server_unchanged.xml").read_text()
    trial.write("etc/shared/agent.conf", server.replace("ossec_config", "agent_config"))
    loaded = use("blog_agent")
    (response,) = loaded.config.responses
    assert sentences(response) == ESCALATION


def test_the_agents_file_alone_blocks_nobody_and_check_says_why(use):
    loaded = use("blog_agent")
    assert messages(loaded.mistakes) == []
    assert [name for name, _ in loaded.config.unused] == ["client"]
    assert messages(doubts(loaded)) == [
        "etc/ossec.conf: no response is bound to any rule, so nothing is ever blocked",
        "etc/ossec.conf: no log is followed: expected a localfile",
        (
            "etc/ossec.conf:8: no response here uses this default for repeated offenders: "
            "expected a response with a timeout"
        ),
    ]


# --- OSSEC's manual --------------------------------------------------------------------------------------


def test_the_manuals_empty_excerpt_loads_and_does_nothing(use):
    loaded = use("manual_excerpt")
    assert messages(loaded.mistakes) == []
    assert messages(loaded.warnings) == [
        "etc/ossec.conf:3: <command> is empty and does nothing",
        "etc/ossec.conf:8: <active-response> is empty and does nothing",
    ]


def test_the_manuals_firewall_block_is_never_defined_and_check_names_what_is_meant(use):
    assert messages(use("manual_repeated").mistakes) == [
        "etc/ossec.conf:9: <command> is 'firewall-block', which is not defined: expected 'firewall-drop'"
    ]


def test_the_manuals_last_example_is_broken_in_two_places_and_check_names_one_after_the_other(trial):
    text = (HERE / "manual_firewall.xml").read_text()
    trial.write("etc/ossec.conf", text)
    assert messages(trial.load().mistakes) == [
        "etc/ossec.conf:4: broken XML (mismatched tag): expected </name> to close <name> of line 4"
    ]
    text = text.replace("<name>firewall-drop</command>", "<name>firewall-drop</name>")
    trial.write("etc/ossec.conf", text)
    assert messages(trial.load().mistakes) == [
        "etc/ossec.conf:9: <command> is 'firewall-block', which is not defined: expected 'firewall-drop'"
    ]


def test_the_manuals_last_example_escalates_once_it_is_mended(trial):
    text = (HERE / "manual_firewall.xml").read_text()
    text = text.replace("<name>firewall-drop</command>", "<name>firewall-drop</name>")
    trial.write("etc/ossec.conf", text.replace("firewall-block</command>", "firewall-drop</command>"))
    loaded = trial.load()
    assert messages(loaded.mistakes) == []
    (response,) = loaded.config.responses
    assert sentences(response) == ESCALATION
    assert triggered(loaded, 5716) == [("firewall-drop", 600)], "authentication_failed"
    assert triggered(loaded, 5712) == [("firewall-drop", 600)], "authentication_failures"
    assert triggered(loaded, 31103) == []


def test_the_manuals_restart_runs_on_its_rule_and_expects_nothing(use, trial):
    trial.write("rules/local_rules.xml", (HERE / "manual_rules.xml").read_text())
    loaded = use("manual_restart")
    assert messages(loaded.mistakes) == []
    assert loaded.config.commands["restart-ossec"].expects == frozenset()
    assert triggered(loaded, 510010) == [("restart-ossec", 0)]
    assert triggered(loaded, 510011) == []


def test_without_the_manuals_rule_check_says_that_the_restart_never_runs(use, trial):
    trial.script("restart-ossec.sh")
    assert messages(doubts(use("manual_restart")))[2:] == [
        "etc/ossec.conf:8: rules_id 510010 of 'restart-ossec': no loaded rule has that number",
        (
            "etc/ossec.conf:8: the response that runs 'restart-ossec' never runs: "
            "expected a level, group or id that a loaded rule has"
        ),
    ]


def test_the_manuals_pf_block_runs_on_agent_001_only(use, trial):
    loaded = use("manual_pf")
    assert messages(loaded.mistakes) == []
    assert loaded.config.responses == ()
    assert messages(loaded.warnings) == [
        (
            "etc/ossec.conf:10: <location> is 'defined-agent' with agent_id 001: "
            "this response does not run here, where the agent_id is 000"
        )
    ]
    trial.toml('agent_id = "001"')
    loaded = use("manual_pf")
    assert messages(loaded.warnings) == []
    assert triggered(loaded, 5716) == [("pf-block", 0)]
    assert triggered(loaded, 5712) == [("pf-block", 0)]


def test_the_manuals_makelists_expects_a_word_that_nothing_is_passed_for(use, trial):
    trial.write("rules/local_rules.xml", (HERE / "manual_rules.xml").read_text())
    loaded = use("manual_makelists")
    assert messages(loaded.mistakes) == []
    assert messages(loaded.warnings) == [
        "etc/ossec.conf:6: <expect> is 'hostname': nothing is passed to the script for 'hostname'"
    ]
    assert triggered(loaded, 510011) == [("makelists", 0)]


# --- The tutorial ----------------------------------------------------------------------------------------


def test_the_tutorials_whole_configuration_loads(use):
    loaded = use("tutorial")
    assert messages(loaded.mistakes) == []
    assert sorted(loaded.config.commands) == [
        "email-alert", "firewall-drop", "host-deny", "route-null", "web-attack-block",
    ]  # fmt: skip
    assert [str(allowed.network) for allowed in loaded.config.allowed] == [
        "127.0.0.1/32", "192.168.1.0/24", "10.0.0.0/8", "203.0.113.10/32",
    ]  # fmt: skip
    assert [local.location for local in loaded.config.local_files] == [
        "/var/ossec/logs/active-responses.log",
        "/var/ossec/logs/notifications.log",
    ]


def test_the_tutorials_comma_lists_of_levels_mean_exactly_these(use):
    levels = {r.command.name: r.levels for r in use("tutorial").config.responses if r.levels != Levels()}
    assert levels == {
        "firewall-drop": Levels(least=12),
        "host-deny": Levels(exactly=frozenset({8, 9, 10})),
        "email-alert": Levels(exactly=frozenset({6, 7})),
    }


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (5712, [("firewall-drop", 600), ("email-alert", 0), ("host-deny", 1800), ("firewall-drop", 3600)]),
        (5720, [("firewall-drop", 600), ("email-alert", 0), ("host-deny", 1800)]),
        (31151, [("firewall-drop", 1800), ("email-alert", 0), ("host-deny", 1800)]),
        (31152, [("firewall-drop", 1800), ("host-deny", 1800)]),
        (31103, [("web-attack-block", 3600), ("email-alert", 0)]),
        (31109, [("web-attack-block", 3600), ("email-alert", 0)]),
        (5551, [("host-deny", 1800)]),
        (5716, []),
        (5711, []),
    ],
)
def test_the_tutorials_responses_run_on_the_rules_it_names(use, rule, expected):
    assert triggered(use("tutorial"), rule) == expected


def test_the_tutorials_tuned_response_has_steps_and_the_others_none(use):
    loaded = use("tutorial")
    assert sentences(loaded.config.responses[-1]) == [3600, 1800, 3600, 7200, 7200]
    assert all(response.steps_s == () for response in loaded.config.responses[:-1])


def test_check_says_what_the_tutorial_does_not_do(trial):
    for script in ("host-deny.sh", "email-notification.sh"):
        trial.script(script)
    logs = f"{trial.home.root}/logs"
    trial.write("etc/ossec.conf", (HERE / "tutorial.xml").read_text().replace("/var/ossec/logs", logs))
    assert [message.removeprefix("etc/ossec.conf:") for message in messages(doubts(trial.load()))] == [
        (
            " not one of the logs can be followed now, so nothing will be seen until one can: "
            "expected a log that is there and that this user may read"
        ),
        "10: rules_id 5711 of 'host-deny': its level is 0, which never fires a response",
        "10: the response that runs 'host-deny' never runs: expected a level, group or id that a loaded rule has",
        (
            "42: command 'web-attack-block' cannot run active-response/bin/custom-firewall-drop.sh: "
            "there is no such script"
        ),
        "48: rules_id 31108 of 'web-attack-block': its level is 0, which never fires a response",
        f"96: log {logs}/active-responses.log: it does not exist now",
        f"100: log {logs}/notifications.log: it does not exist now",
        (
            "105: the second offence is blocked for less (30 min, etc/ossec.conf:111) than the first (1 h): "
            "expected steps longer than the timeout"
        ),
        "105: 'firewall-drop' also runs on rule 5712 by etc/ossec.conf:3: there the longer of their sentences counts",
    ]


# --- The post of 2009 and the older reference ------------------------------------------------------------


def test_the_post_of_2009_blocks_by_level_for_ten_minutes_each_time(use):
    loaded = use("post_2009")
    assert messages(loaded.mistakes) == []
    (response,) = loaded.config.responses
    assert sentences(response) == [600] * 5
    assert triggered(loaded, 5712) == [("firewall-drop", 600)], "brute force by ssh"


def test_every_element_of_the_older_reference_is_understood(use):
    loaded = use("unix_reference")
    assert messages(loaded.mistakes) == []
    assert messages(loaded.warnings) == []
    (response,) = loaded.config.responses
    assert response.levels == Levels(least=9)
    assert response.rules == {5712, 5720}
    assert response.groups == ("sshd", "authentication_failed")
    assert response.timeout_s == 600
    assert response.command.expects == {"srcip", "user"}


def test_the_older_references_disabled_alone_completely_disables_active_response(use, trial):
    off = "<ossec_config><active-response><disabled>yes</disabled></active-response></ossec_config>"
    trial.write("etc/ossec.conf", (HERE / "post_2009.xml").read_text() + off)
    assert trial.load().config.responses == ()


# --- The files beside this one hold what the documents say -----------------------------------------------


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ("000_ca8488171366de61.txt", ["blog_server", "blog_server_unchanged", "blog_agent"]),
        (
            "001_094226b71957368a.txt",
            [f"manual_{n}" for n in ("excerpt", "repeated", "restart", "pf", "makelists", "rules", "firewall")],
        ),
        ("002_3f74d0df88d8b67e.txt", ["tutorial"]),
    ],
)
def test_every_element_of_a_document_stands_in_a_file_here(document, names):
    path = DOCUMENTS / document
    if not path.exists():
        pytest.skip(f"{path} is not there: the documents do not come with the source")
    here = {line.strip() for name in names for line in (HERE / f"{name}.xml").read_text().splitlines()}
    # Prose has tags in running text; a line of configuration starts with one.
    there = {line.strip() for line in path.read_text().splitlines() if re.match(r"\s*</?[a-z_-]+[ >]", line)}
    assert len(there) > 10
    assert there <= here
