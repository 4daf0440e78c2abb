"""try: each step in its words, what may not be tried, and that nothing stays blocked, whatever ends it."""

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ar.model import Subject
from ar.policy.records import Added, Arguments, Opened, Promised
from ar.respond import clock
from ar.respond.journal import Journal, read

AGENT = str(Path(__file__).resolve().parents[2] / "agent.py")
CONF = """\
<ossec_config>
  <global><white_list>10.0.0.0/8</white_list></global>
  <command><name>drop</name><executable>drop.sh</executable><expect>srcip</expect></command>
  <command><name>lock</name><executable>drop.sh</executable><expect>user</expect></command>
  <command><name>clean</name><executable>drop.sh</executable><expect>filename</expect></command>
  <command><name>pause</name><executable>drop.sh</executable><expect></expect></command>
  <command><name>mail</name><executable>drop.sh</executable><expect></expect>
    <timeout_allowed>no</timeout_allowed></command>
</ossec_config>
"""
# A firewall that is a folder with a file for each subject, and notes what it was asked.
SCRIPT = """#!/bin/sh
# ar: present
echo "$1 $2 $3 $7 $AR_TIMEOUT" >> "$AR_HOME/asked"
blocked="$AR_HOME/blocked/$2$3"
{first}
case $1 in
    add) echo "adding"; mkdir -p "$AR_HOME/blocked"; : > "$blocked" ;;
    delete) rm -f "$blocked" ;;
    present) [ -e "$blocked" ] ;;
esac
"""


@pytest.fixture
def script(home):
    (home / "etc/ossec.conf").write_text(CONF)

    def script(first="", text=SCRIPT):
        path = home / "active-response/bin/drop.sh"
        path.write_text(text.replace("{first}", first))
        path.chmod(0o755)

    script.home = home
    script()
    return script


def asked(home):
    return [line.split()[0] for line in (home / "asked").read_text().splitlines()] if (home / "asked").exists() else []


def steps(out):
    """Return verb, verdict and how of each step, without the time."""
    lines = [line for line in out.splitlines() if not line.startswith(" ")]
    return [tuple(line.rpartition(", ")[0].split(None, 2)) if " ms" in line else line for line in lines]


def unreleased(home):
    return [record for record in read(home / "var/journal.json").records if isinstance(record, Promised)]


def test_each_step_is_told_with_the_scripts_own_words(home, script, verb):
    code, out, err = verb("try", "drop", "--subject", "203.0.113.7")
    assert (code, err) == (0, "")
    assert steps(out) == [
        ("present", "ok", "not in force"),
        ("add", "ok", "exit status 0"),
        ("present", "ok", "in force"),
        ("delete", "ok", "exit status 0"),
        ("present", "ok", "not in force"),
    ]
    assert out.splitlines()[2].strip() == "adding"
    assert asked(home) == ["present", "add", "present", "delete", "present"]
    assert list((home / "blocked").iterdir()) == []


def test_it_is_in_the_journal_for_a_while_and_then_released_and_no_offence(home, script, verb, objects):
    verb("try", "drop", "--subject", "203.0.113.7")
    records = [type(record).__name__ for record in read(home / "var/journal.json").records]
    assert records == ["Opened", "Promised", "Added", "Ended", "Released"]
    promise = read(home / "var/journal.json").records[1]
    assert (promise.offence, promise.sentence_s, promise.arguments.rule) == (0, 100, 0)
    assert "add - 203.0.113.7 - 100" in (home / "asked").read_text()
    log = (home / "logs/active-responses.log").read_text()
    done = [line.split(" - " if " - Bl" in line or " - Un" in line else ".sh ")[1] for line in log.splitlines()]
    assert [words.split()[0] for words in done] == ["add", "Blocked", "delete", "Unblocked"]
    assert objects("list") == []


def test_json_has_the_documented_keys(script, objects):
    before, add, during, delete, after = objects("try", "drop", "--subject", "2001:DB8::0:7")
    assert add.pop("took_s") >= 0
    assert add == {"step": "add", "verb": "add", "ok": True, "how": "exit status 0", "output": "adding"}
    assert [(step["step"], step["how"]) for step in (before, during, delete, after)] == [
        ("before", "not in force"), ("during", "in force"), ("delete", "exit status 0"), ("after", "not in force"),
    ]  # fmt: skip


def test_a_script_without_present_is_not_asked_and_that_is_said(home, script, verb):
    script(text=SCRIPT.replace("# ar: present\n", ""))
    code, out, _ = verb("try", "drop", "--subject", "203.0.113.7")
    assert code == 0
    assert steps(out) == [
        ("add", "ok", "exit status 0"),
        "present  -       cannot be asked: drop.sh declares no `present`",
        ("delete", "ok", "exit status 0"),
        "present  -       cannot be asked: drop.sh declares no `present`",
    ]
    assert asked(home) == ["add", "delete"]


@pytest.mark.parametrize(
    ("first", "told", "calls"),
    [
        (
            '[ "$1" != add ] || { echo "no filter here" >&2; exit 69; }',
            [("present", "ok", "not in force"), ("add", "FAILED", "exit status 69"), ("delete", "ok", "exit status 0"),
             ("present", "ok", "not in force")],
            ["present", "add", "delete", "present"],
        ),
        (
            '[ "$1" != add ] || exit 0',
            [("present", "ok", "not in force"), ("add", "ok", "exit status 0"), ("present", "FAILED", "not in force"),
             ("delete", "ok", "exit status 0"), ("present", "ok", "not in force")],
            ["present", "add", "present", "delete", "present"],
        ),
        (
            '[ "$1" != delete ] || exit 0',
            [("present", "ok", "not in force"), ("add", "ok", "exit status 0"), ("present", "ok", "in force"),
             ("delete", "ok", "exit status 0"), ("present", "FAILED", "in force")],
            ["present", "add", "present", "delete", "present"],
        ),
        (
            '[ "$1" != present ] || exit 70',
            [("present", "FAILED", "cannot tell: exit status 70"), ("add", "ok", "exit status 0"),
             ("present", "FAILED", "cannot tell: exit status 70"), ("delete", "ok", "exit status 0"),
             ("present", "FAILED", "cannot tell: exit status 70")],
            ["present", "add", "present", "delete", "present"],
        ),
        (
            '[ "$1" != present ] || exit 0',
            [("present", "FAILED", "in force already, and not by this agent: nothing was tried")],
            ["present"],
        ),
    ],
    ids=["add fails", "add lies", "delete lies", "present cannot tell", "blocked by somebody else"],
)  # fmt: skip
def test_what_goes_wrong_is_told_and_what_was_put_in_force_released(script, verb, first, told, calls):
    script(first)
    code, out, _ = verb("try", "drop", "--subject", "203.0.113.7")
    assert (code, steps(out), asked(script.home)) == (69, told, calls)
    assert ("no filter here" in out) == ("no filter" in first)


def test_a_release_that_fails_stays_promised_and_a_sweep_tries_it_again(home, script, verb, objects):
    script('[ "$1" != delete ] || { echo "it sticks" >&2; exit 1; }')
    code, out, _ = verb("try", "drop", "--subject", "203.0.113.7")
    assert code == 69
    assert steps(out)[-1] == ("delete", "FAILED", "exit status 1")
    assert "it sticks" in out
    assert [row["state"] for row in objects("list")] == ["releasing"]
    script()
    assert verb("sweep")[0] == 0
    assert objects("list") == []


@pytest.mark.parametrize(
    ("name", "subject", "handed"),
    [("lock", "bob", "bob - - 100"), ("clean", "/srv/x.php", "- - /srv/x.php 100"), ("pause", None, "- - - 100")],
)
def test_users_files_and_nothing_are_tried_too(script, verb, name, subject, handed):
    words = [] if subject is None else ["--subject", subject]
    code, out, _ = verb("try", name, *words)
    assert code == 0, out
    assert f"add {handed}" in (script.home / "asked").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["drop", "--subject", "10.1.2.3"], "10.1.2.3 is not tried: it is allowlisted (10.0.0.0/8)"),
        (["drop", "--subject", "127.0.0.1"], "it is a loopback address"),
        (["drop", "--subject", "::ffff:127.0.0.1"], "it is a loopback address"),
        (["drop", "--subject", "evil.example.com"], "is nothing that drop may be handed: expected an IPv4 or IPv6"),
        (["drop", "--subject", "bob"], "expected an IPv4 or IPv6 address"),
        (["drop"], "drop needs a --subject: expected an IPv4 or IPv6 address"),
        (["lock", "--subject", "$(reboot)"], "is nothing that lock may be handed: expected a user name"),
        (["lock", "--subject=-rf"], "expected a user name"),
        (["clean", "--subject", "x"], "expected the absolute path of a file"),
        (["pause", "--subject", "x"], "pause acts on nothing: expected no --subject"),
        (["mail"], "mail is never undone (timeout_allowed no)"),
        (["dorp", "--subject", "203.0.113.7"], "'dorp' is no command: expected 'drop'"),
    ],
)  # fmt: skip
def test_what_may_not_be_tried_is_refused_before_any_script_runs(script, verb, words, message):
    code, _, err = verb("try", *words)
    assert code == 64
    assert message in err
    assert asked(script.home) == []


def test_an_address_of_this_host_is_refused(home, script, verb, monkeypatch):
    monkeypatch.setattr("ar.setup.own_addresses", lambda: {ipaddress.ip_address("203.0.113.7")})
    assert "it is this host's own address" in verb("try", "drop", "--subject", "203.0.113.7")[2]


def promised(home, command, kind, value, *, added=True):
    now = clock.now()
    journal = Journal(home / "var/journal.json")
    handed = {"srcip": "-", "user": "-", "filename": "-", kind: value}
    arguments = Arguments(handed["user"], handed["srcip"], "1.1", 5720, "auth.log", handed["filename"])
    journal.write(
        Opened(clock.boot_id(), *now),
        Promised(1, command, "drop.sh", "argv", Subject(kind, value), arguments, 1, now.wall_s, 600, now.boot_s + 600),
        *([Added(1)] if added else []),
    )
    journal.close()


@pytest.mark.parametrize("added", [True, False])
@pytest.mark.parametrize(
    "case",
    [
        ("drop", "srcip", "203.0.113.7", ["drop", "--subject", "203.0.113.7"]),
        ("other", "srcip", "203.0.113.7", ["drop", "--subject", "::ffff:203.0.113.7"]),
        ("other", "srcip", "2001:db8::/64", ["drop", "--subject", "2001:db8::7"]),
        ("lock", "user", "bob", ["lock", "--subject", "bob"]),
        ("pause", "none", "-", ["pause"]),
    ],
)
def test_what_is_blocked_is_not_tried_by_whatever_command_it_is(script, verb, case, added):
    """Two commands may be two scripts for one firewall: the trial's release would end the block."""
    (command, kind, value, tried), home = case, script.home
    promised(home, command, kind, value, added=added)
    before = (home / "var/journal.json").read_bytes()
    code, _, err = verb("try", *tried)
    assert code == 64
    assert f"is not tried: {value} is in the journal, {'in force' if added else 'promised'} by {command}" in err
    assert asked(home) == []
    assert (home / "var/journal.json").read_bytes().startswith(before)


def test_nothing_else_that_is_due_is_done(home, script, verb):
    promised(home, "drop", "srcip", "203.0.113.8", added=False)
    assert verb("try", "drop", "--subject", "203.0.113.7")[0] == 0
    assert "203.0.113.8" not in (home / "asked").read_text()


def test_a_home_with_mistakes_and_a_folder_that_is_none_are_told(home, script, verb):
    (home / "etc/ossec.conf").write_text(CONF.replace("<expect>user</expect>", "<expect>usr</expect>"))
    code, _, err = verb("try", "drop", "--subject", "203.0.113.7")
    assert (code, asked(home)) == (78, [])
    assert "the configuration has mistakes, so nothing was tried" in err
    (home / "var").rmdir()
    assert verb("try", "drop", "--subject", "203.0.113.7")[0] == 69


def test_the_script_is_told_by_the_contract_of_its_command(home, script, verb):
    (home / "etc/agent.toml").write_text('contract.drop = "wazuh4"\n')
    script(text=f'#!/bin/sh\nread -r told\necho "$# $told" >> {home}/told\n')
    assert verb("try", "drop", "--subject", "203.0.113.7")[0] == 0
    told = [json.loads(line.partition(" ")[2]) for line in (home / "told").read_text().splitlines()]
    assert [(one["command"], one["parameters"]["alert"]["data"]["srcip"]) for one in told] == [
        ("add", "203.0.113.7"), ("delete", "203.0.113.7"),
    ]  # fmt: skip


# ── interrupted, killed ──────────────────────────────────────────────────────────────────────────────────────


def started(home, *words):
    """Start a trial as a process of its own; return it once its script's `add` waits."""
    process = subprocess.Popen(
        [sys.executable, AGENT, "--home", str(home), "try", "drop", "--subject", "203.0.113.7", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    give_up = time.monotonic() + 30
    while "add" not in asked(home) and time.monotonic() < give_up:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    return process


GATED = '[ "$1" != add ] || { : > "$blocked"; while [ ! -e "$AR_HOME/gate" ]; do sleep 0.01; done; }'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_releases_before_it_ends(home, script, number):
    (home / "blocked").mkdir()
    script(GATED)
    process = started(home)
    process.send_signal(number)
    time.sleep(0.1)
    assert process.poll() is None, "it waits for its script, which would block later"
    (home / "gate").touch()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130, out
    assert asked(home) == ["present", "add", "delete"]
    assert steps(out) == [
        ("present", "ok", "not in force"), ("add", "ok", "exit status 0"), ("delete", "ok", "exit status 0"),
    ]  # fmt: skip
    assert list((home / "blocked").iterdir()) == []


def test_killed_it_leaves_a_promise_that_the_next_release_keeps(home, script, verb, objects):
    (home / "blocked").mkdir()
    script(GATED)
    process = started(home)
    process.kill()
    process.communicate()
    (home / "gate").touch()
    (row,) = objects("list")
    assert (row["subject"], row["state"], row["rule"], row["offence"]) == ("203.0.113.7", "promised", 0, 0)
    assert row["left_s"] <= 100
    assert verb("unblock", "203.0.113.7")[0] == 0
    assert list((home / "blocked").iterdir()) == []
    assert asked(home)[-1] == "delete"


def test_a_script_that_never_ends_is_ended_at_its_deadline_and_released(home, script, verb, monkeypatch):
    monkeypatch.setattr("ar.respond.runner.KILL_AFTER_TERM_S", 0.1)
    (home / "etc/agent.toml").write_text('script_deadline = "1s"\n')
    script('[ "$1" != add ] || { trap "" TERM; echo $$; while :; do sleep 0.05; done; }')
    code, out, _ = verb("try", "drop", "--subject", "203.0.113.7")
    assert code == 69
    assert steps(out)[1] == ("add", "FAILED", "ended after 1 s without an end of its own")
    with pytest.raises(ProcessLookupError):
        os.kill(int(out.splitlines()[2]), 0)
    assert asked(home) == ["present", "add", "delete", "present"]
