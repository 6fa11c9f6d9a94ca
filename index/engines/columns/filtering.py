"""Filters, order and facets of the matches of one segment."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from index.engines.columns import kernels
from index.engines.columns.executor import Matches
from index.engines.columns.files import NO_TIME
from index.engines.columns.segment import Segment
from index.engines.indexed import microseconds
from index.query import Filters, Sort, ValueFilter

Fails = NDArray[np.uint8]  # for each match the filters it fails, as bits
# The bit of what fails by something else than a facet; each facet's filter has a bit of its own from 2 on.
_OTHER = 1
_LATEST = 2**63 - 1
# Up to so many hits are kept in order while going through the matches; for more, sorting all is faster.
_MAX_KEPT = 256


def find_failures(segment: Segment, docs: NDArray[np.int32], filters: Filters) -> Fails | None:
    """None where nothing filters and nothing is deleted."""
    values = [value for value in filters.values if value.any_of or value.none_of]
    timed = filters.published_from is not None or filters.published_before is not None
    counted = filters.min_sources is not None or filters.max_sources is not None
    if not (values or timed or counted or segment.deleted is not None):
        return None
    fails = np.zeros(len(docs), np.uint8)
    if segment.deleted is not None:
        fails |= segment.deleted[docs]
    for value in values:
        _fail_values(segment, docs, value, fails)
    if timed:
        _fail_times(segment, docs, filters.published_from, filters.published_before, fails)
    if counted:
        low = 0 if filters.min_sources is None else filters.min_sources
        high = 2**31 - 1 if filters.max_sources is None else filters.max_sources
        kernels.fail_range(docs, segment.columns["source_count"], low, high, _OTHER, fails)
    return fails


def own_bit(segment: Segment, facet: str) -> int:
    """The bit of a facet's own filter."""
    return 2 << list(segment.facets).index(facet)


def _fail_values(segment: Segment, docs: NDArray[np.int32], value: ValueFilter, fails: Fails) -> None:
    facet = segment.facets[value.facet]
    wanted, unwanted = (np.zeros(len(facet.values), np.uint8) for _ in range(2))
    for chosen, marks in ((value.any_of, wanted), (value.none_of, unwanted)):
        marks[[facet.numbers[one] for one in chosen if one in facet.numbers]] = 1
    bit = own_bit(segment, value.facet)
    kernels.fail_facet(docs, facet.starts, facet.codes, wanted, unwanted, bool(value.any_of), bit, fails)


def _fail_times(
    segment: Segment, docs: NDArray[np.int32], start: datetime | None, end: datetime | None, fails: Fails
) -> None:
    """``end`` is exclusive; a document without a time is in no range."""
    first, last = microseconds(start), microseconds(end)
    low = NO_TIME + 1 if first is None else first
    high = _LATEST if last is None else last - 1
    kernels.fail_range(docs, segment.columns["published"], low, high, _OTHER, fails)


def keep_passing(matches: Matches, fails: Fails | None) -> Matches:
    if fails is None:
        return matches
    docs, scores = np.empty_like(matches[0]), np.empty_like(matches[1])
    n = kernels.keep_passing(*matches, fails, docs, scores)
    return docs[:n], scores[:n]


def find_best(segment: Segment, matches: Matches, sort: Sort, wanted: int) -> Matches:
    """The first ``wanted`` matches in the order asked for; ties by newest, then id, which is the order of numbers."""
    docs, scores = matches
    if sort == Sort.NEWEST or not wanted or not len(docs):
        return docs[:wanted], scores[:wanted]
    if sort == Sort.RELEVANCE:
        if wanted <= _MAX_KEPT:
            best, best_scores = np.empty(wanted, np.int32), np.empty(wanted, np.float32)
            n = kernels.best_scores(docs, scores, wanted, best, best_scores)
            return best[:n], best_scores[:n]
        order = np.argsort(-scores, kind="stable")[:wanted]
    elif wanted <= _MAX_KEPT:
        places = np.empty(wanted, np.int64)
        order = places[: kernels.lowest_ranks(docs, segment.ranks[sort.value], wanted, places)]
    else:
        order = np.argsort(segment.ranks[sort.value][docs], kind="stable")[:wanted]
    return docs[order], scores[order]


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


def count_values(
    segment: Segment, name: str, docs: NDArray[np.int32], fails: Fails | None
) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """The codes that the matches have under every filter but the facet's own, how often, and how many have none."""
    facet = segment.facets[name]
    counts = np.zeros(len(facet.values), np.int32)
    touched = np.empty(len(facet.values), np.int32)
    marks = np.zeros(len(docs), np.uint8) if fails is None else fails
    met, missing = kernels.count_facet(docs, marks, own_bit(segment, name), facet.starts, facet.codes, counts, touched)
    codes = touched[:met]
    return codes, counts[codes], int(missing)
