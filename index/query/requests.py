"""Requests to an engine: query, filters, order, facets, highlighting and page."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from index.query.tree import Node

FACETS = ("topic", "publisher", "curator", "language", "domain", "year", "month")
NumberName = Literal["source_count", "published_at"]
SuggestionType = Literal["query", "topic", "publisher", "story"]
# Longest text, in characters, that is suggested.
MAX_SUGGESTED = 1000
# Two words are suggested as a query if they are neighbours in at least this many titles.
MIN_TITLES = 3


class Sort(StrEnum):
    """Orders of hits. Ties are ordered newest first (stories without a time last), then by id."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"
    UPDATED = "updated"
    SOURCES = "sources"


class Interval(StrEnum):
    """The length of a timeline bucket. Weeks begin on Monday; all times are UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class ValueFilter(Struct, frozen=True, kw_only=True):
    """Keeps stories that have a value of ``any_of`` (unless it is empty) and no value of ``none_of`` in a facet.

    Values are facet ids. A query may have several filters for one facet; all of them must hold.
    """

    facet: str
    any_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()


class Filters(Struct, frozen=True, kw_only=True):
    """Conditions that do not affect scores. Times are UTC. All bounds are inclusive but ``published_before``."""

    values: tuple[ValueFilter, ...] = ()
    published_from: datetime | None = None
    published_before: datetime | None = None
    min_sources: int | None = None
    max_sources: int | None = None


class FacetRequest(Struct, frozen=True, kw_only=True):
    """The facets to count. ``size``: values per facet, in the order ``sort``.

    ``containing``: case-folded prefixes; only values are counted whose label has a word for each. ``filtered``: apply
    the filters on a facet to its own counts too.
    """

    names: tuple[str, ...] = ()
    size: int = 10
    sort: Literal["count", "value"] = "count"
    containing: tuple[str, ...] = ()
    filtered: bool = False


class HighlightOptions(Struct, frozen=True, kw_only=True):
    """How to highlight hits. ``tag``: the HTML element around a match; ``words``: the length of a snippet in words.

    ``matches`` False gives the same texts and snippets without highlights.
    """

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
