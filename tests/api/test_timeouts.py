"""Whatever reads, marks or describes stories one after the other is given up when the time is over: 504."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from index.engines.columns.search import deadline
from tests.api.conftest import MakeClient
from tests.support.clock import set_clock
from tests.support.factories import build_stories, make_story

_URL = "https://example.com/a"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of a few long stories that are much alike."""
    stories = [
        make_story(
            str(number), title=f"Robot {number}", summary="robot news " * 9000, topics=[f"Robots {number}"],
            published_at=f"2025-01-{number + 1:02}T00:00:00Z",
            sources=[{"url": _URL, "title": "robot"}, {"title": "robot", "publisher": {"name": f"R{number}"}}],
        )
        for number in range(12)
    ]  # fmt: skip
    return build_stories(tmp_path_factory.mktemp("long") / "index", stories)


@pytest.fixture
def client(make_client: MakeClient, root: Path) -> FlaskClient:
    client = make_client(root)
    # Opening the index has searches of its own.
    assert client.get("/status").status_code == 200
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/v1/search?q=robot",
        "/v1/search?q=robot&highlight=false",
        "/v1/search?q=robt",  # corrected
        "/v1/sources?q=robot",
        "/v1/suggest?q=rob",
        "/v1/suggest",
        "/v1/stories/1/related?limit=20",
        "/v1/stories/1?include=related",
        f"/v1/lookup?url={_URL}",
        "/v1/feeds/search.json?q=robot",
        "/v1/feeds/search.rss?q=robot",
        "/v1/feeds/search.atom?q=robot",
        "/search?q=robot",
        "/",
    ],
)
def test_what_goes_through_long_stories_is_given_up_in_time(
    client: FlaskClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, 0.1)
    assert client.get(path).status_code == 504
    monkeypatch.undo()
    monkeypatch.setattr(deadline, "MAX_SECONDS", 60.0)
    assert client.get(path).status_code == 200


def _ask(client: FlaskClient, **search: Any) -> Any:
    return client.post("/v1/instantsearch", json={"requests": [{"indexName": "stories", "query": "robot", **search}]})


@pytest.mark.parametrize(
    "search",
    [
        {},
        {"attributesToSnippet": ["body:20"]},
        {"attributesToSnippet": ["summary"], "attributesToHighlight": []},
        {"attributesToHighlight": [], "attributesToRetrieve": ["title"]},
        {"indexName": "sources"},
        {"type": "facet", "facet": "topic", "facetQuery": "rob", "maxFacetHits": 20},
    ],
)
def test_instantsearch_is_given_up_in_time(
    client: FlaskClient, search: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, 0.1)
    answer = _ask(client, **search)
    assert (answer.status_code, answer.json["status"]) == (504, 504)
    monkeypatch.undo()
    monkeypatch.setattr(deadline, "MAX_SECONDS", 60.0)
    assert _ask(client, **search).status_code == 200


def test_the_clock_is_looked_at_between_the_attributes_of_a_hit(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = set_clock(monkeypatch, 0.001)
    one = {"hitsPerPage": 1, "attributesToHighlight": ["title"]}
    assert _ask(client, **one).status_code == 200
    few, clock.reads = clock.reads, 0
    assert _ask(client, **{**one, "attributesToHighlight": ["*"]}, attributesToSnippet=["title", "summary"]).json
    # Summary, topic, publisher, two excerpts; the curator has no words.
    assert clock.reads >= few + 5
