"""What watches a server: /healthz, /readyz, /status and the problems."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from flask.testing import FlaskClient

from api.errors import PROBLEMS
from tests.api.conftest import MakeClient
from tests.api.helpers import get
from tests.support.factories import build_stories, make_story


def test_the_process_is_up_with_or_without_an_index(client: FlaskClient, nowhere: FlaskClient) -> None:
    assert get(client, "/healthz") == get(nowhere, "/healthz") == {"status": "ok"}


def test_ready_is_who_can_search(client: FlaskClient, nowhere: FlaskClient) -> None:
    assert get(client, "/readyz") == {"status": "ready"}
    assert nowhere.get("/readyz").status_code == 503


def test_the_status_counts_what_the_lists_have(client: FlaskClient) -> None:
    status = get(client, "/status")
    assert status["version"] == version("outpost")
    for name in ("stories", "sources", "publishers"):
        assert status[name] == get(client, f"/v1/{name}")["total"]
    assert status["newest_story"] == get(client, "/v1/stories?per_page=1")["results"][0]["published_at"]
    assert status["generation"] == get(client, "/v1/search")["generation"]
    assert status["built_at"].endswith("Z")


def test_the_size_is_that_of_the_files(client: FlaskClient, sample_index: Path) -> None:
    generation = sample_index / "generations" / get(client, "/status")["generation"]
    files = [path for path in generation.rglob("*") if path.is_file() and path.name != "manifest.json"]
    assert get(client, "/status")["bytes"] == sum(path.stat().st_size for path in files)


def test_the_status_follows_a_build(make_client: MakeClient, tmp_path: Path) -> None:
    root = build_stories(tmp_path / "index", [make_story("1", published_at="2025-01-01T00:00:00Z")])
    client = make_client(root)
    first = get(client, "/status")
    build_stories(root, [make_story("1"), make_story("2")])
    second = get(client, "/status")
    assert (first["stories"], second["stories"]) == (1, 2)
    assert (first["newest_story"], second["newest_story"]) == ("2025-01-01T00:00:00Z", None)
    assert first["generation"] != second["generation"]
    assert first["built_at"] <= second["built_at"]


def test_one_story_with_nothing_but_a_title_is_an_index(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(build_stories(tmp_path / "index", [make_story()]))
    assert get(client, "/readyz") == {"status": "ready"}
    assert get(client, "/v1/search?facets=topic")["facets"]["topic"] == {"values": [], "other": 0, "missing": 1}
    for path in ("/v1/search?q=nowhereword", "/v1/sources", "/v1/publishers"):
        answer = get(client, path)
        assert (answer["total"], answer["pages"], answer["results"]) == (0, 0, [])


def test_every_problem_has_a_sentence_of_its_own(nowhere: FlaskClient) -> None:
    meanings = {get(nowhere, f"/problems/{code}")["meaning"] for code in PROBLEMS}
    assert len(meanings) == len(PROBLEMS)
