"""The client class: over a real server, and over hand-made ones that are slow, busy or something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.client import Client, Missing, NoServer, Problem
from tests.e2e.conftest import Server
from tests.support.factories import build_stories, make_story

Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def fake_server(answer: Callable[[str], Answer]) -> Iterator[str]:
    """A server that gives ``answer`` of the path; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_search_iterates_over_all_hits_of_all_pages(tmp_path: Path, start_server: type[Server]) -> None:
    stories = [make_story(str(n), title=f"Tide {n}") for n in range(230)]
    client = Client(start_server(build_stories(tmp_path / "index", stories)).url)
    assert {hit["id"] for hit in client.search("tide")} == {story.id for story in stories}
    assert len(list(client.search("tide", limit=150))) == 150
    assert next(client.search("tide", sort="oldest"))["id"] == "0"


def test_every_part_of_the_api_is_within_reach(sample_server: Server) -> None:
    client = Client(sample_server.url)
    assert client.story("31001", include=["sources"])["sources"][0]["n"] == 1
    assert client.related("31001", limit=2)[0]["reason"] in ("curated", "shared_source", "similar")
    assert client.story_sources("31001")[0]["n"] == 1
    assert next(client.sources("ferry"))["story_ids"]
    assert next(client.stories())["published_at"] > "2025"
    assert next(client.publishers("harbor"))["id"] == "harbor-ledger"
    assert client.status()["stories"] == 72
    assert client.facet_values("topic", "tran")[0]["label"] == "Transport"
    assert client.timeline("ferry", interval="year")["buckets"][0]["count"] == 16
    assert list(client.lookup("https://example.com/never")) == []
    assert sum(1 for _ in client.export("ferry")) == 16
    assert client.search_page("ferry", facets=("topic",), highlight=False)["facets"]["topic"]["values"]
    assert list(client.search("ferry", from_="2030-01-01")) == []


def test_a_missing_story_and_a_bad_parameter_are_told_apart(sample_server: Server) -> None:
    client = Client(sample_server.url)
    with pytest.raises(Missing) as missing:
        client.story("../3100")
    assert (missing.value.status, missing.value.code) == (404, "not_found")
    with pytest.raises(Problem, match="there is no parameter topics") as problem:
        list(client.search("ferry", topics="ai"))
    assert problem.value.code == "unknown_parameter"


def test_a_busy_server_is_asked_again() -> None:
    asked: list[str] = []

    def answer(path: str) -> Answer:
        asked.append(path)
        busy = len(asked) < 3
        return (503, {"Retry-After": "0"}, b"{}") if busy else (200, {}, b'{"stories": 1}')

    with fake_server(answer) as url:
        assert Client(url).status() == {"stories": 1}
    assert asked == ["/status"] * 3


def test_a_server_that_stays_busy_is_a_problem_after_three_times() -> None:
    asked: list[str] = []

    def answer(path: str) -> Answer:
        asked.append(path)
        return 503, {"Retry-After": "0"}, b'{"code": "index_unavailable", "detail": "no index"}'

    with fake_server(answer) as url, pytest.raises(Problem, match="no index") as problem:
        Client(url).status()
    assert problem.value.status == 503
    assert len(asked) == 3


def test_a_server_that_does_not_answer_in_time_is_told() -> None:
    stopped = threading.Event()

    def answer(path: str) -> Answer:
        stopped.wait(30)
        return 200, {}, b"{}"

    with fake_server(answer) as url:
        with pytest.raises(NoServer, match=r"nothing came within 0\.1 seconds"):
            Client(url, timeout=0.1).status()
        stopped.set()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]"])
def test_something_else_at_the_address_is_told(body: bytes) -> None:
    with fake_server(lambda path: (200, {}, body)) as url, pytest.raises((NoServer, Problem)):
        Client(url).status()


def test_redirects_to_another_place_are_not_followed() -> None:
    with fake_server(lambda path: (302, {"Location": "http://127.0.0.1:1/"}, b"{}")) as url, pytest.raises(Problem):
        Client(url).status()


def test_hits_are_read_to_the_end_however_many_there_are(tmp_path: Path, start_server: type[Server]) -> None:
    stories = [make_story(str(n), title="Tide") for n in range(10_150)]
    client = Client(start_server(build_stories(tmp_path / "index", stories)).url)
    assert len({hit["id"] for hit in client.search("tide", fields="id")}) == len(stories)


def test_an_export_that_the_server_could_not_finish_is_a_problem_after_its_lines() -> None:
    problem = b'{"type":"/problems/internal","status":500,"code":"internal","detail":"the answer broke off here"}\n'
    story = b'{"id":"1","title":"One"}\n'
    with fake_server(lambda path: (200, {}, story + problem)) as url:
        lines = Client(url).export()
        assert next(lines) == story
        with pytest.raises(Problem, match="broke off") as raised:
            next(lines)
    assert (raised.value.status, raised.value.code) == (500, "internal")
