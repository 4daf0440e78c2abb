"""ipf(8) of FreeBSD, NetBSD and illumos, as far as `-V` and `-f -` with rules that block addresses go.

State: `running`; `rules` by version of the protocol (4, 6), each in order and as ipfstat shows it.
"""

from __future__ import annotations

import re
import sys
from typing import List, Tuple

from double import NOT_DOUBLED, End, State, holds, network, options, run, shown

USAGE = End(1, "usage: ipf [-6AdDEInoPrRsvVyzZ] [-l block|pass|nomatch|state|nat] [-cc] [-F i|o|a|s|S|u] [-f filename]")
RULE = re.compile(
    r"(@(?P<place>\d+) )?(?P<text>(block|pass) (in|out) (quick )?from (?P<source>\S+) to (?P<target>\S+))"
)


def blocks(state: State, address: str) -> bool:
    """Tell whether packets that come from an address, and those that go to it, are dropped."""
    rules = state["rules"]["6" if ":" in address else "4"]
    ways = (_verdict(rules, address, way) for way in ("in", "out"))
    return bool(state["running"]) and all(way == "block" for way in ways)


def _verdict(rules: List[str], address: str, way: str) -> str:
    for rule in rules:  # those of these tests are all quick: the first that matches decides
        action, direction, _, _, source, _, target = rule.split()
        end = source if way == "in" else target
        if direction == way and (end == "any" or holds([end], address)):
            return action
    return "pass"


def ipf(state: State, argv: List[str]) -> None:
    given, operands = options(argv, "6AdDEf:F:IInoPrRsT:vVyzZ", USAGE)
    if operands or not given:
        raise USAGE
    if set(given) == {"V"}:
        print(
            f"ipf: IP Filter: v5.1.2 (608)\nKernel: IP Filter: v5.1.2\nRunning: {'yes' if state['running'] else 'no'}"
        )
    elif given.get("f") == ["-"] and not set(given) - set("6rf"):
        for line in sys.stdin:
            load(state, line.rstrip("\n"), "6" if "6" in given else "4", remove="r" in given)
    else:
        raise End(NOT_DOUBLED, f"ipf: not doubled: {argv}")


def load(state: State, line: str, version: str, *, remove: bool) -> None:
    place, rule = parse(line, version)
    rules = state["rules"][version]
    if remove and rule not in rules:
        raise End(1, "1:ioctl(delete rule): No such process")
    if remove:
        rules.remove(rule)
    elif rule in rules:
        raise End(1, "1:ioctl(add/insert rule): File exists")
    else:
        rules.insert(len(rules) if place is None else min(place - 1, len(rules)), rule)


def parse(line: str, version: str) -> Tuple[int | None, str]:
    """Return where a rule is to be put, if that is said, and the rule as ipfstat shows it."""
    wrong = End(1, f'syntax error error at "{line}", line 1')
    found = RULE.fullmatch(line)
    if found is None:
        raise wrong
    rule = found["text"]
    for end in (found["source"], found["target"]):
        if end != "any":
            one = network(end, wrong)
            if str(one.version) != version:
                raise wrong
            rule = rule.replace(end, str(one))
    return int(found["place"]) if found["place"] else None, rule


def as_listed(rule: str, version: str) -> str:
    """Return a rule as ipfstat of version 4 (IPv4: with the length) or 5 (IPv6: the family, no length) lists it."""
    if version == "4":
        return rule
    words = [shown(word) if ":" in word else word for word in rule.split()]
    return " ".join([*words[:3], "inet6", *words[3:]])


if __name__ == "__main__":
    run("ipf", ipf)
