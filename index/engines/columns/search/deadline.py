"""The time limit of a search in this engine."""

from __future__ import annotations

from index.deadline import Deadline

# A request may occupy a worker for one second. On 228,612 stories the slowest step between two checks of the clock
# takes 5 ms, and writing a page of 100 hits takes 10 ms. This leaves room for ten times as many stories.
MAX_SECONDS = 0.8


def begin_deadline(seconds: float | None) -> Deadline:
    """A deadline ``seconds`` from now; MAX_SECONDS from now if ``seconds`` is None or greater."""
    return Deadline(MAX_SECONDS, seconds)
