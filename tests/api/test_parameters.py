"""Each parameter at its edges: what is read, what is refused, and how much a bad request may cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.request import parameters
from api.request.arguments import DETAIL_KEYS, HIT_KEYS, STORED_HIT_KEYS
from api.request.parameters import MAX_HINTS
from tests.api.helpers import faults_of, found, get, search

WHOLE = [
    ("/v1/search", "page", 1, 10_000),
    ("/v1/search", "per_page", 1, 100),
    ("/v1/search", "facet_size", 1, 100),
    ("/v1/search", "snippet_words", 5, 100),
    ("/v1/search", "min_sources", 0, 1000),
    ("/v1/search", "max_sources", 0, 1000),
    ("/v1/stories", "per_page", 1, 100),
    ("/v1/stories/31001/related", "limit", 1, 20),
    ("/v1/sources", "per_page", 1, 100),
    ("/v1/publishers", "per_page", 1, 100),
]
FILTERS = ("topic", "publisher", "curator", "language", "domain", "year", "month")
DAY = "2025-03-01"


def ask(client: FlaskClient, query: str, path: str = "/v1/search") -> int:
    """Only the status of a raw query string."""
    return client.get(f"{path}?{query}").status_code


# --- whole numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "name", "low", "high"), WHOLE)
def test_a_number_goes_from_its_least_to_its_most(
    client: FlaskClient, path: str, name: str, low: int, high: int
) -> None:
    small = "&per_page=1" if name == "page" else ""
    assert ask(client, f"{name}={low}{small}", path) == 200
    assert ask(client, f"{name}={high}{small}", path) == 200
    for number in (low - 1, high + 1, -1, 999_999_999_999):
        assert faults_of(client.get(f"{path}?{name}={number}{small}")) == [(name, "out_of_range")]


@pytest.mark.parametrize(
    "text",
    [
        "", "+1", "%2B1", "%201", "1%20", "1_0", "1.0", "1e3", "0x1", "１", "١", "²", "1,2", "one", "true", "--1", "-",
        "9" * 13, "9" * 5000, "%001", "1%00", "1%0A", "NaN", "inf", "1%zz",
    ],
)  # fmt: skip
def test_what_is_not_plain_digits_is_no_number(client: FlaskClient, text: str) -> None:
    assert faults_of(client.get(f"/v1/search?per_page={text}")) == [("per_page", "invalid_value")]


def test_a_sign_is_refused_even_where_zero_is_right(client: FlaskClient) -> None:
    assert faults_of(client.get("/v1/search?min_sources=-0")) == [("min_sources", "out_of_range")]


def test_leading_zeros_change_nothing(client: FlaskClient) -> None:
    assert search(client, per_page="03")["per_page"] == 3


# --- words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["match", "sort", "facet_sort", "highlight", "highlight_tag"])
@pytest.mark.parametrize("text", ["", "%20", "NEWEST", "True", "1", "mark%00", "any,all", "<b>"])
def test_a_word_is_one_of_its_few_and_nothing_else(client: FlaskClient, name: str, text: str) -> None:
    assert faults_of(client.get(f"/v1/search?{name}={text}")) == [(name, "invalid_value")]


@pytest.mark.parametrize("name", ["facets", "fields", "search_in"])
@pytest.mark.parametrize("text", ["", ",", "title,", ",title", "nope", "Title", "title nope", "-title", "title%00"])
def test_a_list_of_words_has_only_known_ones(client: FlaskClient, name: str, text: str) -> None:
    assert faults_of(client.get(f"/v1/search?{name}={text}")) == [(name, "invalid_value")]


def test_a_word_twice_in_a_list_is_once(client: FlaskClient) -> None:
    assert list(search(client, facets="topic,topic")["facets"]) == ["topic"]


def test_an_endless_list_of_known_words_is_refused(client: FlaskClient) -> None:
    assert faults_of(client.get("/v1/search?facets=" + ",".join(["topic"] * 100))) == [("facets", "invalid_value")]


# --- text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "most"),
    [("/v1/search", "q", 512), ("/v1/sources", "q", 512), ("/v1/publishers", "q", 200), ("/v1/sources", "story", 128)],
)
def test_a_text_is_as_long_as_allowed_in_characters_and_not_bytes(
    client: FlaskClient, path: str, name: str, most: int
) -> None:
    for letter in ("a", "🤖"):
        get(client, path, **{name: letter * most})
        assert faults_of(client.get(path, query_string={name: letter * (most + 1)})) == [(name, "too_long")]


@pytest.mark.parametrize(
    "text",
    [
        "%00", "%zz", "%", "%f", "%ff%fe", "%ed%a0%80", "%ED%A0%BD%ED%B8%80", "%C0%AF", "%F4%90%80%80", "+", "%0d%0a",
        "%E2%80%AE", "(((", ")))", '"', "-", "*", "OR", "title:", ":", "a OR", "%5C", "%F0%9F%A4%96", "the", "<think>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/search", "/v1/sources", "/v1/publishers"])
def test_no_query_text_is_an_error(client: FlaskClient, path: str, text: str) -> None:
    answer = get(client, f"{path}?q={text}")
    assert len(answer["results"]) == min(answer["total"], 20)
    get(client, answer["links"]["self"])


@pytest.mark.parametrize("text", ["(" * 512, "-(" * 256, "a* " * 170, '"' * 512, "a OR " * 100, "a" * 512, "-a " * 170])
@pytest.mark.parametrize("path", ["/v1/search", "/v1/sources"])
def test_the_longest_query_texts_are_answered_within_the_time_limit(client: FlaskClient, path: str, text: str) -> None:
    # A search that exceeds the engine's limit of 0.8 seconds is 504.
    get(client, path, q=text)


@pytest.mark.parametrize("path", ["/v1/search", "/v1/sources", "/v1/publishers"])
def test_an_empty_q_is_as_none(client: FlaskClient, path: str) -> None:
    assert get(client, f"{path}?q=")["results"] == get(client, path)["results"]
    assert get(client, f"{path}?q=%20%09")["results"] == get(client, path)["results"]


# --- filters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("text", ["", "%20", ",", ",,,", "-", "-,-", "%20-%20"])
def test_a_filter_without_a_value_filters_nothing(client: FlaskClient, name: str, text: str) -> None:
    assert get(client, f"/v1/search?{name}={text}")["total"] == 72


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("text", ["nothing-of-this", "/", ".", "%00", "%ff", "🤖", "'", '"', "a" * 2000])
def test_a_filter_by_what_is_nowhere_finds_nothing_and_without_it_everything(
    client: FlaskClient, name: str, text: str
) -> None:
    assert get(client, f"/v1/search?{name}={text}")["total"] == 0
    excluded = get(client, f"/v1/search?{name}=-{text[:1999]}")
    assert excluded["total"] == 72


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_too_long_is_refused(client: FlaskClient, name: str) -> None:
    assert faults_of(client.get(f"/v1/search?{name}={'a' * 2001}")) == [(name, "too_long")]


@pytest.mark.parametrize(
    ("name", "ident", "label"),
    [
        ("topic", "open-source", "Open Source"),
        ("topic", "c-plus-plus", "C++"),
        ("publisher", "harbor-ledger", "Harbor Ledger"),
        ("publisher", "harbor-ledger", "HARBOR  LEDGER"),
        ("curator", "ada-lindqvist", "Ada Lindqvist"),
        ("language", "de", "DE"),
        ("domain", "harbor-ledger.example.com", "www.Harbor-Ledger.example.com"),
        ("domain", "harbor-ledger.example.com", "https://harbor-ledger.example.com/x"),
    ],
)
def test_a_value_is_the_id_or_the_label(client: FlaskClient, name: str, ident: str, label: str) -> None:
    ids = found(client, **{name: ident})
    assert 0 < len(ids) < 72
    assert found(client, **{name: label}) == ids
    assert found(client, **{name: f" {label} , "}) == ids
    without = found(client, **{name: f"-{label}"})
    assert set(without).isdisjoint(ids)
    assert len(without) + len(ids) == 72


def test_a_comma_is_or_and_a_minus_is_not(client: FlaskClient) -> None:
    energy, chips = set(found(client, topic="energy")), set(found(client, topic="chips"))
    assert energy & chips
    assert set(found(client, topic="energy,chips")) == energy | chips
    assert set(found(client, topic="energy,-chips")) == energy - chips
    assert set(found(client, topic="-chips,energy")) == energy - chips
    assert search(client, topic="-energy,-chips")["total"] == 72 - len(energy | chips)
    assert found(client, topic="energy,-energy") == []


def test_filters_of_two_kinds_are_and(client: FlaskClient) -> None:
    both = set(found(client, topic="energy", curator="night-desk"))
    assert both == set(found(client, topic="energy")) & set(found(client, curator="night-desk"))
    assert both


def test_a_label_of_another_script_is_found_by_itself_and_by_its_id(hostile: FlaskClient) -> None:
    (topic,) = get(hostile, "/v1/stories/cjk")["topics"]
    assert topic["label"] == "人工知能"
    assert found(hostile, topic="人工知能") == found(hostile, topic=topic["id"]) == ["cjk"]


def test_a_label_of_markup_is_a_value_like_others(hostile: FlaskClient) -> None:
    assert found(hostile, publisher="<b>Quotes</b>") == ["script"]
    assert found(hostile, topic="<i>Robotics</i>") == ["script"]
    assert found(hostile, topic="C") == found(hostile, topic="C++") == ["script"]


def test_bounds_on_sources_are_inclusive(client: FlaskClient) -> None:
    counts = [hit["source_count"] for hit in search(client, per_page=100)["results"]]
    for low, high in ((0, 0), (3, 3), (4, 9), (9, 1000), (5, 2)):
        expected = sum(low <= count <= high for count in counts)
        assert search(client, min_sources=low, max_sources=high)["total"] == expected


# --- times -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"from={DAY}&to={DAY}", {"script", "empty-sources"}),
        (f"from={DAY}T00:00:00Z&to={DAY}T00:00:00Z", {"script", "empty-sources"}),
        (f"from={DAY}T01:00:00%2B01:00&to={DAY}T01:00:00%2B01:00", {"script", "empty-sources"}),
        ("from=2025-02-28T19:00:00-05:00&to=2025-02-28T19:00:00-05:00", {"script", "empty-sources"}),
        (f"from={DAY}T00:00:00.000001Z&to=2025-03-02", {"think"}),
        ("from=2025-03-03&to=2025-03-03T00:00:00Z", {"cjk"}),
        ("to=2025-02-28", set()),
        ("from=2025-03-04", {"emoji"}),
        ("from=2025-03-04&to=2025-03-01", set()),
        ("from=1600-01-01&to=2199-12-31", {"script", "empty-sources", "think", "cjk", "emoji"}),
        ("from=2024-02-29&to=2025-03-01", {"script", "empty-sources"}),
    ],
)
def test_a_range_of_time_holds_both_its_ends_and_nothing_undated(
    hostile: FlaskClient, query: str, expected: set[str]
) -> None:
    for path in ("/v1/search", "/v1/stories"):
        assert {hit["id"] for hit in get(hostile, f"{path}?{query}")["results"]} == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2025", "2025-03", "2025-3-1", "20250301", "2025-02-30", "2025-02-29", "2025-13-01",
        "2025-00-10", "2025-01-00", "2025-03-01T00:00:00", "2025-03-01T00:00:00+01:00", "2025-03-01T25:00:00Z",
        "2025-03-01 00:00:00Z", "2025-03-01T00:00:61Z", "0000-01-01", "%202025-03-01", "2025-03-01%20", "２025-03-01",
        "2025-03-01%00", "2025-W10-1", "1700000000", "now-", "now-d", "now-7", "now-7D", "now+7d", "now%2B7d",
        "now-7q", "now-7d7d", "now--7d", "NOW", "-2025-03-01", "2025-03-01,2025-03-02", "9" * 4000,
        "2025-03-01T00:00:00%2B99:00",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["from", "to"])
def test_what_is_no_moment_is_refused_with_what_is(client: FlaskClient, name: str, text: str) -> None:
    response = client.get(f"/v1/search?{name}={text}")
    assert faults_of(response) == [(name, "invalid_value")]
    assert "now-7d" in response.json["errors"][0]["allowed"]


@pytest.mark.parametrize("text", ["1599-12-30", "2201-01-01", "9999-12-31", "now-9999y", "0001-01-01T00:00:00Z"])
def test_a_moment_no_story_can_have_is_out_of_range(client: FlaskClient, text: str) -> None:
    for name in ("from", "to"):
        (fault,) = faults_of(client.get(f"/v1/search?{name}={text}"))
        assert fault in ((name, "out_of_range"), (name, "invalid_value"))


@pytest.mark.parametrize("unit", "mhdwy")
def test_an_age_counts_back_from_now(client: FlaskClient, unit: str) -> None:
    years = datetime.now(UTC).year - 2025 + 2
    assert search(client, from_=f"now-1{unit}", to="now")["total"] <= search(client, from_=f"now-{years}y")["total"]
    assert search(client, from_=f"now-{years}y", to="now")["total"] == 68
    assert search(client, to=f"now-{years}y")["total"] == 0


def test_sources_have_a_range_of_their_own_times(hostile: FlaskClient) -> None:
    answer = get(hostile, "/v1/sources", from_="2025-02-28", to="2025-02-28")
    assert [source["author"] for source in answer["results"]] == ["O'Hara <o@example.com>"]


# --- fields, include ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", HIT_KEYS)
def test_each_key_of_a_hit_can_be_chosen_and_id_is_always_there(client: FlaskClient, key: str) -> None:
    whole = search(client, q="robot")["results"]
    chosen = search(client, q="robot", fields=key)["results"]
    assert chosen == [{name: hit[name] for name in {"id", key}} for hit in whole]


@pytest.mark.parametrize("key", STORED_HIT_KEYS)
def test_each_key_of_a_listed_story_can_be_chosen(client: FlaskClient, key: str) -> None:
    assert all(story.keys() == {"id", key} for story in get(client, "/v1/stories", fields=key)["results"])


@pytest.mark.parametrize("key", DETAIL_KEYS)
def test_each_key_of_a_story_can_be_chosen(client: FlaskClient, key: str) -> None:
    parts = "sections,sources,related"
    assert get(client, "/v1/stories/31001", fields=key, include=parts).keys() == {"id", key}


def test_all_keys_together_are_the_whole_answer(client: FlaskClient) -> None:
    assert search(client, q="robot", fields=",".join(HIT_KEYS))["results"] == search(client, q="robot")["results"]


@pytest.mark.parametrize(
    "query", ["", "include=sections", "include=sources,related", "include=sections,sources,related"]
)
def test_include_says_which_parts_come(client: FlaskClient, query: str) -> None:
    wanted = set(query.removeprefix("include=").split(",")) if query else {"sections", "sources"}
    assert get(client, f"/v1/stories/31001?{query}").keys() == {*STORED_HIT_KEYS, *wanted}


@pytest.mark.parametrize("text", ["", "everything", "sections,", "Sections"])
def test_an_unknown_part_is_refused(client: FlaskClient, text: str) -> None:
    assert faults_of(client.get(f"/v1/stories/31001?include={text}")) == [("include", "invalid_value")]


# --- repeated, unknown, too many ---------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["q=a&q=a", "q=&q=", "q&q", "topic=a&topic=b", "q=a&%71=b"])
def test_a_parameter_stands_once(client: FlaskClient, query: str) -> None:
    response = client.get(f"/v1/search?{query}")
    assert [code for _, code in faults_of(response, "repeated_parameter")] == ["repeated_parameter"]
    assert response.json["errors"][0]["allowed"] == "once"


@pytest.mark.parametrize(
    "name", ["Q", "q[]", "%20q", "q%00", "", "__proto__", "fields_", "published_from", "🤖", "%ff"]
)
def test_a_name_is_known_exactly_or_not_at_all(client: FlaskClient, name: str) -> None:
    assert [code for _, code in faults_of(client.get(f"/v1/search?{name}=1"), "unknown_parameter")] == [
        "unknown_parameter"
    ]


def _query(count: int, form: str) -> str:
    return "&".join(form.format(number) for number in range(count))


@pytest.mark.parametrize(
    "query",
    [
        _query(2500, "u{}"),
        _query(1100, "u{0}=1&u{0}=2"),
        _query(800, "per_page{}=" + "x" * 5),
        "x" * 16_000 + "=1",
        "per_page=" + "x" * 16_000,
        "&" * 16_000,
    ],
    ids=["unknown", "repeated", "alike", "long name", "long value", "ampersands"],
)
def test_thousands_of_faults_are_answered_briefly(client: FlaskClient, query: str) -> None:
    response = client.get(f"/v1/search?{query}")
    assert len(response.data) < 60_000
    if not query.startswith("&"):
        errors: list[Any] = response.json["errors"]
        assert 0 < len(errors) <= 100
        assert all(len(error["parameter"]) <= 100 and len(error["value"] or "") <= 100 for error in errors)


@pytest.mark.parametrize("form", ["topics{}=1", "{}" + "publisher" * 60 + "=1", "%ff{}"])
@pytest.mark.parametrize("path", ["/v1/search", "/v1/stories/31001", "/healthz", "/v1/feeds/search.rss", "/oembed"])
def test_names_are_compared_for_the_first_faults_only(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str, form: str
) -> None:
    compared: list[str] = []

    def find_similar_names(name: str, known: Any, limit: int) -> list[str]:
        compared.append(name)
        return ["topic"]

    monkeypatch.setattr(parameters, "find_similar_names", find_similar_names)
    errors = client.get(f"{path}?{_query(60_000 // len(form), form)[:60_000]}").json["errors"]
    assert len(compared) <= MAX_HINTS
    assert [error["hint"] for error in errors if error["code"] == "unknown_parameter"] == (
        ["did you mean topic?"] * len(compared) + [None] * (len(errors) - len(compared))
    )


def test_of_thousands_of_parameters_the_first_are_told(client: FlaskClient) -> None:
    faults = faults_of(client.get(f"/v1/search?q=ferry&per_page=x&{_query(8000, 'u{}')}&q=robot"))
    assert faults == [("per_page", "invalid_value"), *((f"u{n}", "unknown_parameter") for n in range(99))]


def test_bytes_that_are_no_utf8_in_a_query_string_are_text(client: FlaskClient) -> None:
    response = client.get("/v1/search", environ_overrides={"QUERY_STRING": "q=a\xff"})
    assert response.json["query"]["q"] == "a%FF"


# --- recency -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["0", "1", "0.25", "1.000", "1e-3", "5E-1"])
def test_recency_is_a_number_from_0_to_1(client: FlaskClient, value: str) -> None:
    assert ask(client, f"q=ferry&recency={value}") == 200


@pytest.mark.parametrize("value", ["", "-0.1", "1.1", "2", "nan", "inf", "½", ".5", "0,5", "1e9", "0x1", "--1"])
def test_other_recencies_are_refused(client: FlaskClient, value: str) -> None:
    response = client.get("/v1/search", query_string={"q": "ferry", "recency": value})
    ((name, _),) = faults_of(response)
    assert name == "recency"


def test_with_recency_newer_stories_come_first(client: FlaskClient) -> None:
    def days(recency: float) -> list[str]:
        return [hit["published_at"][:10] for hit in search(client, q="ferry", recency=recency, per_page=5)["results"]]

    assert sum(day > "2025-05" for day in days(1)) > sum(day > "2025-05" for day in days(0))
