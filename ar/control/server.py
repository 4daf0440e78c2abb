"""The agent's side of the control socket; it never waits for a client."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional

from ar.control.protocol import REQUEST_BYTES_MAX, Object, is_socket, reachable
from ar.errors import ArError, CannotCreateError

CLIENTS_MAX = 8  # a further one is turned away at once


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.request = b""
        self.answer: Optional[bytearray] = None


class ControlServer:
    """Listens on a unix socket that only its owner may open, and answers each request with `answer`.

    `answer` takes a request and yields the objects of its answer; an ArError it raises is told to the client.
    """

    def __init__(self, path: Path, answer: Callable[[Object], Iterable[Object]]) -> None:
        self._path = path
        self._answer = answer
        self._clients: Dict[int, _Client] = {}
        if is_socket(path):
            path.unlink()  # left by an agent that is gone: the lock of the home says that none is here
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        former_mask = os.umask(0o177)
        try:
            self._listener.bind(reachable(path))
            self._listener.listen(CLIENTS_MAX)
        except OSError as error:
            self._listener.close()
            raise CannotCreateError(f"{path}: the control socket cannot be made: {error.strerror}") from error
        finally:
            os.umask(former_mask)
        self._listener.settimeout(0)

    def filenos(self) -> List[int]:
        """Return the file descriptors that may have something to read."""
        return [self._listener.fileno(), *(fd for fd, client in self._clients.items() if client.answer is None)]

    def writers(self) -> List[int]:
        """Return the file descriptors that wait for room to write."""
        return [fd for fd, client in self._clients.items() if client.answer is not None]

    def serve(self) -> None:
        """Take what clients sent and send what they have room for."""
        self._accept()
        for fd, client in list(self._clients.items()):
            try:
                done = self._go_on(client)
            except BlockingIOError:
                continue
            except OSError:
                done = True  # the client went away; nobody is left to be told
            if done:
                client.connection.close()
                del self._clients[fd]

    def close(self) -> None:
        """Stop listening, and take the socket's name away."""
        for client in self._clients.values():
            client.connection.close()
        self._listener.close()
        if is_socket(self._path):
            self._path.unlink()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # nobody, or one that has already gone
        connection.settimeout(0)
        if len(self._clients) >= CLIENTS_MAX:
            connection.close()
            return
        self._clients[connection.fileno()] = _Client(connection)

    def _go_on(self, client: _Client) -> bool:
        """Read on or write on; return whether the client has been served."""
        if client.answer is None:
            piece = client.connection.recv(REQUEST_BYTES_MAX)
            client.request += piece
            if b"\n" not in client.request:
                return not piece or len(client.request) > REQUEST_BYTES_MAX
            client.answer = self._answer_to(client.request)
        sent = client.connection.send(client.answer)
        del client.answer[:sent]
        return not client.answer

    def _answer_to(self, request: bytes) -> bytearray:
        answer = bytearray()
        try:
            for item in self._answer(_read(request)):
                answer += json.dumps(item, separators=(",", ":")).encode() + b"\n"
            answer += b'{"ok":true}\n'
        except ArError as error:
            answer += json.dumps({"error": str(error), "exit": error.exit_code}).encode() + b"\n"
        return answer


def _read(request: bytes) -> Object:
    try:
        value = json.loads(request)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}
