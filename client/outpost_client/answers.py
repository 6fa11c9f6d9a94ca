"""The JSON objects that the API answers with. docs/api.md and /openapi.json describe every key.

Times are RFC 3339 texts in UTC. With the parameter ``fields``, results have only the keys it names, and ``id``.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class PublisherRefDict(TypedDict):
    """A publisher inside a story or a source."""

    id: str
    name: str
    domain: str
    logo_url: str | None


class PublisherDict(PublisherRefDict):
    """A publisher with its counts."""

    story_count: int
    source_count: int


class TopicDict(TypedDict):
    id: str
    label: str


class StorySummaryDict(TypedDict):
    """A story without its sections and sources."""

    id: str
    slug: str
    url: str
    share_url: str
    title: str
    short_title: str
    summary: str
    curated_by: str
    published_at: str | None
    updated_at: str | None
    language: str
    source_count: int
    publishers: list[PublisherRefDict]
    topics: list[TopicDict]
    image_url: str | None


class HighlightDict(TypedDict):
    """Title and summary as escaped HTML, with the matches in a tag."""

    title: str
    summary: str


class SnippetDict(TypedDict):
    """The words around the most matches, as escaped HTML."""

    field: Literal["body", "summary"]
    text: str


class SearchHitDict(StorySummaryDict):
    """A result of a search.

    ``matches`` has the matches in ``title`` and ``summary`` as code points ``[start, end)``; ``matched_sources`` the
    numbers of the sources whose title matches.
    """

    score: float
    highlight: HighlightDict
    snippet: SnippetDict
    matches: dict[str, list[list[int]]]
    matched_sources: list[int]


class RelatedStoryDict(StorySummaryDict):
    reason: Literal["curated", "shared_source", "similar"]
    score: float


class ParagraphDict(TypedDict):
    """``citations`` are numbers of sources, from 1."""

    text: str
    citations: list[int]


class SectionDict(TypedDict):
    heading: str
    anchor: str
    paragraphs: list[ParagraphDict]


class SourceBaseDict(TypedDict):
    """The keys of every source: an article that stories cite."""

    id: str
    url: str | None
    title: str
    publisher: PublisherRefDict | None
    author: str
    published_at: str | None
    excerpt: str


class StorySourceDict(SourceBaseDict):
    """A source inside a story; ``n`` is its number there, from 1."""

    n: int


class SourceDict(SourceBaseDict):
    """A source with the ids of the stories that cite it."""

    story_ids: list[str]


class SourceHitDict(SourceDict):
    score: float


class StoryDict(StorySummaryDict):
    """A story. The parameter ``include`` selects ``sections``, ``sources`` (the default) and ``related``."""

    sections: NotRequired[list[SectionDict]]
    sources: NotRequired[list[StorySourceDict]]
    related: NotRequired[list[RelatedStoryDict]]


class SuggestionDict(TypedDict):
    """A completion. ``id`` is the filter value of a topic or publisher, or a story's id; queries have none."""

    type: Literal["query", "topic", "publisher", "story"]
    text: str
    highlight: str
    id: str | None
    count: int


class QueryDict(TypedDict):
    """How the server understood the query."""

    q: str
    parsed: str
    corrected: bool
    did_you_mean: str | None
    match: Literal["all", "any"]
    relaxed: Literal["any"] | None
    sort: str


class FacetValueDict(TypedDict):
    value: str
    label: str
    count: int
    selected: bool


class FacetDict(TypedDict):
    """``other`` sums the counts of values not listed; ``missing`` counts stories without a value."""

    values: list[FacetValueDict]
    other: int
    missing: int


class SearchLinksDict(TypedDict):
    self: str
    first: str
    next: str | None
    prev: str | None
    feed: str


class SearchPageDict(TypedDict):
    """One page of a search."""

    query: QueryDict
    total: int
    page: int
    per_page: int
    pages: int
    links: SearchLinksDict
    next_cursor: str | None
    total_relation: Literal["eq"]
    took_ms: float
    generation: str
    facets: dict[str, FacetDict]
    results: list[SearchHitDict]


class BucketDict(TypedDict):
    """The stories published from ``start`` until before ``end``."""

    start: str
    end: str
    count: int


class TimelineDict(TypedDict):
    """``missing`` counts stories without a publication time."""

    interval: Literal["hour", "day", "week", "month", "year"]
    buckets: list[BucketDict]
    missing: int
    total: int
    generation: str


class StatusDict(TypedDict):
    """The index that the server searches."""

    version: str
    generation: str
    built_at: str
    engine: str
    schema_version: int
    stories: int
    sources: int
    publishers: int
    newest_story: str | None
    segments: int
    deleted: int
    bytes: int


class HealthDict(TypedDict):
    status: Literal["ok", "ready"]


class ProblemDict(TypedDict):
    """The meaning of an error code."""

    type: str
    code: str
    status: int
    title: str
    meaning: str


class EmbedDict(TypedDict):
    """An answer of oEmbed 1.0. A ``link`` has no ``html``, ``width`` and ``height``."""

    version: str
    type: Literal["rich", "link"]
    title: str
    author_name: str
    provider_name: str
    provider_url: str
    html: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
