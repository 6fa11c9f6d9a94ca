"""Memory after many different requests: a cache whose keys a client chooses must be bounded in bytes."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.attack.figures import Attack, list_wrong
from tests.attack.servers import Target

# What a worker may grow by once its cache of answers (64 MB) is full. An entry that is replaced by one of another size
# leaves a gap: 48,000 searches make 40 MB of them, and no more. Answers to POST are not cached.
MEGABYTES = {"GET": 64, "POST": 30}
# Of all kinds together, where no number of requests is given.
SECONDS = 45
THREADS = 2
# What every part of the process allocates when it is first used is no growth, nor is a cache that fills up: 800
# answers of 100 kB do that.
WARM, FILL = 20, 800
Request = tuple[str, str, bytes]
_LONG = "x" * 61_000
_LONG_WORDS = "long value " * 5_500


def get(path: str) -> Request:
    return "GET", path, b""


def search(**parameters: object) -> Request:
    body = {"requests": [{"indexName": "stories", "hitsPerPage": 1, **parameters}]}
    return "POST", "/v1/instantsearch", json.dumps(body).encode()


def single(path: str, **parameters: object) -> Request:
    return "POST", path, json.dumps(parameters).encode()


# The n-th request of each kind; no two are the same.
KINDS: dict[str, Callable[[int], Request]] = {
    "search": lambda n: get(f"/v1/search?q=ferry+OR+w{n}&facets=topic,publisher"),
    "misspelt search": lambda n: get(f"/v1/search?q=harbuor{n:x}"),
    "long search": lambda n: get(f"/v1/search?q={n:x}{'y' * 490}"),
    "filters": lambda n: get(f"/v1/search?topic=t{n}{'z' * 1900}&publisher=p{n}&curator=c{n}&domain=d{n}.example"),
    "fields, pages, snippets": lambda n: get(f"/v1/search?q=the&per_page={1 + n % 100}&from={1600 + n % 599}-01-01"),
    "suggest": lambda n: get(f"/v1/suggest?q=ha{n}"),
    "stories": lambda n: get(f"/v1/stories?max_sources={n % 1001}&topic=t{n}"),
    "story, none": lambda n: get(f"/v1/stories/s{n}"),
    "story of a long id": lambda n: get(f"/v1/stories/{n}{_LONG}"),
    "related": lambda n: get(f"/v1/stories/31001/related?limit={1 + n % 20}&fields=id,title#{n}"),
    "linked data": lambda n: get(f"/v1/stories/{n}{_LONG[:2000]}.jsonld"),
    "lookup": lambda n: get(f"/v1/lookup?url=https://h{n}.example/{'p' * 3000}"),
    "sources": lambda n: get(f"/v1/sources?q=tide+OR+w{n}&publisher=p{n}"),
    "source of a long id": lambda n: get(f"/v1/sources/{n}{_LONG}"),
    "publishers": lambda n: get(f"/v1/publishers?q=p{n}"),
    "publisher of a long id": lambda n: get(f"/v1/publishers/{n}{_LONG}"),
    "facets": lambda n: get(f"/v1/facets/topic?q=w{n}&search=ferry"),
    "facet of a long name": lambda n: get(f"/v1/facets/{n}{_LONG}"),
    "timeline": lambda n: get(f"/v1/stats/timeline?q=tide+OR+w{n}&interval=month"),
    "export": lambda n: get(f"/v1/export/stories.ndjson?q=w{n}&typo=off"),
    "feeds": lambda n: get(f"/v1/feeds/search.{('json', 'rss', 'atom')[n % 3]}?q=ferry+OR+w{n}&per_page=2"),
    "oembed": lambda n: get(f"/oembed?url=/s/31001-w{n}{'o' * 3000}"),
    "problems": lambda n: get(f"/problems/{n}{_LONG[:3000]}"),
    "pages": lambda n: get(f"/search?q=ferry+OR+w{n}"),
    "page of a long name": lambda n: get(f"/{('topics', 'publishers', 's')[n % 3]}/{n}{_LONG}"),
    "files": lambda n: get(f"/{('static', 'sitemaps', 'docs')[n % 3]}/{n}{_LONG[:9000]}"),
    "unknown parameters": lambda n: get(f"/v1/search?w{n}={_LONG[:9000]}"),
    "no such path": lambda n: get(f"/n{n}/{_LONG}"),
    "widgets": lambda n: search(query=f"ferry w{n}", facets=["topic"]),
    "widgets, long topic": lambda n: search(facetFilters=[f"topic:{n} {_LONG_WORDS}"]),
    "widgets, long publisher": lambda n: search(facetFilters=[[f"publisher:{n} {_LONG_WORDS}"]]),
    "widgets, long domain": lambda n: search(facetFilters=[f"domain:-d{n}{_LONG}"]),
    "widgets, many values": lambda n: search(facetFilters=[[f"topic:v{n}x{k}" for k in range(2500)]]),
    "widgets, filters in words": lambda n: search(filters=" OR ".join(f"publisher:p{n}k{k}" for k in range(200))),
    "widgets, long parameter": lambda n: search(**{f"p{n}{_LONG}": 1}),
    "one index": lambda n: single("/1/indexes/stories/query", query=f"w{n}", facetFilters=f"domain:{n}{_LONG}"),
    "one facet": lambda n: single("/1/indexes/stories/facets/publisher/query", facetQuery=f"p{n}"),
    "facet of no name": lambda n: single(f"/1/indexes/stories/facets/f{n}{_LONG[:9000]}/query", facetQuery="a"),
}


class ProxyClient:
    """Sends requests on one connection; another client each time, as a proxy would say."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)

    def ask(self, request: Request, number: int) -> int:
        method, path, body = request
        headers = {
            "Accept-Encoding": f"gzip;q=0.{number}", "X-Request-ID": f"{number}", "X-Forwarded-For": f"10.0.0.{number}",
            "Host": f"h{number}.example", "If-None-Match": f'"t{number}"',
        }  # fmt: skip
        self._connection.request(method, path, body or None, headers)
        with self._connection.getresponse() as response:
            response.read()
            return response.status

    def close(self) -> None:
        self._connection.close()


def ask_many(url: str, make: Callable[[int], Request], first: int, count: int, seconds: float) -> tuple[int, set[int]]:
    """Requests from number ``first`` on in two threads, until ``count`` or the time is reached; their statuses."""
    done, statuses = [0] * THREADS, set()
    deadline = time.monotonic() + seconds

    def ask(thread: int) -> None:
        client = ProxyClient(url)
        try:
            for number in range(first + thread, first + count, THREADS):
                if time.monotonic() > deadline:
                    return
                statuses.add(client.ask(make(number), number))
                done[thread] += 1
        finally:
            client.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done), statuses


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_memory_is_flat(
    method: str, sample_index: Path, start: Callable[..., Target], attack: Attack, pytestconfig: pytest.Config
) -> None:
    """Different requests of every kind, long values among them, to one worker that also counts clients."""
    kinds = {kind: make for kind, make in KINDS.items() if make(0)[0] == method}
    number = pytestconfig.getoption("--attack-requests")
    count, seconds = (number, 1e9) if number else (1_000_000, SECONDS / len(KINDS))
    server = start(sample_index, workers=1, settings=["OUTPOST_RATE_LIMIT=1000000/second", "OUTPOST_PROXIES=1"])
    for make in kinds.values():
        ask_many(server.url, make, 0, WARM, 5)
    if method == "GET":
        ask_many(server.url, lambda n: get(f"/v1/search?q=a*+OR+the+OR+fill{n}&per_page=100"), 0, FILL, 20)
    workers, base = server.worker_ids(), server.private_memory()
    before, total = base, 0
    growths: list[tuple[float, str]] = []
    wrong: list[str] = []
    for kind, make in kinds.items():
        asked, statuses = ask_many(server.url, make, WARM, count, seconds)
        now = server.private_memory()
        growths.append((now - before, f"{kind} ({asked:,})"))
        wrong += [f"{kind}: {status}" for status in statuses if status >= 500]
        total, before = total + asked, now
    most = ", ".join(f"{grown:+.0f} {kind}" for grown, kind in sorted(growths, reverse=True)[:3])
    tried = f"{total:,} different requests of {len(kinds)} kinds"
    figure = f"{before - base:+.0f} MB on {base:.0f}; most: {most}"
    attack.tell(tried, figure, f"less than {MEGABYTES[method]} MB", before - base < MEGABYTES[method])
    attack.tell(tried, f"5xx: {list_wrong(wrong)}", "none", not wrong)
    attack.tell(tried, f"worker replaced: {workers != server.worker_ids()}", "no", workers == server.worker_ids())
