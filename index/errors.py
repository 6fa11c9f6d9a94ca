"""All errors that the index raises on purpose. Each keeps its data as attributes and builds its message here."""

from __future__ import annotations

from msgspec import Struct

# Characters of an id that a message quotes.
_MAX_SHOWN = 200


class OutpostError(Exception):
    """The base class of all errors that Outpost raises on purpose."""


class Fault(Struct, frozen=True, kw_only=True):
    """One error in one line of an input file.

    ``line`` counts from 1; 0 stands for the whole file. ``pointer`` is an RFC 6901 JSON pointer into the line; "" is
    the whole line. ``allowed`` says what would be valid there.
    """

    file: str
    line: int
    pointer: str
    problem: str
    allowed: str

    def __str__(self) -> str:
        location = f"{self.file}:{self.line}" if self.line else self.file
        return f"{location}: {self.pointer or '(whole line)'}: {self.problem}; allowed: {self.allowed}"


class InvalidDocuments(OutpostError):
    """Input files contain invalid lines. ``faults``: the reported ones; ``more``: there are others."""

    def __init__(self, faults: list[Fault], *, more: bool = False) -> None:
        self.faults = faults
        self.more = more
        super().__init__("\n".join(str(fault) for fault in faults))


class InvalidPage(OutpostError):
    """A file is not the complete text of a story page. ``expected``: what should stand at ``line``."""

    def __init__(self, file: str, line: int, problem: str, expected: str) -> None:
        self.file, self.line, self.problem, self.expected = file, line, problem, expected
        super().__init__(f"{file}:{line}: {problem}; expected {expected}")


class InputUnreadable(OutpostError):
    """An input file cannot be opened or read."""

    def __init__(self, file: str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file}: {reason}")


class IndexUnavailable(OutpostError):
    """The index at ``directory``, a path or the address of a cluster, cannot answer now."""

    def __init__(self, directory: object, reason: str) -> None:
        self.directory, self.reason = directory, reason
        super().__init__(f"no usable index at {directory}: {reason}")


class IndexMissing(IndexUnavailable):
    """No index has been built at this location."""


class IndexDamaged(IndexUnavailable):
    """Files of the current generation are missing, truncated or changed. Only a new build repairs that."""


class VersionMismatch(IndexUnavailable):
    """The current generation was written by an incompatible version of Outpost. It has to be built again."""

    def __init__(self, directory: object, what: str, found: object, expected: object) -> None:
        self.what, self.found, self.expected = what, found, expected
        super().__init__(
            directory,
            f"its {what} is {found}, but this version of Outpost reads {expected}; build it again with 'outpost build'",
        )


class BuildRunning(OutpostError):
    """Another process is building in the same directory, or under the same alias of a cluster."""

    def __init__(self, directory: object, owner: str) -> None:
        self.directory, self.owner = directory, owner
        super().__init__(f"another build into {directory} is running ({owner}); try again when it has finished")


class BuildFailed(OutpostError):
    """The new generation could not be written, or failed its checks. The old one stays current."""


class QueryTimeout(OutpostError):
    """A query was stopped because it took longer than ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"the query took longer than {seconds:g} seconds; use fewer prefixes (word*) or ask for fewer results"
        )


class TooManyBuckets(OutpostError):
    """A timeline would have more than ``limit`` buckets."""

    def __init__(self, interval: str, limit: int) -> None:
        self.interval, self.limit = interval, limit
        super().__init__(f"the timeline would have more than {limit} buckets of one {interval}")


class StaleCursor(OutpostError):
    """The cursor belongs to a generation that is no longer current."""

    def __init__(self) -> None:
        super().__init__("the index has changed since the first page; start again without the cursor")


class NotFound(OutpostError):
    """There is no such document. ``near``: existing ids that look similar."""

    def __init__(self, kind: str, ident: str, near: tuple[str, ...] = ()) -> None:
        self.kind, self.ident, self.near = kind, ident, near
        super().__init__(f"no {kind} {ident[:_MAX_SHOWN]!r}")


class Gone(OutpostError):
    """The story was in an earlier generation and has been removed."""

    def __init__(self, ident: str) -> None:
        self.ident = ident
        super().__init__(f"story {ident!r} was removed")


class UnknownEngine(OutpostError):
    """An engine URL has an unknown scheme. ``known``: the valid ones."""

    def __init__(self, url: str, known: tuple[str, ...]) -> None:
        self.url, self.known = url, known
        super().__init__(f"no engine for {url!r}; known: {', '.join(known)}")
