"""The blog's story, played out: an attacker who comes back is blocked for longer, wherever the list stands."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from trialhome import Trial

from ar.cli import main

HERE = Path(__file__).parent
SENTENCES_S = [600, 1800, 3600, 7200, 7200]


def text_of(name: str) -> str:
    return (HERE / f"{name}.xml").read_text()


PLACES = {
    "in the server's response": {"etc/ossec.conf": text_of("blog_server")},
    "in a block of its own, after": {"etc/ossec.conf": text_of("blog_server_unchanged") + text_of("blog_agent")},
    "in a block of its own, before": {"etc/ossec.conf": text_of("blog_agent") + text_of("blog_server_unchanged")},
    "in agent.conf, where OSSEC never looks": {
        "etc/ossec.conf": text_of("blog_server_unchanged"),
        "etc/shared/agent.conf": text_of("blog_agent").replace("ossec_config", "agent_config"),
    },
    "in agent.toml": {
        "etc/ossec.conf": text_of("blog_server_unchanged"),
        "etc/agent.toml": "repeated_offenders = [30, 60, 120]\n",
    },
}


@pytest.mark.parametrize("files", PLACES.values(), ids=PLACES)
def test_an_attacker_who_comes_back_is_blocked_for_longer_each_time(tmp_path, capsys, files):
    trial = Trial(tmp_path)
    for name, text in files.items():
        trial.write(name, text)
    comes_at, lines = time.time() - 86400, []
    for sentence_s in SENTENCES_S:
        stamp = time.strftime("%b %e %H:%M:%S", time.localtime(comes_at))
        lines.append(f"{stamp} web1 sshd[7]: Did not receive identification string from 203.0.113.7 port 4242\n")
        comes_at += sentence_s + 5
    log = trial.write("auth.log", "".join(lines))
    assert main(["replay", "--json", "--home", str(tmp_path), str(log)]) == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [fact["timeout_s"] for fact in facts if fact["kind"] == "block"] == SENTENCES_S
    releases = [fact["time"] for fact in facts if fact["kind"] == "release"]
    blocks = [fact["time"] for fact in facts if fact["kind"] == "block"]
    assert [end - begin for begin, end in zip(blocks, releases)] == SENTENCES_S
