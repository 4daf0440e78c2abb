"""Follows systemd's journal through journalctl, and starts it again when it dies."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from typing import Deque, List, Optional, Sequence

from ar.childenv import child_environment
from ar.model import Moment
from ar.watch.hints import Log
from ar.watch.journalentry import read_entry

JOURNALCTL = ("journalctl",)
ENTRY_BYTES_MAX = 1024 * 1024  # a longer entry is left out, and counted
_CHUNK_BYTES = 64 * 1024
_RESTART_MIN_S = 1.0
_RESTART_MAX_S = 60.0
_TRIES_AT_CURSOR = 3
_COMPLAINTS_MAX = 10  # lines of journalctl's standard error that are logged for each of its runs


class Journald:
    """One journalctl that follows. `due_s` (boot clock) is when `read` has something to do without a hint.

    It starts with what is new. After journalctl has died, the next one goes on after the last entry, so that
    nothing that was logged in between is lost.
    """

    def __init__(self, journalctl: Sequence[str], line_bytes_max: int, log: Log) -> None:
        self.more = False
        self.due_s = float("-inf")
        self.lines_cut = 0
        self._journalctl = tuple(journalctl)
        self._line_bytes_max = line_bytes_max
        self._log = log
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._half = b""
        self._skipping = False
        self._ready: Deque[bytes] = deque()
        self._cursor = ""
        self._fruitless = 0  # runs in a row that brought no entry
        self._complaints = 0
        self._missing_said = False
        self._start()

    @property
    def running(self) -> bool:
        return self._process is not None

    def filenos(self) -> List[int]:
        return [self._process.stdout.fileno()] if self._process and self._process.stdout else []

    def read(self, now: Moment, lines_max: int) -> List[bytes]:
        """Return the lines that have come, at most `lines_max`."""
        if self._process is None and now.boot_s >= self.due_s:
            self._start()
            if self._process is None:
                self._retry_later(now)
        lines: List[bytes] = []
        while len(lines) < lines_max and (self._ready or self._fill(now)):
            self._take(lines, lines_max)
        self.more = bool(self._ready) or len(lines) >= lines_max
        return lines

    def _take(self, lines: List[bytes], lines_max: int) -> None:
        while self._ready and len(lines) < lines_max:
            entry = read_entry(self._ready.popleft())
            if entry is None:
                continue
            self._fruitless = 0
            self._cursor = entry.cursor or self._cursor
            lines.append(self._cut(entry.line))

    def _cut(self, text: str) -> bytes:
        line = text.encode("utf-8", "replace")
        if len(line) > self._line_bytes_max:
            self.lines_cut += 1
            line = line[: self._line_bytes_max].decode("utf-8", "ignore").encode("utf-8")
        return line

    def _start(self) -> None:
        where = ["-n", "0"]
        if self._cursor and self._fruitless < _TRIES_AT_CURSOR:
            where = ["--no-tail", f"--after-cursor={self._cursor}"]
        # Without --all a field over 4096 bytes is printed as null, and a long request would go unseen.
        argv = [*self._journalctl, "-o", "json", "--all", "-f", *where]
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=child_environment(os.environ),
                cwd="/",
                start_new_session=True,  # Ctrl-C at the terminal is ours to answer
            )
        except OSError as error:
            if not self._missing_said:
                self._log("ERROR", f"{argv[0]} cannot be run ({error.strerror}): nothing in journald is seen; retrying")
                self._missing_said = True
            return
        for pipe in (process.stdout, process.stderr):
            if pipe:
                os.set_blocking(pipe.fileno(), False)
        self._process = process
        self._missing_said = False
        self._half, self._skipping, self._complaints = b"", False, 0
        self.due_s = float("inf")
        self._log("INFO", f"Following journald through {argv[0]} (pid {process.pid}).")

    def _fill(self, now: Moment) -> bool:
        """Read once from journalctl into `_ready`; False when there is nothing more at the moment."""
        process = self._process
        if process is None or process.stdout is None:
            return False
        self._hear_complaints(process)
        try:
            chunk = os.read(process.stdout.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._stop()
            self._log("WARNING", f"{self._journalctl[0]} has ended with status {process.returncode}; starting it again")
            self._retry_later(now)
            return False
        pieces = (self._half + chunk).split(b"\n")
        self._half = pieces.pop()
        if self._skipping and pieces:
            del pieces[0]
            self._skipping = False
        if self._skipping:
            self._half = b""
        elif len(self._half) > ENTRY_BYTES_MAX:
            self._skipping, self._half = True, b""
            self.lines_cut += 1
        self._ready.extend(pieces)
        return True

    def _retry_later(self, now: Moment) -> None:
        self.due_s = now.boot_s + min(_RESTART_MAX_S, _RESTART_MIN_S * 2 ** min(self._fruitless, 10))
        self._fruitless += 1

    def _hear_complaints(self, process: subprocess.Popen[bytes]) -> None:
        if process.stderr is None:
            return
        try:
            said = os.read(process.stderr.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return
        for line in said.decode("utf-8", "backslashreplace").splitlines():
            if self._complaints < _COMPLAINTS_MAX and line.strip():
                self._log("WARNING", f"{self._journalctl[0]}: {line.strip()[:256]}")
            self._complaints += 1

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()  # it only reads: there is nothing that it would have to finish
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def close(self) -> None:
        """End journalctl."""
        self._stop()
        self._ready.clear()
