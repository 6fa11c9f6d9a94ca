"""A cursor leads to the end of any result, of the generation and the search it was made for."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import MakeClient
from tests.api.helpers import check_problem, every_page, faults_of, get
from tests.api.html import get_page
from tests.support.factories import build_stories, make_story

LISTS = ["/v1/search?q=ferry", "/v1/search?sort=oldest", "/v1/stories?", "/v1/sources?", "/v1/publishers?"]


@pytest.mark.parametrize("url", LISTS)
def test_cursors_lead_through_the_same_results_as_pages(client: FlaskClient, url: str) -> None:
    pages = list(every_page(client, f"{url}&per_page=7"))
    answer = get(client, f"{url}&per_page=7")
    read = [answer["results"]]
    while answer["next_cursor"]:
        answer = get(client, f"{url}&per_page=7&cursor={answer['next_cursor']}")
        read.append(answer["results"])
    assert read == [page["results"] for page in pages]
    assert (answer["page"], answer["links"]["next"]) == (len(pages), None)


def test_the_size_of_a_page_may_change_on_the_way(client: FlaskClient) -> None:
    whole = [hit["id"] for hit in get(client, "/v1/search?q=ferry&per_page=100")["results"]]
    first = get(client, "/v1/search?q=ferry&per_page=3")
    then = get(client, f"/v1/search?q=ferry&per_page=5&cursor={first['next_cursor']}")
    assert [hit["id"] for hit in first["results"] + then["results"]] == whole[:8]


def test_links_go_on_with_cursors_where_pages_end(tmp_path: Path, make_client: MakeClient) -> None:
    stories = [make_story(f"{n:05}", title="Tide") for n in range(10_030)]
    client = make_client(build_stories(tmp_path / "index", stories))
    last = get(client, "/v1/search?q=tide&fields=id&per_page=100&page=100")
    assert "cursor=" in last["links"]["next"]
    beyond = get(client, last["links"]["next"])
    assert [hit["id"] for hit in beyond["results"]] == [f"{n:05}" for n in range(10_000, 10_030)]
    assert (beyond["page"], beyond["links"]["next"], beyond["next_cursor"]) == (101, None, None)
    assert beyond["links"]["first"] == "/v1/search?q=tide&fields=id&per_page=100"
    # Pages for readers and feeds have cursors of their own.
    page = get_page(client, "/search?q=tide&per_page=100&page=100")
    assert len(get_page(client, page.one("a", rel="next").get("href") or "").all("article", class_="card")) == 30
    feed = client.get("/v1/feeds/search.json?q=tide&per_page=100&page=100").get_json(force=True)
    assert len(client.get(feed["next_url"]).get_json(force=True)["items"]) == 30


def test_a_cursor_of_another_generation_is_stale(tmp_path: Path, make_client: MakeClient) -> None:
    root = build_stories(tmp_path / "index", [make_story(str(n)) for n in range(3)])
    client = make_client(root)
    cursor = get(client, "/v1/stories?per_page=1")["next_cursor"]
    build_stories(root, [make_story(str(n)) for n in range(3)])
    check_problem(client.get(f"/v1/stories?per_page=1&cursor={cursor}"), 410, "stale_cursor")


@pytest.mark.parametrize(
    "url", ["/v1/search?q=night", "/v1/search?q=ferry&sort=oldest", "/v1/stories?", "/v1/sources?"]
)
def test_a_cursor_of_another_search_is_refused(client: FlaskClient, url: str) -> None:
    cursor = get(client, "/v1/search?q=ferry&per_page=1")["next_cursor"]
    assert faults_of(client.get(f"{url}&cursor={cursor}")) == [("cursor", "invalid_value")]


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_cursor_that_was_changed_is_refused(client: FlaskClient, data: st.DataObject) -> None:
    cursor = get(client, "/v1/search?q=ferry&per_page=1")["next_cursor"]
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    changed = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    # A letter changed in the generation's name is a cursor of another generation.
    assert client.get(f"/v1/search?q=ferry&per_page=1&cursor={changed}").status_code in (400, 410)


@pytest.mark.parametrize("cursor", ["", "x", "%00", "AAAA", "a" * 500, "🙂", "W10", "=" * 9])
def test_what_is_no_cursor_is_refused(client: FlaskClient, cursor: str) -> None:
    response = client.get("/v1/search", query_string={"cursor": cursor})
    assert faults_of(response) == [("cursor", "invalid_value")]
