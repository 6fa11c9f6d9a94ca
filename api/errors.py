"""Errors of the API, and the table of problems: codes, statuses and their meaning."""

from __future__ import annotations

from dataclasses import dataclass

from index.errors import OutpostError


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
    """Slow clients occupy all the threads that they may: api/middleware/slow_clients.py."""

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
