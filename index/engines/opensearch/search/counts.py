"""Times and numbers of all that a search finds, counted by the cluster: exact, and whole however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from index.engines.opensearch.lookups.dictionary import PAGE
from index.query.requests import Interval, NumberName
from index.query.results import NumberStats

Json = dict[str, Any]
# Adds some parts to a search that counts its hits and shows none, and gives the cluster's answer.
Ask = Callable[[Json], Json]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: dict[NumberName, str] = {"source_count": "source_count", "published_at_timestamp": "published_second"}


def count_times(ask: Ask, interval: Interval) -> tuple[dict[datetime, int], int]:
    """See Engine.count_times."""
    counts: dict[datetime, int] = {}
    total = 0
    source = {"date_histogram": {"field": "published_at", "calendar_interval": interval}}
    for answer, buckets in _iter_buckets(ask, source):
        total = answer["hits"]["total"]["value"]
        counts |= {_EPOCH + timedelta(milliseconds=start): count for start, count in buckets}
    return counts, total - sum(counts.values())


def measure(ask: Ask, number: NumberName, size: int) -> NumberStats:
    """See Engine.measure. What the cluster adds up is exact to 2 ** 53."""
    field = _FIELDS[number]
    order = [{"_count": "desc"}, {"_key": "asc"}]
    aggregations = {
        "stats": {"stats": {"field": field}},
        "values": {"terms": {"field": field, "size": max(1, size), "order": order}},
    }
    found = ask({"aggs": aggregations})["aggregations"]
    stats = found["stats"]
    if not stats["count"]:
        return NumberStats(count=0, low=0, high=0, total=0, values=())
    pairs = [(bucket["key"], bucket["doc_count"]) for bucket in found["values"]["buckets"]]
    if found["values"]["doc_count_error_upper_bound"]:
        # Shards had values that others cut off: all are counted.
        pairs = [pair for _, buckets in _iter_buckets(ask, {"terms": {"field": field}}) for pair in buckets]
        pairs.sort(key=lambda pair: (-pair[1], pair[0]))
    low, high, total = (int(stats[name]) for name in ("min", "max", "sum"))
    return NumberStats(count=stats["count"], low=low, high=high, total=total, values=tuple(pairs[:size]))


def _iter_buckets(ask: Ask, source: Json) -> Iterator[tuple[Json, list[tuple[int, int]]]]:
    """Each value that ``source`` makes with how many have it, page after page, and the whole answer."""
    composite: Json = {"size": PAGE, "sources": [{"one": source}]}
    while True:
        answer = ask({"aggs": {"all": {"composite": composite}}})
        found = answer["aggregations"]["all"]
        yield answer, [(bucket["key"]["one"], bucket["doc_count"]) for bucket in found["buckets"]]
        if len(found["buckets"]) < PAGE:
            return
        composite = {**composite, "after": found["after_key"]}
