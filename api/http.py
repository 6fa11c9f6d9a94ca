"""What every request and answer has, whatever the view: id, limits, headers, a line in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge, RequestURITooLarge

# Every parameter at its longest, of characters that take 12 bytes percent-encoded, stays below; nothing reads a body.
MAX_URL = 160 * 1024
MAX_BODY = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_EXPOSED = "ETag, Link, X-Request-ID, Retry-After, Allow"
# Swagger UI configures itself in an inline script and styles; everything else needs nothing.
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_log = logging.getLogger("outpost.access")


def register_http(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    if len(request.path) + len(request.query_string) > MAX_URL:
        raise RequestURITooLarge(f"path and query string together may have {MAX_URL} bytes")
    if (request.content_length or 0) > MAX_BODY:
        raise RequestEntityTooLarge(f"a body may have {MAX_BODY} bytes")


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = g.request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Security-Policy"] = _DOCS_POLICY if request.path.startswith("/docs") else _POLICY
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Access-Control-Expose-Headers"] = _EXPOSED
    if request.method == "OPTIONS" and response.status_code == 200:
        headers["Access-Control-Allow-Methods"] = ", ".join(sorted(response.allow))
        headers["Access-Control-Allow-Headers"] = "If-None-Match, X-Request-ID"
        headers["Access-Control-Max-Age"] = "86400"
    # What says nothing itself may be kept, and asked for again before each use.
    headers.setdefault("Cache-Control", "no-cache")
    response.vary.add("Accept-Encoding")
    _log_request(response)
    return response


def _log_request(response: Response) -> None:
    entry = {
        "request_id": g.request_id,
        "method": request.method,
        "path": request.path,
        "query": request.query_string.decode("latin-1")[:1000],
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.started) * 1000, 2),
        "bytes": response.content_length,
    }
    _log.info("%s %s %s", request.method, request.path, response.status_code, extra={"members": entry})
