"""What happens when a cluster of three real nodes fails: nothing is lost, and what fails is told."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from api.app import create_app
from api.settings import Settings
from index.engines.opensearch.connection.address import ClusterAddress
from index.errors import IndexUnavailable
from index.indexer import build_index
from index.live import LiveIndex
from index.query.requests import SearchQuery
from index.stores.cluster import ClusterStore
from tests.api.helpers import check_problem
from tests.engines.opensearch.nodes import run_or_skip
from tests.support.factories import make_story, write_stories
from tools.opensearch_node import Node

pytestmark = pytest.mark.xdist_group("opensearch")
STORIES = 2_000


@pytest.fixture(scope="module", autouse=True)
def _asked_for(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--faults"):
        pytest.skip("killing nodes of a cluster of three takes three minutes: make faults does it")


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Node]]:
    with run_or_skip(3, "384m") as nodes:
        yield nodes


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


def ask_while_a_node_dies(nodes: list[Node], address: ClusterAddress, more: int) -> list[tuple[int, int | None]]:
    """The status and the total of each answer, 50 before and ``more`` after."""
    app = create_app(Settings(index=address.scratch, engine=str(address)))
    answers: list[tuple[int, int | None]] = []
    done = threading.Event()

    def ask(worker: int) -> None:
        client = app.test_client()
        for n in range(100_000):
            if done.is_set():
                return
            # Each in other words: answers that are remembered need no cluster.
            response = client.get(f"/v1/search?q=ferry+OR+{n}x{worker}&typo=off")
            answers.append((response.status_code, (response.json or {}).get("total")))

    threads = [threading.Thread(target=ask, args=(n + 1,)) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(answers) > 50)
        nodes[2].kill()
        asked = len(answers)
        wait_until(lambda: len(answers) > asked + more)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        app.extensions["outpost.index"].close()
    return answers


def test_a_node_killed_under_load_fails_no_request_where_there_are_replicas(
    nodes: list[Node], address: ClusterAddress, stories: Path
) -> None:
    build_index(ClusterStore(address, shards=3, replicas=1), [stories])
    wait_for(nodes, "green")
    answers = Counter(ask_while_a_node_dies(nodes, address, more=300))
    revive(nodes)
    assert answers.keys() == {(200, STORIES)}


def test_a_node_killed_under_load_without_replicas_fails_requests_and_answers_none_in_part(
    nodes: list[Node], address: ClusterAddress, stories: Path
) -> None:
    build_index(ClusterStore(address, shards=3, replicas=0), [stories])
    # Each waits a moment for the node to come back.
    answers = Counter(ask_while_a_node_dies(nodes, address, more=15))
    revive(nodes)
    assert answers.keys() == {(200, STORIES), (503, None)}


def test_a_node_killed_during_a_build_loses_no_story(nodes: list[Node], address: ClusterAddress, stories: Path) -> None:
    # With no replicas a shard is away with its node, and the build waits for it.
    timer = threading.Timer(2.0, lambda: nodes[2].start("384m"))

    def kill(count: int, share: float) -> None:
        if count == STORIES // 2:
            nodes[2].kill()
            timer.start()

    try:
        report = build_index(ClusterStore(address, shards=3, replicas=1), [stories], progress=kill)
        assert report.status.stories == STORIES
        with LiveIndex(address).borrow() as generation:
            assert generation.engine.search_stories(SearchQuery(limit=0)).total == STORIES
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
                generation.engine.search_stories(SearchQuery(limit=0))
        finally:
            revive(nodes)
            wait_for(nodes, "green")
        assert generation.engine.search_stories(SearchQuery(limit=0)).total == STORIES


def test_a_build_that_is_too_fast_for_a_node_loses_no_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.engines.opensearch.build.bulk.CHUNK_BYTES", 300_000)
    made = (make_story(str(n), title=f"Ferry {n}", summary=f"A robot of {n} at sea. " * 60) for n in range(STORIES))
    file = write_stories(tmp_path / "stories.ndjson", made)
    with run_or_skip(1, **{"indexing_pressure.memory.limit": "1mb"}) as (node,):
        address = ClusterAddress((("127.0.0.1", node.port),), "busy", scratch=tmp_path)
        report = build_index(ClusterStore(address, replicas=0), [file])
        pressure = requests.get(f"{node.url}/_nodes/stats/indexing_pressure", timeout=30).json()["nodes"]
        (told,) = (one["indexing_pressure"]["memory"]["total"] for one in pressure.values())
        assert told["coordinating_rejections"] > 0
        assert report.status.stories == STORIES
        with LiveIndex(address).borrow() as generation:
            assert generation.engine.search_stories(SearchQuery(limit=0)).total == STORIES


def wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)
