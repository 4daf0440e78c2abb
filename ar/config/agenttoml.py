"""Reads agent.toml: what ossec.conf has no word for, and anything that ossec.conf can say, as the same sections."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from ar.config.findings import Findings
from ar.config.keylines import KeyLines, KeyPath
from ar.config.ossecconf import SCHEMAS
from ar.config.sections import AGENT_ID, DEFAULT_PATTERN, Entry, Section
from ar.config.settings import Settings
from ar.duration import DURATION_MAX_S, parse_duration
from ar.errors import Place, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STEPS_MAX = 50  # ossec.conf allows 5 repeated_offenders; the rest of the table is there to be bounded
_WHERE = re.compile(r"\(at (?:line ([0-9]+), column [0-9]+|end of document)\)")


class Number(NamedTuple):
    """A setting that is a whole number, or (`unit_s` set) a duration whose bare number counts in that unit."""

    least: int
    most: int
    unit_s: int = 0

    @property
    def expected(self) -> str:
        """What messages say was expected."""
        if self.unit_s:
            return f"{self.least} s or more, written as a number of seconds or with s, m, h or d"
        return f"a whole number from {self.least} to {self.most}"


NUMBERS: Mapping[str, Number] = {
    "settle_s": Number(0, 3600, 1),
    "forget_after_s": Number(1, DURATION_MAX_S, 1),
    "reconcile_every_s": Number(0, DURATION_MAX_S, 1),
    "emergency_block_s": Number(0, 3600, 1),
    "script_deadline_s": Number(1, 3600, 1),
    "stale_after_s": Number(1, DURATION_MAX_S, 1),
    "ipv6_prefix": Number(32, 128),
}
LIMITS: Mapping[str, Number] = {
    "scripts_max": Number(1, 1000),
    "blocks_max": Number(1, 10_000_000),
    "offenders_max": Number(1, 10_000_000),
    "window_keys_max": Number(1, 10_000_000),
    "line_bytes_max": Number(256, 1_048_576),
}
TABLES = {"command": "command", "response": "active-response", "localfile": "localfile"}


def key_of(setting: str) -> str:
    """Return the key of a setting: without the unit that its field ends in."""
    return setting.removesuffix("_s")


@dataclass
class Written:
    """What an agent.toml says: settings, sections as of ossec.conf, and contracts by command name."""

    settings: Settings = field(default_factory=Settings)
    sections: List[Section] = field(default_factory=list)
    contracts: Dict[str, Entry] = field(default_factory=dict)


def read_toml(text: str, file: str, findings: Findings) -> Written:
    """Return what the file says; mistakes go to `findings`, and a file that is no TOML gives one and says nothing."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: no TOML, or a number of thousands of digits
        at = _WHERE.search(str(error))
        line = int(at[1]) if at and at[1] else text.rstrip().count("\n") + 1 if at else 0
        what = _WHERE.sub("", str(error)).strip()
        findings.mistake(Place(file, line), f"broken TOML ({what})", "TOML, see toml.io")
        return Written()
    reading = _Reading(file, KeyLines(text), findings)
    reading.read(values)
    return reading.written


class _Reading:
    """One agent.toml as it is read."""

    def __init__(self, file: str, lines: KeyLines, findings: Findings) -> None:
        self.file = file
        self.lines = lines
        self.findings = findings
        self.written = Written()
        self._readers: Dict[str, Callable[[KeyPath, Any], None]] = {
            **{key_of(name): self._number(name, number) for name, number in NUMBERS.items()},
            **dict.fromkeys(TABLES, self._tables),
            "agent_id": self._agent_id,
            "allow": self._allow,
            "repeated_offenders": self._default_steps,
            "limits": self._limits,
            "contract": self._contracts,
            "rules": self._rules,
        }

    def read(self, values: Mapping[str, Any]) -> None:
        """Read the whole file."""
        self._each((), values, self._readers)

    def _each(
        self, path: KeyPath, values: Mapping[str, Any], readers: Mapping[str, Callable[[KeyPath, Any], None]]
    ) -> None:
        for key, value in values.items():
            read = readers.get(key)
            if read is None:
                self._mistake((*path, key), f"unknown key {key!r}", nearest(key, readers))
            else:
                read((*path, key), value)

    def _mistake(self, path: KeyPath, what: str, expected: str) -> None:
        self.findings.mistake(self._place(path), what, expected)

    def _place(self, path: KeyPath) -> Place:
        return Place(self.file, self.lines.line_of(path))

    def _number(self, setting: str, number: Number) -> Callable[[KeyPath, Any], None]:
        def read(path: KeyPath, value: Any) -> None:
            found: Optional[int] = None
            if number.unit_s and isinstance(value, (str, int)) and not isinstance(value, bool):
                found = parse_duration(_as_text(setting, value) or "", number.unit_s)
            elif isinstance(value, int) and not isinstance(value, bool):
                found = value
            if found is None or not number.least <= found <= number.most:
                self._mistake(path, f"{path[-1]} is {_shown(value)}", number.expected)
            else:
                change: Dict[str, Any] = {setting: found}
                self.written.settings = replace(self.written.settings, **change)

        return read

    def _agent_id(self, path: KeyPath, value: Any) -> None:
        if isinstance(value, str) and AGENT_ID.fullmatch(value):
            self.written.settings = replace(self.written.settings, agent_id=value)
        else:
            self._mistake(path, f"agent_id is {_shown(value)}", 'digits in quotes such as "001"')

    def _limits(self, path: KeyPath, value: Any) -> None:
        if self._is_table(path, value):
            self._each(path, value, {name: self._number(name, number) for name, number in LIMITS.items()})

    def _contracts(self, path: KeyPath, value: Any) -> None:
        if self._is_table(path, value):
            for name, contract in value.items():
                entry = self._entry((*path, name), contract)
                if entry is not None:
                    self.written.contracts[name] = entry

    def _allow(self, path: KeyPath, value: Any) -> None:
        items = value if isinstance(value, list) else [value]
        section = Section("global", self._place(path), "allow", steps_max=STEPS_MAX)
        for item in items:
            entry = self._entry(path, item)
            if entry is not None:
                section.entries.append(entry._replace(name="white_list"))
        self.written.sections.append(section)

    def _default_steps(self, path: KeyPath, value: Any) -> None:
        entry = self._entry(path, value)
        if entry is not None:
            self.written.sections.append(
                Section("active-response", entry.place, entry.label, [entry], steps_max=STEPS_MAX)
            )

    def _rules(self, path: KeyPath, value: Any) -> None:
        if not self._is_table(path, value):
            return
        section = Section("rules", self._place(path), "[rules]", steps_max=STEPS_MAX)
        for key, items in value.items():
            if key not in SCHEMAS["rules"].served:
                self._mistake((*path, key), f"unknown key {key!r} in [rules]", nearest(key, SCHEMAS["rules"].served))
                continue
            for item in items if isinstance(items, list) else [items]:
                entry = self._rules_entry((*path, key), item)
                if entry is not None:
                    section.entries.append(entry)
        self.written.sections.append(section)

    def _rules_entry(self, path: KeyPath, item: Any) -> Optional[Entry]:
        """Return one file or folder; a folder may be `{ path = "rules/mine", pattern = ".xml$" }`."""
        if not isinstance(item, dict):
            return self._entry(path, item)
        if not str(path[-1]).endswith("_dir") or not item.keys() <= {"path", "pattern"} or "path" not in item:
            self._mistake(path, f"{path[-1]} is {_shown(item)}", "text, or for a folder { path = …, pattern = … }")
            return None
        entry = self._entry(path, item["path"])
        return entry and entry._replace(attributes={"pattern": str(item.get("pattern", DEFAULT_PATTERN))})

    def _tables(self, path: KeyPath, value: Any) -> None:
        key = str(path[0])
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            self._mistake(path, f"{key} is {_shown(value)}", f"[[{key}]] tables")
            return
        name = TABLES[key]
        served = SCHEMAS[name].served
        for number, table in enumerate(value):
            where = (*path, number)
            section = Section(name, self._place(where), f"[[{key}]]", steps_max=STEPS_MAX)
            for word, item in table.items():
                if word not in served:
                    self._mistake((*where, word), f"unknown key {word!r} in [[{key}]]", nearest(word, served))
                    continue
                entry = self._entry((*where, word), item)
                if entry is not None:
                    section.entries.append(entry)
            self.written.sections.append(section)

    def _entry(self, path: KeyPath, value: Any) -> Optional[Entry]:
        """Return a value as the text that ossec.conf would have for it."""
        key = str(path[-1])
        text = _as_text(key, value)
        if text is None:
            self._mistake(path, f"{key} is {_shown(value)}", "text, a whole number, true or false, or a list of these")
            return None
        return Entry(key, text, self._place(path), key)

    def _is_table(self, path: KeyPath, value: Any) -> bool:
        if not isinstance(value, dict):
            self._mistake(path, f"{path[-1]} is {_shown(value)}", f"a table [{path[-1]}]")
        return isinstance(value, dict)


def _as_text(key: str, value: Any) -> Optional[str]:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else None
    if isinstance(value, str):
        return value.strip()
    if not isinstance(value, list):
        return None
    texts = [_as_text(key, item) for item in value if not isinstance(item, list)]
    if key == "level" and len(texts) == 1:
        return f"{texts[0]}-{texts[0]}"  # a list means exactly these levels, also a list of one
    between = " " if key == "extra_args" else ","
    whole = [text for text in texts if text is not None]
    return between.join(whole) if len(whole) == len(value) else None


def _shown(value: Any) -> str:
    """Return a value as a message shows it, cut to a readable length."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write out a number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else text[:77] + "..."
