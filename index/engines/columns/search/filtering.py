"""Filters, recency and sort orders over the matches of one segment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from index.engines.columns.format.layout import NO_TIME
from index.engines.columns.kernels import filters as filter_kernels
from index.engines.columns.kernels import scoring, top_k
from index.engines.columns.segment.matches import Docs, Matches
from index.engines.columns.segment.segment import Segment
from index.engines.indexed import microseconds
from index.query.recency import HALF_LIFE
from index.query.requests import Filters, Sort, ValueFilter

# For each match a bit set of the filters that it fails; 0 if it passes all.
FailedFilters = NDArray[np.uint8]
# The bit of deletions, times and numbers of sources. Each facet has a bit of its own, from 2 on: see ``filter_bit``.
_OTHER_BIT = 1
_MAX_TIME = 2**63 - 1
# Up to this many hits are kept in a heap while scanning the matches; for more, sorting all matches is faster.
MAX_HEAP = 256
NO_FILTERS = Filters()


def find_facet_candidates(segment: Segment, filters: Filters, counted: Sequence[str]) -> tuple[Docs | None, Filters]:
    """The documents that pass one facet filter, ascending, and the filters that remain to be applied.

    The candidates are None if no filter is usable. Filters of the ``counted`` facets are not: such a facet is counted
    without its own filter, so all matches are needed.
    """
    for value_filter in filters.values:
        if value_filter.any_of and value_filter.facet not in counted:
            others = tuple([other for other in filters.values if other is not value_filter])
            if value_filter.none_of:
                others = (*others, ValueFilter(facet=value_filter.facet, none_of=value_filter.none_of))
            candidates = segment.facets[value_filter.facet].find_documents(value_filter.any_of)
            return candidates, replace(filters, values=others)
    return None, filters


def find_failed_filters(segment: Segment, docs: Docs, filters: Filters) -> FailedFilters | None:
    """The filters that each of ``docs`` fails; a deleted document fails one. None if nothing is filtered or deleted."""
    if segment.deleted is None and filters == NO_FILTERS:
        return None
    failed_filters = np.zeros(len(docs), np.uint8) if segment.deleted is None else segment.deleted[docs]
    for value_filter in filters.values:
        if value_filter.any_of or value_filter.none_of:
            _check_facet_filter(segment, docs, value_filter, failed_filters)
    if filters.published_from is not None or filters.published_before is not None:
        _check_time_filter(segment, docs, filters.published_from, filters.published_before, failed_filters)
    if filters.min_sources is not None or filters.max_sources is not None:
        low = 0 if filters.min_sources is None else filters.min_sources
        high = 2**31 - 1 if filters.max_sources is None else filters.max_sources
        filter_kernels.check_range_filter(docs, segment.columns["source_count"], low, high, _OTHER_BIT, failed_filters)
    return failed_filters


def filter_bit(segment: Segment, facet: str) -> int:
    """The bit of a facet's filter in FailedFilters."""
    return 2 << list(segment.facets).index(facet)


def _check_facet_filter(segment: Segment, docs: Docs, value_filter: ValueFilter, failed_filters: FailedFilters) -> None:
    facet = segment.facets[value_filter.facet]
    marks = np.zeros(len(facet.values) + 1, np.uint8)
    for mark, values in (
        (filter_kernels.INCLUDED, value_filter.any_of),
        (filter_kernels.EXCLUDED, value_filter.none_of),
    ):
        marks[[facet.numbers[value] for value in values if value in facet.numbers]] |= mark
    filter_kernels.check_facet_filter(
        docs, facet.sets, marks, bool(value_filter.any_of),
        filter_bit(segment, value_filter.facet), failed_filters,
    )  # fmt: skip


def _check_time_filter(
    segment: Segment, docs: Docs, start: datetime | None, end: datetime | None, failed_filters: FailedFilters
) -> None:
    """``end`` is exclusive. A document without a time is in no range."""
    first, last = microseconds(start), microseconds(end)
    low = NO_TIME + 1 if first is None else first
    high = _MAX_TIME if last is None else last - 1
    filter_kernels.check_range_filter(docs, segment.columns["published"], low, high, _OTHER_BIT, failed_filters)


def apply_filters(matches: Matches, failed_filters: FailedFilters | None, ignored: int = 0) -> Matches:
    """The matches that fail no filter, apart from the bits in ``ignored``."""
    if failed_filters is None:
        return matches
    docs, scores = np.empty_like(matches[0]), np.empty_like(matches[1])
    n = filter_kernels.apply_filters(*matches, failed_filters, ignored, docs, scores)
    return docs[:n], scores[:n]


def weigh_recent(segment: Segment, matches: Matches, recency: float, newest: int) -> Matches:
    """The matches, each score multiplied by how recent the document is.

    ``recency`` is 0 to 1, the strength of the boost; ``newest`` is the time, in µs since 1970, that age counts from.
    """
    scores = np.empty_like(matches[1])
    scoring.weigh_recent(*matches, segment.columns["published"], recency, newest, HALF_LIFE, scores)
    return matches[0], scores


def needs_ascending(sort: Sort, size: int) -> bool:
    """True if ``find_top`` requires matches in ascending order of document numbers."""
    return sort is Sort.NEWEST or size > MAX_HEAP


def find_top(segment: Segment, matches: Matches, sort: Sort, size: int) -> Matches:
    """The first ``size`` matches in the order of ``sort``.

    Ties break by newest, then id. Documents are numbered in this order, so the lower number comes first.
    """
    docs, scores = matches
    if sort is Sort.NEWEST or not size or not len(docs):
        return docs[:size], scores[:size]
    if sort is Sort.RELEVANCE:
        if size <= MAX_HEAP:
            top, top_scores = np.empty(size, np.int32), np.empty(size, np.float32)
            n = top_k.select_top_k(docs, scores, size, top, top_scores)
            return top[:n], top_scores[:n]
        order = np.argsort(-scores, kind="stable")[:size]
    elif size <= MAX_HEAP:
        indexes = np.empty(size, np.int64)
        order = indexes[: top_k.select_lowest_ranks(docs, segment.ranks[sort.value], size, indexes)]
    else:
        order = np.argsort(segment.ranks[sort.value][docs], kind="stable")[:size]
    return docs[order], scores[order]


def primary_keys(segment: Segment, matches: Matches, sort: Sort) -> NDArray[Any]:
    """The first component of ``order_key`` for every match, in one array; the lowest comes first."""
    docs, scores = matches
    match sort:
        case Sort.RELEVANCE:
            return -scores
        case Sort.NEWEST:
            return ~segment.columns["published"][docs]
        case Sort.OLDEST:
            published = segment.columns["published"][docs]
            return np.where(published == NO_TIME, _MAX_TIME, published)
        case Sort.UPDATED:
            return ~segment.columns["updated"][docs]
        case Sort.SOURCES:
            return -segment.columns["source_count"][docs]


def order_key(segment: Segment, doc: int, score: float, sort: Sort) -> tuple[object, ...]:
    """The sort key of a document among those of several segments; the lowest comes first.

    Within one segment it gives the same order as ``find_top``.
    """
    published = int(segment.columns["published"][doc])
    tie_break = (~published, segment.read_id(doc))
    match sort:
        case Sort.RELEVANCE:
            return (-score, *tie_break)
        case Sort.NEWEST:
            return tie_break
        case Sort.OLDEST:
            return (published == NO_TIME, published, *tie_break)
        case Sort.UPDATED:
            return (~int(segment.columns["updated"][doc]), *tie_break)
        case Sort.SOURCES:
            return (-int(segment.columns["source_count"][doc]), *tie_break)
