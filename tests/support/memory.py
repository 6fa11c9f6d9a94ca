"""What a process keeps after requests: everything that can be reached from its modules, and requests of every kind."""

from __future__ import annotations

import gc
import io
import re
import sys
from collections.abc import Iterator, Mapping
from functools import _lru_cache_wrapper, partial
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from flask import Flask
from werkzeug.test import run_wsgi_app

Json = dict[str, Any]


def iter_reachable(*roots: object) -> Iterator[object]:
    """Every object that the modules of this process lead to, and ``roots``, each once."""
    # The modules of the tests hold what they sent.
    modules = [module for name, module in sys.modules.items() if not name.startswith(("tests", "__main__"))]
    seen: set[int] = set()
    waiting: list[object] = [*modules, *roots]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting.extend(gc.get_referents(one))
            if issubclass(type(one), dict):  # a proxy says that it is one
                # Of a dict whose keys are all texts the collector visits the values alone.
                waiting.extend(dict.keys(one))


def iter_texts(marker: str, *roots: object) -> Iterator[str | bytes]:
    """Every reachable text that holds ``marker``."""
    encoded = marker.encode()
    for one in iter_reachable(*roots):
        if (isinstance(one, str) and marker in one) or (isinstance(one, bytes) and encoded in one):
            yield one


def is_ours(cache: _lru_cache_wrapper[Any]) -> bool:
    """Whether it is a cache of a function of Outpost."""
    function: Any = cache.__wrapped__
    while isinstance(function, partial):
        function = function.func
    return str(function.__module__).startswith(("api", "index"))


class Sender:
    """Sends requests as a server does. Flask's client would leave each URL in a cache of ``urlsplit``."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def send(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> int:
        """The status. ``path`` is not encoded, ``query`` is."""
        environ = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": query, "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False,
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()},
        }  # fmt: skip
        _, status, _ = run_wsgi_app(self._app, environ, buffered=True)
        return int(status.split()[0])


HEADERS = (
    "If-None-Match", "If-Modified-Since", "User-Agent", "Cookie", "X-Request-ID", "X-Forwarded-For", "Range", "Accept",
    "Accept-Language", "Authorization", "Referer", "Origin", "X-Algolia-API-Key", "X-Algolia-UserToken",
)  # fmt: skip
# What of a URL, and of a header, a server lets through.
_MAX_URL, _MAX_HEADER = 62_000, 2_000
_FACETS = ("topic", "publisher", "curator", "language", "domain", "year")


class Requests:
    """Requests to each rule of an application, with a text in each place that takes one."""

    def __init__(self, app: Flask) -> None:
        self._sender = Sender(app)
        self.rules = sorted(
            (method, rule.rule)
            for rule in app.url_map.iter_rules()
            for method in (rule.methods or set()) & {"GET", "POST"}
        )
        document = app.test_client().get("/openapi.json").json
        assert document
        self._parameters = {
            path.replace("{", "<").replace("}", ">"): [one["name"] for one in own["get"].get("parameters", ())]
            for path, own in document["paths"].items()
            if "get" in own
        }
        self._parameters["/openapi.json"] = []
        # Pages take what the search takes.
        self._others = self._parameters["/v1/search"]

    def send(self, method: str, rule: str, text: str) -> None:
        if method == "GET":
            self._send_get(rule, text)
        else:
            self._send_post(rule, text)

    def _send_get(self, rule: str, text: str) -> None:
        values = (text, f"older-{text}", f"{text}.xml", f"ü {text}") if "<" in rule else ("",)
        for value in values:
            path = re.sub("<[^>]+>", value, rule)
            self._sender.send("GET", path, headers=dict.fromkeys(HEADERS, text[:_MAX_HEADER]))
        quoted = quote(text)[:_MAX_URL]
        for name in ("utm_source", "unknown", quoted, *self._parameters.get(rule, self._others)):
            self._sender.send("GET", re.sub("<[^>]+>", text[:50], rule), f"{name}={quoted}")
        if "q" in self._parameters.get(rule, self._others):
            for query in (f"%22{quoted}+night%22", f"{quoted}*", f"night+-{quoted}", f"title:{quoted}+OR+ferry"):
                self._sender.send("GET", rule, f"q={query}")

    def _send_post(self, rule: str, text: str) -> None:
        path = rule.replace("<index_name>", "stories").replace("<facet_name>", "topic")
        for parameters in _iter_bodies(text):
            body: Json = parameters
            if path == rule:
                body = {"requests": [{"indexName": index, **parameters} for index in ("stories", "sources")]}
            self._sender.send("POST", path, body=msgspec.json.encode(body))
        if path != rule:
            self._sender.send("POST", re.sub("<[^>]+>", text, rule), body=b"{}")


def _iter_bodies(text: str) -> Iterator[Json]:
    yield {"query": text}
    yield {"query": f'night "{text[:400]} ferry" -{text[:20]}', "facets": "*", "attributesToSnippet": ["body:20"]}
    yield {"facetFilters": [f"{name}:{text}" for name in _FACETS[:3]]}
    yield {"facetFilters": [f"{name}:-{text}" for name in _FACETS[3:]]}
    yield {"facetFilters": f"topic:{text}"}
    yield {"filters": f'topic:"{text}" OR topic:b'}
    yield {"numericFilters": text}
    yield {"params": urlencode({"facetFilters": f'["publisher:{text}"]', "query": text})}
    for name in ("optionalWords", "restrictSearchableAttributes", "attributesToRetrieve", "attributesToSnippet"):
        yield {"query": "night ferry", name: [text]}
    for name in ("facets", "facetQuery", "highlightPreTag", "userToken", "ruleContexts", "aroundLatLng", text):
        yield {"query": "night", name: text}
