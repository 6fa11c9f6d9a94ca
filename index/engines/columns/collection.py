"""All segments of a collection as one: searched one after the other, hits and counts merged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from itertools import repeat
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.engines.columns import filtering
from index.engines.columns.deadline import Deadline
from index.engines.columns.executor import Executor, Matches, Scope, Scratch
from index.engines.columns.facets import FacetCount, FacetTable
from index.engines.columns.files import CollectionKind, Segments, deleted_path
from index.engines.columns.segment import Segment
from index.engines.columns.statistics import Statistics
from index.query import Facet, FacetRequest, Filters, Node, SearchQuery, Sort

# The matches in one segment: ascending or, to spare sorting them, not; of these documents alone, None for all.
Match = Callable[[Executor, bool, NDArray[np.int32] | None], Matches]


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
            Segment(directory / kind.name / entry.name, kind, deleted_path(directory, kind, entry.name))
            for entry in segments.of(kind)
        ]
        self.statistics = Statistics(self.segments)
        self._facets = {name: FacetTable(directory, name, self.segments) for name in kind.facets}
        self._find_scope = lru_cache(maxsize=100)(Scope)
        self._scratch: list[list[Scratch]] = [[] for _ in self.segments]

    def search(
        self,
        match: Match,
        search_in: tuple[str, ...],
        filters: Filters,
        sort: Sort,
        wanted: int,
        facets: FacetRequest = FacetRequest(),  # noqa: B008 - frozen
        recency: float = 0.0,
    ) -> Page:
        """The first ``wanted`` documents in order, the total, the facets. Raises QueryTimeout."""
        total, found, deadline = 0, [], Deadline()
        counts = [FacetCount(self._facets[name]) for name in facets.names]
        for place, segment in enumerate(self.segments):
            scratch = self._take_scratch(place)
            within, left = filtering.narrow(segment, filters, facets.names)
            executor = Executor(segment, self.statistics, scratch, self._find_scope(segment, search_in), deadline)
            matches = match(executor, filtering.needs_ascending(sort, wanted), within)
            fails = filtering.find_failures(segment, matches[0], left)
            for count in counts:
                deadline.check()
                count.add(place, segment, scratch, matches, fails)
            # Given back only now: what an error leaves half done is not used again.
            self._scratch[place].append(scratch)
            passing = filtering.keep_passing(matches, fails)
            total += len(passing[0])
            if recency and sort is Sort.RELEVANCE:
                passing = filtering.weigh_recent(segment, passing, recency, self.newest)
            docs, scores = filtering.find_best(segment, passing, sort, wanted)
            found.append(list(map(Found, repeat(segment), docs.tolist(), scores.tolist())))
        counted = {count.name: count.to_facet(facets, filters) for count in counts}
        return Page(total, _merge(found, sort, wanted), counted)

    def iter_matches(self, match: Match, query: SearchQuery) -> Iterator[tuple[Segment, Matches]]:
        """Segment by segment, all that matches and passes the filters, ascending. Raises QueryTimeout."""
        deadline = Deadline()
        for place, segment in enumerate(self.segments):
            within, left = filtering.narrow(segment, query.filters, ())
            scratch = self._take_scratch(place)
            executor = Executor(segment, self.statistics, scratch, self._find_scope(segment, query.search_in), deadline)
            matches = match(executor, True, within)
            self._scratch[place].append(scratch)
            passing = filtering.keep_passing(matches, filtering.find_failures(segment, matches[0], left))
            if query.recency and query.sort is Sort.RELEVANCE:
                passing = filtering.weigh_recent(segment, passing, query.recency, self.newest)
            yield segment, passing

    def iter_sorted(self, match: Match, query: SearchQuery) -> Iterator[Found]:
        """The same in the order asked for, over all segments."""
        parts = [
            (segment, filtering.find_best(segment, matches, query.sort, len(matches[0])))
            for segment, matches in self.iter_matches(match, query)
        ]
        streams = [_iter_found(segment, *matches) for segment, matches in parts]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(
            *streams, key=lambda one: filtering.order_key(one.segment, one.number, one.score, query.sort)
        )

    @cached_property
    def newest(self) -> int:
        """The latest time that a document has, deleted ones aside; µs since 1970."""
        times = [segment.columns["published"][_alive(segment)] for segment in self.segments]
        return max((int(own.max()) for own in times if len(own)), default=0)

    def _take_scratch(self, place: int) -> Scratch:
        try:
            return self._scratch[place].pop()
        except IndexError:
            return Scratch(self.segments[place])

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


def match_tree(tree: Node | None) -> Match:
    """``tree`` None matches everything."""

    def match(executor: Executor, ascending: bool, within: NDArray[np.int32] | None) -> Matches:
        if within is not None:
            return executor.match_within(tree, within)
        return executor.everything if tree is None else executor.match(tree, ascending=ascending)

    return match


def _iter_found(segment: Segment, docs: NDArray[np.int32], scores: NDArray[np.float32]) -> Iterator[Found]:
    # Not as lists: a whole export is on its way, and numbers in arrays take a tenth.
    return (Found(segment, int(doc), float(score)) for doc, score in zip(docs, scores, strict=True))


def _merge(found: list[list[Found]], sort: Sort, wanted: int) -> list[Found]:
    if len(found) == 1:
        return found[0]
    merged = [one for part in found for one in part]
    merged.sort(key=lambda one: filtering.order_key(one.segment, one.number, one.score, sort))
    return merged[:wanted]
