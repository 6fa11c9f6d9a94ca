"""The keyword arguments of the client's methods: the parameters of the API, which docs/api.md explains.

``from_`` stands for the parameter ``from``, a keyword of Python. A sequence is sent as a comma-separated list. None
leaves a parameter out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

Values = str | Sequence[str] | None
SortOrder = Literal["relevance", "newest", "oldest", "updated", "sources"]


class FilterParameters(TypedDict, total=False):
    """Only stories with these values. In a list of values, a leading ``-`` excludes."""

    topic: Values
    publisher: Values
    curator: Values
    language: Values
    domain: Values
    year: Values | int
    month: Values
    from_: str | None
    to: str | None
    min_sources: int | None
    max_sources: int | None


class StoryListParameters(FilterParameters, total=False):
    fields: Values


class QueryParameters(FilterParameters, total=False):
    """How the query matches."""

    match: Literal["all", "any"] | None
    typo: Literal["auto", "off"] | None
    search_in: Values


class SearchParameters(QueryParameters, total=False):
    sort: SortOrder | None
    recency: float | None
    fields: Values
    highlight: bool | None
    highlight_tag: Literal["mark", "em", "b", "strong"] | None
    snippet_words: int | None


class SearchPageParameters(SearchParameters, total=False):
    facets: Values
    facet_size: int | None
    facet_sort: Literal["count", "value"] | None
    page: int | None
    per_page: int | None
    cursor: str | None


class ExportParameters(QueryParameters, total=False):
    sort: SortOrder | None


class FeedParameters(QueryParameters, total=False):
    sort: SortOrder | None
    recency: float | None
    page: int | None
    per_page: int | None
    cursor: str | None


class FacetParameters(QueryParameters, total=False):
    """``search`` is the query whose stories are counted."""

    search: str | None
    facet_size: int | None
    facet_sort: Literal["count", "value"] | None


class TimelineParameters(QueryParameters, total=False):
    interval: Literal["hour", "day", "week", "month", "year"] | None


class SourceParameters(TypedDict, total=False):
    publisher: Values
    story: str | None
    from_: str | None
    to: str | None
