"""All that an engine takes and gives: the query tree, filters, sorting, facets, hits and pages. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from index.documents.stored_hit import read_id
from index.documents.story import Source, Story

FACETS = ("topic", "publisher", "curator", "language", "domain", "year", "month")
NumberName = Literal["source_count", "published_at_timestamp"]
SuggestionType = Literal["query", "topic", "publisher", "story"]
# Characters of a text that may be suggested: nobody chooses from a list by longer ones.
MAX_SUGGESTED = 1000


class Sort(StrEnum):
    """Orders of hits. Each ends in newest first (a story without a time last), then id."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    UPDATED = "updated"
    SOURCES = "sources"


class Interval(StrEnum):
    """How long a stretch of a timeline is; weeks begin on Monday, all in UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


# --- the query tree: made by index.query.language, executed by an engine -----------------------------------------


class Term(Struct, frozen=True):
    """One word. ``text`` is as typed, ``term`` as indexed; ``field`` None means all fields searched in."""

    text: str
    term: str
    field: str | None = None


class Phrase(Struct, frozen=True):
    """Words that stand one after the other in one field (stop words do not count as a place)."""

    texts: tuple[str, ...]
    terms: tuple[str, ...]
    field: str | None = None


class Prefix(Struct, frozen=True):
    """Stands for every word of the stories (or sources) searched that begins with ``text`` (lower case), each read as
    if typed."""

    text: str
    field: str | None = None


class Not(Struct, frozen=True):
    """Documents that ``child`` does not match."""

    child: Node


class And(Struct, frozen=True):
    """Documents that all children match. With nothing but ``Not`` children: all documents less theirs."""

    children: tuple[Node, ...]


class Or(Struct, frozen=True):
    """Documents that some child matches; without children, none."""

    children: tuple[Node, ...]


Node = Term | Phrase | Prefix | Not | And | Or
NOTHING = Or(())


def iter_positive(node: Node | None) -> Iterator[Term | Phrase | Prefix]:
    """The leaves that a hit may contain: those under no ``Not``."""
    match node:
        case Term() | Phrase() | Prefix():
            yield node
        case And(children) | Or(children):
            for child in children:
                yield from iter_positive(child)
        case _:
            return


# --- what is asked -----------------------------------------------------------------------------------------


class ValueFilter(Struct, frozen=True):
    """Narrows by a facet: one of ``any_of`` (when not empty) and none of ``none_of``; values are facet ids. Of several
    for the same facet each must hold."""

    facet: str
    any_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()


class Filters(Struct, frozen=True):
    """What narrows and never scores. Times are UTC; ``published_before`` is exclusive, the others inclusive."""

    values: tuple[ValueFilter, ...] = ()
    published_from: datetime | None = None
    published_before: datetime | None = None
    min_sources: int | None = None
    max_sources: int | None = None


class FacetRequest(Struct, frozen=True):
    """Which facets to count, how many values of each, in which order; and of which values: those whose label has, for
    each word of ``containing`` (case folded), a word that begins with it. ``filtered``: counted under the filters on
    the facet itself too."""

    names: tuple[str, ...] = ()
    size: int = 10
    sort: Literal["count", "value"] = "count"
    containing: tuple[str, ...] = ()
    filtered: bool = False


class Marking(Struct, frozen=True):
    """How hits are marked: ``tag`` names the HTML element around a match, ``words`` says how many a snippet has.
    Without ``matches`` the texts are the same with nothing marked in them."""

    tag: str = "mark"
    words: int = 30
    matches: bool = True


class SearchQuery(Struct, frozen=True):
    """A search over stories. ``tree`` None matches everything; ``search_in`` are fields of the schema; hits are marked
    where ``marking`` says how. ``recency``, 0 to 1: how much newer stories count for more (index.query.recency). ``after`` is
    that of the page before the one that begins at ``offset``, where it is known. ``seconds`` is how long it may take,
    None: as long as the engine lets any search take."""

    tree: Node | None = None
    search_in: tuple[str, ...] = ("title", "summary", "body", "source")
    filters: Filters = Filters()
    sort: Sort = Sort.NEWEST
    facets: FacetRequest = FacetRequest()
    offset: int = 0
    limit: int = 20
    marking: Marking | None = None
    recency: float = 0.0
    after: str = ""
    seconds: float | None = None


class SourceQuery(Struct, frozen=True):
    """A search over sources, by relevance with a ``tree``, else newest first. ``after`` and ``seconds`` as in
    SearchQuery."""

    tree: Node | None = None
    publishers: ValueFilter = ValueFilter("publisher")
    story: str | None = None
    published_from: datetime | None = None
    published_before: datetime | None = None
    offset: int = 0
    limit: int = 20
    after: str = ""
    seconds: float | None = None


# --- what is answered --------------------------------------------------------------------------------------


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
    """One story found. ``score`` is 0.0 where nothing was asked for by words.

    ``brief`` is the story as lists show it (index.documents.stored_hit), ``marks`` what matched where (index.query.highlight; empty where
    the query asks for no marks): two JSON objects.
    """

    score: float
    brief: bytes
    marks: bytes = b""

    @property
    def id(self) -> str:
        """The story's."""
        return read_id(self.brief)


class SearchPage(Struct, frozen=True):
    """The hits asked for, the exact ``total``, and the facets by name. ``after``: what an engine that cannot begin
    anywhere goes on by, "" for one that can."""

    total: int
    hits: tuple[Hit, ...]
    facets: dict[str, Facet]
    after: str = ""


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


class NearWord(Struct, frozen=True):
    """A word of the stories, in lower case, that is ``distance`` edits from another. ``holding`` stories have it in one
    form or another, ``typed`` times it stands in them so."""

    word: str
    distance: int
    holding: int
    typed: int

    @property
    def share(self) -> float:
        """How much of what it finds has this very form, at most: "ite" finds "its" too."""
        return min(1.0, self.typed / self.holding) if self.holding else 0.0


def near_word_order(near: NearWord) -> tuple[int, float, str]:
    """The order in which engines list near words."""
    return near.distance, -near.holding * near.share, near.word


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
