"""Algolia's protocol: the same stories, totals and counts as the API has, in the form that widgets read."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from flask.testing import FlaskClient

from index.query.requests import FACETS
from tests.api.helpers import Json, search
from tests.api.instantsearch import MANY, ONE, ask

EVERYTHING = {"hitsPerPage": 100}


def ids_of(client: FlaskClient, index: str = "stories", **parameters: object) -> list[str]:
    return [hit["objectID"] for hit in ask(client, index, **{**EVERYTHING, **parameters})["hits"]]


def found(client: FlaskClient, **parameters: object) -> list[str]:
    return [hit["id"] for hit in search(client, per_page=100, typo="off", **parameters)["results"]]


# --- what is found -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["ferry", "night ferry", '"night ferry" -robot', "title:ferry OR lens", "", "the"])
def test_a_search_finds_what_the_api_finds_in_its_order(client: FlaskClient, words: str) -> None:
    expected = found(client, q=words)
    answer = ask(client, query=words, queryType="prefixNone", typoTolerance=False, hitsPerPage=100)
    assert [hit["objectID"] for hit in answer["hits"]] == expected
    assert answer["nbHits"] == len(expected)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("night ferr", "night (ferr OR ferr*)"), ("lig", "lig OR lig*"), ("ferry ", "ferry"), ("the", "the*")],
)
def test_the_last_word_may_be_unfinished_until_a_blank_follows(client: FlaskClient, typed: str, meant: str) -> None:
    assert ids_of(client, query=typed, typoTolerance=False) == found(client, q=meant) != []


def test_every_word_may_be_unfinished_where_that_is_asked_for(client: FlaskClient) -> None:
    assert ids_of(client, query="nigh ferr ", queryType="prefixAll") == found(client, q="nigh* ferr*") != []


def test_a_query_that_finds_nothing_is_corrected_as_in_the_api(client: FlaskClient) -> None:
    answer = ask(client, query="nihgt ferrry ", hitsPerPage=100)
    assert answer["parsedQuery"] == "night ferry"
    assert [hit["objectID"] for hit in answer["hits"]] == found(client, q="night ferry")
    assert ask(client, query="nihgt ferrry ", typoTolerance="false")["nbHits"] == 0


def test_optional_words_count_and_need_not_match(client: FlaskClient) -> None:
    both, first = set(found(client, q="ferry robot")), set(found(client, q="ferry"))
    found_ids = ids_of(client, query="ferry robot", optionalWords=["robot"], queryType="prefixNone")
    assert set(found_ids) == first > both
    assert set(found_ids[: len(both)]) == both
    everything = ids_of(client, query="ferry robot", optionalWords="ferry robot", queryType="prefixNone")
    assert set(everything) == set(found(client, q="ferry OR robot"))


def test_words_are_looked_for_in_the_attributes_named(client: FlaskClient) -> None:
    asked = {"query": "ferry", "queryType": "prefixNone", "restrictSearchableAttributes": ["title"]}
    assert ids_of(client, **asked) == found(client, q="ferry", search_in="title") != found(client, q="ferry")


@pytest.mark.parametrize(
    ("index", "sort"),
    [("stories", ""), ("stories_newest", "newest"), ("stories_oldest", "oldest"), ("stories_updated", "updated"),
     ("stories_sources", "sources")],
)  # fmt: skip
@pytest.mark.parametrize("words", ["", "ferry"])
def test_an_index_is_an_order(client: FlaskClient, index: str, sort: str, words: str) -> None:
    expected = found(client, q=words, **({"sort": sort} if sort else {}))
    assert ids_of(client, index, query=words, queryType="prefixNone") == expected


def test_pages_show_every_hit_once_and_count_themselves(client: FlaskClient) -> None:
    pages = [ask(client, query="ferry", page=page, hitsPerPage=3) for page in range(4)]
    assert [hit["objectID"] for page in pages for hit in page["hits"]] == ids_of(client, query="ferry")[:12]
    assert {(page["nbPages"], page["hitsPerPage"]) for page in pages} == {(-(-pages[0]["nbHits"] // 3), 3)}
    assert [page["page"] for page in pages] == [0, 1, 2, 3]
    beyond = ask(client, page=1000, hitsPerPage=100)
    assert (beyond["hits"], beyond["nbHits"]) == ([], 72)
    assert (none := ask(client, hitsPerPage=0))["nbPages"] == 0
    assert none["hits"] == []


# --- filters and facets ------------------------------------------------------------------------------------

FILTERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"facetFilters": ["topic:Energy"]}, {"topic": "energy"}),
    ({"facetFilters": "topic:Energy"}, {"topic": "energy"}),
    ({"facetFilters": [["topic:Energy", "topic:Robotics"]]}, {"topic": "energy,robotics"}),
    ({"facetFilters": "(topic:Energy,topic:Robotics),curator:-Night Desk"},
     {"topic": "energy,robotics", "curator": "-Night Desk"}),
    ({"facetFilters": ["topic:-Energy", "topic:-Robotics"]}, {"topic": "-energy,-robotics"}),
    ({"facetFilters": [["publisher:Harbor Ledger"], "year:2025"]}, {"publisher": "harbor-ledger", "year": "2025"}),
    ({"facetFilters": ["source_count:3"]}, {"min_sources": 3, "max_sources": 3}),
    ({"numericFilters": ["source_count>=4"]}, {"min_sources": 4}),
    ({"numericFilters": ["source_count>3", "source_count<5"]}, {"min_sources": 4, "max_sources": 4}),
    ({"numericFilters": "source_count:2 TO 3"}, {"min_sources": 2, "max_sources": 3}),
    ({"numericFilters": [["source_count<=2.5"]]}, {"max_sources": 2}),
    ({"numericFilters": ["source_count<0"]}, {"topic": "nothing-has-it"}),
    ({"numericFilters": ["published_at_timestamp>=1738368000"]}, {"from": "2025-02-01"}),
    ({"numericFilters": ["published_at_timestamp<1738368000"]}, {"to": "2025-01-31"}),
    ({"filters": "topic:Energy OR topic:Robotics"}, {"topic": "energy,robotics"}),
    ({"filters": "(topic:Energy OR topic:'Robotics') AND NOT curator:\"Night Desk\""},
     {"topic": "energy,robotics", "curator": "-night-desk"}),
    ({"filters": "topic:Energy AND source_count > 3"}, {"topic": "energy", "min_sources": 4}),
    ({"filters": "NOT source_count > 3"}, {"max_sources": 3}),
    ({"filters": "NOT source_count <= 3"}, {"min_sources": 4}),
    ({"filters": "((source_count:2 TO 3)) AND publisher:harbor-ledger"},
     {"publisher": "harbor-ledger", "min_sources": 2, "max_sources": 3}),
    ({"filters": "topic:Energy", "facetFilters": ["year:2025"], "numericFilters": ["source_count>2"]},
     {"topic": "energy", "year": "2025", "min_sources": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("theirs", "ours"), FILTERS)
def test_filters_find_what_those_of_the_api_find(client: FlaskClient, theirs: Json, ours: Json) -> None:
    assert ids_of(client, **theirs) == found(client, **ours)


def test_conditions_on_one_attribute_that_must_both_hold_do(client: FlaskClient) -> None:
    first, second = (
        set(ids_of(client, facetFilters=[f"publisher:{name}"])) for name in ("Harbor Ledger", "Saltmarsh Post")
    )
    both = first & second
    assert set(ids_of(client, facetFilters=["publisher:Harbor Ledger", "publisher:Saltmarsh Post"])) == both != set()
    assert set(ids_of(client, filters='publisher:"Harbor Ledger" AND publisher:"Saltmarsh Post"')) == both


def test_facets_are_counted_under_every_filter_of_their_own_request(client: FlaskClient) -> None:
    filters = [["topic:Energy", "topic:Robotics"], ["publisher:Harbor Ledger"]]
    answer = ask(client, facets=["topic", "publisher", "year"], facetFilters=filters, hitsPerPage=100)
    hits = answer["hits"]
    for name in ("topic", "publisher"):
        counts: dict[str, int] = {}
        for hit in hits:
            for value in dict.fromkeys(hit[name]):
                counts[value] = counts.get(value, 0) + 1
        assert answer["facets"][name] == counts
    assert answer["facets"]["year"] == {"2025": len(hits)}


def test_facets_are_the_values_that_most_have_or_the_first_ones(client: FlaskClient) -> None:
    api = search(client, facets="topic", facet_size=3)["facets"]["topic"]["values"]
    by_count = ask(client, facets="topic", maxValuesPerFacet=3)["facets"]["topic"]
    assert list(by_count.items()) == [(one["label"], one["count"]) for one in api]
    by_name = ask(client, facets=["topic"], sortFacetValuesBy="alpha")["facets"]["topic"]
    assert list(by_name) == sorted(by_name, key=str.casefold)


def test_a_star_counts_everything_there_is_and_says_in_which_order_to_show_it(client: FlaskClient) -> None:
    answer = ask(client, facets=["*"])
    assert answer["facets"].keys() == {*FACETS, "source_count", "published_at_timestamp"}
    assert answer["renderingContent"]["facetOrdering"]["facets"]["order"][0] == "topic"


def test_numbers_have_their_bounds_and_their_mean(client: FlaskClient) -> None:
    asked = {"query": "ferry", "facets": ["source_count", "published_at_timestamp"], "hitsPerPage": 100}
    answer = ask(client, **asked)
    for name in ("source_count", "published_at_timestamp"):
        numbers = [hit[name] for hit in answer["hits"] if hit[name] is not None]
        stats = answer["facets_stats"][name]
        assert (stats["min"], stats["max"], stats["sum"]) == (min(numbers), max(numbers), sum(numbers))
        assert stats["avg"] == pytest.approx(sum(numbers) / len(numbers))
        assert sum(answer["facets"][name].values()) == len(numbers)
    assert "facets_stats" not in ask(client, query="zzzz", facets=["source_count"], typoTolerance=False)


def test_values_of_a_facet_are_found_by_the_beginnings_of_their_words(client: FlaskClient) -> None:
    asked = {"type": "facet", "facet": "publisher", "facetQuery": "le har"}
    expected = [
        {
            "value": "Harbor Ledger",
            "highlighted": "[Har]bor [Le]dger",
            "count": len(found(client, publisher="harbor-ledger")),
        }
    ]
    assert ask(client, **asked, highlightPreTag="[", highlightPostTag="]")["facetHits"] == expected
    # Counted under every filter, its own too: the helper leaves out those that it does not mean.
    narrowed = ask(client, **asked, query="ferry", queryType="prefixNone", facetFilters=["publisher:Saltmarsh Post"])
    both = set(found(client, q="ferry", publisher="harbor-ledger")) & set(
        found(client, q="ferry", publisher="saltmarsh-post")
    )
    assert narrowed["facetHits"][0]["count"] == len(both)
    assert len(ask(client, type="facet", facet="publisher", maxFacetHits=2)["facetHits"]) == 2


# --- hits --------------------------------------------------------------------------------------------------


def test_a_hit_is_the_story_with_labels_and_a_timestamp(client: FlaskClient) -> None:
    (story,) = search(client, q="title:takes", per_page=1, topic="robotics")["results"]
    (hit,) = ask(client, query="title:takes", facetFilters=["topic:Robotics"], hitsPerPage=1)["hits"]
    assert {name: hit[name] for name in story.keys() & hit.keys()} == {
        name: story[name] for name in story.keys() & hit.keys()
    }
    assert hit["objectID"] == story["id"]
    assert (hit["topic"], hit["curator"]) == ([topic["label"] for topic in story["topics"]], story["curated_by"])
    assert hit["publisher"] == [publisher["name"] for publisher in story["publishers"]]
    moment = datetime.fromtimestamp(hit["published_at_timestamp"], UTC)
    assert moment == datetime.fromisoformat(story["published_at"])


def test_hits_have_the_attributes_asked_for(client: FlaskClient) -> None:
    (hit,) = ask(client, attributesToRetrieve=["title"], attributesToHighlight=["summary"], hitsPerPage=1)["hits"]
    assert (hit.keys(), hit["_highlightResult"].keys()) == ({"objectID", "title", "_highlightResult"}, {"summary"})
    (hit,) = ask(client, attributesToRetrieve="*,-title", attributesToHighlight=[], hitsPerPage=1)["hits"]
    assert "title" not in hit
    assert "summary" in hit
    assert "_highlightResult" not in hit


@pytest.mark.parametrize(
    ("pre", "post"), [("__ais-highlight__", "__/ais-highlight__"), ("<script>", "</script>"), ("[", "]")]
)
def test_marks_are_those_of_the_api_between_the_tags_asked_for(client: FlaskClient, pre: str, post: str) -> None:
    asked = {"highlightPreTag": pre, "highlightPostTag": post, "attributesToSnippet": ["body:12"]}
    hits = ask(client, query='"night ferry" robot', queryType="prefixNone", hitsPerPage=100, **asked)["hits"]
    api = search(client, q='"night ferry" robot', per_page=100, snippet_words=12)["results"]
    for hit, story in zip(hits, api, strict=True):
        texts = {**story["highlight"], "body": story["snippet"]["text"]}
        own = {**hit["_highlightResult"], **hit["_snippetResult"]}
        for name in ("title", "summary", *(["body"] if story["snippet"]["field"] == "body" else [])):
            expected = re.sub("</?mark>", lambda tag: post if "/" in tag[0] else pre, texts[name])
            assert own[name]["value"] == html.unescape(expected)
    assert any(pre in hit["_highlightResult"]["title"]["value"] for hit in hits)


def test_texts_come_as_they_are_since_widgets_escape_them(hostile: FlaskClient) -> None:
    asked = {"highlightPreTag": "__ais-highlight__", "highlightPostTag": "__/ais-highlight__"}
    answer = ask(hostile, query="robot", attributesToSnippet=["*:50"], facets=["topic"], **asked)
    (hit,) = (hit for hit in answer["hits"] if hit["objectID"] == "script")
    marked = "__ais-highlight__robot__/ais-highlight__"
    assert hit["_highlightResult"]["title"]["value"] == f'<script>alert("1")</script> {marked} & co'
    assert hit["_snippetResult"]["summary"]["value"].startswith(
        f"Tom & \"Jerry\" say <b>{marked}</b> 'now' &amp; <script>"
    )
    assert f"A {marked} </script><script>alert(2)</script>" in hit["_snippetResult"]["body"]["value"]
    assert "<i>Robotics</i>" in answer["facets"]["topic"]


def test_a_match_says_how_much_of_the_query_it_is(client: FlaskClient) -> None:
    hits = ask(client, query="ferry OR robot", queryType="prefixNone", hitsPerPage=100)["hits"]
    title = {hit["_highlightResult"]["title"]["matchLevel"]: hit["_highlightResult"]["title"] for hit in hits}
    assert set(title["full"]["matchedWords"]) == {"ferry", "robot"}
    assert len(title["partial"]["matchedWords"]) == 1
    assert title["none"]["matchedWords"] == []


def test_an_excerpt_of_a_text_without_a_match_is_its_beginning(client: FlaskClient) -> None:
    (hit,) = ask(
        client,
        query="title:takes",
        facetFilters=["topic:Robotics"],
        attributesToSnippet=["body:5", "summary:3"],
        hitsPerPage=1,
    )["hits"]
    story = client.get(f"/v1/stories/{hit['objectID']}").json
    body = story["sections"][0]["heading"].split()
    assert hit["_snippetResult"]["body"]["value"].startswith(body[0])
    assert hit["_snippetResult"]["summary"] == {
        "value": "".join(re.findall(r"\W*\w+", story["summary"])[:3]) + " …",
        "matchLevel": "none",
    }


def test_ranking_info_tells_the_score(client: FlaskClient) -> None:
    (story,) = search(client, q="ferry", per_page=1)["results"]
    (hit,) = ask(client, query="ferry ", hitsPerPage=1, getRankingInfo=True)["hits"]
    assert hit["_rankingInfo"] == {"score": story["score"]}


def test_sources_are_an_index_too(client: FlaskClient) -> None:
    api = client.get("/v1/sources?q=mabel&per_page=100").json
    asked = {"query": "mabel", "queryType": "prefixNone", "attributesToSnippet": ["title:3"], "hitsPerPage": 100}
    answer = ask(client, "sources", **asked, getRankingInfo=True)
    assert [hit["objectID"] for hit in answer["hits"]] == [source["id"] for source in api["results"]]
    hit, source = answer["hits"][0], api["results"][0]
    assert (hit["publisher"], hit["url"]) == (source["publisher"]["name"], source["url"])
    assert "<em>Mabel</em>" in hit["_highlightResult"]["title"]["value"]
    narrowed = ids_of(
        client, "sources", facetFilters=[["publisher:Harbor Ledger"]], filters="published_at_timestamp < 1738368000"
    )
    assert narrowed == [
        one["id"]
        for one in client.get("/v1/sources?publisher=harbor-ledger&to=2025-01-31&per_page=100").json["results"]
    ]


def test_filters_of_stories_find_no_source_and_are_no_fault(client: FlaskClient) -> None:
    conditions = (
        {"facetFilters": [["topic:Energy"]]},
        {"numericFilters": ["source_count>=1"]},
        {"filters": "year:2025"},
    )
    for filters in conditions:
        answer = ask(client, "sources", **filters, facets=["topic"])
        assert (answer["nbHits"], answer["hits"]) == (0, [])
    everything = ask(client, "sources")["nbHits"]
    assert ask(client, "sources", facetFilters=["topic:-Energy"])["nbHits"] == everything > 0


# --- the protocol ------------------------------------------------------------------------------------------


def test_all_forms_of_a_request_ask_the_same(client: FlaskClient) -> None:
    parameters = {"query": "ferry", "facetFilters": [["topic:Robotics"]], "hitsPerPage": 2}
    encoded = urlencode({name: one if isinstance(one, str) else json.dumps(one) for name, one in parameters.items()})
    forms = [parameters, {"params": parameters}, {"params": encoded}]
    bodies = [
        client.post(path, json={"requests": [{"indexName": "stories", **form} for form in forms]})
        for path in (MANY, "/v1/instantsearch")
    ]
    single = [client.post(ONE, json=form) for form in forms]
    results = [result for body in bodies for result in body.json["results"]] + [one.json for one in single]
    assert len({json.dumps([one["hits"], one["nbHits"], one["query"], one["index"]]) for one in results}) == 1
    assert len(results) == 9
    echoed = dict(parse_qsl(results[0]["params"]))
    assert echoed == {"query": "ferry", "facetFilters": '[["topic:Robotics"]]', "hitsPerPage": "2"}


def test_values_of_a_facet_have_a_path_of_their_own(client: FlaskClient) -> None:
    response = client.post("/1/indexes/stories/facets/topic/query", json={"params": "facetQuery=ro&query=ferry"})
    assert (
        response.json["facetHits"]
        == ask(client, type="facet", facet="topic", facetQuery="ro", query="ferry")["facetHits"]
        != []
    )


def test_what_widgets_send_for_others_is_passed_over(client: FlaskClient) -> None:
    passed = {
        "analytics": False,
        "clickAnalytics": True,
        "userToken": "x",
        "ruleContexts": [],
        "tagFilters": "",
        "facet": None,
    }
    assert ids_of(client, query="ferry", **passed) == ids_of(client, query="ferry")


def test_a_page_of_another_host_may_ask(client: FlaskClient) -> None:
    asked = {
        "Origin": "https://news.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    for path in ("/v1/instantsearch", MANY, ONE):
        answer = client.options(path, headers=asked).headers
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert "POST" in answer["Access-Control-Allow-Methods"]
        allowed = answer["Access-Control-Allow-Headers"].lower()
        assert all(name in allowed for name in ("content-type", "x-algolia-api-key", "x-algolia-application-id"))
        assert (
            client.post(path, json={"requests": []} if path != ONE else {}).headers["Access-Control-Allow-Origin"]
            == "*"
        )
