"""Filters, order and facets of the matches of one segment."""

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

FailedFilters = NDArray[np.uint8]  # for each match the filters it fails, as bits
# The bit of what fails by something else than a facet; each facet's filter has a bit of its own from 2 on.
_OTHER = 1
_LATEST = 2**63 - 1
# Up to so many hits are kept in order while going through the matches; for more, sorting all is faster.
MAX_KEPT = 256
NO_FILTERS = Filters()


def find_facet_candidates(segment: Segment, filters: Filters, counted: Sequence[str]) -> tuple[Docs | None, Filters]:
    """The documents that pass a filter by value, and the filters that are left; None where no filter is of that kind.

    A facet that is ``counted`` is counted without its own filter, and needs all matches.
    """
    for own in filters.values:
        if own.any_of and own.facet not in counted:
            remaining_filters = replace(filters, values=tuple([other for other in filters.values if other is not own]))
            if own.none_of:
                remaining_filters = replace(
                    remaining_filters, values=(*remaining_filters.values, ValueFilter(own.facet, none_of=own.none_of))
                )
            return segment.facets[own.facet].find_documents(own.any_of), remaining_filters
    return None, filters


def find_failed_filters(segment: Segment, docs: Docs, filters: Filters) -> FailedFilters | None:
    """None where nothing filters and nothing is deleted."""
    if segment.deleted is None and filters == NO_FILTERS:
        return None
    failed_filters = np.zeros(len(docs), np.uint8) if segment.deleted is None else segment.deleted[docs]
    for value in filters.values:
        if value.any_of or value.none_of:
            _check_facet_filter(segment, docs, value, failed_filters)
    if filters.published_from is not None or filters.published_before is not None:
        _check_time_filter(segment, docs, filters.published_from, filters.published_before, failed_filters)
    if filters.min_sources is not None or filters.max_sources is not None:
        low = 0 if filters.min_sources is None else filters.min_sources
        high = 2**31 - 1 if filters.max_sources is None else filters.max_sources
        filter_kernels.check_range_filter(docs, segment.columns["source_count"], low, high, _OTHER, failed_filters)
    return failed_filters


def filter_bit(segment: Segment, facet: str) -> int:
    """The bit of a facet's own filter."""
    return 2 << list(segment.facets).index(facet)


def _check_facet_filter(segment: Segment, docs: Docs, value: ValueFilter, failed_filters: FailedFilters) -> None:
    facet = segment.facets[value.facet]
    marks = np.zeros(len(facet.values) + 1, np.uint8)
    for mark, values in ((filter_kernels.INCLUDED, value.any_of), (filter_kernels.EXCLUDED, value.none_of)):
        marks[[facet.numbers[one] for one in values if one in facet.numbers]] |= mark
    filter_kernels.check_facet_filter(
        docs, facet.sets, marks, bool(value.any_of), filter_bit(segment, value.facet), failed_filters
    )


def _check_time_filter(
    segment: Segment, docs: Docs, start: datetime | None, end: datetime | None, failed_filters: FailedFilters
) -> None:
    """``end`` is exclusive; a document without a time is in no range."""
    first, last = microseconds(start), microseconds(end)
    low = NO_TIME + 1 if first is None else first
    high = _LATEST if last is None else last - 1
    filter_kernels.check_range_filter(docs, segment.columns["published"], low, high, _OTHER, failed_filters)


def apply_filters(matches: Matches, failed_filters: FailedFilters | None, own: int = 0) -> Matches:
    """The matches that fail at most in ``own``."""
    if failed_filters is None:
        return matches
    docs, scores = np.empty_like(matches[0]), np.empty_like(matches[1])
    n = filter_kernels.apply_filters(*matches, failed_filters, own, docs, scores)
    return docs[:n], scores[:n]


def weigh_recent(segment: Segment, matches: Matches, recency: float, newest: int) -> Matches:
    """The matches with scores by how new they are, too."""
    scores = np.empty_like(matches[1])
    scoring.weigh_recent(*matches, segment.columns["published"], recency, newest, HALF_LIFE, scores)
    return matches[0], scores


def needs_ascending(sort: Sort, wanted: int) -> bool:
    """Whether ``find_best`` relies on matches in the order of their numbers."""
    return sort is Sort.NEWEST or wanted > MAX_KEPT


def find_best(segment: Segment, matches: Matches, sort: Sort, wanted: int) -> Matches:
    """The first ``wanted`` matches in the order asked for; ties by newest, then id, which is the order of numbers."""
    docs, scores = matches
    if sort is Sort.NEWEST or not wanted or not len(docs):
        return docs[:wanted], scores[:wanted]
    if sort is Sort.RELEVANCE:
        if wanted <= MAX_KEPT:
            best, best_scores = np.empty(wanted, np.int32), np.empty(wanted, np.float32)
            n = top_k.select_top_k(docs, scores, wanted, best, best_scores)
            return best[:n], best_scores[:n]
        order = np.argsort(-scores, kind="stable")[:wanted]
    elif wanted <= MAX_KEPT:
        places = np.empty(wanted, np.int64)
        order = places[: top_k.select_lowest_ranks(docs, segment.ranks[sort.value], wanted, places)]
    else:
        order = np.argsort(segment.ranks[sort.value][docs], kind="stable")[:wanted]
    return docs[order], scores[order]


def first_keys(segment: Segment, matches: Matches, sort: Sort) -> NDArray[Any]:
    """What ``order_key`` compares first, of every match, least first."""
    docs, scores = matches
    match sort:
        case Sort.RELEVANCE:
            return -scores
        case Sort.NEWEST:
            return ~segment.columns["published"][docs]
        case Sort.OLDEST:
            published = segment.columns["published"][docs]
            return np.where(published == NO_TIME, _LATEST, published)
        case Sort.UPDATED:
            return ~segment.columns["updated"][docs]
        case Sort.SOURCES:
            return -segment.columns["source_count"][docs]


def order_key(segment: Segment, number: int, score: float, sort: Sort) -> tuple[object, ...]:
    """What hits of several segments are merged by, least first: the same order."""
    published = int(segment.columns["published"][number])
    end = (~published, segment.read_id(number))
    match sort:
        case Sort.RELEVANCE:
            return (-score, *end)
        case Sort.NEWEST:
            return end
        case Sort.OLDEST:
            return (published == NO_TIME, published, *end)
        case Sort.UPDATED:
            return (~int(segment.columns["updated"][number]), *end)
        case Sort.SOURCES:
            return (-int(segment.columns["source_count"][number]), *end)
