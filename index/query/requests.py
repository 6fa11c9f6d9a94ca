"""What a search asks for: tree, filters, order, facets, highlighting, page. Values only."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from index.query.tree import Node

FACETS = ("topic", "publisher", "curator", "language", "domain", "year", "month")
NumberName = Literal["source_count", "published_at_timestamp"]
SuggestionType = Literal["query", "topic", "publisher", "story"]
# Characters of a text that may be suggested: nobody chooses from a list by longer ones.
MAX_SUGGESTED = 1000
# Two words are suggested as a query when they are neighbours in at least so many titles.
MIN_TITLES = 3


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


class ValueFilter(Struct, frozen=True, kw_only=True):
    """Narrows by a facet: one of ``any_of`` (when not empty) and none of ``none_of``; values are facet ids. Of several
    for the same facet each must hold."""

    facet: str
    any_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()


class Filters(Struct, frozen=True, kw_only=True):
    """What narrows and never scores. Times are UTC; ``published_before`` is exclusive, the others inclusive."""

    values: tuple[ValueFilter, ...] = ()
    published_from: datetime | None = None
    published_before: datetime | None = None
    min_sources: int | None = None
    max_sources: int | None = None


class FacetRequest(Struct, frozen=True, kw_only=True):
    """Which facets to count, how many values of each, in which order; and of which values: those whose label has, for
    each word of ``containing`` (case folded), a word that begins with it. ``filtered``: counted under the filters on
    the facet itself too."""

    names: tuple[str, ...] = ()
    size: int = 10
    sort: Literal["count", "value"] = "count"
    containing: tuple[str, ...] = ()
    filtered: bool = False


class HighlightOptions(Struct, frozen=True, kw_only=True):
    """How hits are marked: ``tag`` names the HTML element around a match, ``words`` says how many a snippet has.
    Without ``matches`` the texts are the same with nothing marked in them."""

    tag: str = "mark"
    words: int = 30
    matches: bool = True


class SearchQuery(Struct, frozen=True, kw_only=True):
    """A search over stories.

    ``tree``: None matches every story. ``search_in``: fields of the schema. ``highlighting``: how to highlight hits,
    None for no highlights. ``recency``: 0 to 1, how much newer stories are preferred (index.query.recency). ``after``:
    the token of the page that ends before ``offset``, "" if unknown. ``seconds``: time limit, None for the engine's
    own.
    """

    tree: Node | None = None
    search_in: tuple[str, ...] = ("title", "summary", "body", "source")
    filters: Filters = Filters()
    sort: Sort = Sort.NEWEST
    facets: FacetRequest = FacetRequest()
    offset: int = 0
    limit: int = 20
    highlighting: HighlightOptions | None = None
    recency: float = 0.0
    after: str = ""
    seconds: float | None = None


class SourceQuery(Struct, frozen=True, kw_only=True):
    """A search over sources, by relevance with a ``tree``, else newest first. ``after`` and ``seconds`` as in
    SearchQuery."""

    tree: Node | None = None
    publishers: ValueFilter = ValueFilter(facet="publisher")
    story: str | None = None
    published_from: datetime | None = None
    published_before: datetime | None = None
    offset: int = 0
    limit: int = 20
    after: str = ""
    seconds: float | None = None
