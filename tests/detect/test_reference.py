"""The detector held against a slow and simple model of OSSEC: same decoder, fields, rule, level and alert.

The model itself is held against what the real program answered. The files with OSSEC's rules and answers are
OSSEC's (GPL) and not part of this project: they lie beside the checkout or the tests that need them are skipped.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from random import Random
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

import pytest
from detecting import detector
from reference import Answer, Reference
from reference_header import LOCALLY
from reference_lines import mutated, samples
from reference_rulesets import decoders, lines, rules

from ar.detect.ruleset import Ruleset, Text, load
from ar.model import Line
from ar.shipped import SHIPPED_DECODERS, shipped_rules

SHARED = Path(__file__).parents[3] / "shared"
OSSEC = SHARED / "ossec"
CORPUS = SHARED / "corpus"
LOGS = ("OpenSSH_2k.log", "Linux_2k.log", "Apache_2k.log", "Thunderbird_2k.log")
NOW_S = 1_795_240_000.0
OTHER_NAMES = {"dstuser": "user", "proto": "protocol"}

needs_ossec = pytest.mark.skipif(
    not (OSSEC / "decoder.xml").exists() or not CORPUS.exists(),
    reason="OSSEC's ruleset and the measured answers are not beside this checkout",
)


class Files(NamedTuple):
    decoder: str
    rules: Tuple[Tuple[str, str], ...]

    def load(self) -> Ruleset:
        loaded = load([Text("decoder.xml", self.decoder)], [Text(name, text) for name, text in self.rules])
        assert [str(mistake) for mistake in loaded.mistakes] == []
        return loaded

    def reference(self) -> Reference:
        return Reference([self.decoder], [text for _, text in self.rules])


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def stock() -> Files:
    included = re.findall(r"^\s*<include>(.*?)</include>", read(OSSEC / "ossec-local.conf"), re.MULTILINE)
    return Files(read(OSSEC / "decoder.xml"), tuple((name, read(OSSEC / "rules" / name)) for name in included))


def shipped() -> Files:
    return Files(read(SHIPPED_DECODERS), tuple((path.name, read(path)) for path in shipped_rules()))


def lines_of(name: str) -> List[str]:
    return (CORPUS / name).read_text(encoding="utf-8", errors="backslashreplace").splitlines()


class Pair:
    """A detector and the model, fed alike."""

    def __init__(self, files: Files, loaded: Optional[Ruleset] = None) -> None:
        self.ours = detector(loaded=loaded or files.load(), hostname=LOCALLY)
        self.model = files.reference()

    def forget(self) -> None:
        """Start counts over; what ours remembers of programs and of how messages start stays, and must not matter."""
        self.ours.forget()
        self.model.forget()

    def take(self, text: str, now_s: float) -> Tuple[Answer, Answer]:
        """Return what both say; the model is told the time that ours found in the line."""
        verdict = self.ours.take(Line("/var/log/messages", text, now_s))
        theirs = self.model.take(text, verdict.event.time_s)
        rule = verdict.rule
        ours = Answer(
            verdict.event.program,
            verdict.event.decoder,
            dict(verdict.event.fields),
            rule.id if rule else None,
            rule.level if rule else None,
            verdict.alert is not None,
            theirs.beyond,
        )
        return ours, theirs


def differing(pair: Pair, texts: Iterable[str], gap_s: float = 1) -> List[Tuple[str, Answer, Answer]]:
    """Return the lines on which the two part, each a gap later than the one before."""
    found = []
    for index, text in enumerate(texts):
        ours, theirs = pair.take(text, NOW_S + index * gap_s)
        if ours != theirs and not theirs.beyond and not odd_header(text):
            found.append((text, ours, theirs))
    return found


ISO_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d{1,6})?[+-]\d\d:\d\d \S")


def odd_header(text: str) -> bool:
    """Tell whether OSSEC reads the header of such a line another way by a trifle.

    It counts bytes; takes anything for the digits of an ISO stamp and wants one space after it; looks at nothing
    after the stamps of Apache and of form 2019:11:06-00:08:03; wants a 1 before a squid stamp and no word `Time`.
    """
    head = text[:40]
    return (
        not head.isascii()
        or (head[10:11] == "T" and not ISO_STAMP.match(head))
        or (head[10:11] == "-" and head[4:5] == ":" and not re.match(r" [\w]", head[19:]))
        or (head[25:26] == "]" and head[26:27] != " ")
        or (head[10:11] == "." and not re.match(r"1\d{9}\.\d{3} ", head))
        or head.lower().startswith("[t")
    )


@needs_ossec
def test_the_model_says_what_the_real_program_says_of_real_lines() -> None:
    """6,000 lines, each given to a fresh start."""
    model = stock().reference()
    texts = {name: lines_of(name) for name in LOGS}
    for line in (CORPUS / "ossec-logtest.fresh.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        assert said(fresh(model, texts[answer["file"]][answer["lineno"] - 1])) == wanted(answer), answer


@needs_ossec
def test_the_model_passes_ossecs_own_rule_tests() -> None:
    model = stock().reference()
    for case in json.loads((OSSEC / "tests/expected.json").read_text(encoding="utf-8")):
        assert said(fresh(model, case["log"])) == wanted(case["actual"]), case["log"]


def fresh(model: Reference, text: str) -> Answer:
    model.forget()
    return model.take(text, NOW_S)


def said(answer: Answer) -> Tuple[Any, ...]:
    return answer.program, answer.decoder, answer.fields, answer.rule, answer.level


def wanted(answer: Dict[str, Any]) -> Tuple[Any, ...]:
    fields = {OTHER_NAMES.get(name, name): value for name, value in (answer.get("fields") or {}).items()}
    program, decoder = answer.get("program_name") or "", answer.get("decoder") or ""
    return program, decoder, fields, answer.get("rule"), answer.get("level")


@pytest.fixture(scope="module", params=["stock", "shipped"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(stock() if request.param == "stock" else shipped())


@needs_ossec
@pytest.mark.parametrize("name", LOGS)
def test_in_sequence_every_rule_comes_at_the_same_line(pair: Pair, name: str) -> None:
    """Composite rules with them: each source counts on its own, every N + 2 events within the timeframe fire once."""
    pair.forget()
    assert differing(pair, lines_of(name)) == []


@needs_ossec
def test_the_samples_in_ossecs_files_get_the_same(pair: Pair) -> None:
    found = samples(OSSEC)
    assert len(found) > 1000
    for line in found:
        pair.forget()
        assert differing(pair, [line]) == []


@needs_ossec
def test_lines_made_odd_get_the_same(pair: Pair) -> None:
    """Digits, words, programs and bytes changed, lines cut, joined and put after other headers."""
    random = Random(1)  # noqa: S311 (the same lines in every run)
    known = samples(OSSEC) * 4 + [line for name in LOGS for line in random.sample(lines_of(name), 400)]
    made = mutated(random, known)
    for _ in range(20):
        pair.forget()
        assert differing(pair, itertools.islice(made, 100)) == []


ATTACKS = (
    "Xxx 99 99:99:99 h sshd[{n}]: Failed password for invalid user u{n} from {ip} port {n} ssh2",
    "Xxx 99 99:99:99 h sshd[{n}]: Invalid user u{n} from {ip}",
    "Xxx 99 99:99:99 h sshd[{n}]: Failed password for root from {ip} port {n} ssh2",
    "Xxx 99 99:99:99 h sshd[{n}]: Accepted password for root from {ip} port {n} ssh2",
    "Xxx 99 99:99:99 h sshd[{n}]: Did not receive identification string from {ip}",
    "Xxx 99 99:99:99 h sshd(pam_unix)[{n}]: authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ip}",
    '{ip} - - [10/Oct/2000:13:55:36 -0700] "GET /nothing{n} HTTP/1.0" 404 2326',
    '{ip} - - [10/Oct/2000:13:55:36 -0700] "POST /x{n} HTTP/1.0" 500 2326',
    '{ip} - - [10/Oct/2000:13:55:36 -0700] "GET /a.php?q=%27select%20{n} HTTP/1.0" 200 2326',
)


def test_attackers_that_interleave_get_the_same_in_any_order() -> None:
    """Whoever else writes, and however fast each is."""
    together = Pair(shipped())
    for seed in range(6):
        random = Random(seed)  # noqa: S311 (the same lines in every run)
        together.forget()
        now_s, sources = NOW_S, [f"192.0.2.{n}" for n in range(random.randint(2, 6))]
        for _ in range(200):
            now_s += random.choice((0, 0, 1, 3, 10, 70))
            text = random.choice(ATTACKS).format(ip=random.choice(sources), n=random.randint(1, 9))
            ours, theirs = together.take(text, now_s)
            assert ours == theirs, (seed, text)


def test_random_rulesets_get_the_same() -> None:
    """Whatever can meet in a ruleset does: a tiny alphabet makes every condition hold and fail."""
    compared = fired = 0
    for seed in range(180):
        random = Random(seed)  # noqa: S311 (the same lines in every run)
        files = Files(decoders(random), (("rules.xml", rules(random)),))
        loaded = load([Text("decoder.xml", files.decoder)], [Text(name, text) for name, text in files.rules])
        if loaded.mistakes:
            continue  # a parent that was not loaded, a group that no rule is in
        pair = Pair(files, loaded)
        now_s = NOW_S
        for text in lines(random, 60):
            now_s += random.choice((0, 0, 1, 1, 2, 5))
            ours, theirs = pair.take(text, now_s)
            assert ours == theirs, (seed, text, files)
            compared += 1
            fired += theirs.fired
    assert compared > 10_000
    assert fired > 4_000
