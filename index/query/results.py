"""What a search returns: hits, pages, counts, suggestions. Values only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from msgspec import Struct

from index.documents.stored_hit import read_id
from index.documents.story import Source, Story
from index.query.requests import SuggestionType
from index.query.tree import Node


class FacetValue(Struct, frozen=True):
    """A counted value. ``selected`` when the query filters by it."""

    value: str
    label: str
    count: int
    selected: bool


class Facet(Struct, frozen=True):
    """Counts obey every filter but this facet's own, unless asked otherwise. ``other``: stories' values beyond
    ``values``, added up; ``missing``: stories without any value."""

    values: tuple[FacetValue, ...]
    other: int
    missing: int


class Bucket(Struct, frozen=True):
    """The stories published from ``start`` to before ``end``."""

    start: datetime
    end: datetime
    count: int


class Timeline(Struct, frozen=True):
    """Stretches of time without a gap, and how many matches have no time."""

    buckets: tuple[Bucket, ...]
    missing: int


class NumberStats(Struct, frozen=True):
    """The numbers that ``count`` matches have (others have none; of no numbers the bounds are 0): the lowest, the
    highest, all added up, and the ``values`` that most have, each with how many, the least first of equals."""

    count: int
    low: int
    high: int
    total: int
    values: tuple[tuple[int, int], ...]


class Hit(Struct, frozen=True):
    """One matching story. ``score`` is 0.0 for a query without words.

    ``stored_hit``: the story as lists show it (index.documents.stored_hit), a JSON object. ``marks``: its highlights
    (index.query.highlight), a JSON object, or empty if the query asks for none.
    """

    score: float
    stored_hit: bytes
    marks: bytes = b""

    @property
    def id(self) -> str:
        """The story's."""
        return read_id(self.stored_hit)


class SearchPage(Struct, frozen=True):
    """The hits asked for, the exact ``total``, and the facets by name. ``after``: what an engine that cannot begin
    anywhere goes on by, "" for one that can."""

    total: int
    hits: tuple[Hit, ...]
    facets: dict[str, Facet]
    after: str = ""


class SearchResult(Struct, frozen=True):
    """What ``index.search.search`` found, and by which query.

    ``tree``: the query that was finally searched for. ``corrected``: some of its words are corrections.
    ``relaxed``: "any" if any of the words was enough, else None. ``did_you_mean``: a corrected query that would match
    without the filters.
    """

    page: SearchPage
    tree: Node | None
    corrected: bool = False
    did_you_mean: str | None = None
    relaxed: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A source as indexed: what its stories say of it, merged; ``story_ids`` in the order they were indexed."""

    id: str
    source: Source
    story_ids: tuple[str, ...]


class SourcePage(Struct, frozen=True):
    """``after``: see SearchPage."""

    total: int
    hits: tuple[tuple[SourceRecord, float], ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class PublisherRecord:
    """A publisher as indexed; ``name`` is its most frequent spelling."""

    id: str
    name: str
    domain: str
    logo_url: str
    story_count: int
    source_count: int


class FuzzyTerm(Struct, frozen=True):
    """A lower-case word of the stories that is ``distance`` edits from another word. ``doc_freq``: stories with any
    inflection of the word; ``occurrences``: uses of this exact spelling."""

    word: str
    distance: int
    doc_freq: int
    occurrences: int

    @property
    def share(self) -> float:
        """How much of what it finds has this very form, at most: "ite" finds "its" too."""
        return min(1.0, self.occurrences / self.doc_freq) if self.doc_freq else 0.0


def fuzzy_term_order(near: FuzzyTerm) -> tuple[int, float, str]:
    """The order in which engines list near words."""
    return near.distance, -near.doc_freq * near.share, near.word


class Suggestion(Struct, frozen=True):
    """What typing may be completed to. ``id``: of a story, topic or publisher, None for a query. ``count``: how many
    stories it leads to, a story to itself."""

    type: SuggestionType
    text: str
    id: str | None
    count: int


@dataclass(frozen=True, slots=True)
class RelatedStory:
    """``score`` is 0 to 1 within a reason: see docs/api.md."""

    story: Story
    reason: Literal["curated", "shared_source", "similar"]
    score: float


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """What stands in a generation. ``newest`` is the latest ``published_at``; ``deleted`` counts stories and sources
    that still lie in its segments."""

    stories: int
    sources: int
    publishers: int
    newest: datetime | None
    segments: int = 1
    deleted: int = 0

    def with_story(self, story: Story) -> IndexStatus:
        """The same with one story more."""
        newest = max(filter(None, (self.newest, story.published_at or None)), default=None)
        return replace(self, stories=self.stories + 1, newest=newest)
