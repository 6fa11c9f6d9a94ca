"""How much newer stories count for more: ``recency`` 0 leaves the score as it is, 1 makes it fall by half in a week.

A story's score is multiplied by ``1 - recency * age / (age + HALF_LIFE)``. The age is counted from the newest story of
the index, so that an archive is weighed as a day's news is, and an answer stays the same while its generation lives. A
story without a time is infinitely old. The curve is a hyperbola and not an exponential, which would make all that is
older than a few months equal, and lose it in rounding.
"""

from __future__ import annotations

HALF_LIFE = 7 * 24 * 3600 * 1_000_000  # µs


def recency_factor(recency: float, published: int | None, newest: int) -> float:
    """What to multiply a score with; both times in µs since 1970."""
    if published is None:
        return 1 - recency
    age = max(0, newest - published)
    return 1 - recency * age / (age + HALF_LIFE)
