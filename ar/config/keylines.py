"""Finds the line on which a key of a TOML file stands, since the TOML reader gives values without places."""

from __future__ import annotations

import re
from typing import Dict, List, Tuple, Union

KeyPath = Tuple[Union[str, int], ...]  # ("response", 1, "timeout"): the key `timeout` of the second [[response]]

_PART = r"""\s*(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')\s*"""
_HEADER = re.compile(rf"\s*(\[\[?)({_PART}(?:\.{_PART})*)\]")
_KEY = re.compile(rf"({_PART}(?:\.{_PART})*)=")
_ONE_PART = re.compile(_PART)
_TRIPLE = re.compile(r'"""|' + "'''")


class KeyLines:
    """The lines of a TOML text's keys, found by reading its lines; correct wherever keys start a line."""

    def __init__(self, text: str) -> None:
        self._lines: Dict[KeyPath, int] = {}
        self._tables: Dict[str, int] = {}
        self._table: KeyPath = ()
        inside = ""  # the quotes of the multi-line text that the scan is in
        for number, line in enumerate(text.split("\n"), 1):
            if not inside:
                self._read(line, number)
            inside = _quotes_after(line, inside)

    def line_of(self, path: KeyPath) -> int:
        """Return the line of the key, else that of what it stands in, else 0."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)

    def _read(self, line: str, number: int) -> None:
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            names = _parts(header[2])
            self._table = names
            if header[1] == "[[":
                count = self._tables.get(header[2].strip(), -1) + 1
                self._tables[header[2].strip()] = count
                self._table = (*names, count)
            self._note(self._table, number)
        elif key:
            self._note((*self._table, *_parts(key[1])), number)

    def _note(self, path: KeyPath, number: int) -> None:
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], number)


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in _ONE_PART.findall(dotted))


def _quotes_after(line: str, inside: str) -> str:
    """Return the quotes of the multi-line text that is open at the end of the line, or ""."""
    found: List[str] = _TRIPLE.findall(line)
    for quotes in found:
        if not inside:
            inside = quotes
        elif inside == quotes:
            inside = ""
    return inside
