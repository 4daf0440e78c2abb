"""OSSEC's own ruleset, against what the real ossec-logtest answered for the same lines.

The files are OSSEC's (GPL) and not part of this project: they lie beside the checkout or the tests are skipped.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple

import pytest
from detecting import detector

from ar.detect.detector import Detector, Verdict
from ar.detect.ruleset import Ruleset, Text, load
from ar.model import Line

SHARED = Path(__file__).parents[3] / "shared"
OSSEC = SHARED / "ossec"
CORPUS = SHARED / "corpus"
NOW = 1_795_240_000.0

pytestmark = pytest.mark.skipif(
    not (OSSEC / "decoder.xml").exists() or not CORPUS.exists(),
    reason="OSSEC's ruleset and the measured answers are not beside this checkout",
)

Answer = Dict[str, Any]

# What differs from the real program for a single line, and why: nothing does.
KNOWN_DIFFERENCES: Dict[Tuple[str, int], str] = {}

# OSSEC's own rule tests name one field as the log does, not as the decoder's <order>.
OTHER_NAMES = {"dstuser": "user", "proto": "protocol"}


def read(path: Path) -> Text:
    return Text(path.name, path.read_text(encoding="utf-8", errors="replace"))


@pytest.fixture(scope="module")
def stock() -> Ruleset:
    conf = (OSSEC / "ossec-local.conf").read_text(encoding="utf-8")
    included = re.findall(r"^\s*<include>(.*?)</include>", conf, re.MULTILINE)
    return load([read(OSSEC / "decoder.xml")], [read(OSSEC / "rules" / name) for name in included])


def lines_of(name: str) -> List[str]:
    return (CORPUS / name).read_text(encoding="utf-8", errors="backslashreplace").splitlines()


def answers(name: str) -> List[Answer]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


def given(verdict: Verdict) -> Answer:
    """Return our answer in the words of ossec-logtest's."""
    rule = verdict.rule
    return {
        "program_name": verdict.event.program,
        "decoder": verdict.event.decoder,
        "fields": verdict.event.fields,
        "rule": rule.id if rule else None,
        "level": rule.level if rule else None,
        "description": rule.description if rule else None,
    }


def wanted(answer: Answer) -> Answer:
    fields = {OTHER_NAMES.get(name, name): value for name, value in (answer.get("fields") or {}).items()}
    return {
        "program_name": answer.get("program_name") or "",
        "decoder": answer.get("decoder") or "",
        "fields": fields,
        "rule": answer.get("rule"),
        "level": answer.get("level"),
        "description": answer.get("description"),
    }


def fresh(stock: Ruleset, text: str) -> Verdict:
    return detector(loaded=stock).take(Line("/var/log/messages", text, NOW))


def test_the_stock_ruleset_loads_without_a_mistake(stock: Ruleset) -> None:
    assert [str(mistake) for mistake in stock.mistakes] == []
    assert (len(stock.decoders), len(stock.rules)) == (335, 1134)


def test_what_of_it_is_not_served_is_said(stock: Ruleset) -> None:
    """Each with its file and line; nothing else is warned of."""
    kinds = {re.sub(r"'.*?'", "…", re.sub(r"^\S+: ", "", str(warning))) for warning in stock.warnings}
    assert {kind.partition(":")[0].partition(", expected")[0] for kind in kinds} == {
        "<compiled_rule> … knows crawlers by their networks alone, of Google, Microsoft and Yahoo as OSSEC has them",
        "<decoded_as> names the decoder …, which is not loaded",
        "text outside of any element",
        "rule 13106 has no description",
    }
    assert all(warning.place.line > 0 for warning in stock.warnings)


def test_real_lines_get_the_decoder_fields_and_rule_that_ossec_gives(stock: Ruleset) -> None:
    """6,000 lines of sshd, Linux and Apache logs, each given to a fresh start."""
    differing = {}
    texts = {name: lines_of(name) for name in ("OpenSSH_2k.log", "Linux_2k.log", "Apache_2k.log")}
    for answer in answers("ossec-logtest.fresh.jsonl"):
        where = (answer["file"], answer["lineno"])
        got = given(fresh(stock, texts[where[0]][where[1] - 1]))
        if got != wanted(answer):
            differing[where] = (got, wanted(answer))
    assert differing.keys() == KNOWN_DIFFERENCES.keys(), next(iter(differing.items()), None)


def test_ossecs_own_rule_tests_get_what_the_real_program_answers(stock: Ruleset) -> None:
    """141 lines; compared is what the program did, not what the test file hoped for."""
    differing = []
    for case in json.loads((OSSEC / "tests/expected.json").read_text(encoding="utf-8")):
        answer = case["actual"]
        verdict = fresh(stock, case["log"])
        if given(verdict) != wanted(answer) or verdict.event.log != answer["log"]:
            differing.append((case["file"], case["name"], given(verdict), answer))
    assert differing == []


PLUGGED = [
    ("Mar 30 15:47:05 gate pf: rule 4/(match) block in on em0: 192.0.2.7.48784 > 192.0.2.1.23: S 1:1(0)", "pf", 4100),
    (
        (
            'Jan  3 13:45:36 gate id=firewall sn=0A time="2007-01-03 14:48:06" fw=192.0.2.1 pri=6 c=262144 m=98 '
            "n=2 src=192.0.2.7:36701:WAN dst=192.0.2.1:50000:WAN proto=tcp/50000"
        ),
        "sonicwall",
        4100,
    ),
    (
        (
            'Jan  3 13:45:36 gate id=firewall sn=0A time="2007-01-03 14:48:07" fw=192.0.2.1 pri=1 c=32 m=30 msg="no" '
            "n=7 src=192.0.2.7:36701:WAN dst=192.0.2.1:50000:WAN"
        ),
        "sonicwall",
        20101,
    ),
    (
        (
            'Jan  3 13:45:36 gate id=firewall sn=0A time="2007-01-03 14:48:07" fw=192.0.2.1 pri=4 c=16 m=999 msg="x" '
            "n=7 src=192.0.2.7:36701:WAN dst=192.0.2.1:50000:WAN"
        ),
        "sonicwall",
        4804,
    ),
    ("20070717,73559,1=5,11=192.0.2.7,10=userb,3=2,2=1", "symantec-websecurity", 7410),
    ("20070717,73559,1=5,11=192.0.2.7,10=virtadmin,3=1,2=1", "symantec-websecurity", 7420),
    (
        (
            "Jan 31 04:18:14 hub ossec: Alert Level: 5; Rule: 5716 - D; Location: (web) 192.0.2.9->/var/log/auth.log; "
            "srcip: 192.0.2.7; user: root; Jan 31 02:57:25 web sshd[9]: x"
        ),
        "ossec-alert",
        5716,
    ),
    ("ossec: Alert Level: 5; Rule: 5716 - D; Location: a->b; srcip: 192.0.2.7;  x", "ossec", 5716),
]


@pytest.mark.parametrize(("text", "decoder", "rule"), PLUGGED)
def test_plugin_decoders_lead_to_the_rules_that_ask_for_their_fields(
    stock: Ruleset, text: str, decoder: str, rule: int
) -> None:
    """Not measured: from the stock files' samples and rules, and from what users report of the real program."""
    verdict = fresh(stock, text)
    assert (verdict.event.decoder, verdict.rule.id if verdict.rule else None) == (decoder, rule)
    assert verdict.event.fields["srcip"] == "192.0.2.7"


def test_a_failed_login_to_the_directory_has_the_address_and_user_of_earlier_lines(stock: Ruleset) -> None:
    detecting = detector(loaded=stock)
    for message in (
        "fd=64 ACCEPT from IP=192.0.2.7:33957 (IP=192.0.2.1:389)",
        'op=0 BIND dn="uid=example,ou=People" method=128',
        "op=0 RESULT tag=97 err=49 text=",
    ):
        text = f"Jan 11 09:26:57 host slapd[2]: conn=9 {message}"
        verdict = detecting.take(Line("/var/log/messages", text, NOW))
    assert verdict.alert is not None
    assert (verdict.alert.rule, str(verdict.alert.srcip), verdict.alert.user) == (2509, "192.0.2.7", "example")


class Sequence:
    """The three logs in order, each through one detector, beside the real program's answers."""

    def __init__(self, stock: Ruleset) -> None:
        self.detectors: Dict[str, Detector] = {}
        self.pairs: List[Tuple[Answer, Verdict]] = []
        texts = {name: lines_of(name) for name in ("OpenSSH_2k.log", "Linux_2k.log", "Apache_2k.log")}
        for answer in answers("ossec-logtest.sequence.jsonl"):
            name = answer["file"]
            detecting = self.detectors.setdefault(name, detector(loaded=stock))
            # The real program took the time of receipt: all lines came within a few seconds.
            text = texts[name][answer["lineno"] - 1]
            self.pairs.append((answer, detecting.take(Line(name, text, NOW))))


def base(stock: Ruleset, rule_id: Optional[int]) -> Optional[int]:
    """Return the rule that an event would get if no composite rule and no first sight counted."""
    while rule_id is not None:
        rule = stock.rules.by_id[rule_id]
        if rule.correlation is None and not rule.first_seen:
            return rule_id
        parents = [parent.id for parent in stock.rules.by_id.values() if rule in parent.children]
        rule_id = parents[0] if len(parents) == 1 else -1
        if rule_id == -1:
            return None
    return None


def test_in_sequence_the_base_rules_are_the_same(stock: Ruleset) -> None:
    """Composite rules may come at other lines, since each source counts on its own here; the rest may not."""
    sequence = Sequence(stock)
    assert len(sequence.pairs) == 6000
    for answer, verdict in sequence.pairs:
        ours, theirs = (verdict.rule.id if verdict.rule else None), answer.get("rule")
        if ours == theirs:
            continue
        composite = [number for number in (ours, theirs) if number and stock.rules.by_id[number].correlation]
        assert composite, (answer["file"], answer["lineno"], ours, theirs)
        assert base(stock, ours) is None or base(stock, theirs) is None or base(stock, ours) == base(stock, theirs)


def by_source(stock: Ruleset, rule_id: Optional[int]) -> bool:
    """Tell whether this rule counts the events of each address on its own."""
    correlation = stock.rules.by_id[rule_id].correlation if rule_id else None
    return correlation is not None and "srcip" in correlation.same


def test_in_sequence_no_attacker_goes_unseen(stock: Ruleset) -> None:
    """Every address that the real program found to repeat itself is found here, and no other is."""
    ours: Set[Tuple[str, str]] = set()
    theirs: Set[Tuple[str, str]] = set()
    for answer, verdict in Sequence(stock).pairs:
        source = (answer["file"], (answer.get("fields") or {}).get("srcip", ""))
        if by_source(stock, verdict.rule.id if verdict.rule else None):
            ours.add(source)
        if by_source(stock, answer.get("rule")):
            theirs.add(source)
    assert len(theirs) == 37
    assert ours == theirs
