"""What goes wrong between Outpost and one node is told, shown to nobody who should not see it, and mends by itself.
tests/engines/opensearch/test_killing.py kills nodes of a cluster of three."""

from __future__ import annotations

import json
import logging
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import uuid4

import pytest
import requests
import trustme
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import InvalidSetting, Settings
from index.deadline import Deadline
from index.engines.opensearch.build.bulk import BulkLoader, send_lines
from index.engines.opensearch.connection.address import ClusterAddress
from index.engines.opensearch.connection.client import Cluster, RequestRefused
from index.engines.opensearch.format.documents import index_line
from index.errors import BuildFailed, IndexUnavailable, QueryTimeout
from index.indexer import build_index
from tests.api.helpers import check_problem
from tests.engines.opensearch.servers import PASSWORD, READER, TOKEN, USER, Front, Scripted
from tests.support.factories import make_story, write_stories
from tests.support.hang import fail_if_it_hangs
from tools.opensearch_node import Node

pytestmark = pytest.mark.xdist_group("opensearch")
LINES = [index_line("i", ident, f"story {ident}", {}) for ident in "abc"]


@pytest.fixture
def alias(node: Node) -> Iterator[str]:
    """A name of its own, whose indices are removed at the end."""
    name = f"t{uuid4().hex[:10]}"
    yield name
    requests.delete(f"{node.url}/{name}-*", timeout=30)


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    return write_stories(tmp_path / "in.ndjson", (make_story(f"{n}", title=f"Ferry {n}") for n in range(5)))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> str:
    """The file that names the authority."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


def make_client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


# --- who asks, and whether the cluster is who it says --------------------------------------------------------


@pytest.mark.parametrize("secret", [{"engine_user": USER, "engine_password": PASSWORD}, {"engine_token": TOKEN}])
def test_a_cluster_behind_tls_is_built_and_served_with_a_password_or_a_token(
    secret: dict[str, str], node: Node, alias: str, authority: trustme.CA, ca: str, stories: Path, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with Front(node).run(authority) as port, caplog.at_level(logging.DEBUG):
        settings = Settings(
            index=tmp_path / "scratch", engine=f"opensearch+https://127.0.0.1:{port}/{alias}", engine_ca=ca, **secret
        )
        assert build_index(settings.place, [stories]).status.stories == 5
        client = make_client(settings)
        assert json.loads(client.get("/v1/search?q=ferry").data)["total"] == 5
        assert client.get("/readyz").status_code == 200
    assert PASSWORD not in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("secret", "status"),
    [
        ({}, 401), ({"engine_user": USER, "engine_password": "wrong-horse"}, 401),
        ({"engine_token": "wrong-horse"}, 401), ({"engine_user": READER, "engine_password": PASSWORD}, 403),
    ],
)  # fmt: skip
def test_who_is_not_let_in_is_told_and_no_secret_is(
    secret: dict[str, str], status: int, node: Node, authority: trustme.CA, ca: str, tmp_path: Path, stories: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with Front(node).run(authority) as port, caplog.at_level(logging.DEBUG):
        settings = Settings(index=tmp_path, engine=f"opensearch+https://127.0.0.1:{port}/x", engine_ca=ca, **secret)
        with pytest.raises((IndexUnavailable, BuildFailed), match=rf"refuses the credentials \({status}\)") as caught:
            build_index(settings.place, [stories])
        response = make_client(settings).get("/v1/search?q=ferry")
        body = check_problem(response, 503, "index_unavailable")
    for told in (str(caught.value), repr(caught.value), caplog.text, json.dumps(body)):
        assert "horse" not in told


@pytest.mark.parametrize("fault", ["unknown authority", "another name", "no TLS"])
def test_a_cluster_that_cannot_show_who_it_is_gets_no_password(
    fault: str, node: Node, authority: trustme.CA, ca: str, tmp_path: Path
) -> None:
    name = "search.example.com" if fault == "another name" else "127.0.0.1"
    with Front(node).run(None if fault == "no TLS" else authority, name) as port:
        settings = Settings(
            index=tmp_path, engine=f"opensearch+https://127.0.0.1:{port}/x", engine_user=USER, engine_password=PASSWORD,
            engine_ca="" if fault == "unknown authority" else ca,
        )  # fmt: skip
        with pytest.raises(IndexUnavailable, match="it shows no certificate to trust"):
            build_index(settings.place, [])
        check_problem(make_client(settings).get("/readyz"), 503, "index_unavailable")


def test_a_file_of_authorities_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for file in ("empty.pem", "nowhere.pem", "."):
        env = {"OUTPOST_ENGINE": "opensearch+https://host/x", "OUTPOST_ENGINE_CA": str(tmp_path / file)}
        with pytest.raises(InvalidSetting, match="OUTPOST_ENGINE_CA"):
            Settings.from_env(env)


# --- away, red, slow -----------------------------------------------------------------------------------------


def test_a_cluster_that_is_away_at_the_start_and_in_between_is_503_until_it_is_back(
    node: Node, alias: str, stories: Path, tmp_path: Path
) -> None:
    front = Front(node)
    with front.run() as port:
        settings = Settings(index=tmp_path / "scratch", engine=f"opensearch://127.0.0.1:{port}/{alias}")
        build_index(settings.place, [stories])
        front.away = True
        client = make_client(settings)
        for turn, there in enumerate((False, True, False, True)):
            front.away = not there
            # Answers that are remembered need no cluster.
            for path in ("/readyz", f"/v1/search?q=ferry&per_page={1 + turn}", f"/v1/stories/{turn}"):
                response = client.get(path)
                if there:
                    assert response.status_code == 200
                else:
                    check_problem(response, 503, "index_unavailable")
                    assert response.headers["Retry-After"]
            assert client.get("/healthz").status_code == 200


def test_a_red_index_is_503(node: Node, alias: str, stories: Path, tmp_path: Path) -> None:
    settings = Settings(index=tmp_path / "scratch", engine=f"opensearch://127.0.0.1:{node.port}/{alias}")
    index = f"{node.url}/{alias}-{build_index(settings.place, [stories]).generation}"
    client = make_client(settings)
    assert client.get("/v1/search?q=ferry").status_code == 200
    held = next(iter(requests.get(f"{index}/_settings", timeout=30).json().values()))["settings"]["index"]
    (shard,) = node.directory.rglob(f"{held['uuid']}/0/index")
    # While it is closed a disk loses the files of its only shard.
    assert requests.post(f"{index}/_close", timeout=30).ok
    shutil.rmtree(shard)
    assert requests.post(f"{index}/_open?wait_for_active_shards=0", timeout=30).ok
    for path in (
        "/readyz",
        "/v1/search?q=ferry&per_page=3",
        "/v1/export/stories.ndjson",
        "/v1/stories/1",
        "/search?q=ferry",
    ):
        response = client.get(path)
        assert response.status_code == 503
        assert response.headers["Retry-After"]


def test_a_search_that_is_not_answered_in_time_is_given_up(node: Node) -> None:
    front = Front(node)
    with front.run() as port:
        cluster = Cluster(ClusterAddress((("127.0.0.1", port),), "x"))
        front.stuck = True
        with pytest.raises(QueryTimeout) as caught:
            cluster.search([("_all", {"size": 0})], Deadline(0.2))
        assert caught.value.seconds == 0.2
        cluster.close()


def test_a_part_of_an_answer_is_no_answer() -> None:
    whole = {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": []}}
    searches = [("a", {"size": 0})]
    with Scripted(body=whole).run() as address:
        assert Cluster(address).search(searches) == [whole]
    with Scripted(body={**whole, "timed_out": True}).run() as address, pytest.raises(QueryTimeout):
        Cluster(address).search(searches)
    with Scripted(body={**whole, "_shards": {"failed": 1}}).run() as address, pytest.raises(IndexUnavailable):
        Cluster(address).search(searches)
    broken = {"responses": [whole, {"status": 503, "error": {"type": "no_shard", "reason": "gone"}}]}
    with Scripted(body=broken).run() as address, pytest.raises(IndexUnavailable, match="gone"):
        Cluster(address).search([*searches, ("b", {"size": 0})])


@pytest.fixture
def dark() -> Iterator[int]:
    """A port where connections are neither taken nor refused, as at a machine that is off: its queue is full."""
    with closing(socket.socket()) as listening, ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            one = waiting.enter_context(closing(socket.socket()))
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def test_a_host_that_is_off_costs_a_second_and_another_one_is_asked(node: Node, dark: int) -> None:
    # Without a time limit of its own a connection would be tried for two minutes.
    addresses = ClusterAddress((("127.0.0.1", dark), ("127.0.0.1", node.port)), "x")
    with fail_if_it_hangs(), closing(Cluster(addresses)) as cluster:
        for _ in range(4):
            assert cluster.send("GET", "/")["version"]
    with (
        fail_if_it_hangs(),
        closing(Cluster(ClusterAddress((("127.0.0.1", dark),), "x"))) as cluster,
        pytest.raises(IndexUnavailable, match="nobody answers"),
    ):
        cluster.send("GET", "/")


@pytest.mark.parametrize(
    ("status", "kind", "asked"),
    [
        (503, "no_master", 5), (429, "rejected", 5), (500, "node_not_connected_exception", 5),
        (500, "search_phase_execution_exception", 5), (500, "null_pointer_exception", 1), (400, "parsing_exception", 1),
    ],
)  # fmt: skip
def test_what_may_pass_in_a_moment_is_asked_again(
    status: int, kind: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.engines.opensearch.connection.client.time.sleep", lambda seconds: None)
    scripted = Scripted(status, body={"error": {"type": kind, "reason": "so it is"}, "status": status})
    refused = pytest.raises((IndexUnavailable, RequestRefused), match=f"{kind}: so it is")
    with scripted.run() as address, closing(Cluster(address)) as cluster, refused:
        cluster.send("GET", "/")
    assert len(scripted.asked) == asked


# --- bulk requests -------------------------------------------------------------------------------------------


def test_what_the_cluster_has_no_room_for_is_sent_again_and_nothing_else() -> None:
    scripted = Scripted(200, ([201, 429, 503], [429, 201], [201]))
    with scripted.run() as address:
        send_lines(Cluster(address), LINES)
    assert [[ident for ident in "abc" if f'"_id":"{ident}"' in body] for body in scripted.asked] == [
        ["a", "b", "c"],
        ["b", "c"],
        ["b"],
    ]


def test_pauses_grow_while_the_cluster_is_busy_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("index.engines.opensearch.build.bulk.time.sleep", pauses.append)
    with (
        Scripted(200, [[429, 429, 429]] * 20).run() as address,
        pytest.raises(BuildFailed, match="too busy for 3 documents, story a the first"),
    ):
        send_lines(Cluster(address), LINES)
    assert pauses == sorted(pauses)
    assert 20 < sum(pauses) < 60
    assert pauses[-1] > 10


def test_what_the_cluster_refuses_is_told_with_its_story() -> None:
    with (
        Scripted(200, ([201, 400, 409],)).run() as address,
        pytest.raises(BuildFailed, match=r"story b: no 400; story c: no 409"),
    ):
        send_lines(Cluster(address), LINES)


def test_a_loader_tells_what_was_refused_by_a_request_under_way() -> None:
    with Scripted(200, ([201, 400, 201],)).run() as address:
        loader = BulkLoader(Cluster(address))
        loader.add_all(LINES)
        with pytest.raises(BuildFailed, match="story b: no 400"):
            loader.finish()
        loader.abort()
