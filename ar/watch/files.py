"""The log files that the configured locations mean: opened as they appear, kept while they may still grow."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Set

from ar.model import Chunk, Moment
from ar.watch.hints import Hints, Log
from ar.watch.places import expand, folders_of, is_pattern
from ar.watch.tail import Identity, NotAFileError, Position, Tail, identity_of

FILES_MAX = 512  # a process may often have but 1024 open; what is over is not followed, and said so
LEFT_MAX = 1024  # positions of closed files, the oldest forgotten first
QUIET_S = 60.0  # a file that lost its name is read until it has been quiet this long: its writer may still hold it
MISSING_S = 5.0  # a log that is missing for less is in the middle of its rotation


class Files:
    """All log files, by name. `more` tells after `read` that there is more to read at once.

    A name has several files while a rotated one is still read: the one that has the name now stands last.
    """

    def __init__(self, line_bytes_max: int, hints: Hints, log: Log) -> None:
        self.more = False
        self.left_out = 0
        self._line_bytes_max = line_bytes_max
        self._hints = hints
        self._log = log
        self._patterns: List[str] = []
        self._known_patterns: Set[str] = set()
        self._tails: Dict[str, List[Tail]] = {}
        self._left: OrderedDict[Identity, Position] = OrderedDict()
        self._from_end: Set[str] = set()  # were there when their location was new, but could not be opened
        self._missing_since_s: Dict[str, float] = {}
        self._complaints: Dict[str, str] = {}
        self._cut_before = 0
        self._next: Optional[str] = None

    @property
    def names(self) -> List[str]:
        return list(self._tails)

    @property
    def lines_cut(self) -> int:
        return self._cut_before + sum(tail.lines_cut for tail in self._all())

    def rewatch(self, patterns: Iterable[str]) -> None:
        """Follow `patterns` from now on, and drop files that none of them asked for; `look` does the rest."""
        self._patterns = list(dict.fromkeys(patterns))
        self._known_patterns &= set(self._patterns)
        self.close(tail for tail in self._all() if tail.pattern not in self._patterns)

    def look(self, now: Moment) -> None:
        """Find out which files the patterns mean now, open new ones and let go of those that are done."""
        found = {pattern: expand(pattern, now.wall_s) for pattern in self._patterns}
        wanted = {path: pattern for pattern, paths in found.items() for path in paths}
        held = {tail.identity for tail in self._all()}
        present: Set[Identity] = set()
        self.left_out = 0
        for path, pattern in wanted.items():
            new = pattern not in self._known_patterns
            identity = self._examine(path, now, new=new, may_be_missing=is_pattern(pattern))
            if identity is None:
                continue
            if identity not in held and self._open(path, pattern, from_end=new or path in self._from_end):
                held.add(identity)
            present.add(identity)
        if not self.left_out:
            self._complaints.pop("", None)
        else:
            self._complain("", "ERROR", f"{self.left_out} files over the limit of {FILES_MAX} are not followed")
        self._known_patterns.update(self._patterns)
        self._let_go(wanted, present, now)
        self._forget_names(wanted)
        self._hints.watch_folders(set().union(*(folders_of(p, found[p], now.wall_s) for p in found)))

    def _examine(self, path: str, now: Moment, *, new: bool, may_be_missing: bool) -> Optional[Identity]:
        """Return which file has the name `path`, or None, having said why, when it is none to follow."""
        try:
            identity = identity_of(Path(path).stat())
        except (FileNotFoundError, NotADirectoryError):
            self._from_end.discard(path)
            since_s = self._missing_since_s.setdefault(path, now.boot_s)
            if (new or now.boot_s - since_s >= MISSING_S) and not may_be_missing:
                self._complain(path, "WARNING", f"{path!r} is not there; it is read from its start when it appears")
            return None
        except NotAFileError:
            self._from_end.discard(path)
            self._complain(path, "ERROR", f"{path!r} is not followed: expected a regular file, not a folder or pipe")
            return None
        except OSError as error:
            self._refused(path, error, new=new)
            return None
        self._missing_since_s.pop(path, None)
        return identity

    def _refused(self, path: str, error: OSError, *, new: bool) -> None:
        if new:
            self._from_end.add(path)
        self._complain(path, "ERROR", f"{path!r} cannot be read ({error.strerror}): nothing in it is seen; retrying")

    def _open(self, path: str, pattern: str, *, from_end: bool) -> bool:
        if sum(map(len, self._tails.values())) >= FILES_MAX:
            self.left_out += 1
            return False
        try:
            tail = Tail(path, pattern, self._line_bytes_max)
            left = self._left.pop(tail.identity, None)
            if left:
                tail.resume(left)
            elif from_end:
                tail.skip_to_end()
        except OSError as error:
            self._refused(path, error, new=from_end)
            return False
        self._hints.watch_file(tail.fileno)
        self._tails.setdefault(path, []).append(tail)
        self._from_end.discard(path)
        self._complaints.pop(path, None)
        self._log("INFO", f"Analyzing file: {path!r}.")
        return True

    def _let_go(self, wanted: Mapping[str, str], present: Set[Identity], now: Moment) -> None:
        """Note which files have lost their name and been quiet; the next reading that finds nothing closes them."""
        for name, tails in self._tails.items():
            for tail in tails:
                tail.leaving = False
                if tail.identity in present:
                    tail.nameless_since_s = None
                    continue
                if tail.nameless_since_s is None:
                    tail.nameless_since_s = now.boot_s
                replaced = tail is not tails[-1] or name not in wanted
                quiet = now.boot_s - tail.nameless_since_s >= QUIET_S
                tail.leaving = quiet and (replaced or tail.unlinked())

    def _forget_names(self, wanted: Mapping[str, str]) -> None:
        self._complaints = {path: text for path, text in self._complaints.items() if path in wanted or not path}
        self._missing_since_s = {path: at for path, at in self._missing_since_s.items() if path in wanted}
        self._from_end &= wanted.keys()

    def read(self, now: Moment, lines_max: int) -> List[Chunk]:
        """Return at most `lines_max` lines that have come, each name's in order."""
        self.more = False
        chunks: List[Chunk] = []
        for name in self._in_turn():
            if lines_max <= 0:
                self.more, self._next = True, name
                break
            lines = self._read_name(name, now, lines_max)
            lines_max -= len(lines)
            if lines:
                chunks.append(Chunk(name, lines, now.wall_s))
        return chunks

    def _in_turn(self) -> List[str]:
        """Return the names, beginning where a full list broke off, so that no busy log starves another."""
        names = self.names
        at = names.index(self._next) if self._next in self._tails else 0
        self._next = None
        return names[at:] + names[:at]

    def _read_name(self, name: str, now: Moment, lines_max: int) -> List[bytes]:
        lines: List[bytes] = []
        done = []
        for tail in self._tails[name]:
            try:
                fresh = tail.read(lines_max - len(lines))
            except OSError as error:
                self._complain(name, "ERROR", f"{name!r} cannot be read ({error.strerror}); retrying")
                break
            if tail.rewound:
                self._log("INFO", f"File truncated or rewritten, read from its start: {name!r}.")
            if tail.nameless_since_s is not None and (fresh or tail.rewound):
                tail.nameless_since_s = now.boot_s
            if fresh:
                self._complaints.pop(name, None)
            lines += fresh
            if tail.more:  # the new file of this name waits until the old one is read
                self.more = True
                break
            if tail.leaving and not fresh:
                done.append(tail)
        self.close(done)
        return lines

    def _all(self) -> Iterator[Tail]:
        return (tail for tails in self._tails.values() for tail in tails)

    def _complain(self, path: str, level: str, text: str) -> None:
        """Log `text` once, until something else is wrong with `path` or it is well again."""
        if self._complaints.get(path) != text:
            self._complaints[path] = text
            self._log(level, text)

    def close(self, some: Optional[Iterable[Tail]] = None) -> None:
        """Close `some` files, else all, remembering how far each was read."""
        for tail in list(self._all() if some is None else some):
            self._left[tail.identity] = tail.position
            self._cut_before += tail.lines_cut
            self._hints.unwatch_file(tail.fileno)
            tail.close()
            self._tails[tail.path].remove(tail)
            if not self._tails[tail.path]:
                del self._tails[tail.path]
        while len(self._left) > LEFT_MAX:
            self._left.popitem(last=False)
