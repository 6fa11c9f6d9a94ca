"""How long a search may take, of one request or of several. The cluster is told with each how much is left."""

from __future__ import annotations

from index.deadline import Deadline

# Then the whole search fails, for a part of an answer would look like all of it.
MAX_SECONDS = 10.0


def begin_deadline(seconds: float | None) -> Deadline:
    """``seconds`` from now, at most ``MAX_SECONDS``, which is also what None stands for."""
    return Deadline(MAX_SECONDS, seconds)
