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
    """A moment ``longest`` seconds after it was made, or ``seconds`` if they are fewer. Long work looks at it before
    each of its steps.

    An error names ``longest``: a part of a request is given as ``seconds`` what the parts before it have left.
    """

    __slots__ = ("_end", "longest")

    def __init__(self, longest: float, seconds: float | None = None) -> None:
        self.longest = longest
        self._end = monotonic() + (longest if seconds is None else min(seconds, longest))

    def remaining(self) -> float:
        """The seconds until then. Raises QueryTimeout where there are none."""
        left = self._end - monotonic()
        if left <= 0:
            raise QueryTimeout(self.longest)
        return left

    def check(self) -> None:
        """Raises QueryTimeout where the moment has passed. Takes 0.1 µs."""
        if monotonic() > self._end:
            raise QueryTimeout(self.longest)

    def spend(self, size: int) -> None:
        """Leave as much less time as writing so many bytes of an answer takes. Raises QueryTimeout."""
        self._end -= size * _SECONDS_A_BYTE
        self.check()

    def pace(self, items: Iterable[T]) -> Iterator[T]:
        """``items`` one after the other, with a check before each."""
        for item in items:
            self.check()
            yield item
