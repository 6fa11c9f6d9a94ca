"""Headers that are large, many, or slow to read."""

from __future__ import annotations

from collections.abc import Callable

from tests.attack.figures import Attack, list_wrong
from tests.attack.servers import Probe, Target
from tests.attack.sockets import Headers, Reply, exchange, make_post, make_request

LIMIT = 72 * 1024
SECONDS = 0.03
TOO_LARGE_SECONDS = 1.0
MEGABYTES = 20


def fill(size: int, item: str) -> str:
    return (item * (size // len(item) + 1))[:size]


# One header of a size, each of a form that is slow to read where it is read naively.
_SINGLE = {
    "Accept": "text/html;q=0.5,*/*;q=0.1,a/b,",
    "Accept-Encoding": "gzip;q=0.1,zstd;q=0.2,a,",
    "Accept-Language": "en;q=0.1,de,",
    "Cookie": "a=b; ",
    "X-Forwarded-For": "1.2.3.4, ",
    "Forwarded": "for=1.2.3.4;proto=http, ",
    "If-None-Match": '"a1",W/"b",',
    "If-Match": '"a1",',
    "If-Modified-Since": "Mon, ",
    "Range": "bytes=0-1,",
    "Authorization": "Basic ",
    "Content-Type": "text/plain; a=b; ",
    "Content-Encoding": "gzip, ",
    "Cache-Control": "max-age=1, ",
    "Origin": "https://a.b ",
    "X-Request-ID": "a",
    "X-Forwarded-Host": "a.",
    "Other": "x",
}
BOMBS: dict[str, Callable[[int], Headers]] = {
    name: lambda size, name=name, item=item: [(name, fill(size, item))]  # type: ignore[misc]
    for name, item in _SINGLE.items()
}
BOMBS["many small"] = lambda size: [(f"X-{n}", "y" * 20) for n in range(size // 30)]
BOMBS["the same again"] = lambda size: [("Accept-Encoding", f"gzip;q=0.{n}") for n in range(size // 30)]
BOMBS["one long name"] = lambda size: [("X-" + "n" * size, "y")]
PATHS = ("/none", "/v1/search?q=ferry", "/search?q=ferry", "/v1/export/stories.ndjson?q=%22of+no+story%22")


def requests_of(size: int) -> list[tuple[str, bytes]]:
    """Each bomb on each path, and on a POST, by name."""
    made = []
    for name, make in BOMBS.items():
        headers = [*make(size), ("Connection", "close")]
        made += [(f"{name} to {path}", make_request("GET", path, headers)) for path in PATHS]
        made.append((f"{name} to a POST", make_post("/v1/instantsearch", b'{"requests":[]}', headers)))
    return made


def test_headers_within_the_limit(server: Target, attack: Attack) -> None:
    """70 kB of headers cost next to nothing, whatever they are."""
    slowest, which, failed = 0.0, "", set()
    with Probe(server.url) as probe:
        for name, raw in requests_of(LIMIT - 2048):
            # The quickest of three: another process may take the time of one.
            replies = [exchange(server.url, raw) for _ in range(3)]
            best = min(reply.seconds for reply in replies)
            if best > slowest:
                slowest, which = best, name
            failed |= {str(reply.status) for reply in replies if reply.status is None or reply.status >= 500}
    tried = f"{len(BOMBS) * (len(PATHS) + 1)} requests of 70 kB of headers"
    attack.tell(tried, f"slowest {slowest * 1000:.0f} ms: {which}", f"{SECONDS * 1000:.0f} ms", slowest < SECONDS)
    attack.tell(tried, f"5xx or no answer: {list_wrong(sorted(failed))}", "none", not failed)
    attack.tell_served(tried, probe, server)


def is_refused(reply: Reply) -> bool:
    """431, or closed while it was still being sent; either at once."""
    return reply.status in (431, 0) and reply.seconds < TOO_LARGE_SECONDS


def test_headers_beyond_the_limit(server: Target, attack: Attack) -> None:
    """80 kB to 4 MB of headers are refused before they are parsed."""
    with Probe(server.url) as probe:
        for size in (80_000, 400_000, 4_000_000):
            replies = {name: exchange(server.url, raw) for name, raw in requests_of(size) if "/none" in name}
            passed = [name for name, reply in replies.items() if not is_refused(reply)]
            worst = max(reply.seconds for reply in replies.values())
            figure = f"slowest {worst:.2f} s; not refused: {list_wrong(passed, 1)}"
            promise = f"431 or closed, in {TOO_LARGE_SECONDS:g} s"
            attack.tell(f"{len(replies)} requests of {size // 1000} kB of headers", figure, promise, not passed)
    attack.tell_served("all sizes", probe, server)


def test_accept_encoding_is_not_kept(server: Target, attack: Attack) -> None:
    """Different large values of a header that is cached when it was parsed."""
    sizes = {"within the limit": LIMIT - 2048, "beyond it": 300_000}
    before = server.private_memory()
    for size in sizes.values():
        for number in range(200):
            value = f"{number:09}," + fill(size, "gzip,a;q=0.5,")
            headers = [("Accept-Encoding", value), ("Connection", "close")]
            exchange(server.url, make_request("GET", "/v1/search?q=ferry", headers))
    grown = server.private_memory() - before
    attack.tell(
        f"200 different Accept-Encoding of each {' and '.join(f'{size // 1000} kB' for size in sizes.values())}",
        f"{grown:+.0f} MB", f"less than {MEGABYTES} MB", grown < MEGABYTES,
    )  # fmt: skip
