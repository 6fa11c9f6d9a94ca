"""Schemas of answers for the OpenAPI document.

They are documentation only: api/response/answers.py builds the answers, because dumping 20 hits with marshmallow takes
more than twice the time. They allow unknown keys, because later versions may add keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from index.query.requests import FACETS, Interval, Sort


class AnswerSchema(Schema):
    """Base class of all answer schemas."""

    class Meta:
        # Otherwise the document has additionalProperties: false, and strict clients refuse keys added later.
        unknown = EXCLUDE


def _selectable(schema: type[Schema]) -> type[Schema]:
    """The same schema with all keys but ``id`` optional, because the parameter ``fields`` selects them."""
    optional_fields = {}
    for name, field in schema._declared_fields.items():
        optional_fields[name] = copy(field)
        optional_fields[name].required = name == "id"
    return AnswerSchema.from_dict(optional_fields, name=f"{schema.__name__}Selection")


def text_field(description: str, *, nullable: bool = False, example: object = None) -> fields.String:
    metadata = {"description": description} | ({"example": example} if example is not None else {})
    return fields.String(required=True, allow_none=nullable, metadata=metadata)


def _count(description: str) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": description, "minimum": 0})


def _time(description: str, *, nullable: bool = True) -> fields.DateTime:
    return fields.DateTime(required=True, allow_none=nullable, metadata={"description": description})


def _one_of(words: Iterable[str], description: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf([*words]), metadata={"description": description})


def list_of(schema: type[Schema], description: str) -> fields.List[Any]:
    return fields.List(fields.Nested(schema), required=True, metadata={"description": description})


class PublisherBrief(AnswerSchema):
    id = text_field("Slug; use it in filters", example="harbor-ledger")
    name = text_field("Name as written in the story")
    domain = text_field("Domain, or empty")
    logo_url = text_field("URL of the logo", nullable=True)


class PublisherAnswer(PublisherBrief):
    story_count = _count("Stories with a source of this publisher")
    source_count = _count("Articles of this publisher")


class TopicAnswer(AnswerSchema):
    id = text_field("Slug; use it in filters", example="open-source")
    label = text_field("Label as written in the story", example="Open Source")


class StoryBrief(AnswerSchema):
    id = text_field("Stable id", example="31001")
    slug = text_field("Title in ASCII, for URLs")
    url = text_field("URL of the story in this API")
    share_url = text_field("URL of the page of the story")
    title = text_field("Plain text; escape it in HTML")
    short_title = text_field("Shorter title, or empty")
    summary = text_field("Plain text, or empty")
    curated_by = text_field("Curator, or empty")
    published_at = _time("UTC, or null")
    updated_at = _time("UTC, or null")
    language = text_field("BCP 47 language tag", example="en")
    source_count = _count("Number of sources")
    publishers = list_of(PublisherBrief, "Publishers of the sources, without duplicates, in order of appearance")
    topics = list_of(TopicAnswer, "Topics")
    image_url = text_field("URL of the picture", nullable=True)


class ParagraphAnswer(AnswerSchema):
    text = text_field("Plain text")
    citations = fields.List(
        fields.Integer(),
        required=True,
        metadata={"description": "Cited sources: their positions n in the story, from 1"},
    )


class SectionAnswer(AnswerSchema):
    heading = text_field("Heading, or empty")
    anchor = text_field("URL fragment, unique in the story")
    paragraphs = list_of(ParagraphAnswer, "Paragraphs")


class SourceBase(AnswerSchema):
    id = text_field("Stable id, derived from the canonical URL; without a URL, from story and position")
    url = text_field("URL of the article", nullable=True)
    title = text_field("Title, or empty")
    publisher = fields.Nested(
        PublisherBrief, required=True, allow_none=True, metadata={"description": "Publisher, or null"}
    )
    author = text_field("Author, or empty")
    published_at = _time("UTC, or null")
    excerpt = text_field("Excerpt, or empty")


class StorySource(SourceBase):
    n = fields.Integer(required=True, metadata={"description": "Position in the story, from 1"})


class SourceAnswer(SourceBase):
    story_ids = fields.List(fields.String(), required=True, metadata={"description": "Stories that cite it"})


class SourceHit(SourceAnswer):
    score = fields.Float(required=True, metadata={"description": "Relevance; 0 without q"})


class RelatedAnswer(StoryBrief):
    reason = fields.String(
        required=True,
        validate=validate.OneOf(["curated", "shared_source", "similar"]),
        metadata={"description": "Why the story is related"},
    )
    score = fields.Float(
        required=True, metadata={"description": "Score from 0 to 1, comparable among results with the same reason"}
    )


class StoryDetail(StoryBrief):
    sections = fields.List(fields.Nested(SectionAnswer), metadata={"description": "With include=sections"})
    sources = fields.List(fields.Nested(StorySource), metadata={"description": "With include=sources"})
    related = fields.List(fields.Nested(RelatedAnswer), metadata={"description": "With include=related"})


class HighlightAnswer(AnswerSchema):
    title = text_field("HTML")
    summary = text_field("HTML")


class SnippetAnswer(AnswerSchema):
    field = fields.String(
        required=True, validate=validate.OneOf(["body", "summary"]), metadata={"description": "Field of the excerpt"}
    )
    text = text_field("HTML")


class HitAnswer(StoryBrief):
    score = fields.Float(required=True, metadata={"description": "Relevance; 0 without q"})
    highlight = fields.Nested(
        HighlightAnswer, required=True, metadata={"description": "Escaped HTML with highlighted matches"}
    )
    snippet = fields.Nested(
        SnippetAnswer, required=True, metadata={"description": "Excerpt as escaped HTML with highlighted matches"}
    )
    matches = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.List(fields.Integer())),
        required=True,
        metadata={"description": "Code-point offsets [start, end) into title and summary"},
    )
    matched_sources = fields.List(
        fields.Integer(), required=True, metadata={"description": "Positions n of the sources whose title matches"}
    )


class LinksAnswer(AnswerSchema):
    self = text_field("This page")
    first = text_field("The first page")
    next = text_field("The next page", nullable=True)
    prev = text_field("The previous page", nullable=True)


class SearchLinksAnswer(LinksAnswer):
    feed = text_field("The same search as a feed, newest first")


class ListAnswer(AnswerSchema):
    total = _count("Exact number of results")
    page = _count("This page, from 1")
    per_page = _count("Results per page")
    pages = _count("Number of pages")
    links = fields.Nested(LinksAnswer, required=True, metadata={"description": "Neighbouring pages"})
    next_cursor = text_field(
        "Value of the parameter cursor for the next results; null after the last result", nullable=True
    )


class StoryList(ListAnswer):
    results = list_of(_selectable(StoryBrief), "Newest first; with the parameter fields, only these keys")


class SourceList(ListAnswer):
    results = list_of(SourceHit, "By relevance, or newest first")


class PublisherList(ListAnswer):
    results = list_of(PublisherAnswer, "Publishers")


class RelatedList(AnswerSchema):
    total = _count("Number of results")
    results = list_of(RelatedAnswer, "First curated ones, then those that share a source, then similar ones")


class StorySourceList(AnswerSchema):
    total = _count("Number of sources")
    results = list_of(StorySource, "In the story's order")


class FacetValueAnswer(AnswerSchema):
    value = text_field("Id; use it in filters")
    label = text_field("Label to display")
    count = _count("Matching stories, ignoring the filter on this facet")
    selected = fields.Boolean(required=True, metadata={"description": "Whether the search filters by this value"})


class FacetAnswer(AnswerSchema):
    values = list_of(FacetValueAnswer, "The first facet_size values, and every selected one")
    other = _count("Sum of the counts of all other values")
    missing = _count("Stories without a value")


class FacetValuesAnswer(FacetAnswer):
    facet = _one_of(FACETS, "The facet")
    generation = text_field("The generation that answered")


class BucketAnswer(AnswerSchema):
    start = _time("Start of the interval", nullable=False)
    end = _time("End of the interval, exclusive", nullable=False)
    count = _count("Stories published in the interval")


class TimelineAnswer(AnswerSchema):
    interval = _one_of(Interval, "Length of each bucket")
    buckets = list_of(BucketAnswer, "Buckets from the first story to the last, without gaps")
    missing = _count("Matching stories without a publication time")
    total = _count("Matching stories")
    generation = text_field("The generation that answered")


class QueryAnswer(AnswerSchema):
    q = text_field("As sent by the client")
    parsed = text_field("The query as parsed")
    corrected = fields.Boolean(required=True, metadata={"description": "Whether the spelling was corrected"})
    did_you_mean = text_field(
        "Suggested query that has results without the filters, if there are no results", nullable=True
    )
    match = _one_of(("all", "any"), "How many of the words must match")
    relaxed = text_field("any if the search was repeated with match=any, else null", nullable=True)
    sort = _one_of(Sort, "Sort order")


class SearchAnswer(ListAnswer):
    links = fields.Nested(
        SearchLinksAnswer, required=True, metadata={"description": "Neighbouring pages, and the feed of the search"}
    )
    query = fields.Nested(QueryAnswer, required=True, metadata={"description": "The query as parsed"})
    total_relation = fields.String(
        required=True, validate=validate.Equal("eq"), metadata={"description": "eq: the total is exact"}
    )
    took_ms = fields.Float(required=True, metadata={"description": "Milliseconds of the search"})
    generation = text_field("The generation that answered")
    facets = fields.Dict(
        keys=fields.String(validate=validate.OneOf(FACETS)),
        values=fields.Nested(FacetAnswer),
        required=True,
        metadata={"description": "The requested facets"},
    )
    results = list_of(_selectable(HitAnswer), "Hits; with the parameter fields, only these keys")


class SuggestionAnswer(AnswerSchema):
    type = fields.String(
        required=True,
        validate=validate.OneOf(["query", "topic", "publisher", "story"]),
        metadata={"description": "Kind of suggestion"},
    )
    text = text_field("The query, the label, the name or the title; plain text", example="night ferry")
    highlight = text_field("Escaped HTML with the typed text highlighted")
    id = text_field("Id of the topic, publisher or story; null for a query", nullable=True)
    count = _count("Number of stories; 1 for a story")


class SuggestAnswer(AnswerSchema):
    query = text_field("As sent by the client")
    suggestions = list_of(SuggestionAnswer, "Queries, then topics, publishers and stories; the best of each first")


class FaultAnswer(AnswerSchema):
    parameter = text_field("Name of the parameter")
    code = text_field("Kind of error")
    value = text_field("As sent by the client", nullable=True)
    allowed = text_field("Description of the valid values", nullable=True)
    hint = text_field("Suggestion, such as a similar name", nullable=True)


class ProblemAnswer(AnswerSchema):
    type = text_field("Path that explains the code", example="/problems/not-found")
    title = text_field("Kind of problem")
    status = fields.Integer(required=True, metadata={"description": "HTTP status"})
    code = text_field("Stable code", example="not_found")
    detail = text_field("Description of this occurrence of the problem")
    instance = text_field("Path of the request")
    request_id = text_field("Request id; also in the header X-Request-ID and in the log")
    errors = fields.List(fields.Nested(FaultAnswer), metadata={"description": "All invalid parameters"})
    message = fields.String(
        metadata={"description": "Same as detail, for Algolia's clients; only at the paths that they use"}
    )
    near = fields.List(fields.String(), metadata={"description": "Ids similar to the requested one"})


class StatusAnswer(AnswerSchema):
    version = text_field("Version of Outpost")
    generation = text_field("Current generation")
    built_at = _time("Time of the build", nullable=False)
    engine = text_field("Engine")
    schema_version = _count("Version of the index schema")
    stories = _count("Stories")
    sources = _count("Sources")
    publishers = _count("Publishers")
    newest_story = _time("Latest published_at")
    segments = _count("Number of story segments")
    deleted = _count("Deleted documents that are not yet merged away")
    bytes = _count("Bytes on disk")


class HealthAnswer(AnswerSchema):
    status = _one_of(("ok", "ready"), "State")


class ProblemMeaning(AnswerSchema):
    type = text_field("Path of this explanation", example="/problems/not-found")
    code = text_field("Stable code", example="not_found")
    status = fields.Integer(required=True, metadata={"description": "HTTP status"})
    title = text_field("Kind of problem")
    meaning = text_field("What the code means and what to do")


StorySelection = _selectable(StoryDetail)
