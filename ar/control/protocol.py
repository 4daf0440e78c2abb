"""What is said on the control socket: the client sends one JSON object on a line, the agent answers with several.

A request is `{"verb": "list", …}`. The answer is any number of objects, then a last one that is either
`{"ok": true}` or `{"error": "what is wrong", "exit": 69}`.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any, Dict, List

from ar.errors import ArError, UnavailableError

REQUEST_BYTES_MAX = 4096
ANSWER_WAIT_S = 30.0

Object = Dict[str, Any]


class RefusedError(ArError):
    """The agent answered that it cannot or will not do it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def agent_is_listening(path: Path) -> bool:
    """Return whether an agent answers on this socket; a socket file left by a dead one does not count."""
    try:
        _connect(path).close()
    except UnavailableError:
        return False
    return True


def ask(path: Path, request: Object) -> List[Object]:
    """Send a request to the agent and return its answer's objects.

    Raises UnavailableError when no agent listens there, RefusedError when it says no.
    """
    with _connect(path) as connection, connection.makefile("rb") as stream:
        connection.sendall(json.dumps(request).encode() + b"\n")
        answers = [json.loads(line) for line in stream]
    last = answers.pop() if answers else {}
    if "error" in last:
        raise RefusedError(str(last["error"]), int(last.get("exit", 69)))
    if not last.get("ok"):
        raise UnavailableError(f"{path}: the agent ended in the middle of its answer")
    return answers


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(ANSWER_WAIT_S)
    try:
        connection.connect(reachable(path))
    except OSError as error:
        connection.close()
        raise UnavailableError(f"{path}: no agent listens here ({error.strerror})") from error
    return connection


def reachable(path: Path) -> str:
    """Return a way to write a socket's path that fits in the hundred bytes the operating system allows."""
    full = str(path)
    return full if len(os.fsencode(full)) < 100 else os.path.relpath(full)


def is_socket(path: Path) -> bool:
    """Return whether a socket has this name."""
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False
