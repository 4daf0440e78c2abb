"""What scripts are told in JSON, to the letter, and how that stays bounded."""

import ipaddress
import json
import time
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ar.model import Alert
from ar.policy.records import Arguments
from ar.policy.tasks import Notice, Task
from ar.respond.contracts import MESSAGE_BYTES_MAX, Host, answer, asks, message, remembered

HOST = Host("000", "pi")
SCRIPT = "/var/ossec/active-response/bin/drop.py"
LOG = 'Failed password for "root" from 203.0.113.7 port 4242 ssh2 \\xff'
ARGUMENTS = Arguments("-", "203.0.113.7", "1612213124.6448363", 5716, "/var/log/auth.log", "-")
ALERT = Alert(
    "1612213124.6448363", 1612213124.83, 5716, 5, ("syslog", "sshd", "authentication_failed"), "sshd rejected a user",
    "/var/log/auth.log", "pi", "sshd", "sshd", ipaddress.ip_address("203.0.113.7"), "root", None,
    MappingProxyType({"srcip": "203.0.113.7", "user": "root", "srcport": "4242", "aws.region.name": "eu"}), LOG,
)  # fmt: skip


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def task(contract="wazuh4", verb="add", alert=ALERT, arguments=ARGUMENTS, *, stateful=True, stands=False, extra=()):
    notice = Notice(contract, "drop", extra, alert, is_stateful=stateful, stands=stands)
    return Task(verb, "drop.py", arguments, {"AR_TIMEOUT": "600"}, notice=notice)


def told(a_task):
    line = message(a_task, SCRIPT, HOST)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


RULE_4 = {
    "level": 5,
    "description": "sshd rejected a user",
    "id": "5716",
    "groups": ["syslog", "sshd", "authentication_failed"],
}


def test_wazuh_4_is_told_the_alert_in_the_order_of_its_manual():
    line = message(task(extra=("-v", "/x")), SCRIPT, HOST)
    assert line.decode() == (
        '{"version":1,"origin":{"name":"pi","module":"wazuh-execd"},"command":"add","parameters":{'
        '"extra_args":["-v","/x"],"alert":{"timestamp":"2021-02-01T20:58:44.829+0000",'
        '"rule":{"level":5,"description":"sshd rejected a user","id":"5716",'
        '"groups":["syslog","sshd","authentication_failed"]},"agent":{"id":"000","name":"pi"},"manager":{"name":"pi"},'
        '"id":"1612213124.6448363",'
        '"full_log":"Failed password for \\"root\\" from 203.0.113.7 port 4242 ssh2 \\\\xff",'
        '"predecoder":{"program_name":"sshd","hostname":"pi"},"decoder":{"name":"sshd"},'
        '"data":{"srcip":"203.0.113.7","dstuser":"root","srcport":"4242","aws":{"region":{"name":"eu"}}},'
        '"location":"/var/log/auth.log"},"program":"/var/ossec/active-response/bin/drop.py"}}\n'
    ).replace(".829+", f".{int(ALERT.time_s % 1 * 1000):03d}+")


def test_wazuh_4_is_told_of_the_release_with_the_same_alert():
    add, delete = told(task()), told(task(verb="delete"))
    assert delete == {**add, "command": "delete"}


def test_a_script_of_the_default_contract_is_offered_the_message_of_wazuh_4():
    assert message(task("argv"), SCRIPT, HOST) == message(task("wazuh4"), SCRIPT, HOST)


@pytest.mark.parametrize(("verb", "command"), [("add", "enable"), ("delete", "disable")])
def test_wazuh_5_is_told_fields_of_the_common_schema(verb, command):
    rule = {"id": "5716", "level": 5, "description": "sshd rejected a user", "groups": RULE_4["groups"]}
    assert told(task("wazuh5", verb)) == {
        "@timestamp": f"2021-02-01T20:58:44.{int(ALERT.time_s % 1 * 1000):03d}+0000",
        "wazuh": {
            "active_response": {
                "name": "drop",
                "executable": "drop.py",
                "location": "local",
                "agent_id": "000",
                "type": "stateful",
                "stateful_timeout": 600,
            },
            "agent": {"id": "000", "name": "pi"},
            "rule": rule,
        },
        "rule": rule,
        "source": {"ip": "203.0.113.7", "port": 4242},
        "destination": {},
        "user": {"name": "root"},
        "event": {"id": "1612213124.6448363", "original": LOG},
        "log": {"file": {"path": "/var/log/auth.log"}},
        "command": command,
    }


def test_a_stateless_response_of_wazuh_5_has_no_timeout():
    about = told(task("wazuh5", stateful=False))["wazuh"]["active_response"]
    assert (about["type"], "stateful_timeout" in about) == ("stateless", False)


@pytest.mark.parametrize(("stands", "command"), [(False, "continue"), (True, "abort")])
def test_the_answer_is_that_of_each_project(stands, command):
    assert json.loads(answer(task(stands=stands), SCRIPT, HOST)) == {
        "version": 1,
        "origin": {"name": "pi", "module": "wazuh-execd"},
        "command": command,
        "parameters": {},
    }
    asked = task("wazuh5", stands=stands)
    assert json.loads(answer(asked, SCRIPT, HOST)) == {**told(asked), "command": command}


def test_without_an_alert_what_the_journal_has_is_told_and_the_rest_is_empty():
    arguments = Arguments("alice", "203.0.113.7", "1.2", 5716, "/var/log/auth.log", "/tmp/x")
    alert = told(task(alert=remembered(arguments, 5, "sshd rejected a user", 1612213124.0), arguments=arguments))
    assert alert["parameters"]["alert"] == {
        "timestamp": "2021-02-01T20:58:44.000+0000",
        "rule": {**RULE_4, "groups": []},
        "agent": {"id": "000", "name": "pi"},
        "manager": {"name": "pi"},
        "id": "1.2",
        "full_log": "",
        "predecoder": {"program_name": "", "hostname": ""},
        "decoder": {"name": ""},
        "data": {"srcip": "203.0.113.7", "dstuser": "alice", "srcuser": "alice"},
        "syscheck": {"path": "/tmp/x"},
        "location": "/var/log/auth.log",
    }


@pytest.mark.parametrize(
    ("changes", "data"),
    [
        ({"fields": {}}, {"srcip": "203.0.113.7", "dstuser": "root", "srcuser": "root"}),
        ({"srcip": None, "user": None, "fields": {"srcip": "evil.example.com"}}, {}),
        ({"fields": {"user": "root; reboot", "srcuser": "bob"}}, {"srcip": "203.0.113.7", "srcuser": "bob"}),
        ({"user": None, "fields": {"user": "$(reboot)"}}, {"srcip": "203.0.113.7"}),
        ({"user": "bob", "fields": {"srcuser": "bob", "user": ""}}, {"srcip": "203.0.113.7", "srcuser": "bob"}),
        ({"user": None, "fields": {"a": "1", "a.b": "2"}}, {"srcip": "203.0.113.7", "a": "1"}),
        ({"user": None, "fields": {"a.b": "2", "a": "1"}}, {"srcip": "203.0.113.7", "a": {"b": "2"}}),
        ({"user": None, "fields": {"srcip.x": "2"}}, {"srcip": "203.0.113.7"}),
    ],
)
def test_address_and_users_are_told_only_as_they_were_parsed(changes, data):
    arguments = ARGUMENTS._replace(srcip="-")
    assert told(task(alert=ALERT._replace(**changes), arguments=arguments))["parameters"]["alert"]["data"] == data


def test_the_address_is_the_one_that_is_blocked_and_the_file_stands_where_scripts_look_for_it():
    arguments = ARGUMENTS._replace(srcip="2001:db8::/64")
    alert = ALERT._replace(srcip=ipaddress.ip_address("2001:db8::7"), filename="/srv/x")
    found = told(task(alert=alert, arguments=arguments))["parameters"]["alert"]
    assert (found["data"]["srcip"], found["syscheck"]) == ("2001:db8::/64", {"path": "/srv/x"})
    assert told(task("wazuh5", alert=alert, arguments=arguments))["file"] == {"path": "/srv/x"}


HOSTILE = st.text(st.characters(), min_size=0, max_size=6) | st.sampled_from(['","srcip":"10.0.0.1', "\n", "\x00", "é"])


@given(
    HOSTILE, st.sampled_from([1, 20_000]), st.sampled_from([0, 3, 3000]), st.sampled_from(["argv", "wazuh4", "wazuh5"])
)
@settings(deadline=None, max_examples=60)
def test_whatever_an_alert_holds_the_message_is_one_line_of_ascii_and_bounded(text, times, fields, contract):
    long = text * times
    alert = ALERT._replace(
        fields={f"{text}.{'.' * (number % 50)}{number}": long[:2000] for number in range(fields)},
        full_log=long, description=long, location=long, hostname=long, program=long, decoder=long,
        groups=(long,) * 50, previous=(long,) * 12,
    )  # fmt: skip
    line = message(task(contract, alert=alert, extra=("\U0001f600" * 1024,)), SCRIPT, HOST)
    assert len(line) <= MESSAGE_BYTES_MAX
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert "10.0.0.1" not in json.dumps(json.loads(line).get("source", {}))


@pytest.mark.parametrize(
    "line",
    [
        b'{"version":1,"origin":{"name":"x","module":"y"},"command":"check_keys","parameters":{"keys":["10.0.0.1"]}}',
        b'{"command": "check_keys", "parameters": {"keys": []}}\0',
        b' {"command":"check_keys","parameters":{"keys":["a","b"]}}\r',
    ],
)
def test_a_question_is_known_by_its_command_and_keys(line):
    assert asks(line)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"check_keys", b'"check_keys"', b"null", b'{"command":"check_keys"', b'{"command":"check_keys"}',
        b'{"command":"check_keys","parameters":{"keys":"x"}}', b'{"command":"check_keys","parameters":[]}',
        b'["check_keys"]', b'{"command":"continue","parameters":{"keys":[]}}', b"[" * 8000, b'{"a":"\xff check_keys"}',
    ],
)  # fmt: skip
def test_anything_else_is_no_question(line):
    assert not asks(line)
