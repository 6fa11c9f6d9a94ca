"""Makes the examples of the OpenAPI document: the API's answers on the sample. As a program, it writes their file."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.errors import ServerBusy
from api.middleware.slow_clients import SlowClients
from api.openapi.examples import FILE, Examples
from api.routes import stories
from api.settings import Settings
from index.engines.columns.search import deadline
from index.indexer import build_index
from tests.support.factories import SAMPLE, build_stories, make_story

# By operation: a path with a short and typical answer.
_ADDRESSES = {
    "search": "/v1/search?q=%22night+ferry%22+-robot&topic=transport&facets=topic&facet_size=2&per_page=1",
    "list_suggestions": "/v1/suggest?q=skerr&limit=3",
    "list_stories": "/v1/stories?topic=energy&per_page=1",
    "lookup": "/v1/lookup?url=https://www.harbor-ledger.example.com/2025/01/06/mabel-catches-a-line/?utm_source=x&per_page=1",
    "show_story": "/v1/stories/31001?include=sections,sources,related",
    "list_related": "/v1/stories/31001/related?limit=1",
    "list_story_sources": "/v1/stories/31001/sources",
    "list_sources": "/v1/sources?q=mabel&per_page=1",
    "show_source": "/v1/sources/317c61531c4f5adc9ea4",
    "list_publishers": "/v1/publishers?q=har&per_page=1",
    "show_publisher": "/v1/publishers/harbor-ledger",
    "list_facet_values": "/v1/facets/topic?q=tr&search=ferry",
    "show_timeline": "/v1/stats/timeline?q=ferry&interval=month&to=2025-01-31",
    "export": "/v1/export/stories.ndjson?q=%22signed+on+for+good%22+OR+title:handler",
    "read_json_feed": "/v1/feeds/search.json?q=%22signed+on+for+good%22&per_page=1",
    "read_rss": "/v1/feeds/search.rss?q=%22signed+on+for+good%22&per_page=1",
    "read_atom": "/v1/feeds/search.atom?q=%22signed+on+for+good%22&per_page=1",
    "show_article": "/v1/stories/31001.jsonld",
    "embed_story": "/oembed?url=/s/x-31001",
    "embed_story as text": "/oembed?url=/s/x-31001&format=xml",
    "list_sitemaps": "/sitemap.xml",
    "read_sitemap": "/sitemaps/2025-06-1.xml",
    "read_robots": "/robots.txt",
    "describe_search": "/opensearch.xml",
    "list_browser_suggestions": "/opensearch/suggestions?q=skerr",
    "healthz": "/healthz",
    "readyz": "/readyz",
    "status": "/status",
    "tell_metrics": "/metrics",
    "explain_problem": "/problems/stale-cursor",
}
_SEARCH: dict[str, Any] = {
    "query": "night ferr", "facets": ["topic", "source_count"], "facetFilters": [["topic:Transport", "topic:Energy"]],
    "attributesToRetrieve": ["title", "published_at"], "attributesToHighlight": ["title"],
    "attributesToSnippet": ["body:12"], "hitsPerPage": 1,
}  # fmt: skip
_VALUES = {"facetQuery": "tr", "query": "ferry"}
_SEVERAL = {
    "requests": [
        {"indexName": "stories", **_SEARCH},
        {"indexName": "stories", "type": "facet", "facet": "topic", **_VALUES},
    ]
}
_BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "instantsearch": ("/v1/instantsearch", _SEVERAL),
    "algolia_queries": ("/1/indexes/*/queries", _SEVERAL),
    "algolia_query": ("/1/indexes/stories/query", _SEARCH),
    "algolia_facet_query": ("/1/indexes/stories/facets/topic/query", _VALUES),
}
# Values that differ from run to run, and their replacements.
_VOLATILE: dict[str, Any] = {
    "took_ms": 0.8,
    "processingTimeMS": 1,
    "request_id": "5f0c4d2e9b7a41d8a6c3e1f09b8d7a65",
    "next_cursor": "Zm9yIHRoaXMgZ2VuZXJhdGlvbiBhbG9uZQ",
    "built_at": "2025-07-01T06:00:00Z",
    "bytes": 1448712,
    "generation": "g42-s1-f5",
}
_BUILT = re.compile("<lastBuildDate>[^<]*<")


def make_examples(directory: Path) -> Examples:
    """The answers and problems of an index that is built in the empty ``directory``."""
    root = directory / "index"
    build_stories(root, [make_story("31099")], SAMPLE)
    # The second generation lacks the added story, which then has status 410.
    build_index(root, [SAMPLE])
    with ExitStack() as clients:
        return _request_examples(clients, root, directory)


def _request_examples(clients: ExitStack, root: Path, directory: Path) -> Examples:
    client = _client(clients, root)
    answers = {name: _body_of(client.get(url)) for name, url in _ADDRESSES.items()}
    answers["tell_metrics"] = "".join(answers["tell_metrics"].splitlines(keepends=True)[:3])
    answers |= {name: _body_of(client.post(path, json=body)) for name, (path, body) in _BODIES.items()}
    problems: dict[str, dict[str, Any]] = {}
    for response in _make_problems(clients, client, root, directory):
        body = _body_of(response)
        problems.setdefault(str(response.status_code), {})[body["code"]] = body
    return Examples(answers, {name: body for name, (_, body) in _BODIES.items()}, problems)


def _client(clients: ExitStack, root: Path, **settings: Any) -> FlaskClient:
    """A test client. ``clients`` closes its index."""
    app = create_app(Settings(index=root, **settings))
    clients.callback(app.extensions["outpost.index"].close)
    return app.test_client()


def _body_of(response: TestResponse) -> Any:
    if response.is_json:
        return _replace_volatile(response.json)
    return _BUILT.sub("<lastBuildDate>Tue, 01 Jul 2025 06:00:00 +0000<", response.text)


def _replace_volatile(value: Any) -> Any:
    """``value`` with its volatile parts replaced."""
    if isinstance(value, dict):
        return {
            name: _VOLATILE[name] if name in _VOLATILE and part is not None else _replace_volatile(part)
            for name, part in value.items()
        }
    return [_replace_volatile(part) for part in value] if isinstance(value, list) else value


def _make_problems(clients: ExitStack, client: FlaskClient, root: Path, directory: Path) -> list[TestResponse]:
    """A problem of every code."""
    limited = _client(clients, root, rate_limit="1/day")
    limited.get("/v1/suggest")
    stale = _stale_cursor(clients, directory)
    with patch.object(deadline, "MAX_SECONDS", -1.0):
        late = client.get("/v1/search?q=a*+b*+c*")
    with patch.object(SlowClients, "acquire", side_effect=ServerBusy):
        busy = client.post("/v1/instantsearch", json=_SEVERAL)
    with patch.object(stories, "get_story", side_effect=RuntimeError("made for the example")):
        broken = client.get("/v1/stories/31001?fields=slug")
    return [
        client.get("/v1/search?q=ferry&per_page=500"),
        client.get("/v1/search?q=ferry&topics=energy"),
        client.get("/v1/search?q=ferry&q=robot"),
        client.get("/v1/search?q=ferry&page=501"),
        client.post("/v1/instantsearch", data="{"),
        client.get("/v1/stories/3100"),
        client.delete("/v1/stories/31001"),
        client.get("/v1/stories/31099"),
        stale,
        client.post("/v1/instantsearch", data="x" * 65_537),
        client.get("/v1/search?q=" + "x" * 164_000),
        limited.get("/v1/suggest"),
        broken,
        _client(clients, directory / "nothing").get("/v1/search?q=ferry"),
        busy,
        late,
    ]


def _stale_cursor(clients: ExitStack, directory: Path) -> TestResponse:
    """The answer to a cursor of an older generation."""
    root = build_stories(directory / "small", [make_story("1"), make_story("2")])
    client = _client(clients, root)
    cursor = client.get("/v1/stories?per_page=1").json["next_cursor"]
    build_stories(root, [make_story("1")])
    return client.get(f"/v1/stories?per_page=1&cursor={cursor}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(make_examples(Path(name))), indent=1) + b"\n")
