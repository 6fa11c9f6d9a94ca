"""Turns exceptions into problem bodies (RFC 9457). The table of problem types is in api/errors.py."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as RouteNotFound

from api.errors import PROBLEMS, InvalidParameters, ParameterFault, RateLimited, ServerBusy
from index.errors import Gone, IndexUnavailable, NotFound, OutpostError, QueryTimeout, StaleCursor, TooManyBuckets

RETRY_AFTER = 2
# Characters. All valid paths are shorter; longer ones are cut.
_MAX_INSTANCE = 1000
# Paths that Algolia's clients use: see api/instantsearch.
_ALGOLIA = ("/1/", "/v1/instantsearch")
_log = logging.getLogger("outpost.errors")


_BY_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    414: "too_large",
    431: "too_large",
    500: "internal",
}


def register_error_handlers(app: Flask) -> None:
    app.register_error_handler(InvalidParameters, _on_invalid_parameters)
    app.register_error_handler(NotFound, _on_not_found)
    app.register_error_handler(Gone, lambda error: make_problem("gone", str(error)))
    app.register_error_handler(StaleCursor, lambda error: make_problem("stale_cursor", str(error)))
    app.register_error_handler(QueryTimeout, lambda error: make_problem("timeout", str(error)))
    app.register_error_handler(TooManyBuckets, _on_too_many_buckets)
    app.register_error_handler(RateLimited, _on_rate_limited)
    app.register_error_handler(ServerBusy, make_busy_response)
    app.register_error_handler(IndexUnavailable, _on_unavailable)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_unexpected)


def type_of(code: str) -> str:
    """The path that explains a problem code."""
    return f"/problems/{code.replace('_', '-')}"


def make_problem(code: str, detail: str, status: int | None = None, **more: object) -> Response:
    """The response for a ``code`` of PROBLEMS. ``status`` replaces the usual status; ``more`` are further members."""
    problem = PROBLEMS[code]
    body: dict[str, object] = {
        "type": type_of(code),
        "title": problem.title,
        "status": status or problem.status,
        "code": code,
        "detail": detail,
        "instance": request.path[:_MAX_INSTANCE],
        "request_id": g.get("request_id", ""),
        **more,
    }
    if request.path.startswith(_ALGOLIA):
        # Algolia's clients show this member.
        body["message"] = detail
    response = Response(msgspec.json.encode(body), status or problem.status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _on_invalid_parameters(error: InvalidParameters) -> Response:
    return make_problem(error.code, str(error), errors=[asdict(fault) for fault in error.faults])


def _on_not_found(error: NotFound) -> Response:
    return make_problem("not_found", str(error), near=list(error.near))


def _on_too_many_buckets(error: TooManyBuckets) -> Response:
    hint = "use a longer interval, or a shorter time range with from and to"
    allowed = f"an interval that gives at most {error.limit} buckets"
    fault = ParameterFault("interval", "out_of_range", error.interval, allowed, hint)
    return _on_invalid_parameters(InvalidParameters([fault]))


def _on_rate_limited(error: RateLimited) -> Response:
    response = make_problem("rate_limited", str(error))
    response.headers["Retry-After"] = str(math.ceil(error.seconds))
    return response


def make_busy_response(error: ServerBusy) -> Response:
    response = make_problem("busy", str(error))
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def describe_failure(error: Exception, request_id: str) -> bytes:
    """The problem object that ends an NDJSON answer when an error occurs after the status line was sent."""
    problem = PROBLEMS["index_unavailable" if isinstance(error, IndexUnavailable) else "internal"]
    detail = str(error) if isinstance(error, OutpostError) else problem.meaning
    if isinstance(error, IndexUnavailable):
        # The text of the error has the directory of the index, which clients must not see.
        detail = problem.meaning
    body = {
        "type": type_of(problem.code),
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": f"the answer ends here because of an error: {detail}",
        "request_id": request_id,
    }
    return msgspec.json.encode(body)


def _on_unavailable(error: IndexUnavailable) -> Response:
    # Clients must not see the directory of the index; the log has it.
    _log.error("%s", error)
    response = make_problem("index_unavailable", "the server has no index to search; try again later")
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _on_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        # The router raises redirects as HTTPException too.
        redirect: Response = error.get_response()  # type: ignore[assignment]
        return redirect
    code = _BY_STATUS.get(status, "bad_request" if status < 500 else "internal")
    response = make_problem(code, _describe(error), status)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _describe(error: HTTPException) -> str:
    match error:
        case RouteNotFound():
            return f"nothing exists at the path {request.path[:200]}"
        case MethodNotAllowed():
            return f"{request.method} is not allowed here; allowed: {', '.join(sorted(error.valid_methods or ()))}"
        case _:
            return error.description or error.name


def _on_unexpected(error: Exception) -> Response:
    _log.error("request %s failed", g.get("request_id", ""), exc_info=error)
    return make_problem("internal", PROBLEMS["internal"].meaning)
