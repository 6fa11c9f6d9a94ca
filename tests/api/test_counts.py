"""/v1/facets/{name} and /v1/stats/timeline: what a search is about, and from when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.helpers import check_problem, faults_of, get, search

FACETS = ("topic", "publisher", "curator", "language", "domain", "year", "month")
SEARCHES: list[dict[str, Any]] = [{}, {"q": "ferry"}, {"q": "ferry robot", "match": "any", "topic": "transport"}]


def _for_facet(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"search" if name == "q" else name: value for name, value in parameters.items()}


@pytest.mark.parametrize("name", FACETS)
@pytest.mark.parametrize("parameters", SEARCHES)
def test_without_words_it_is_the_facet_of_the_search(
    client: FlaskClient, name: str, parameters: dict[str, Any]
) -> None:
    facet = search(client, facets=name, facet_size=3, **parameters)["facets"][name]
    listed = get(client, f"/v1/facets/{name}", facet_size=3, **_for_facet(parameters))
    assert listed.pop("facet") == name
    assert listed.pop("generation")
    assert listed == facet


@pytest.mark.parametrize(("typed", "word"), [("tr", "tr"), ("TRANS", "trans"), ("  hEaL ", "heal")])
def test_values_are_those_with_a_word_that_begins_so(client: FlaskClient, typed: str, word: str) -> None:
    every = get(client, "/v1/facets/topic", facet_size=100)["values"]
    found = get(client, "/v1/facets/topic", facet_size=100, q=typed)["values"]
    expected = [value for value in every if any(one.casefold().startswith(word) for one in value["label"].split())]
    assert found == expected
    assert 0 < len(found) < len(every)


def test_any_word_of_a_value_will_do_and_each_word_asked_for_must_be_there(client: FlaskClient) -> None:
    def labels(q: str) -> list[str]:
        return [value["label"] for value in get(client, "/v1/facets/publisher", q=q)["values"]]

    assert labels("ledger") == labels("led har") == ["Harbor Ledger"]
    assert labels("ledger zzz") == []


def test_a_selected_value_is_listed_only_where_it_holds_the_words(client: FlaskClient) -> None:
    both = get(client, "/v1/facets/topic", topic="transport,sport", q="tran")["values"]
    assert [(value["value"], value["selected"]) for value in both] == [("transport", True)]


def test_an_unknown_facet_is_not_found_and_the_known_ones_are_named(client: FlaskClient) -> None:
    assert check_problem(client.get("/v1/facets/colour"), 404, "not_found")["near"] == list(FACETS)


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month", "year"])
@pytest.mark.parametrize("parameters", SEARCHES)
def test_each_stretch_counts_what_the_search_finds_in_it(
    client: FlaskClient, interval: str, parameters: dict[str, Any]
) -> None:
    answer = get(client, "/v1/stats/timeline", interval=interval, **parameters)
    assert answer["total"] == search(client, **parameters)["total"]
    assert answer["total"] == sum(bucket["count"] for bucket in answer["buckets"]) + answer["missing"]
    ends = [bucket["end"] for bucket in answer["buckets"]]
    assert [bucket["start"] for bucket in answer["buckets"][1:]] == ends[:-1]
    assert answer["buckets"][0]["count"] > 0
    assert answer["buckets"][-1]["count"] > 0
    for bucket in [answer["buckets"][0], *[one for one in answer["buckets"] if one["count"] == 0][:1]]:
        last = datetime.fromisoformat(bucket["end"]).timestamp() - 1e-6
        to = datetime.fromtimestamp(last, tz=datetime.fromisoformat(bucket["end"]).tzinfo).isoformat()
        inside = {"from": bucket["start"], "to": to.replace("+00:00", "Z")}
        assert search(client, **parameters, **inside)["total"] == bucket["count"]


def test_a_search_that_finds_nothing_has_no_stretch(client: FlaskClient) -> None:
    answer = get(client, "/v1/stats/timeline", q="nowhereword")
    assert (answer["buckets"], answer["missing"], answer["total"]) == ([], 0, 0)


def test_stretches_without_end_are_refused(tmp_path: Any, make_client: Any) -> None:
    from tests.support.factories import build_stories, make_story

    times = ("1990-01-01T00:00:00Z", "2020-01-01T00:00:00Z")
    root = build_stories(tmp_path / "index", [make_story(str(n), published_at=time) for n, time in enumerate(times)])
    client = make_client(root)
    assert faults_of(client.get("/v1/stats/timeline?interval=hour")) == [("interval", "out_of_range")]
    assert len(get(client, "/v1/stats/timeline?interval=year")["buckets"]) == 31
