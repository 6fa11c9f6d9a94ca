"""How long a search may take, of one request or of several. The cluster is told with each how much is left."""

from __future__ import annotations

import time

from index.errors import QueryTimeout

# Then the whole search fails, for a part of an answer would look like all of it.
MAX_SECONDS = 10.0


class Deadline:
    """Begins when it is made. ``seconds`` None: MAX_SECONDS, which is also the most that may be given."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = MAX_SECONDS if seconds is None else min(seconds, MAX_SECONDS)
        self._end = time.monotonic() + self.seconds

    def left(self) -> float:
        """Seconds. Raises QueryTimeout where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise QueryTimeout(self.seconds)
        return left
