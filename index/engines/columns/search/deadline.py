"""How long a search may take."""

from __future__ import annotations

from index.deadline import Deadline

# A request may hold a worker for a second. On 228,612 stories the slowest step between two looks at the clock takes
# 5 ms and a page of 100 hits 10, which leaves room for stories ten times as many.
MAX_SECONDS = 0.8


def begin_deadline(seconds: float | None) -> Deadline:
    """``seconds`` from now, at most ``MAX_SECONDS``, which is also what None stands for."""
    return Deadline(MAX_SECONDS, seconds)
