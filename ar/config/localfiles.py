"""Reads `<localfile>` sections: the logs to follow."""

from __future__ import annotations

import re
from typing import Iterable, List, Optional, Tuple

from ar.config.findings import Findings
from ar.config.home import Home
from ar.config.ossecconf import Unused
from ar.config.sections import Section
from ar.config.settings import JOURNALD, LOG_FORMATS, LocalFile
from ar.errors import nearest

_NOT_SERVED = frozenset(
    {
        "audit", "command", "djb-multilog", "eventchannel", "eventlog", "full_command", "macos",
        "multi-line", "multi-line-regex", "mysql_log", "nmapg", "ossecalert", "postgresql_log", "snort-full",
    }
)  # fmt: skip
_COUNTED = re.compile(r"(multi-line)\s*:\s*[0-9]+")


def read_local_files(
    sections: Iterable[Section], home: Home, findings: Findings
) -> Tuple[List[LocalFile], List[Unused]]:
    """Return the logs to follow, and those whose format is not served here."""
    files: List[LocalFile] = []
    unused: List[Unused] = []
    for section in sections:
        entries = section.singles(findings)
        written = entries.get("log_format")
        if written is None:
            findings.mistake(
                section.place, f"{section.label} without {section.called('log_format')}", nearest("", LOG_FORMATS)
            )
            continue
        log_format = _COUNTED.sub(r"\1", written.text)
        if log_format in _NOT_SERVED:
            unused.append((f"localfile of format {log_format}", section.place))
        elif log_format not in LOG_FORMATS:
            near = nearest(log_format, LOG_FORMATS | _NOT_SERVED)
            findings.mistake(written.place, written.shown, near if near.startswith("'") else nearest("", LOG_FORMATS))
        else:
            location = _location(section, log_format, home, findings)
            if location is not None:
                files.append(LocalFile(log_format, location, section.place))
    return files, unused


def _location(section: Section, log_format: str, home: Home, findings: Findings) -> Optional[str]:
    """Return the absolute location; a relative one is meant from the home, where OSSEC runs."""
    entries = {entry.name: entry for entry in section.entries}
    if log_format == JOURNALD:
        return JOURNALD
    entry = entries.get("location")
    if entry is None or not entry.text:
        findings.mistake(
            entry.place if entry else section.place,
            f"{section.label} without {section.called('location')}",
            "the path of a log",
        )
        return None
    if "\x00" in entry.text or "\n" in entry.text:
        findings.mistake(entry.place, entry.shown, "the path of one log")
        return None
    return entry.text if entry.text.startswith("/") else f"{home.root}/{entry.text}"
