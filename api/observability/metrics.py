"""Counts of what a server does, over all its processes, in the text form of Prometheus."""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import IO

from index.errors import IndexUnavailable
from index.files.manifest import Manifest
from index.live import LiveIndex

STATUSES = (
    "200",
    "301",
    "302",
    "304",
    "308",
    "400",
    "404",
    "405",
    "410",
    "413",
    "414",
    "429",
    "431",
    "500",
    "503",
    "504",
    "other",
)
_PLACES = {int(status): place for place, status in enumerate(STATUSES[:-1])}
# Upper bounds, in seconds, of the histogram's parts; the last part has none.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# Of each rule: requests by status, by part of the histogram, and their seconds.
_PARTS = len(STATUSES)
_SECONDS = _PARTS + len(BOUNDS) + 1
_ROW = _SECONDS + 1
EVENTS = {
    "outpost_answer_cache_hits_total": "Answers that were made already.",
    "outpost_answer_cache_misses_total": "Answers that had to be made.",
    "outpost_empty_searches_total": "Searches that found nothing, each counted when its answer was made.",
}
CACHE_HIT, CACHE_MISS, EMPTY = range(3)
# What is asked for and is no path of ours.
NO_RULE = "none"
_log = logging.getLogger("outpost.metrics")


class Metrics:
    """What a process counts, 1 µs a request.

    With a ``directory`` it counts in a mapped file there, which no other process writes to, and reports the sum of all
    files there: those of processes that have ended too, so that no count ever falls. A new process goes on in the file
    of one that has ended. Without a directory, or if the file cannot be had, it counts in its own memory.
    """

    def __init__(self, rules: Sequence[str], directory: Path | None = None) -> None:
        self._rules = (*sorted(set(rules)), NO_RULE)
        self._rows = {rule: len(EVENTS) + place * _ROW for place, rule in enumerate(self._rules)}
        self._unknown = self._rows[NO_RULE]
        self._size = 8 * (len(EVENTS) + len(self._rules) * _ROW)
        self._directory = directory
        # Files that another version wrote into the same directory have another layout and another name.
        layout = repr((self._rules, STATUSES, BOUNDS, list(EVENTS)))
        self._layout = blake2b(layout.encode(), digest_size=8).hexdigest()
        self._is_shared = False
        self._values = memoryview(self._make_buffer()).cast("d")
        self._lock = threading.Lock()

    def _make_buffer(self) -> mmap.mmap | bytearray:
        if self._directory is None:
            return bytearray(self._size)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._take_over_file(self._directory) or self._create_file(self._directory) as file:
                # The mapping has a duplicate of the descriptor, and with it the lock, until the process ends.
                buffer = mmap.mmap(file.fileno(), self._size)
        except OSError as error:
            _log.warning("cannot count in %s, so this process counts in its own memory: %s", self._directory, error)
            return bytearray(self._size)
        self._is_shared = True
        return buffer

    def _take_over_file(self, directory: Path) -> IO[bytes] | None:
        """The file of a process that has ended, locked; None if there is none."""
        for path in sorted(directory.glob(f"{self._layout}-*")):
            try:
                file = path.open("rb+")
            except (FileNotFoundError, PermissionError):
                # Removed meanwhile, or left by another user.
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            if os.fstat(file.fileno()).st_size == self._size:
                return file
            file.close()
        return None

    def _create_file(self, directory: Path) -> IO[bytes]:
        path = directory / f"{self._layout}-{os.getpid()}-{os.urandom(4).hex()}"
        file = path.open("xb+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            # A page that the disk has no room for when it is first written to would end the process with SIGBUS.
            os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError:
            file.close()
            path.unlink()
            raise
        return file

    def count(self, event: int) -> None:
        """One more of CACHE_HIT, CACHE_MISS or EMPTY."""
        with self._lock:
            self._values[event] += 1

    def count_request(self, rule: str, status: int, seconds: float) -> None:
        row = self._rows.get(rule, self._unknown)
        place, part = _PLACES.get(status, _PARTS - 1), bisect_left(BOUNDS, seconds)
        values = self._values
        with self._lock:
            values[row + place] += 1
            values[row + _PARTS + part] += 1
            values[row + _SECONDS] += seconds

    def tell(self, live: LiveIndex) -> str:
        """All counts, and what index is served."""
        sums = self._add_up()
        lines = [*_tell_index(live)]
        for event, (name, text) in enumerate(EVENTS.items()):
            lines += [*_head(name, "counter", text), f"{name} {sums[event]:.0f}"]
        rows = {
            _escape(rule): sums[row : row + _ROW] for rule, row in self._rows.items() if any(sums[row : row + _ROW])
        }
        lines += _head("outpost_requests_total", "counter", "Requests by rule and status.")
        lines += [
            f'outpost_requests_total{{rule="{rule}",status="{status}"}} {number:.0f}'
            for rule, row in rows.items()
            for status, number in zip(STATUSES, row[:_PARTS], strict=True)
            if number
        ]
        lines += _head("outpost_request_seconds", "histogram", "Seconds until an answer was ready, by rule.")
        for rule, row in rows.items():
            lines += _tell_histogram(rule, row)
        return "\n".join([*lines, ""])

    def _add_up(self) -> list[float]:
        if self._directory is None:
            return [*map(float, self._values)]
        try:
            files = [path.read_bytes() for path in self._directory.glob(f"{self._layout}-*")]
        except OSError as error:
            _log.warning("the counts of other processes cannot be read, these are those of one: %s", error)
            return [*map(float, self._values)]
        rows = [memoryview(data).cast("d") for data in files if len(data) == self._size]
        if not self._is_shared:
            rows.append(self._values)
        return [sum(values) for values in zip(*rows, strict=True)]


def _tell_histogram(rule: str, row: Sequence[float]) -> Iterator[str]:
    name, bounds = "outpost_request_seconds", [*map(str, BOUNDS), "+Inf"]
    upto = list(accumulate(row[_PARTS:_SECONDS]))
    for bound, number in zip(bounds, upto, strict=True):
        yield f'{name}_bucket{{rule="{rule}",le="{bound}"}} {number:.0f}'
    yield f'{name}_sum{{rule="{rule}"}} {row[_SECONDS]:.6f}'
    yield f'{name}_count{{rule="{rule}"}} {upto[-1]:.0f}'


def _tell_index(live: LiveIndex) -> Iterator[str]:
    """The index is no count of a process: whoever is asked looks."""
    yield from _head("outpost_index_up", "gauge", "Whether there is an index that answers.")
    try:
        with live.borrow() as generation:
            manifest: Manifest | None = generation.manifest
    except IndexUnavailable:
        manifest = None
    yield f"outpost_index_up {int(manifest is not None)}"
    failures = "outpost_generation_open_failures_total"
    yield from _head(failures, "counter", "Attempts of this process to open a generation that failed.")
    yield f"{failures} {live.open_failures}"
    if manifest is None:
        return
    yield from _head("outpost_generation_info", "gauge", "The generation that is served.")
    yield f'outpost_generation_info{{generation="{_escape(generation.name)}"}} 1'
    yield from _head("outpost_generation_built_seconds", "gauge", "When it was built, in seconds since 1970.")
    yield f"outpost_generation_built_seconds {manifest.built_at.timestamp():.3f}"
    yield from _head("outpost_documents", "gauge", "Documents in it, by kind.")
    status = manifest.status
    kinds = {"stories": status.stories, "sources": status.sources, "publishers": status.publishers}
    for kind, number in kinds.items():
        yield f'outpost_documents{{kind="{kind}"}} {number}'


def _head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
