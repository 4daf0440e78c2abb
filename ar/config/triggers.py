"""Finds what is doubtful in how responses are bound: which loaded rules trigger them, and which words fit none."""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, Sequence

from ar.config.load import Loaded
from ar.detect.rule import Rule
from ar.errors import Mistake, nearest
from ar.model import Levels, Response, RuleId
from ar.osregex import PatternError, compile_regex
from ar.policy.bind import Bindings

IDS_SHOWN_MAX = 8
_ALTERNATIVES = re.compile(r"(?<!\\)\|")


def bound_rules(loaded: Loaded) -> List[List[RuleId]]:
    """Return, for each response, the loaded rules that trigger it."""
    bindings = Bindings(loaded.config.responses)
    places: Dict[int, List[RuleId]] = {id(response): [] for response in loaded.config.responses}
    for rule in loaded.ruleset.rules.by_id.values():
        if not rule.no_ar:
            for response in bindings.of_rule(rule.id, rule.level, rule.groups):
                places[id(response)].append(rule.id)
    return [sorted(places[id(response)]) for response in loaded.config.responses]


def binding_doubts(loaded: Loaded, bound: Sequence[Sequence[RuleId]]) -> Iterator[Mistake]:
    """Yield all that is doubtful in the bindings of the responses; `bound` is what `bound_rules` says."""
    responses = loaded.config.responses
    for response, rules in zip(responses, bound):
        yield from _rule_ids(response, loaded)
        yield from _groups(response, loaded.ruleset.rules.by_id.values())
        yield from _level(response, rules, loaded.ruleset.rules.by_id.values())
        yield from _unbound(response, rules)
    yield from _overlaps(responses, bound)


def _rule_ids(response: Response, loaded: Loaded) -> Iterator[Mistake]:
    """Yield the rules_id that never trigger anything, and why."""
    by_id = loaded.ruleset.rules.by_id
    missing = [number for number in response.rules if number not in by_id]
    quiet = [number for number in response.rules if number in by_id and by_id[number].level == 0]
    exempt = [n for n in response.rules if n in by_id and by_id[n].level and by_id[n].no_ar]
    for numbers, why in (
        (missing, "no loaded rule has that number"),
        (quiet, "its level is 0, which never fires a response"),
        (exempt, "its option no_ar keeps it from firing responses"),
    ):
        for number in sorted(numbers):
            yield Mistake(response.place, f"rules_id {number} of {response.command.name!r}: {why}")


def _groups(response: Response, rules: Iterable[Rule]) -> Iterator[Mistake]:
    """Yield the alternatives of rules_group that never trigger anything, and why."""
    every = {"".join(f"{group}," for group in rule.groups) for rule in rules}
    firing = {"".join(f"{group}," for group in rule.groups) for rule in rules if rule.level and not rule.no_ar}
    for group in (alternative for written in response.groups for alternative in _alternatives(written)):
        pattern = compile_regex(group)
        if any(map(pattern.search, firing)):
            continue
        what = f"rules_group {group!r} of {response.command.name!r}"
        if any(map(pattern.search, every)):
            yield Mistake(response.place, f"{what}: all rules that fit are of level 0 or have the option no_ar")
        else:
            near = nearest(group, {name for rule in rules for name in rule.groups})
            expected = near if near.startswith("'") else "a group of a loaded rule"
            yield Mistake(response.place, f"{what}: no loaded rule fits it", expected)


def _alternatives(group: str) -> Sequence[str]:
    """Return the patterns between the `|` of a pattern, or the whole one when they are none by themselves."""
    parts = list(filter(None, _ALTERNATIVES.split(group)))
    try:
        for part in parts:
            compile_regex(part)
    except PatternError:
        return [group]
    return parts


def _level(response: Response, bound: Sequence[RuleId], rules: Iterable[Rule]) -> Iterator[Mistake]:
    """Yield the response whose level no rule has, though it runs for another reason."""
    firing = {rule.level for rule in rules if rule.level and not rule.no_ar}
    if bound and _has(response.levels) and not any(level in response.levels for level in firing):
        highest = f"a level of a loaded rule, {max(firing)} at most"
        yield Mistake(response.place, f"level of {response.command.name!r}: no loaded rule has it", highest)


def _has(levels: Levels) -> bool:
    return levels.least is not None or bool(levels.exactly)


def _unbound(response: Response, rules: Sequence[RuleId]) -> Iterator[Mistake]:
    """Yield the response when it is bound to something, but to nothing that any loaded rule is."""
    if not rules and (_has(response.levels) or response.groups or response.rules):
        what = f"the response that runs {response.command.name!r} never runs"
        yield Mistake(response.place, what, "a level, group or id that a loaded rule has")


def _overlaps(responses: Sequence[Response], bound: Sequence[Sequence[RuleId]]) -> Iterator[Mistake]:
    """Yield each response whose command runs on the same rules by an earlier one as well."""
    for later, response in enumerate(responses):
        for earlier in range(later):
            common = sorted(set(bound[earlier]) & set(bound[later]))
            if common and responses[earlier].command.name == response.command.name:
                what = f"{response.command.name!r} also runs on {_rules(common)} by {responses[earlier].place}"
                yield Mistake(response.place, f"{what}: there the longer of their sentences counts")


def _rules(numbers: Sequence[RuleId]) -> str:
    """Return rules in words, at most IDS_SHOWN_MAX of them by number."""
    words = ", ".join(map(str, numbers[:IDS_SHOWN_MAX]))
    more = f" … ({len(numbers)} in all)" if len(numbers) > IDS_SHOWN_MAX else ""
    return f"rule{'s' if len(numbers) > 1 else ''} {words}{more}"
