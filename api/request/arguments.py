"""The parameters of each endpoint, and the queries made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, validates_schema
from msgspec.structs import replace

from api.request.cursors import read_position
from api.request.parameters import (
    MAX_URL_LENGTH,
    BooleanField,
    EnumField,
    EnumListField,
    FractionField,
    IntegerField,
    StringField,
    TimeField,
    UrlField,
    ValueChoice,
    ValuesField,
)
from index.analysis.schema import SOURCE_FIELDS, STORY_DEFAULTS, STORY_FIELDS, fold_label
from index.documents.identity import normalize_domain, publisher_id, slug_of
from index.live import OpenGeneration
from index.query.language import parse_query
from index.query.requests import (
    FACETS,
    FacetRequest,
    Filters,
    HighlightOptions,
    Interval,
    SearchQuery,
    Sort,
    SourceQuery,
    ValueFilter,
)
from index.query.tree import Node
from index.suggestions import MAX_SUGGESTIONS

MAX_WINDOW = 10_000
STORED_HIT_KEYS = (
    "id slug url share_url title short_title summary curated_by published_at updated_at language source_count "
    "publishers topics image_url"
).split()
HIT_KEYS = (*STORED_HIT_KEYS, "score", "highlight", "snippet", "matches", "matched_sources")
DETAIL_KEYS = (*STORED_HIT_KEYS, "sections", "sources", "related")
_TO_ID: dict[str, Callable[[str], str]] = {
    "topic": slug_of,
    "publisher": publisher_id,
    "curator": slug_of,
    "language": str.lower,
    "domain": normalize_domain,
    "year": str,
    "month": str,
}
SEARCH_IN = {"title": "title", "summary": "summary", "body": "body", "sources": "source"}


class NoArguments(Schema):
    """For endpoints without parameters."""


class Paging(Schema):
    page = IntegerField("Page number, from 1", 1, MAX_WINDOW, load_default=1)
    per_page = IntegerField("Results per page", 1, 100, load_default=20)
    cursor = StringField("next_cursor of the previous answer to the same parameters: reads on from there", 500)

    @validates_schema(skip_on_field_errors=False)
    def check_window(self, data: dict[str, Any], **kwargs: Any) -> None:
        # An invalid value of either parameter is reported separately.
        if data.get("page", 0) * data.get("per_page", 0) > MAX_WINDOW:
            raise ValidationError({"page": ["page_window_exceeded"]})


class TimeRange(Schema):
    published_from = TimeField("Published at this time or later", data_key="from")
    published_to = TimeField("Published at this time or earlier; a day includes its end", data_key="to", upper=True)


class StoryFiltering(TimeRange):
    topic = ValuesField("Topics")
    publisher = ValuesField("Publishers of any of the sources")
    curator = ValuesField("Curators")
    language = ValuesField("Language tags")
    domain = ValuesField("Domains of the sources, without www")
    year = ValuesField("Years of publication in UTC, such as 2025")
    month = ValuesField("Months of publication in UTC, such as 2025-01")
    min_sources = IntegerField("Minimum number of sources", 0, 1000)
    max_sources = IntegerField("Maximum number of sources", 0, 1000)


class StoriesArguments(StoryFiltering, Paging):
    fields_ = EnumListField("Keys of each result, besides id", tuple(STORED_HIT_KEYS), data_key="fields")


_WORDS = 'Query: words, "phrase", -exclusion, OR, ( ), prefix*, field:word'


class Matching(StoryFiltering):
    """The parameters that decide which stories match."""

    q = StringField(_WORDS, 512, load_default="")
    match = EnumField("Whether a story must contain all words, or any of them", ("all", "any"), load_default="all")
    typo = EnumField(
        "Whether a query that finds nothing is corrected and relaxed", ("auto", "off"), load_default="auto"
    )
    search_in = EnumListField("Fields that are searched for words without a field", tuple(SEARCH_IN))


class FacetCounting(Schema):
    facet_size = IntegerField("Number of values of each facet", 1, 100, load_default=10)
    facet_sort = EnumField("Order of a facet's values", ("count", "value"), load_default="count")


class FacetArguments(Matching, FacetCounting):
    containing = StringField("Beginnings of words of the values to list", 200, load_default="", data_key="q")
    q = StringField(_WORDS, 512, load_default="", data_key="search")


class TimelineArguments(Matching):
    interval = EnumField("Length of the intervals; weeks begin on Monday", tuple(Interval), load_default="day")


class ExportArguments(Matching):
    sort = EnumField("Sort order; default: relevance with q, else newest", tuple(Sort))


class SearchArguments(Matching, FacetCounting, Paging):
    sort = EnumField("Sort order; default: relevance with q, else newest", tuple(Sort))
    recency = FractionField("How much newer stories are preferred when sorted by relevance", load_default=0.0)
    facets = EnumListField("Facets to count", FACETS)
    highlight = BooleanField("Whether matches are highlighted", load_default=True)
    highlight_tag = EnumField("HTML tag around matches", ("mark", "em", "b", "strong"), load_default="mark")
    snippet_words = IntegerField("Maximum number of words of a snippet", 5, 100, load_default=30)
    fields_ = EnumListField("Keys of each result, besides id", HIT_KEYS, data_key="fields")


class FeedArguments(Matching, Paging):
    sort = EnumField("Sort order", tuple(Sort), load_default=Sort.NEWEST.value)
    recency = FractionField("How much newer stories are preferred when sorted by relevance", load_default=0.0)


class LookupArguments(Paging):
    url = UrlField("URL of an article, in any spelling", required=True)
    fields_ = EnumListField("Keys of each result, besides id", tuple(STORED_HIT_KEYS), data_key="fields")


class StoryArguments(Schema):
    include = EnumListField(
        "Parts to include", ("sections", "sources", "related"), load_default=("sections", "sources")
    )
    fields_ = EnumListField("Keys of the answer, besides id", DETAIL_KEYS, data_key="fields")


class RelatedArguments(Schema):
    limit = IntegerField("Maximum number of results", 1, 20, load_default=5)


class SourcesArguments(TimeRange, Paging):
    q = StringField("Query over title, excerpt, author and publisher", 512, load_default="")
    publisher = ValuesField("Publishers")
    story = StringField("Id of a story that cites the sources", 128)


class SuggestArguments(Schema):
    q = StringField("The text typed so far; the last word may be unfinished", 200, load_default="")
    limit = IntegerField("Maximum number of results", 1, MAX_SUGGESTIONS, load_default=MAX_SUGGESTIONS)


class OembedArguments(Schema):
    url = StringField("Address to share of a story: absolute, or its path", MAX_URL_LENGTH, required=True)
    maxwidth = IntegerField("Available width in pixels", 1, 100_000)
    maxheight = IntegerField("Available height in pixels", 1, 100_000)
    format_ = EnumField("Format of the answer", ("json", "xml"), load_default="json", data_key="format")


class PublishersArguments(Paging):
    q = StringField("Beginnings of words of name or domain", 200, load_default="")
    sort = EnumField("Sort by story count or by name", ("stories", "name"), load_default="stories")


def parse_search(arguments: dict[str, Any]) -> Node | None:
    """The query tree of ``q``, None without one."""
    names = [field.name for field in STORY_FIELDS]
    return parse_query(arguments.get("q", ""), names, match_any=arguments.get("match") == "any")


def searched_fields(arguments: dict[str, Any]) -> tuple[str, ...]:
    """The index fields of ``search_in``."""
    chosen = arguments.get("search_in")
    return tuple(SEARCH_IN[name] for name in chosen) if chosen else STORY_DEFAULTS


def make_search_query(generation: OpenGeneration, arguments: dict[str, Any]) -> SearchQuery:
    """The requested page of a search, with its facets and highlights. Raises what ``read_position`` raises."""
    position = read_position(generation, arguments)
    return replace(
        make_matching_query(arguments),
        facets=make_facet_request(arguments, arguments.get("facets", ())),
        offset=position.offset,
        after=position.search_after,
        limit=arguments["per_page"],
        highlighting=_make_highlight_options(arguments) if "highlight" in arguments else None,
    )


def make_matching_query(arguments: dict[str, Any]) -> SearchQuery:
    """All stories that match ``q`` and the filters, in the requested order."""
    tree = parse_search(arguments)
    return SearchQuery(
        tree=tree,
        search_in=searched_fields(arguments),
        filters=_make_filters(arguments),
        sort=Sort(arguments.get("sort") or (Sort.RELEVANCE if tree else Sort.NEWEST)),
        recency=arguments.get("recency", 0.0),
    )


def make_facet_query(arguments: dict[str, Any], facet: str) -> SearchQuery:
    """The values of one facet, and no story."""
    words = tuple(fold_label(arguments["containing"]).split())
    counted = FacetRequest(names=(facet,), size=arguments["facet_size"], sort=arguments["facet_sort"], containing=words)
    return replace(make_matching_query(arguments), facets=counted, limit=0)


def make_facet_request(arguments: dict[str, Any], names: tuple[str, ...]) -> FacetRequest:
    return FacetRequest(names=names, size=arguments.get("facet_size", 10), sort=arguments.get("facet_sort", "count"))


def _make_highlight_options(arguments: dict[str, Any]) -> HighlightOptions:
    return HighlightOptions(
        tag=arguments["highlight_tag"], words=arguments["snippet_words"], matches=arguments["highlight"]
    )


def _make_filters(arguments: dict[str, Any]) -> Filters:
    return Filters(
        values=tuple(make_value_filter(facet, arguments[facet]) for facet in FACETS if facet in arguments),
        published_from=arguments.get("published_from"),
        published_before=arguments.get("published_to"),
        min_sources=arguments.get("min_sources"),
        max_sources=arguments.get("max_sources"),
    )


def make_source_query(generation: OpenGeneration, arguments: dict[str, Any]) -> SourceQuery:
    """The requested page of a search over sources. Raises what ``read_position`` raises."""
    position = read_position(generation, arguments)
    return SourceQuery(
        tree=parse_query(arguments["q"], [field.name for field in SOURCE_FIELDS]),
        publishers=make_value_filter("publisher", arguments.get("publisher", ValueChoice((), ()))),
        story=arguments.get("story"),
        published_from=arguments.get("published_from"),
        published_before=arguments.get("published_to"),
        offset=position.offset,
        after=position.search_after,
        limit=arguments["per_page"],
    )


def make_value_filter(facet: str, choice: ValueChoice) -> ValueFilter:
    """Ids and labels lead to the same id: a slug's slug is itself."""
    to_id = _TO_ID[facet]
    return ValueFilter(
        facet=facet, any_of=frozenset(map(to_id, choice.any_of)), none_of=frozenset(map(to_id, choice.none_of))
    )
