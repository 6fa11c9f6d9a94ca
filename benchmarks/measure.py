"""Times: one engine after the other for every query, several rounds."""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.peers import Built, Peer
from benchmarks.queries import Question, group

# Slow engines are asked fewer rounds.
_FEW = 2
_PATIENT = 1_000


@dataclass(frozen=True, slots=True)
class Mode:
    """What is asked for besides the best hits and the total."""

    name: str
    facets: bool = False
    documents: bool = False
    highlights: bool = False


SEARCH = Mode("search and total")
READ = Mode("search, the 20 hits read", documents=True)
FACETED = Mode("search and two facets", facets=True)
MARKED = Mode("search and highlights", documents=True, highlights=True)
WHOLE = Mode("search, two facets and highlights", facets=True, documents=True, highlights=True)
MODES = (SEARCH, READ, FACETED, MARKED, WHOLE)

# Seconds of each run, by mode, engine and query.
Times = dict[tuple[str, str], dict[Question, list[float]]]


@dataclass(slots=True)
class Results:
    """All that was measured over one number of stories."""

    size: int
    built: dict[str, Built] = field(default_factory=dict)
    times: Times = field(default_factory=dict)
    totals: dict[str, dict[Question, int]] = field(default_factory=dict)

    @property
    def peers(self) -> list[str]:
        return list(self.built)


def measure(results: Results, peers: Sequence[Peer], questions: Sequence[Question], rounds: int) -> None:
    """Fill in times and totals."""
    asked = {peer.name: _first_of_each(questions, peer.patience) for peer in peers}
    for mode in MODES:
        _warm_up(peers, questions, mode)
        for number in range(rounds):
            gc.collect()
            gc.disable()
            try:
                _run_round(results, peers, questions, mode, asked, number)
            finally:
                gc.enable()


def _first_of_each(questions: Sequence[Question], count: int) -> set[Question]:
    return {question for members in group(questions).values() for question in members[:count]}


def _warm_up(peers: Sequence[Peer], questions: Sequence[Question], mode: Mode) -> None:
    """What an engine loads, compiles or maps at its first query of a kind is not of this table."""
    for question in _first_of_each(questions, 1):
        for peer in peers:
            _ask(peer, question, mode)


def _run_round(
    results: Results,
    peers: Sequence[Peer],
    questions: Sequence[Question],
    mode: Mode,
    asked: dict[str, set[Question]],
    number: int,
) -> None:
    rng = random.Random(number)  # noqa: S311 - the same order at every run
    before = questions[-1]
    for question in questions:
        for peer in rng.sample(peers, len(peers)):
            fast = peer.patience >= _PATIENT
            if question not in asked[peer.name] or (number >= _FEW and not fast):
                continue
            if fast:
                # Another query first: what the engine before it left in the processor's caches is not its own time.
                _ask(peer, before, mode)
            started = time.perf_counter()
            total = _ask(peer, question, mode)
            took = time.perf_counter() - started
            results.times.setdefault((mode.name, peer.name), {}).setdefault(question, []).append(took)
            results.totals.setdefault(peer.name, {})[question] = total
        before = question


def _ask(peer: Peer, question: Question, mode: Mode) -> int:
    return peer.search(question, facets=mode.facets, documents=mode.documents, highlights=mode.highlights)


# --- what the times say ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One class of queries of one engine. ``ratio``: how many times as fast the first engine is on these queries."""

    median: float
    worst: float
    ratio: float


def summarise(results: Results, mode: Mode, peer: str) -> dict[str, Line]:
    """By class: the median over each query's best run, and the 99th percentile over all runs."""
    own, first = results.times.get((mode.name, peer), {}), results.times[mode.name, results.peers[0]]
    lines = {}
    for kind, questions in group(own).items():
        median = statistics.median(min(own[question]) for question in questions)
        ratio = median / statistics.median(min(first[question]) for question in questions)
        lines[kind] = Line(median, percentile([run for q in questions for run in own[q]], 0.99), ratio)
    return lines


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


def geometric_mean(values: Iterable[float]) -> float:
    """Of what is positive; 0 of nothing."""
    kept = [value for value in values if value > 0]
    return math.exp(statistics.fmean(map(math.log, kept))) if kept else 0.0


def mean_matches(results: Results, kind: str) -> float:
    """How many stories a query of this class finds."""
    found = results.totals[results.peers[0]]
    return statistics.fmean(total for question, total in found.items() if question.kind == kind)


def agreement(results: Results, peer: str) -> float:
    """The share of queries for which the total differs by no more than a hundredth."""
    ours, theirs = results.totals[results.peers[0]], results.totals[peer]
    return statistics.fmean(abs(total - ours[question]) <= ours[question] / 100 for question, total in theirs.items())
