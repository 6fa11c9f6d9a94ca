"""Prefers newer stories: ``recency`` 0 does not change scores, 1 halves the score of a story that is a week old.

The score is multiplied by ``1 - recency * age / (age + HALF_LIFE)``. The age counts from the newest story of the index,
so that archives work like current news and answers do not change while a generation is current. A story without a time
is infinitely old. The curve is a hyperbola: an exponential would round all stories older than a few months to 0.
"""

from __future__ import annotations

HALF_LIFE = 7 * 24 * 3600 * 1_000_000  # µs


def recency_factor(recency: float, published: int | None, newest: int) -> float:
    """The factor of a score. ``published`` and ``newest``: µs since 1970."""
    if published is None:
        return 1 - recency
    age = max(0, newest - published)
    return 1 - recency * age / (age + HALF_LIFE)
