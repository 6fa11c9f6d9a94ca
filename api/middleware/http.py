"""What every request and answer has, whatever the view: id, limits, headers, a line in the log."""

from __future__ import annotations

import logging
import os
import re
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge, RequestHeaderFieldsTooLarge, RequestURITooLarge
from werkzeug.http import parse_date

from api.middleware.slow_clients import MAX_BODY, limit_stream
from api.observability.metrics import NO_RULE, Metrics
from api.response.compression import compress
from api.response.conditional import CompleteResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# A little less than what the server itself lets through: 65,534 bytes, beyond which its 414 has no body.
MAX_URL = 63 * 1024
MAX_HEADERS = 72 * 1024
# A longer list of media types is cut before it is parsed, which takes time that grows with its square; browsers send
# about 150 characters. api/response/compression.py does the same for codings.
_MAX_ACCEPT = 1000
# A path may have MAX_URL bytes; a log line shows its beginning.
_MAX_LOGGED = 1000
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
    # Werkzeug stops there without an error in a chunked body: one byte more shows that it is too long.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY + 1
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
    # First, for the end of a request needs it whatever fails from here on.
    asked = Asked(started, request_id, request.method, request.path, request.query_string, accepted)
    g.asked, g.request_id = asked, request_id
    header_bytes = _measure_headers(environ)
    if len(environ.get("HTTP_ACCEPT", "")) > _MAX_ACCEPT:
        environ["HTTP_ACCEPT"] = environ["HTTP_ACCEPT"][:_MAX_ACCEPT]
    if "HTTP_IF_MODIFIED_SINCE" in environ and not _is_past(environ["HTTP_IF_MODIFIED_SINCE"]):
        # RFC 9110, 13.1.3: such a condition is ignored.
        del environ["HTTP_IF_MODIFIED_SINCE"]
    if len(asked.path) + len(asked.query) > MAX_URL:
        raise RequestURITooLarge(f"path and query string together may have {MAX_URL} bytes")
    if header_bytes > MAX_HEADERS:
        raise RequestHeaderFieldsTooLarge(f"headers together may have {MAX_HEADERS} bytes")
    if environ.get("CONTENT_LENGTH") and (request.content_length or 0) > MAX_BODY:
        raise RequestEntityTooLarge(f"a body may have {MAX_BODY} bytes")


def _is_past(date: str) -> bool:
    """Whether an HTTP date can be read and is not in the future."""
    try:
        parsed = parse_date(date)
    except OverflowError:  # a year, hour or zone of many digits
        return False
    return parsed is not None and parsed <= datetime.now(UTC)


def _measure_headers(environ: WSGIEnvironment) -> int:
    """Bytes of all header names and values, with the colon, blank and line break of each line. Takes 5 µs."""
    content_headers = len(environ.get("CONTENT_TYPE", "")) + len(environ.get("CONTENT_LENGTH", ""))
    return content_headers + sum(
        [len(name) + len(value) - 1 for name, value in environ.items() if name.startswith("HTTP_")]
    )


def _finish(metrics: Metrics, slow: float, response: Response) -> Response:
    response = limit_stream(response)
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
    if asked.accepted and not isinstance(response, CompleteResponse):
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
    status, path = response.status_code, asked.path[:_MAX_LOGGED]
    entry = {
        "request_id": asked.request_id,
        "method": asked.method,
        "path": path,
        "query": asked.query[:_MAX_LOGGED].decode("latin-1"),
        "status": status,
        "ms": round(seconds * 1000, 2),
        "bytes": response.content_length,
    }
    # What info() does, without looking for the line it is called from: 2 µs.
    said = (asked.method, path, status)
    extra = {"members": entry}
    log.handle(log.makeRecord(log.name, level, __file__, 0, "%s %s %s", said, None, extra=extra))
