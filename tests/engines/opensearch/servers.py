"""Servers in the place of a cluster, for what a node without plugins does not do by itself."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme

from index.engines.opensearch.connection.address import ClusterAddress
from tools.opensearch_node import Node

USER, PASSWORD, TOKEN = "desk", "correct-horse", "battery-staple"
READER = "reader"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def give(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Who asked has gone, or never spoke TLS: the test says what came of it."""


@contextmanager
def _run(handler: type[_Handler], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Its port, until the end of a with block."""
    server = _Server(("127.0.0.1", 0), handler)
    # Connections are kept alive: nobody waits for their threads.
    server.daemon_threads, server.block_on_close = True, False
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class Scripted:
    """Answers bulk requests as ``answers`` says, one after the other; all others with ``status`` and ``body``."""

    def __init__(self, status: int = 200, answers: Sequence[Sequence[int]] = (), body: object = None) -> None:
        self.asked: list[str] = []
        self._status, self._answers, self._body = status, iter(answers), body

    @contextmanager
    def run(self) -> Iterator[ClusterAddress]:
        scripted = self

        class Handler(_Handler):
            def answer(self) -> None:
                scripted.asked.append(self.read().decode())
                statuses = next(scripted._answers, None) if self.path.startswith("/_bulk") else None
                if statuses is None:
                    return self.give(scripted._status, json.dumps(scripted._body or {}).encode())
                items = [{"index": {"status": one, "error": {"reason": f"no {one}"}}} for one in statuses]
                text = json.dumps({"errors": any(one > 299 for one in statuses), "items": items})
                return self.give(200, text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = answer

        with _run(Handler) as port:
            yield ClusterAddress((("127.0.0.1", port),), "scripted")


class Front:
    """Stands before a node: speaks TLS, lets in who has the password or the token, and READER only to read.

    ``away``: connections end without an answer. ``stuck``: searches are not answered.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.away = self.stuck = False
        self.released = threading.Event()

    @contextmanager
    def run(self, authority: trustme.CA | None = None, name: str = "127.0.0.1") -> Iterator[int]:
        """Its port; ``name`` is that of its certificate. Without an ``authority`` nobody is asked who they are."""
        context = None
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
        front = self

        class Handler(_Handler):
            def answer(self) -> None:
                body = self.read()
                if front.away:
                    self.close_connection = True
                    return None
                if front.stuck and "_search" in self.path:
                    front.released.wait(30)
                if authority is not None and (status := _judge(self.headers.get("Authorization"), self.command)):
                    return self.give(status, json.dumps({"error": "Unauthorized", "status": status}).encode())
                with closing(HTTPConnection("127.0.0.1", front._node.port, timeout=60)) as node:
                    node.request(self.command, self.path, body, {"Content-Type": self.headers.get("Content-Type", "")})
                    answered = node.getresponse()
                    told = answered.read()
                return self.give(answered.status, told)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        with _run(Handler, context) as port:
            try:
                yield port
            finally:
                self.released.set()


def _judge(authorization: str | None, method: str) -> int | None:
    """The status of who is not let in."""
    if authorization in (_basic(USER, PASSWORD), f"Bearer {TOKEN}"):
        return None
    if authorization == _basic(READER, PASSWORD):
        return None if method == "GET" else 403
    return 401


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
