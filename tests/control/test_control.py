"""The control socket: who may open it, what is asked and answered, and clients that misbehave."""

import errno
import json
import socket
import threading

import pytest

from ar.control.protocol import RefusedError, agent_is_listening, ask
from ar.control.server import CLIENT_S, CLIENTS_MAX, ControlServer
from ar.errors import UnavailableError


@pytest.fixture
def served(tmp_path):
    """A server that answers from a table, and a way to ask it from another thread."""
    answers = {"list": [{"subject": "192.0.2.1"}, {"subject": "x" * 3_000_000}]}

    def answer(request):
        if request.get("verb") not in answers:
            raise RefusedError(f"unknown request {request.get('verb')!r}", 64)
        yield from answers[request["verb"]]

    server = ControlServer(tmp_path / "agent.sock", answer)
    yield server, tmp_path / "agent.sock"
    server.close()


def ask_while_serving(server, path, request):
    result = []

    def client():
        try:
            result.append(ask(path, request))
        except Exception as error:  # noqa: BLE001 (handed to the test's own thread)
            result.append(error)

    thread = threading.Thread(target=client)
    thread.start()
    while thread.is_alive():
        server.serve(0.0)
        thread.join(0.001)
    return result[0]


def test_an_answer_of_any_size_arrives_whole(served):
    answer = ask_while_serving(*served, {"verb": "list"})
    assert [len(row["subject"]) for row in answer] == [9, 3_000_000]


def test_a_refusal_carries_its_message_and_exit_code(served):
    error = ask_while_serving(*served, {"verb": "nonsense"})
    assert isinstance(error, RefusedError)
    assert (str(error), error.exit_code) == ("unknown request 'nonsense'", 64)


def test_only_the_owner_may_open_the_socket(served):
    assert served[1].stat().st_mode & 0o777 == 0o600


def test_what_is_no_request_is_refused(served):
    server, path = served
    for junk in (b"[]\n", b"\xff\xfe\n", b"{\n", b"[" * 4000 + b"\n"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(junk)
            client.settimeout(5)
            for _ in range(5):
                server.serve(0.0)
            assert "unknown request None" in json.loads(client.recv(1000))["error"]


def test_silent_clients_cost_nobody_else_an_answer_and_are_bounded(served):
    server, path = served
    silent = [socket.socket(socket.AF_UNIX) for _ in range(CLIENTS_MAX)]
    for client in silent:
        client.connect(str(path))
        server.serve(0.0)
    assert isinstance(ask_while_serving(server, path, {"verb": "list"}), (UnavailableError, OSError))
    silent.pop().close()
    for _ in range(3):
        server.serve(0.0)
    assert len(ask_while_serving(server, path, {"verb": "list"})) == 2
    for client in silent:
        client.close()


def test_a_request_without_end_is_cut_off(served):
    server, path = served
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        for _ in range(20):
            try:
                client.sendall(b"x" * 4000)
            except BrokenPipeError:
                break
            server.serve(0.0)
        assert server.filenos(0.0) == [server.filenos(0.0)[0]]


def test_a_client_that_takes_too_long_is_let_go(served):
    server, path = served
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        server.serve(100.0)
        assert server.next_wake_s() == 100.0 + CLIENT_S
        server.serve(100.0 + CLIENT_S - 0.1)
        assert len(server.filenos(0.0)) == 2
        server.serve(100.0 + CLIENT_S)
        assert len(server.filenos(0.0)) == 1
        assert client.recv(100) == b""


def test_a_client_whose_answer_takes_long_to_make_is_served_to_the_end(served):
    """Its ten seconds count from when it last took something, not from when it came."""
    server, path = served
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b'{"verb":"list"}\n')
        server.serve(100.0)
        length = 0
        for second in range(1000):
            server.serve(200.0 + 9.9 * second)
            length += len(client.recv(100_000))
            if length > 3_000_000 and not server.writers():
                break
        assert length > 3_000_000
        assert server.next_wake_s() is None


def test_a_mistake_of_ours_in_an_answer_ends_nothing(tmp_path):
    def answer(request):
        raise KeyError("subject")

    server = ControlServer(tmp_path / "agent.sock", answer)
    error = ask_while_serving(server, tmp_path / "agent.sock", {"verb": "list"})
    assert (str(error), error.exit_code) == ("internal error: KeyError('subject')", 70)
    server.close()


def test_when_no_connection_can_be_taken_the_listener_rests_for_a_second(served, monkeypatch):
    server, _ = served

    class Exhausted:
        def __init__(self, listener):
            self._listener = listener

        def accept(self):
            raise OSError(errno.EMFILE, "Too many open files")

        def __getattr__(self, name):
            return getattr(self._listener, name)

    monkeypatch.setattr(server, "_listener", Exhausted(server._listener))
    server.serve(100.0)
    assert (server.filenos(100.5), server.next_wake_s(), server.turned_away) == ([], 101.0, 1)
    assert len(server.filenos(101.0)) == 1


def test_a_socket_left_by_a_dead_agent_is_replaced_and_a_foreign_file_is_not(tmp_path):
    path = tmp_path / "agent.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    assert not agent_is_listening(path)
    server = ControlServer(path, lambda _: [])
    assert agent_is_listening(path)
    server.close()
    assert not path.exists()
    path.write_text("mine")
    server = ControlServer(path, lambda _: [])
    assert server.problem == f"{path}: the control socket cannot be made: Address already in use"
    server.close()
    assert path.read_text() == "mine"


def test_a_socket_that_cannot_be_made_is_tried_again_each_minute(tmp_path):
    path = tmp_path / "no/agent.sock"
    server = ControlServer(path, lambda _: [{"a": 1}])
    assert "agent.sock: the control socket cannot be made: No such file or directory" in server.problem
    server.serve(100.0)
    assert (server.filenos(100.0), server.next_wake_s()) == ([], 160.0)
    path.parent.mkdir()
    server.serve(159.9)
    assert not path.exists()
    server.serve(160.0)
    assert server.problem == ""
    assert ask_while_serving(server, path, {"verb": "x"}) == [{"a": 1}]
    server.close()


def test_the_socket_of_an_agent_that_answers_is_left_to_it(tmp_path):
    path = tmp_path / "agent.sock"
    first = ControlServer(path, lambda _: [{"number": 1}])
    second = ControlServer(path, lambda _: [{"number": 2}])
    assert "Address already in use" in second.problem
    second.close()
    assert ask_while_serving(first, path, {"verb": "x"}) == [{"number": 1}]
    path.unlink()
    third = ControlServer(path, lambda _: [{"number": 3}])
    first.close()
    assert ask_while_serving(third, path, {"verb": "x"}) == [{"number": 3}]
    third.close()


def test_without_an_agent_asking_says_so(tmp_path):
    with pytest.raises(UnavailableError, match=r"agent.sock: no agent listens here"):
        ask(tmp_path / "agent.sock", {"verb": "list"})


def test_a_home_with_a_very_long_name_works(tmp_path):
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    server = ControlServer(deep / "agent.sock", lambda _: [{"a": 1}])
    assert ask_while_serving(server, deep / "agent.sock", {"verb": "x"}) == [{"a": 1}]
    server.close()
    assert list(deep.iterdir()) == []
