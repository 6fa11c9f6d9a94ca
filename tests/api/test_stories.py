"""/v1/stories: the list, a story with its parts, related stories, and the address to share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.pages.assets import ASSET_NAMES
from tests.api.conftest import HOSTILE, MakeClient
from tests.api.helpers import Json, check_problem, every_page, found, get
from tests.support.factories import SAMPLE, build_stories, make_story

LINES: dict[str, Json] = {line["id"]: line for line in map(json.loads, SAMPLE.read_text("utf-8").splitlines())}
STYLE = f"/static/{ASSET_NAMES['outpost.css']}"
KEPT = ("id", "title", "short_title", "summary", "curated_by", "language")


def share_name(client: FlaskClient, ident: str) -> str:
    name: str = get(client, f"/v1/stories/{ident}")["share_url"]
    return name.removeprefix("/s/")


# --- the list ----------------------------------------------------------------------------------------------


def test_the_list_has_every_story_once_newest_first_and_undated_last(client: FlaskClient) -> None:
    stories = [story for page in every_page(client, "/v1/stories?per_page=9") for story in page["results"]]
    assert {story["id"] for story in stories} == LINES.keys()
    assert len(stories) == len(LINES)
    times = [story["published_at"] or "" for story in stories]
    assert times == sorted(times, reverse=True)
    assert times[-4:] == [""] * 4


@pytest.mark.parametrize("query", ["topic=energy", "topic=-energy,-chips", "publisher=harbor-ledger&min_sources=4"])
def test_the_list_has_the_filters_of_the_search(client: FlaskClient, query: str) -> None:
    listed = get(client, f"/v1/stories?per_page=100&{query}")
    searched = get(client, f"/v1/search?per_page=100&{query}")
    assert 0 < listed["total"] == searched["total"] < 72
    assert [story["id"] for story in listed["results"]] == [hit["id"] for hit in searched["results"]]


@pytest.mark.parametrize("name", ["q", "sort", "facets", "highlight", "match", "search_in"])
def test_the_list_has_no_words_to_search_by(client: FlaskClient, name: str) -> None:
    assert client.get(f"/v1/stories?{name}=title").json["code"] == "unknown_parameter"


# --- one story ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", ["31001", "31016", "32002", "32017"])
def test_a_story_is_what_was_put_in(client: FlaskClient, ident: str) -> None:
    line, answer = LINES[ident], get(client, f"/v1/stories/{ident}")
    assert {name: answer[name] for name in KEPT} == {name: line.get(name, "") for name in KEPT} | {
        "language": line.get("language", "en")
    }
    assert answer["published_at"] == line.get("published_at")
    assert answer["image_url"] == line.get("image_url")
    assert [topic["label"] for topic in answer["topics"]] == line.get("topics", [])
    assert [
        (section["heading"], [(part["text"], part["citations"]) for part in section["paragraphs"]])
        for section in answer["sections"]
    ] == [
        (section.get("heading", ""), [(part["text"], part.get("citations", [])) for part in section["paragraphs"]])
        for section in line.get("sections", [])
    ]
    assert answer["source_count"] == len(line.get("sources", [])) == len(answer["sources"])


@pytest.mark.parametrize("story", HOSTILE, ids=lambda story: story.id)
def test_hostile_text_is_kept_as_sent(hostile: FlaskClient, story: Any) -> None:
    answer = get(hostile, f"/v1/stories/{story.id}")
    assert {name: answer[name] for name in KEPT} == {name: getattr(story, name) for name in KEPT}
    assert [source["title"] for source in answer["sources"]] == [source.title for source in story.sources]
    assert [source["url"] for source in answer["sources"]] == [source.url or None for source in story.sources]
    assert [topic["label"] for topic in answer["topics"]] == list(story.topics)
    assert client_can_read(hostile, story.id)


def client_can_read(client: FlaskClient, ident: str) -> bool:
    """JSON that a browser never takes for a page."""
    headers = client.get(f"/v1/stories/{ident}").headers
    return (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("application/json", "nosniff")


def test_times_are_utc_to_the_microsecond_or_null(hostile: FlaskClient) -> None:
    cjk, undated = get(hostile, "/v1/stories/cjk"), get(hostile, "/v1/stories/undated")
    assert (cjk["published_at"], cjk["updated_at"]) == ("2025-03-03T00:00:00Z", None)
    assert (undated["published_at"], undated["updated_at"]) == (None, "2025-03-05T00:00:00.123456Z")


def test_anchors_are_unique_whatever_the_headings_are(hostile: FlaskClient) -> None:
    anchors = [section["anchor"] for section in get(hostile, "/v1/stories/script")["sections"]]
    assert anchors == ["intro", "intro-2", "intro-2-2", "section-4", "section-4-2"]


def test_anchors_are_fragments_and_unique_everywhere(client: FlaskClient) -> None:
    for ident in LINES:
        anchors = [section["anchor"] for section in get(client, f"/v1/stories/{ident}")["sections"]]
        assert len(set(anchors)) == len(anchors)
        assert all(anchor.replace("-", "").isalnum() and anchor.isascii() for anchor in anchors)


def test_publishers_are_distinct_and_in_order_of_appearance(client: FlaskClient) -> None:
    for ident in ("31001", "32002"):
        answer = get(client, f"/v1/stories/{ident}")
        appearing = [source["publisher"]["id"] for source in answer["sources"] if source["publisher"]]
        assert [publisher["id"] for publisher in answer["publishers"]] == list(dict.fromkeys(appearing))


def test_an_article_without_a_word_about_it_is_still_counted(hostile: FlaskClient) -> None:
    answer = get(hostile, "/v1/stories/empty-sources")
    assert answer["source_count"] == 2
    assert answer["publishers"] == []
    assert [source["n"] for source in answer["sources"]] == [1, 2]
    assert [source["id"] for source in answer["sources"]] == ["empty-sources:1", "empty-sources:2"]
    blank = {"url": None, "title": "", "publisher": None, "author": "", "published_at": None, "excerpt": ""}
    assert all(blank.items() <= source.items() for source in answer["sources"])


# --- sources of a story ------------------------------------------------------------------------------------


def test_sources_are_numbered_as_citations_count_them(client: FlaskClient) -> None:
    for ident in LINES:
        answer = get(client, f"/v1/stories/{ident}/sources")
        assert answer.keys() == {"total", "results"}
        assert [source["n"] for source in answer["results"]] == list(range(1, answer["total"] + 1))
        story = get(client, f"/v1/stories/{ident}")
        assert story["sources"] == answer["results"]
        cited = {n for section in story["sections"] for part in section["paragraphs"] for n in part["citations"]}
        assert cited <= {source["n"] for source in answer["results"]}


def test_every_source_of_a_story_can_be_looked_up(client: FlaskClient) -> None:
    for source in get(client, "/v1/stories/31001/sources")["results"]:
        found_source = get(client, f"/v1/sources/{source['id']}")
        assert "31001" in found_source["story_ids"]
        assert found_source["url"] == source["url"]


# --- related -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", ["31001", "31004", "31009", "32002", "32017"])
def test_related_are_curated_then_sharing_then_similar(client: FlaskClient, ident: str) -> None:
    answer = get(client, f"/v1/stories/{ident}/related?limit=20")
    assert answer["total"] == len(answer["results"]) > 0
    reasons = [entry["reason"] for entry in answer["results"]]
    assert reasons == sorted(reasons, key=["curated", "shared_source", "similar"].index)
    ids = [entry["id"] for entry in answer["results"]]
    assert ident not in ids
    assert len(set(ids)) == len(ids)
    curated = [entry["id"] for entry in answer["results"] if entry["reason"] == "curated"]
    assert curated == [other for other in LINES[ident].get("related", []) if other in LINES]
    for entry in answer["results"]:
        assert 0 < entry["score"] <= 1
        assert entry["reason"] != "curated" or entry["score"] == 1


def test_who_shares_a_source_cites_the_same_article(client: FlaskClient) -> None:
    seen = 0
    for ident in LINES:
        own = {source["id"] for source in get(client, f"/v1/stories/{ident}/sources")["results"] if source["url"]}
        for entry in get(client, f"/v1/stories/{ident}/related?limit=20")["results"]:
            if entry["reason"] == "shared_source":
                its = {source["id"] for source in get(client, f"/v1/stories/{entry['id']}/sources")["results"]}
                assert entry["score"] == round(len(own & its) / len(own | its), 4)
                seen += 1
    assert seen


def test_an_id_that_is_not_there_and_the_story_itself_are_passed_over(hostile: FlaskClient) -> None:
    answer = get(hostile, "/v1/stories/a.b~c_d-e/related?limit=2")
    assert [(entry["id"], entry["reason"]) for entry in answer["results"]] == [
        ("script", "curated"),
        ("emoji", "curated"),
    ]


@pytest.mark.parametrize("limit", [1, 2, 5, 20])
def test_fewer_related_are_the_first_of_more(client: FlaskClient, limit: int) -> None:
    more = get(client, "/v1/stories/31001/related?limit=20")["results"]
    assert get(client, f"/v1/stories/31001/related?limit={limit}")["results"] == more[:limit]
    if limit == 5:
        assert get(client, "/v1/stories/31001/related")["results"] == more[:5]
        assert get(client, "/v1/stories/31001?include=related")["related"] == more[:5]


# --- the address to share, where there are no pages ---------------------------------------------------------


@pytest.fixture(scope="module")
def bare(make_client: MakeClient, sample_index: Path) -> FlaskClient:
    """The API alone over the sample."""
    return make_client(sample_index, pages="off")


@pytest.fixture(scope="module")
def bare_hostile(make_client: MakeClient, hostile_index: Path) -> FlaskClient:
    return make_client(hostile_index, pages="off")


@pytest.mark.parametrize("ident", LINES)
def test_a_share_url_leads_to_its_story(bare: FlaskClient, ident: str) -> None:
    response = bare.get(f"/s/{share_name(bare, ident)}")
    assert (response.status_code, response.headers["Location"]) == (302, f"/v1/stories/{ident}")


@pytest.mark.parametrize("story", HOSTILE, ids=lambda story: story.id)
def test_a_share_url_leads_to_its_story_whatever_id_and_title_are(bare_hostile: FlaskClient, story: Any) -> None:
    name = share_name(bare_hostile, story.id)
    assert name.isascii()
    for slug_and_id in (name, f"an-older-title-{story.id}", f"-{story.id}"):
        assert bare_hostile.get(f"/s/{slug_and_id}").headers["Location"] == f"/v1/stories/{story.id}"


@pytest.mark.parametrize("name", ["31001", "x-", "-", "--", "x-never", "x_31001", "x-31001-", "x-31001x", "-" * 500])
def test_a_name_that_ends_in_no_id_leads_nowhere(bare: FlaskClient, name: str) -> None:
    check_problem(bare.get(f"/s/{name}"), 404, "not_found")


def test_a_share_url_finds_its_story_however_long_its_slug_is(bare: FlaskClient) -> None:
    # One cut at its end would lead to the story 3100, if there were one.
    assert bare.get(f"/s/{'x' * 300}-31001").headers["Location"] == "/v1/stories/31001"


def test_the_share_url_of_a_removed_story_is_gone(make_client: MakeClient, tmp_path: Path) -> None:
    root = build_stories(tmp_path / "index", [make_story("a-1"), make_story("b-2")])
    build_stories(root, [make_story("b-2")])
    client = make_client(root, pages="off")
    check_problem(client.get("/s/story-a-1-a-1"), 410, "gone")
    assert client.get("/s/story-b-2-b-2").status_code == 302


@pytest.mark.parametrize("pages", ["/", "/search", "/topics/energy", "/publishers/harbor-ledger", STYLE])
def test_without_pages_there_are_none(bare: FlaskClient, pages: str) -> None:
    check_problem(bare.get(pages, headers={"Accept": "text/html"}), 404, "not_found")


def test_the_document_has_the_share_url_where_it_leads_into_the_api(client: FlaskClient, bare: FlaskClient) -> None:
    documents = [get(one, "/openapi.json") for one in (client, bare)]
    assert documents[1]["paths"].keys() - documents[0]["paths"].keys() == {"/s/{name}"}


def test_the_hostile_corpus_is_all_there(hostile: FlaskClient) -> None:
    assert set(found(hostile)) == {story.id for story in HOSTILE}
