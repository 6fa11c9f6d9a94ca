"""Stretches of time: where one begins, which one follows, and counts with no gap between the first and the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from index.errors import TooManyBuckets
from index.query.requests import Interval
from index.query.results import Bucket

# More bars than this no chart shows: a year of hours.
MAX_BUCKETS = 10_000
_FIXED = {Interval.HOUR: timedelta(hours=1), Interval.DAY: timedelta(days=1), Interval.WEEK: timedelta(weeks=1)}


def bucket_start(time: datetime, interval: Interval) -> datetime:
    """The beginning (UTC) of the hour, day, week from Monday, month or year that ``time`` is in."""
    time = time.astimezone(UTC)
    day = datetime(time.year, time.month, time.day, tzinfo=UTC)
    match interval:
        case Interval.HOUR:
            return day + timedelta(hours=time.hour)
        case Interval.DAY:
            return day
        case Interval.WEEK:
            return day - timedelta(days=day.weekday())
        case Interval.MONTH:
            return day.replace(day=1)
        case Interval.YEAR:
            return day.replace(month=1, day=1)


def bucket_end(start: datetime, interval: Interval) -> datetime:
    """Where the next one begins."""
    fixed = _FIXED.get(interval)
    # No month has 32 days and no year 367.
    return (
        start + fixed
        if fixed
        else bucket_start(start + timedelta(days=32 if interval is Interval.MONTH else 367), interval)
    )


def fill_gaps(counts: Mapping[datetime, int], interval: Interval) -> tuple[Bucket, ...]:
    """``counts`` by beginning, in order, with 0 for each beginning between. Raises TooManyBuckets."""
    return tuple(
        Bucket(start=start, end=end, count=counts.get(start, 0)) for start, end in _iter_stretches(counts, interval)
    )


def _iter_stretches(counts: Mapping[datetime, int], interval: Interval) -> Iterator[tuple[datetime, datetime]]:
    if not counts:
        return
    start, last = min(counts), max(counts)
    for _ in range(MAX_BUCKETS):
        end = bucket_end(start, interval)
        yield start, end
        if start >= last:
            return
        start = end
    raise TooManyBuckets(interval, MAX_BUCKETS)
