"""Counts of times by the stretch they are in, and what numbers documents have: index.query.timeline over arrays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.engines.columns.format.layout import NO_TIME
from index.query.requests import Interval
from index.query.results import NumberStats

_UNITS = {Interval.HOUR: "h", Interval.DAY: "D", Interval.WEEK: "D", Interval.MONTH: "M", Interval.YEAR: "Y"}


def count_times(published: NDArray[np.int64], interval: Interval) -> tuple[dict[datetime, int], int]:
    """How many of the times (int64, µs since 1970, or NO_TIME) are in each stretch, by its beginning, and how many are
    none."""
    dated = published[published != NO_TIME]
    starts: NDArray[Any] = dated.view("datetime64[us]").astype(f"datetime64[{_UNITS[interval]}]")
    if interval is Interval.WEEK:
        # 1970 began on a Thursday.
        starts = starts - (starts.astype(np.int64) + 3) % 7
    found, counts = np.unique(starts, return_counts=True)
    times: list[datetime] = found.astype("datetime64[s]").tolist()
    by_start = {time.replace(tzinfo=UTC): count for time, count in zip(times, counts.tolist(), strict=True)}
    return by_start, len(published) - len(dated)


def to_seconds(published: NDArray[np.int64]) -> NDArray[np.int64]:
    """The seconds that the times are in; what is no time is left out."""
    seconds: NDArray[np.int64] = published[published != NO_TIME] // 1_000_000
    return seconds


def compute_number_stats(numbers: NDArray[np.int64], size: int) -> NumberStats:
    if not len(numbers):
        return NumberStats(0, 0, 0, 0, ())
    values, counts = np.unique(numbers, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:size]
    pairs = tuple(zip(values[most].tolist(), counts[most].tolist(), strict=True))
    return NumberStats(len(numbers), int(values[0]), int(values[-1]), int(numbers.sum()), pairs)
