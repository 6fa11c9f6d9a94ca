"""/v1/publishers: who publishes the sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import MakeClient
from tests.api.helpers import every_page, get
from tests.support.factories import build_stories, make_story


def names(client: FlaskClient, **parameters: object) -> list[str]:
    return [
        publisher["name"] for publisher in get(client, "/v1/publishers", **{"per_page": 100, **parameters})["results"]
    ]


def test_publishers_are_by_story_count_or_by_name(client: FlaskClient) -> None:
    listed = get(client, "/v1/publishers?per_page=100")["results"]
    counts = [publisher["story_count"] for publisher in listed]
    assert counts == sorted(counts, reverse=True)
    assert len(listed) > 5
    assert names(client, sort="name") == sorted(names(client), key=str.casefold)
    assert names(client, sort="stories") == names(client)


@pytest.mark.parametrize("sort", ["stories", "name"])
def test_pages_of_publishers_together_are_the_list(client: FlaskClient, sort: str) -> None:
    pages = list(every_page(client, f"/v1/publishers?per_page=3&sort={sort}"))
    assert [publisher["name"] for page in pages for publisher in page["results"]] == names(client, sort=sort)
    assert {page["total"] for page in pages} == {len(names(client))}


def test_a_publisher_counts_what_its_filter_finds(client: FlaskClient) -> None:
    for publisher in get(client, "/v1/publishers?per_page=100")["results"]:
        ident = publisher["id"]
        assert get(client, f"/v1/publishers/{ident}") == publisher
        assert get(client, "/v1/stories", publisher=ident)["total"] == publisher["story_count"]
        assert get(client, "/v1/sources", publisher=ident)["total"] == publisher["source_count"]


def test_the_facet_and_the_list_say_the_same(client: FlaskClient) -> None:
    facet = get(client, "/v1/search?facets=publisher&facet_size=100")["facets"]["publisher"]
    listed = get(client, "/v1/publishers?per_page=100")["results"]
    assert {value["value"]: (value["label"], value["count"]) for value in facet["values"]} == {
        publisher["id"]: (publisher["name"], publisher["story_count"]) for publisher in listed
    }


def test_q_is_the_beginning_of_words_of_name_or_domain(client: FlaskClient) -> None:
    assert names(client, q="harbor") == names(client, q="HARB") == names(client, q="led har") == ["Harbor Ledger"]
    assert names(client, q="arbor") == []
    assert "Harbor Ledger" in names(client, q="harbor-ledger.example.com")
    assert names(client, q="nowhere") == []


def test_publishers_of_other_scripts_and_of_markup_are_kept(hostile: FlaskClient) -> None:
    assert sorted(names(hostile)) == ["<b>Quotes</b>", "plain.example.com", "朝日新聞"]
    assert names(hostile, q="朝日") == ["朝日新聞"]
    (publisher,) = get(hostile, "/v1/publishers", q="quotes")["results"]
    assert publisher["id"].replace("-", "").isalnum()
    assert publisher["domain"] == "quotes.example.com"
    assert publisher["logo_url"] == """https://quotes.example.com/a?x="y"&z='w'&t=<b>"""


def test_one_publisher_is_one_however_it_is_written(make_client: MakeClient, tmp_path: Path) -> None:
    spellings = [{"name": "Reuters"}, {"name": "REUTERS"}, {"name": "Reuters"}, {"name": " reuters "}]
    domains = [{"domain": "cnn.com"}, {"domain": "www.CNN.com"}, {"name": "cnn.com"}, {"name": "www.cnn.com"}]
    stories = [
        make_story(str(number), sources=[{"publisher": first}, {"publisher": second}])
        for number, (first, second) in enumerate(zip(spellings, domains, strict=True))
    ]
    client = make_client(build_stories(tmp_path / "index", stories))
    listed = get(client, "/v1/publishers")["results"]
    assert [(publisher["id"], publisher["story_count"], publisher["source_count"]) for publisher in listed] == [
        ("cnn-com", 4, 4),
        ("reuters", 4, 4),
    ]
    assert get(client, "/v1/publishers/reuters")["name"] == "Reuters"


@pytest.mark.parametrize("ident", ["Harbor-Ledger", "Harbor%20Ledger", "harbor", "never"])
def test_a_publisher_is_asked_for_by_its_exact_id(client: FlaskClient, ident: str) -> None:
    assert client.get(f"/v1/publishers/{ident}").status_code == 404
