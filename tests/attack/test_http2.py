"""HTTP/2 on the plain port: with it one connection carries many bodies and expands headers without bound."""

from __future__ import annotations

import time

from tests.attack.figures import Attack
from tests.attack.servers import Probe, Target
from tests.attack.sockets import Connections, connect, make_request, read_rest

SOCKETS, STREAMS = 4, 8
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_HEADERS = 4


def make_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def make_headers(path: bytes) -> bytes:
    """A POST in HPACK (RFC 7541): two entries of the static table, two literals of its names."""
    method, scheme = b"\x83", b"\x86"
    return method + scheme + b"\x04" + bytes([len(path)]) + path + b"\x01\x09127.0.0.1"


def begin_bodies() -> bytes:
    """What one connection sends: streams whose bodies begin with three bytes and have no end."""
    headers = make_headers(b"/v1/instantsearch")
    streams = (
        make_frame(_HEADERS, _END_HEADERS, stream, headers) + make_frame(_DATA, 0, stream, b'{"r')
        for stream in range(1, 2 * STREAMS, 2)
    )
    return _PREFACE + make_frame(_SETTINGS, 0, 0, b"") + b"".join(streams)


def test_http2_with_prior_knowledge(server: Target, attack: Attack) -> None:
    """Bodies that never end on many streams of few connections."""
    with Connections(server.url) as connections, Probe(server.url) as probe:
        opened = connections.open(SOCKETS, begin_bodies())
        answers = [read_rest(connection, 9, timeout=1)[0] for connection in opened]
        time.sleep(2)
    spoken = sum(bool(answer) and not answer.startswith(b"HTTP/1") for answer in answers)
    attack.tell(f"{SOCKETS} connections with its preface", f"{spoken} answered in HTTP/2", "none", spoken == 0)
    attack.tell_served(f"{SOCKETS} x {STREAMS} bodies without end", probe, server)


def test_http2_by_upgrade(server: Target, attack: Attack) -> None:
    """HTTP/1 that asks to go on in HTTP/2, or as a WebSocket."""
    upgrades = {
        "h2c": [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")],
        "websocket": [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    }  # fmt: skip
    for name, headers in upgrades.items():
        with connect(server.url) as connection:
            connection.sendall(make_request("GET", "/healthz", headers))
            answer, _ = read_rest(connection, 12, timeout=1)
        status = answer[9:12].decode("latin-1") or "none"
        attack.tell(f"Upgrade: {name}", f"status {status}", "not 101", status != "101")
