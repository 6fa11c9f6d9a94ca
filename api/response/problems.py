"""Errors as answers: one problem body (RFC 9457) for each. The table of problems is in api/errors.py."""

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
# No path of ours is as long; a longer one is not sent back whole.
_MAX_INSTANCE = 1000
# What Algolia's clients ask: api/instantsearch.
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
    """The address at which a code is explained."""
    return f"/problems/{code.replace('_', '-')}"


def make_problem(code: str, detail: str, status: int | None = None, **more: object) -> Response:
    """The answer for a code of PROBLEMS; ``more`` are further members of the body."""
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
        # Where Algolia's clients look for what to show.
        body["message"] = detail
    response = Response(msgspec.json.encode(body), status or problem.status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _on_invalid_parameters(error: InvalidParameters) -> Response:
    return make_problem(error.code, str(error), errors=[asdict(fault) for fault in error.faults])


def _on_not_found(error: NotFound) -> Response:
    return make_problem("not_found", str(error), near=list(error.near))


def _on_too_many_buckets(error: TooManyBuckets) -> Response:
    hint = "a longer interval, or a shorter time with from and to"
    allowed = f"an interval with at most {error.limit} buckets"
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
    """The problem object of an error that came after the status line was sent, as the last line of an NDJSON answer."""
    problem = PROBLEMS["index_unavailable" if isinstance(error, IndexUnavailable) else "internal"]
    detail = str(error) if isinstance(error, OutpostError) else problem.meaning
    if isinstance(error, IndexUnavailable):
        # Its text names the directory.
        detail = problem.meaning
    body = {
        "type": type_of(problem.code),
        "title": problem.title,
        "status": problem.status,
        "code": problem.code,
        "detail": f"the answer broke off here: {detail}",
        "request_id": request_id,
    }
    return msgspec.json.encode(body)


def _on_unavailable(error: IndexUnavailable) -> Response:
    # The directory is no business of a client; the log says it.
    _log.error("%s", error)
    response = make_problem("index_unavailable", "there is no index that could answer; try again later")
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _on_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        # A redirect of the router is no error.
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
            return f"there is no {request.path[:200]}"
        case MethodNotAllowed():
            return f"{request.method} is not allowed here; allowed: {', '.join(sorted(error.valid_methods or ()))}"
        case _:
            return error.description or error.name


def _on_unexpected(error: Exception) -> Response:
    _log.error("request %s failed", g.get("request_id", ""), exc_info=error)
    return make_problem("internal", PROBLEMS["internal"].meaning)
