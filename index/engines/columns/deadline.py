"""How long a search may take."""

from __future__ import annotations

from time import monotonic

from index.errors import QueryTimeout

# A request may hold a worker for a second. On 228,612 stories the slowest step between two looks at the clock takes
# 5 ms and a page of 100 hits 10, which leaves room for stories ten times as many.
MAX_SECONDS = 0.8


class Deadline:
    """Begins when it is made; whoever works looks at it before each step, 0.1 µs."""

    __slots__ = ("_end", "_seconds")

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = MAX_SECONDS if seconds is None else min(seconds, MAX_SECONDS)
        self._end = monotonic() + self._seconds

    def check(self) -> None:
        """Raises QueryTimeout."""
        if monotonic() > self._end:
            raise QueryTimeout(self._seconds)
