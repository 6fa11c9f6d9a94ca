"""/v1/export/stories.ndjson and /v1/lookup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from index.indexer import build_index
from tests.api.conftest import MakeClient
from tests.api.helpers import every_page, faults_of, get
from tests.support.factories import SAMPLE

EXPORT = "/v1/export/stories.ndjson"


def test_what_is_exported_can_be_built_again_and_is_exported_the_same(
    client: FlaskClient, tmp_path: Path, make_client: MakeClient
) -> None:
    exported = client.get(EXPORT).data
    (tmp_path / "again.ndjson").write_bytes(exported)
    build_index(tmp_path / "index", [tmp_path / "again.ndjson"])
    assert make_client(tmp_path / "index").get(EXPORT).data == exported
    given = [json.loads(line) for line in SAMPLE.read_bytes().splitlines()]
    assert {line["id"]: line["title"] for line in map(json.loads, exported.splitlines())} == {
        story["id"]: story["title"] for story in given
    }


@pytest.mark.parametrize("query", ["", "q=ferry", "q=ferry&sort=oldest", "topic=transport", "q=nowhereword"])
def test_it_is_the_search_to_its_end_and_in_its_order(client: FlaskClient, query: str) -> None:
    response = client.get(f"{EXPORT}?{query}")
    assert response.mimetype == "application/x-ndjson"
    ids = [json.loads(line)["id"] for line in response.data.splitlines()]
    pages = every_page(client, f"/v1/search?per_page=20&{query}")
    assert ids == [hit["id"] for page in pages for hit in page["results"]]


def test_the_index_is_held_from_the_first_line_on_until_the_answer_is_closed(client: FlaskClient) -> None:
    live = client.application.extensions["outpost.index"]
    before = _count_users(live)
    response = client.get(EXPORT)
    lines = response.iter_encoded()
    next(lines)
    held = _count_users(live)
    response.close()
    assert (held - before, _count_users(live) - before) == (1, 0)


def _count_users(live: Any) -> int:
    return int(live._open._users)


def test_the_stories_that_cite_an_article_are_found_by_its_url_in_any_spelling(client: FlaskClient) -> None:
    sources = [one for page in every_page(client, "/v1/sources?per_page=100") for one in page["results"]]
    source = next(one for one in sources if len(one["story_ids"]) > 1 and one["url"])
    bare = source["url"].partition("://")[2]
    for url in (source["url"], f"HTTP://www.{bare}/?utm_source=x#top", f"https://{bare}"):
        answer = get(client, "/v1/lookup", url=url)
        assert {story["id"] for story in answer["results"]} == set(source["story_ids"])
        assert answer["total"] == len(source["story_ids"])
        times = [story["published_at"] for story in answer["results"]]
        assert times == sorted(times, reverse=True)
    first = get(client, "/v1/lookup", url=source["url"], per_page=1, fields="title")
    assert list(first["results"][0]) == ["id", "title"]
    assert first["links"]["next"]


def test_an_article_that_nobody_cites_has_no_stories(client: FlaskClient) -> None:
    assert get(client, "/v1/lookup", url="https://example.com/never-seen")["results"] == []


@pytest.mark.parametrize(
    ("query", "code"),
    [("", "missing"), ("url=", "invalid_value"), ("url=example.com/a", "invalid_value"),
     ("url=file:///etc/passwd", "invalid_value"), ("url=https://", "invalid_value"),
     ("url=https://e.com/" + "a" * 2000, "invalid_value")],
)  # fmt: skip
def test_what_is_no_url_is_refused(client: FlaskClient, query: str, code: str) -> None:
    assert faults_of(client.get(f"/v1/lookup?{query}")) == [("url", code)]
