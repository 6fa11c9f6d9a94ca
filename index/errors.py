"""Everything that can go wrong below the API. Errors carry data; a sentence is made of it once, here."""

from __future__ import annotations

from msgspec import Struct

# Characters of an id that a message repeats.
_MAX_SHOWN = 200


class OutpostError(Exception):
    """The root of all errors that Outpost raises on purpose."""


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one input line.

    ``pointer`` is an RFC 6901 JSON pointer into the line ("" is the whole line), ``line`` counts
    from 1 (0: the file as a whole), ``allowed`` says what would have been right.
    """

    file: str
    line: int
    pointer: str
    problem: str
    allowed: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.pointer or '(whole line)'}: {self.problem}; allowed: {self.allowed}"


class InvalidDocuments(OutpostError):
    """Input was refused; ``faults`` are the ones reported, ``more`` tells of faults beyond the limit."""

    def __init__(self, faults: list[Fault], *, more: bool = False) -> None:
        self.faults = faults
        self.more = more
        super().__init__("\n".join(str(fault) for fault in faults))


class InvalidPage(OutpostError):
    """A file that was to be a story page is something else, or is not whole."""

    def __init__(self, file: str, line: int, problem: str, expected: str) -> None:
        self.file, self.line, self.problem, self.expected = file, line, problem, expected
        super().__init__(f"{file}:{line}: {problem}; expected {expected}")


class InputUnreadable(OutpostError):
    """An input file cannot be opened."""

    def __init__(self, file: str, reason: str) -> None:
        self.file, self.reason = file, reason
        super().__init__(f"{file}: {reason}")


class IndexUnavailable(OutpostError):
    """There is no index at ``directory``, or at the address of a cluster, that could answer."""

    def __init__(self, directory: object, reason: str) -> None:
        self.directory, self.reason = directory, reason
        super().__init__(f"no index at {directory}: {reason}")


class IndexMissing(IndexUnavailable):
    """Nothing has been built at the place of an index."""


class IndexDamaged(IndexUnavailable):
    """Files of the current generation are missing, cut or altered, which stays so until another one is built."""


class VersionMismatch(IndexUnavailable):
    """The current generation was written by another version and has to be built again."""

    def __init__(self, directory: object, what: str, found: object, expected: object) -> None:
        self.what, self.found, self.expected = what, found, expected
        super().__init__(
            directory,
            f"its {what} is {found}, this version of Outpost reads {expected}; build it again with 'outpost build'",
        )


class BuildRunning(OutpostError):
    """Another process is building into the same directory, or under the same address of a cluster."""

    def __init__(self, directory: object, owner: str) -> None:
        self.directory, self.owner = directory, owner
        super().__init__(f"another build into {directory} is running ({owner}); try again when it has ended")


class BuildFailed(OutpostError):
    """The new generation did not pass its checks, or could not be written; the old one stays."""


class QueryTimeout(OutpostError):
    """A query took longer than ``seconds`` and was given up."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"the query took longer than {seconds:g} seconds; fewer prefixes (word*) or results are faster"
        )


class TooManyBuckets(OutpostError):
    """A timeline would have more stretches than ``limit``."""

    def __init__(self, interval: str, limit: int) -> None:
        self.interval, self.limit = interval, limit
        super().__init__(
            f"more than {limit} stretches of an {interval}"
            if interval == "hour"
            else f"more than {limit} stretches of a {interval}"
        )


class StaleCursor(OutpostError):
    """A cursor of a generation that is not the current one any more."""

    def __init__(self) -> None:
        super().__init__("the index has changed since the first page; begin again without the cursor")


class NotFound(OutpostError):
    """No such document; ``near`` are ids that look like the one asked for."""

    def __init__(self, kind: str, ident: str, near: tuple[str, ...] = ()) -> None:
        self.kind, self.ident, self.near = kind, ident, near
        super().__init__(f"no {kind} {ident[:_MAX_SHOWN]!r}")


class Gone(OutpostError):
    """A story that an earlier generation had and this one has not."""

    def __init__(self, ident: str) -> None:
        self.ident = ident
        super().__init__(f"story {ident!r} was removed")


class UnknownEngine(OutpostError):
    """An engine URL that names no engine."""

    def __init__(self, url: str, known: tuple[str, ...]) -> None:
        self.url, self.known = url, known
        super().__init__(f"no engine for {url!r}; known: {', '.join(known)}")
