"""What happens when a cluster of three real nodes fails: nothing is lost, and what fails is told."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from api.app import create_app
from index.engines.opensearch.address import ClusterAddress
from index.engines.opensearch.bulk import send_lines
from index.engines.opensearch.client import Cluster
from index.engines.opensearch.documents import index_line
from index.errors import BuildFailed, IndexUnavailable
from index.indexer import build_index
from index.live import LiveIndex
from index.query import SearchQuery
from index.search import search_stories
from index.settings import Settings
from index.stores.cluster import ClusterStore
from tests.api.helpers import check_problem
from tests.factories import make_story, write_stories
from tests.node import Node, NoNode, run_nodes

pytestmark = pytest.mark.xdist_group("opensearch")
STORIES = 2_000


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest) -> Iterator[list[Node]]:
    if not request.config.getoption("--faults"):
        pytest.skip("killing nodes of a cluster of three takes two minutes: --faults does it")
    try:
        with run_nodes(3, heap="384m") as nodes:
            yield nodes
    except NoNode as error:
        if os.environ.get("OPENSEARCH_REQUIRED"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = (make_story(str(n), title=f"Ferry {n}", summary="A robot at the harbour. " * 20) for n in range(STORIES))
    return write_stories(tmp_path_factory.mktemp("faults") / "stories.ndjson", made)


@pytest.fixture
def address(nodes: list[Node], tmp_path: Path) -> ClusterAddress:
    wait_for(nodes, "green")
    hosts = tuple(("127.0.0.1", node.port) for node in nodes)
    return ClusterAddress(hosts, "faults", scratch=tmp_path)


def wait_for(nodes: list[Node], status: str) -> None:
    asked = f"_cluster/health?wait_for_status={status}&wait_for_nodes={len(nodes)}&timeout=60s"
    assert requests.get(f"{nodes[0].url}/{asked}", timeout=90).status_code == 200


def revive(nodes: list[Node]) -> None:
    for node in nodes:
        if not node.runs:
            node.start("384m")
    for node in nodes:
        node.wait(f"/_cluster/health?wait_for_nodes={len(nodes)}&timeout=30s")


def test_a_node_killed_under_load_fails_no_request_where_there_are_replicas(
    nodes: list[Node], address: ClusterAddress, stories: Path
) -> None:
    build_index(ClusterStore(address, shards=3, replicas=1), [stories])
    wait_for(nodes, "green")
    settings = Settings(index=address.scratch, engine=str(address))
    app = create_app(settings)
    statuses: list[int] = []
    done = threading.Event()

    def ask(worker: int) -> None:
        client = app.test_client()
        for n in range(100_000):
            if done.is_set():
                return
            response = client.get(f"/v1/search?q=ferry+{n % STORIES}&page={worker}")
            statuses.append(response.status_code)

    threads = [threading.Thread(target=ask, args=(n + 1,)) for n in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(statuses) > 50)
    nodes[2].kill()
    asked = len(statuses)
    wait_until(lambda: len(statuses) > asked + 300)
    done.set()
    for thread in threads:
        thread.join()
    revive(nodes)
    assert set(statuses) == {200}


def test_a_node_killed_during_a_build_loses_no_story(nodes: list[Node], address: ClusterAddress, stories: Path) -> None:
    killed: list[int] = []

    def kill(count: int, share: float) -> None:
        if count == STORIES // 2:
            nodes[2].kill()
            killed.append(count)

    # With no replicas a shard is away with its node, and the build waits for it.
    timer = threading.Timer(3.0, lambda: nodes[2].start("384m"))
    timer.start()
    try:
        report = build_index(ClusterStore(address, shards=3, replicas=1), [stories], progress=kill)
        assert killed
        assert report.status.stories == STORIES
        with LiveIndex(address).borrow() as generation:
            assert search_stories(generation, SearchQuery(limit=0)).total == STORIES
    finally:
        timer.join()
        revive(nodes)


def test_a_cluster_that_goes_away_and_comes_back_needs_no_restart(
    nodes: list[Node], address: ClusterAddress, stories: Path
) -> None:
    build_index(ClusterStore(address, shards=1, replicas=2), [stories])
    app = create_app(Settings(index=address.scratch, engine=str(address)))
    client = app.test_client()
    assert client.get("/v1/search?q=ferry").status_code == 200
    for node in nodes:
        node.kill()
    response = client.get("/v1/search?q=robot")
    check_problem(response, 503, "index_unavailable")
    assert response.headers["Retry-After"]
    check_problem(client.get("/readyz"), 503, "index_unavailable")
    # One that starts while the cluster is away.
    late = create_app(Settings(index=address.scratch, engine=str(address))).test_client()
    check_problem(late.get("/readyz"), 503, "index_unavailable")
    revive(nodes)
    wait_for(nodes, "green")
    for one in (client, late):
        wait_until(lambda one=one: one.get("/readyz").status_code == 200)
        assert json.loads(one.get("/v1/search?q=robot&per_page=1").data)["total"] == STORIES


def test_an_index_with_a_missing_shard_answers_nothing_rather_than_a_part(
    nodes: list[Node], address: ClusterAddress, stories: Path
) -> None:
    build_index(ClusterStore(address, shards=3, replicas=0), [stories])
    with LiveIndex(address).borrow() as generation:
        held = requests.get(f"{nodes[0].url}/_cat/shards/faults?h=node,prirep&format=json", timeout=30).json()
        assert {shard["node"] for shard in held} == {"node-0", "node-1", "node-2"}
        nodes[2].kill()
        try:
            with pytest.raises(IndexUnavailable):
                search_stories(generation, SearchQuery(limit=0))
        finally:
            revive(nodes)
            wait_for(nodes, "green")
        assert search_stories(generation, SearchQuery(limit=0)).total == STORIES


def wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- answers that no cluster gives on demand ---------------------------------------------------------------


class Scripted:
    """A server that answers bulk requests as ``answers`` says, one after the other; all others with ``status``."""

    def __init__(self, status: int = 200, answers: tuple[list[int], ...] = ()) -> None:
        self.asked: list[str] = []
        self._answers = iter(answers)
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                scripted.asked.append(body.decode())
                statuses = next(scripted._answers, None) if self.path.startswith("/_bulk") else None
                self.send_response(status if statuses is None else 200)
                items = [{"index": {"status": one, "error": {"reason": f"no {one}"}}} for one in statuses or ()]
                text = json.dumps({"errors": any(one > 299 for one in statuses or ()), "items": items}).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = ClusterAddress((("127.0.0.1", self.server.server_port),), "scripted")


@pytest.fixture
def script() -> Iterator[Callable[..., Scripted]]:
    started: list[Scripted] = []

    def start(*args: object) -> Scripted:
        started.append(Scripted(*args))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


LINES = [index_line("i", ident, f"story {ident}", {}) for ident in "abc"]


def test_what_the_cluster_has_no_room_for_is_sent_again_and_nothing_else(script: Callable[..., Scripted]) -> None:
    scripted = script(200, ([201, 429, 503], [429, 201], [201]))
    send_lines(Cluster(scripted.address), LINES)
    assert [[ident for ident in "abc" if f'"_id":"{ident}"' in body] for body in scripted.asked] == [
        ["a", "b", "c"],
        ["b", "c"],
        ["b"],
    ]


def test_what_the_cluster_refuses_is_told_with_its_story(script: Callable[..., Scripted]) -> None:
    scripted = script(200, ([201, 400, 409],))
    with pytest.raises(BuildFailed, match=r"story b: no 400; story c: no 409"):
        send_lines(Cluster(scripted.address), LINES)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_password_is_told_and_not_shown(
    status: int, script: Callable[..., Scripted], caplog: pytest.LogCaptureFixture
) -> None:
    address = replace(script(status).address, user="desk", password="correct-horse")
    with pytest.raises(IndexUnavailable, match="refuses the credentials") as caught:
        build_index(address, [])
    assert "correct-horse" not in str(caught.value) + repr(caught.value) + caplog.text
