"""The engine of the columns: an Engine (index.engines.base) over one generation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from index.analysis.folding import Typed, show_word
from index.analysis.schema import SOURCE_DEFAULTS, term_of
from index.deadline import Deadline
from index.documents.story import Story
from index.engines.columns.format.layout import SOURCES, STORIES, read_segments
from index.engines.columns.search import deadline
from index.engines.columns.search.collection import Collection, Found, Page, TreeMatch
from index.engines.columns.search.completion import Completer
from index.engines.columns.search.deadline import begin_deadline
from index.engines.columns.search.executor import Executor
from index.engines.columns.search.highlighting import make_hits
from index.engines.columns.search.timeline import compute_number_stats, count_times, to_seconds
from index.engines.columns.segment.matches import Matches
from index.engines.indexed import StoredSource
from index.engines.label_counts import StoredPublishers
from index.engines.more_like_this import MoreLikeThis, make_more_like_this
from index.errors import IndexDamaged, QueryTimeout
from index.query.language import parse_query
from index.query.requests import (
    FACETS,
    FacetRequest,
    Filters,
    HighlightOptions,
    Interval,
    NumberName,
    SearchQuery,
    Sort,
    SourceQuery,
    SuggestionType,
)
from index.query.results import (
    FuzzyTerm,
    IndexStatus,
    NumberStats,
    PublisherRecord,
    SearchPage,
    SourcePage,
    SourceRecord,
    Suggestion,
    fuzzy_term_order,
)

_story_decoder = msgspec.json.Decoder(Story)
_source_decoder = msgspec.json.Decoder(StoredSource)


class ColumnsEngine:
    """Raises OSError, ValueError or msgspec's errors where files are not what they were."""

    retry_seconds = 0.1

    @property
    def max_seconds(self) -> float:
        return deadline.MAX_SECONDS

    def __init__(self, directory: Path, status: IndexStatus) -> None:
        self._status = status
        segments = read_segments(directory)
        self._stories = Collection(directory, STORIES, segments)
        self._sources = Collection(directory, SOURCES, segments)
        self._directory, self._stored_publishers = directory, StoredPublishers(directory)
        self._completer = Completer(directory, self._stories.segments, self._count)
        # The first search lays out its scratch arrays, which takes 10 ms: no reader is to wait for it.
        tree = parse_query('news OR "a word" OR wor*', ())
        with suppress(QueryTimeout):
            self.search_stories(
                SearchQuery(tree, facets=FacetRequest(FACETS), limit=1, highlighting=HighlightOptions())
            )

    def match_stories(self, query: SearchQuery, deadline: Deadline | None = None) -> Page:
        """The search without reading a story: where the first ``offset + limit`` hits lie, the total, the facets."""
        return self._stories.search(TreeMatch(query.tree), query, deadline or begin_deadline(query.seconds))

    def search_stories(self, query: SearchQuery) -> SearchPage:
        deadline = begin_deadline(query.seconds)
        page = self.match_stories(query, deadline)
        hits = make_hits(page.found[query.offset :], query, self.find_idfs, deadline)
        return SearchPage(page.total, hits, page.facets)

    def date_histogram(self, query: SearchQuery, interval: Interval) -> tuple[dict[datetime, int], int]:
        counts: Counter[datetime] = Counter()
        missing = 0
        for segment, (docs, _) in self._stories.iter_matches(TreeMatch(query.tree), query):
            found, undated = count_times(segment.columns["published"][docs], interval)
            counts.update(found)
            missing += undated
        return dict(counts), missing

    def number_stats(self, query: SearchQuery, number: NumberName, size: int) -> NumberStats:
        parts = [np.empty(0, np.int64)]
        for segment, (docs, _) in self._stories.iter_matches(TreeMatch(query.tree), query):
            if number == "source_count":
                parts.append(segment.columns["source_count"][docs].astype(np.int64))
            else:
                parts.append(to_seconds(segment.columns["published"][docs]))
        return compute_number_stats(np.concatenate(parts), size)

    def iter_documents(self, query: SearchQuery) -> Iterator[bytes]:
        found = self._stories.iter_sorted(TreeMatch(query.tree), query)
        return (one.segment.read_document(one.number) for one in found)

    def search_sources(self, query: SourceQuery) -> SourcePage:
        filters = Filters((query.publishers,), query.published_from, query.published_before)
        sort = Sort.RELEVANCE if query.tree is not None else Sort.NEWEST
        asked = SearchQuery(
            None, SOURCE_DEFAULTS, filters, sort, offset=query.offset, limit=query.limit, seconds=query.seconds
        )
        among = None
        if query.story is not None:
            among = [ident for story in self.find_stories([query.story]) for ident in story.source_ids()]
        deadline = begin_deadline(query.seconds)
        page = self._sources.search(TreeMatch(query.tree), asked, deadline, among)
        found = page.found[query.offset :]
        return SourcePage(page.total, tuple((_read_source(one, deadline), one.score) for one in found))

    # --- similar stories -----------------------------------------------------------------------------------------

    def find_similar(
        self, story: Story, limit: int, exclude: frozenset[str], seconds: float | None = None
    ) -> list[tuple[Story, float]]:
        statistics, deadline = self._stories.statistics, begin_deadline(seconds)

        def doc_freq_of(term: str) -> int:
            deadline.check()
            return statistics.doc_freq(term)

        likeness = make_more_like_this(story, statistics.documents, doc_freq_of)
        if not likeness.weights:
            return []
        query = SearchQuery(sort=Sort.RELEVANCE, limit=limit + len(exclude) + 1)
        page = self._stories.search(_Similar(likeness), query, deadline)
        left_out = {story.id.encode(), *(ident.encode() for ident in exclude)}
        others = [one for one in page.found if one.segment.read_id(one.number) not in left_out]
        return [(_read_story(one), min(1.0, one.score)) for one in deadline.pace(others[:limit])]

    # --- suggestions ---------------------------------------------------------------------------------------------

    def suggest_completions(
        self, kind: SuggestionType, typed: Typed, limit: int, seconds: float | None = None
    ) -> list[Suggestion]:
        return self._completer.complete(kind, typed, limit, begin_deadline(seconds)) if limit > 0 else []

    def _count(self, text: str) -> int:
        return self.match_stories(SearchQuery(parse_query(text, ()), limit=0)).total

    # --- near words ----------------------------------------------------------------------------------------------

    def fuzzy_terms(self, word: str, distance: int, seconds: float | None = None) -> list[FuzzyTerm]:
        edits, typed, deadline = {}, Counter[str](), begin_deadline(seconds)
        for segment in deadline.pace(self._stories.segments):
            assert segment.suggestions
            for near, count, times in segment.suggestions.words.find_near(word, distance):
                edits[near] = count
                typed[near] += times
        doc_freq = self._stories.statistics.doc_freq
        found = [
            FuzzyTerm(near, edits[near], doc_freq(term_of(show_word(near)) or ""), typed[near])
            for near in deadline.pace(edits)
        ]
        return sorted(found, key=fuzzy_term_order)

    # --- looking up ----------------------------------------------------------------------------------------------

    def find_stories(self, ids: Sequence[str]) -> list[Story]:
        return [_read_story(found) for ident in ids if (found := self._stories.find(ident))]

    def find_source(self, ident: str) -> SourceRecord | None:
        found = self._sources.find(ident)
        return _read_source(found, begin_deadline(None)) if found else None

    def find_idfs(self, terms: Sequence[str]) -> dict[str, float]:
        return {term: self._stories.statistics.idfs(term)[0] for term in terms}

    @cached_property
    def _publishers(self) -> Sequence[PublisherRecord]:
        try:
            return self._stored_publishers.decode()
        except (ValueError, msgspec.MsgspecError) as error:
            raise IndexDamaged(self._directory, f"publishers: {error}") from error

    def list_publishers(self) -> Sequence[PublisherRecord]:
        return self._publishers

    def find_labels(self, facet: str) -> dict[str, str]:
        return self._stories.labels_of(facet)

    def get_status(self) -> IndexStatus:
        return self._status

    def close(self) -> None:
        del self._completer
        self._stories.close()
        self._sources.close()


class _Similar:
    """Matches what has words of a story."""

    words = ()

    def __init__(self, likeness: MoreLikeThis) -> None:
        self._likeness = likeness

    def __call__(self, executor: Executor, ascending: bool, within: object) -> Matches:
        return executor.match_similar(self._likeness, ascending=ascending)


def _read_story(found: Found) -> Story:
    return _story_decoder.decode(found.segment.read_document(found.number))


def _read_source(found: Found, deadline: Deadline) -> SourceRecord:
    document = found.segment.read_document(found.number)
    deadline.spend(len(document))
    stored = _source_decoder.decode(document)
    return SourceRecord(stored.id, stored.source, stored.story_ids)
