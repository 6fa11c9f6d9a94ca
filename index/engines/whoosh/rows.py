"""Filters, order and facet counts over rows, one row at a time: pure functions, written to be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from index.analysis.schema import fold_label, has_word_prefixes
from index.engines.indexed import microseconds
from index.engines.whoosh.fields import Row, SourceRow
from index.query.requests import FacetRequest, Filters, Sort, SourceQuery, ValueFilter
from index.query.results import Facet, FacetValue

Match = tuple[Row, float, int]  # the row, its score, its document number


def passes(row: Row, filters: Filters, *, leave_out: str | None = None) -> bool:
    """Whether a story is within ``filters``, those on the facet ``leave_out`` aside."""
    return (
        all(_has_value(getattr(row, value.facet), value) for value in filters.values if value.facet != leave_out)
        and _in_time(row.published, filters)
        and (filters.min_sources is None or row.source_count >= filters.min_sources)
        and (filters.max_sources is None or row.source_count <= filters.max_sources)
    )


def passes_source(row: SourceRow, query: SourceQuery) -> bool:
    times = Filters(published_from=query.published_from, published_before=query.published_before)
    return (
        (query.story is None or query.story in row.stories)
        and _has_value(row.publisher, query.publishers)
        and _in_time(row.published, times)
    )


def _has_value(values: tuple[str, ...], wanted: ValueFilter) -> bool:
    if wanted.any_of and wanted.any_of.isdisjoint(values):
        return False
    return wanted.none_of.isdisjoint(values)


def _in_time(time: int | None, filters: Filters) -> bool:
    start, end = microseconds(filters.published_from), microseconds(filters.published_before)
    if start is None and end is None:
        return True
    return time is not None and (start is None or time >= start) and (end is None or time < end)


def sort_key(sort: Sort) -> Callable[[Match], tuple[object, ...]]:
    """The key of a match: what the order asks for, then newest (undated last), then id."""
    keys: dict[Sort, Callable[[Row, float], object]] = {
        Sort.RELEVANCE: lambda row, score: -score,
        Sort.NEWEST: lambda row, score: 0,
        Sort.OLDEST: lambda row, score: (row.published is None, row.published or 0),
        Sort.UPDATED: lambda row, score: newest_first(row.updated),
        Sort.SOURCES: lambda row, score: -row.source_count,
    }
    first = keys[sort]
    return lambda match: (first(match[0], match[1]), newest_first(match[0].published), match[0].id)


def newest_first(time: int | None) -> tuple[bool, int]:
    return (time is None, -(time or 0))


def count_facet(
    name: str, request: FacetRequest, filters: Filters, matches: Iterable[Match], labels: dict[str, str]
) -> Facet:
    """Count the values of one facet under every filter but, unless asked so, its own."""
    counts: Counter[str] = Counter()
    missing = 0
    for row, _, _ in matches:
        if passes(row, filters, leave_out=None if request.filtered else name):
            values = getattr(row, name)
            counts.update(values)
            missing += not values
    chosen = {value for own in filters.values if own.facet == name for value in own.any_of}
    everything = [
        FacetValue(value=value, label=labels.get(value, value), count=counts[value], selected=value in chosen)
        for value in counts.keys() | chosen
    ]
    everything = [value for value in everything if has_word_prefixes(fold_label(value.label), request.containing)]
    everything.sort(key=lambda value: (value.label.casefold(), value.value))
    if request.sort == "count":
        everything.sort(key=lambda value: -value.count)
    # A selected value is listed even where the size would cut it off: its checkbox must not vanish.
    top = everything[: request.size]
    shown = top + [value for value in everything[request.size :] if value.selected]
    return Facet(
        values=tuple(shown),
        other=sum(value.count for value in everything) - sum(value.count for value in shown),
        missing=missing,
    )
