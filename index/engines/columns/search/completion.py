"""Autocompletion over all segments: merges their suggestions, counts matches and leaves out deleted documents."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from index.analysis.folding import TypedText, show_word
from index.analysis.schema import term_of
from index.deadline import Deadline
from index.engines.columns.search.facets import FacetTable
from index.engines.columns.search.filtering import order_key
from index.engines.columns.segment.budgets import TERMS
from index.engines.columns.segment.segment import Segment
from index.engines.columns.segment.texts import FoldedWords, SegmentSuggestions, TextPrefixIndex, index_texts
from index.query.requests import MAX_SUGGESTED, MIN_TITLES, Sort, SuggestionType
from index.query.results import Suggestion

# A batch of suggestions from each segment is first this many times the limit, then grows by the same factor until no
# unread suggestion can change the result.
_GROWTH = 2
# The smallest first batch if there are several segments. One of them may have only another inflection of a word, which
# does not start with the typed text.
_MIN_BATCH = 32


class _SuggestedStory(Struct):
    """The fields of a stored story that a suggestion needs."""

    id: str
    title: str


_decoder = msgspec.json.Decoder(_SuggestedStory)


class _QuerySuggestion(Struct, frozen=True):
    """A query of one or two words that may be suggested.

    ``begins``: the query itself starts with the typed text, not only its second word. ``weight``: the number of stories
    with the word, or of titles with the pair. ``occurrences``: uses of this exact spelling. ``words``: in lower case.
    """

    begins: bool
    weight: int
    occurrences: int
    words: tuple[bytes, ...]

    @property
    def order(self) -> tuple[object, ...]:
        """The sort key; the lowest comes first."""
        return not self.begins, -self.weight, -self.occurrences, b" ".join(self.words)


class SuggestionFinder:
    """Finds suggestions in all segments; ``count`` returns the number of stories that a query matches."""

    def __init__(self, directory: Path, segments: Sequence[Segment], count: Callable[[str], int]) -> None:
        self._segments = segments
        self._count = TERMS.cached(count)
        self._labels = {
            name: _LabelSuggestions(FacetTable(directory, name, segments), segments) for name in ("topic", "publisher")
        }

    def complete(self, kind: SuggestionType, typed: TypedText, limit: int, deadline: Deadline) -> list[Suggestion]:
        """Implements Engine.suggest_completions. Raises QueryTimeout."""
        match kind:
            case "query":
                return self._complete_queries(typed, limit, deadline)
            case "story":
                return self._complete_stories(typed, limit, deadline)
            case _:
                return self._labels[kind].complete(kind, typed, limit)

    # --- stories -------------------------------------------------------------------------------------------------

    def _complete_stories(self, typed: TypedText, limit: int, deadline: Deadline) -> list[Suggestion]:
        suggestions: dict[str, Suggestion] = {}
        parts = [_iter_titles(segment, typed, 2 * limit) for segment in self._segments]
        merged = parts[0] if len(parts) == 1 else heapq.merge(*parts, key=lambda entry: entry[0])
        for _, segment, number in deadline.pace(merged):
            if len(suggestions) == limit:
                break
            story = _decoder.decode(segment.read_document(number))
            if len(story.title) <= MAX_SUGGESTED:
                suggestions.setdefault(story.title, Suggestion(type="story", text=story.title, id=story.id, count=1))
        return list(suggestions.values())

    # --- queries -------------------------------------------------------------------------------------------------

    def _complete_queries(self, typed: TypedText, limit: int, deadline: Deadline) -> list[Suggestion]:
        """Read growing batches from all segments until no unread suggestion can change the result."""
        size = _GROWTH * limit if len(self._segments) == 1 else max(_MIN_BATCH, _GROWTH * limit)
        while True:
            parts = [list(islice(_iter_queries(segment, typed, size), size)) for segment in self._segments]
            chosen = self._choose(parts, limit, deadline)
            last_read = [part[-1] for part in parts if len(part) == size]
            if not last_read or (
                len(chosen) == limit and (len(parts) == 1 or _outranks_unread(chosen[-1][0], last_read))
            ):
                return [suggestion for _, suggestion in chosen]
            size *= _GROWTH

    def _choose(
        self, parts: Sequence[Sequence[_QuerySuggestion]], limit: int, deadline: Deadline
    ) -> list[tuple[_QuerySuggestion, Suggestion]]:
        """The best ``limit`` queries that find a story; of those with equal terms (ferry, ferries) the first."""
        queries = parts[0] if len(parts) == 1 else sorted(self._merge(parts), key=lambda query: query.order)
        chosen: dict[tuple[str | None, ...], tuple[_QuerySuggestion, Suggestion]] = {}
        for query in deadline.pace(queries):
            if len(chosen) == limit:
                break
            words = [show_word(word.decode()) for word in query.words]
            terms = tuple(map(term_of, words))
            if terms in chosen or (len(words) > 1 and query.weight < MIN_TITLES):
                continue
            text = " ".join(words)
            if count := self._count(text):
                chosen[terms] = query, Suggestion(type="query", text=text, id=None, count=count)
        return list(chosen.values())

    def _merge(self, parts: Sequence[Sequence[_QuerySuggestion]]) -> Iterator[_QuerySuggestion]:
        """Each distinct query in ``parts``, with weights and occurrences summed over all segments."""
        for begins, words in {(query.begins, query.words) for part in parts for query in part}:
            same = [query for segment in self._segments if (query := _find_query(segment, begins, words))]
            weight = sum(query.weight for query in same)
            if len(words) == 1:
                # Count stories by term: a segment may have other inflections of the word only.
                term = term_of(show_word(words[0].decode())) or ""
                spans = [segment.text.span(segment.find_term(term)) for segment in self._segments]
                weight = sum(end - begin for begin, end in spans)
            yield _QuerySuggestion(begins, weight, sum(query.occurrences for query in same), words)


def _outranks_unread(query: _QuerySuggestion, last_read: Sequence[_QuerySuggestion]) -> bool:
    """True when no unread suggestion can still outrank ``query`` (the stop of Fagin's threshold algorithm).

    ``last_read`` has the last suggestion read from each segment that may have more. The weight of an unread suggestion
    is at most the sum of their weights.
    """
    if query.begins:
        return query.weight > sum(last.weight for last in last_read if last.begins)
    return not any(last.begins for last in last_read) and query.weight > sum(last.weight for last in last_read)


def _iter_titles(segment: Segment, typed: TypedText, first: int) -> Iterator[tuple[tuple[object, ...], Segment, int]]:
    """The stories of a segment whose title matches, best first: sort key, segment, document number."""
    suggestions = segment.suggestions
    assert suggestions
    phrase = suggestions.folds.find(typed)
    for begins, number in suggestions.titles.iter_matches(phrase, first) if phrase else ():
        if segment.deleted is None or not segment.deleted[number]:
            yield (not begins, *order_key(segment, number, 0.0, Sort.NEWEST)), segment, number


def _iter_queries(segment: Segment, typed: TypedText, first: int) -> Iterator[_QuerySuggestion]:
    """The queries of a segment that match, best first."""
    suggestions = segment.suggestions
    assert suggestions
    phrase = suggestions.folds.find(typed)
    for begins, number in suggestions.queries.iter_matches(phrase, first) if phrase else ():
        yield _read_query(segment, suggestions, begins, number)


def _find_query(segment: Segment, begins: bool, words: tuple[bytes, ...]) -> _QuerySuggestion | None:
    """The query of these words in a segment; None if the segment has no such query."""
    suggestions = segment.suggestions
    assert suggestions
    numbers = [segment.words.find(word) for word in words]
    if numbers[0] is None or numbers[-1] is None:
        return None
    number = suggestions.find_query(numbers[0], numbers[-1] if len(words) > 1 else -1)
    return None if number is None else _read_query(segment, suggestions, begins, number)


def _read_query(segment: Segment, suggestions: SegmentSuggestions, begins: bool, number: int) -> _QuerySuggestion:
    first, second = suggestions.query_words[number].tolist()
    weight = int(suggestions.query_weights[number])
    if second >= 0:
        return _QuerySuggestion(begins, weight, weight, (segment.words[first], segment.words[second]))
    return _QuerySuggestion(begins, weight, int(suggestions.word_occurrences[first]), (segment.words[first],))


class _LabelSuggestions:
    """Suggests labels of a facet, the most frequent first. The labels are indexed when first needed."""

    def __init__(self, table: FacetTable, segments: Sequence[Segment]) -> None:
        self._table, self._segments = table, segments

    @cached_property
    def _texts(self) -> tuple[list[tuple[str, str, int]], FoldedWords, TextPrefixIndex]:
        counts = np.zeros(len(self._table.table), np.int64)
        for segment, renumbered in zip(self._segments, self._table.renumbered, strict=True):
            segment_counts = segment.facets[self._table.name].count_documents(segment.deleted)
            # Values with a count of 0 may be missing from the table: only deleted documents have them.
            codes = np.flatnonzero(segment_counts)
            np.add.at(counts, codes if renumbered is None else renumbered[codes], segment_counts[codes])
        # A stable sort: ties stay in the order of the table.
        order = np.argsort(-counts, kind="stable")
        order = order[counts[order] > 0]
        table = self._table.table
        entries = [
            (*table[number], count)
            for number, count in zip(order.tolist(), counts[order].tolist(), strict=True)
            if len(table[number][1]) <= MAX_SUGGESTED
        ]
        return entries, *index_texts([label for _, label, _ in entries])

    def complete(self, kind: SuggestionType, typed: TypedText, limit: int) -> list[Suggestion]:
        entries, folds, texts = self._texts
        phrase = folds.find(typed)
        matches = islice(texts.iter_matches(phrase, 2 * limit), limit) if phrase else ()
        return [
            Suggestion(type=kind, text=label, id=value, count=count)
            for _, number in matches
            for value, label, count in [entries[number]]
        ]
