"""The client, over a real server, and over fake ones that are slow, busy or not Outpost."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter

from outpost_client import ApiError, Client, ClientError, ConnectionFailed, NotFoundError
from tests.e2e.conftest import ROOT, Server
from tests.support.factories import build_stories, make_story

FakeAnswer = tuple[int, dict[str, str], bytes]


@contextmanager
def fake_server(answer: Callable[[str], FakeAnswer]) -> Iterator[str]:
    """Run a server that answers each path with ``answer(path)``; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

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


def test_a_missing_story_and_a_bad_parameter_raise_different_errors(sample_server: Server) -> None:
    client = Client(sample_server.url)
    with pytest.raises(NotFoundError) as missing:
        client.story("../3100")
    assert (missing.value.status, missing.value.code) == (404, "not_found")
    with pytest.raises(ApiError, match="there is no parameter topics") as problem:
        list(client.search("ferry", topics="ai"))
    assert problem.value.code == "unknown_parameter"


def test_a_busy_server_is_retried() -> None:
    paths: list[str] = []

    def answer(path: str) -> FakeAnswer:
        paths.append(path)
        busy = len(paths) < 3
        return (503, {"Retry-After": "0"}, b"{}") if busy else (200, {}, b'{"stories": 1}')

    with fake_server(answer) as url:
        assert Client(url).status() == {"stories": 1}
    assert paths == ["/status"] * 3


def test_a_server_that_stays_busy_is_an_error_after_three_requests() -> None:
    paths: list[str] = []

    def answer(path: str) -> FakeAnswer:
        paths.append(path)
        return 503, {"Retry-After": "0"}, b'{"code": "index_unavailable", "detail": "no index"}'

    with fake_server(answer) as url, pytest.raises(ApiError, match="no index") as problem:
        Client(url).status()
    assert problem.value.status == 503
    assert len(paths) == 3


def test_a_server_that_does_not_answer_in_time_is_a_failed_connection() -> None:
    stopped = threading.Event()

    def answer(path: str) -> FakeAnswer:
        stopped.wait(30)
        return 200, {}, b"{}"

    with fake_server(answer) as url:
        with pytest.raises(ConnectionFailed, match=r"nothing arrived within 0\.1 seconds"):
            Client(url, timeout=0.1).status()
        stopped.set()


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]"])
def test_another_kind_of_server_is_an_error(body: bytes) -> None:
    with fake_server(lambda path: (200, {}, body)) as url, pytest.raises(ClientError):
        Client(url).status()


def test_redirects_are_not_followed() -> None:
    with fake_server(lambda path: (302, {"Location": "http://127.0.0.1:1/"}, b"{}")) as url, pytest.raises(ApiError):
        Client(url).status()


def test_hits_are_read_to_the_end_however_many_there_are(tmp_path: Path, start_server: type[Server]) -> None:
    stories = [make_story(str(n), title="Tide") for n in range(10_150)]
    client = Client(start_server(build_stories(tmp_path / "index", stories)).url)
    assert len({hit["id"] for hit in client.search("tide", fields="id")}) == len(stories)


def test_an_export_that_the_server_could_not_finish_raises_an_error_after_its_lines() -> None:
    problem = b'{"type":"/problems/internal","status":500,"code":"internal","detail":"the answer broke off here"}\n'
    story = b'{"id":"1","title":"One"}\n'
    with fake_server(lambda path: (200, {}, story + problem)) as url:
        lines = Client(url).export()
        assert next(lines) == story
        with pytest.raises(ApiError, match="broke off") as raised:
            next(lines)
    assert (raised.value.status, raised.value.code) == (500, "internal")


def test_an_error_without_a_problem_document_has_its_status() -> None:
    with fake_server(lambda path: (502, {}, b"<html>")) as url:
        with pytest.raises(ApiError, match="502") as error:
            Client(url).status()
        with pytest.raises(ApiError, match="502"):
            list(Client(url).export())
    assert (error.value.status, error.value.code, error.value.body) == (502, "", {})


class RecordingAdapter(HTTPAdapter):
    """Sends requests and remembers their paths."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: object, **options: object) -> requests.Response:
        self.paths.append(request.path_url.partition("?")[0])
        return super().send(request, *args, **options)  # type: ignore[arg-type]


def test_the_client_has_a_method_for_every_endpoint_but_instantsearch(sample_server: Server) -> None:
    client, adapter = Client(sample_server.url), RecordingAdapter()
    client.mount(adapter)
    source = next(client.sources("ferry"))
    for results in (
        client.search("ferry", limit=1), client.stories(limit=1), client.publishers(limit=1),
        client.lookup(source["url"] or "", limit=1), client.export("ferry"),
    ):  # fmt: skip
        assert len(list(results)) > 0
    story, publisher = "31001", "harbor-ledger"
    assert client.suggest("fer")[0]["text"] == "ferry"
    assert client.story(story)["id"] == client.story_jsonld(story)["identifier"] == story
    assert client.related(story)[0]["id"] != story
    assert client.story_sources(story)[0]["n"] == 1
    assert client.source(source["id"])["story_ids"] == source["story_ids"]
    assert client.publisher(publisher)["id"] == publisher
    assert client.facet_values("topic")[0]["count"] > 1
    assert client.timeline("ferry")["total"] == 16
    assert "<feed" in client.feed("atom", "ferry")
    assert "<rss" in client.feed("rss", "ferry")
    assert '"items"' in client.feed("json", "ferry")
    assert client.oembed(client.story(story)["share_url"], maxwidth=400)["type"] == "rich"
    assert "<sitemapindex" in client.sitemap()
    assert "<urlset" in client.sitemap("2025-01-1.xml")
    assert "Sitemap:" in client.robots()
    assert "<OpenSearchDescription" in client.search_description()
    assert client.browser_suggestions("fer")[0] == "fer"
    assert client.status()["stories"] == 72
    assert client.health() == {"status": "ok"}
    assert client.readiness() == {"status": "ready"}
    assert "outpost_index_up" in client.metrics()
    assert client.problem("stale-cursor")["code"] == "stale_cursor"
    document = requests.get(f"{sample_server.url}/openapi.json", timeout=10).json()
    endpoints = {path for path, operations in document["paths"].items() if "get" in operations}
    assert len(endpoints) > 25
    patterns = {path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for path in endpoints}
    assert {path for path, pattern in patterns.items() if not any(map(pattern.fullmatch, adapter.paths))} == set()


def build_wheel(project: Path, directory: Path) -> zipfile.ZipFile:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    (wheel,) = directory.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_the_client_has_a_wheel_of_its_own_that_lives_beside_a_foreign_scripts_package(tmp_path: Path) -> None:
    with build_wheel(ROOT / "client", tmp_path / "wheel") as wheel:
        names = set(wheel.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        required = re.findall("^Requires-Dist: (.*)$", wheel.read(metadata).decode(), re.MULTILINE)
        wheel.extractall(tmp_path / "site-packages")
    assert {name.partition("/")[0] for name in names} == {"outpost_client", metadata.partition("/")[0]}
    assert {"outpost_client/__init__.py", "outpost_client/py.typed"} <= names
    assert required == ["requests>=2.32"]
    (tmp_path / "project" / "scripts").mkdir(parents=True)
    (tmp_path / "project" / "scripts" / "__init__.py").write_text("FOREIGN = True")
    program = "import scripts, outpost_client; print(scripts.FOREIGN, outpost_client.Client.__module__)"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "project", capture_output=True, text=True,
        env={"PYTHONPATH": str(tmp_path / "site-packages")},
    )  # fmt: skip
    assert ran.stdout == "True outpost_client.client\n", ran.stderr


def test_the_client_imports_nothing_but_requests_and_what_requests_needs() -> None:
    imported = set()
    for path in (ROOT / "client" / "outpost_client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
    assert imported - set(sys.stdlib_module_names) == {"outpost_client", "requests", "urllib3"}


def test_the_wheel_of_the_server_has_no_client_tests_or_tools(tmp_path: Path) -> None:
    with build_wheel(ROOT, tmp_path) as wheel:
        packages = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert packages == {"api", "index", "scripts"}
