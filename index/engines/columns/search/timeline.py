"""Timelines and number statistics over arrays of matches. index.query.timeline defines the intervals."""

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
    """The number of times in each interval, by the start of the interval, and the number of entries without a time.

    ``published``: int64, µs since 1970, or NO_TIME.
    """
    dated = published[published != NO_TIME]
    starts: NDArray[Any] = dated.view("datetime64[us]").astype(f"datetime64[{_UNITS[interval]}]")
    if interval is Interval.WEEK:
        # 1970 began on a Thursday.
        starts = starts - (starts.astype(np.int64) + 3) % 7
    distinct, counts = np.unique(starts, return_counts=True)
    times: list[datetime] = distinct.astype("datetime64[s]").tolist()
    by_start = {time.replace(tzinfo=UTC): count for time, count in zip(times, counts.tolist(), strict=True)}
    return by_start, len(published) - len(dated)


def to_seconds(published: NDArray[np.int64]) -> NDArray[np.int64]:
    """Times in µs as seconds since 1970, rounded down; entries without a time are left out."""
    seconds: NDArray[np.int64] = published[published != NO_TIME] // 1_000_000
    return seconds


def compute_number_stats(numbers: NDArray[np.int64], size: int) -> NumberStats:
    """Count, minimum, maximum, sum and the ``size`` most frequent values; all zero for no numbers."""
    if not len(numbers):
        return NumberStats(count=0, low=0, high=0, total=0, values=())
    values, counts = np.unique(numbers, return_counts=True)
    top = np.argsort(-counts, kind="stable")[:size]
    pairs = tuple(zip(values[top].tolist(), counts[top].tolist(), strict=True))
    return NumberStats(
        count=len(numbers), low=int(values[0]), high=int(values[-1]), total=int(numbers.sum()), values=pairs
    )
