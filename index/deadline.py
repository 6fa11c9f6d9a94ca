"""How long a request may take, and how long its answer may be."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from index.errors import AnswerTooLong, QueryTimeout

# Bytes of an answer's results together, as they are stored: of 100 real stories they have 200,000, and what is
# allowed is compressed in half a second. Of more than 100 results each may have as many as one of these.
_MAX_BYTES, _MAX_EACH = 16_000_000, 160_000
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

    def pace(self, items: Iterable[T]) -> Iterator[T]:
        """``items`` one after the other, with a check before each."""
        for item in items:
            self.check()
            yield item


class AnswerRoom:
    """How many bytes are left for so many ``results``. One by itself may have any number."""

    __slots__ = ("_left", "_limit")

    def __init__(self, results: int) -> None:
        self._limit = max(_MAX_BYTES, results * _MAX_EACH) if results > 1 else sys.maxsize
        self._left = self._limit

    def take(self, size: int) -> None:
        """Use up so many bytes. Raises AnswerTooLong where there are fewer."""
        self._left -= size
        if self._left < 0:
            raise AnswerTooLong(self._limit)
