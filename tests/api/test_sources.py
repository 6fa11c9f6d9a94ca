"""/v1/sources: the articles behind the stories."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.api.helpers import Json, every_page, get


def sources(client: FlaskClient, **parameters: object) -> list[Json]:
    results: list[Json] = get(client, "/v1/sources", **{"per_page": 100, **parameters})["results"]
    return results


def test_every_source_of_every_story_is_listed_once(client: FlaskClient) -> None:
    listed = [source for page in every_page(client, "/v1/sources?per_page=50") for source in page["results"]]
    cited: dict[str, list[str]] = {}
    for page in every_page(client, "/v1/stories?fields=id&per_page=50"):
        for story in page["results"]:
            for source in get(client, f"/v1/stories/{story['id']}/sources")["results"]:
                cited.setdefault(source["id"], []).append(story["id"])
    assert len({source["id"] for source in listed}) == len(listed)
    assert {source["id"]: sorted(source["story_ids"]) for source in listed} == {
        ident: sorted(set(ids)) for ident, ids in cited.items()
    }
    assert any(len(source["story_ids"]) > 1 for source in listed)


def test_without_words_sources_are_newest_first_and_undated_last(client: FlaskClient) -> None:
    listed = [source for page in every_page(client, "/v1/sources?per_page=50") for source in page["results"]]
    times = [source["published_at"] or "" for source in listed]
    assert times == sorted(times, reverse=True)
    assert "" in times
    assert {source["score"] for source in listed} == {0}


def test_with_words_sources_are_by_relevance_and_hold_them(client: FlaskClient) -> None:
    hits = sources(client, q="robot")
    scores = [source["score"] for source in hits]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    for source in hits:
        words = f"{source['title']} {source['excerpt']} {source['author']} {source['publisher']}"
        assert "robot" in words.lower()


@pytest.mark.parametrize(
    ("text", "key"), [("title:robot", "title"), ("excerpt:missed", "excerpt"), ("author:wetherby", "author")]
)
def test_words_can_name_a_field(client: FlaskClient, text: str, key: str) -> None:
    hits = sources(client, q=text)
    assert hits
    assert all(text.partition(":")[2] in source[key].lower() for source in hits)


def test_sources_are_narrowed_by_publisher_and_story(client: FlaskClient) -> None:
    ledger = sources(client, publisher="harbor-ledger")
    assert ledger
    assert {source["publisher"]["id"] for source in ledger} == {"harbor-ledger"}
    assert sources(client, publisher="Harbor Ledger") == ledger
    total = get(client, "/v1/sources")["total"]
    assert get(client, "/v1/sources", publisher="-harbor-ledger")["total"] == total - len(ledger)
    of_story = sources(client, story="31001")
    assert {source["id"] for source in of_story} == {
        source["id"] for source in get(client, "/v1/stories/31001/sources")["results"]
    }
    assert sources(client, story="never") == sources(client, story="") == []


def test_an_undated_source_is_in_no_range_of_time(client: FlaskClient) -> None:
    dated = sum(bool(source["published_at"]) for source in sources(client, **{"per_page": 100, "page": 1}))
    assert dated
    for query in ({"from_": "1600-01-01"}, {"to": "2199-12-31"}):
        answer = get(client, "/v1/sources", **query)
        assert answer["total"] < get(client, "/v1/sources")["total"]
        assert all(source["published_at"] for source in answer["results"])


def test_a_source_by_itself_is_the_one_in_the_list(client: FlaskClient) -> None:
    for source in sources(client)[:20]:
        score = source.pop("score")
        assert score == 0
        assert get(client, f"/v1/sources/{source['id']}") == source


def test_a_hostile_source_is_kept_as_sent(hostile: FlaskClient) -> None:
    (source,) = sources(hostile, publisher="<b>Quotes</b>")
    assert source["url"] == """https://quotes.example.com/a?x="y"&z='w'&t=<b>"""
    assert source["title"] == "<script>robot</script>"
    assert source["author"] == "O'Hara <o@example.com>"
    assert source["published_at"] == "2025-02-28T22:00:00Z"
    assert source["publisher"]["name"] == "<b>Quotes</b>"
    assert get(hostile, f"/v1/sources/{source['id']}")["excerpt"] == '"quoted" & <marked>'


def test_an_empty_source_is_found_under_its_story_and_position(hostile: FlaskClient) -> None:
    for number in (1, 2):
        source = get(hostile, f"/v1/sources/empty-sources:{number}")
        assert (source["url"], source["publisher"], source["story_ids"]) == (None, None, ["empty-sources"])
    assert hostile.get("/v1/sources/empty-sources:3").status_code == 404
