"""Raw connections to a server: what is sent is exactly what an attack says, and every wait has an end."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import NamedTuple, Self
from urllib.parse import urlsplit

TIMEOUT = 3.0
Headers = Iterable[tuple[str, str]]


class Reply(NamedTuple):
    """An answer: status 0 is a connection that was closed without one, None is none within the timeout."""

    status: int | None
    seconds: float
    headers: http.client.HTTPMessage | None = None
    body: bytes = b""

    def header(self, name: str) -> str:
        return (self.headers and self.headers.get(name)) or ""


def make_request(method: str, path: str, headers: Headers = (), body: bytes = b"") -> bytes:
    """A request whose Content-Length, if it has one, is among the ``headers``."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def make_post(path: str, body: bytes, headers: Headers = ()) -> bytes:
    length = ("Content-Length", str(len(body)))
    return make_request("POST", path, [("Content-Type", "application/json"), length, *headers], body)


def connect(url: str, *, receive: int = 0, timeout: float = TIMEOUT) -> socket.socket:
    """``receive`` is the size of the receive buffer: with a small one little of an answer is under way."""
    parts = urlsplit(url)
    connection = socket.socket()
    connection.settimeout(timeout)
    if receive:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    try:
        connection.connect((parts.hostname, parts.port))
    except BaseException:
        connection.close()
        raise
    return connection


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """The next answer on a connection, read to its end."""
    started = time.monotonic()
    # Of a deep buffer the next answer on the same connection would be lost.
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        body = response.read()
    except TimeoutError:
        return Reply(None, time.monotonic() - started)
    except (http.client.HTTPException, OSError):
        return Reply(0, time.monotonic() - started)
    finally:
        response.close()
    return Reply(response.status, time.monotonic() - started, response.headers, body)


def exchange(url: str, raw: bytes, timeout: float = TIMEOUT) -> Reply:
    """Send ``raw`` on a connection of its own and read one answer."""
    started = time.monotonic()
    try:
        with connect(url, timeout=timeout) as connection:
            # A server that has read enough answers and closes while the rest is still being sent.
            with suppress(OSError):
                connection.sendall(raw)
            reply = read_reply(connection, raw[:10].decode("latin-1").partition(" ")[0])
    except TimeoutError:
        reply = Reply(None, 0)
    except OSError:
        reply = Reply(0, 0)
    return reply._replace(seconds=time.monotonic() - started)


def get(url: str, path: str, headers: Headers = (), timeout: float = TIMEOUT) -> Reply:
    return exchange(url, make_request("GET", path, [*headers, ("Connection", "close")]), timeout)


def read_rest(connection: socket.socket, limit: int, timeout: float) -> tuple[bytes, bool]:
    """What comes within ``timeout`` seconds, up to ``limit`` bytes, and whether the server has closed."""
    deadline, received = time.monotonic() + timeout, b""
    while len(received) < limit and (left := deadline - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            break
        except OSError:
            return received, True
        if not piece:
            return received, True
        received += piece
    return received, False


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed; what it sent before is read and thrown away, at most 4 MB."""
    connection.setblocking(False)
    try:
        for _ in range(64):
            if not connection.recv(65536):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


class Connections:
    """Many connections that are closed together."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = ExitStack()
        self.all: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def open(self, count: int, raw: bytes = b"", *, receive: int = 0) -> list[socket.socket]:
        """``count`` more, each of which has sent ``raw``. Those that the server does not take are left out."""
        opened = []
        for _ in range(count):
            try:
                connection = self._stack.enter_context(connect(self._url, receive=receive))
                connection.sendall(raw)
            except OSError:
                continue
            opened.append(connection)
        self.all += opened
        return opened

    def send(self, raw: bytes) -> None:
        """One more piece on each; closed ones are passed over."""
        for connection in self.all:
            with suppress(OSError):
                connection.setblocking(False)
                connection.send(raw)

    def close(self) -> None:
        self._stack.close()
        self.all = []
