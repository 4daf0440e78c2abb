"""ipfstat(8), as far as `-io` goes. State: that of ipf.py."""

from __future__ import annotations

from typing import List

from double import NOT_DOUBLED, End, State, options, run
from ipf import as_listed

USAGE = End(1, "Usage: ipfstat [-6aAdfghIilnoRsv]")


def ipfstat(state: State, argv: List[str]) -> None:
    given, operands = options(argv, "6aACdD:fghIilM:nN:oP:RsS:tT:v", USAGE)
    if operands:
        raise USAGE
    if not set("io") <= set(given) <= set("6io"):
        raise End(NOT_DOUBLED, f"ipfstat: not doubled: {argv}")
    version = "6" if "6" in given else "4"
    for way in ("out", "in"):
        rules = [rule for rule in state["rules"][version] if rule.split()[1] == way]
        print("\n".join(as_listed(rule, version) for rule in rules) or f"empty list for ipfilter({way})")


if __name__ == "__main__":
    run("ipfstat", ipfstat)
