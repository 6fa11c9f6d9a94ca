"""Runs before and after every view: request id, size limits, response headers, metrics, access log."""

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

# Bytes. A little less than the limit of the server itself (65,534 bytes), which answers 414 without a body.
MAX_URL = 63 * 1024
MAX_HEADERS = 72 * 1024
# Characters. A longer Accept header is cut, because the time to parse it grows with the square of its length; browsers
# send about 150 characters. api/response/compression.py does the same for Accept-Encoding.
_MAX_ACCEPT = 1000
# Characters of path and of query string in a log line; both may be as long as MAX_URL.
_MAX_LOGGED = 1000
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_EXPOSED = "ETag, Link, X-Request-ID, Retry-After, Allow"
# Request headers that pages of other origins may send (CORS). Algolia's clients send the X-Algolia ones.
_ALLOWED = (
    "If-None-Match, X-Request-ID, Content-Type, X-Algolia-API-Key, X-Algolia-Application-Id, X-Algolia-Agent, "
    "X-Algolia-UserToken"
)
# Swagger UI needs inline scripts and styles; all other responses load nothing.
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Added by one call; nothing else sets these headers.
_ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", _EXPOSED),
]
_log = logging.getLogger("outpost.access")
_slow_log = logging.getLogger("outpost.slow")


def register_http(app: Flask, metrics: Metrics, slow_ms: int) -> None:
    """Register the handlers. Requests that take ``slow_ms`` milliseconds or longer are logged as warnings; 0: none."""
    # Werkzeug reads a chunked body up to this limit and raises no error: the one extra byte shows that it is too long.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY + 1
    app.before_request(_start_request)
    app.after_request(partial(_finish_request, metrics, slow_ms / 1000 or float("inf")))


class RequestStart(NamedTuple):
    """Data of a request that is needed again after the view. Kept here since each read of ``request`` costs 1 µs."""

    started: float
    request_id: str
    method: str
    path: str
    query: bytes
    accept_encoding: str


def _start_request() -> None:
    started = time.perf_counter()
    # Reads the WSGI environment because request.headers costs 1 µs more.
    environ = request.environ
    sent_id = environ.get("HTTP_X_REQUEST_ID", "")
    request_id = sent_id if _REQUEST_ID.fullmatch(sent_id) else os.urandom(16).hex()
    accept_encoding = environ.get("HTTP_ACCEPT_ENCODING", "")
    # Set before the checks: _finish_request needs it even if one of them fails.
    start = RequestStart(started, request_id, request.method, request.path, request.query_string, accept_encoding)
    g.start, g.request_id = start, request_id
    header_bytes = _count_header_bytes(environ)
    if len(environ.get("HTTP_ACCEPT", "")) > _MAX_ACCEPT:
        environ["HTTP_ACCEPT"] = environ["HTTP_ACCEPT"][:_MAX_ACCEPT]
    if "HTTP_IF_MODIFIED_SINCE" in environ and not _is_past(environ["HTTP_IF_MODIFIED_SINCE"]):
        # RFC 9110, 13.1.3: an invalid date is ignored.
        del environ["HTTP_IF_MODIFIED_SINCE"]
    if len(start.path) + len(start.query) > MAX_URL:
        raise RequestURITooLarge(f"path and query string together may have at most {MAX_URL} bytes")
    if header_bytes > MAX_HEADERS:
        raise RequestHeaderFieldsTooLarge(f"the headers together may have at most {MAX_HEADERS} bytes")
    if environ.get("CONTENT_LENGTH") and (request.content_length or 0) > MAX_BODY:
        raise RequestEntityTooLarge(f"the body may have at most {MAX_BODY} bytes")


def _is_past(date: str) -> bool:
    """Whether an HTTP date can be read and is not in the future."""
    try:
        parsed = parse_date(date)
    except OverflowError:  # a year, hour or zone of many digits
        return False
    return parsed is not None and parsed <= datetime.now(UTC)


def _count_header_bytes(environ: WSGIEnvironment) -> int:
    """Bytes of all request headers, including colon, blank and line break of each line. Takes 5 µs."""
    content_headers = len(environ.get("CONTENT_TYPE", "")) + len(environ.get("CONTENT_LENGTH", ""))
    return content_headers + sum(
        [len(name) + len(value) - 1 for name, value in environ.items() if name.startswith("HTTP_")]
    )


def _finish_request(metrics: Metrics, slow_seconds: float, response: Response) -> Response:
    response = limit_stream(response)
    headers = response.headers
    start: RequestStart = g.start
    headers.extend([*_ALWAYS, ("X-Request-ID", start.request_id)])
    # Pages set their own policy.
    if "Content-Security-Policy" not in headers:
        headers.add("Content-Security-Policy", _DOCS_POLICY if start.path.startswith("/docs") else _POLICY)
    if start.method == "OPTIONS" and response.status_code == 200:
        headers["Access-Control-Allow-Methods"] = ", ".join(sorted(response.allow))
        headers["Access-Control-Allow-Headers"] = _ALLOWED
        headers["Access-Control-Max-Age"] = "86400"
    # Default: caches may store the response but must revalidate it before each use.
    headers.setdefault("Cache-Control", "no-cache")
    if "Vary" in headers:
        response.vary.add("Accept-Encoding")
    else:
        headers.add("Vary", "Accept-Encoding")
    if start.accept_encoding and not isinstance(response, CompleteResponse):
        compress(response, start.accept_encoding)
    seconds = time.perf_counter() - start.started
    rule = request.url_rule
    metrics.count_request(NO_RULE if rule is None else rule.rule, response.status_code, seconds)
    if _log.isEnabledFor(logging.INFO):
        _log_request(_log, logging.INFO, start, response, seconds)
    if seconds >= slow_seconds and _slow_log.isEnabledFor(logging.WARNING):
        _log_request(_slow_log, logging.WARNING, start, response, seconds)
    return response


def _log_request(log: logging.Logger, level: int, start: RequestStart, response: Response, seconds: float) -> None:
    status, path = response.status_code, start.path[:_MAX_LOGGED]
    entry = {
        "request_id": start.request_id,
        "method": start.method,
        "path": path,
        "query": start.query[:_MAX_LOGGED].decode("latin-1"),
        "status": status,
        "ms": round(seconds * 1000, 2),
        "bytes": response.content_length,
    }
    # Like log.info(), but without looking for the calling line, which takes 2 µs.
    args = (start.method, path, status)
    extra = {"members": entry}
    log.handle(log.makeRecord(log.name, level, __file__, 0, "%s %s %s", args, None, extra=extra))
