"""The shipped decoders and rules give the verdicts of the golden set, and the set leaves no rule out."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from ar.config.findings import Findings
from ar.config.home import Home
from ar.config.ruleset import default_rules, load_ruleset
from ar.config.ruleset import find_files as configured_files
from ar.errors import InputError
from ar.model import Line
from ar.ruleset import golden
from ar.ruleset.golden import Sample
from ar.shipped import SHIPPED_RULESET, shipped_rules

RULESET = golden.shipped_ruleset()
SAMPLES = golden.golden_samples()
SAMPLE_LOG = SHIPPED_RULESET / "sample.log"
HIT = "Nov 20 10:00:00 pi sshd[812]: Failed password for root from 203.0.113.9 port 52177 ssh2"
VERDICT = (
    '{"decoder": "sshd", "fields": {"user": "root", "srcip": "203.0.113.9", "srcport": "52177"}, '
    '"address": "203.0.113.9", "rule": 5716, "level": 5, "path": [1, 5700, 5716]}'
)


def read(text: str, folder: Path) -> List[Sample]:
    path = folder / "x.golden"
    path.write_text(text, encoding="utf-8")
    return golden.read_samples(path)


def test_ruleset_loads_without_a_warning():
    """Nothing in the shipped files is refused or doubtful: no quantifier within a quantifier, nothing unserved."""
    assert RULESET.mistakes == []
    assert RULESET.warnings == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.place.file}-{sample.place.line}")
def test_verdict_is_the_golden_one(sample):
    """Each sample gets the decoder, fields, address and rule that stand below it, and none of the rules it is near."""
    outcome = golden.run_samples([sample], RULESET)
    assert [str(failure) for failure in outcome.failures] == []


def test_each_rule_has_a_hit_and_a_near_miss():
    """A rule that no sample reaches, or that no sample narrowly misses, is not shipped."""
    outcome = golden.run_samples(SAMPLES, RULESET)
    shipped = {rule for rule in RULESET.rules.by_id if rule >= 10}  # below are the roots of categories
    assert shipped - outcome.hit.keys() == set()
    assert shipped - outcome.nearly.keys() == set()


def test_near_misses_name_rules_that_exist():
    """A number mistyped after @near would prove nothing."""
    assert {rule for sample in SAMPLES for rule in sample.near} <= RULESET.rules.by_id.keys()


def test_order_of_files_is_the_one_the_agent_loads_them_in(tmp_path):
    """The golden set runs against the same tree of rules as a home without rules of its own."""
    home = Home(tmp_path)
    assert [included.path for included in default_rules(home, Findings())] == shipped_rules()
    findings = Findings()
    loaded = load_ruleset(configured_files([], home, findings), home, findings)
    assert (len(loaded.decoders), sorted(loaded.rules.by_id)) == (len(RULESET.decoders), sorted(RULESET.rules.by_id))


def test_responses_never_answer_the_agents_own_log():
    """An address that was just released must not be blocked for the line that says so."""
    own = [rule for rule in RULESET.rules.by_id.values() if "active_response" in rule.groups and rule.level]
    assert len(own) == 7
    assert all(rule.no_ar for rule in own)


def test_wrong_verdict_is_reported_with_place_and_both_verdicts(tmp_path):
    """A failure says where, which line, what was expected and what came."""
    (sample,) = read(f"\n{HIT}\n" + VERDICT.replace("5716", "5710"), tmp_path)
    (failure,) = golden.run_samples([sample], RULESET).failures
    assert str(failure).startswith(f"x.golden:2: {HIT}\n  expected ")
    assert failure.actual["rule"] == 5716


def test_sample_without_verdict_fails(tmp_path):
    """A line is no proof before somebody has looked at its verdict."""
    assert len(golden.run_samples(read(HIT, tmp_path), RULESET).failures) == 1


def test_reached_rule_after_near_fails(tmp_path):
    """@near with a rule that the line does get is a failure, even where the verdict fits."""
    fits = f"{HIT}\n{VERDICT}\n"
    assert golden.run_samples(read(fits, tmp_path), RULESET).failures == []
    assert len(golden.run_samples(read(f"@near 5700\n{fits}", tmp_path), RULESET).failures) == 1


def test_samples_are_independent(tmp_path):
    """What one sample sent is forgotten before the next."""
    sample = read("+0..60/10 " + HIT.replace("10:00:00", "hh:mm:ss"), tmp_path)[0]
    detector = golden.detector_for(RULESET)
    assert [golden.verdict_on(sample, detector)["rule"] for _ in range(3)] == [5716] * 3


def test_sequence_gives_each_line_its_time(tmp_path):
    """`+FIRST..LAST/STEP` repeats a line, `hh:mm:ss` in it is ten o'clock and that many seconds."""
    (sample,) = read("+0..7200/3600 a hh:mm:ss\n+7261 b hh:mm:ss\n+3 c", tmp_path)
    assert sample.lines == (
        (0, "a 10:00:00"),
        (3600, "a 11:00:00"),
        (7200, "a 12:00:00"),
        (7261, "b 12:01:01"),
        (3, "c"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HIT}\n{{x}}", "x.golden:1: the expected verdict is no JSON"),
        (f"# a\n\n@near x\n{HIT}", "x.golden:3: '@near x': expected '@near' and rule ids with commas between"),
        ('{"rule": null}', "x.golden:1: a sample without a log line"),
        ("@near 5716", "x.golden:1: a sample without a log line"),
        ("+5..3/1 a", "x.golden:1: '+5..3/1' is no span of times"),
        ("+0..99999/1 a", "x.golden:1: '+0..99999/1' is no span of times"),
    ],
)
def test_broken_block_is_refused_with_its_place(text, message, tmp_path):
    """A block that is no sample is never passed over."""
    with pytest.raises(InputError) as caught:
        read(text, tmp_path)
    assert message in str(caught.value)


def test_shipped_files_are_as_rewriting_leaves_them(tmp_path):
    """`make golden` on an unchanged ruleset changes nothing."""
    for path in golden.golden_files():
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        assert not golden.rewrite(copy, RULESET)


def test_rewriting_replaces_verdicts_and_nothing_else(tmp_path):
    """Comments, order, blank lines and sequences stay; a missing or wrong verdict is put right."""
    before = f"# one\n# two\n\n\n@near 5710\n{HIT}\n\n# three\n+0 {HIT}\n+1 {HIT}\n{{}}\n\n# four\n"
    path = tmp_path / "x.golden"
    path.write_text(before, encoding="utf-8")
    assert golden.rewrite(path, RULESET)
    after = path.read_text(encoding="utf-8")
    assert after == before.replace("{}", VERDICT).replace(f"{HIT}\n\n#", f"{HIT}\n{VERDICT}\n\n#")
    assert not golden.rewrite(path, RULESET)


def test_command_line_runs_and_rewrites(monkeypatch, tmp_path, capsys):
    """`python -m ar.ruleset.golden` fails on a wrong verdict; `--rewrite` puts it right."""
    (tmp_path / "x.golden").write_text(f"{HIT}\n{{}}\n", encoding="utf-8")
    monkeypatch.setattr(golden, "golden_files", lambda: [tmp_path / "x.golden"])
    assert golden.main([]) == 70
    assert "1 samples, 1 failed" in capsys.readouterr().out
    assert golden.main(["--rewrite"]) == 0
    assert capsys.readouterr().out == "rewritten: x.golden\n1 samples, 0 failed\n"


def test_sample_log_shows_attacks_and_innocents():
    """The log for trials brings the composite rules for ssh and for the web, and blames nobody else."""
    detector = golden.detector_for(RULESET)
    blamed = {}
    for text in SAMPLE_LOG.read_text(encoding="utf-8").splitlines():
        verdict = detector.take(Line("sample.log", text, golden.READ_AT_S))
        assert verdict.event.hostname == "pi"  # every line has a header that `make run` can stamp anew
        assert text[:7] == "Nov 20 "
        if verdict.alert and verdict.alert.level >= 10:
            blamed[verdict.alert.rule] = str(verdict.alert.srcip)
    assert blamed == {5712: "203.0.113.9", 5720: "192.0.2.66", 31153: "203.0.113.200"}
