"""What the operating system and the administrator tell the agent by signals, kept until the loop asks."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Optional


class Signals:
    """Catches signals from the moment it is made. `fileno` becomes readable when one came, or `wake` was called.

    SIGTERM and SIGINT ask to stop, SIGHUP to reload, SIGUSR1 to open the logs anew; SIGCHLD only wakes.
    """

    def __init__(self) -> None:
        self.stop = self.reload = self.reopen = False
        self.fileno, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, self._note)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def wake(self) -> None:
        """Make `fileno` readable; may be called from any thread."""
        os.write(self._writer, b"\0")

    def drain(self) -> None:
        """Make `fileno` unreadable until the next signal."""
        os.read(self.fileno, 4096)

    def _note(self, number: int, _frame: Optional[FrameType]) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self.stop = True
        elif number == signal.SIGHUP:
            self.reload = True
        elif number == signal.SIGUSR1:
            self.reopen = True
