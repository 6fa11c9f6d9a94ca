"""Limits: how often a client may ask, how long a query may take, how much may be sent."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.middleware import rate_limit as limits
from api.middleware.rate_limit import RateLimiter, find_client
from api.settings import Settings
from index.engines.columns.search import deadline
from tests.api.helpers import check_problem, found, url_of
from tests.support.clock import ManualClock

MakeLimited = Callable[..., FlaskClient]
SECOND = 1_000_000_000


@pytest.fixture
def make_limited(sample_index: Path) -> Iterator[MakeLimited]:
    apps = []

    def make(rate_limit: str, proxies: int = 0) -> FlaskClient:
        apps.append(create_app(Settings(index=sample_index, rate_limit=rate_limit, proxies=proxies)))
        return apps[-1].test_client()

    yield make
    for app in apps:
        app.extensions["outpost.index"].close()


# --- rate --------------------------------------------------------------------------------------------------


def test_one_request_too_many_is_429_and_says_when_to_come_again(make_limited: MakeLimited) -> None:
    client = make_limited("3/hour")
    for _ in range(3):
        assert client.get("/v1/search?q=robot").status_code == 200
    for url in ("/v1/search?q=robot", "/v1/stories/31001", "/nope", "/openapi.json"):
        response = client.get(url)
        assert "3 requests per hour" in check_problem(response, 429, "rate_limited")["detail"]
        assert 1 <= int(response.headers["Retry-After"]) <= 1200
        assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_no_limit_is_set_by_default(client: FlaskClient) -> None:
    assert {client.get("/v1/stories/31001").status_code for _ in range(300)} == {200}


def test_each_client_has_a_limit_of_its_own(make_limited: MakeLimited) -> None:
    client = make_limited("1/hour")
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:2::1"):
        statuses = [client.get("/status", environ_base={"REMOTE_ADDR": address}).status_code for _ in range(2)]
        assert statuses == [200, 429]


def test_nobody_escapes_by_a_header(make_limited: MakeLimited) -> None:
    direct, proxied = make_limited("1/hour"), make_limited("1/hour", proxies=1)
    statuses = [direct.get("/status", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(3)]
    assert statuses == [200, 429, 429]
    passed = [f"192.0.2.{n}, 198.51.100.7" for n in range(3)]
    statuses = [proxied.get("/status", headers={"X-Forwarded-For": one}).status_code for one in passed]
    assert statuses == [200, 429, 429]
    assert proxied.get("/status", headers={"X-Forwarded-For": "198.51.100.8"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "passed", "proxies", "client"),
    [
        ("192.0.2.1", None, 0, "192.0.2.1"),
        ("192.0.2.1", "10.0.0.1", 0, "192.0.2.1"),
        ("192.0.2.1", None, 1, "192.0.2.1"),
        ("192.0.2.1", " , ", 1, "192.0.2.1"),
        ("192.0.2.1", "10.0.0.1, 10.0.0.2", 1, "10.0.0.2"),
        ("192.0.2.1", "10.0.0.1,10.0.0.2", 2, "10.0.0.1"),
        ("192.0.2.1", "10.0.0.1", 2, "192.0.2.1"),
        ("192.0.2.1", "x" * 5000, 1, "x" * 64),
        ("2001:db8::1", None, 0, "20010db800000000"),
        ("2001:db8::ffff", None, 0, "20010db800000000"),
        ("::ffff:192.0.2.1", None, 0, "192.0.2.1"),
        ("192.0.2.1", "[2001:db8::1]", 1, "20010db800000000"),
        ("192.0.2.1", "un:known", 1, "un:known"),
        ("192.0.2.1", "198.51.100.7:4711", 1, "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7:4712", 1, "198.51.100.7"),
        ("192.0.2.1:4711", None, 0, "192.0.2.1"),
        ("192.0.2.1", "[2001:db8::1]:443", 1, "20010db800000000"),
        ("192.0.2.1", "[2001:db8::2]", 1, "20010db800000000"),
        ("192.0.2.1", "[::ffff:198.51.100.7]:443", 1, "198.51.100.7"),
        ("192.0.2.1", "fe80::1%eth0", 1, "fe80000000000000"),
        ("192.0.2.1", "unknown:4711", 1, "unknown"),
        ("192.0.2.1", "[un]:known", 1, "[un]:known"),
        ("", None, 0, ""),
    ],
)
def test_a_client_is_the_address_that_the_outermost_own_proxy_saw(
    address: str, passed: str | None, proxies: int, client: str
) -> None:
    environ = {"REMOTE_ADDR": address} | ({} if passed is None else {"HTTP_X_FORWARDED_FOR": passed})
    assert find_client(environ, proxies) == client


def test_all_may_come_at_once_and_then_one_by_one() -> None:
    clock = ManualClock(10 * SECOND)
    limiter = RateLimiter(4, 60, clock)
    assert [limiter.take("a") for _ in range(5)] == [0, 0, 0, 0, 15]
    clock.now += 14 * SECOND
    assert limiter.take("a") == 1
    clock.now += SECOND
    assert [limiter.take("a"), limiter.take("a")] == [0, 15]
    clock.now += 3600 * SECOND
    assert [limiter.take("a") for _ in range(5)] == [0, 0, 0, 0, 15]


@pytest.mark.parametrize("requests", [1, 3, 7, 1000, 9_999_999])
def test_a_limit_is_exact_whatever_its_number(requests: int) -> None:
    limiter = RateLimiter(requests, 60, ManualClock(10 * SECOND))
    allowed = min(requests, 20_000)
    assert not any(limiter.take("a") for _ in range(allowed))
    assert bool(limiter.take("a")) == (allowed == requests)


def test_threads_together_get_no_more_than_one() -> None:
    limiter = RateLimiter(1000, 86400, ManualClock(10 * SECOND))
    allowed: list[int] = []

    def ask() -> None:
        for _ in range(500):
            if not limiter.take("a"):
                allowed.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(allowed) == 1000


def test_a_million_addresses_fill_no_memory_and_who_still_asks_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MAX_CLIENTS", 100)
    limiter = RateLimiter(1, 60, ManualClock(10 * SECOND))
    assert not limiter.take("greedy")
    for number in range(1_000):
        assert limiter.take("greedy")
        assert not limiter.take(f"client {number}")
    assert len(limiter._full_at) == 100


# --- time --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/v1/search?q=a*+OR+b*", "/v1/search?facets=topic", "/v1/sources?q=a*",
        "/v1/facets/topic?q=a&search=a*", "/v1/stats/timeline?q=a*", "/v1/export/stories.ndjson?q=a*",
    ],
)  # fmt: skip
def test_what_takes_too_long_is_504_before_anything_is_sent(
    client: FlaskClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "MAX_SECONDS", -1.0)
    client.application.extensions["outpost.answers"]._entries.clear()
    check_problem(client.get(path), 504, "timeout")
    monkeypatch.undo()
    assert client.get(path, buffered=True).status_code == 200


def test_ten_thousand_filters_find_what_one_of_them_finds(client: FlaskClient) -> None:
    many = ",".join(f"t{number}" for number in range(330))
    none = ",".join(f"-t{number}" for number in range(330))
    wanted = {"topic": f"{many},energy", "publisher": none, "domain": none, "curator": none, "language": f"en,{many}"}
    assert all(len(value) <= 2000 for value in wanted.values())
    assert found(client, **wanted) == found(client, topic="energy", language="en")
    faults = client.get(url_of("/v1/search", topic="x," * 10_000))
    check_problem(faults, 400, "invalid_parameter")


# --- size --------------------------------------------------------------------------------------------------


class Endless(io.RawIOBase):
    """A body that never ends, and knows how much was read of it."""

    taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.taken += len(buffer)
        assert self.taken < 1_000_000, "the body is being read"
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_body_without_a_length_is_not_read(client: FlaskClient, method: str) -> None:
    body = Endless()
    given = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    response = client.open("/v1/search?q=robot", method=method, environ_overrides=given)
    assert response.status_code == (200 if method == "GET" else 405)
    assert body.taken == 0


@pytest.mark.parametrize("length", ["65537", "99999999999999999999999"])
def test_a_body_that_says_to_be_large_is_refused_unread(client: FlaskClient, length: str) -> None:
    given = {"wsgi.input": Endless(), "CONTENT_LENGTH": length}
    check_problem(client.post("/v1/search", environ_overrides=given), 413, "too_large")
