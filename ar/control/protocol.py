"""What is said on the control socket: the client sends one JSON object on a line, the agent answers with several.

A request is `{"verb": "list", …}`. The answer is any number of objects, then a last one that is either
`{"ok": true}` or `{"error": "what is wrong", "exit": 69}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

from ar.errors import ArError, UnavailableError

REQUEST_BYTES_MAX = 4096
ANSWER_WAIT_S = 30.0
PATH_BYTES_MAX = 100

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


def answering(paths: Sequence[Path]) -> Path:
    """Return the first of these sockets on which somebody answers; where nobody does, the first of all."""
    return next(filter(agent_is_listening, paths), paths[0])


def ask(path: Path, request: Object) -> List[Object]:
    """Send a request to the agent and return its answer's objects.

    Raises UnavailableError when no agent listens there, RefusedError when it says no.
    """
    try:
        with _connect(path) as connection, connection.makefile("rb") as stream:
            connection.sendall(json.dumps(request).encode() + b"\n")
            answers = [json.loads(line) for line in stream]
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{path}: the agent does not answer ({error})") from error
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
        with reachable(path) as name:
            connection.connect(name)
    except OSError as error:
        connection.close()
        raise UnavailableError(f"{path}: no agent listens here ({error.strerror or error})") from error
    return connection


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give a way to write a socket's path that fits into the hundred bytes that the operating system allows.

    A longer one is reached through a descriptor of its folder (Linux); elsewhere it stays too long.
    """
    if len(os.fsencode(path)) < PATH_BYTES_MAX or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def is_socket(path: Path) -> bool:
    """Return whether a socket has this name."""
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False
