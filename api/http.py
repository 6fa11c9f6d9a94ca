"""What every request and answer has, whatever the view: id, limits, headers, a line in the log."""

from __future__ import annotations

import logging
import os
import re
import time
from functools import partial
from typing import NamedTuple

from flask import Flask, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge, RequestURITooLarge

from api.compression import compress
from api.conditional import Answer
from api.metrics import NO_RULE, Metrics

# A little less than what the server itself lets through: 65,534 bytes, beyond which its 414 has no body.
MAX_URL = 63 * 1024
MAX_BODY = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_EXPOSED = "ETag, Link, X-Request-ID, Retry-After, Allow"
# What pages of other hosts may send; the last ones are those of Algolia's clients.
_ALLOWED = (
    "If-None-Match, X-Request-ID, Content-Type, X-Algolia-API-Key, X-Algolia-Application-Id, X-Algolia-Agent, "
    "X-Algolia-UserToken"
)
# Swagger UI configures itself in an inline script and styles; everything else needs nothing.
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_POLICY = "default-src 'none'; frame-ancestors 'none'"
# One call puts them all into an answer, in which nobody else sets any.
_ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", _EXPOSED),
]
_log = logging.getLogger("outpost.access")
_slow_log = logging.getLogger("outpost.slow")


def register_http(app: Flask, metrics: Metrics, slow_ms: int) -> None:
    """Requests of ``slow_ms`` and longer are told in a warning; with 0 none is."""
    # Of a body whose length is not told beforehand no more is read either.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.before_request(_begin)
    app.after_request(partial(_finish, metrics, slow_ms / 1000 or float("inf")))


class Asked(NamedTuple):
    """What the end of a request needs of its beginning: each read of ``request`` or ``g`` costs 1 µs."""

    started: float
    request_id: str
    method: str
    path: str
    query: bytes
    accepted: str  # codings


def _begin() -> None:
    started = time.perf_counter()
    # The environment itself: request.headers costs 1 µs more.
    environ = request.environ
    given = environ.get("HTTP_X_REQUEST_ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    asked = Asked(started, request_id, request.method, request.path, request.query_string, accepted)
    g.asked, g.request_id = asked, request_id
    if len(asked.path) + len(asked.query) > MAX_URL:
        raise RequestURITooLarge(f"path and query string together may have {MAX_URL} bytes")
    if environ.get("CONTENT_LENGTH") and (request.content_length or 0) > MAX_BODY:
        raise RequestEntityTooLarge(f"a body may have {MAX_BODY} bytes")


def _finish(metrics: Metrics, slow: float, response: Response) -> Response:
    headers = response.headers
    asked: Asked = g.asked
    headers.extend([*_ALWAYS, ("X-Request-ID", asked.request_id)])
    # Pages bring their own.
    if "Content-Security-Policy" not in headers:
        headers.add("Content-Security-Policy", _DOCS_POLICY if asked.path.startswith("/docs") else _POLICY)
    if asked.method == "OPTIONS" and response.status_code == 200:
        headers["Access-Control-Allow-Methods"] = ", ".join(sorted(response.allow))
        headers["Access-Control-Allow-Headers"] = _ALLOWED
        headers["Access-Control-Max-Age"] = "86400"
    # What says nothing itself may be kept, and asked for again before each use.
    headers.setdefault("Cache-Control", "no-cache")
    if "Vary" in headers:
        response.vary.add("Accept-Encoding")
    else:
        headers.add("Vary", "Accept-Encoding")
    if asked.accepted and not isinstance(response, Answer):
        compress(response, asked.accepted)
    seconds = time.perf_counter() - asked.started
    rule = request.url_rule
    metrics.count_request(NO_RULE if rule is None else rule.rule, response.status_code, seconds)
    if _log.isEnabledFor(logging.INFO):
        _log_request(_log, logging.INFO, asked, response, seconds)
    if seconds >= slow and _slow_log.isEnabledFor(logging.WARNING):
        _log_request(_slow_log, logging.WARNING, asked, response, seconds)
    return response


def _log_request(log: logging.Logger, level: int, asked: Asked, response: Response, seconds: float) -> None:
    status = response.status_code
    entry = {
        "request_id": asked.request_id,
        "method": asked.method,
        "path": asked.path,
        "query": asked.query.decode("latin-1")[:1000],
        "status": status,
        "ms": round(seconds * 1000, 2),
        "bytes": response.content_length,
    }
    # What info() does, without looking for the line it is called from: 2 µs.
    said = (asked.method, asked.path, status)
    extra = {"members": entry}
    log.handle(log.makeRecord(log.name, level, __file__, 0, "%s %s %s", said, None, extra=extra))
