"""The ways in which things go wrong, each with the exit code that a shell script can test (sysexits.h)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Iterable, NamedTuple, Optional, Sequence

USAGE = 64
DATA = 65
UNAVAILABLE = 69
SOFTWARE = 70
CANNOT_CREATE = 73
INPUT_OUTPUT = 74
NO_PERMISSION = 77
CONFIG = 78


class Place(NamedTuple):
    """Where in a file something stands; `line` counts from 1, and 0 means the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Mistake:
    """One thing wrong in what the administrator wrote: where, what, and what was expected instead.

    The same shape serves for warnings; which list it stands in tells how grave it is.
    """

    place: Place
    what: str
    expected: str = ""

    def __str__(self) -> str:
        tail = f": expected {self.expected}" if self.expected else ""
        return f"{self.place}: {self.what}{tail}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `'name'` of `known` that `word` was most likely meant to be, else the known names as a list."""
    names = sorted(known)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if close:
        return repr(close[0])
    return "one of " + ", ".join(names) if names else "none here"


class ArError(Exception):
    """Something the administrator must know; its text is the whole message, and no traceback is shown."""

    exit_code = SOFTWARE


class UsageError(ArError):
    """The command line is wrong."""

    exit_code = USAGE


class InputError(ArError):
    """A file holds what it may not hold (a journal that is damaged, a log that is no log)."""

    exit_code = DATA


class UnavailableError(ArError):
    """Something needed is not there: no agent is running, another one holds the home."""

    exit_code = UNAVAILABLE


class CannotCreateError(ArError):
    """A file or folder cannot be made or written."""

    exit_code = CANNOT_CREATE


class PermissionDeniedError(ArError):
    """The operating system does not let this user do it."""

    exit_code = NO_PERMISSION


class ConfigError(ArError):
    """The configuration has mistakes; all of them, each on a line of its own."""

    exit_code = CONFIG

    def __init__(self, mistakes: Sequence[Mistake], before: Optional[str] = None) -> None:
        self.mistakes = tuple(mistakes)
        lines = ([before] if before else []) + [str(mistake) for mistake in self.mistakes]
        super().__init__("\n".join(lines))
