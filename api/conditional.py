"""Answers with a weak ETag: one for each generation, path and set of arguments. Whoever has it gets a 304 for it,
before anything is searched."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

import msgspec
from flask import Response, request

from api.pagination import add_link_header
from index.live import OpenGeneration

VERSION = version("outpost")
# Clients keep an answer and ask whether it still holds: a switch of generations shows at once.
CACHE_CONTROL = "public, max-age=0, must-revalidate"


def answer_json(generation: OpenGeneration, arguments: dict[str, Any], make: Callable[[], dict[str, Any]]) -> Response:
    """What ``make`` gives, as JSON with an ETag, or 304 without calling it."""
    tag = _make_tag(generation, arguments)
    if not request.if_none_match.star_tag and request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        body = make()
        response = make_json(body)
        if "links" in body:
            add_link_header(response, body["links"])
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = CACHE_CONTROL
    response.make_conditional(request)
    return response


def make_json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")


def _make_tag(generation: OpenGeneration, arguments: dict[str, Any]) -> str:
    """The arguments as parsed: ``now-7d`` means another time every minute."""
    asked = repr((VERSION, generation.manifest.build, request.path, sorted(arguments.items())))
    return blake2b(asked.encode(errors="surrogatepass"), digest_size=12).hexdigest()
