"""Sends documents in bulk: several requests at once, bounded in bytes, with ever longer pauses where the cluster is
busy. Nothing that was refused is passed over: each failure is told with what it is about."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from index.engines.opensearch.connection.client import Cluster
from index.engines.opensearch.format.documents import BulkLine
from index.errors import BuildFailed, IndexUnavailable, QueryTimeout

# Bytes of one request, requests at once, and how many may wait: at most 40 MB of documents are in memory.
CHUNK_BYTES, THREADS, _WAITING = 4 * 1024 * 1024, 3, 5
# While a queue is full or a shard moves: pauses of 0.1 to 12.8 seconds, 25 in all.
_TRIES, _PAUSE = 9, 0.1
_LATER = (429, 503)
# So many failures are told one by one.
_TOLD = 20


class BulkLoader:
    """Takes lines; ``finish`` returns when all of them are in the cluster. Used by one thread."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bulk")
        self._running: deque[Future[None]] = deque()
        self._chunk: list[BulkLine] = []
        self._size = 0

    def add(self, line: BulkLine) -> None:
        """Raises BuildFailed for what was refused before, and what Cluster.send raises."""
        self._chunk.append(line)
        self._size += len(line.data)
        if self._size >= CHUNK_BYTES:
            self._start()

    def add_all(self, lines: Iterable[BulkLine]) -> None:
        for line in lines:
            self.add(line)

    def flush(self) -> None:
        """Wait until all that was added is there."""
        if self._chunk:
            self._start()
        while self._running:
            self._running.popleft().result()

    def finish(self) -> None:
        self.flush()
        self._pool.shutdown()

    def abort(self) -> None:
        """Let go of what waits; requests under way end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        while len(self._running) >= _WAITING:
            self._running.popleft().result()
        self._running.append(self._pool.submit(send_lines, self._cluster, self._chunk))
        self._chunk, self._size = [], 0


def send_lines(cluster: Cluster, lines: list[BulkLine]) -> None:
    """One bulk request, and more for what the cluster had no room for. Raises BuildFailed with each failure."""
    for attempt in range(_TRIES):
        try:
            answer = cluster.send("POST", "/_bulk", b"".join(line.data for line in lines), **_ONLY_FAILURES)
        except (IndexUnavailable, QueryTimeout):
            # Whatever got through is put in its place once more.
            if attempt == _TRIES - 1:
                raise
            time.sleep(_PAUSE * 2**attempt)
            continue
        if not answer["errors"]:
            return
        results = [next(iter(item.values())) for item in answer["items"]]
        again, failed = [], []
        for line, result in zip(lines, results, strict=True):
            status = result["status"]
            if status in _LATER:
                again.append(line)
            elif status >= 400 and not (status == 404 and result.get("result") == "not_found"):
                failed.append(f"{line.about}: {_describe_failure(result)}")
        if failed:
            more = f"; and {len(failed) - _TOLD} more" if len(failed) > _TOLD else ""
            raise BuildFailed("the cluster refused documents: " + "; ".join(failed[:_TOLD]) + more)
        if not again:
            return
        lines = again
        time.sleep(_PAUSE * 2**attempt)
    raise BuildFailed(f"the cluster was too busy for {len(lines)} documents, {lines[0].about} the first of them")


_ONLY_FAILURES = {"filter_path": "errors,items.*.status,items.*.result,items.*.error"}


def _describe_failure(result: dict[str, object]) -> str:
    error = result.get("error")
    return str(error.get("reason", error))[:300] if isinstance(error, dict) else str(result["status"])
