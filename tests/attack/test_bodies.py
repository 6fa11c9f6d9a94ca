"""Bodies that do not arrive, and answers that nobody reads: each could hold a thread of a worker."""

from __future__ import annotations

import time

import pytest

from tests.attack.figures import Attack
from tests.attack.servers import Probe, Target
from tests.attack.sockets import Connections, Reply, exchange, is_closed, make_post, make_request, read_reply

COUNT = 24
# Half of the four threads of each of two workers.
HELD = 4
SECONDS = 1.0
_JSON = ("Content-Type", "application/json")
_LENGTH = ("Content-Length", "60000")
_CHUNKED = ("Transfer-Encoding", "chunked")
_POSTS = (
    "/v1/instantsearch", "/1/indexes/*/queries", "/1/indexes/stories/query", "/1/indexes/stories/facets/topic/query",
)  # fmt: skip
# What each connection sends, and what it sends once a second from then on.
STALLS: dict[str, tuple[list[bytes], bytes]] = {
    "Content-Length and 4 bytes": ([make_request("POST", path, [_JSON, _LENGTH], b'{"re') for path in _POSTS], b""),
    "one byte a second": ([make_request("POST", path, [_JSON, _LENGTH], b'{"re') for path in _POSTS], b"q"),
    "chunks without end": (
        [make_request("POST", path, [_JSON, _CHUNKED], b'4\r\n{"re\r\n') for path in _POSTS],
        b"1\r\nq\r\n",
    ),
    "100-continue and nothing": (
        [make_request("POST", path, [_JSON, _LENGTH, ("Expect", "100-continue")]) for path in _POSTS],
        b"",
    ),
    "bodies where none is read": (
        [
            make_request(method, path, [_JSON, _LENGTH], b'{"re')
            for method, path in (
                ("GET", "/v1/search?q=ferry"), ("POST", "/v1/search"), ("PUT", "/v1/instantsearch"),
                ("POST", "/none"), ("OPTIONS", "/v1/instantsearch"), ("GET", "/search?q=ferry"),
            )
        ],
        b"",
    ),
}  # fmt: skip
_GOOD = make_post("/v1/instantsearch", b'{"requests":[{"indexName":"stories","query":"ferry"}]}')


def is_answered(reply: Reply) -> bool:
    """With what was asked for, or at once with when to ask again."""
    if reply.seconds > SECONDS:
        return False
    return reply.status == 200 or (reply.status == 503 and bool(reply.header("Retry-After")))


def tell_posts(attack: Attack, tried: str, during: list[Reply], after: Reply) -> None:
    statuses = ", ".join(str(reply.status) for reply in during)
    slowest = max(reply.seconds for reply in during)
    attack.tell(
        tried, f"other POSTs: {statuses}, slowest {slowest:.2f} s; after: {after.status}",
        f"200, or 503 with Retry-After, in {SECONDS:g} s; after: 200",
        all(map(is_answered, during)) and after.status == 200,
    )  # fmt: skip


@pytest.mark.parametrize("kind", STALLS)
def test_body_that_stalls(kind: str, server: Target, attack: Attack) -> None:
    """Requests whose body is said to come and does not."""
    begun, more = STALLS[kind]
    with Connections(server.url) as connections, Probe(server.url) as probe:
        for number in range(COUNT):
            connections.open(1, begun[number % len(begun)])
        time.sleep(SECONDS)
        posts = [exchange(server.url, _GOOD) for _ in range(2)]
        for _ in range(3):
            if more:
                connections.send(more)
            time.sleep(0.5)
        silent = sum(read_at_once(connection) is None for connection in connections.all)
        held = len(connections.all) - COUNT + silent
    tried = f"{COUNT} connections"
    attack.tell(tried, f"{held} unanswered", f"at most {HELD}, half of the threads", held <= HELD)
    attack.tell_served(tried, probe, server)
    tell_posts(attack, tried, posts, exchange(server.url, _GOOD))


def read_at_once(connection: object) -> int | None:
    """The status of an answer that is there already; None where there is none."""
    connection.settimeout(0.01)  # type: ignore[attr-defined]
    return read_reply(connection).status  # type: ignore[arg-type]


def test_exports_that_nobody_reads(server: Target, attack: Attack) -> None:
    """Streams to clients that take nothing of them, plain and compressed."""
    path = "/v1/export/stories.ndjson"
    asked = [make_request("GET", path), make_request("GET", path, [("Accept-Encoding", "gzip")])]
    with Connections(server.url) as connections, Probe(server.url) as probe:
        for number in range(COUNT):
            connections.open(1, asked[number % 2], receive=4096)
        time.sleep(SECONDS)
        exports = [
            exchange(server.url, make_request("GET", path + "?q=winter", [("Connection", "close")])) for _ in range(2)
        ]
        posts = [exchange(server.url, _GOOD) for _ in range(2)]
        time.sleep(SECONDS)
    tried = f"{COUNT} unread exports"
    statuses = ", ".join(str(reply.status) for reply in exports)
    attack.tell(tried, f"other exports: {statuses}", "200, or 503 with Retry-After", all(map(is_answered, exports)))
    attack.tell_served(tried, probe, server)
    tell_posts(attack, tried, posts, exchange(server.url, _GOOD))


def test_large_answers_that_nobody_reads(server: Target, attack: Attack) -> None:
    """Answers of one piece: sent by the server's own threads, not by those that search."""
    raw = make_request("GET", "/v1/search?q=ferry&per_page=100&snippet_words=100&facets=topic,publisher")
    with Connections(server.url) as connections, Probe(server.url) as probe:
        connections.open(COUNT * 4, raw, receive=4096)
        time.sleep(2)
        closed = sum(map(is_closed, connections.all))
    attack.tell_served(f"{COUNT * 4} unread pages of 100 hits, {closed} closed by the server", probe, server)
