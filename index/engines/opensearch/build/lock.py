"""The lock of a build: a document that only one can make, and that its process renews while it lives."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from index.engines.opensearch.connection.address import ClusterAddress
from index.engines.opensearch.connection.client import Cluster, RequestRefused
from index.errors import BuildFailed, BuildRunning, OutpostError

Json = dict[str, Any]
# Renewed every so many seconds; a build that did not for so long is taken to be dead.
_BEAT, _DEAD = 10.0, 60.0
_CONFLICT = 409
_INDEX: Json = {
    "settings": {"index": {"number_of_shards": 1, "auto_expand_replicas": "0-1"}},
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "host": {"type": "keyword"},
            "process": {"type": "long"},
            "beat": {"type": "double"},
        },
    },
}


class Lock:
    """Held until ``release``."""

    def __init__(self, cluster: Cluster, path: str, place: Json) -> None:
        self._cluster, self._path, self._place = cluster, path, place
        self._done, self._lost = threading.Event(), False
        self._thread = threading.Thread(target=self._renew, name="build-lock", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        while not self._done.wait(_BEAT):
            try:
                self._place = _take(self._cluster, self._path, self._place)
            except RequestRefused:
                self._lost = True
                return
            except OutpostError:
                # The cluster may be back for the next beat.
                continue

    def check(self) -> None:
        """Raises BuildFailed where another build took this one for dead."""
        if self._lost:
            raise BuildFailed("another build has begun in the meantime, for this one was not heard of for a minute")

    def release(self) -> None:
        self._done.set()
        self._thread.join()
        if not self._lost:
            with contextlib.suppress(RequestRefused, OutpostError):
                self._cluster.send("DELETE", self._path, **self._place)


@contextmanager
def hold_lock(cluster: Cluster, address: ClusterAddress) -> Iterator[Lock]:
    """Be the only build under an alias. Raises BuildRunning at once where there is another."""
    index = f"{address.alias}-lock"
    try:
        cluster.send("PUT", f"/{index}", _INDEX)
    except RequestRefused as error:
        if error.kind != "resource_already_exists_exception":
            raise BuildFailed(f"the cluster makes no index {index}: {error.reason}") from error
    path = f"/{index}/_doc/build"
    try:
        lock = Lock(cluster, path, _take(cluster, path, {"op_type": "create"}))
    except RequestRefused as error:
        if error.status != _CONFLICT:
            raise BuildFailed(f"the cluster gives no lock: {error.reason}") from error
        lock = Lock(cluster, path, _take_over(cluster, path, address))
    try:
        yield lock
    finally:
        lock.release()


def _take(cluster: Cluster, path: str, place: Json) -> Json:
    """Write the lock where ``place`` says that nobody else has since; returns the next place."""
    own = {"host": socket.gethostname(), "process": os.getpid(), "beat": time.time()}
    answer = cluster.send("PUT", path, own, **place)
    return {"if_seq_no": answer["_seq_no"], "if_primary_term": answer["_primary_term"]}


def _take_over(cluster: Cluster, path: str, address: ClusterAddress) -> Json:
    """The lock of a build that is dead. Raises BuildRunning where it lives."""
    try:
        found = cluster.send("GET", path)
        holder = found["_source"]
        owner = f"process {holder['process']} on {holder['host']}"
        if not _is_dead(holder):
            raise BuildRunning(address, owner)
        return _take(cluster, path, {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]})
    except RequestRefused as error:
        raise BuildRunning(address, "one that began or ended just now") from error


def _is_dead(holder: Json) -> bool:
    if holder["host"] == socket.gethostname():
        try:
            os.kill(holder["process"], 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
    return bool(time.time() - holder["beat"] > _DEAD)
