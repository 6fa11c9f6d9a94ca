"""All segments of a collection as one: searched one after the other, hits and counts merged."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache, partial
from itertools import pairwise, repeat
from pathlib import Path
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.deadline import Deadline
from index.engines.columns.format.layout import CollectionKind, Segments, find_deleted_path
from index.engines.columns.kernels.conjunction import find_words
from index.engines.columns.search import filtering
from index.engines.columns.search.deadline import begin_deadline
from index.engines.columns.search.executor import Executor, Scope
from index.engines.columns.search.facets import FacetCount, FacetTable
from index.engines.columns.search.filtering import NO_FILTERS, FailedFilters
from index.engines.columns.segment.matches import ANYWHERE, NO_ROOM, Docs, Matches, Scratch, nothing
from index.engines.columns.segment.segment import Segment
from index.engines.columns.segment.statistics import Statistics
from index.query.requests import SearchQuery, Sort
from index.query.results import Facet
from index.query.tree import And, Node, Term


class Match(Protocol):
    """What is searched for."""

    @property
    def words(self) -> Sequence[str]:
        """The terms that a document must have, all of them, where nothing else is asked; else none."""
        ...

    def __call__(self, executor: Executor, ascending: bool, candidates: Docs | None) -> Matches:
        """The matches in one segment, or of these documents of it: ascending or, to spare sorting them, not."""
        ...


class TreeMatch:
    """A query tree; None matches everything."""

    __slots__ = ("_tree", "words")

    def __init__(self, tree: Node | None) -> None:
        self._tree = tree
        leaves = tree.children if isinstance(tree, And) else (tree,)
        terms = [leaf.term for leaf in leaves if isinstance(leaf, Term) and leaf.field is None]
        self.words: Sequence[str] = terms if len(terms) == len(leaves) else ()

    def __call__(self, executor: Executor, ascending: bool, candidates: Docs | None) -> Matches:
        if candidates is not None:
            return executor.match_candidates(self._tree, candidates)
        return executor.everything if self._tree is None else executor.match(self._tree, ascending=ascending)


class Found(Struct, frozen=True, gc=False):
    """A document that matches: its segment, its number there, its score."""

    segment: Segment
    number: int
    score: float


class Page(Struct, frozen=True):
    total: int
    found: list[Found]
    facets: dict[str, Facet]


class Collection:
    """The stories, or the sources, of a generation. Threads share it; each search takes scratch arrays from a pool."""

    def __init__(self, directory: Path, kind: CollectionKind, segments: Segments) -> None:
        self.segments = [
            Segment(directory / kind.name / entry.name, kind, find_deleted_path(directory, kind, entry))
            for entry in segments.of(kind)
        ]
        self.statistics = Statistics(self.segments)
        self._facets = {name: FacetTable(directory, name, self.segments) for name in kind.facets}
        # Names of fields in whatever order: 100 keys of at most 60 characters.
        self._find_scope = lru_cache(maxsize=100)(Scope)
        self._scratch: list[list[Scratch]] = [[] for _ in self.segments]

    def search(self, match: Match, query: SearchQuery, deadline: Deadline, among: Sequence[str] | None = None) -> Page:
        """The first ``query.offset + query.limit`` documents in order, the total, the facets; of the documents with the
        ids ``among`` alone, unless it is None. Raises QueryTimeout."""
        total, found, wanted = 0, [], query.offset + query.limit
        counts = [FacetCount(self._facets[name], query.facets, query.filters) for name in query.facets.names]
        for segment_index, segment in enumerate(self.segments):
            scratch = self._take_scratch(segment_index)
            candidates, remaining_filters = filtering.find_facet_candidates(
                segment, query.filters, () if query.facets.filtered else query.facets.names
            )
            if among is not None:
                candidates = segment.find_documents(among, candidates)
            if remaining_filters == NO_FILTERS and self._is_plain(segment, match, query):
                size, best, docs = self._find_words(segment, match.words, candidates, query, keep=bool(counts))
                failed_filters = None
            else:
                executor = self._make_executor(segment, query, scratch, deadline)
                matches = match(executor, filtering.needs_ascending(query.sort, wanted), candidates)
                docs, failed_filters = matches[0], filtering.find_failed_filters(segment, matches[0], remaining_filters)
                passing = self._apply_filters(segment, matches, failed_filters, query)
                size, best = len(passing[0]), filtering.find_best(segment, passing, query.sort, wanted)
            for count in counts:
                deadline.check()
                count.add(segment_index, segment, scratch, docs, failed_filters)
            # Given back only now: what an error leaves half done is not used again.
            self._scratch[segment_index].append(scratch)
            total += size
            found.append((segment, best))
        counted = {count.name: count.to_facet() for count in counts}
        return Page(total, _merge(found, query.sort, wanted), counted)

    def iter_matches(self, match: Match, query: SearchQuery) -> Iterator[tuple[Segment, Matches]]:
        """Segment by segment, all that matches and passes the filters, ascending. Raises QueryTimeout."""
        deadline = begin_deadline(query.seconds)
        for segment_index, segment in enumerate(self.segments):
            scratch = self._take_scratch(segment_index)
            candidates, remaining_filters = filtering.find_facet_candidates(segment, query.filters, ())
            matches = match(self._make_executor(segment, query, scratch, deadline), True, candidates)
            self._scratch[segment_index].append(scratch)
            failed_filters = filtering.find_failed_filters(segment, matches[0], remaining_filters)
            yield segment, self._apply_filters(segment, matches, failed_filters, query)

    def _make_executor(self, segment: Segment, query: SearchQuery, scratch: Scratch, deadline: Deadline) -> Executor:
        return Executor(segment, self.statistics, scratch, self._find_scope(segment, query.search_in), deadline)

    def _apply_filters(
        self, segment: Segment, matches: Matches, failed_filters: FailedFilters | None, query: SearchQuery
    ) -> Matches:
        passing = filtering.apply_filters(matches, failed_filters)
        if query.recency and query.sort is Sort.RELEVANCE:
            passing = filtering.weigh_recent(segment, passing, query.recency, self.newest)
        return passing

    def _is_plain(self, segment: Segment, match: Match, query: SearchQuery) -> bool:
        """Whether ``_find_words`` answers it: words and nothing else, and an order that the loop keeps itself."""
        return (
            bool(match.words)
            and segment.deleted is None
            and (query.sort is Sort.NEWEST or (query.sort is Sort.RELEVANCE and not query.recency))
            and query.offset + query.limit <= filtering.MAX_KEPT
            and self._find_scope(segment, query.search_in).stored
        )

    def _find_words(
        self, segment: Segment, words: Sequence[str], candidates: Docs | None, query: SearchQuery, *, keep: bool
    ) -> tuple[int, Matches, Docs]:
        """How many documents have all the words, the best of them, and with ``keep`` all."""
        rows = sorted([self.statistics.find_row(segment, word) for word in words])
        shortest, begin, end, _, _ = rows[0]
        if not shortest:
            return 0, nothing(), ANYWHERE
        room = min(query.offset + query.limit, shortest)
        best, scores = np.empty(room, np.int32), np.empty(room, np.float32)
        # A list by itself is all that one word matches.
        single = len(rows) == 1 and candidates is None
        docs = np.empty(shortest, np.int32) if keep and not single else NO_ROOM
        total = find_words(
            np.array(rows), segment.impacts, candidates is not None, ANYWHERE if candidates is None else candidates,
            query.sort is Sort.RELEVANCE, best, scores, docs,
        )  # fmt: skip
        matches = segment.text.docs[begin:end] if single else docs[:total]
        return total, (best[:total], scores[:total]), matches

    def iter_sorted(self, match: Match, query: SearchQuery) -> Iterator[Found]:
        """The same in the order asked for, over all segments."""
        parts = [
            (segment, filtering.find_best(segment, matches, query.sort, len(matches[0])))
            for segment, matches in self.iter_matches(match, query)
        ]
        streams = [_iter_found(segment, *matches) for segment, matches in parts]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=partial(_order_key, query.sort))

    @cached_property
    def newest(self) -> int:
        """The latest time that a document has, deleted ones aside; µs since 1970."""
        times = [segment.columns["published"][_alive(segment)] for segment in self.segments]
        return max((int(own.max()) for own in times if len(own)), default=0)

    def _take_scratch(self, segment_index: int) -> Scratch:
        try:
            return self._scratch[segment_index].pop()
        except IndexError:
            return Scratch(self.segments[segment_index])

    def find(self, ident: str) -> Found | None:
        """The document of an id."""
        for segment in self.segments:
            number = segment.find_document(ident)
            if number is not None:
                return Found(segment, number, 0.0)
        return None

    def labels_of(self, facet: str) -> dict[str, str]:
        return dict(self._facets[facet].table) if facet in self._facets else {}

    def close(self) -> None:
        for segment in self.segments:
            segment.close()
        self.__dict__.clear()


def _alive(segment: Segment) -> slice | NDArray[np.bool_]:
    return slice(None) if segment.deleted is None else segment.deleted == 0


def _iter_found(segment: Segment, docs: Docs, scores: NDArray[np.float32]) -> Iterator[Found]:
    # Not as lists: a whole export is on its way, and numbers in arrays take a tenth.
    return (Found(segment, int(doc), float(score)) for doc, score in zip(docs, scores, strict=True))


def _merge(parts: list[tuple[Segment, Matches]], sort: Sort, wanted: int) -> list[Found]:
    """The first of all segments together. What they are sorted by first is compared as arrays; more, which takes 2 µs a
    document, only of those that are alike in it."""
    parts = [part for part in parts if len(part[1][0])]
    if len(parts) <= 1:
        return [
            one
            for segment, (docs, scores) in parts
            for one in map(Found, repeat(segment), docs.tolist(), scores.tolist())
        ]
    keys = np.concatenate([filtering.first_keys(segment, matches, sort) for segment, matches in parts])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    if len(keys) > wanted:
        # To the end of those that are alike: any of them may be the last one wanted.
        order = order[: np.searchsorted(keys, keys[wanted - 1], side="right")]
    segment_indexes = np.repeat(np.arange(len(parts)), [len(docs) for _, (docs, _) in parts])[order].tolist()
    docs, scores = (np.concatenate([matches[i] for _, matches in parts])[order].tolist() for i in (0, 1))
    found = [
        Found(parts[segment_index][0], *one) for segment_index, *one in zip(segment_indexes, docs, scores, strict=True)
    ]
    ends = [*(np.flatnonzero(np.diff(keys[: len(found)])) + 1).tolist(), len(found)]
    for begin, end in pairwise([0, *ends]):
        if end - begin > 1:
            found[begin:end] = sorted(found[begin:end], key=partial(_order_key, sort))
    return found[:wanted]


def _order_key(sort: Sort, one: Found) -> tuple[object, ...]:
    return filtering.order_key(one.segment, one.number, one.score, sort)
