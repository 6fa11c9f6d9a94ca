"""From any error to the one problem body (RFC 9457). This table is the only place that knows both."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as RouteNotFound

from index.errors import Gone, IndexUnavailable, NotFound, OutpostError, QueryTimeout, StaleCursor, TooManyBuckets

RETRY_AFTER = 2
# No path of ours is as long; a longer one is not sent back whole.
_MAX_INSTANCE = 1000
# What Algolia's clients ask: api/instantsearch.
_ALGOLIA = ("/1/", "/v1/instantsearch")
_log = logging.getLogger("outpost.errors")


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of error: ``meaning`` is what /problems/{code} says."""

    code: str
    status: int
    title: str
    meaning: str


PROBLEMS = {
    problem.code: problem
    for problem in (
        Problem("invalid_parameter", 400, "Invalid parameter", "A parameter has a value that is not allowed."),
        Problem("unknown_parameter", 400, "Unknown parameter", "The endpoint has no parameter of this name."),
        Problem("repeated_parameter", 400, "Repeated parameter", "A parameter may stand once; use commas for or."),
        Problem("page_window_exceeded", 400, "Page window exceeded", "page × per_page goes to 10,000; cursor goes on."),
        Problem("bad_request", 400, "Bad request", "The request is no HTTP, or its body no JSON, that can be read."),
        Problem("not_found", 404, "Not found", "There is nothing of this path or id."),
        Problem("method_not_allowed", 405, "Method not allowed", "The path has no such method; see Allow."),
        Problem("gone", 410, "Gone", "The story was in the index and has been removed."),
        Problem("stale_cursor", 410, "Stale cursor", "The index has changed since the cursor was made; begin again."),
        Problem("too_large", 413, "Too large", "The request is larger than the server reads."),
        Problem("rate_limited", 429, "Too many requests", "The client has asked too often; see Retry-After."),
        Problem("internal", 500, "Internal error", "The fault is ours; the log has more under the request id."),
        Problem(
            "timeout", 504, "Timeout", "The query took too long and was given up; fewer prefixes or results are faster."
        ),
        Problem("busy", 503, "Busy", "Slow clients occupy the server's threads; see Retry-After."),
        Problem("index_unavailable", 503, "Index unavailable", "There is no index that could answer; try again later."),
    )
}
_BY_STATUS = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    414: "too_large",
    431: "too_large",
    500: "internal",
}


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """One thing wrong with the query string."""

    parameter: str
    code: str
    value: str | None
    allowed: str | None
    hint: str | None = None


class InvalidParameters(OutpostError):
    """The query string has faults: all of them."""

    def __init__(self, faults: list[ParameterFault]) -> None:
        self.faults = faults
        super().__init__("; ".join(_say(fault) for fault in faults))

    @property
    def code(self) -> str:
        codes = {fault.code for fault in self.faults}
        return codes.pop() if len(codes) == 1 and codes <= PROBLEMS.keys() else "invalid_parameter"


class RateLimited(OutpostError):
    """A client has used up its ``limit``; in ``seconds`` it may ask again."""

    def __init__(self, limit: str, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        super().__init__(f"more than {limit.replace('/', ' requests a ')}")


class ServerBusy(OutpostError):
    """Slow clients occupy all the threads that they may: api/request/slow_clients.py."""

    def __init__(self) -> None:
        super().__init__("too many slow request bodies and downloads are under way; try again later")


def _say(fault: ParameterFault) -> str:
    match fault.code:
        case "unknown_parameter":
            return f"there is no parameter {fault.parameter}"
        case "repeated_parameter":
            return f"{fault.parameter} stands more than once"
        case "page_window_exceeded":
            return f"{fault.allowed} can be asked for"
        case _:
            return f"{fault.parameter} must be {fault.allowed}"


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
    allowed = f"an interval with at most {error.limit} stretches"
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
