"""Answers with a weak ETag, derived from the generation, the path and the arguments.

A client that sends it back gets a 304, without a search. If-Match is ignored: it is for changes, and the API has none.
"""

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
# Caches may answer for ten seconds, and for another minute while they revalidate: they absorb bursts.
CACHE_CONTROL = "public, max-age=10, stale-while-revalidate=60"


class CompleteResponse(Response):
    """A 200 with all its headers. werkzeug would copy them to add missing ones, which takes 4 µs."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        return self.headers


class Form(NamedTuple):
    """What determines an answer besides generation, path and arguments.

    ``base``: put before the paths in it. ``edition``: version of its templates. ``modified``: the last change,
    None if unknown.
    """

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
            # "*" matches any existing answer, so the answer has to be made first.
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
    """True if the client has this answer by If-Modified-Since, which has whole seconds."""
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
    """Hash of what determines the answer. Parsed arguments are used, because ``now-7d`` changes every minute."""
    key = repr((VERSION, form.edition, generation.manifest.build, form.base, request.path, arguments.text))
    return blake2b(key.encode(errors="surrogatepass"), digest_size=12).hexdigest()
