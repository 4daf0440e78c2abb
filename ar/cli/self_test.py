"""`ar-agent self-test`: proves the shipped decoders and rules by the golden set, inside whatever this runs in."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Dict

from ar import __version__
from ar.errors import SOFTWARE
from ar.ruleset.golden import Failure, Outcome, golden_samples, run_samples, shipped_ruleset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--json", action="store_true", help="print one JSON object for each failure, then the summary")


def run(options: argparse.Namespace) -> int:
    """Run the golden set and print what came of it; exit 70 when a sample failed."""
    ruleset = shipped_ruleset()
    outcome = run_samples(golden_samples(), ruleset)
    for failure in outcome.failures:
        print(json.dumps(_facts(failure)) if options.json else f"FAILED {failure}")
    summary = _summary(outcome, len(ruleset.decoders), len(ruleset.rules))
    if options.json:
        print(json.dumps(summary))
    else:
        place = "frozen executable" if summary["frozen"] else f"Python {sys.version.split()[0]}"
        print(
            f"ar-agent {__version__} ({place}): {summary['decoders']} decoders, {summary['rules']} rules, "
            f"{outcome.samples} samples, {len(outcome.failures)} failed: {'ok' if summary['ok'] else 'NOT OK'}"
        )
    return 0 if summary["ok"] else SOFTWARE


def _summary(outcome: Outcome, decoders: int, rules: int) -> Dict[str, Any]:
    return {
        "ok": outcome.samples > 0 and not outcome.failures,  # a golden set that was left out proves nothing
        "samples": outcome.samples,
        "failed": len(outcome.failures),
        "decoders": decoders,
        "rules": rules,
        "frozen": bool(getattr(sys, "frozen", False)),
        "version": __version__,
    }


def _facts(failure: Failure) -> Dict[str, Any]:
    return {
        "place": str(failure.place),
        "line": failure.line,
        "expected": failure.expected,
        "actual": failure.actual,
    }
