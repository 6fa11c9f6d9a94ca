"""Suggestions of a generation: what its segments suggest, merged, counted, and without what is deleted."""

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
from index.engines.columns.segment.texts import Folds, SegmentSuggestions, Texts, index_texts
from index.query.requests import MAX_SUGGESTED, MIN_TITLES, Sort, SuggestionType
from index.query.results import Suggestion

# Of each segment so many times what is wanted are read, and as many times more until what others have cannot change
# the answer.
_SPARE = 2
# Of several segments not fewer: one may have a word in a form that begins otherwise, which nothing tells beforehand.
_LEAST = 32


class _Titled(Struct):
    """A stored story, as far as it is suggested."""

    id: str
    title: str


_decoder = msgspec.json.Decoder(_Titled)


class _Query(Struct, frozen=True):
    """A query that may be suggested; ``words`` are in lower case."""

    begins: bool
    weight: int
    typed: int
    words: tuple[bytes, ...]

    @property
    def order(self) -> tuple[object, ...]:
        return not self.begins, -self.weight, -self.typed, b" ".join(self.words)


class Completer:
    """``count`` tells how many stories a query finds."""

    def __init__(self, directory: Path, segments: Sequence[Segment], count: Callable[[str], int]) -> None:
        self._segments = segments
        self._count = TERMS.cached(count)
        self._labels = {
            name: _Labels(FacetTable(directory, name, segments), segments) for name in ("topic", "publisher")
        }

    def complete(self, kind: SuggestionType, typed: TypedText, limit: int, deadline: Deadline) -> list[Suggestion]:
        """See Engine.complete. Raises QueryTimeout."""
        match kind:
            case "query":
                return self._complete_queries(typed, limit, deadline)
            case "story":
                return self._complete_stories(typed, limit, deadline)
            case _:
                return self._labels[kind].complete(kind, typed, limit)

    # --- stories -------------------------------------------------------------------------------------------------

    def _complete_stories(self, typed: TypedText, limit: int, deadline: Deadline) -> list[Suggestion]:
        found: dict[str, Suggestion] = {}
        parts = [_iter_titles(segment, typed, 2 * limit) for segment in self._segments]
        merged = parts[0] if len(parts) == 1 else heapq.merge(*parts, key=lambda one: one[0])
        for _, segment, number in deadline.pace(merged):
            if len(found) == limit:
                break
            story = _decoder.decode(segment.read_document(number))
            if len(story.title) <= MAX_SUGGESTED:
                found.setdefault(story.title, Suggestion(type="story", text=story.title, id=story.id, count=1))
        return list(found.values())

    # --- queries -------------------------------------------------------------------------------------------------

    def _complete_queries(self, typed: TypedText, limit: int, deadline: Deadline) -> list[Suggestion]:
        size = _SPARE * limit if len(self._segments) == 1 else max(_LEAST, _SPARE * limit)
        while True:
            parts = [list(islice(_iter_queries(segment, typed, size), size)) for segment in self._segments]
            chosen = self._choose(parts, limit, deadline)
            unread = [part[-1] for part in parts if len(part) == size]
            if not unread or (len(chosen) == limit and (len(parts) == 1 or _is_ahead(chosen[-1][0], unread))):
                return [suggestion for _, suggestion in chosen]
            size *= _SPARE

    def _choose(
        self, parts: Sequence[Sequence[_Query]], limit: int, deadline: Deadline
    ) -> list[tuple[_Query, Suggestion]]:
        queries = parts[0] if len(parts) == 1 else sorted(self._merge(parts), key=lambda query: query.order)
        found: dict[tuple[str | None, ...], tuple[_Query, Suggestion]] = {}
        for query in deadline.pace(queries):
            if len(found) == limit:
                break
            words = [show_word(word.decode()) for word in query.words]
            terms = tuple(map(term_of, words))
            if terms in found or (len(words) > 1 and query.weight < MIN_TITLES):
                continue
            text = " ".join(words)
            if count := self._count(text):
                found[terms] = query, Suggestion(type="query", text=text, id=None, count=count)
        return list(found.values())

    def _merge(self, parts: Sequence[Sequence[_Query]]) -> Iterator[_Query]:
        """Each query of some segment once, with what all of them say of it."""
        for begins, words in {(query.begins, query.words) for part in parts for query in part}:
            said = [one for segment in self._segments if (one := _find_query(segment, begins, words))]
            weight = sum(one.weight for one in said)
            if len(words) == 1:
                # Segments that have it in other forms only hold it too.
                term = term_of(show_word(words[0].decode())) or ""
                spans = [segment.text.span(segment.find_term(term)) for segment in self._segments]
                weight = sum(end - begin for begin, end in spans)
            yield _Query(begins, weight, sum(one.typed for one in said), words)


def _is_ahead(query: _Query, unread: Sequence[_Query]) -> bool:
    """Whether a query comes before all that segments have beyond the ``unread``, the last that were read of them: such
    a one weighs at most what these weigh together."""
    if query.begins:
        return query.weight > sum(last.weight for last in unread if last.begins)
    return not any(last.begins for last in unread) and query.weight > sum(last.weight for last in unread)


def _iter_titles(segment: Segment, typed: TypedText, first: int) -> Iterator[tuple[tuple[object, ...], Segment, int]]:
    """The stories of a segment whose title matches, in order, with the key of that order."""
    own = segment.suggestions
    assert own
    wanted = own.folds.find(typed)
    for begins, number in own.titles.iter_matches(wanted, first) if wanted else ():
        if segment.deleted is None or not segment.deleted[number]:
            yield (not begins, *order_key(segment, number, 0.0, Sort.NEWEST)), segment, number


def _iter_queries(segment: Segment, typed: TypedText, first: int) -> Iterator[_Query]:
    own = segment.suggestions
    assert own
    wanted = own.folds.find(typed)
    for begins, number in own.queries.iter_matches(wanted, first) if wanted else ():
        yield _read_query(segment, own, begins, number)


def _find_query(segment: Segment, begins: bool, words: tuple[bytes, ...]) -> _Query | None:
    """The query of these words in a segment."""
    own = segment.suggestions
    assert own
    numbers = [segment.words.find(word) for word in words]
    if numbers[0] is None or numbers[-1] is None:
        return None
    number = own.find_query(numbers[0], numbers[-1] if len(words) > 1 else -1)
    return None if number is None else _read_query(segment, own, begins, number)


def _read_query(segment: Segment, own: SegmentSuggestions, begins: bool, number: int) -> _Query:
    first, second = own.query_words[number].tolist()
    weight = int(own.query_weights[number])
    if second >= 0:
        return _Query(begins, weight, weight, (segment.words[first], segment.words[second]))
    return _Query(begins, weight, int(own.word_typed[first]), (segment.words[first],))


class _Labels:
    """The labels of a facet, the most frequent first."""

    def __init__(self, table: FacetTable, segments: Sequence[Segment]) -> None:
        self._table, self._segments = table, segments

    @cached_property
    def _texts(self) -> tuple[list[tuple[str, str, int]], Folds, Texts]:
        counts = np.zeros(len(self._table.table), np.int64)
        for segment, renumbered in zip(self._segments, self._table.renumbered, strict=True):
            own = segment.facets[self._table.name].count_documents(segment.deleted)
            # What only deleted documents have has no place in the table.
            held = np.flatnonzero(own)
            np.add.at(counts, held if renumbered is None else renumbered[held], own[held])
        # The table is in the order that ties break by.
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
        wanted = folds.find(typed)
        matches = islice(texts.iter_matches(wanted, 2 * limit), limit) if wanted else ()
        return [
            Suggestion(type=kind, text=entries[at][1], id=entries[at][0], count=entries[at][2]) for _, at in matches
        ]
