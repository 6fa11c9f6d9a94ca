"""Stretches of time follow each other without a gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import TooManyBuckets
from index.query.requests import Interval
from index.query.results import Bucket
from index.query.timeline import MAX_BUCKETS, bucket_end, bucket_start, fill_gaps

moments = st.datetimes(datetime(1601, 1, 1), datetime(2198, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@given(moments, st.sampled_from(Interval))
def test_a_time_is_in_its_stretch_and_the_next_begins_where_it_ends(time: datetime, interval: Interval) -> None:
    start = bucket_start(time, interval)
    end = bucket_end(start, interval)
    assert start <= time < end
    assert bucket_start(start, interval) == start
    assert bucket_start(end, interval) == end
    assert bucket_start(end - timedelta(microseconds=1), interval) == start


@pytest.mark.parametrize(
    ("interval", "start"),
    [("hour", "2024-02-29T13"), ("day", "2024-02-29"), ("week", "2024-02-26"), ("month", "2024-02-01"),
     ("year", "2024-01-01")],
)  # fmt: skip
def test_stretches_begin_where_calendars_say(interval: str, start: str) -> None:
    time = datetime(2024, 2, 29, 13, 59, tzinfo=UTC)  # a Thursday
    assert bucket_start(time, Interval(interval)) == datetime.fromisoformat(start).replace(tzinfo=UTC)


def test_gaps_are_filled_with_zero() -> None:
    first, second, third, fourth = (datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
    buckets = fill_gaps({third: 1, first: 2}, Interval.MONTH)
    assert buckets == (
        Bucket(start=first, end=second, count=2),
        Bucket(start=second, end=third, count=0),
        Bucket(start=third, end=fourth, count=1),
    )
    assert fill_gaps({}, Interval.DAY) == ()


def test_more_stretches_than_a_chart_shows_are_refused() -> None:
    start = datetime(2000, 1, 1, tzinfo=UTC)
    last = start + timedelta(hours=MAX_BUCKETS - 1)
    assert len(fill_gaps({start: 1, last: 1}, Interval.HOUR)) == MAX_BUCKETS
    with pytest.raises(TooManyBuckets):
        fill_gaps({start: 1, last + timedelta(hours=1): 1}, Interval.HOUR)
