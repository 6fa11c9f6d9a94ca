"""The OpenAPI document and the answers are held equal: no key unnamed, none missing, no status unsaid."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from werkzeug.test import TestResponse

from api.app import create_app
from api.settings import Settings
from index.query.requests import FACETS
from tests.api.conftest import HOSTILE, MakeClient
from tests.api.helpers import Json, check_problem, get
from tests.support.factories import build_stories, make_story

# Its index comes with the fixture ``serves_the_sample``: operations have to be known before any test runs.
_app = create_app(Settings(index=Path("nowhere")))
DOCUMENT: Json = _app.test_client().get("/openapi.json").json
PAGES = {"/", "/search", "/topics/<topic_id>", "/publishers/<publisher_id>", "/s/<name>", "/static/<name>"}
UNDOCUMENTED = {"/openapi.json", "/docs", "/docs/", "/docs/<path:path>", *PAGES}
# By path the one operation that it has.
OPERATIONS: dict[str, Json] = {
    template: path["get"] if "get" in path else path["post"] for template, path in DOCUMENT["paths"].items()
}
READS = [template for template, path in DOCUMENT["paths"].items() if "get" in path]
# The answers that are no JSON.
TEXTS = {
    "/v1/export/stories.ndjson": "application/x-ndjson",
    "/v1/feeds/search.rss": "application/rss+xml",
    "/v1/feeds/search.atom": "application/atom+xml",
    "/metrics": "text/plain",
    "/robots.txt": "text/plain",
    "/sitemap.xml": "application/xml",
    "/sitemaps/{sitemap_name}": "application/xml",
    "/opensearch.xml": "application/opensearchdescription+xml",
}
OTHERS = {
    "/oembed": ["application/json", "text/xml"],
    "/v1/stories/{story_id}.jsonld": ["application/ld+json"],
    "/v1/feeds/search.json": ["application/feed+json"],
    "/opensearch/suggestions": ["application/x-suggestions+json"],
}
ANSWERED = {
    "/v1/search": ["", "q=robot&facets=topic,publisher,curator,language,domain&topic=nope", "q=r*&page=2&per_page=2"],
    "/v1/suggest": ["", "q=f", "q=%3Cscript%3E", "q=night+f&limit=3"],
    "/opensearch/suggestions": ["q=f"],
    "/v1/stories": ["", "fields=title", "page=50", "topic=energy"],
    "/v1/stories/{story_id}": ["", "include=sections,sources,related", "fields=title,sections"],
    "/v1/stories/{story_id}/related": ["", "limit=20"],
    "/v1/stories/{story_id}/sources": [""],
    "/v1/stories/{story_id}.jsonld": [""],
    "/oembed": ["url=/s/x-{story_id}", "url=/s/x-{story_id}&maxheight=20"],
    "/v1/facets/{facet_name}": ["", "q=h&search=robot&facet_size=2"],
    "/v1/stats/timeline": ["", "interval=year&q=robot"],
    "/v1/feeds/search.json": ["", "q=robot&per_page=3", "topic=energy"],
    "/v1/lookup": ["url=https://saltmarsh-post.example.com/never"],
    "/v1/sources": ["", "q=robot", "per_page=100"],
    "/v1/sources/{source_id}": [""],
    "/v1/publishers": ["", "sort=name&q=h"],
    "/v1/publishers/{publisher_id}": [""],
    "/healthz": [""],
    "/readyz": [""],
    "/status": [""],
    "/problems/{code}": [""],
}
# Bodies of each operation that takes one; the last is at fault.
_SEARCHES: list[Json] = [
    {"query": "robot", "facets": ["*"], "attributesToSnippet": ["*:5"], "getRankingInfo": True},
    {"query": "nihgt ferrry ", "hitsPerPage": 1},
    {"page": -1, "nothing": 1},
]
_SEVERAL: list[Json] = [
    {"requests": [{"indexName": "stories", **_SEARCHES[0]}, {"indexName": "sources"}]},
    {"requests": [{"indexName": "stories", "type": "facet", "facet": "topic"}]},
    {"requests": [{"indexName": "stories"}, {"indexName": "stories", **_SEARCHES[-1]}]},
]
POSTED: dict[str, list[Json]] = {
    "/v1/instantsearch": _SEVERAL,
    "/1/indexes/*/queries": _SEVERAL,
    "/1/indexes/{index_name}/query": _SEARCHES,
    "/1/indexes/{index_name}/facets/{facet_name}/query": [{"facetQuery": "ro"}, {}, {"page": -1}],
}
# What is sent and not answered: a name too much in it is an error.
SENT = ("ManySearches", "OneSearch", "Parameters")


def nodes_of(value: Any) -> Iterator[Json]:
    """Every object within ``value``."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes_of(part)


def resolve(node: Json) -> Json:
    while "$ref" in node:
        target: Any = STRICT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def _forbid_more(document: Json) -> Json:
    strict: Json = json.loads(json.dumps(document))
    for node in nodes_of(strict):
        if node.get("type") == "object" and "properties" in node:
            node.setdefault("additionalProperties", False)
    return strict


STRICT = _forbid_more(DOCUMENT)


def schema_of(response: TestResponse, template: str) -> Json:
    """The schema that the document has for this answer."""
    responses = STRICT["paths"][template]["get" if template in READS else "post"]["responses"]
    described = resolve(responses.get(str(response.status_code), responses["default"]))
    schema: Json = described["content"][response.mimetype]["schema"]
    return schema


def schema_of_operation(template: str) -> Json:
    """The schema of its 200, of JSON where it may be something else too."""
    method = "get" if template in READS else "post"
    first = next(iter(STRICT["paths"][template][method]["responses"]["200"]["content"].values()))
    schema: Json = first["schema"]
    return schema


def check_answer(response: TestResponse, template: str) -> None:
    check_value(response.json, schema_of(response, template))


def check_value(value: Any, schema: Json) -> None:
    """Strictly: with every key that is not named forbidden."""
    whole = {**schema, "components": STRICT["components"]}
    errors = jsonschema_rs.Draft202012Validator(whole, validate_formats=True).iter_errors(value)
    assert [f"{error.instance_path}: {error.message}"[:300] for error in errors] == []


def keys_sent(schema: Json, value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(component, property) of each property of the schema that ``value`` has."""
    for option in schema.get("anyOf", ()) if value is not None else ():
        yield from keys_sent(option, value, name)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = resolve(schema)
    if isinstance(value, list):
        for entry in value:
            yield from keys_sent(schema.get("items", {}), entry, name)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in schema.get("properties", {}):
                yield name, key
                yield from keys_sent(schema["properties"][key], part, name)
            elif isinstance(schema.get("additionalProperties"), dict):
                yield from keys_sent(schema["additionalProperties"], part, name)


def urls_of(client: FlaskClient, template: str) -> Iterator[str]:
    """Real addresses of an operation."""
    if "{story_id}" in template or template == "/oembed":
        idents = [story["id"] for story in get(client, "/v1/stories?fields=id&per_page=8")["results"]]
    elif "{source_id}" in template:
        idents = [source["id"] for source in get(client, "/v1/sources")["results"]]
    elif "{publisher_id}" in template:
        idents = [publisher["id"] for publisher in get(client, "/v1/publishers")["results"]]
    elif "{facet_name}" in template:
        idents = list(FACETS)
    else:
        idents = ["not_found"]
    for ident in idents if "{" in template or template == "/oembed" else [""]:
        path = template.partition("{")[0] + ident + template.partition("}")[2] if "{" in template else template
        yield from (f"{path}?{query.replace('{story_id}', ident)}" for query in ANSWERED[template])


def post(client: FlaskClient, template: str, body: Json) -> TestResponse:
    return client.post(template.format(index_name="stories", facet_name="topic"), json=body)


# --- the document ------------------------------------------------------------------------------------------


def test_the_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []


def test_every_schema_is_valid_and_every_reference_leads_somewhere() -> None:
    for node in nodes_of(DOCUMENT):
        if "$ref" in node:
            assert resolve(node)
    for schema in DOCUMENT["components"]["schemas"].values():
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_every_route_is_documented_and_nothing_else() -> None:
    rules = {rule.rule for rule in _app.url_map.iter_rules()} - UNDOCUMENTED
    assert {rule.replace("<", "{").replace(">", "}") for rule in rules} == DOCUMENT["paths"].keys()
    for path in DOCUMENT["paths"].values():
        assert path.keys() - {"parameters"} in ({"get"}, {"post"})


def test_every_default_is_a_value_that_may_be_sent() -> None:
    for operation in OPERATIONS.values():
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            if schema.get("default", "") != "":
                jsonschema_rs.validate(schema, schema["default"])


def test_everything_is_described() -> None:
    for template, operation in OPERATIONS.items():
        assert operation["summary"]
        assert operation.get("description") or operation["operationId"] == "follow_share_url", template
        for parameter in [*DOCUMENT["paths"][template].get("parameters", []), *operation.get("parameters", [])]:
            assert parameter["description"], (template, parameter["name"])
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for key, prop in schema["properties"].items():
            assert prop.get("description"), (name, key)


def test_later_keys_are_allowed_by_every_answer() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert all("additionalProperties" not in schema for name, schema in schemas.items() if name not in SENT)


def test_errors_are_documented_as_they_are_sent() -> None:
    for name, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            content = resolve(response).get("content", {})
            if status == "default" or int(status) >= 400:
                assert list(content) == ["application/problem+json"]
            elif status == "200":
                assert list(content) == OTHERS.get(name, [TEXTS.get(name, "application/json")])


def test_the_document_needs_no_index_and_is_the_same_each_time() -> None:
    again = create_app(Settings(index=Path("elsewhere"), public_url="https://news.example.com")).test_client()
    assert again.get("/openapi.json").json == DOCUMENT


# --- answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ANSWERED)
@pytest.mark.parametrize("corpus", ["client", "hostile"])
def test_every_answer_is_as_documented(request: pytest.FixtureRequest, template: str, corpus: str) -> None:
    client: FlaskClient = request.getfixturevalue(corpus)
    for url in urls_of(client, template):
        response = client.get(url)
        assert response.status_code == 200, url
        check_answer(response, template)


def test_every_operation_is_asked_here() -> None:
    assert ANSWERED.keys() | POSTED.keys() | {*TEXTS} == DOCUMENT["paths"].keys()


@pytest.mark.parametrize("template", POSTED)
@pytest.mark.parametrize("corpus", ["client", "hostile"])
def test_every_answer_to_a_body_is_as_documented(request: pytest.FixtureRequest, template: str, corpus: str) -> None:
    client: FlaskClient = request.getfixturevalue(corpus)
    responses = [post(client, template, body) for body in POSTED[template]]
    assert [response.status_code for response in responses] == [*[200] * (len(responses) - 1), 400]
    for response in responses:
        check_answer(response, template)


def test_every_documented_key_is_sent_somewhere(client: FlaskClient) -> None:
    sent: set[tuple[str, str]] = set()
    for template, bodies in POSTED.items():
        for body in bodies:
            response = post(client, template, body)
            sent.update(keys_sent(schema_of(response, template), response.json))
    for template in ANSWERED:
        for url in [*urls_of(client, template), f"{template.partition('{')[0]}never?unknown=1", "/v1/stories/3101"]:
            response = client.get(url)
            where = "/v1/stories/{story_id}" if url == "/v1/stories/3101" else template
            sent.update(keys_sent(schema_of(response, where), response.json))
    documented = {
        (name, key)
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if name not in SENT
        for key in schema["properties"]
    }
    assert documented - sent == set()


@pytest.mark.parametrize("template", READS)
def test_every_error_is_as_documented(
    client: FlaskClient, nowhere: FlaskClient, make_client: MakeClient, tmp_path: Path, template: str
) -> None:
    path = template.partition("{")[0] + ("never" if "{" in template else "") + template.partition("}")[2]
    urls = [f"{path}?unknown=1&unknown=2", path + "?" + "x" * 20_000, *([path] if "{" in template else [])]
    errors = [response for response in [*map(client.get, urls), nowhere.get(path)] if response.status_code != 200]
    assert errors
    for response in errors:
        check_answer(response, template)
    if "{story_id}" in template:
        root = build_stories(tmp_path / "index", HOSTILE)
        build_stories(root, [make_story()])
        response = make_client(root).get(template.format(story_id="script"))
        check_problem(response, 410, "gone")
        check_answer(response, template)


def test_a_key_too_many_and_a_key_too_few_are_noticed(client: FlaskClient) -> None:
    response = client.get("/v1/publishers")
    schema, more, fewer = schema_of(response, "/v1/publishers"), response.json, response.json
    more["results"][0]["surprise"] = 1
    del fewer["results"][0]["domain"]
    for wrong, name in ((more, "surprise"), (fewer, "domain")):
        with pytest.raises(AssertionError, match=name):
            check_value(wrong, schema)


# --- requests made from the document -----------------------------------------------------------------------

# schemathesis' own parametrize() gives all operations one node id on pytest 9, and xdist runs one of each id.
_schema = schemathesis.openapi.from_wsgi("/openapi.json", _app)
_generated = settings(
    max_examples=20, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
_EXISTING = {
    "story_id": "31001",
    "publisher_id": "harbor-ledger",
    "facet_name": "topic",
    "code": "not-found",
    "sitemap_name": "2025-01-1.xml",
    "index_name": "stories",
}
_TAKES_QUERY = [template for template in READS if OPERATIONS[template].get("parameters")]
_TAKES_PATH = [template for template in READS if "{" in template and "source_id" not in template]


@pytest.fixture(scope="module")
def serves_the_sample(client: FlaskClient) -> None:
    _app.extensions["outpost.index"] = client.application.extensions["outpost.index"]


def _answers_as_it_says(template: str, mode: GenerationMode, existing: dict[str, str] | None = None) -> Counter[int]:
    """Checks generated requests; the statuses that they had."""
    statuses: Counter[int] = Counter()

    @_generated
    @given(_schema[template]["GET"].as_strategy(generation_mode=mode, path_parameters=existing))
    def check(case: schemathesis.Case) -> None:
        # schemathesis asks for compressed answers, and in its own process does not unpack them.
        response = case.call(headers={"Accept-Encoding": "identity"})
        statuses[response.status_code] += 1
        # The rules that a schema of single parameters cannot say; test_errors.py and test_cursors.py have their limits.
        problem = response.json() if response.status_code >= 400 else {}
        beyond = problem.get("code") in ("page_window_exceeded", "too_large")
        beyond = beyond or any(fault["parameter"] == "cursor" for fault in problem.get("errors", ()))
        excluded = [positive_data_acceptance, negative_data_rejection] if beyond else []
        case.validate_response(response, excluded_checks=excluded)

    check()
    return statuses


@pytest.mark.usefixtures("serves_the_sample")
@pytest.mark.parametrize("template", READS)
def test_requests_made_from_the_document_are_answered_as_it_says(template: str) -> None:
    statuses = _answers_as_it_says(template, GenerationMode.POSITIVE)
    assert statuses.keys() <= {200, 400, 404, 414}
    # No generated text is the address of a story.
    assert statuses[200] or "{" in template or template == "/oembed"


@pytest.mark.usefixtures("serves_the_sample")
@pytest.mark.parametrize("template", _TAKES_PATH)
def test_so_are_requests_for_what_is_there(template: str) -> None:
    name = template.partition("{")[2].partition("}")[0]
    statuses = _answers_as_it_says(template, GenerationMode.POSITIVE, {name: _EXISTING[name]})
    assert statuses.keys() <= {200, 302}


@pytest.mark.usefixtures("serves_the_sample")
@pytest.mark.parametrize("template", _TAKES_QUERY)
def test_so_are_requests_that_the_document_forbids(template: str) -> None:
    statuses = _answers_as_it_says(template, GenerationMode.NEGATIVE)
    assert statuses[400]


@pytest.mark.usefixtures("serves_the_sample")
@pytest.mark.parametrize("template", POSTED)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_so_are_bodies_made_from_it(template: str, mode: GenerationMode) -> None:
    statuses: Counter[int] = Counter()
    existing = {name: _EXISTING[name] for name in ("index_name", "facet_name") if f"{{{name}}}" in template} or None

    @_generated
    @given(_schema[template]["POST"].as_strategy(generation_mode=mode, path_parameters=existing))
    def check(case: schemathesis.Case) -> None:
        response = case.call(headers={"Accept-Encoding": "identity"})
        statuses[response.status_code] += 1
        # What a filter, or a name of an attribute, may be no schema says; what clients always passed over is no error.
        case.validate_response(response, excluded_checks=[positive_data_acceptance, negative_data_rejection])

    check()
    assert statuses.keys() <= {200, 400, 404, 413}
    assert statuses[200 if mode is GenerationMode.POSITIVE else 400]
