"""Reading on in an index as it was at one point in time: cursors, exports, and results beyond the window.

One point in time serves all who read on in a generation, so that strangers cannot use up what a node may hold (300):
it is made when it is first needed, kept for some minutes after each use, and ended with the engine. Where it is gone
before, its time over or its node dead, another is made, as long as the index is still the one that they began to read.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from index.engines.opensearch.connection.client import Cluster, RequestRefused
from index.errors import IndexDamaged, IndexUnavailable, OutpostError

Json = dict[str, Any]
T = TypeVar("T")
KEEP_ALIVE = "5m"
_PATH = "/_search/point_in_time"


class Replaced(IndexUnavailable):
    """The index is not any more what its readers began to read."""


class Snapshot:
    """``is_current`` says whether the index still is the one that was opened."""

    def __init__(self, cluster: Cluster, index: str, is_current: Callable[[], bool]) -> None:
        self._cluster, self._index, self._is_current = cluster, index, is_current
        self._lock = threading.Lock()
        self._id: str | None = None

    def read(self, ask: Callable[[Json], T]) -> T:
        """What ``ask`` gives for the part of a search that names the point in time.

        Raises Replaced, and what ``ask`` raises.
        """
        ident = self._take()
        try:
            return ask(_place(ident))
        except IndexUnavailable:
            return ask(_place(self._take(gone=ident)))

    def iter_hits(self, ask: Callable[[Json], Json], body: Json, size: int, skipped: int = 0) -> Iterator[Json]:
        """All that ``body`` finds from the hit after ``skipped`` on, ``size`` with each search that ``ask`` makes."""
        body = {**body, "size": size, "track_total_hits": False}
        while True:
            passed = min(skipped, size)
            part = {**body, "_source": passed < size}
            hits = self.read(partial(_ask_part, ask, part))["hits"]["hits"]
            yield from hits[passed:]
            skipped -= passed
            if len(hits) < size:
                return
            body["search_after"] = hits[-1]["sort"]

    def _take(self, gone: str | None = None) -> str:
        with self._lock:
            if self._id is not None and self._id == gone:
                self._id = None
                # What went wrong may have been something else.
                self._end(gone)
            if self._id is None:
                self._id = self._make()
            return self._id

    def _make(self) -> str:
        try:
            made = self._cluster.send("POST", f"/{self._index}{_PATH}", keep_alive=KEEP_ALIVE)
        except RequestRefused as error:
            raise IndexDamaged(self._cluster.address, f"{self._index}: {error.reason}") from error
        ident = str(made["pit_id"])
        # Looked at afterwards: what changes from now on is not in it.
        if not self._is_current():
            self._end(ident)
            raise Replaced(self._cluster.address, f"{self._index} has been updated")
        return ident

    def _end(self, ident: str) -> None:
        # Where this fails it ends by itself after its time.
        with contextlib.suppress(OutpostError, RequestRefused):
            self._cluster.send("DELETE", _PATH, {"pit_id": [ident]})

    def close(self) -> None:
        with self._lock:
            ident, self._id = self._id, None
        if ident is not None:
            self._end(ident)


def _ask_part(ask: Callable[[Json], Json], part: Json, place: Json) -> Json:
    return ask({**part, **place})


def _place(ident: str) -> Json:
    return {"pit": {"id": ident, "keep_alive": KEEP_ALIVE}}
