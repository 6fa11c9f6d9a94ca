"""Plain Whoosh, exhaustive: with a limit its multi-field AND can lose hits, so every match is collected, and
filters, facets and order are worked out match by match, in the open. Slow and right: the twin of fast engines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from index.analysis.folding import TypedText, show_word
from index.analysis.schema import SOURCE_FIELDS, STORY_DEFAULTS, STORY_FIELDS, term_of
from index.deadline import Deadline
from index.documents.stored_hit import encode_hit
from index.documents.story import Story
from index.engines.indexed import StoredSource, microseconds
from index.engines.label_counts import read_publishers
from index.engines.more_like_this import MoreLikeThis, count_terms, length_of, make_more_like_this, weigh_distance
from index.engines.whoosh import fields
from index.engines.whoosh.completion import count_words, suggest_completions
from index.engines.whoosh.edits import count_edits
from index.engines.whoosh.queries import MAX_SECONDS, Evaluator, begin_deadline
from index.engines.whoosh.rows import Match, count_facet, newest_first, passes, passes_source, sort_key
from index.engines.whoosh.searchers import SearcherPool
from index.query.highlight import HitHighlighter, query_terms
from index.query.language import parse_query
from index.query.recency import recency_factor
from index.query.requests import Interval, NumberName, SearchQuery, Sort, SourceQuery, SuggestionType
from index.query.results import (
    FuzzyTerm,
    Hit,
    IndexStatus,
    NumberStats,
    PublisherRecord,
    SearchPage,
    SourcePage,
    SourceRecord,
    Suggestion,
    fuzzy_term_order,
)
from index.query.timeline import bucket_start
from index.query.tree import Node

# What scores in a field are multiplied by; other fields count once.
_STORY_BOOSTS = {"title": 3.0, "summary": 2.0}
_SOURCE_BOOSTS = {"title": 2.0}
_story_decoder = msgspec.json.Decoder(Story)
T = TypeVar("T")


class WhooshEngine:
    """An Engine (index.engines.base) over one generation."""

    retry_seconds = 0.1
    max_seconds = MAX_SECONDS

    def __init__(self, directory: Path, status: IndexStatus) -> None:
        self._status = status
        self._rows = _decode_lines(directory / fields.ROWS, fields.Row)
        self._source_rows = _decode_lines(directory / fields.SOURCE_ROWS, fields.SourceRow)
        self._publishers = read_publishers(directory)
        labels = (directory / fields.LABELS).read_bytes()
        self._labels = msgspec.json.decode(labels, type=dict[str, dict[str, str]])
        self._stories = SearcherPool(directory / fields.STORIES)
        try:
            self._sources = SearcherPool(directory / fields.SOURCES)
        except BaseException:
            self._stories.close()
            raise

    # --- searching -----------------------------------------------------------------------------------------

    def search_stories(self, query: SearchQuery) -> SearchPage:
        deadline = begin_deadline(query.seconds)
        found, matches = self._find(query, deadline)
        hits = self._make_hits(query, found[query.offset : query.offset + query.limit], deadline)
        facets = {
            name: count_facet(name, query.facets, query.filters, matches, self.find_labels(name))
            for name in query.facets.names
        }
        return SearchPage(total=len(found), hits=tuple(hits), facets=facets)

    def _find(self, query: SearchQuery, deadline: Deadline) -> tuple[list[Match], list[Match]]:
        """What matches and passes the filters, in order; and all that matches."""
        boosts = {
            field.name: _STORY_BOOSTS.get(field.name, 1.0) for field in STORY_FIELDS if field.name in query.search_in
        }
        scores = self._match(self._stories, query.tree, boosts, deadline)
        matches = [(self._rows[number], score, number) for number, score in scores]
        found = [match for match in matches if passes(match[0], query.filters)]
        if query.recency and query.sort is Sort.RELEVANCE:
            newest = microseconds(self._status.newest) or 0
            found = [(row, score * recency_factor(query.recency, row.published, newest), n) for row, score, n in found]
        found.sort(key=sort_key(query.sort))
        return found, matches

    def date_histogram(self, query: SearchQuery, interval: Interval) -> tuple[dict[datetime, int], int]:
        stories = list(self._iter_found(query))
        times = [story.published_at for story in stories if story.published_at]
        return dict(Counter(bucket_start(time, interval) for time in times)), len(stories) - len(times)

    def number_stats(self, query: SearchQuery, number: NumberName, size: int) -> NumberStats:
        rows = [row for row, _, _ in self._find(query, begin_deadline(query.seconds))[0]]
        if number == "source_count":
            numbers = [row.source_count for row in rows]
        else:
            numbers = [row.published // 1_000_000 for row in rows if row.published is not None]
        counts = sorted(Counter(numbers).items(), key=lambda pair: (-pair[1], pair[0]))
        low, high = min(numbers, default=0), max(numbers, default=0)
        return NumberStats(count=len(numbers), low=low, high=high, total=sum(numbers), values=tuple(counts[:size]))

    def iter_documents(self, query: SearchQuery) -> Iterator[bytes]:
        return map(msgspec.json.encode, self._iter_found(query))

    def _iter_found(self, query: SearchQuery) -> Iterator[Story]:
        found, _ = self._find(query, begin_deadline(query.seconds))
        return (self._read_story(number) for _, _, number in found)

    def _make_hits(self, query: SearchQuery, found: Sequence[Match], deadline: Deadline) -> list[Hit]:
        highlighter = None
        if query.highlighting is not None:
            highlighter = HitHighlighter(query, query.highlighting, self.find_idfs(query_terms(query.tree)))
        hits = []
        for _, score, number in found:
            story = self._read_story(number)
            hits.append(
                Hit(
                    score=score,
                    stored_hit=encode_hit(story),
                    highlights=highlighter.highlight(story) if highlighter else b"",
                )
            )
            deadline.spend(len(hits[-1].stored_hit) + len(hits[-1].highlights))
        return hits

    def search_sources(self, query: SourceQuery) -> SourcePage:
        boosts = {field.name: _SOURCE_BOOSTS.get(field.name, 1.0) for field in SOURCE_FIELDS}
        deadline = begin_deadline(query.seconds)
        scores = self._match(self._sources, query.tree, boosts, deadline)
        found = [(number, score) for number, score in scores if passes_source(self._source_rows[number], query)]
        found.sort(key=self._source_order)
        page = deadline.pace(found[query.offset : query.offset + query.limit])
        return SourcePage(total=len(found), hits=tuple((self._read_source(number), score) for number, score in page))

    def _source_order(self, match: tuple[int, float]) -> tuple[object, ...]:
        row = self._source_rows[match[0]]
        return (-match[1], newest_first(row.published), row.id)

    def _match(
        self, pool: SearcherPool, tree: Node | None, boosts: dict[str, float], deadline: Deadline
    ) -> list[tuple[int, float]]:
        """(document number, score) of every match."""
        if tree is None:
            return [(number, 0.0) for number in range(len(pool))]
        with pool.lend() as searcher:
            return list(Evaluator(searcher, boosts, pool.expand, deadline).match(tree).items())

    # --- similar stories -----------------------------------------------------------------------------------

    def find_similar(
        self, story: Story, limit: int, exclude: frozenset[str], seconds: float | None = None
    ) -> list[tuple[Story, float]]:
        """Every story that has one of the terms, decoded, counted and compared."""
        deadline = begin_deadline(seconds)
        with self._stories.lend() as searcher:
            reader = searcher.reader()
            numbers: dict[str, set[int]] = {}

            def doc_freq_of(term: str) -> int:
                postings = [reader.postings(name, term) for name in STORY_DEFAULTS if (name, term) in reader]
                numbers[term] = {number for own in postings for number in own.all_ids()}
                return len(numbers[term])

            likeness = make_more_like_this(story, len(self._rows), doc_freq_of)
        found = []
        for number in deadline.pace(set().union(*(numbers[term] for term in likeness.weights))):
            row, other = self._rows[number], self._read_story(number)
            score = _compare(likeness, other) * weigh_distance(likeness, row.published)
            if row.id != story.id and row.id not in exclude:
                found.append((row, min(1.0, score), number))
        found.sort(key=sort_key(Sort.RELEVANCE))
        return [(self._read_story(number), score) for _, score, number in found[:limit]]

    # --- suggestions ---------------------------------------------------------------------------------------

    def suggest_completions(
        self, kind: SuggestionType, typed: TypedText, limit: int, seconds: float | None = None
    ) -> list[Suggestion]:
        stories = begin_deadline(seconds).pace(self.iter_stories())
        return suggest_completions(stories, self.find_labels, self._count, kind, typed, limit)

    def _count(self, text: str) -> int:
        return self.search_stories(SearchQuery(tree=parse_query(text, ()), limit=0)).total

    # --- near words ----------------------------------------------------------------------------------------

    def fuzzy_terms(self, word: str, distance: int, seconds: float | None = None) -> list[FuzzyTerm]:
        with self._stories.lend() as searcher:
            boosts, deadline = dict.fromkeys(STORY_DEFAULTS, 1.0), begin_deadline(seconds)
            evaluator = Evaluator(searcher, boosts, self._stories.expand, deadline)
            typed = count_words(self.iter_stories())
            found = [
                FuzzyTerm(
                    word=near, distance=edits, doc_freq=len(evaluator.match_term(term, 1.0)), occurrences=typed[near]
                )
                for near in deadline.pace(self._stories.words)
                if (term := term_of(show_word(near))) and (edits := count_edits(word, near)) <= distance
            ]
        return sorted(found, key=fuzzy_term_order)

    # --- looking up ----------------------------------------------------------------------------------------

    def find_stories(self, ids: Sequence[str]) -> list[Story]:
        numbers = (self._stories.find_number(ident) for ident in ids)
        return [self._read_story(number) for number in numbers if number is not None]

    def iter_stories(self) -> Iterator[Story]:
        """All stories, in the order in which they were indexed."""
        return map(self._read_story, range(len(self._stories)))

    def find_source(self, ident: str) -> SourceRecord | None:
        number = self._sources.find_number(ident)
        return None if number is None else self._read_source(number)

    def find_idfs(self, terms: Sequence[str]) -> dict[str, float]:
        total = len(self._rows)
        with self._stories.lend() as searcher:
            reader = searcher.reader()
            doc_freq = {term: max(reader.doc_frequency(name, term) for name in STORY_DEFAULTS) for term in terms}
        return {term: math.log(1 + (total + 1) / (count + 1)) for term, count in doc_freq.items()}

    def list_publishers(self) -> Sequence[PublisherRecord]:
        return self._publishers

    def find_labels(self, facet: str) -> dict[str, str]:
        return self._labels.get(facet, {})

    def get_status(self) -> IndexStatus:
        return self._status

    def close(self) -> None:
        self._stories.close()
        self._sources.close()

    def _read_story(self, number: int) -> Story:
        return _story_decoder.decode(self._stories.read_document(number))

    def _read_source(self, number: int) -> SourceRecord:
        stored = msgspec.json.decode(self._sources.read_document(number), type=StoredSource)
        return SourceRecord(id=stored.id, source=stored.source, story_ids=stored.story_ids)


def _compare(likeness: MoreLikeThis, story: Story) -> float:
    """The likeness of the texts, 0 to 1."""
    whole, titles = count_terms(story)
    own = {term: 1 + math.log(count) for term, count in whole.items()}
    length, title_length = length_of(own.values()), length_of([1.0] * len(titles))
    return sum(
        weight * own.get(term, 0.0) / length + title * (term in titles) / title_length
        for term, (weight, title) in likeness.weights.items()
    )


def _decode_lines(path: Path, kind: type[T]) -> list[T]:
    return msgspec.json.Decoder(kind).decode_lines(path.read_bytes())
