"""Where OSSEC has a rule for the same thing, ours bears its number, level, groups and counts, in words of our own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Dict, Set, Tuple

import pytest

from ar.model import Line
from ar.ossecxml import Element, parse
from ar.ruleset import golden
from ar.shipped import SHIPPED_RULES

SHARED = Path(__file__).resolve().parents[3] / "shared"
OSSEC = SHARED / "ossec"
CORPUS = SHARED / "corpus"

pytestmark = pytest.mark.skipif(
    not OSSEC.is_dir() or not CORPUS.is_dir(), reason=f"OSSEC's ruleset and its answers are not in {SHARED}"
)

# What OSSEC has no number for.
OUR_OWN = {607, 5780, 5781, 5782, 5783, 5784, 31190, 31350, 31351}
# The agent cuts lines before OSSEC's 7,900.
OTHERWISE = {(31115, "maxsize")}
# Programs whose log we decode as OSSEC does, so that its real answers can be compared.
DECODERS = {"sshd", "pam", "apache-errorlog"}
# (OSSEC's rule, ours): why they differ.
DIFFERENCES = {
    (10100, 5715): "the first login of a user is not told apart",
    (1002, 5716): "a repeated message is decoded, so its failures count",
}

Rules = Dict[int, Tuple[Element, str]]


def rules(folder: Path) -> Rules:
    found: Rules = {}
    for path in sorted(folder.glob("*.xml")):
        for group in parse(path.read_text(encoding="utf-8", errors="replace"), path.name):
            for rule in group.named("rule"):
                found[int(rule.attributes["id"])] = rule, group.attributes["name"]
    return found


def words(text: str) -> Set[str]:
    return {word for word in text.replace(" ", "").split(",") if word}


def plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")


def test_numbers_levels_groups_and_counts_are_ossecs():
    """A local rule that builds on ours by number, level or group finds what it finds in OSSEC."""
    ours, theirs = rules(SHIPPED_RULES), rules(OSSEC / "rules")
    assert ours.keys() - theirs.keys() == OUR_OWN
    for number in sorted(ours.keys() & theirs.keys()):
        (mine, my_group), (other, other_group) = ours[number], theirs[number]
        for attribute in ("level", "frequency", "timeframe", "ignore", "maxsize", "noalert"):
            if (number, attribute) not in OTHERWISE:
                assert mine.attributes.get(attribute) == other.attributes.get(attribute), (number, attribute)
        groups = words(my_group + mine.joined("group")), words(other_group + other.joined("group"))
        assert groups[0] == groups[1], number
        for link in ("if_matched_sid", "if_group", "if_matched_group"):
            assert words(mine.joined(link)) == words(other.joined(link)), (number, link)


def test_descriptions_are_our_own():
    """Not one sentence is OSSEC's."""
    ours, theirs = rules(SHIPPED_RULES), rules(OSSEC / "rules")
    taken = {plain(rule.joined("description")) for rule, _ in theirs.values()}
    assert [number for number, (rule, _) in ours.items() if plain(rule.joined("description")) in taken] == []


def test_real_logs_get_the_base_rules_that_ossec_gives_them():
    """On the lines of sshd, PAM and Apache in real logs, each on its own, decoder and rule are the real program's."""
    detector = golden.detector_for(golden.shipped_ruleset())
    logs = {path.name: path.read_text(errors="backslashreplace").split("\n") for path in CORPUS.glob("*.log")}
    compared: Counter[bool] = Counter()
    with (CORPUS / "ossec-logtest.fresh.jsonl").open() as answers:
        for answer in map(json.loads, answers):
            if answer.get("decoder") not in DECODERS:
                continue
            line = logs[answer["file"]][answer["lineno"] - 1]
            detector.forget()
            event, rule, _, _ = detector.take(Line("log", line, golden.READ_AT_S))
            number = rule.id if rule else None
            assert event.decoder == answer["decoder"], line
            same = (number, rule.level if rule else None) == (answer.get("rule"), answer.get("level"))
            assert same or (answer.get("rule"), number) in DIFFERENCES, line
            theirs = answer.get("fields", {}).get("srcip")
            assert theirs in (None, event.fields.get("srcip")), line
            compared[same] += 1
    assert compared[True] > 4500
    assert compared[False] <= 5
