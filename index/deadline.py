"""How long a request may take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from index.errors import QueryTimeout

# What is found has to be written, too: joined, compressed and sent, at 100 MB a second.
_SECONDS_A_BYTE = 1e-8
T = TypeVar("T")


class Deadline:
    """A moment, so many seconds after it was made. Long work looks at it before each of its steps."""

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    def left(self) -> float:
        """The seconds until then. Raises QueryTimeout where there are none."""
        left = self._end - monotonic()
        if left <= 0:
            raise QueryTimeout(self.seconds)
        return left

    def check(self) -> None:
        """Raises QueryTimeout where the moment has passed. Takes 0.1 µs."""
        if monotonic() > self._end:
            raise QueryTimeout(self.seconds)

    def spend(self, size: int) -> None:
        """Leave as much less time as writing so many bytes of an answer takes. Raises QueryTimeout."""
        self._end -= size * _SECONDS_A_BYTE
        self.check()

    def pace(self, items: Iterable[T]) -> Iterator[T]:
        """``items`` one after the other, with a check before each."""
        for item in items:
            self.check()
            yield item
