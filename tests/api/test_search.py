"""/v1/search: what is found, in which order, and how it is shown."""

from __future__ import annotations

import re
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from index.query.requests import Sort
from tests.api.conftest import HOSTILE, MakeClient
from tests.api.helpers import Json, every_page, found, get, search

QUERIES = ["", "robot", "ferry OR harbor", '"night ferry" -robot', "a*", "topic:energy", "the", "-robot"]
FACETS = "topic,publisher,curator,language,domain,year,month"


def hit_of(client: FlaskClient, ident: str, **parameters: Any) -> Json:
    (hit,) = [hit for hit in search(client, **parameters)["results"] if hit["id"] == ident]
    return dict(hit)


# --- the query as understood -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["robot", "  two  words ", "“ferry”", "<think>", "\x00", "é🤖", "((", "%41", "a+b&c=d"]
)
def test_the_query_is_echoed_as_sent(client: FlaskClient, text: str) -> None:
    query = search(client, q=text, typo="off")["query"]
    assert query["q"] == text
    assert (query["corrected"], query["did_you_mean"], query["relaxed"]) == (False, None, None)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", ""),
        ("night ferry", "night ferry"),
        ("“night ferry”", '"night ferry"'),
        ("tide OR wave", "tide OR wave"),
        ("(robot", "robot"),
        ("title:robot -body:ferry", "title:robot -body:ferry"),
        ("nope:robot", "nope robot"),
        ("ferr*", "ferr*"),
    ],
)
def test_the_answer_shows_how_the_query_was_read(client: FlaskClient, text: str, parsed: str) -> None:
    assert search(client, q=text, typo="off")["query"]["parsed"] == parsed


def test_a_query_that_finds_nothing_is_corrected_and_says_so(client: FlaskClient) -> None:
    answer = search(client, q="nihgt ferrry")
    assert answer["query"] == {
        "q": "nihgt ferrry",
        "parsed": "night ferry",
        "corrected": True,
        "did_you_mean": None,
        "match": "all",
        "relaxed": None,
        "sort": "relevance",
    }
    right = search(client, q="night ferry")
    assert answer["total"] == right["total"] > 0
    assert answer["results"] == right["results"]
    assert "<mark>night</mark>" in answer["results"][0]["highlight"]["title"].lower()


def test_a_query_that_no_story_has_all_words_of_finds_those_with_any(client: FlaskClient) -> None:
    answer = search(client, q="ferry zyzzyva")
    assert answer["total"] == search(client, q="ferry")["total"]
    assert (answer["query"]["match"], answer["query"]["relaxed"]) == ("all", "any")
    assert answer["query"]["parsed"] == "ferry OR zyzzyva"


@pytest.mark.parametrize("q", ["nihgt ferrry", "ferry zyzzyva"])
def test_with_typo_off_the_words_are_searched_for_as_typed(client: FlaskClient, q: str) -> None:
    answer = search(client, q=q, typo="off")
    assert (answer["total"], answer["results"]) == (0, [])
    told = answer["query"]
    assert (told["parsed"], told["corrected"], told["did_you_mean"], told["relaxed"]) == (q, False, None, None)


def test_a_correction_that_the_filters_leave_nothing_of_is_told(client: FlaskClient) -> None:
    answer = search(client, q="ferrry", topic="nothing-at-all")
    assert answer["total"] == 0
    assert answer["query"]["did_you_mean"] == "ferry"
    assert not answer["query"]["corrected"]


def test_pages_of_a_corrected_query_together_are_the_list(client: FlaskClient) -> None:
    pages = list(every_page(client, "/v1/search?q=ferrry&per_page=5"))
    assert [hit["id"] for page in pages for hit in page["results"]] == found(client, q="ferry")
    assert all(page["query"]["corrected"] for page in pages)


def test_what_was_read_finds_the_same_again(client: FlaskClient) -> None:
    for text in QUERIES:
        first = search(client, q=text, fields="id")
        again = search(client, q=first["query"]["parsed"], fields="id", sort=first["query"]["sort"])
        assert again["results"] == first["results"]


def test_the_order_is_relevance_with_words_and_newest_without(client: FlaskClient) -> None:
    assert search(client, q="robot")["query"]["sort"] == "relevance"
    assert search(client)["query"]["sort"] == search(client, q=" ")["query"]["sort"] == "newest"
    assert search(client, q="robot", sort="oldest")["query"]["sort"] == "oldest"
    scores = [hit["score"] for hit in search(client, q="robot")["results"]]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    assert {hit["score"] for hit in search(client)["results"]} == {0}


def test_any_finds_what_each_word_finds(client: FlaskClient) -> None:
    each = [set(found(client, q=word)) for word in ("ferry", "robot", "tide")]
    assert set(found(client, q="ferry robot tide", match="any")) == each[0] | each[1] | each[2]
    assert set(found(client, q="ferry robot tide")) == each[0] & each[1] & each[2]
    assert search(client, q="a b", match="any")["query"]["match"] == "any"


def test_words_are_looked_for_where_search_in_says(client: FlaskClient) -> None:
    parts = {name: set(found(client, q="ferry", search_in=name)) for name in ("title", "summary", "body", "sources")}
    assert all(parts.values())
    assert parts["title"] == set(found(client, q="title:ferry"))
    assert parts["sources"] == set(found(client, q="source:ferry"))
    assert set(found(client, q="ferry", search_in="title,sources")) == parts["title"] | parts["sources"]
    assert set(found(client, q="ferry")) == set().union(*parts.values())
    assert set(found(client, q="body:ferry", search_in="title")) == parts["body"]


# --- order and pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", QUERIES)
def test_sorting_changes_neither_total_nor_matches(client: FlaskClient, text: str) -> None:
    answers = [search(client, q=text, sort=sort, per_page=100) for sort in Sort]
    assert len({answer["total"] for answer in answers}) == 1
    assert len({frozenset(hit["id"] for hit in answer["results"]) for answer in answers}) == 1
    assert answers[0]["total_relation"] == "eq"


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("text", ["", "a*", "robot"])
@pytest.mark.parametrize("size", [1, 7, 72])
def test_pages_never_overlap_and_together_are_everything(client: FlaskClient, sort: str, text: str, size: int) -> None:
    whole = search(client, q=text, sort=sort, per_page=100, fields="id")
    first = f"/v1/search?q={text}&sort={sort}&per_page={size}&fields=id"
    pages = list(every_page(client, first))
    assert [hit for page in pages for hit in page["results"]] == whole["results"]
    assert {page["total"] for page in pages} == {whole["total"]} == {len(whole["results"])}
    assert [page["page"] for page in pages] == list(range(1, pages[0]["pages"] + 1))


def test_a_page_beyond_the_end_is_empty_and_leads_back(client: FlaskClient) -> None:
    answer = search(client, q="robot", page=50)
    assert (answer["results"], answer["total"], answer["pages"], answer["links"]["next"]) == ([], 8, 1, None)
    assert get(client, answer["links"]["prev"])["results"]
    nothing = search(client, q="nowhereword", page=3)
    assert (nothing["total"], nothing["pages"], nothing["links"]["prev"]) == (0, 0, None)


def _order(hit: Json, sort: str) -> Any:
    day = hit["published_at"] or ""
    newest = [-ord(letter) for letter in day] or [0]
    match sort:
        case "oldest":
            first: Any = (day == "", day)
        case "updated":
            first = [-ord(letter) for letter in hit["updated_at"] or day] or [0]
        case "sources":
            first = -hit["source_count"]
        case _:
            first = 0
    return (first, newest, hit["id"])


@pytest.mark.parametrize("sort", ["newest", "oldest", "updated", "sources"])
def test_hits_are_in_order_with_ties_by_newest_then_id_and_undated_last(client: FlaskClient, sort: str) -> None:
    hits = search(client, sort=sort, per_page=100)["results"]
    assert hits == sorted(hits, key=lambda hit: _order(hit, sort))
    if sort in ("newest", "oldest"):
        assert {hit["published_at"] for hit in hits[-4:]} == {None}


# --- facets ------------------------------------------------------------------------------------------------


def test_only_the_facets_asked_for_come(client: FlaskClient) -> None:
    assert search(client)["facets"] == {}
    assert list(search(client, facets="language,topic")["facets"]) == ["language", "topic"]


@pytest.mark.parametrize("name", FACETS.split(","))
@pytest.mark.parametrize("others", [{}, {"q": "ferry"}, {"min_sources": 4, "from": "2025-03-01"}])
def test_a_count_is_what_choosing_the_value_finds(client: FlaskClient, name: str, others: dict[str, Any]) -> None:
    facet = search(client, facets=name, facet_size=100, **others)["facets"][name]
    assert facet["values"]
    assert facet["other"] == 0
    for value in facet["values"][:12]:
        assert search(client, **{name: value["value"]}, **others)["total"] == value["count"]
        assert search(client, **{name: value["label"]}, **others)["total"] == value["count"]
        assert value["selected"] is False


@pytest.mark.parametrize("name", FACETS.split(","))
def test_a_facet_ignores_its_own_filter_and_obeys_the_others(client: FlaskClient, name: str) -> None:
    free = search(client, facets=FACETS, facet_size=100)["facets"]
    chosen = free[name]["values"][-1]["value"]
    narrowed = search(client, facets=FACETS, facet_size=100, **{name: chosen})
    own = narrowed["facets"][name]
    assert [(value["value"], value["count"]) for value in own["values"]] == [
        (value["value"], value["count"]) for value in free[name]["values"]
    ]
    assert [value["value"] for value in own["values"] if value["selected"]] == [chosen]
    for other in set(free) - {name}:
        counts = {value["value"]: value["count"] for value in narrowed["facets"][other]["values"]}
        for value, count in list(counts.items())[:5]:
            assert search(client, **{name: chosen, other: value})["total"] == count


@pytest.mark.parametrize("size", [1, 10])
def test_a_selected_value_is_listed_even_at_zero(client: FlaskClient, size: int) -> None:
    answer = search(client, q="nowhereword", topic="sport,nothing-of-this", facets="topic", facet_size=size)
    values = {value["value"]: value for value in answer["facets"]["topic"]["values"]}
    assert values["sport"] == {"value": "sport", "label": "Sport", "count": 0, "selected": True}
    assert values["nothing-of-this"]["count"] == 0
    assert all(value["selected"] for value in values.values())


@pytest.mark.parametrize("size", [1, 3, 100])
def test_values_beyond_the_size_are_added_up(client: FlaskClient, size: int) -> None:
    whole = search(client, facets="topic", facet_size=100)["facets"]["topic"]["values"]
    part = search(client, facets="topic", facet_size=size)["facets"]["topic"]
    assert part["values"] == whole[:size]
    assert part["other"] == sum(value["count"] for value in whole[size:])


def test_values_are_by_count_and_ties_alphabetical(client: FlaskClient) -> None:
    values = search(client, facets="topic,publisher", facet_size=100)["facets"]["topic"]["values"]
    counts = [value["count"] for value in values]
    assert len(set(counts)) < len(counts)
    assert values == sorted(values, key=lambda value: (-value["count"], value["label"].casefold()))
    by_value = search(client, facets="topic", facet_size=100, facet_sort="value")["facets"]["topic"]["values"]
    assert by_value == sorted(values, key=lambda value: value["label"].casefold())


def test_stories_without_a_value_are_counted_as_missing(client: FlaskClient) -> None:
    facets = search(client, facets="topic,curator,publisher")["facets"]
    hits = search(client, per_page=100)["results"]
    assert facets["curator"]["missing"] == sum(not hit["curated_by"] for hit in hits) == 1
    assert facets["topic"]["missing"] == sum(not hit["topics"] for hit in hits)
    assert facets["publisher"]["missing"] == sum(not hit["publishers"] for hit in hits)


# --- marks -------------------------------------------------------------------------------------------------


def _html_of(hit: Json) -> list[str]:
    return [hit["highlight"]["title"], hit["highlight"]["summary"], hit["snippet"]["text"]]


@pytest.mark.parametrize("tag", ["mark", "em", "b", "strong"])
@pytest.mark.parametrize(
    "text", ["robot", "script OR think OR alert", "r*", "", '"jerry say"', "<script>", "amp OR lt OR quot"]
)
@pytest.mark.parametrize("mark", ["true", "false"])
def test_hostile_text_never_comes_out_as_markup(hostile: FlaskClient, tag: str, text: str, mark: str) -> None:
    for words, where in product((5, 100), ("title,summary", "body")):
        options = {"highlight_tag": tag, "highlight": mark, "snippet_words": words, "search_in": where}
        for hit in search(hostile, q=text, **options)["results"]:
            for html in _html_of(hit):
                bare = html.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
                assert not re.search("[<>\"']", bare), html
                assert "&" not in re.sub("&(amp|lt|gt|quot|#x27);", "", bare), html


@pytest.mark.parametrize("story", HOSTILE, ids=lambda story: story.id)
def test_a_highlight_without_its_tags_is_the_text(hostile: FlaskClient, story: Any) -> None:
    for text in ("robot OR think OR ロボット OR script OR amp", "-nowhereword"):
        hits = [hit for hit in search(hostile, q=text, highlight_tag="em")["results"] if hit["id"] == story.id]
        for hit, name in product(hits, ("title", "summary")):
            assert unescape(hit["highlight"][name].replace("<em>", "").replace("</em>", "")) == getattr(story, name)


@pytest.mark.parametrize("text", ["robot", "ロボット", "unknown OR 🤖 OR lands", '"robot & co"', "r*", "𝔘𝔫𝔦", "think"])
def test_matches_are_code_points_of_what_is_marked(hostile: FlaskClient, text: str) -> None:
    for hit in search(hostile, q=text)["results"]:
        for name in ("title", "summary"):
            marked = [unescape(part) for part in re.findall("<mark>(.*?)</mark>", hit["highlight"][name])]
            spans = hit["matches"].get(name, [])
            assert [hit[name][start:end] for start, end in spans] == marked
            assert all(marked)
        assert set(hit["matches"]) <= {"title", "summary"}


def test_an_emoji_counts_as_its_code_points(hostile: FlaskClient) -> None:
    hit = hit_of(hostile, "emoji", q="robot")
    assert hit["title"] == "🤖🚀 robot 👩‍🚀 lands"
    assert hit["matches"] == {"title": [[3, 8]], "summary": [[6, 11]]}
    assert hit["highlight"]["title"] == "🤖🚀 <mark>robot</mark> 👩‍🚀 lands"


def test_a_word_in_angle_brackets_is_a_word(hostile: FlaskClient) -> None:
    hit = hit_of(hostile, "think", q="<think>")
    assert hit["title"] == "<think> is a word"
    assert hit["highlight"]["title"] == "&lt;<mark>think</mark>&gt; is a word"


def test_without_highlight_nothing_is_marked_and_all_keys_stay(client: FlaskClient) -> None:
    plain = search(client, q="robot", highlight="false")["results"]
    marked = search(client, q="robot")["results"]
    assert [hit["id"] for hit in plain] == [hit["id"] for hit in marked]
    for hit in plain:
        assert hit.keys() == marked[0].keys()
        assert not any("<" in html for html in _html_of(hit))
        assert (hit["matches"], hit["matched_sources"]) == ({}, [])


@pytest.mark.parametrize("tag", ["mark", "em", "b", "strong"])
def test_the_tag_is_the_one_asked_for(client: FlaskClient, tag: str) -> None:
    hit = search(client, q="title:robot", highlight_tag=tag)["results"][0]
    assert set(re.findall("</?([a-z]+)>", "".join(_html_of(hit)))) == {tag}


def test_excluded_words_are_not_marked(client: FlaskClient) -> None:
    for hit in search(client, q="ferry -robot")["results"]:
        assert not any("robot" in match.lower() for match in re.findall("<mark>(.*?)</mark>", "".join(_html_of(hit))))


@pytest.mark.parametrize("words", [5, 12, 100])
def test_a_snippet_has_so_many_words_around_a_match(client: FlaskClient, words: int) -> None:
    for hit in search(client, q="ferry", search_in="body", snippet_words=words)["results"]:
        assert hit["snippet"]["field"] == "body"
        text = unescape(re.sub("</?mark>", "", hit["snippet"]["text"]))
        assert 0 < len(re.findall(r"\w+(?:\.\w+)*", text)) <= words
        assert "<mark>" in hit["snippet"]["text"]


def test_without_a_match_in_the_text_the_snippet_is_of_the_summary(client: FlaskClient) -> None:
    hit = search(client)["results"][0]
    assert hit["snippet"]["field"] == "summary"
    plain = unescape(hit["snippet"]["text"]).removesuffix(" …")
    assert plain
    assert hit["summary"].startswith(plain)


def test_matched_sources_are_the_numbers_of_those_whose_title_matches(client: FlaskClient) -> None:
    seen = 0
    for hit in search(client, q="ferry", search_in="sources", per_page=100)["results"]:
        sources = get(client, f"/v1/stories/{hit['id']}/sources")["results"]
        expected = [source["n"] for source in sources if re.search(r"\bferr(y|ies)\b", source["title"], re.IGNORECASE)]
        assert hit["matched_sources"] == expected
        seen += len(expected)
    assert seen


# --- links -------------------------------------------------------------------------------------------------


def _all_links(answer: Any) -> list[str]:
    if isinstance(answer, list):
        return [link for entry in answer for link in _all_links(entry)]
    if not isinstance(answer, dict):
        return []
    named = [value for name, value in answer.items() if name in ("url", "share_url") and isinstance(value, str)]
    named += [value for value in answer.get("links", {}).values() if value]
    return named + [link for value in answer.values() for link in _all_links(value)]


@pytest.mark.parametrize("base", ["", "https://news.example.com", "https://example.com/news"])
def test_the_public_url_stands_before_links_and_the_host_never_does(
    make_client: MakeClient, sample_index: Path, base: str
) -> None:
    client = make_client(sample_index, base, pages="off")
    lies = {"Host": "evil.example.com", "X-Forwarded-Host": "evil.example.com", "Forwarded": "host=evil.example.com"}
    for path in ("/v1/search?q=robot&per_page=2", "/v1/stories?per_page=2", "/v1/publishers?per_page=2"):
        response = client.get(path, headers=lies)
        assert "evil" not in response.text + str(response.headers)
        links = _all_links(response.json)
        assert links
        assert all(link.startswith(f"{base}/") for link in links)
    redirect = client.get("/s/old-title-31001", headers=lies)
    assert redirect.headers["Location"] == f"{base}/v1/stories/31001"


def test_the_links_of_a_hit_lead_to_the_story(make_client: MakeClient, sample_index: Path) -> None:
    client = make_client(sample_index, pages="off")
    for hit in search(client, q="robot")["results"]:
        assert get(client, hit["url"])["id"] == hit["id"]
        response = client.get(hit["share_url"], follow_redirects=True)
        assert response.json["id"] == hit["id"]
