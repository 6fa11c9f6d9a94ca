"""The timeline: a bar chart of stories by date of publication. Each bar links to its stories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from api.pages.rendering import format_date
from index.live import OpenGeneration
from index.query.requests import Interval, SearchQuery
from index.query.results import Bucket
from index.search import count_timeline

# The most bars that can still be tapped one by one on a screen of 390 pixels.
MAX_BARS = 40
# Months per bar: the first of these that needs fewer than MAX_BARS bars.
_SPANS = (1, 3, 12, 60, 120, 600, 1200)
# Timelines of at most so many months have a bar per day.
_MAX_MONTHS_AS_DAYS = 2
# Height of the lowest bar in percent, so that every bar is visible.
_MIN_HEIGHT = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """``height``: 0 to 100. ``url``: the search for the stories of the bar, "" if it has none."""

    label: str
    count: int
    height: int
    url: str


@dataclass(frozen=True, slots=True)
class TimelineChart:
    """``first`` and ``last``: labels of the first and last bar. ``missing``: number of stories without a time."""

    bars: Sequence[Bar]
    first: str
    last: str
    missing: int


def make_timeline(
    generation: OpenGeneration, query: SearchQuery, url_of: Callable[[str, str], str]
) -> TimelineChart | None:
    """The timeline of the matches of ``query``; None if it would have fewer than two bars.

    ``url_of`` makes the URL of the stories between two days (YYYY-MM-DD, both included).
    """
    timeline = count_timeline(generation, query, Interval.MONTH)
    if not timeline.buckets:
        return None
    months = len(timeline.buckets)
    if months <= _MAX_MONTHS_AS_DAYS:
        span, buckets = 0, count_timeline(generation, query, Interval.DAY).buckets
    else:
        span = next((span for span in _SPANS if months / span <= MAX_BARS - 1), _SPANS[-1])
        buckets = _merge_months(timeline.buckets, span)
    if len(buckets) < 2:
        return None
    max_count = max(bucket.count for bucket in buckets)
    bars = [
        Bar(
            label=_format_label(bucket, span),
            count=bucket.count,
            height=max(_MIN_HEIGHT, round(100 * bucket.count / max_count)) if bucket.count else 0,
            url=url_of(bucket.start.date().isoformat(), _last_day(bucket)) if bucket.count else "",
        )
        for bucket in buckets
    ]
    return TimelineChart(bars=bars, first=bars[0].label, last=bars[-1].label, missing=timeline.missing)


def _merge_months(months: Sequence[Bucket], span: int) -> tuple[Bucket, ...]:
    """Merge monthly buckets into buckets of ``span`` months, aligned to quarters, years or decades."""

    def period_of(bucket: Bucket) -> int:
        return (bucket.start.year * 12 + bucket.start.month - 1) // span

    groups = (list(group) for _, group in groupby(months, period_of))
    return tuple(
        Bucket(start=group[0].start, end=group[-1].end, count=sum(bucket.count for bucket in group)) for group in groups
    )


def _last_day(bucket: Bucket) -> str:
    return (bucket.end - timedelta(days=1)).date().isoformat()


def _format_label(bucket: Bucket, span: int) -> str:
    """``6 Jan 2025``, ``Jan 2025``, ``Jan – Mar 2025``, ``2025``, ``2020 – 2024``."""
    start, last = bucket.start, bucket.end - timedelta(days=1)
    if span == 0:
        return format_date(start)
    if span >= 12:
        return f"{start.year}" if start.year == last.year else f"{start.year} – {last.year}"
    if start.month == last.month:
        return f"{start:%b} {start.year}"
    return f"{start:%b} – {last:%b} {last.year}"
