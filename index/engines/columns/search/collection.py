"""A collection, stories or sources, as the union of its segments: each segment is searched, and results are merged."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache, partial
from itertools import pairwise, repeat
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.deadline import Deadline
from index.engines.columns.format.layout import CollectionKind, Segments, find_deleted_path
from index.engines.columns.kernels.conjunction import find_words
from index.engines.columns.search import filtering
from index.engines.columns.search.deadline import begin_deadline
from index.engines.columns.search.executor import Executor, SearchFields
from index.engines.columns.search.facets import FacetAccumulator, FacetTable
from index.engines.columns.search.filtering import NO_FILTERS, FailedFilters
from index.engines.columns.segment.matches import ANYWHERE, NO_ROOM, Docs, Matches, Scratch, nothing
from index.engines.columns.segment.segment import Segment
from index.engines.columns.segment.statistics import Statistics
from index.query.requests import SearchQuery, Sort
from index.query.results import Facet
from index.query.tree import And, Node, Term


class Matcher(Protocol):
    """A query that can be run on every segment."""

    @property
    def conjunction(self) -> Sequence[str]:
        """The terms of a query that is nothing but a conjunction of terms; else empty."""
        ...

    def __call__(self, executor: Executor, ascending: bool, candidates: Docs | None) -> Matches:
        """The matches in the executor's segment, restricted to ``candidates`` unless it is None.

        Documents come in ascending order if ``ascending``, else in any order, which saves sorting them.
        """
        ...


class TreeMatcher:
    """Matches a query tree; None matches all documents."""

    __slots__ = ("_tree", "conjunction")

    def __init__(self, tree: Node | None) -> None:
        self._tree = tree
        leaves = tree.children if isinstance(tree, And) else (tree,)
        terms = [leaf.term for leaf in leaves if isinstance(leaf, Term) and leaf.field is None]
        self.conjunction: Sequence[str] = terms if len(terms) == len(leaves) else ()

    def __call__(self, executor: Executor, ascending: bool, candidates: Docs | None) -> Matches:
        if candidates is not None:
            return executor.match_candidates(self._tree, candidates)
        return executor.everything if self._tree is None else executor.match(self._tree, ascending=ascending)


class ScoredDoc(Struct, frozen=True, gc=False):
    """A document: its segment, its number in the segment, and its score."""

    segment: Segment
    number: int
    score: float


class TopDocs(Struct, frozen=True):
    """The best matches in order, the number of all matches, and the facets by name."""

    total: int
    docs: list[ScoredDoc]
    facets: dict[str, Facet]


class _SegmentResult(NamedTuple):
    """The result of a search in one segment.

    ``total``: the number of documents that match and pass all filters; ``top``: the best of them, in order. ``docs``:
    all documents that match, to count facets of, and ``failed_filters`` of each; None if all pass.
    """

    total: int
    top: Matches
    docs: Docs
    failed_filters: FailedFilters | None


class Collection:
    """The stories or the sources of a generation. It is thread-safe: a search takes scratch arrays from a pool."""

    def __init__(self, directory: Path, kind: CollectionKind, segments: Segments) -> None:
        self.segments = [
            Segment(directory / kind.name / entry.name, kind, find_deleted_path(directory, kind, entry))
            for entry in segments.of(kind)
        ]
        self.statistics = Statistics(self.segments)
        self._facets = {name: FacetTable(directory, name, self.segments) for name in kind.facets}
        # Requests choose the fields and their order: the cache holds 100 choices, each of at most 60 characters.
        self._make_search_fields = lru_cache(maxsize=100)(SearchFields)
        self._scratch: list[list[Scratch]] = [[] for _ in self.segments]

    # --- search --------------------------------------------------------------------------------------------------

    def search(
        self, matcher: Matcher, query: SearchQuery, deadline: Deadline, ids: Sequence[str] | None = None
    ) -> TopDocs:
        """The first ``query.offset + query.limit`` documents in order, the exact total, and the facets.

        Only documents with one of ``ids`` can match, unless it is None. Raises QueryTimeout if the deadline passes.
        """
        total, tops = 0, []
        facet_counters = [
            FacetAccumulator(self._facets[name], query.facets, query.filters) for name in query.facets.names
        ]
        for segment_index, segment in enumerate(self.segments):
            scratch = self._take_scratch(segment_index)
            result = self._search_segment(segment, matcher, query, scratch, deadline, ids)
            for counter in facet_counters:
                deadline.check()
                counter.add(segment_index, segment, scratch, result.docs, result.failed_filters)
            # Return scratch arrays only on success: after an exception they hold partial sums.
            self._scratch[segment_index].append(scratch)
            total += result.total
            tops.append((segment, result.top))
        facets = {counter.name: counter.to_facet() for counter in facet_counters}
        return TopDocs(total, _merge(tops, query.sort, query.offset + query.limit), facets)

    def _search_segment(
        self,
        segment: Segment,
        matcher: Matcher,
        query: SearchQuery,
        scratch: Scratch,
        deadline: Deadline,
        ids: Sequence[str] | None,
    ) -> _SegmentResult:
        counted = () if query.facets.filtered else query.facets.names
        candidates, remaining_filters = filtering.find_facet_candidates(segment, query.filters, counted)
        if ids is not None:
            candidates = segment.find_documents(ids, candidates)
        if remaining_filters == NO_FILTERS and self._is_simple(segment, matcher, query):
            return self._search_conjunction(segment, matcher.conjunction, candidates, query)
        size = query.offset + query.limit
        executor = self._make_executor(segment, query, scratch, deadline)
        matches = matcher(executor, filtering.needs_ascending(query.sort, size), candidates)
        failed_filters = filtering.find_failed_filters(segment, matches[0], remaining_filters)
        hits = self._apply_filters(segment, matches, failed_filters, query)
        top = filtering.find_top(segment, hits, query.sort, size)
        return _SegmentResult(len(hits[0]), top, matches[0], failed_filters)

    def _make_executor(self, segment: Segment, query: SearchQuery, scratch: Scratch, deadline: Deadline) -> Executor:
        return Executor(segment, self.statistics, scratch, self._make_search_fields(segment, query.search_in), deadline)

    def _apply_filters(
        self, segment: Segment, matches: Matches, failed_filters: FailedFilters | None, query: SearchQuery
    ) -> Matches:
        """The matches that pass all filters, with their final scores."""
        hits = filtering.apply_filters(matches, failed_filters)
        if query.recency and query.sort is Sort.RELEVANCE:
            hits = filtering.weigh_recent(segment, hits, query.recency, self.newest)
        return hits

    def _take_scratch(self, segment_index: int) -> Scratch:
        try:
            return self._scratch[segment_index].pop()
        except IndexError:
            return Scratch(self.segments[segment_index])

    # --- the fast path: conjunctions of terms --------------------------------------------------------------------

    def _is_simple(self, segment: Segment, matcher: Matcher, query: SearchQuery) -> bool:
        """True if ``_search_conjunction`` can answer: terms only, no deletions, and an order that its kernel keeps."""
        return (
            bool(matcher.conjunction)
            and segment.deleted is None
            and (query.sort is Sort.NEWEST or (query.sort is Sort.RELEVANCE and not query.recency))
            and query.offset + query.limit <= filtering.MAX_HEAP
            and self._make_search_fields(segment, query.search_in).have_impacts
        )

    def _search_conjunction(
        self, segment: Segment, terms: Sequence[str], candidates: Docs | None, query: SearchQuery
    ) -> _SegmentResult:
        """The documents that contain all ``terms``. One kernel matches, scores and keeps the best.

        ``docs`` of the result is filled in only if the query asks for facets.
        """
        rows = sorted([self.statistics.find_row(segment, term) for term in terms])
        shortest, begin, end, _, _ = rows[0]
        if not shortest:
            return _SegmentResult(0, nothing(), ANYWHERE, None)
        size = min(query.offset + query.limit, shortest)
        top, scores = np.empty(size, np.int32), np.empty(size, np.float32)
        # The matches of a single term are its postings list; there is no need to write them again.
        single = len(rows) == 1 and candidates is None
        docs = np.empty(shortest, np.int32) if query.facets.names and not single else NO_ROOM
        total = find_words(
            np.array(rows), segment.impacts, candidates is not None, ANYWHERE if candidates is None else candidates,
            query.sort is Sort.RELEVANCE, top, scores, docs,
        )  # fmt: skip
        docs = segment.text.docs[begin:end] if single else docs[:total]
        return _SegmentResult(total, (top[:total], scores[:total]), docs, None)

    # --- all matches ---------------------------------------------------------------------------------------------

    def iter_matches(self, matcher: Matcher, query: SearchQuery) -> Iterator[tuple[Segment, Matches]]:
        """All matches that pass the filters, ascending, segment by segment. Raises QueryTimeout."""
        deadline = begin_deadline(query.seconds)
        for segment_index, segment in enumerate(self.segments):
            scratch = self._take_scratch(segment_index)
            candidates, remaining_filters = filtering.find_facet_candidates(segment, query.filters, ())
            matches = matcher(self._make_executor(segment, query, scratch, deadline), True, candidates)
            self._scratch[segment_index].append(scratch)
            failed_filters = filtering.find_failed_filters(segment, matches[0], remaining_filters)
            yield segment, self._apply_filters(segment, matches, failed_filters, query)

    def iter_sorted(self, matcher: Matcher, query: SearchQuery) -> Iterator[ScoredDoc]:
        """All matches that pass the filters, in the order of ``query.sort``. Raises QueryTimeout."""
        parts = [
            (segment, filtering.find_top(segment, matches, query.sort, len(matches[0])))
            for segment, matches in self.iter_matches(matcher, query)
        ]
        streams = [_iter_docs(segment, *matches) for segment, matches in parts]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=partial(_order_key, query.sort))

    # --- look-ups ------------------------------------------------------------------------------------------------

    @cached_property
    def newest(self) -> int:
        """The latest publication time of a document that is not deleted, in µs since 1970; 0 if there is none."""
        times = [segment.columns["published"][_live_docs(segment)] for segment in self.segments]
        return max((int(published.max()) for published in times if len(published)), default=0)

    def find(self, ident: str) -> ScoredDoc | None:
        """The document with this id, scored 0; None if there is none or it is deleted."""
        for segment in self.segments:
            doc = segment.find_document(ident)
            if doc is not None:
                return ScoredDoc(segment, doc, 0.0)
        return None

    def labels_of(self, facet: str) -> dict[str, str]:
        """The label of each value of a facet."""
        return dict(self._facets[facet].table) if facet in self._facets else {}

    def close(self) -> None:
        for segment in self.segments:
            segment.close()
        self.__dict__.clear()


def _live_docs(segment: Segment) -> slice | NDArray[np.bool_]:
    return slice(None) if segment.deleted is None else segment.deleted == 0


def _iter_docs(segment: Segment, docs: Docs, scores: NDArray[np.float32]) -> Iterator[ScoredDoc]:
    # Not with tolist(): an export keeps all matches for as long as it runs, and arrays take a tenth of the memory.
    return (ScoredDoc(segment, int(doc), float(score)) for doc, score in zip(docs, scores, strict=True))


def _merge(tops: list[tuple[Segment, Matches]], sort: Sort, size: int) -> list[ScoredDoc]:
    """The first ``size`` documents of all segments, in order.

    The primary sort keys are compared as arrays. Full keys take 2 µs a document, so only ties are sorted by them.
    """
    tops = [(segment, matches) for segment, matches in tops if len(matches[0])]
    if len(tops) <= 1:
        return [
            scored_doc
            for segment, (docs, scores) in tops
            for scored_doc in map(ScoredDoc, repeat(segment), docs.tolist(), scores.tolist())
        ]
    keys = np.concatenate([filtering.primary_keys(segment, matches, sort) for segment, matches in tops])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    if len(keys) > size:
        # Keep all documents that tie with the last one: any of them may come before it.
        order = order[: np.searchsorted(keys, keys[size - 1], side="right")]
    segment_indexes = np.repeat(np.arange(len(tops)), [len(docs) for _, (docs, _) in tops])[order].tolist()
    docs, scores = (np.concatenate([matches[i] for _, matches in tops])[order].tolist() for i in (0, 1))
    merged = [
        ScoredDoc(tops[segment_index][0], doc, score)
        for segment_index, doc, score in zip(segment_indexes, docs, scores, strict=True)
    ]
    tie_ends = [*(np.flatnonzero(np.diff(keys[: len(merged)])) + 1).tolist(), len(merged)]
    for begin, end in pairwise([0, *tie_ends]):
        if end - begin > 1:
            merged[begin:end] = sorted(merged[begin:end], key=partial(_order_key, sort))
    return merged[:size]


def _order_key(sort: Sort, scored_doc: ScoredDoc) -> tuple[object, ...]:
    return filtering.order_key(scored_doc.segment, scored_doc.number, scored_doc.score, sort)
