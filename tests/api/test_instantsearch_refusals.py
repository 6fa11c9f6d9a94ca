"""What Algolia's protocol does not allow here, or asks for in a form that is none: a problem that says so."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.instantsearch import answers
from api.instantsearch.requests import INDEXES, MAX_REQUESTS
from api.request import parameters
from api.request.bodies import MAX_DEPTH
from api.request.parameters import MAX_HINTS
from api.request.query_string import MAX_FIELDS
from index.engines.columns.engine import ColumnsEngine
from tests.api.helpers import Json
from tests.api.instantsearch import MANY, ONE, check_refused
from tests.support.clock import ManualClock

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"hitsPerPge": 1}, "hitsPerPge"),
    ({"hitsPerPage": 101}, "hitsPerPage"),
    ({"hitsPerPage": 10**30}, "hitsPerPage"),
    ({"page": -1}, "page"),
    ({"page": "x"}, "page"),
    ({"page": [1]}, "page"),
    ({"query": {"a": 1}}, "query"),
    ({"query": "x" * 513}, "query"),
    ({"facets": {"a": 1}}, "facets"),
    ({"facets": ["topics"]}, "facets"),
    ({"facets": "topic,brand"}, "facets"),
    ({"highlightPreTag": "x" * 101}, "highlightPreTag"),
    ({"maxValuesPerFacet": 100_000}, "maxValuesPerFacet"),
    ({"sortFacetValuesBy": "random"}, "sortFacetValuesBy"),
    ({"queryType": "prefix"}, "queryType"),
    ({"attributesToSnippet": ["body:x"]}, "attributesToSnippet"),
    ({"attributesToSnippet": ["body:500"]}, "attributesToSnippet"),
    ({"restrictSearchableAttributes": ["brand"]}, "restrictSearchableAttributes"),
    ({"aroundLatLng": "1,2"}, "aroundLatLng"),
    ({"tagFilters": "x"}, "tagFilters"),
    ({"facetFilters": ["topic"]}, "facetFilters"),
    ({"facetFilters": ["topic:"]}, "facetFilters"),
    ({"facetFilters": ["brand:x"]}, "facetFilters"),
    ({"facetFilters": [[["topic:x"]]]}, "facetFilters"),
    ({"facetFilters": 1}, "facetFilters"),
    ({"facetFilters": [["topic:x", "publisher:y"]]}, "filters"),
    ({"facetFilters": [["topic:x", "topic:-y"]]}, "filters"),
    ({"facetFilters": [f"topic:{n}" for n in range(21)]}, "filters"),
    ({"facetFilters": ["topic:x"] * 1001}, "facetFilters"),
    ({"facetFilters": ["source_count:x"]}, "facetFilters"),
    ({"numericFilters": ["source_count"]}, "numericFilters"),
    ({"numericFilters": ["topic>3"]}, "numericFilters"),
    ({"numericFilters": ["source_count!=3"]}, "numericFilters"),
    ({"numericFilters": [["source_count=1", "source_count=2"]]}, "filters"),
    ({"filters": "topic:"}, "filters"),
    ({"filters": "topic:x AND"}, "filters"),
    ({"filters": "topic:x topic:y"}, "filters"),
    ({"filters": "(topic:x"}, "filters"),
    ({"filters": "topic:x)"}, "filters"),
    ({"filters": "topic:x AND topic:y OR topic:z"}, "filters"),
    ({"filters": "(topic:x AND topic:y) OR topic:z"}, "filters"),
    ({"filters": "NOT (topic:x OR topic:y)"}, "filters"),
    ({"filters": "brand:x"}, "filters"),
    ({"filters": "topic > 3"}, "filters"),
    ({"filters": "("*3000}, "filters"),
    ({"filters": "x" * 4001}, "filters"),
    ({"facetFilters": ["topic:" + "x" * 2001]}, "facetFilters"),
    ({"facetFilters": "publisher:" + "x" * 2001}, "facetFilters"),
    ({"facetFilters": [[f"curator:{n:01800}" for n in range(8)]]}, "facetFilters"),
    ({"facetFilters": "topic:a," * 2000}, "facetFilters"),
    ({"filters": "domain:" + "x" * 2001}, "filters"),
    ({"numericFilters": ["source_count>=1" + " " * 14_000]}, "numericFilters"),
    ({"numericFilters": "source_count>=1" + " " * 14_000}, "numericFilters"),
    ({"facetQuery": "x" * 201}, "facetQuery"),
    ({"optionalWords": ["x" * 513]}, "optionalWords"),
    ({"optionalWords": "x" * 2001}, "optionalWords"),
    ({"restrictSearchableAttributes": ["title"] * 101}, "restrictSearchableAttributes"),
    ({"attributesToRetrieve": ["x" * 513]}, "attributesToRetrieve"),
    ({"attributesToHighlight": ["x" * 513]}, "attributesToHighlight"),
    ({"attributesToSnippet": ["x" * 513]}, "attributesToSnippet"),
    ({"facets": ["x" * 513]}, "facets"),
    ({"params": "&".join(f"a{n}=1" for n in range(151))}, "params"),
    ({"params": "facetFilters=topic:" + "x" * 2001}, "facetFilters"),
    ({"params": 3}, "params"),
    ({"params": "facets=[x"}, "facets"),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "name"), REFUSED)
def test_what_means_nothing_is_refused_by_its_name(client: FlaskClient, parameters: Json, name: str) -> None:
    code = "unknown_parameter" if name == "hitsPerPge" else "invalid_parameter"
    one = check_refused(client.post(ONE, json=parameters), 400, code)
    assert [fault["parameter"] for fault in one["errors"]] == [name]
    second = {"requests": [{"indexName": "stories"}, {"indexName": "stories", **parameters}]}
    several = check_refused(client.post(MANY, json=second), 400, code)
    assert [fault["parameter"] for fault in several["errors"]] == [f"requests[1].{name}"]
    assert all(fault["allowed"] for fault in several["errors"])


@pytest.mark.parametrize(
    ("parameters", "allowed"),
    [
        ({"facetFilters": ["topic:" + "x" * 2001]}, "values of at most 2000 characters"),
        ({"facetFilters": "topic:a," * 2000}, "text of at most 14000 characters"),
        ({"facetFilters": ["topic:" + "x" * 1500] * 10}, "conditions of at most 14000 characters together"),
        ({"optionalWords": ["x" * 513]}, "text of at most 512 characters"),
        ({"facets": ["topic"] * 101}, "a list of at most 100"),
    ],
)
def test_what_is_too_long_is_refused_with_what_is_allowed(client: FlaskClient, parameters: Json, allowed: str) -> None:
    (fault,) = check_refused(client.post(ONE, json=parameters), 400, "invalid_parameter")["errors"]
    assert fault["allowed"] == allowed
    assert len(fault["value"] or "") <= 100


def test_filters_as_long_as_those_of_a_get_are_read(client: FlaskClient) -> None:
    longest = {"facetFilters": [["topic:" + "x" * 2000, *(f"topic:{n:01000}" for n in range(11))]]}
    assert client.post(ONE, json=longest).status_code == 200


def test_all_faults_of_a_body_are_told_at_once(client: FlaskClient) -> None:
    requests = [{"indexName": "stories", "page": -1, "nothing": 1}, {"indexName": "stories", "hitsPerPage": "x"}]
    faults = check_refused(client.post(MANY, json={"requests": requests}), 400, "invalid_parameter")["errors"]
    assert {fault["parameter"] for fault in faults} == {
        "requests[0].page",
        "requests[0].nothing",
        "requests[1].hitsPerPage",
    }


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"x", b"\xff", b"null", b"[" * 60_000, b'{"requests":' * 5000, b'{"query": "\\ud800"}']
)
@pytest.mark.parametrize("path", [MANY, ONE])
def test_a_body_that_is_no_json_object_is_refused(client: FlaskClient, path: str, body: bytes) -> None:
    check_refused(client.post(path, data=body, content_type="text/plain"), 400, "bad_request")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"query": "a", "query": "b"}', ["query"]),
        (b'{"query": "a", "\\u0071uery": "b"}', ["query"]),
        (b'{"query" : "a","query":"a"}', ["query"]),
        (b'{"page": 1, "hitsPerPage": 2, "page": 1, "page": 0, "hitsPerPage": 2}', ["page", "hitsPerPage"]),
        (b'{"params": {"query": "a", "query": "b"}}', ["params.query"]),
        (b'{"params": "query=a&page=0&query=b"}', ["query"]),
        (b'{"facetFilters": ["topic:\\":"], "facetFilters": []}', ["facetFilters"]),
        (b'{"analytics": [{"a": 1}, {"a": 1, "a": 1}]}', ["analytics[1].a"]),
        (b'{"%s": 1, "%s": 1}' % (b"x" * 500, b"x" * 500), ["x" * 100]),
    ],
)
def test_a_parameter_that_occurs_twice_is_refused_by_its_name(
    client: FlaskClient, body: bytes, names: list[str]
) -> None:
    faults = check_refused(client.post(ONE, data=body), 400, "repeated_parameter")["errors"]
    assert [(fault["parameter"], fault["allowed"]) for fault in faults] == [(name, "once") for name in names]


def test_a_parameter_that_occurs_twice_in_one_of_several_searches_is_refused(client: FlaskClient) -> None:
    several = b'{"requests": [{"indexName": "stories", "page": 0}, {"indexName": "stories", "page": 0, "page": 1}]}'
    (fault,) = check_refused(client.post(MANY, data=several), 400, "repeated_parameter")["errors"]
    assert fault["parameter"] == "requests[1].page"
    body = {"requests": [{"indexName": "stories", "params": "page=1&page=1"}]}
    (fault,) = check_refused(client.post(MANY, json=body), 400, "repeated_parameter")["errors"]
    assert fault["parameter"] == "requests[0].page"


def test_parameters_may_say_the_same_in_several_searches(client: FlaskClient) -> None:
    body = {"requests": [{"indexName": "stories", "query": '":', "params": {"query": '" :'}}] * 2}
    assert client.post(MANY, json=body).status_code == 200


@pytest.mark.parametrize("name", ["analytics", "nothing", "page", "facetFilters", "tagFilters", "params", "query"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH, 500, 984, 990, 9000])
def test_a_body_that_is_nested_too_deeply_is_refused(client: FlaskClient, name: str, opening: str, depth: int) -> None:
    nested = opening * depth + "1" + {"[": "]"}.get(opening, "}") * depth
    for path, body in ((ONE, f'{{"{name}": {nested}}}'), (MANY, f'{{"requests": [{{"{name}": {nested}}}]}}')):
        check_refused(client.post(path, data=body[:65_000]), 400, "bad_request")
    params = f"facetFilters={nested}" if opening == "[" else f"facets=[{nested}]"
    check_refused(client.post(ONE, json={"params": params[:30_000]}), 400, "invalid_parameter")


def test_what_clients_send_is_not_nested_too_deeply(client: FlaskClient) -> None:
    search = {"indexName": "stories", "params": {"facetFilters": [["topic:Energy"]]}}
    assert client.post(MANY, json={"requests": [search]}).status_code == 200
    inner: Any = 1
    for _ in range(MAX_DEPTH - 1):
        inner = [inner]
    assert client.post(ONE, json={"analytics": inner}).status_code == 200


def test_names_are_compared_for_the_first_faults_only(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def find_similar_names(name: str, known: Any, limit: int) -> list[str]:
        compared.append(name)
        return []

    monkeypatch.setattr(parameters, "find_similar_names", find_similar_names)
    body = {f"facets{n}": 1 for n in range(3000)}
    assert len(check_refused(client.post(ONE, json=body), 400, "unknown_parameter")["errors"]) == 100
    searches = [{"indexName": "stories", **{f"facets{n}": 1 for n in range(150)}}] * 20
    several = check_refused(client.post(MANY, json={"requests": searches}), 400, "unknown_parameter")
    assert len(several["errors"]) == 100
    assert len(compared) <= 2 * MAX_HINTS
    text = check_refused(client.post(ONE, json={"params": "a&" * 30_000}), 400, "invalid_parameter")
    assert text["errors"][0]["allowed"] == f"at most {MAX_FIELDS} parameters"


@pytest.mark.parametrize(
    "body",
    [{}, {"requests": {}}, {"requests": [1]}, {"requests": [{}] * (MAX_REQUESTS + 1)}, {"requests": [{}]},
     {"requests": [{"indexName": 1}]}, {"requests": [{"indexName": "stories", "type": "x"}]},
     {"requests": [{"indexName": "stories", "type": "facet"}]}, {"requests": [], "strategy": "stopIfEnoughMatches"},
     {"requests": [{"indexName": "stories", "type": "facet", "facet": "brand"}]},
     {"requests": [{"indexName": "sources", "type": "facet", "facet": "publisher"}]},
     {"requests": [{"indexName": "sources", "facetFilters": ["publisher:x", "publisher:y"]}]}],
)  # fmt: skip
def test_a_body_of_another_shape_is_refused(client: FlaskClient, body: Json) -> None:
    check_refused(client.post(MANY, json=body), 400, "invalid_parameter")


def test_snippets_of_sources_are_checked_even_if_nothing_matches(client: FlaskClient) -> None:
    search = {"query": "zzzz", "attributesToSnippet": ["title:500"]}
    problem = check_refused(client.post("/1/indexes/sources/query", json=search), 400, "invalid_parameter")
    assert [fault["parameter"] for fault in problem["errors"]] == ["attributesToSnippet"]


def test_an_index_that_is_not_there_is_404_with_those_that_are(client: FlaskClient) -> None:
    for response in (
        client.post("/1/indexes/products/query", json={}),
        client.post(MANY, json={"requests": [{"indexName": "products"}]}),
    ):
        assert check_refused(response, 404, "not_found")["near"] == list(INDEXES)
    for path in ("/1/indexes/a%2Fb/query", "/1/indexes/../query", "/1/indexes/stories/browse", "/1/nothing"):
        check_refused(client.post(path, json={}), 404, "not_found")


def test_other_faults_say_so_in_the_same_form(client: FlaskClient, nowhere: FlaskClient) -> None:
    check_refused(client.get(MANY), 405, "method_not_allowed")
    check_refused(client.post(MANY, data=b"x" * 65_537), 413, "too_large")
    check_refused(nowhere.post(MANY, json={"requests": []}), 503, "index_unavailable")
    check_refused(client.post(ONE, data=b"x", headers={"Content-Encoding": "gzip"}), 415, "bad_request")


def test_all_searches_of_a_body_have_one_bound_of_time(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds: list[float | None] = []
    original = answers.run_search
    clock = ManualClock()

    def search_slowly(engine: Any, query: Any, **more: Any) -> Any:
        seconds.append(query.seconds)
        clock.now += 0.06
        return original(engine, query, **more)

    monkeypatch.setattr(answers, "run_search", search_slowly)
    monkeypatch.setattr("index.deadline.monotonic", clock)
    monkeypatch.setattr(ColumnsEngine, "max_seconds", 0.15)
    body = {"requests": [{"indexName": "stories"}] * MAX_REQUESTS}
    assert "0.15 seconds" in check_refused(client.post(MANY, json=body), 504, "timeout")["message"]
    assert seconds == sorted(seconds, reverse=True)
    assert len(seconds) == 3


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_names = st.sampled_from(
    """query page hitsPerPage facets facetFilters numericFilters filters attributesToRetrieve attributesToHighlight
    attributesToSnippet highlightPreTag maxValuesPerFacet sortFacetValuesBy queryType typoTolerance optionalWords
    restrictSearchableAttributes getRankingInfo facetQuery maxFacetHits params type facet facetName indexName""".split()
)
_values = _json | st.sampled_from(
    [
        "topic",
        ["*"],
        "topic:a",
        [["topic:a", "topic:b"]],
        "source_count>1",
        "(a",
        "a AND (b:c",
        "NOT year:2025",
        "*:5",
        3,
    ]
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(st.dictionaries(_names, _values, max_size=6))
def test_nothing_that_is_sent_is_an_error_of_ours(hostile: FlaskClient, parameters: Json) -> None:
    for path, body in ((MANY, {"requests": [{"indexName": "stories", **parameters}]}), (ONE, parameters)):
        response = hostile.post(path, json=body)
        if response.status_code != 200:
            assert response.status_code in (400, 404)
            check_refused(response, response.status_code, response.json["code"])
