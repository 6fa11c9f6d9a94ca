"""Limits on what slow clients may hold, within the application."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.middleware.slow_clients import MAX_BODY, SlowClients
from api.routes import export
from api.settings import Settings
from index.errors import IndexDamaged
from tests.api.helpers import check_problem

SEARCHES = "/v1/instantsearch"
EXPORT = "/v1/export/stories.ndjson"


@pytest.fixture
def app(sample_index: Path) -> Iterator[Flask]:
    made = create_app(Settings(index=sample_index))
    yield made
    made.extensions["outpost.index"].close()


def fill_slots(app: Flask) -> list[object]:
    """Occupy every slot; a slot is given back by calling what is returned."""
    slow_clients: SlowClients = app.extensions["outpost.slow_clients"]
    return [slow_clients.acquire(), slow_clients.acquire()]


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [("POST", SEARCHES, b'{"requests": []}'), ("POST", "/1/indexes/stories/query", b"{}"), ("GET", EXPORT, b""),
     ("GET", "/sitemaps/2025-01-1.xml", b"")],
)  # fmt: skip
def test_without_a_free_slot_a_body_or_a_stream_is_503_and_everything_else_is_answered(
    app: Flask, method: str, url: str, body: bytes
) -> None:
    client, slots = app.test_client(), fill_slots(app)
    response = client.open(url, method=method, data=body)
    assert (response.status_code, response.json["code"]) == (503, "busy")
    assert int(response.headers["Retry-After"]) > 0
    for whole in ("/v1/search?q=ferry", "/docs/swagger-ui.css", "/", "/v1/feeds/search.rss", "/sitemap.xml"):
        assert client.get(whole).status_code == 200
    slots[0]()  # type: ignore[operator]
    with client.open(url, method=method, data=body) as response:
        assert response.status_code == 200


def test_a_slot_is_free_again_after_each_body_and_each_stream(app: Flask) -> None:
    client = app.test_client()
    for _ in range(5):
        assert client.post(SEARCHES, json={"requests": []}).status_code == 200
        assert client.post(SEARCHES, data="no JSON").status_code == 400
        for method in ("GET", "HEAD"):
            with client.open(EXPORT, method=method) as response:
                assert response.status_code == 200
        # Closed before it was read.
        client.get(EXPORT).close()


def test_a_slot_given_back_twice_is_free_once() -> None:
    slow_clients = SlowClients(1)
    release = slow_clients.acquire()
    release()
    release()
    slow_clients.acquire()
    assert not slow_clients._free.acquire(blocking=False)


def test_a_body_that_does_not_arrive_holds_its_slot_and_no_other(app: Flask) -> None:
    arriving, arrived = threading.Event(), threading.Event()

    class Stalled(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            arriving.set()
            arrived.wait(60)
            return super().read(size)

        def readinto(self, buffer: Any) -> int:
            data = self.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)

    def send() -> None:
        app.test_client().post(SEARCHES, input_stream=Stalled(b"{" * 60_000))

    sender = threading.Thread(target=send)
    sender.start()
    arriving.wait(60)
    slow_clients: SlowClients = app.extensions["outpost.slow_clients"]
    slow_clients.acquire()
    assert app.test_client().post(SEARCHES, json={}).status_code == 503
    arrived.set()
    sender.join()
    slow_clients.acquire()


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413), (3 * MAX_BODY, 413)])
def test_a_chunked_body_has_the_same_limit(app: Flask, size: int, status: int) -> None:
    body = b'{"requests": []' + b" " * (size - 16) + b"}"
    assert len(body) == size
    response = app.test_client().post(
        SEARCHES,
        input_stream=io.BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert response.status_code == status, response.text


def test_an_export_that_fails_on_the_way_ends_in_a_problem(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object) -> Iterator[bytes]:
        yield b'{"id":"1","title":"One"}\n'
        raise IndexDamaged(Path("/somewhere"), "a file is gone")

    monkeypatch.setattr(export, "PIECE", 1)
    monkeypatch.setattr(export, "export_stories", break_off)
    lines = app.test_client().get(EXPORT).data.splitlines()
    problem = json.loads(lines[-1])
    assert json.loads(lines[0]) == {"id": "1", "title": "One"}
    assert (problem["code"], problem["status"]) == ("index_unavailable", 503)
    assert "ends here because of an error" in problem["detail"]
    assert "/somewhere" not in problem["detail"]


@pytest.mark.parametrize(
    "url", ["/v1/search?q=ferry", "/v1/feeds/search.rss", "/docs/swagger-ui.css", "/s/x-31001", "/v1/stories/31001"]
)
def test_a_condition_on_a_time_to_come_is_ignored(client: FlaskClient, url: str) -> None:
    headers = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    with client.get(url, headers=headers, follow_redirects=True) as response:
        assert response.status_code == 200


@pytest.mark.parametrize(
    "date",
    ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", f"Mon, 01 Jan 2024 {'9' * 30}:00:00 GMT",
     f"Mon, 01 Jan 2024 00:00:00 +{'9' * 30}", "9" * 5000, "\ud800", "yesterday"],
)  # fmt: skip
@pytest.mark.parametrize("url", ["/healthz", "/v1/search?q=ferry", "/docs/swagger-ui.css"])
def test_a_condition_that_is_no_date_is_ignored(client: FlaskClient, url: str, date: str) -> None:
    with client.get(url, environ_overrides={"HTTP_IF_MODIFIED_SINCE": date}) as response:
        assert response.status_code == 200
        assert response.headers["X-Request-ID"]


@pytest.mark.parametrize("name", ["Accept", "Accept-Encoding", "Content-Type", "If-None-Match", "X-Anything"])
def test_headers_beyond_72_kb_are_431(client: FlaskClient, name: str) -> None:
    assert client.get("/nope", headers={name: "x" * 70_000}).status_code == 404
    check_problem(client.get("/nope", headers={name: "x" * 74_000}), 431, "too_large")


def test_a_long_accept_is_cut_before_it_is_parsed(client: FlaskClient) -> None:
    # As a whole it takes two seconds.
    accepted = "text/html;q=0.9," + "a/b;q=0.1," * 6000 + "application/json"
    response = client.get("/nope", headers={"Accept": accepted})
    assert response.status_code == 404
    assert response.mimetype == "text/html"
