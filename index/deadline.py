"""The time limit of a request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from index.errors import QueryTimeout

# Seconds to join, compress and send one byte of an answer, at 100 MB/s.
_SECONDS_A_BYTE = 1e-8
T = TypeVar("T")


class Deadline:
    """Ends ``longest`` seconds after its creation, or after ``seconds`` if that is sooner. Loops check it at each step.

    ``longest``: the limit of the whole request in seconds, which QueryTimeout names. ``seconds``: the time that earlier
    parts of the request have left.
    """

    __slots__ = ("_end", "longest")

    def __init__(self, longest: float, seconds: float | None = None) -> None:
        self.longest = longest
        self._end = monotonic() + (longest if seconds is None else min(seconds, longest))

    def remaining(self) -> float:
        """Seconds until the deadline. Raises QueryTimeout if it has passed."""
        remaining = self._end - monotonic()
        if remaining <= 0:
            raise QueryTimeout(self.longest)
        return remaining

    def check(self) -> None:
        """Raise QueryTimeout if the deadline has passed. Takes 0.1 µs."""
        if monotonic() > self._end:
            raise QueryTimeout(self.longest)

    def spend(self, size: int) -> None:
        """Reserve the time to write ``size`` bytes of an answer. Raises QueryTimeout if none remains."""
        self._end -= size * _SECONDS_A_BYTE
        self.check()

    def pace(self, items: Iterable[T]) -> Iterator[T]:
        """Yield ``items``, checking the deadline before each."""
        for item in items:
            self.check()
            yield item
