"""Bars of how many stories were published when, each of which leads to its stories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from api.pages.rendering import say_day
from index.live import OpenGeneration
from index.query.requests import Interval, SearchQuery
from index.query.results import Bucket
from index.search import count_timeline

# As many bars as a finger can tell apart on 390 pixels.
MAX_BARS = 40
# Months are added up to the first of these spans, in months, that leaves few enough bars; two months are shown as days.
_SPANS = (1, 3, 12, 60, 120, 600, 1200)
_DAYS_UP_TO = 2
# No bar is so low that it cannot be seen, in percent.
_LOWEST = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """``height`` is 0 to 100; ``url`` leads to the stories, "" where there are none."""

    label: str
    count: int
    height: int
    url: str


@dataclass(frozen=True, slots=True)
class TimelineBars:
    """``first`` and ``last`` are labels; ``missing`` counts stories without a time."""

    bars: Sequence[Bar]
    first: str
    last: str
    missing: int


def make_timeline(
    generation: OpenGeneration, query: SearchQuery, url_of: Callable[[str, str], str]
) -> TimelineBars | None:
    """``url_of`` gives the address of the stories from a day to another. None where there is but one bar."""
    timeline = count_timeline(generation, query, Interval.MONTH)
    if not timeline.buckets:
        return None
    months = len(timeline.buckets)
    if months <= _DAYS_UP_TO:
        span, spans = 0, count_timeline(generation, query, Interval.DAY).buckets
    else:
        span = next((span for span in _SPANS if months / span <= MAX_BARS - 1), _SPANS[-1])
        spans = _add_up(timeline.buckets, span)
    if len(spans) < 2:
        return None
    most = max(bucket.count for bucket in spans)
    bars = [
        Bar(
            _say_span(bucket, span),
            bucket.count,
            max(_LOWEST, round(100 * bucket.count / most)) if bucket.count else 0,
            url_of(bucket.start.date().isoformat(), _last_day(bucket)) if bucket.count else "",
        )
        for bucket in spans
    ]
    return TimelineBars(bars, bars[0].label, bars[-1].label, timeline.missing)


def _add_up(months: Sequence[Bucket], span: int) -> tuple[Bucket, ...]:
    """Buckets of ``span`` months: the years' quarters, whole years, whole decades."""

    def number_of(bucket: Bucket) -> int:
        return (bucket.start.year * 12 + bucket.start.month - 1) // span

    groups = (list(group) for _, group in groupby(months, number_of))
    return tuple(
        Bucket(start=group[0].start, end=group[-1].end, count=sum(one.count for one in group)) for group in groups
    )


def _last_day(bucket: Bucket) -> str:
    return (bucket.end - timedelta(days=1)).date().isoformat()


def _say_span(bucket: Bucket, span: int) -> str:
    """``6 Jan 2025``, ``Jan 2025``, ``Jan – Mar 2025``, ``2025``, ``2020 – 2024``."""
    start, last = bucket.start, bucket.end - timedelta(days=1)
    if span == 0:
        return say_day(start)
    if span >= 12:
        return f"{start.year}" if start.year == last.year else f"{start.year} – {last.year}"
    if start.month == last.month:
        return f"{start:%b} {start.year}"
    return f"{start:%b} – {last:%b} {last.year}"
