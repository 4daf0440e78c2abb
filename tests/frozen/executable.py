"""The executable under test: built when it is missing or older than what is in it, and started in homes of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, Optional, Sequence

ROOT = Path(__file__).parent.parent.parent
EXECUTABLE = ROOT / "dist/ar-agent"
PARTS = ("agent.py", "ar", "scripts", "build/ar-agent.spec", "build/dist.sh", "pyproject.toml")
READY = "Started (pid"
WAIT_S = 20


def build() -> Path:
    """Return the executable, after `build/dist.sh` where there is none yet or a part of it has changed since."""
    files = [path for part in PARTS for path in [ROOT / part, *(ROOT / part).rglob("*")]]
    newest = max(path.stat().st_mtime for path in files if path.is_file() and path.suffix != ".pyc")
    if not EXECUTABLE.exists() or EXECUTABLE.stat().st_mtime < newest:
        subprocess.run(["sh", "build/dist.sh"], cwd=ROOT, check=True)
    return EXECUTABLE


def run(argv: Sequence[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end, with its output captured as text."""
    options = {"capture_output": True, "text": True, "check": False, "timeout": 120, **options}
    done: subprocess.CompletedProcess[str] = subprocess.run([str(word) for word in argv], **options)  # noqa: PLW1510 (in options)
    return done


def environment(**changes: Optional[str]) -> Dict[str, str]:
    """Return this process's environment with `changes`; None takes a variable out."""
    merged = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


class Agent:
    """A running agent; `said` holds what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: List[str] = []
        self._heard = threading.Condition()
        assert process.stdout is not None
        self._listener = threading.Thread(target=self._listen, args=(process.stdout,))
        self._listener.start()

    def _listen(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                with self._heard:
                    self.said.append(line)
                    self._heard.notify_all()
        with self._heard:
            self.said.append("")  # the end
            self._heard.notify_all()

    def wait_for(self, words: str) -> str:
        """Return the first line with `words` in it, once it is printed; fail when it does not come."""

        def line() -> Optional[str]:
            return next((said for said in self.said if words in said), None)

        with self._heard:
            self._heard.wait_for(lambda: line() or "" in self.said, WAIT_S)
            found = line()
        assert found, f"{words!r} was never said:\n" + "".join(self.said)
        return found

    def stop(self) -> None:
        """Ask the agent to end, wait until it has, and hear its last words."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(WAIT_S)
        self._listener.join(WAIT_S)


@contextlib.contextmanager
def running(argv: Sequence[Any], **options: Any) -> Iterator[Agent]:
    """Start an agent, give it when it is ready, and stop it."""
    process: subprocess.Popen[str] = subprocess.Popen(
        [str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    agent = Agent(process)
    try:
        agent.wait_for(READY)
        yield agent
    finally:
        agent.stop()
