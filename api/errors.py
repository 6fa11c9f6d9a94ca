"""Exceptions of the API, and the table of problem types: code, HTTP status, title and meaning."""

from __future__ import annotations

from dataclasses import dataclass

from index.errors import OutpostError


@dataclass(frozen=True, slots=True)
class ProblemType:
    """A kind of error. /problems/{code} shows all four values; ``status`` is the HTTP status."""

    code: str
    status: int
    title: str
    meaning: str


_TYPES = (
    ProblemType(
        "invalid_parameter", 400, "Invalid parameter", "A parameter has a value that is not allowed. See errors."
    ),
    ProblemType(
        "unknown_parameter", 400, "Unknown parameter", "The endpoint has no parameter with this name. See errors."
    ),
    ProblemType(
        "repeated_parameter",
        400,
        "Repeated parameter",
        "A parameter is given more than once. Give it once and separate several values by commas.",
    ),
    ProblemType(
        "page_window_exceeded",
        400,
        "Page window exceeded",
        "page × per_page is larger than 10,000. Use cursor to read further results.",
    ),
    ProblemType("bad_request", 400, "Bad request", "The server cannot read the HTTP request or its JSON body."),
    ProblemType("not_found", 404, "Not found", "Nothing exists at this path or with this id."),
    ProblemType(
        "method_not_allowed",
        405,
        "Method not allowed",
        "The path does not support this HTTP method. The Allow header lists the methods that it supports.",
    ),
    ProblemType("gone", 410, "Gone", "The story was in the index and has been removed."),
    ProblemType(
        "stale_cursor",
        410,
        "Stale cursor",
        "The index has changed since the cursor was made. Start again with the first page, without cursor.",
    ),
    ProblemType("too_large", 413, "Too large", "The URL, the headers or the body of the request are too large."),
    ProblemType(
        "rate_limited",
        429,
        "Too many requests",
        "The client has sent too many requests. Wait as many seconds as Retry-After says.",
    ),
    ProblemType(
        "internal",
        500,
        "Internal error",
        "The server failed to answer the request. Its log has the details, under the request id.",
    ),
    ProblemType(
        "timeout",
        504,
        "Timeout",
        "The query took too long and was stopped. Queries with fewer prefixes (word*) or fewer results are faster.",
    ),
    ProblemType(
        "busy",
        503,
        "Busy",
        "Slow clients use all server threads that they may use. Wait as many seconds as Retry-After says.",
    ),
    ProblemType("index_unavailable", 503, "Index unavailable", "The server has no index to search. Try again later."),
)
PROBLEMS = {problem.code: problem for problem in _TYPES}


@dataclass(frozen=True, slots=True)
class ParameterFault:
    """One error in the query string or body: ``allowed`` says which values are valid, ``hint`` what to try."""

    parameter: str
    code: str
    value: str | None
    allowed: str | None
    hint: str | None = None


class InvalidParameters(OutpostError):
    """The query string or body is invalid; ``faults`` are all its errors."""

    def __init__(self, faults: list[ParameterFault]) -> None:
        self.faults = faults
        super().__init__("; ".join(_describe_fault(fault) for fault in faults))

    @property
    def code(self) -> str:
        """The problem code: that of the faults if all have the same, else invalid_parameter."""
        codes = {fault.code for fault in self.faults}
        return codes.pop() if len(codes) == 1 and codes <= PROBLEMS.keys() else "invalid_parameter"


class RateLimited(OutpostError):
    """A client has exceeded its ``limit``, such as "100/minute"; it may send a request in ``seconds`` seconds."""

    def __init__(self, limit: str, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        super().__init__(f"the limit of {limit.replace('/', ' requests per ')} is exceeded")


class ServerBusy(OutpostError):
    """Slow clients use all threads that they may use: see api/middleware/slow_clients.py."""

    def __init__(self) -> None:
        super().__init__("too many slow uploads and downloads are in progress; try again later")


def _describe_fault(fault: ParameterFault) -> str:
    match fault.code:
        case "unknown_parameter":
            return f"there is no parameter {fault.parameter}"
        case "repeated_parameter":
            return f"{fault.parameter} is given more than once"
        case _:
            return f"{fault.parameter} must be {fault.allowed}"
