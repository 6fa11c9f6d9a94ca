"""/v1/stories/{id}.jsonld: a story as schema.org's NewsArticle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from index.documents import checks
from tests.api.conftest import MakeClient
from tests.api.helpers import Json, check_problem, get
from tests.support.factories import build_stories, make_story


def article_of(client: FlaskClient, ident: str) -> Json:
    response = client.get(f"/v1/stories/{ident}.jsonld")
    assert (response.status_code, response.mimetype) == (200, "application/ld+json")
    article: Json = json.loads(response.data)
    return article


@pytest.mark.parametrize("base", ["", "https://news.example.com"])
def test_a_story_is_a_news_article(make_client: MakeClient, sample_index: Path, base: str) -> None:
    client = make_client(sample_index, base)
    article, story = article_of(client, "31001"), get(client, "/v1/stories/31001")
    assert (article["@context"], article["@type"]) == ("https://schema.org", "NewsArticle")
    assert article["url"] == article["@id"] == article["mainEntityOfPage"] == story["share_url"]
    assert article["headline"] == story["title"]
    assert article["alternativeHeadline"] == story["short_title"]
    assert article["description"] == story["summary"]
    assert article["datePublished"] == story["published_at"]
    assert article["author"] == {"name": story["curated_by"]}
    assert article["image"] == [story["image_url"]]
    assert article["keywords"] == ["Robotics"]
    assert all(
        part["text"] in article["articleBody"] for section in story["sections"] for part in section["paragraphs"]
    )
    assert article["publisher"] == {"@type": "Organization", "name": "Outpost", "url": f"{base}/"}


def test_its_sources_are_cited_by_their_position(client: FlaskClient) -> None:
    cited, sources = article_of(client, "31001")["citation"], get(client, "/v1/stories/31001")["sources"]
    assert [one["position"] for one in cited] == [source["n"] for source in sources] == [1, 2, 3]
    for one, source in zip(cited, sources, strict=True):
        assert one["@type"] == "Article"
        assert (one["url"], one["headline"]) == (source["url"], source["title"])
        assert one["publisher"]["name"] == source["publisher"]["name"]
        assert one.get("author") == ({"name": source["author"]} if source["author"] else None)
        assert one.get("description", "") == source["excerpt"]


def test_what_a_story_does_not_say_is_left_out(make_client: MakeClient, tmp_path: Path) -> None:
    client = make_client(build_stories(tmp_path / "index", [make_story("1", sources=[{}])]))
    article = article_of(client, "1")
    assert article["citation"] == [{"@type": "Article", "position": 1}]
    assert article.keys() == {
        "@context", "@type", "@id", "identifier", "url", "mainEntityOfPage", "headline", "inLanguage", "publisher",
        "citation",
    }  # fmt: skip


def test_a_story_that_was_never_there_is_404(client: FlaskClient) -> None:
    assert check_problem(client.get("/v1/stories/3100.jsonld"), 404, "not_found")["near"]


def test_an_index_of_ids_that_end_like_linked_data_still_answers(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Builds refuse them; indexes that were built before have them.
    monkeypatch.setattr(checks, "_fits_url_path", lambda ident: True)
    client = make_client(
        build_stories(tmp_path / "index", [make_story("a.jsonld"), make_story("b"), make_story("b.jsonld")])
    )
    assert article_of(client, "a.jsonld")["identifier"] == "a.jsonld"
    assert article_of(client, "b")["identifier"] == "b"
