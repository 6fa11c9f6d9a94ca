"""Metrics over all processes of a server, in the text format of Prometheus.

prometheus-client in multiprocess mode takes 16 µs a request; this module takes 2. It stays because the library maps
sparse files: on a full disk, the first write to a new page ends the process with SIGBUS. The library also keeps two
files of each process that ever ran, and each pair adds 15 ms to a scrape; here a new process reuses the file of an
ended one.
"""

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
_STATUS_COLUMNS = {int(status): column for column, status in enumerate(STATUSES[:-1])}
# Upper bounds of the histogram's buckets, in seconds; a last bucket has no bound.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# A row for each rule: number of requests by status, number by bucket, sum of seconds.
_BUCKETS = len(STATUSES)
_SUM = _BUCKETS + len(BOUNDS) + 1
_ROW_LENGTH = _SUM + 1
EVENTS = {
    "outpost_answer_cache_hits_total": "Answers taken from the cache.",
    "outpost_answer_cache_misses_total": "Answers not found in the cache.",
    "outpost_empty_searches_total": "Searches without results; answers from the cache are not counted.",
}
CACHE_HIT, CACHE_MISS, EMPTY = range(3)
# The rule of requests that match no route.
NO_RULE = "none"
_log = logging.getLogger("outpost.metrics")


class Metrics:
    """The counters of a process; updating them takes 2 µs a request. Thread-safe.

    With a ``directory``, each process maps a file of its own there, and the report is the sum of all files. The files
    of ended processes stay, so that counters never decrease; a new process reuses such a file. Without a directory, or
    if it cannot be used, the counters are in memory and the report is that of this process.
    """

    def __init__(self, rules: Sequence[str], directory: Path | None = None) -> None:
        self._rules = (*sorted(set(rules)), NO_RULE)
        self._rows = {rule: len(EVENTS) + number * _ROW_LENGTH for number, rule in enumerate(self._rules)}
        self._unmatched = self._rows[NO_RULE]
        self._size = 8 * (len(EVENTS) + len(self._rules) * _ROW_LENGTH)
        self._directory = directory
        # Part of the file name: files of other versions in the same directory may have another layout.
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
            with self._reuse_file(self._directory) or self._create_file(self._directory) as file:
                # The mapping duplicates the descriptor, which keeps the lock until the process ends.
                buffer = mmap.mmap(file.fileno(), self._size)
        except OSError as error:
            _log.warning(
                "cannot use the metrics directory %s, so /metrics shows single processes: %s", self._directory, error
            )
            return bytearray(self._size)
        self._is_shared = True
        return buffer

    def _reuse_file(self, directory: Path) -> IO[bytes] | None:
        """The file of an ended process, locked; None if there is none."""
        for path in sorted(directory.glob(f"{self._layout}-*")):
            try:
                file = path.open("rb+")
            except (FileNotFoundError, PermissionError):
                # Just removed, or owned by another user.
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
            # Allocate all blocks: writing to an unallocated page on a full disk ends the process with SIGBUS.
            os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError:
            file.close()
            path.unlink()
            raise
        return file

    def count(self, event: int) -> None:
        """Add 1 to the counter CACHE_HIT, CACHE_MISS or EMPTY."""
        with self._lock:
            self._values[event] += 1

    def count_request(self, rule: str, status: int, seconds: float) -> None:
        """Count a request of the URL ``rule`` that was answered with ``status`` after ``seconds``."""
        row = self._rows.get(rule, self._unmatched)
        column, bucket = _STATUS_COLUMNS.get(status, _BUCKETS - 1), bisect_left(BOUNDS, seconds)
        values = self._values
        with self._lock:
            values[row + column] += 1
            values[row + _BUCKETS + bucket] += 1
            values[row + _SUM] += seconds

    def render(self, live: LiveIndex) -> str:
        """All metrics, and those of the index that is served, in the text format of Prometheus."""
        sums = self._sum_files()
        lines = [*_render_index(live)]
        for event, (name, text) in enumerate(EVENTS.items()):
            lines += [*_render_head(name, "counter", text), f"{name} {sums[event]:.0f}"]
        rows = {
            _escape(rule): sums[row : row + _ROW_LENGTH]
            for rule, row in self._rows.items()
            if any(sums[row : row + _ROW_LENGTH])
        }
        lines += _render_head("outpost_requests_total", "counter", "Requests by rule and status.")
        lines += [
            f'outpost_requests_total{{rule="{rule}",status="{status}"}} {number:.0f}'
            for rule, row in rows.items()
            for status, number in zip(STATUSES, row[:_BUCKETS], strict=True)
            if number
        ]
        lines += _render_head("outpost_request_seconds", "histogram", "Seconds until the answer was ready, by rule.")
        for rule, row in rows.items():
            lines += _render_histogram(rule, row)
        return "\n".join([*lines, ""])

    def _sum_files(self) -> list[float]:
        if self._directory is None:
            return [*map(float, self._values)]
        try:
            files = [path.read_bytes() for path in self._directory.glob(f"{self._layout}-*")]
        except OSError as error:
            _log.warning("cannot read the metrics of other processes, so /metrics shows this process only: %s", error)
            return [*map(float, self._values)]
        rows = [memoryview(data).cast("d") for data in files if len(data) == self._size]
        if not self._is_shared:
            rows.append(self._values)
        return [sum(values) for values in zip(*rows, strict=True)]


def _render_histogram(rule: str, row: Sequence[float]) -> Iterator[str]:
    name, bounds = "outpost_request_seconds", [*map(str, BOUNDS), "+Inf"]
    cumulative = list(accumulate(row[_BUCKETS:_SUM]))
    for bound, number in zip(bounds, cumulative, strict=True):
        yield f'{name}_bucket{{rule="{rule}",le="{bound}"}} {number:.0f}'
    yield f'{name}_sum{{rule="{rule}"}} {row[_SUM]:.6f}'
    yield f'{name}_count{{rule="{rule}"}} {cumulative[-1]:.0f}'


def _render_index(live: LiveIndex) -> Iterator[str]:
    """Metrics of the current index, which are the same in each process."""
    yield from _render_head("outpost_index_up", "gauge", "1 if an index is served, else 0.")
    try:
        with live.borrow() as generation:
            manifest: Manifest | None = generation.manifest
    except IndexUnavailable:
        manifest = None
    yield f"outpost_index_up {int(manifest is not None)}"
    failures = "outpost_generation_open_failures_total"
    yield from _render_head(failures, "counter", "Failed attempts of this process to open a generation.")
    yield f"{failures} {live.open_failures}"
    if manifest is None:
        return
    yield from _render_head("outpost_generation_info", "gauge", "The generation that is served.")
    yield f'outpost_generation_info{{generation="{_escape(generation.name)}"}} 1'
    yield from _render_head("outpost_generation_built_seconds", "gauge", "Unix time at which the generation was built.")
    yield f"outpost_generation_built_seconds {manifest.built_at.timestamp():.3f}"
    yield from _render_head("outpost_documents", "gauge", "Documents in the generation, by kind.")
    status = manifest.status
    kinds = {"stories": status.stories, "sources": status.sources, "publishers": status.publishers}
    for kind, number in kinds.items():
        yield f'outpost_documents{{kind="{kind}"}} {number}'


def _render_head(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
