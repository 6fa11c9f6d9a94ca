"""Times of queries. For each query, one engine runs after the other; several rounds."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.peers import BuildResult, Peer
from benchmarks.queries import BenchmarkQuery, group_by_class

# An engine that runs at most so many queries of a class counts as slow, and runs fewer rounds.
_SLOW_ENGINE_ROUNDS = 2
_FAST_ENGINE_QUERIES = 1_000


@dataclass(frozen=True, slots=True)
class Mode:
    """What a search returns besides the best hits and the total."""

    name: str
    facets: bool = False
    documents: bool = False
    highlights: bool = False


SEARCH = Mode("search and total")
READ = Mode("search, the 20 hits read", documents=True)
FACETED = Mode("search and two facets", facets=True)
HIGHLIGHTED = Mode("search and highlights", documents=True, highlights=True)
EVERYTHING = Mode("search, two facets and highlights", facets=True, documents=True, highlights=True)
MODES = (SEARCH, READ, FACETED, HIGHLIGHTED, EVERYTHING)

# Seconds of each run, by mode, engine and query.
Times = dict[tuple[str, str], dict[BenchmarkQuery, list[float]]]


@dataclass(slots=True)
class Results:
    """The measurements with one number of stories. ``totals`` are hits, by engine and query."""

    size: int
    built: dict[str, BuildResult] = field(default_factory=dict)
    times: Times = field(default_factory=dict)
    totals: dict[str, dict[BenchmarkQuery, int]] = field(default_factory=dict)

    @property
    def peers(self) -> list[str]:
        return list(self.built)


def time_queries(results: Results, peers: Sequence[Peer], queries: Sequence[BenchmarkQuery], rounds: int) -> None:
    """Run the queries, and add times and totals to ``results``."""
    queries_of = {peer.name: _first_of_each(queries, peer.max_queries) for peer in peers}
    for mode in MODES:
        _warm_up(peers, queries, mode)
        for number in range(rounds):
            gc.collect()
            gc.disable()
            try:
                _run_round(results, peers, queries, mode, queries_of, number)
            finally:
                gc.enable()


def _first_of_each(queries: Sequence[BenchmarkQuery], count: int) -> set[BenchmarkQuery]:
    return {query for members in group_by_class(queries).values() for query in members[:count]}


def _warm_up(peers: Sequence[Peer], queries: Sequence[BenchmarkQuery], mode: Mode) -> None:
    """Run one query of each class, so that the times do not include loading, compiling and mapping files."""
    for query in _first_of_each(queries, 1):
        for peer in peers:
            _search(peer, query, mode)


def _run_round(
    results: Results,
    peers: Sequence[Peer],
    queries: Sequence[BenchmarkQuery],
    mode: Mode,
    queries_of: dict[str, set[BenchmarkQuery]],
    number: int,
) -> None:
    rng = random.Random(number)  # noqa: S311 - the same order at every run
    before = queries[-1]
    for query in queries:
        for peer in rng.sample(peers, len(peers)):
            fast = peer.max_queries >= _FAST_ENGINE_QUERIES
            if query not in queries_of[peer.name] or (number >= _SLOW_ENGINE_ROUNDS and not fast):
                continue
            if fast:
                # Another query first, because the previous engine has filled the processor's caches.
                _search(peer, before, mode)
            started = time.perf_counter()
            total = _search(peer, query, mode)
            took = time.perf_counter() - started
            results.times.setdefault((mode.name, peer.name), {}).setdefault(query, []).append(took)
            results.totals.setdefault(peer.name, {})[query] = total
        before = query


def _search(peer: Peer, query: BenchmarkQuery, mode: Mode) -> int:
    return peer.search(query, facets=mode.facets, documents=mode.documents, highlights=mode.highlights)


# --- statistics --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClassTimes:
    """Times in seconds of one engine for one class of queries; ``worst`` is the 99th percentile.

    ``ratio``: its median divided by that of the first engine.
    """

    median: float
    worst: float
    ratio: float


def summarise(results: Results, mode: Mode, peer: str) -> dict[str, ClassTimes]:
    """For each class: the median of the best run of each query, and the 99th percentile of all runs."""
    times, first = results.times.get((mode.name, peer), {}), results.times[mode.name, results.peers[0]]
    classes = {}
    for kind, queries in group_by_class(times).items():
        median = statistics.median(min(times[query]) for query in queries)
        ratio = median / statistics.median(min(first[query]) for query in queries)
        classes[kind] = ClassTimes(median, percentile([run for q in queries for run in times[q]], 0.99), ratio)
    return classes


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean of the positive values; 0 if there are none."""
    positive = [value for value in values if value > 0]
    return math.exp(statistics.fmean(map(math.log, positive))) if positive else 0.0


def mean_matches(results: Results, kind: str) -> float:
    """The mean number of hits of the queries of a class."""
    totals = results.totals[results.peers[0]]
    return statistics.fmean(total for query, total in totals.items() if query.kind == kind)


def agreement(results: Results, peer: str) -> float:
    """The share of queries whose number of hits differs from the first engine's by at most 1 %."""
    ours, theirs = results.totals[results.peers[0]], results.totals[peer]
    return statistics.fmean(abs(total - ours[query]) <= ours[query] / 100 for query, total in theirs.items())
