"""Connections that say nothing, little, or nothing more."""

from __future__ import annotations

import time

from tests.attack.figures import Attack
from tests.attack.servers import Probe, Target
from tests.attack.sockets import Connections, is_closed, make_request

COUNT = 1200
# The time for headers, and what a busy machine adds.
SECONDS, TOLERANCE = 10, 3
_BEGUN = b"GET /v1/search?q=ferry HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
_SMALL = make_request("GET", "/healthz")
_LARGE = make_request("GET", "/v1/search?q=ferry&per_page=100&snippet_words=100")


def test_connections_that_say_nothing(server: Target, attack: Attack) -> None:
    """More idle connections than a server takes at a time by default."""
    started = time.monotonic()
    with Connections(server.url) as connections, Probe(server.url) as probe:
        opened = connections.open(COUNT)
        time.sleep(max(0, started + SECONDS + TOLERANCE - time.monotonic()))
        closed = sum(map(is_closed, opened))
    tell_closed(attack, f"{COUNT} connections that send nothing", closed, len(opened))
    attack.tell_served(f"{COUNT} connections that send nothing", probe, server)


def test_connections_that_say_little(server: Target, attack: Attack) -> None:
    """Headers of one byte a second; keep-alive after an answer; answers that are never read."""
    each = COUNT // 3
    started = time.monotonic()
    with Connections(server.url) as slow, Connections(server.url) as asking, Probe(server.url) as probe:
        kinds = {
            "headers of a byte a second": slow.open(each, _BEGUN),
            "idle after an answer": asking.open(each // 2, _SMALL),
            "idle after an answer that is not read": asking.open(each // 2, _SMALL),
            "large answers that are not read": asking.open(each, _LARGE, receive=4096),
        }
        for connection in kinds["idle after an answer"]:
            is_closed(connection)
        while time.monotonic() < started + SECONDS + TOLERANCE:
            slow.send(b"x")
            time.sleep(1)
        closed = {kind: sum(map(is_closed, opened)) for kind, opened in kinds.items()}
    # A large answer that nobody takes may wait: what counts is that others are served.
    for kind in list(kinds)[:3]:
        tell_closed(attack, f"{len(kinds[kind])} {kind}", closed[kind], len(kinds[kind]))
    attack.tell_served(f"{COUNT} connections of these kinds", probe, server)


def tell_closed(attack: Attack, tried: str, closed: int, opened: int) -> None:
    figure = f"{closed} of {opened} are closed after {SECONDS + TOLERANCE} s"
    attack.tell(tried, figure, f"all, after {SECONDS} s", closed == opened)
