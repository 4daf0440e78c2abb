"""The golden set: log lines and what the shipped decoders and rules make of them, as files that a person reads.

A sample is a block of a `.golden` file; blank lines stand between blocks:

    # A comment says what is to be seen.
    @near 5710
    Nov 20 10:00:00 pi sshd[812]: Failed password for root from 203.0.113.9 port 50122 ssh2
    {"decoder": "sshd", "fields": {…}, "address": "203.0.113.9", "rule": 5716, "level": 5, "path": [5700, 5716]}

The JSON is the verdict on the line: `fields` as decoded, `address` what of them is an address that a response
could act on, `path` the rules from below the root to the one that fired (`"rule": null`: none did). `@near` names
rules that the line comes close to and must not get. A composite rule needs several lines, each with the seconds
after 10:00:00 at which it comes, or `+FIRST..LAST/STEP`; `hh:mm:ss` in it is that time; the JSON is the last one's:

    +0..70/10 Nov 20 hh:mm:ss pi sshd[812]: Failed password for root from 203.0.113.9 port 50122 ssh2
    {…}

`python -m ar.ruleset.golden` runs the set, with `--rewrite` it writes the verdicts of today into the files.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ar.detect.detector import Detector, Verdict
from ar.detect.ruleset import Ruleset, Text, load
from ar.errors import SOFTWARE, ConfigError, InputError, Place
from ar.model import Line, parse_address
from ar.shipped import SHIPPED_DECODERS, SHIPPED_RULESET, shipped_rules

READ_AT_S = 1_795_219_200.0  # 2026-11-21 00:00 UTC: the year that stamps without one belong to
SOURCE = "golden"
REPEATS_MAX = 10_000

_SEQUENCE = re.compile(r"\+(\d+)(?:\.\.(\d+)/(\d+))? (.+)")


@dataclass(frozen=True)
class Sample:
    """One block: its lines with the seconds at which they come, and the verdict expected of the last one."""

    place: Place
    lines: Tuple[Tuple[int, str], ...]
    expected: Optional[Dict[str, Any]]
    near: Tuple[int, ...] = ()
    written: Tuple[str, ...] = ()  # the block as it stands in the file, without the JSON


class Failure(NamedTuple):
    """A sample whose verdict is another than expected."""

    place: Place
    line: str
    expected: Optional[Dict[str, Any]]
    actual: Dict[str, Any]

    def __str__(self) -> str:
        return f"{self.place}: {self.line}\n  expected {as_json(self.expected)}\n  got      {as_json(self.actual)}"


@dataclass
class Outcome:
    """What became of a run: how many samples there were, which failed, and which rules were hit and nearly hit."""

    samples: int = 0
    failures: List[Failure] = field(default_factory=list)
    hit: Dict[int, Place] = field(default_factory=dict)
    nearly: Dict[int, Place] = field(default_factory=dict)


def shipped_ruleset() -> Ruleset:
    """Load the shipped decoders and rules. Raises ConfigError when they have a mistake."""
    decoders = [Text("decoder.xml", SHIPPED_DECODERS.read_text(encoding="utf-8"))]
    rules = [Text(f"rules/{path.name}", path.read_text(encoding="utf-8")) for path in shipped_rules()]
    ruleset = load(decoders, rules)
    if ruleset.mistakes:
        raise ConfigError(ruleset.mistakes, "The shipped ruleset has mistakes:")
    return ruleset


def detector_for(ruleset: Ruleset) -> Detector:
    """Return a detector that goes by the stamps in the lines."""
    return Detector(ruleset, window_keys_max=1000, line_bytes_max=6144, stale_after_s=3600, trust_stamps=True)


def golden_files() -> List[Path]:
    """Return the shipped golden files."""
    return sorted((SHIPPED_RULESET / "golden").glob("*.golden"))


def read_samples(path: Path) -> List[Sample]:
    """Return the samples of one file. Raises InputError for a block that is none."""
    samples: List[Optional[Sample]] = []
    block: List[str] = []
    start = 1
    for number, line in enumerate([*path.read_text(encoding="utf-8").split("\n"), ""], 1):
        if line:
            start = start if block else number
            block.append(line)
        elif block:
            samples.append(_sample(block, Place(path.name, start)))
            block = []
    return [sample for sample in samples if sample is not None]


def _sample(block: Sequence[str], place: Place) -> Optional[Sample]:
    expected: Optional[Dict[str, Any]] = None
    near: List[int] = []
    lines: List[Tuple[int, str]] = []
    written: List[str] = []
    for text in block:
        if text.startswith("{"):
            try:
                expected = json.loads(text)
            except ValueError as error:
                raise InputError(f"{place}: the expected verdict is no JSON: {error}") from None
            continue
        written.append(text)
        if text.startswith("@near "):
            near.extend(_near(text, place))
        elif not text.startswith("#"):
            lines.extend(_timed(text, place))
    if not lines and (near or expected is not None):
        raise InputError(f"{place}: a sample without a log line")
    return Sample(place, tuple(lines), expected, tuple(near), tuple(written)) if lines else None


def _near(text: str, place: Place) -> List[int]:
    try:
        return [int(number) for number in text[len("@near ") :].split(",")]
    except ValueError:
        raise InputError(f"{place}: {text!r}: expected '@near' and rule ids with commas between") from None


def _timed(text: str, place: Place) -> Iterator[Tuple[int, str]]:
    match = _SEQUENCE.fullmatch(text)
    if match is None:
        yield 0, text
        return
    first, last, step, line = match.groups()
    times = range(int(first), int(last or first) + 1, int(step or 1))
    if not 1 <= len(times) <= REPEATS_MAX:
        raise InputError(f"{place}: {text.split(' ', 1)[0]!r} is no span of times: expected +FIRST..LAST/STEP")
    for at in times:
        yield at, line.replace("hh:mm:ss", f"{10 + at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}")


def verdict_on(sample: Sample, detector: Detector) -> Dict[str, Any]:
    """Return what the detector, having forgotten everything before, makes of the sample's last line."""
    detector.forget()
    verdicts = [detector.take(Line(SOURCE, text, READ_AT_S)) for _, text in sample.lines]
    return described(verdicts[-1])


def described(verdict: Verdict) -> Dict[str, Any]:
    """Return a verdict as the golden files write it; what is empty is left out."""
    event, rule = verdict.event, verdict.rule
    found: Dict[str, Any] = {}
    if event.decoder:
        found["decoder"] = event.decoder
    if event.fields:
        found["fields"] = dict(event.fields)
    address = parse_address(event.fields.get("srcip", ""))
    if address is not None:
        found["address"] = str(address)
    found["rule"] = rule.id if rule else None
    if rule:
        found["level"] = rule.level
        found["path"] = list(verdict.path)
    return found


def golden_samples() -> List[Sample]:
    """Return the whole shipped golden set."""
    return [sample for path in golden_files() for sample in read_samples(path)]


def run_samples(samples: Sequence[Sample], ruleset: Ruleset) -> Outcome:
    """Run the samples, each on its own, and note what failed."""
    detector = detector_for(ruleset)
    outcome = Outcome()
    for sample in samples:
        outcome.samples += 1
        actual = verdict_on(sample, detector)
        reached = set(actual.get("path", ()))
        if actual != sample.expected or reached.intersection(sample.near):
            outcome.failures.append(Failure(sample.place, sample.lines[-1][1], sample.expected, actual))
        for rule in reached:
            outcome.hit.setdefault(rule, sample.place)
        for rule in sample.near:
            outcome.nearly.setdefault(rule, sample.place)
    return outcome


def rewrite(path: Path, ruleset: Ruleset) -> bool:
    """Write today's verdicts into a golden file; tell whether that changed it. Comments and order stay."""
    before = path.read_text(encoding="utf-8")
    detector = detector_for(ruleset)
    at = {sample.place.line: sample for sample in read_samples(path)}
    blocks = []
    line = 1
    for block in re.split(r"(\n{2,})", before.strip("\n")):
        sample = at.get(line) if block.strip() else None
        blocks.append("\n".join([*sample.written, as_json(verdict_on(sample, detector))]) if sample else block)
        line += block.count("\n")
    after = "".join(blocks) + "\n"
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


def as_json(value: Optional[Dict[str, Any]]) -> str:
    """Return the one line of JSON in which golden files write a verdict."""
    return json.dumps(value, ensure_ascii=False)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run or rewrite the golden set; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ar.ruleset.golden", description="Run the golden set.")
    parser.add_argument("--rewrite", action="store_true", help="write today's verdicts into the files")
    ruleset = shipped_ruleset()
    if parser.parse_args(argv).rewrite:
        for path in golden_files():
            print(f"{'rewritten' if rewrite(path, ruleset) else 'unchanged'}: {path.name}")
    outcome = run_samples(golden_samples(), ruleset)
    for failure in outcome.failures:
        print(failure)
    print(f"{outcome.samples} samples, {len(outcome.failures)} failed")
    return SOFTWARE if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
