"""The tutorial's own scripts, unchanged, beside a real agent: what they do and what they write means something."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import netns
import pytest

from ar.cli import init
from ar.config.home import Home
from ar.shipped import shipped_scripts

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TUTORIAL = ROOT.parent / "shared/seeds/002_3f74d0df88d8b67e.txt"
WAIT_S = 60.0  # nothing is asserted about speed
ATTACKER, OTHER = "203.0.113.7", "2001:db8:77::7"
WEB = '203.0.113.7 - - [{stamp}] "GET /a?id=1+UNION+SELECT+1 HTTP/1.1" 404 5\n'
# The scripts name these paths; /var is empty otherwise. Mail goes into a file.
SETUP = """
mount -t tmpfs tmpfs /var && mkdir -p /var/ossec /var/run && mount --bind "$1" /var/ossec
mount --bind "$1/double" /usr/local/sbin && shift && exec "$@"
"""
MAIL = '#!/bin/sh\n{ echo "$*"; cat; } >>/var/ossec/mails\n'


def script(first_words: str, last_line: str) -> str:
    """Return a script of the tutorial, from its first line to its last.

    The document has lost the sign of its comments, which are all that begins like a sentence: they get it back.
    """
    text = TUTORIAL.read_text()
    begin = text.index(f"#!/bin/bash\n{first_words}")
    end = text.index(last_line, begin) + len(last_line)
    return re.sub(r"^(?=[A-Z][a-z]+[: ])", "# ", text[begin:end], flags=re.MULTILINE)


@pytest.fixture
def host(tmp_path) -> Iterator[netns.Namespace]:
    if not TUTORIAL.exists():
        pytest.skip(f"{TUTORIAL} is not there: the documents do not come with the source")
    netns.require("unshare", "iptables", "bash", "nft")
    with netns.hosts("tutorial") as (host,):
        yield host


@pytest.fixture
def home(tmp_path, host) -> Path:
    """A home as init makes it, with the tutorial's scripts and configuration, which follows a web server's log too."""
    home = tmp_path / "home"
    init.make_home(
        Home(home), init.read_scripts(shipped_scripts()), init.survey(tmp_path, {}, set(), tmp_path / "none")
    )
    scripts = {
        "custom-firewall-drop.sh": script("Custom OSSEC", "\nexit 0\n"),
        "email-notification.sh": script("Email notification", "\nfi\n"),
        "response-stats.sh": script("Generate active response", 'echo "" >> $STATS_FILE\n'),
    }
    for name, text in scripts.items():
        (home / "active-response/bin" / name).write_text(text)
        (home / "active-response/bin" / name).chmod(0o755)
    log = "<localfile><log_format>apache</log_format><location>/var/ossec/access.log</location></localfile>"
    (home / "etc/ossec.conf").write_text((HERE / "tutorial.xml").read_text() + f"<ossec_config>{log}</ossec_config>")
    (home / "access.log").touch()
    (home / "double").mkdir()
    (home / "double/mail").write_text(MAIL)
    (home / "double/mail").chmod(0o755)
    return home


def inside(home: Path, *argv: str) -> list[str]:
    return ["unshare", "--mount", "sh", "-euc", SETUP, "sh", str(home), *argv]


def agent_py(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "agent.py"), "--home", "/var/ossec", *words]


def wait_for(condition: Callable[[], Any], what: str) -> None:
    give_up = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        time.sleep(0.02)


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def rules(host: netns.Namespace) -> list[str]:
    return host.run(["iptables", "-S", "OSSEC_AR"]).stdout.splitlines()


@pytest.fixture
def agent(host, home) -> Iterator[None]:
    """The agent, running in the tutorial's home until the test ends."""
    output = home / "output"
    with output.open("w") as stream:
        process = host.start(inside(home, *agent_py("run")), stdout=stream, stderr=stream)
    try:
        wait_for(lambda: "Started (pid" in text_of(output), "the agent to start")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def statistics(host: netns.Namespace, home: Path) -> list[str]:
    """Run the cron job, and return what it appended."""
    before = text_of(home / "logs/response-stats.log")
    done = host.run(inside(home, "/var/ossec/active-response/bin/response-stats.sh"), env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stderr) == (0, "")
    return (home / "logs/response-stats.log").read_text()[len(before) :].splitlines()


def test_the_statistics_count_what_the_agent_blocked_and_released_today(host, home, agent):
    """A web attack runs the chain OSSEC_AR; two more addresses are blocked by hand, and one is released."""
    with (home / "access.log").open("a") as log:
        log.write(WEB.format(stamp=time.strftime("%d/%b/%Y:%H:%M:%S %z")))
    wait_for(lambda: f"-A OSSEC_AR -s {ATTACKER}/32 -j DROP" in rules(host), "the tutorial's script to block")
    for words in (
        ("block", "198.51.100.1", "--command", "web-attack-block"), ("unblock", "198.51.100.1"),
        ("block", "198.51.100.2", "--command", "web-attack-block"), ("unblock", ATTACKER),
        ("block", ATTACKER, "--command", "web-attack-block"),
    ):  # fmt: skip
        done = host.run(inside(home, *agent_py(*words)))
        assert done.returncode == 0, done.stderr
    wait_for(lambda: len(rules(host)) == 3, "both to be blocked")
    log_file = home / "logs/active-responses.log"
    wait_for(lambda: len(re.findall(r"\d - Blocked IP: .* \(Rule: \d+\)", log_file.read_text())) >= 4, "four lines")
    written = log_file.read_text()
    assert f"Blocked IP: {ATTACKER} (Rule: " in written, "the script's own line"
    first, blocks, unblocks, most, *counts = statistics(host, home)
    assert first.startswith("=== Active Response Statistics - ")
    assert (blocks, unblocks, most) == ("Total blocks today: 4", "Total unblocks today: 2", "Most blocked IPs today:")
    assert [line.split() for line in counts] == [["2", ATTACKER], ["1", "198.51.100.2"], ["1", "198.51.100.1"], []]


def test_the_mail_goes_out_for_the_attack_and_says_whose_it_was(host, home, agent):
    """The tutorial's e-mail is bound to rule 5712 and to levels 6 and 7, of which the web attack is one."""
    with (home / "access.log").open("a") as log:
        log.write(WEB.format(stamp=time.strftime("%d/%b/%Y:%H:%M:%S %z")))
    wait_for(lambda: "Email notification sent" in text_of(home / "logs/notifications.log"), "the script to log")
    mail = (home / "mails").read_text()
    assert mail.startswith(f"-s OSSEC Alert: Threat Blocked - {ATTACKER} admin@example.com\n")
    assert f"OSSEC has automatically blocked IP address {ATTACKER}\n" in mail
    assert "Description: 31103\n" in mail
    assert text_of(home / "logs/notifications.log").endswith(f"Email notification sent for blocked IP: {ATTACKER}\n")


def test_what_the_scripts_and_the_agent_write_alerts_nobody(host, home, agent):
    """The tutorial follows these logs with the agent itself: no line of theirs may look like an attack."""
    lines = f"""{time.strftime("%c")} - Blocked IP: {ATTACKER} (Rule: 1.2)
{time.strftime("%Y-%m-%d %H:%M:%S")} - Blocked IP: {ATTACKER} (Rule: 31103)
{time.strftime("%Y-%m-%d %H:%M:%S")} - Unblocked IP: {OTHER}
{time.strftime("%c")} - Email notification sent for blocked IP: {ATTACKER}
"""
    (home / "lines").write_text(lines)
    done = host.run(inside(home, *agent_py("replay", "--json", "/var/ossec/lines")))
    assert done.returncode == 0, done.stderr
    (summary,) = map(json.loads, done.stdout.splitlines())
    assert (summary["lines"], summary["alerts"], summary["runs"]) == (4, 0, 0)
