"""A script that runs: what it is told as it reads, what it says, what it asks, and until when it may run.

Its times are on the clock that stands still while the machine sleeps (`_awake_s`): so does the script.
"""

from __future__ import annotations

import os
import subprocess
from typing import Optional

from ar.policy.tasks import Task
from ar.respond.contracts import ASKED_BYTES_MAX, asks, may_ask

OUTPUT_MAX_BYTES = 8192  # kept of what a script prints: its last words
OUTPUT_OF_ONE_BYTES = 64  # of a batch so much more for each address: the answer to `present` names them
PIECES_AT_ONCE = 16  # a script that floods its output must not keep the engine from its work
ASKED_WRONG_MAX = 10  # lines that look like a question and are none; after these nothing is listened to


class Question:
    """What a script may ask, the answer to it, and its output as far as that is no whole line yet."""

    def __init__(self, answer: bytes, until_awake_s: float) -> None:
        self.answer = answer
        self.until_awake_s = until_awake_s
        self._line = b""
        self._wrong = 0

    def stands_in(self, piece: bytes) -> Optional[bytes]:
        """Return the line of the output, which goes on with `piece`, that asks; None while there is none."""
        text = self._line + piece
        *lines, rest = text.split(b"\n") if may_ask(text) else (text.rpartition(b"\n")[2],)
        self._line = rest if len(rest) <= ASKED_BYTES_MAX else b"?"  # no question any more, however it goes on
        for line in lines:
            if may_ask(line) and len(line) <= ASKED_BYTES_MAX:
                if asks(line):
                    return line
                self._wrong += 1
        return None

    @property
    def is_hopeless(self) -> bool:
        """Whether so much was asked wrongly that nothing more is listened to."""
        return self._wrong >= ASKED_WRONG_MAX


class Running:
    """A script that has started."""

    def __init__(self, task: Task, process: subprocess.Popen[bytes], began_awake_s: float, deadline_s: float) -> None:
        self.task = task
        self.process = process
        self.began_awake_s = began_awake_s
        self.allowed_s = deadline_s
        self.deadline_awake_s = began_awake_s + deadline_s
        self.terminated = False
        self.output = bytearray()
        self.silent = False  # it closed its output, or ended
        self.unsaid = b""  # what its standard input has had no room for yet
        self.question: Optional[Question] = None  # which it may have, and for which its standard input stays open

    @property
    def pipe(self) -> int:
        """What it prints to."""
        return self.process.stdout.fileno()  # type: ignore[union-attr]  # always opened with a pipe

    @property
    def wakes_awake_s(self) -> float:
        """When it has to be looked after, whatever it does."""
        return (
            self.deadline_awake_s if self.question is None else min(self.deadline_awake_s, self.question.until_awake_s)
        )

    def allow_no_more(self, awake_s: float) -> None:
        """Let its deadline be now, if it is not over yet."""
        if not self.terminated and awake_s < self.deadline_awake_s:
            self.allowed_s, self.deadline_awake_s = awake_s - self.began_awake_s, awake_s

    def say(self, text: bytes = b"") -> None:
        """Write to its standard input what that takes now; end it when all is written and nothing more will be said."""
        stdin = self.process.stdin
        if stdin is None or stdin.closed:
            return
        self.unsaid += text
        try:
            while self.unsaid:
                self.unsaid = self.unsaid[os.write(stdin.fileno(), self.unsaid) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it reads no more: what it made of that its exit status says
            self.hang_up()
            return
        if self.question is None:
            stdin.close()

    def hang_up(self) -> None:
        """End its standard input, whatever is still unsaid."""
        self.unsaid, self.question = b"", None
        if self.process.stdin is not None:
            self.process.stdin.close()

    def expect_no_question(self) -> None:
        """End its standard input as soon as all is said."""
        self.question = None
        self.say()

    def drain(self) -> None:
        """Read what it has printed, a bounded piece of it, and keep the end."""
        for _ in range(PIECES_AT_ONCE):
            try:
                piece = os.read(self.pipe, 65536)
            except BlockingIOError:
                return
            if not piece:
                self.silent = True
                return
            self.output += piece
            if self.question is not None:
                self._listen(self.question, piece)
            del self.output[: -(OUTPUT_MAX_BYTES + len(self.task.lines) * OUTPUT_OF_ONE_BYTES)]

    def _listen(self, question: Question, piece: bytes) -> None:
        """Answer when it asks; what it asked is not for the log."""
        asked = question.stands_in(piece)
        if asked is not None:
            self.output = self.output.replace(asked + b"\n", b"", 1)
            self.question = None
            self.say(question.answer)
        elif question.is_hopeless:
            self.expect_no_question()
