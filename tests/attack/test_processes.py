"""Workers that die, and that have no descriptor left."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attack.damage import find_generation
from tests.attack.figures import Attack, list_wrong
from tests.attack.servers import Target, wait_for_status
from tests.attack.sockets import Connections, connect, get, make_request, read_reply
from tests.support.factories import build_stories, make_story

SECONDS = 10
PATHS = (
    "/v1/search?q=story", "/v1/stories/1", "/v1/suggest?q=st", "/v1/sources", "/v1/publishers", "/v1/facets/topic",
    "/v1/stats/timeline", "/v1/export/stories.ndjson", "/v1/feeds/search.rss", "/status", "/metrics", "/readyz",
    "/search?q=story", "/sitemap.xml", "/openapi.json",
)  # fmt: skip


def test_workers_that_die_again_and_again(sample_index: Path, start: Callable[..., Target], attack: Attack) -> None:
    """All workers at once, as soon as they came back: the server replaces them each time."""
    server, killed = start(sample_index), 0
    for _ in range(5):
        killed += server.kill_workers(2, signal.SIGSEGV)
        server.wait_for_workers(SECONDS)
    attack.tell(f"{killed} of 10 workers ended by SIGSEGV", f"server runs: {server.runs}", "it runs", server.runs)
    back = wait_for_status(server.url, PATHS[-2:], 200, SECONDS if server.runs else 1)
    figure = "not answered" if back is None else f"answered after {back:.1f} s"
    attack.tell("afterwards", figure, f"within {SECONDS} s", back is not None)


@pytest.mark.parametrize("limit", [64, 100])
def test_descriptors_at_their_limit(limit: int, tmp_path: Path, start: Callable[..., Target], attack: Attack) -> None:
    """Connections that use up the descriptors of a server while a build is switched under it."""
    root = build_stories(tmp_path / "index", [make_story("1")])
    try:
        server = start(root, workers=1, before=f"ulimit -n {limit}")
    except AssertionError:
        attack.tell(f"{limit} descriptors", "the server does not start", "it starts", False)
        return
    with connect(server.url) as first, Connections(server.url) as connections:
        first.sendall(make_request("GET", "/status"))
        read_reply(first)
        connections.open(3 * limit)
        build_stories(root, [make_story("1"), make_story("2")])
        during = []
        for _ in range(5):
            time.sleep(0.1)
            first.sendall(make_request("GET", "/status"))
            during.append(read_reply(first).status)
    name = find_generation(root).name.encode()
    started, waited, served = time.monotonic(), 0.0, 0
    while served < 8 and waited < SECONDS:
        time.sleep(0.2)
        served = sum(name in get(server.url, "/status", timeout=1).body for _ in range(8))
        waited = time.monotonic() - started
    attack.tell(
        f"{limit} descriptors, {3 * limit} connections",
        f"one from before: {during[-1]}; {served} of 8 clients get the new generation after {waited:.1f} s",
        f"200; all, within {SECONDS} s", served == 8 and during == [200] * 5,
    )  # fmt: skip
    wrong = [path for path in PATHS if get(server.url, path).status != 200]
    attack.tell(f"{len(PATHS)} endpoints afterwards", f"not 200: {list_wrong(wrong)}", "none", not wrong)
