"""The interface between the application and its engines. These docstrings are the contract: the test suite in
tests/engines/contract.py checks every engine against them."""

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

    Two errors may be raised by every method, and no others: IndexUnavailable (or a subclass) when the index cannot
    answer, and QueryTimeout when a query takes longer than ``max_seconds``. Making the hits and their highlights counts
    towards that time. A parameter ``seconds`` (also a field of SearchQuery and SourceQuery) sets a shorter limit;
    None means ``max_seconds``.
    """

    retry_seconds: float
    """How many seconds may be spent on retrying a query that has no matches with corrected or fewer words."""

    @property
    def max_seconds(self) -> float:
        """How many seconds one call may take."""
        ...

    def search_stories(self, query: SearchQuery) -> SearchPage:
        """One page of hits, the exact total of matches, and the facets that the query asks for.

        - Sorting never changes which stories match. Ties break by newest, then by id, so pages never overlap.
        - An id in a filter that is not in the index matches nothing in ``any_of`` and excludes nothing in ``none_of``.
        - ``Hit.stored_hit`` is the output of ``index.documents.stored_hit.encode_hit``. If the query asks for
          highlights, the hit also has those of ``index.query.highlight.HitHighlighter``, which is given ``find_idfs``.
        """
        ...

    def date_histogram(self, query: SearchQuery, interval: Interval) -> tuple[dict[datetime, int], int]:
        """The number of matches per interval of ``published_at``, by the start of the interval
        (``index.query.timeline.bucket_start``), and the number of matches without ``published_at``.

        Intervals without matches are left out. Order, offset and limit of the query are ignored.
        """
        ...

    def number_stats(self, query: SearchQuery, number: NumberName, size: int) -> NumberStats:
        """Minimum, maximum, sum and the ``size`` most frequent values of a numeric field over all matches.

        Times are in seconds since 1970. Order, offset and limit of the query are ignored.
        """
        ...

    def iter_documents(self, query: SearchQuery) -> Iterator[bytes]:
        """Every match in the order of the query, each as one JSON object in the format of the input.

        Offset and limit are ignored. Memory grows by a few bytes per match. The iterator must be exhausted or closed
        before the engine is closed.
        """
        ...

    def search_sources(self, query: SourceQuery) -> SourcePage:
        """One page of sources and the exact total: by relevance if the query has words, else newest first."""
        ...

    def find_stories(self, ids: Sequence[str]) -> list[Story]:
        """The stories with these ids, in the order of ``ids``; unknown ids are skipped."""
        ...

    def find_source(self, ident: str) -> SourceRecord | None:
        """The source with this id, or None."""
        ...

    def find_similar(
        self, story: Story, limit: int, exclude: frozenset[str], seconds: float | None = None
    ) -> list[tuple[Story, float]]:
        """The stories most similar to ``story`` by distinctive words and time of publication, best first, with scores.

        Scores are computed as in ``index.engines.more_like_this``, from 0 to 1: a story with the same words and the
        same time scores 1. ``story`` itself and the ids in ``exclude`` are left out. The result is deterministic.
        """
        ...

    def find_idfs(self, terms: Sequence[str]) -> dict[str, float]:
        """The idf of each term among the stories: above 0, and greater the fewer stories have the term."""
        ...

    def suggest_completions(
        self, kind: SuggestionType, typed: TypedText, limit: int, seconds: float | None = None
    ) -> list[Suggestion]:
        """The best ``limit`` texts of a kind that contain ``typed`` at the beginning of a word.

        Texts that begin with ``typed`` come before those in which a later word does. Texts longer than MAX_SUGGESTED
        characters are never suggested. The kinds, and the order within each:

        - ``query``: words of at least two letters that are no stop words, and pairs of such words that are neighbours
          in at least 3 titles, in lower case. Order: stories with the word (for a pair: titles with the pair), then
          occurrences of this spelling, then text. Of texts that are the same search (``ferry``, ``ferries``) only the
          first is suggested. ``count`` is the number of stories that the search finds; queries that find nothing are
          left out. The order may still count deleted stories, and a pair may be missing if some segment of 10,000
          stories has it in fewer than 3 titles.
        - ``story``: titles. Order: newest, then id. Of equal titles only the first is suggested.
        - ``topic``, ``publisher``: labels. Order: ``count`` (most first), then label without case, then id.
        """
        ...

    def fuzzy_terms(self, word: str, distance: int, seconds: float | None = None) -> list[FuzzyTerm]:
        """The words of the stories, in any field, that are at most ``distance`` edits away from ``word``.

        Both are compared in lower case. An edit inserts, deletes or replaces a character or swaps two neighbours (the
        optimal string alignment distance). Stop words are left out.
        Order: fewest edits, then greatest ``doc_freq * share``, then word. ``doc_freq`` counts stories that have the
        word in a field searched by default; ``occurrences`` counts all fields. Both may still count deleted stories.
        """
        ...

    def list_publishers(self) -> Sequence[PublisherRecord]:
        """All publishers, by number of stories (most first), then name."""
        ...

    def find_labels(self, facet: str) -> dict[str, str]:
        """The labels of all values of a facet, by id."""
        ...

    def get_status(self) -> IndexStatus:
        """How many stories, sources and publishers the generation has."""
        ...

    def close(self) -> None:
        """Release files and connections. Called once, while no other method runs."""
        ...


class GenerationWriter(Protocol):
    """Writes the files of a new generation into an empty directory."""

    def add(self, story: Story) -> None:
        """Add a story. Its id must not have been added before."""
        ...

    def finish(self) -> IndexStatus:
        """Write everything that is left and return the counts. No method may be called afterwards."""
        ...

    def abort(self) -> None:
        """Release files and memory. The caller removes the directory."""
        ...


class GenerationUpdater(GenerationWriter, Protocol):
    """Writes a generation that contains the changes to an earlier one.

    ``add`` replaces a story that has the same id. Either ``finish`` or ``merge`` is called last.
    """

    def delete(self, ident: str) -> bool:
        """Delete a story. Returns False if there is no story with this id."""
        ...

    def merge(self) -> IndexStatus:
        """Like ``finish``, but rewrite all stories into new segments without deleted ones."""
        ...


class EngineKind(Protocol):
    """Writes and opens generations in one file format. Each engine package has one.

    ``name`` and ``format_version`` go into the manifest of a generation: files of another name or version cannot be
    opened.
    """

    name: str
    format_version: int

    def make_writer(self, directory: Path) -> GenerationWriter:
        """A writer for a new generation in the empty ``directory``."""
        ...

    def make_updater(self, directory: Path, base: Path) -> GenerationUpdater:
        """A writer in the empty ``directory`` for changes to the generation in ``base``, whose files stay as they
        are."""
        ...

    def open(self, directory: Path, status: IndexStatus) -> Engine:
        """Open a generation for reading. Raises IndexDamaged if files are missing or malformed."""
        ...
