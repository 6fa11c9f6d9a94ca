"""Answers with a weak ETag: one for each generation, path and set of arguments. Whoever has it gets a 304 for it,
before anything is searched. If-Match is for changes, of which there are none: it is passed over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from flask import Response, current_app, request
from werkzeug.datastructures import Headers
from werkzeug.http import http_date

from api.observability.metrics import CACHE_HIT, CACHE_MISS, Metrics
from api.request.parameters import Arguments
from api.response.cache import AnswerCache, Entry
from api.response.compression import compress_cached
from index.live import OpenGeneration

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

VERSION = version("outpost")
# Caches on the way answer bursts: for ten seconds, and for another minute while they ask whether it still holds.
CACHE_CONTROL = "public, max-age=10, stale-while-revalidate=60"


class CompleteResponse(Response):
    """A 200 with all its headers. werkzeug would copy them to add missing ones, which takes 4 µs."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        return self.headers


class Form(NamedTuple):
    """What an answer is, besides its body. ``base`` stands before the paths in it; ``edition`` names what it is made of
    besides the index and the arguments; ``modified`` is a time at which it was another one, or not there, at the
    latest."""

    media_type: str
    base: str
    cache_control: str = CACHE_CONTROL
    modified: datetime | None = None
    edition: str = ""


def answer_conditionally(
    generation: OpenGeneration, arguments: Arguments, form: Form, make: Callable[[], Entry]
) -> Response:
    """The answer that ``make`` makes, with an ETag, from the cache if it is there, compressed as the client accepts.

    304 without calling ``make`` if the client has this answer.
    """
    tag = _make_tag(generation, arguments, form)
    headers = [("ETag", f'W/"{tag}"'), ("Cache-Control", form.cache_control)]
    if form.modified:
        headers.append(("Last-Modified", http_date(form.modified)))
    if "HTTP_IF_NONE_MATCH" in request.environ:
        known = request.if_none_match
        if known.star_tag:
            # "*" asks whether there is an answer at all, which only making it tells.
            _find_or_make(tag, make)
        if known.contains_weak(tag):
            return Response(status=304, headers=headers)
    elif form.modified and _is_unchanged(form.modified):
        return Response(status=304, headers=headers)
    body, link = _find_or_make(tag, make)
    if link:
        headers.append(("Link", link))
    accepted = request.environ.get("HTTP_ACCEPT_ENCODING", "")
    body, coding = compress_cached(body, accepted, tag, current_app.extensions["outpost.answers"])
    if coding:
        headers.append(("Content-Encoding", coding))
    return CompleteResponse(body, headers=[("Content-Type", form.media_type), *headers])


def _is_unchanged(modified: datetime) -> bool:
    """Whether If-Modified-Since says so; it has whole seconds."""
    since = request.if_modified_since
    return since is not None and modified.replace(microsecond=0) <= since


def _find_or_make(tag: str, make: Callable[[], Entry]) -> Entry:
    parts = current_app.extensions
    cache: AnswerCache = parts["outpost.answers"]
    metrics: Metrics = parts["outpost.metrics"]
    entry = cache.find(tag)
    metrics.count(CACHE_MISS if entry is None else CACHE_HIT)
    if entry is None:
        entry = make()
        cache.add(tag, entry)
    return entry


def make_json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")


def _make_tag(generation: OpenGeneration, arguments: Arguments, form: Form) -> str:
    """The arguments as parsed: ``now-7d`` means another time every minute."""
    asked = repr((VERSION, form.edition, generation.manifest.build, form.base, request.path, arguments.text))
    return blake2b(asked.encode(errors="surrogatepass"), digest_size=12).hexdigest()
