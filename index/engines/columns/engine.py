"""The columns engine: an Engine (index.engines.base) over one generation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from index.analysis.folding import TypedText, show_word
from index.analysis.schema import SOURCE_DEFAULTS, term_of
from index.deadline import Deadline
from index.documents.story import Story
from index.engines.columns.format.layout import SOURCES, STORIES, read_segments
from index.engines.columns.search import deadline
from index.engines.columns.search.collection import Collection, ScoredDoc, TopDocs, TreeMatcher
from index.engines.columns.search.completion import SuggestionFinder
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
    """One generation, open for searching. Engine (index.engines.base) documents the methods.

    Raises OSError, ValueError or msgspec's errors if files are missing or damaged.
    """

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
        self._suggestion_finder = SuggestionFinder(directory, self._stories.segments, self._count)
        # The first search allocates scratch arrays, which takes 10 ms. This one saves the first request from waiting.
        tree = parse_query('news OR "a word" OR wor*', ())
        with suppress(QueryTimeout):
            self.search_stories(
                SearchQuery(tree=tree, facets=FacetRequest(names=FACETS), limit=1, highlighting=HighlightOptions())
            )

    def match_stories(self, query: SearchQuery, deadline: Deadline | None = None) -> TopDocs:
        """The first ``offset + limit`` documents, the total and the facets, without reading a stored hit."""
        return self._stories.search(TreeMatcher(query.tree), query, deadline or begin_deadline(query.seconds))

    def search_stories(self, query: SearchQuery) -> SearchPage:
        deadline = begin_deadline(query.seconds)
        top = self.match_stories(query, deadline)
        hits = make_hits(top.docs[query.offset :], query, self.find_idfs, deadline)
        return SearchPage(total=top.total, hits=hits, facets=top.facets)

    def date_histogram(self, query: SearchQuery, interval: Interval) -> tuple[dict[datetime, int], int]:
        counts: Counter[datetime] = Counter()
        missing = 0
        for segment, (docs, _) in self._stories.iter_matches(TreeMatcher(query.tree), query):
            segment_counts, undated = count_times(segment.columns["published"][docs], interval)
            counts.update(segment_counts)
            missing += undated
        return dict(counts), missing

    def number_stats(self, query: SearchQuery, number: NumberName, size: int) -> NumberStats:
        parts = [np.empty(0, np.int64)]
        for segment, (docs, _) in self._stories.iter_matches(TreeMatcher(query.tree), query):
            if number == "source_count":
                parts.append(segment.columns["source_count"][docs].astype(np.int64))
            else:
                parts.append(to_seconds(segment.columns["published"][docs]))
        return compute_number_stats(np.concatenate(parts), size)

    def iter_documents(self, query: SearchQuery) -> Iterator[bytes]:
        docs = self._stories.iter_sorted(TreeMatcher(query.tree), query)
        return (doc.segment.read_document(doc.number) for doc in docs)

    def search_sources(self, query: SourceQuery) -> SourcePage:
        filters = Filters(
            values=(query.publishers,), published_from=query.published_from, published_before=query.published_before
        )
        sort = Sort.RELEVANCE if query.tree is not None else Sort.NEWEST
        search_query = SearchQuery(
            tree=None,
            search_in=SOURCE_DEFAULTS,
            filters=filters,
            sort=sort,
            offset=query.offset,
            limit=query.limit,
            seconds=query.seconds,
        )
        ids = None
        if query.story is not None:
            ids = [ident for story in self.find_stories([query.story]) for ident in story.source_ids()]
        deadline = begin_deadline(query.seconds)
        top = self._sources.search(TreeMatcher(query.tree), search_query, deadline, ids)
        return SourcePage(
            total=top.total, hits=tuple((_read_source(doc, deadline), doc.score) for doc in top.docs[query.offset :])
        )

    # --- similar stories -----------------------------------------------------------------------------------------

    def find_similar(
        self, story: Story, limit: int, exclude: frozenset[str], seconds: float | None = None
    ) -> list[tuple[Story, float]]:
        statistics, deadline = self._stories.statistics, begin_deadline(seconds)

        def doc_freq_of(term: str) -> int:
            deadline.check()
            return statistics.doc_freq(term)

        more_like_this = make_more_like_this(story, statistics.documents, doc_freq_of)
        if not more_like_this.weights:
            return []
        query = SearchQuery(sort=Sort.RELEVANCE, limit=limit + len(exclude) + 1)
        top = self._stories.search(_MoreLikeThisMatcher(more_like_this), query, deadline)
        excluded = {story.id.encode(), *(ident.encode() for ident in exclude)}
        similar = [doc for doc in top.docs if doc.segment.read_id(doc.number) not in excluded]
        return [(_read_story(doc), min(1.0, doc.score)) for doc in deadline.pace(similar[:limit])]

    # --- suggestions ---------------------------------------------------------------------------------------------

    def suggest_completions(
        self, kind: SuggestionType, typed: TypedText, limit: int, seconds: float | None = None
    ) -> list[Suggestion]:
        return self._suggestion_finder.complete(kind, typed, limit, begin_deadline(seconds)) if limit > 0 else []

    def _count(self, text: str) -> int:
        return self.match_stories(SearchQuery(tree=parse_query(text, ()), limit=0)).total

    # --- fuzzy terms ---------------------------------------------------------------------------------------------

    def fuzzy_terms(self, word: str, distance: int, seconds: float | None = None) -> list[FuzzyTerm]:
        edits, occurrences, deadline = {}, Counter[str](), begin_deadline(seconds)
        for segment in deadline.pace(self._stories.segments):
            assert segment.suggestions
            for similar, edit_count, uses in segment.suggestions.words.find_fuzzy(word, distance):
                edits[similar] = edit_count
                occurrences[similar] += uses
        doc_freq = self._stories.statistics.doc_freq
        fuzzy_terms = [
            FuzzyTerm(
                word=similar,
                distance=edits[similar],
                doc_freq=doc_freq(term_of(show_word(similar)) or ""),
                occurrences=occurrences[similar],
            )
            for similar in deadline.pace(edits)
        ]
        return sorted(fuzzy_terms, key=fuzzy_term_order)

    # --- look-ups ------------------------------------------------------------------------------------------------

    def find_stories(self, ids: Sequence[str]) -> list[Story]:
        return [_read_story(doc) for ident in ids if (doc := self._stories.find(ident))]

    def find_source(self, ident: str) -> SourceRecord | None:
        doc = self._sources.find(ident)
        return _read_source(doc, begin_deadline(None)) if doc else None

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
        del self._suggestion_finder
        self._stories.close()
        self._sources.close()


class _MoreLikeThisMatcher:
    """Matches documents that share terms with a story."""

    conjunction = ()

    def __init__(self, more_like_this: MoreLikeThis) -> None:
        self._more_like_this = more_like_this

    def __call__(self, executor: Executor, ascending: bool, candidates: object) -> Matches:
        return executor.match_more_like_this(self._more_like_this, ascending=ascending)


def _read_story(doc: ScoredDoc) -> Story:
    return _story_decoder.decode(doc.segment.read_document(doc.number))


def _read_source(doc: ScoredDoc, deadline: Deadline) -> SourceRecord:
    document = doc.segment.read_document(doc.number)
    deadline.spend(len(document))
    stored = _source_decoder.decode(document)
    return SourceRecord(id=stored.id, source=stored.source, story_ids=stored.story_ids)
