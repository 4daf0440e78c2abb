"""Reads `<active-response>` sections: which alerts run which command on this host, and for how long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

from ar.config.commands import near
from ar.config.findings import Findings
from ar.config.offenders import Steps, read_steps
from ar.config.sections import AGENT_ID, Entry, Section, truth
from ar.duration import parse_duration
from ar.errors import nearest
from ar.model import LEVEL_MAX, Command, Levels, Response, RuleId
from ar.osregex import PatternError, compile_regex

HERE = frozenset({"local", "server", "as", "analysisd", "analysis-server", "all", "any"})
ELSEWHERE = "defined-agent"
BINDINGS = ("level", "rules_group", "rules_id")
_LEVEL_ITEM = re.compile(r"([0-9]{1,2})(?:\s*-\s*([0-9]{1,2}))?")
_RULE_ID = re.compile(r"[0-9]{1,9}")
_A_COMMAND = "the name of a command, or repeated_offenders alone to set the default"


@dataclass(frozen=True)
class Terms:
    """What responses refer to: the commands, the default for repeated offenders, who this host is."""

    commands: Mapping[str, Command]
    default: Optional[Steps]
    agent_id: str


def read_responses(sections: Sequence[Section], terms: Terms, findings: Findings) -> List[Response]:
    """Return the responses that run on this host, in reading order.

    A section with `disabled` yes is skipped. When it holds nothing else it turns all responses off, as it
    does for OSSEC's execd.
    """
    responses = [_read_response(section, terms, findings) for section in sections]
    for section in sections:
        if [(entry.name, entry.text.lower()) for entry in section.entries] == [("disabled", "yes")]:
            findings.warn(section.place, f"{section.label} with nothing but 'disabled' turns all responses off")
            return []
    return [response for response in responses if response is not None]


def _read_response(section: Section, terms: Terms, findings: Findings) -> Optional[Response]:
    if not section.entries:
        findings.warn(section.place, f"{section.label} is empty and does nothing")
        return None
    entries = section.singles(findings)
    if truth(entries.get("disabled"), findings, default=False):
        return None
    if "command" not in entries:
        _judge_without_command(entries, section, findings)
        return None
    command = _read_command(entries["command"], terms.commands, findings)
    served = _runs_here(entries, section, terms.agent_id, findings)
    levels = _read_level(entries.get("level"), findings)
    groups = _read_groups(entries.get("rules_group"), findings)
    rules = _read_rules(entries.get("rules_id"), findings)
    timeout_s = _read_timeout(entries.get("timeout"), command, findings)
    own = entries.get("repeated_offenders")
    steps = terms.default if own is None else read_steps(own, section.steps_max, findings)
    if not any(word in entries for word in BINDINGS):
        findings.warn(
            section.place, f"{section.label} never runs", "level, rules_group or rules_id to bind it to alerts"
        )
    if command is None or not served:
        return None
    if not command.timeout_allowed or timeout_s == 0:
        _warn_of_idle_steps(own, command, findings)
        steps = None
    steps_s, steps_place = (steps.steps_s, steps.place) if steps is not None else ((), None)
    return Response(command, levels, groups, rules, timeout_s or 0, steps_s, section.place, steps_place)


def _judge_without_command(entries: Mapping[str, Entry], section: Section, findings: Findings) -> None:
    """Accept a section that only sets the default for repeated offenders, or only says disabled."""
    idle = [entry for name, entry in entries.items() if name not in ("disabled", "repeated_offenders")]
    if not idle:
        return
    if "repeated_offenders" not in entries:
        findings.mistake(section.place, f"{section.label} without {section.called('command')}", _A_COMMAND)
        return
    for entry in idle:
        what = f"{entry.shown}, which has no effect in {section.label} without {section.called('command')}"
        findings.warn(entry.place, f"{what}: its repeated_offenders are the default for all")


def _read_command(entry: Entry, commands: Mapping[str, Command], findings: Findings) -> Optional[Command]:
    command = commands.get(entry.text)
    if command is None:
        findings.mistake(entry.place, f"{entry.shown}, which is not defined", near(entry.text, commands))
    return command


def _runs_here(entries: Dict[str, Entry], section: Section, agent_id: str, findings: Findings) -> bool:
    """Return whether `location` means this host; without one it does.

    OSSEC searches its words in the text, so that `local,server` is both; `all` there leaves out the host
    itself on a local install, here it does not.
    """
    entry, wanted = entries.get("location"), entries.get("agent_id")
    words = [word.lower() for word in re.split(r"[,\s]+", entry.text)] if entry is not None else ["local"]
    for word in words:
        if entry is not None and word not in HERE and word != ELSEWHERE:
            findings.mistake(entry.place, entry.shown, nearest(word, {"local", "server", "all", ELSEWHERE}))
            return True
    if wanted is not None and not AGENT_ID.fullmatch(wanted.text):
        findings.mistake(wanted.place, wanted.shown, "the number of an agent such as 001")
        return True
    if entry is None or not HERE.isdisjoint(words):
        return True
    if wanted is None:
        findings.mistake(entry.place, f"{entry.shown} without {section.called('agent_id')}", "the number of an agent")
        return True
    if int(wanted.text) == int(agent_id):
        return True
    where = f"{entry.shown} with agent_id {wanted.text}"
    findings.warn(entry.place, f"{where}: this response does not run here, where the agent_id is {agent_id}")
    return False


def _read_level(entry: Optional[Entry], findings: Findings) -> Levels:
    """Return the levels: one number is that and higher; a list or a range is exactly these."""
    if entry is None:
        return Levels()
    exactly: Set[int] = set()
    items = [_LEVEL_ITEM.fullmatch(item.strip()) for item in entry.text.split(",")]
    for item in items:
        first, last = (int(item[1]), int(item[2] or item[1])) if item else (0, -1)
        if not first <= last <= LEVEL_MAX:
            findings.mistake(entry.place, entry.shown, "a number 0–16 or a list such as 8,9,10")  # noqa: RUF001 (a range)
            return Levels()
        exactly.update(range(first, last + 1))
    if entry.text.isdigit():
        return Levels(least=min(exactly))
    return Levels(exactly=frozenset(exactly))


def _read_groups(entry: Optional[Entry], findings: Findings) -> Tuple[str, ...]:
    """Return the alternatives, split at commas as documented; `|` is left to the pattern, an OS_Regex."""
    groups = [group.strip() for group in entry.text.split(",")] if entry is not None else []
    for group in groups:
        try:
            compile_regex(group)
        except PatternError as error:
            if entry is not None:
                findings.mistake(entry.place, f"{entry.shown}: {error}", "names of groups separated by commas")
            return ()
    if entry is not None and not all(groups):
        findings.mistake(entry.place, entry.shown, "names of groups separated by commas")
    return tuple(dict.fromkeys(filter(None, groups)))


def _read_rules(entry: Optional[Entry], findings: Findings) -> FrozenSet[RuleId]:
    words = re.split(r"\s*,\s*|\s+", entry.text) if entry is not None else []
    if entry is not None and not all(_RULE_ID.fullmatch(word) for word in words):
        findings.mistake(entry.place, entry.shown, "numbers of rules separated by commas, such as 5712,5720")
        return frozenset()
    return frozenset(int(word) for word in words)


def _read_timeout(entry: Optional[Entry], command: Optional[Command], findings: Findings) -> Optional[int]:
    """Return the seconds, 0 for good, which is what no entry means; None for a mistake."""
    if entry is None:
        return 0
    timeout_s = parse_duration(entry.text, 1)
    if timeout_s is None:
        findings.mistake(entry.place, entry.shown, "seconds, or a number with s, m, h or d; 0 is for good")
        return None
    if timeout_s and command is not None and not command.timeout_allowed:
        what = f"{entry.shown}, but command {command.name!r} ({command.place}) has timeout_allowed no"
        findings.mistake(entry.place, what, "no timeout, or timeout_allowed yes")
    return timeout_s


def _warn_of_idle_steps(own: Optional[Entry], command: Command, findings: Findings) -> None:
    if own is None:
        return
    if not command.timeout_allowed:
        findings.warn(own.place, f"{own.shown}, which has no effect: command {command.name!r} has timeout_allowed no")
    else:
        findings.warn(
            own.place, f"{own.shown}, which has no effect: the first offence is already blocked for good", "a timeout"
        )
