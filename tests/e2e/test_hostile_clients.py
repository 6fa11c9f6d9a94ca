"""outpost serve, with nothing in front of it, and clients that want to occupy it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from scripts import server as server_module
from scripts.server import OTHER_DESCRIPTORS, ConnectionWatch, limit_connections
from tests.e2e.conftest import Server, free_port, wait_until

StartServer = Callable[..., Server]
# The server with shorter times than a test could wait for.
_SERVE_WITH_SHORT_TIMES = """
import sys
from scripts import server
server.HEADER_MS, server.STALLED_SECONDS, server.CHECK_SECONDS = 300, 1, 0.2
from scripts.cli import main
sys.argv[0] = "outpost"
main()
"""


def connect(url: str, data: bytes = b"", receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(30)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    host, port = url.removeprefix("http://").split(":")
    connection.connect((host, int(port)))
    connection.sendall(data)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def stalled_body(path: str = "/v1/instantsearch") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n".encode() + b'{"re'


@pytest.fixture
def impatient_server(sample_index: Path, start_server: StartServer) -> Server:
    port = free_port()
    command = [sys.executable, "-c", _SERVE_WITH_SHORT_TIMES, "serve"]
    command += ["--index", str(sample_index), "--port", str(port), "--workers", "1"]
    return start_server(sample_index, command=command, port=port)


@contextmanager
def many(count: int, url: str, data: bytes = b"", receive_buffer: int | None = None) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connect(url, data, receive_buffer)) for _ in range(count)]


def test_http2_is_not_spoken(sample_server: Server) -> None:
    settings_frame = b"\0\0\0\4\0\0\0\0\0"
    with connect(sample_server.url, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings_frame) as connection:
        received = read_all(connection)
    # An HTTP/2 server answers with a SETTINGS frame.
    assert settings_frame[3:4] not in received[3:4]
    upgrade = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n"
    with connect(sample_server.url, upgrade + b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n") as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("size", [80_000, 400_000])
def test_too_many_bytes_of_headers_are_431(sample_server: Server, size: int) -> None:
    head = b"GET /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept: "
    with connect(sample_server.url) as connection:
        try:
            connection.sendall(head + b"a" * size + b"\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            # Refused before all of it was sent.
            return
        received = read_all(connection)
    assert received.startswith(b"HTTP/1.1 431") or not received


def test_bodies_that_stall_leave_threads_for_others_and_end(impatient_server: Server) -> None:
    url = impatient_server.url
    with many(24, url, stalled_body()) as connections:
        for _ in range(5):
            assert requests.get(f"{url}/v1/search?q=ferry", timeout=10).status_code == 200
        answers = [read_all(connection) for connection in connections]
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
    assert len(refused) == 22
    assert all(b"\r\nretry-after: " in answer for answer in refused)
    # Those that had a slot were closed by the server, and their slots are free again.
    body = json.dumps({"requests": [{"indexName": "stories", "query": "ferry"}]})
    wait_until(lambda: requests.post(f"{url}/v1/instantsearch", data=body, timeout=10).ok, "a free slot")


def test_readers_that_stall_leave_threads_for_others_and_end(impatient_server: Server, sample_index: Path) -> None:
    url = impatient_server.url
    export = b"GET /v1/export/stories.ndjson HTTP/1.1\r\nHost: a\r\n\r\n"
    with many(24, url, export, receive_buffer=1024) as connections:
        for _ in range(5):
            assert requests.get(f"{url}/v1/search?q=ferry", timeout=10).status_code == 200
        wait_until(lambda: requests.get(f"{url}/v1/export/stories.ndjson", timeout=10).ok, "a free slot")
        assert len(connections) == 24


def test_silent_connections_are_closed(impatient_server: Server) -> None:
    url = impatient_server.url
    head = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
    with many(300, url) as silent, many(10, url, head) as unfinished, many(10, url, head + b"\r\n") as answered:
        assert requests.get(f"{url}/healthz", timeout=10).ok
        assert {read_all(connection) for connection in silent} == {b""}
        for connection in unfinished:
            assert b" 200 " not in read_all(connection)
        for connection in answered:
            assert read_all(connection).count(b"HTTP/1.1 200") == 1


def test_a_chunked_body_over_the_limit_is_413(sample_server: Server) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    head = b"POST /v1/instantsearch HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(sample_server.url, head + chunk * 5 + b"0\r\n\r\n") as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 413")


def test_a_long_path_is_cut_in_the_log(sample_server: Server) -> None:
    answer = requests.get(f"{sample_server.url}/{'a' * 60_000}", headers={"X-Request-ID": "long-path"}, timeout=10)
    assert answer.status_code == 404
    wait_until(lambda: "long-path" in sample_server.log.read_text(), "the line")
    lines = [line for line in sample_server.log.read_text().splitlines() if "long-path" in line]
    assert max(map(len, lines)) < 2000


def test_a_worker_that_dies_again_and_again_is_replaced(sample_index: Path, start_server: StartServer) -> None:
    server = start_server(sample_index)
    killed = 0
    for _ in range(2):
        [worker] = find_children(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        killed += 1
        wait_until(lambda: find_children(server.process.pid) not in ([], [worker]), "another worker")  # noqa: B023
        wait_until(lambda: is_answering(server.url), "an answer")
    assert killed == 2
    assert server.stop() == 0


def find_children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_answering(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(64, 8), (256, 128), (1024, 1024 // 2), (20_000, 2048), (65_536, 2048)]
)
def test_connections_leave_descriptors_for_the_index(descriptors: int, connections: int) -> None:
    assert limit_connections(descriptors) == connections
    assert connections == 8 or descriptors - connections >= OTHER_DESCRIPTORS


def test_only_stalled_connections_of_the_port_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        clients, ports = [], []
        for _ in range(2):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            clients.append(stack.enter_context(socket.create_connection(listener.getsockname())))
            stack.enter_context(listener.accept()[0])
            ports.append(listener.getsockname()[1])
        watch = ConnectionWatch(ports[0])
        watch.close_slow()
        assert [is_open(client) for client in clients] == [True, True]
        # Nothing was sent for longer than this.
        monkeypatch.setattr(server_module, "STALLED_SECONDS", -1)
        watch.close_slow()
        clients[0].settimeout(10)
        assert clients[0].recv(1) == b""
        assert is_open(clients[1])


def test_a_client_that_reads_too_slowly_is_closed_and_one_that_reads_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SLOW_SECONDS", -1)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        watch = ConnectionWatch(listener.getsockname()[1])
        ends = []
        for _ in range(2):
            client = stack.enter_context(connect(f"http://127.0.0.1:{listener.getsockname()[1]}", receive_buffer=4096))
            server = stack.enter_context(listener.accept()[0])
            server.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    server.send(b"x" * 65536)
            ends.append((client, server))
        watch.close_slow()  # since when they are behind
        read = 0
        while read < 100_000:
            read += len(ends[1][0].recv(65536))
            with suppress(BlockingIOError):
                ends[1][1].send(b"x" * 65536)
        watch.close_slow()
        with pytest.raises(BrokenPipeError):
            ends[0][1].send(b"x")
        with suppress(BlockingIOError):
            ends[1][1].send(b"x")


def test_the_watch_goes_on_after_a_shortage_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(Exception):
        """Ends the loop."""

    looks: list[int] = []

    def look(watch: ConnectionWatch) -> None:
        looks.append(1)
        if len(looks) == 3:
            raise Enough
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(ConnectionWatch, "close_slow", look)
    monkeypatch.setattr(server_module, "CHECK_SECONDS", 0)
    with pytest.raises(Enough):
        server_module._watch_connections(1)


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
