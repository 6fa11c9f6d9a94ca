"""Requests that are wrong, ambiguous, long or expensive, one at a time."""

from __future__ import annotations

import http.client
import json
import random
import re
import time
from urllib.parse import quote, urlsplit

from tests.attack.figures import Attack, list_wrong
from tests.attack.servers import Target
from tests.attack.sockets import Reply, connect, exchange, get, make_post, make_request, read_rest

POSTS = (
    "/v1/instantsearch", "/1/indexes/*/queries", "/1/indexes/stories/query", "/1/indexes/stories/facets/topic/query",
)  # fmt: skip
_BODY = b'{"requests":[]}'
_CHUNKED = b"f\r\n" + _BODY + b"\r\n0\r\n\r\n"
_NEXT = make_request("GET", "/healthz")
_TE = "Transfer-Encoding: chunked"
# Headers that say two things, or nothing, about where a body ends; and the body.
AMBIGUOUS: dict[str, tuple[list[str], bytes]] = {
    "two lengths": (["Content-Length: 15", "Content-Length: 70"], _BODY),
    "a list of lengths": (["Content-Length: 15, 70"], _BODY),
    "length +15": (["Content-Length: +15"], _BODY),
    "length 0xf": (["Content-Length: 0xf"], _BODY),
    "length -15": (["Content-Length: -15"], _BODY),
    "length 15.0": (["Content-Length: 15.0"], _BODY),
    "length 1 5": (["Content-Length: 1 5"], _BODY),
    "no length": (["Content-Length: "], _BODY),
    "a length of 30 digits": (["Content-Length: " + "9" * 30], _BODY),
    "length and chunks": (["Content-Length: 15", _TE], _CHUNKED),
    "chunks and length": ([_TE, "Content-Length: 70"], _CHUNKED),
    "chunked, identity": ([_TE + ", identity"], _CHUNKED),
    "identity": (["Transfer-Encoding: identity"], _BODY),
    "xchunked": (["Transfer-Encoding: xchunked"], _CHUNKED),
    "chunked, then identity": ([_TE, "Transfer-Encoding: identity"], _CHUNKED),
    "a blank before the colon": (["Transfer-Encoding : chunked"], _CHUNKED),
    "a folded line": (["X-A: b", " " + _TE], _CHUNKED),
    "a vertical tab": (["Transfer-Encoding: \x0bchunked"], _CHUNKED),
    "a bare CR": (["X-A: b\r" + _TE], _CHUNKED),
    "a NUL": (["X-A: b\0" + _TE], _CHUNKED),
    "a chunk of size 0xf": ([_TE], b"0x" + _CHUNKED),
    "a chunk of size +f": ([_TE], b"+" + _CHUNKED),
    "a chunk of size -f": ([_TE], b"-" + _CHUNKED),
    "a chunk of 20 digits": ([_TE], b"f" * 20 + _CHUNKED),
    "a chunk that is longer than its size": ([_TE], b"e" + _CHUNKED[1:]),
}


def test_chunked_body_over_the_limit(server: Target, attack: Attack) -> None:
    """Bodies in chunks, whose length is not known before: it is counted."""
    chunk = b"3e8\r\n" + b" " * 1000 + b"\r\n"
    headers = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    # A server that closes before all was sent may take its answer with it.
    for size, allowed in ((70, {413}), (1000, {413, 0})):
        body = chunk * size + b"0\r\n\r\n"
        statuses = {exchange(server.url, make_request("POST", path, headers, body)).status for path in POSTS}
        figure = ", ".join(map(str, statuses))
        attack.tell(f"{size} kB in chunks to {len(POSTS)} paths", figure, "413", statuses <= allowed)


def test_ambiguous_bodies(server: Target, attack: Attack) -> None:
    """A second request within what may be the body: behind a proxy it could be another client's."""
    wrong = []
    for name, (lines, body) in AMBIGUOUS.items():
        head = "\r\n".join(["POST /v1/instantsearch HTTP/1.1", "Host: a", "Content-Type: application/json", *lines])
        with connect(server.url) as connection:
            connection.sendall(head.encode("latin-1") + b"\r\n\r\n" + body + _NEXT)
            answer, closed = read_rest(connection, 100_000, timeout=1)
        statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answer)]
        if len(statuses) > 1 or not closed or any(status >= 500 for status in statuses):
            wrong.append(f"{name}: {statuses}{'' if closed else ', open'}")
    promise = "none: refused, or read as RFC 9112 says, and closed"
    attack.tell(f"{len(AMBIGUOUS)} shapes", f"wrong: {list_wrong(wrong)}", promise, not wrong)


def test_length_of_log_lines(server: Target, attack: Attack) -> None:
    """Paths, queries, ids and methods that are as long as the server takes."""
    before = server.log.stat().st_size
    long = "p" * 60_000
    requests = [
        make_request("GET", "/v1/stories/" + long), make_request("GET", "/" + long), make_request("GET", "/?q=" + long),
        make_request("GET", "/" + "%00" * 20_000), make_request("GET", "/none", [("X-Request-ID", long)]),
        make_request("M" * 6_000, "/v1/search"), make_post("/1/indexes/" + long + "/query", b"{}"),
        make_request("GET", "/" + "%F0%9F%9B%B6" * 5_000), make_request("GET", "/none", [("X-Forwarded-For", long)]),
    ]  # fmt: skip
    statuses = [exchange(server.url, raw).status for raw in requests]
    time.sleep(0.3)
    with open(server.log, "rb") as log:
        log.seek(before)
        longest = max(map(len, log.read().splitlines()), default=0)
    failed = [status for status in statuses if status is None or status >= 500]
    attack.tell(f"{len(requests)} requests of up to 60 kB", f"longest line {longest:,} bytes", "8,192", longest <= 8192)
    attack.tell(f"{len(requests)} requests of up to 60 kB", f"{len(failed)} are 5xx or none", "none", not failed)


def test_time_that_has_not_come(server: Target, attack: Attack) -> None:
    """If-Modified-Since later than now says nothing."""
    paths = (
        "/v1/stories/31001", "/v1/search?q=ferry", "/v1/feeds/search.rss", "/v1/feeds/search.atom", "/sitemap.xml", "/",
        "/v1/feeds/search.json", "/robots.txt", "/openapi.json", "/s/31001", "/v1/stories", "/sitemaps/pages.xml",
    )  # fmt: skip
    times = ("Fri, 01 Jan 2100 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Friday, 01-Jan-60 00:00:00 GMT")
    unchanged = [
        f"{path} at {when}" for path in paths for when in times
        if get(server.url, path, [("If-Modified-Since", when)]).status == 304
    ]  # fmt: skip
    attack.tell(f"{len(paths) * len(times)} requests", f"304: {list_wrong(unchanged, 1)}", "none", not unchanged)


def misspelt_requests() -> dict[str, bytes]:
    """Names that are no parameters, in every place that has parameters, about 60 kB each."""
    closing = [("Connection", "close")]
    queries = {
        "one name": "q" * 60_000 + "=1",
        "one name near a right one": "per_page" * 7_000 + "=1",
        "5,000 names": "&".join(f"serch{n}=1" for n in range(5_000)),
        "one name 9,000 times": "quey=1&" * 9_000,
        "12,000 short names": "&".join(f"{n:x}" for n in range(12_000)),
        "no names": "&" * 60_000,
        "choices": "facets=" + ",".join(f"topik{n}" for n in range(6_000)),
        "values": "sort=" + "newst" * 12_000,
    }
    made = {
        f"{name} to {path}": make_request("GET", f"{path}?{query}", closing)
        for name, query in queries.items()
        for path in ("/v1/search", "/v1/sources", "/search", "/oembed")
    }
    wrong = {f"hitsPerPag{n}": 1 for n in range(3_500)}
    search, few = {"indexName": "stories", **wrong}, {f"quer{n}": 1 for n in range(250)}
    bodies = {
        "3,500 names in a body": {"requests": [search]},
        "5,000 names in 20 searches": {"requests": [{"indexName": "stories", **few}] * 20},
        "one name of 60 kB in a body": {"requests": [{"indexName": "stories", "hitsPerPage" * 5_000: 1}]},
        "an index of 60 kB": {"requests": [{"indexName": "stories_newst" * 4_500}]},
        "attributes": {"requests": [{"indexName": "stories", "facets": [f"topik{n}" * 10 for n in range(90)]}]},
    }
    for name, body in bodies.items():
        made[name] = make_post("/v1/instantsearch", json.dumps(body, separators=(",", ":")).encode(), closing)
    for path in (
        "/v1/stories/",
        "/v1/sources/",
        "/v1/publishers/",
        "/v1/facets/",
        "/topics/",
        "/s/",
        "/problems/",
        "/",
    ):
        made[f"a path of 60 kB to {path}"] = make_request("GET", path + "3100" * 15_000, closing)
    return made


def test_misspelt_parameters(server: Target, attack: Attack) -> None:
    """What looks for the name that was meant must not cost more than the request."""
    limit, slowest, which = 0.05, 0.0, ""
    requests = misspelt_requests()
    failed = set()
    for name, raw in requests.items():
        replies = [exchange(server.url, raw) for _ in range(3)]
        best = min(reply.seconds for reply in replies)
        failed |= {reply.status for reply in replies if reply.status is None or reply.status >= 500}
        if best > slowest:
            slowest, which = best, name
    tried = f"{len(requests)} requests of 60 kB"
    attack.tell(tried, f"slowest {slowest * 1000:.0f} ms: {which}", f"{limit * 1000:.0f} ms", slowest < limit)
    attack.tell(tried, f"{len(failed)} kinds of 5xx or none", "none", not failed)


_WORDS = "ferry harbour night robot tide winter the of and a e t zyzzyva feryr 夜間 naïve 🛶 \x00 \u202e".split(" ")
_SIGNS = (
    '" " ( ) (((( )))) - * a* e* OR AND NOT title: body: : ~ ^9 \\ \' [ TO ] { } < -- topic: -( … % \\u0000 | source:a*'
).split(" ")


def make_query(rng: random.Random) -> str:
    """Words and signs of the query language in no order, 512 characters at most; or one of them again and again."""
    if rng.random() < 0.2:
        text = rng.choice(_SIGNS + _WORDS) * rng.randrange(1, 500)
    else:
        joint = rng.choice([" ", " ", "", " OR ", " -"])
        text = joint.join(rng.choice(rng.choice([_SIGNS, _WORDS])) for _ in range(rng.randrange(1, 90)))
    return text[:512]


def test_hostile_queries(server: Target, attack: Attack) -> None:
    """Random queries of prefixes, brackets, quotes and every script, to all that takes one."""
    rng, limit = random.Random(20), 1.0
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    paths = (
        "/v1/search?facets=topic,domain&per_page=100&q=", "/v1/search?match=any&recency=1&q=", "/v1/suggest?q=",
        "/v1/facets/topic?search=", "/v1/sources?q=", "/v1/feeds/search.rss?q=", "/v1/stats/timeline?q=", "/search?q=",
        "/v1/publishers?q=", "/opensearch/suggestions?q=",
    )  # fmt: skip
    deadline, slowest, asked, which = time.monotonic() + 30, 0.0, 0, ""
    failed: list[str] = []
    while asked < 2000 and time.monotonic() < deadline:
        path = rng.choice(paths) + quote(make_query(rng))
        started = time.monotonic()
        connection.request("GET", path)
        with connection.getresponse() as response:
            response.read()
        seconds = time.monotonic() - started
        asked += 1
        if response.status >= 500 and response.status not in (503, 504):
            failed.append(f"{response.status}: {path[:60]}")
        if seconds > slowest:
            slowest, which = seconds, path[:50]
    connection.close()
    attack.tell(f"{asked} of 2000 queries", f"slowest {slowest:.2f} s: {which}", f"{limit:g} s", slowest < limit)
    attack.tell(f"{asked} of 2000 queries", f"other 5xx: {list_wrong(failed, 1)}", "none but 503 and 504", not failed)


def test_requests_with_random_bytes(server: Target, attack: Attack) -> None:
    """Right requests with some bytes that are wrong, left out, or there twice."""
    rng = random.Random(21)
    seeds = [
        make_request("GET", "/v1/search?q=ferry&page=2", [("Accept-Encoding", "gzip"), ("If-None-Match", 'W/"a"')]),
        make_request("GET", "/v1/stories/31001", [("If-Modified-Since", "Fri, 01 Jan 2021 00:00:00 GMT")]),
        make_request("GET", "/static/a", [("Range", "bytes=0-1"), ("Accept", "text/html;q=0.5")]),
        make_post("/v1/instantsearch", b'{"requests":[{"indexName":"stories","facetFilters":[["topic:a"]],"page":1}]}'),
        make_post("/1/indexes/stories/query", b'{"params":"query=a&facets=[%22topic%22]&filters=source_count>1"}'),
    ]
    statuses: list[Reply] = []
    for _ in range(400):
        raw = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 5)):
            place = rng.randrange(len(raw))
            piece = rng.choice([b"", rng.randbytes(2), raw[place : place + 9] * 2, b"\0", b"\r\n", b"\xff", b"%", b":"])
            raw[place : place + rng.randrange(3)] = piece
        # A body may end earlier than its length says: what is not answered soon waits for the rest of it.
        statuses.append(exchange(server.url, bytes(raw), timeout=0.3))
    failed = sorted({str(reply.status) for reply in statuses if reply.status and reply.status >= 500} - {"503", "504"})
    answered = sum(bool(reply.status) for reply in statuses)
    well = server.is_well()
    figure = f"{answered} answered, 5xx: {', '.join(failed) or 0}, well after it: {well}"
    attack.tell(f"{len(statuses)} requests", figure, "no 5xx but 503 and 504; others are served", not failed and well)
