"""The agent's side of the control socket; it never waits for a client."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional

from ar.control.protocol import REQUEST_BYTES_MAX, Object, agent_is_listening, is_socket, reachable
from ar.errors import SOFTWARE, ArError

CLIENTS_MAX = 8  # a further one is turned away at once, and counted
CLIENT_S = 10.0  # a client that neither says nor takes anything for so long is let go
REFUSED_PAUSE_S = 1.0  # after a connection that could not be taken (no file descriptors are left)
DEAF_PAUSE_S = 60.0  # after the socket could not be made


class _Client:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.idle_since_s: Optional[float] = None  # None: it said or took something when it was last looked at
        self.request = b""
        self.answer: Optional[bytearray] = None


class ControlServer:
    """Listens on a unix socket that only its owner may open, and answers each request with `answer`.

    `answer` takes a request and yields the objects of its answer; an ArError it raises is told to the client. Where the
    socket cannot be made (a full disk, say), `problem` tells why, nobody can ask, and it is tried again each minute.
    """

    def __init__(self, path: Path, answer: Callable[[Object], Iterable[Object]]) -> None:
        self.turned_away = 0
        self._path = path
        self._not_before_s = float("-inf")
        self._answer = answer
        self._clients: Dict[int, _Client] = {}
        self.problem = ""  # why nobody can ask
        self._listener: Optional[socket.socket] = None
        self._made: Optional[os.stat_result] = None  # the socket's name, as long as nobody else takes it
        self._listen()

    def _listen(self) -> None:
        former_mask = os.umask(0o177)
        listener: Optional[socket.socket] = None
        try:
            if is_socket(self._path) and not agent_is_listening(self._path):
                self._path.unlink()  # left by an agent that is gone
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with reachable(self._path) as name:
                listener.bind(name)
            self._made = self._path.lstat()
            listener.listen(CLIENTS_MAX)
            listener.settimeout(0)
        except OSError as error:
            if listener is not None:
                listener.close()
            self.problem = f"{self._path}: the control socket cannot be made: {error.strerror or error}"
        else:
            self._listener, self.problem = listener, ""
        finally:
            os.umask(former_mask)

    def filenos(self, now_s: float) -> List[int]:
        """Return the file descriptors that may have something to read; `now_s` is any clock that only goes on."""
        listening = [self._listener.fileno()] if now_s >= self._not_before_s and self._listener is not None else []
        return [*listening, *(fd for fd, client in self._clients.items() if client.answer is None)]

    def writers(self) -> List[int]:
        """Return the file descriptors that wait for room to write."""
        return [fd for fd, client in self._clients.items() if client.answer is not None]

    def next_wake_s(self) -> Optional[float]:
        """Return when `serve` has something to do that no file descriptor tells, or None."""
        idle = (client.idle_since_s for client in self._clients.values())
        times = [since_s + CLIENT_S for since_s in idle if since_s is not None]
        if self._not_before_s > float("-inf"):
            times.append(self._not_before_s)
        return min(times, default=None)

    def serve(self, now_s: float) -> None:
        """Take what clients sent and send what they have room for; let go of those that take too long."""
        if now_s >= self._not_before_s:
            self._not_before_s = float("-inf")
            self._accept(now_s)
        for fd, client in list(self._clients.items()):
            try:
                done = self._go_on(client)
            except BlockingIOError:
                if client.idle_since_s is None:
                    client.idle_since_s = now_s
                done = now_s - client.idle_since_s >= CLIENT_S
            except OSError:
                done = True  # the client went away; nobody is left to be told
            if done:
                client.connection.close()
                del self._clients[fd]

    def close(self) -> None:
        """Stop listening, and take the socket's name away."""
        for client in self._clients.values():
            client.connection.close()
        if self._listener is None:
            return
        self._listener.close()
        with suppress(OSError):  # one that is left says nothing: the next agent takes it away
            if self._made is not None and os.path.samestat(self._path.lstat(), self._made):
                self._path.unlink()

    def _accept(self, now_s: float) -> None:
        if self._listener is None:
            self._listen()
        if self._listener is None:
            self._not_before_s = now_s + DEAF_PAUSE_S
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # nobody, or one that has already gone
        except OSError:
            self._not_before_s = now_s + REFUSED_PAUSE_S
            self.turned_away += 1
            return
        connection.settimeout(0)
        if len(self._clients) >= CLIENTS_MAX:
            self.turned_away += 1
            connection.close()
            return
        self._clients[connection.fileno()] = _Client(connection)

    def _go_on(self, client: _Client) -> bool:
        """Read on or write on; return whether the client has been served."""
        if client.answer is None:
            piece = client.connection.recv(REQUEST_BYTES_MAX)
            client.idle_since_s = None
            client.request += piece
            if b"\n" not in client.request:
                return not piece or len(client.request) > REQUEST_BYTES_MAX
            client.answer = self._answer_to(client.request)
        sent = client.connection.send(client.answer)
        client.idle_since_s = None
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
        except Exception as error:  # noqa: BLE001 (a mistake of ours in an answer must not stop the releases)
            answer += json.dumps({"error": f"internal error: {error!r}", "exit": SOFTWARE}).encode() + b"\n"
        return answer


def _read(request: bytes) -> Object:
    try:
        value = json.loads(request)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}
