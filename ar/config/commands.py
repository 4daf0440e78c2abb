"""Reads `<command>` sections: the scripts that responses can run, and what each expects to be told."""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, Iterable, Mapping, Optional, Tuple

from ar.config.findings import Findings
from ar.config.sections import Entry, Section, truth
from ar.errors import nearest
from ar.model import CONTRACTS, Command

EXTRA_ARGS_MAX = 1024  # characters: they go into a message of bounded length
EXPECTED_AS = {"srcip": "srcip", "user": "user", "username": "user", "filename": "filename"}
EXPECTED_BY_NOBODY = frozenset({"hostname"})  # an example of OSSEC's own documentation expects it
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FILE_NAME = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x20\x7f][^/\x00-\x1f\x7f]{0,254}")


def read_commands(
    sections: Iterable[Section], contracts: Mapping[str, Entry], findings: Findings
) -> Dict[str, Command]:
    """Return the commands by name. `contracts` are those that agent.toml gives by command name."""
    commands: Dict[str, Command] = {}
    for section in sections:
        command = _read_command(section, contracts, findings)
        if command is None:
            continue
        earlier = commands.setdefault(command.name, command)
        if earlier is not command and not _same(earlier, command):
            what = f"command {command.name!r} is defined differently at {earlier.place}"
            findings.mistake(command.place, what, "one definition")
    for name, contract in contracts.items():
        if name not in commands:
            findings.mistake(contract.place, f"contract for {name!r}, which is no command", near(name, commands))
    return commands


def near(name: str, commands: Mapping[str, Command]) -> str:
    """Return the command that `name` was most likely meant to be, for a message."""
    return nearest(name, commands) if commands else "a command of that name to be defined"


def _read_command(section: Section, contracts: Mapping[str, Entry], findings: Findings) -> Optional[Command]:
    if not section.entries:
        findings.warn(section.place, f"{section.label} is empty and does nothing")
        return None
    entries = section.singles(findings)
    name, executable, expect = (entries.get(word) for word in ("name", "executable", "expect"))
    for word, entry, expected in (
        ("name", name, "the name by which responses call it"),
        ("executable", executable, "the name of a file in active-response/bin"),
        ("expect", expect, "srcip, user, filename, or an empty one if the script needs none"),
    ):
        if entry is None:
            findings.mistake(section.place, f"{section.label} without {section.called(word)}", expected)
    expects = _read_expect(expect, findings)
    timeout_allowed = truth(entries.get("timeout_allowed"), findings, default=True)
    if name is not None and not _NAME.fullmatch(name.text):
        findings.mistake(name.place, name.shown, "a name of letters, digits, dots, dashes and underscores")
        name = None
    if executable is not None and not _FILE_NAME.fullmatch(executable.text):
        findings.mistake(
            executable.place, executable.shown, "the name of a file in active-response/bin, without a folder"
        )
        executable = None
    contract = _read_contract(entries.get("contract"), contracts.get(name.text) if name else None, findings)
    extra_args = _read_extra_args(entries.get("extra_args"), findings)
    if name is None or executable is None or expect is None:
        return None
    return Command(name.text, executable.text, expects, timeout_allowed, section.place, contract, extra_args)


def _read_expect(entry: Optional[Entry], findings: Findings) -> FrozenSet[str]:
    """Return what the script is told: words separated by commas or spaces, in any case, as in OSSEC."""
    expects = set()
    for word in re.split(r"[,\s]+", entry.text) if entry is not None else ():
        known = EXPECTED_AS.get(word.lower())
        if known is not None:
            expects.add(known)
        elif entry is not None and word.lower() in EXPECTED_BY_NOBODY:
            findings.warn(entry.place, f"{entry.shown}: nothing is passed to the script for {word!r}")
        elif entry is not None and word:
            findings.mistake(entry.place, entry.shown, nearest(word, EXPECTED_AS))
    return frozenset(expects)


def _read_contract(own: Optional[Entry], other: Optional[Entry], findings: Findings) -> str:
    """Return the contract that the command itself names, or that agent.toml names for it elsewhere."""
    entry = own or other
    if entry is None:
        return CONTRACTS[0]
    if own is not None and other is not None and own.text != other.text:
        findings.mistake(other.place, f"contract is {other.text!r}, and {own.text!r} at {own.place}", "one contract")
    if entry.text not in CONTRACTS:
        findings.mistake(entry.place, entry.shown, f"{', '.join(CONTRACTS[:-1])} or {CONTRACTS[-1]}")
        return CONTRACTS[0]
    return entry.text


def _read_extra_args(entry: Optional[Entry], findings: Findings) -> Tuple[str, ...]:
    """Return the words, which are separated by spaces, as in Wazuh 4."""
    if entry is None:
        return ()
    if len(entry.text) > EXTRA_ARGS_MAX:
        findings.mistake(entry.place, entry.shown, f"at most {EXTRA_ARGS_MAX} characters")
        return ()
    return tuple(entry.text.split())


def _same(one: Command, other: Command) -> bool:
    facts = ("executable", "expects", "timeout_allowed", "contract", "extra_args")
    return all(getattr(one, fact) == getattr(other, fact) for fact in facts)
