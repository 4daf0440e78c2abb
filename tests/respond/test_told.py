"""Scripts as users write them, told by each contract: what they read, what they ask, and what they do wrong."""

import json
import os
import select
import sys
import time

import pytest

from ar.model import Alert
from ar.policy.records import Arguments
from ar.policy.tasks import Notice, Task
from ar.respond.runner import ASKS_WITHIN_S, Runner
from ar.respond.running import ASKED_WRONG_MAX, OUTPUT_MAX_BYTES

ARGUMENTS = Arguments("-", "203.0.113.7", "1.2", 5716, "/var/log/auth.log", "-")
ALERT = Alert("1.2", 1612213124.0, 5716, 5, ("sshd",), "rejected", "/var/log/auth.log", full_log="x" * 20_000)

# sh, reading one line, as in the blogs
SH_READ = """#!/bin/sh
read -r INPUT_JSON
COMMAND=$(echo "$INPUT_JSON" | sed 's/.*"command":"\\([a-z]*\\)".*/\\1/')
IP=$(echo "$INPUT_JSON" | sed -n 's/.*"data":{"srcip":"\\([^"]*\\)".*/\\1/p')
echo "$# $COMMAND $IP $PWD"
"""
# Python, reading one line
PY_LINE = f"""#!{sys.executable}
import json, os, sys
told = json.loads(sys.stdin.readline())
print(len(sys.argv) - 1, told["command"], told["parameters"]["alert"]["data"]["srcip"], os.getcwd())
"""
# Python, reading to the end
PY_END = PY_LINE.replace("json.loads(sys.stdin.readline())", "json.load(sys.stdin)")
# Python, with the exchange of stateful responses
PY_ASKS = f"""#!{sys.executable}
import json, sys

def tell(**fields):
    print(json.dumps(fields))
    sys.stdout.flush()

told = json.loads(sys.stdin.readline())
alert = told["parameters"]["alert"]
if told["command"] == "add":
    tell(version=1, origin={{"name": sys.argv[0], "module": "active-response"}}, command="check_keys",
         parameters={{"keys": [alert["data"]["srcip"]]}})
    answer = json.loads(sys.stdin.readline())
    if answer["command"] == "abort":
        print("Aborted")
        sys.exit(0)
    assert answer["command"] == "continue", answer
    assert sys.stdin.read() == "", "nothing follows the answer"
print(told["command"] + "ed", alert["data"]["srcip"])
"""


@pytest.fixture
def home(tmp_path):
    (tmp_path / "active-response/bin").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def run(home):
    """Run a script to its end; the time that the runner sees stands still, unless `clock` is changed."""
    clock = [0.0]

    def run(text, contract="wazuh4", verb="add", *, deadline_s=1000.0, until=None, stands=False, alert=ALERT):
        script = home / "active-response/bin/x"
        script.write_text(text)
        script.chmod(0o755)
        runner = Runner(script.parent, home, scripts_max=1, deadline_s=deadline_s, fault_of_script=lambda path: None)
        notice = Notice(contract, "drop", (), alert, is_stateful=True, stands=stands)
        runner.submit(Task(verb, "x", ARGUMENTS, {"AR_TIMEOUT": "600"}, notice=notice), clock[0])
        give_up = time.monotonic() + 30
        while time.monotonic() < give_up:
            if until is not None and until(runner):
                return runner
            select.select(runner.filenos(), runner.writers(), [], 0.01)
            finished = runner.reap(clock[0])
            if finished:
                assert (runner.filenos(), runner.writers(), runner.running) == ([], [], 0)
                return finished[0]
        raise AssertionError("it did not end")

    run.clock = clock
    return run


@pytest.mark.parametrize("script", [SH_READ, PY_LINE, PY_END], ids=["sh read", "Python line", "Python end"])
@pytest.mark.parametrize("verb", ["add", "delete"])
def test_a_script_of_wazuh_4_reads_its_line_without_arguments_in_the_home(run, home, script, verb):
    outcome = run(script, verb=verb)
    assert (outcome.worked, outcome.output) == (True, f"0 {verb} 203.0.113.7 {home}")


@pytest.mark.parametrize("script", [SH_READ, PY_LINE, PY_END], ids=["sh read", "Python line", "Python end"])
def test_a_script_of_the_default_contract_may_read_the_same_besides_its_arguments(run, script):
    outcome = run(script, "argv")
    assert (outcome.worked, outcome.output) == (True, "7 add 203.0.113.7 /")


@pytest.mark.parametrize(("verb", "command"), [("add", "enable"), ("delete", "disable")])
@pytest.mark.parametrize("reads", ["sys.stdin.readline()", "sys.stdin.read()"])
def test_a_script_of_wazuh_5_reads_flat_fields(run, verb, command, reads):
    script = f"""#!{sys.executable}
import json, sys
told = json.loads({reads})
print(told["command"], told["source"]["ip"], told["wazuh"]["rule"]["id"], len(sys.argv))
"""
    outcome = run(script, "wazuh5", verb)
    assert (outcome.worked, outcome.output) == (True, f"{command} 203.0.113.7 5716 1")


@pytest.mark.parametrize(("stands", "output"), [(False, "added 203.0.113.7"), (True, "Aborted")])
@pytest.mark.parametrize("contract", ["wazuh4", "wazuh5"])
def test_a_script_that_asks_is_answered_and_the_question_is_not_its_last_word(run, contract, stands, output):
    script = PY_ASKS
    if contract == "wazuh5":
        script = script.replace('"add"', '"enable"').replace('told["parameters"]["alert"]', "told")
        script = script.replace('alert["data"]["srcip"]', 'alert["source"]["ip"]').replace('+ "ed"', '[:0] + "added"')
    outcome = run(script, contract, stands=stands)
    assert (outcome.worked, outcome.output) == (True, output)


def test_a_release_is_not_asked_about(run):
    outcome = run(PY_ASKS, verb="delete")
    assert (outcome.worked, outcome.output) == (True, "deleteed 203.0.113.7")


def test_a_question_may_come_in_pieces_after_other_words(run):
    script = """#!/bin/sh
# it asks by check_keys, though the word is in pieces below
read -r told
echo starting
echo '{"command":"nonsense"}'
printf '{"command":"check_'
sleep 0
printf 'keys","parameters":{"keys":["a"]}}\\n'
read -r answer
echo "$answer"
cat
"""
    outcome = run(script)
    starting, nonsense, answer = outcome.output.splitlines()
    assert (starting, nonsense) == ("starting", '{"command":"nonsense"}')
    assert json.loads(answer)["command"] == "continue"


def test_a_script_that_asks_before_it_reads_is_answered_all_the_same(run):
    script = """#!/bin/sh
echo '{"command":"check_keys","parameters":{"keys":[]}}'
read -r told
read -r answer
echo "${told%%,*} $answer"
"""
    assert run(script).output.startswith('{"version":1 {"version":1,')


def test_one_that_could_ask_and_reads_to_the_end_is_kept_waiting_for_a_while_only(run):
    script = PY_END + "# check_keys\n"
    runner = run(script, until=lambda runner: next(iter(runner._running.values())).unsaid == b"")
    assert runner.next_wake_s() == ASKS_WITHIN_S
    assert runner.reap(ASKS_WITHIN_S - 0.1) == []
    give_up = time.monotonic() + 30
    finished = []
    while not finished and time.monotonic() < give_up:
        finished = runner.reap(ASKS_WITHIN_S)
        select.select(runner.filenos(), [], [], 0.01)
    assert finished[0].worked
    assert finished[0].took_s == ASKS_WITHIN_S


def test_with_a_short_deadline_it_is_kept_waiting_for_half_of_that(run):
    runner = run("#!/bin/sh\n# check_keys\nexec cat", deadline_s=4, until=lambda runner: True)
    assert runner.next_wake_s() == 2
    give_up = time.monotonic() + 30
    while runner.running and time.monotonic() < give_up:
        runner.reap(2.0)
    assert runner.running == 0


@pytest.mark.parametrize("contract", ["argv", "wazuh4", "wazuh5"])
@pytest.mark.parametrize("alert", [ALERT, ALERT._replace(full_log="\x01" * 9000)], ids=["20 KB", "54 KB"])
def test_a_script_that_never_reads_neither_fails_nor_waits(run, contract, alert):
    outcome = run("#!/bin/sh\necho done\n", contract, alert=alert)
    assert (outcome.worked, outcome.output) == (True, "done")


@pytest.mark.parametrize("word", ["", "# check_keys"])
def test_a_script_that_closes_its_input_early_goes_on(run, word):
    outcome = run(f"#!/bin/sh\n{word}\nexec <&-\necho done\n")
    assert (outcome.worked, outcome.output) == (True, "done")


def test_more_than_a_pipe_holds_is_said_as_the_script_reads(run, monkeypatch):
    """On a system whose pipes are small the agent goes on meanwhile, and wakes when there is room."""
    small = []

    def write(fd, text):
        small.append(len(text))
        return os_write(fd, text[:1000]) if len(small) % 2 else blocked()

    def blocked():
        raise BlockingIOError

    os_write = os.write
    monkeypatch.setattr("ar.respond.running.os.write", write)
    outcome = run(PY_END)
    assert (outcome.worked, outcome.output.split()[1]) == (True, "add")
    assert len(small) > 20


@pytest.mark.parametrize(
    "words",
    [
        '{"command":"check_keys"',
        '{"command":"check_keys"}\n',
        "check_keys\n" * (ASKED_WRONG_MAX - 1),
        "\\000\\377 check_keys garbage\n",
        "[" * 9000 + "check_keys\n",
    ],
    ids=["half a line", "no keys", "garbage", "bytes", "deep"],
)
def test_one_that_asks_wrongly_gets_no_answer_and_then_the_end(run, words):
    script = f"#!/bin/sh\nread -r told\nprintf '{words}' && cat && echo end\n"
    runner = run(script, until=lambda runner: b"check_keys" in next(iter(runner._running.values())).output)
    assert runner.reap(1.0) == []
    give_up = time.monotonic() + 30
    finished = []
    while not finished and time.monotonic() < give_up:
        finished = runner.reap(ASKS_WITHIN_S)
        select.select(runner.filenos(), [], [], 0.01)
    assert finished[0].worked
    assert finished[0].output.endswith("end")


def test_one_that_asks_wrongly_again_and_again_is_not_listened_to_any_more(run):
    garbage = "check_keys\n" * ASKED_WRONG_MAX
    outcome = run(f"#!/bin/sh\nread -r told\nprintf '{garbage}'\ncat\necho end\n")
    assert outcome.output.endswith("end")


def test_a_flood_of_output_keeps_no_question_from_being_heard(run):
    script = PY_ASKS.replace("told = json", "print('{} check_key\\n' * 300_000)\ntold = json")
    outcome = run(script)
    assert outcome.output.endswith("added 203.0.113.7")
    assert len(outcome.output) <= OUTPUT_MAX_BYTES


def test_one_endless_line_is_no_question_and_takes_no_room(run):
    script = """#!/bin/sh
head -c 3000000 /dev/zero | tr '\\0' x
echo '{"command":"check_keys","parameters":{"keys":[]}}'
echo '{"command":"check_keys","parameters":{"keys":["real"]}}'
read -r told
read -r answer
echo "$answer"
"""
    outcome = run(script)
    assert json.loads(outcome.output.splitlines()[-1])["command"] == "continue"
    assert '"keys":[]' in outcome.output, "what ended the endless line was no line of its own"


def test_one_that_never_exits_is_ended_at_its_deadline_with_its_input_still_open(run):
    script = "#!/bin/sh\n# check_keys\ntrap '' TERM\necho $$\nwhile :; do sleep 0.01; done\n"
    runner = run(script, until=lambda runner: next(iter(runner._running.values())).output, deadline_s=30)
    assert runner.reap(30.0) == []
    give_up = time.monotonic() + 30
    finished = []
    while not finished and time.monotonic() < give_up:
        finished = runner.reap(35.0)
    assert (finished[0].worked, finished[0].how) == (False, "ended after 30 s without an end of its own")
    with pytest.raises(ProcessLookupError):
        os.kill(int(finished[0].output), 0)


def test_what_is_asked_by_present_is_asked_by_arguments_and_nothing_is_on_standard_input(run, home):
    script = home / "active-response/bin/x"
    script.write_text('#!/bin/sh\necho "$@"; cat\n')
    script.chmod(0o755)
    runner = Runner(script.parent, home, scripts_max=1, deadline_s=30, fault_of_script=lambda path: None)
    runner.submit(Task("present", "x", ARGUMENTS, {}), 0.0)
    finished = []
    while not finished:
        select.select(runner.filenos(), [], [], 0.01)
        finished = runner.reap(0.0)
    assert finished[0].output == "present - 203.0.113.7 1.2 5716 /var/log/auth.log -"
