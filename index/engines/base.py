"""The seam between questions and whatever answers them. These docstrings are the contract; the suite in
tests/engines/contract.py holds every engine to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from index.analysis.folding import TypedText
from index.documents.story import Story
from index.query.requests import Interval, NumberName, SearchQuery, SourceQuery, SuggestionType
from index.query.results import (
    FuzzyTerm,
    IndexStatus,
    NumberStats,
    PublisherRecord,
    SearchPage,
    SourcePage,
    SourceRecord,
    Suggestion,
)


class Engine(Protocol):
    """One generation, open for reading. Every method may be called from many threads at once.

    All raise IndexUnavailable (or a subclass) when the index cannot answer and QueryTimeout when a query takes too
    long, never an error of their own make; marking hits and writing them counts. ``patience``: for how many seconds a
    query that finds nothing may be searched again in other words. ``longest``: how many seconds a search may take, of
    which it may be given less.
    """

    patience: float

    @property
    def longest(self) -> float: ...

    def search_stories(self, query: SearchQuery) -> SearchPage:
        """The page of hits, the exact total, and the facets asked for.

        Sorting never changes what matches. Ties break by newest, then id, so that pages never overlap.
        Ids in filters that the index does not know match nothing (``any_of``) or exclude nothing.
        Hits carry the bytes of ``index.documents.stored_hit.encode_hit`` and, if the query asks for highlights, those
        of ``index.query.highlight.HitHighlighter`` with the values of ``find_idfs``.
        """
        ...

    def count_times(self, query: SearchQuery, interval: Interval) -> tuple[dict[datetime, int], int]:
        """The number of matches published in each interval, by its start (index.query.timeline.bucket_start), and the
        number of matches without a time. Ignores order, offset and limit of the query."""
        ...

    def measure(self, query: SearchQuery, number: NumberName, size: int) -> NumberStats:
        """What the matches have of a number, how many sources or the second (of 1970) they were published in, and the
        ``size`` values that most of them have. Order, offset and limit of the query are not looked at."""
        ...

    def iter_documents(self, query: SearchQuery) -> Iterator[bytes]:
        """Every match in the order asked for, as JSON in the form of the input; offset and limit are not looked at.

        Memory is bounded by a few bytes a match. Must be closed, or read to its end, before the engine is.
        """
        ...

    def search_sources(self, query: SourceQuery) -> SourcePage:
        """The same over sources, by relevance where there are words, else newest first."""
        ...

    def find_stories(self, ids: Sequence[str]) -> list[Story]:
        """The stories that exist, in the order of ``ids``."""
        ...

    def find_source(self, ident: str) -> SourceRecord | None:
        """The source of this id."""
        ...

    def find_similar(
        self, story: Story, limit: int, exclude: frozenset[str], seconds: float | None = None
    ) -> list[tuple[Story, float]]:
        """The stories most like ``story``, by distinctive words and time (index.engines.more_like_this), best first.

        The score is 0 to 1: what has the same words at the same time scores 1. ``story`` and ``exclude`` are
        left out. The same story gives the same list at every call. ``seconds`` is as in SearchQuery.
        """
        ...

    def find_idfs(self, terms: Sequence[str]) -> dict[str, float]:
        """How rare each term is among the stories: the fewer have it, the greater, and above 0."""
        ...

    def complete(
        self, kind: SuggestionType, typed: TypedText, limit: int, seconds: float | None = None
    ) -> list[Suggestion]:
        """The best ``limit`` texts of a kind, of at most MAX_SUGGESTED characters, in which ``typed`` stands at the
        beginning of a word: those that begin with it first, then the others. ``seconds`` is as in SearchQuery.

        query: a word of the stories of two letters or more (stop words are none), or two such words that are
        neighbours in 3 titles or more, in lower case. By how many stories hold the word, or how many titles the
        two; then by how often they stand there so; then by text. Of several that are the same to a search
        (``ferry``, ``ferries``) the first. ``count`` is what the search finds; what finds nothing is left out. Both
        numbers may count stories that are gone, and a pair may be missing that a segment of 10,000 stories has less
        than 3 times.
        story: its title; newest first, then id; of the same title the first one.
        topic, publisher: their labels; by ``count``, then label without case, then id.
        """
        ...

    def fuzzy_terms(self, word: str, distance: int, seconds: float | None = None) -> list[FuzzyTerm]:
        """The words of the stories, in any field, that at most ``distance`` edits make of ``word``, in lower case
        both: a character more, less or another, or two neighbours the other way round, no place edited twice.

        The nearest first, then those of greatest ``doc_freq`` times ``share``, then by text. ``doc_freq`` counts the
        fields searched by default, ``typed`` all; deleted stories may count in both. Stop words are none. ``seconds``
        is as in SearchQuery.
        """
        ...

    def list_publishers(self) -> Sequence[PublisherRecord]:
        """All publishers, by story count (most first), then name."""
        ...

    def find_labels(self, facet: str) -> dict[str, str]:
        """Facet id to label, for all values of a facet."""
        ...

    def get_status(self) -> IndexStatus:
        """Counts of what is in the generation."""
        ...

    def close(self) -> None:
        """Let go of the files. Called once, when no method is running."""
        ...


class GenerationWriter(Protocol):
    """Fills an empty directory with one generation's files."""

    def add(self, story: Story) -> None:
        """Take one story; its id was not added before."""
        ...

    def finish(self) -> IndexStatus:
        """Write everything out and tell what was written. Nothing may be added afterwards."""
        ...

    def abort(self) -> None:
        """Let go of files and memory; the directory is removed by the caller."""
        ...


class GenerationUpdater(GenerationWriter, Protocol):
    """Fills an empty directory with a generation that goes on from another one.

    ``add`` takes the place of a story of the same id. One of ``finish`` and ``merge`` ends it.
    """

    def delete(self, ident: str) -> bool:
        """Take a story out; whether it was there."""
        ...

    def merge(self) -> IndexStatus:
        """Like ``finish``, and write everything anew as one whole."""
        ...


class EngineKind(Protocol):
    """How to make and open generations of one kind; each engine package offers one."""

    name: str
    format_version: int

    def make_writer(self, directory: Path) -> GenerationWriter: ...

    def make_updater(self, directory: Path, base: Path) -> GenerationUpdater:
        """``base`` is the directory of the generation to go on from; it stays as it is."""
        ...

    def open(self, directory: Path, status: IndexStatus) -> Engine:
        """Raises IndexDamaged when files are missing or not what they should be."""
        ...
