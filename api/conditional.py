"""Answers with a weak ETag: one for each generation, path and set of arguments. Whoever has it gets a 304 for it,
before anything is searched. If-Match is for changes, of which there are none: it is passed over."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

import msgspec
from flask import Response, current_app, request

from api.blueprints import base_url
from api.cache import AnswerCache, Entry
from api.pagination import make_link_header
from api.parameters import Arguments
from index.live import OpenGeneration

VERSION = version("outpost")
# Clients keep an answer and ask whether it still holds: a switch of generations shows at once.
CACHE_CONTROL = "public, max-age=0, must-revalidate"


def answer_json(generation: OpenGeneration, arguments: Arguments, make: Callable[[], dict[str, Any]]) -> Response:
    """What ``make`` gives, as JSON with an ETag, or 304 without calling it."""
    tag = _make_tag(generation, arguments)
    known = request.if_none_match
    if known.contains_weak(tag) and not known.star_tag:
        response = Response(status=304)
    else:
        body, link = _find_or_make(tag, make)
        # "*" asks whether there is an answer at all, which only making it tells.
        response = Response(status=304) if known.star_tag else Response(body, mimetype="application/json")
        if link and not known.star_tag:
            response.headers["Link"] = link
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response


def _find_or_make(tag: str, make: Callable[[], dict[str, Any]]) -> Entry:
    cache: AnswerCache = current_app.extensions["outpost.answers"]
    entry = cache.find(tag)
    if entry is None:
        answer = make()
        entry = msgspec.json.encode(answer), make_link_header(answer["links"]) if "links" in answer else ""
        cache.add(tag, entry)
    return entry


def make_json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")


def _make_tag(generation: OpenGeneration, arguments: Arguments) -> str:
    """The arguments as parsed: ``now-7d`` means another time every minute."""
    asked = repr((VERSION, generation.manifest.build, base_url(), request.path, arguments.text))
    return blake2b(asked.encode(errors="surrogatepass"), digest_size=12).hexdigest()
