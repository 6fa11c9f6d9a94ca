"""Answer schemas of the OpenAPI document. Answers are made in api/response/answers.py, not dumped through these:
marshmallow dumps 20 hits at less than half the speed. Keys may be added, so none forbids others."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from index.query.requests import FACETS, Interval, Sort


class AnswerSchema(Schema):
    """The root of all answers."""

    class Meta:
        # Without it the document says additionalProperties: false, and strict clients refuse keys added later.
        unknown = EXCLUDE


def _selectable(schema: type[Schema]) -> type[Schema]:
    """The same answer where the parameter ``fields`` may leave out all keys but ``id``."""
    loose = {}
    for name, field in schema._declared_fields.items():
        loose[name] = copy(field)
        loose[name].required = name == "id"
    return AnswerSchema.from_dict(loose, name=f"{schema.__name__}Selection")


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
    id = text_field("Slug, the value for filters", example="harbor-ledger")
    name = text_field("Name as the story has it")
    domain = text_field("Domain, or empty")
    logo_url = text_field("Logo", nullable=True)


class PublisherAnswer(PublisherBrief):
    story_count = _count("Stories with a source of this publisher")
    source_count = _count("Its articles")


class TopicAnswer(AnswerSchema):
    id = text_field("Slug, the value for filters", example="open-source")
    label = text_field("Label as sent", example="Open Source")


class StoryBrief(AnswerSchema):
    id = text_field("Stable id", example="31001")
    slug = text_field("Title in ASCII, for addresses")
    url = text_field("The story in this API")
    share_url = text_field("The story for readers")
    title = text_field("Plain text; escape it in HTML")
    short_title = text_field("A shorter title, or empty")
    summary = text_field("Plain text, or empty")
    curated_by = text_field("Who curated it, or empty")
    published_at = _time("UTC, or null")
    updated_at = _time("UTC, or null")
    language = text_field("BCP 47", example="en")
    source_count = _count("Number of sources")
    publishers = list_of(PublisherBrief, "Distinct, in order of appearance")
    topics = list_of(TopicAnswer, "Topics")
    image_url = text_field("Picture", nullable=True)


class ParagraphAnswer(AnswerSchema):
    text = text_field("Plain text")
    citations = fields.List(fields.Integer(), required=True, metadata={"description": "Positions n in sources, from 1"})


class SectionAnswer(AnswerSchema):
    heading = text_field("Heading, or empty")
    anchor = text_field("Fragment, unique in the story")
    paragraphs = list_of(ParagraphAnswer, "Paragraphs")


class SourceBase(AnswerSchema):
    id = text_field("Stable id: of the canonical URL, else of story and position")
    url = text_field("The article", nullable=True)
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
        metadata={"description": "Why it is here"},
    )
    score = fields.Float(required=True, metadata={"description": "0 to 1 within a reason"})


class StoryDetail(StoryBrief):
    sections = fields.List(fields.Nested(SectionAnswer), metadata={"description": "With include=sections"})
    sources = fields.List(fields.Nested(StorySource), metadata={"description": "With include=sources"})
    related = fields.List(fields.Nested(RelatedAnswer), metadata={"description": "With include=related"})


class HighlightAnswer(AnswerSchema):
    title = text_field("HTML")
    summary = text_field("HTML")


class SnippetAnswer(AnswerSchema):
    field = fields.String(
        required=True, validate=validate.OneOf(["body", "summary"]), metadata={"description": "Where it is from"}
    )
    text = text_field("HTML")


class HitAnswer(StoryBrief):
    score = fields.Float(required=True, metadata={"description": "Relevance; 0 without q"})
    highlight = fields.Nested(HighlightAnswer, required=True, metadata={"description": "Escaped, matches marked"})
    snippet = fields.Nested(SnippetAnswer, required=True, metadata={"description": "Escaped excerpt, matches marked"})
    matches = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.List(fields.Integer())),
        required=True,
        metadata={"description": "Code-point offsets [start, end) into title and summary"},
    )
    matched_sources = fields.List(
        fields.Integer(), required=True, metadata={"description": "Sources whose title matches, by n"}
    )


class LinksAnswer(AnswerSchema):
    self = text_field("This page")
    first = text_field("The first page")
    next = text_field("The next page", nullable=True)
    prev = text_field("The page before", nullable=True)


class SearchLinksAnswer(LinksAnswer):
    feed = text_field("The same search as a feed, newest first")


class ListAnswer(AnswerSchema):
    total = _count("Exact number of results")
    page = _count("This page, from 1")
    per_page = _count("Results a page")
    pages = _count("Number of pages")
    links = fields.Nested(LinksAnswer, required=True, metadata={"description": "Neighbouring pages"})
    next_cursor = text_field("What cursor= reads on from, to the end; null after the last result", nullable=True)


class StoryList(ListAnswer):
    results = list_of(_selectable(StoryBrief), "Newest first; with fields, only those keys")


class SourceList(ListAnswer):
    results = list_of(SourceHit, "By relevance, or newest first")


class PublisherList(ListAnswer):
    results = list_of(PublisherAnswer, "Publishers")


class RelatedList(AnswerSchema):
    total = _count("Number of results")
    results = list_of(RelatedAnswer, "Curated, then sharing a source, then similar")


class StorySourceList(AnswerSchema):
    total = _count("Number of sources")
    results = list_of(StorySource, "In the story's order")


class FacetValueAnswer(AnswerSchema):
    value = text_field("Id, for the filter")
    label = text_field("For people")
    count = _count("Stories, the filter on this facet aside")
    selected = fields.Boolean(required=True, metadata={"description": "Whether the search filters by it"})


class FacetAnswer(AnswerSchema):
    values = list_of(FacetValueAnswer, "The first facet_size values, and every selected one")
    other = _count("Values beyond those, added up")
    missing = _count("Stories without a value")


class FacetValuesAnswer(FacetAnswer):
    facet = _one_of(FACETS, "The facet")
    generation = text_field("The generation that answered")


class BucketAnswer(AnswerSchema):
    start = _time("When it begins", nullable=False)
    end = _time("When the next one begins", nullable=False)
    count = _count("Stories published in it")


class TimelineAnswer(AnswerSchema):
    interval = _one_of(Interval, "How long each stretch is")
    buckets = list_of(BucketAnswer, "From the first story's to the last one's, with no gap")
    missing = _count("Stories without a time")
    total = _count("Stories found")
    generation = text_field("The generation that answered")


class QueryAnswer(AnswerSchema):
    q = text_field("As sent")
    parsed = text_field("As understood")
    corrected = fields.Boolean(required=True, metadata={"description": "Whether parsed has other words than q"})
    did_you_mean = text_field(
        "A query that finds something without the filters, where nothing was found", nullable=True
    )
    match = _one_of(("all", "any"), "How many of the words must match")
    relaxed = text_field("any where one of the words was enough, else null", nullable=True)
    sort = _one_of(Sort, "The order")


class SearchAnswer(ListAnswer):
    links = fields.Nested(
        SearchLinksAnswer, required=True, metadata={"description": "Neighbouring pages, and the feed of the search"}
    )
    query = fields.Nested(QueryAnswer, required=True, metadata={"description": "The query as understood"})
    total_relation = fields.String(
        required=True, validate=validate.Equal("eq"), metadata={"description": "eq: the total is exact"}
    )
    took_ms = fields.Float(required=True, metadata={"description": "Milliseconds of the search"})
    generation = text_field("The generation that answered")
    facets = fields.Dict(
        keys=fields.String(validate=validate.OneOf(FACETS)),
        values=fields.Nested(FacetAnswer),
        required=True,
        metadata={"description": "The facets asked for"},
    )
    results = list_of(_selectable(HitAnswer), "Hits; with fields, only those keys")


class SuggestionAnswer(AnswerSchema):
    type = fields.String(
        required=True,
        validate=validate.OneOf(["query", "topic", "publisher", "story"]),
        metadata={"description": "What it is"},
    )
    text = text_field("The query, the label, the name or the title; plain text", example="night ferry")
    highlight = text_field("HTML: escaped, what was typed marked")
    id = text_field("Of a topic, publisher or story; null of a query", nullable=True)
    count = _count("How many stories it leads to; 1 for a story")


class SuggestAnswer(AnswerSchema):
    query = text_field("As sent")
    suggestions = list_of(SuggestionAnswer, "Queries, then topics, publishers and stories, each the best first")


class FaultAnswer(AnswerSchema):
    parameter = text_field("Name")
    code = text_field("Kind of fault")
    value = text_field("As sent", nullable=True)
    allowed = text_field("What would be right", nullable=True)
    hint = text_field("What may have been meant", nullable=True)


class ProblemAnswer(AnswerSchema):
    type = text_field("Where the code is explained", example="/problems/not-found")
    title = text_field("Kind of problem")
    status = fields.Integer(required=True, metadata={"description": "HTTP status"})
    code = text_field("Stable code", example="not_found")
    detail = text_field("This problem in a sentence")
    instance = text_field("Path of the request")
    request_id = text_field("Also in X-Request-ID and in the log")
    errors = fields.List(fields.Nested(FaultAnswer), metadata={"description": "Every faulty parameter"})
    message = fields.String(metadata={"description": "detail once more, for Algolia's clients, where they ask"})
    near = fields.List(fields.String(), metadata={"description": "Ids that look like the one asked for"})


class StatusAnswer(AnswerSchema):
    version = text_field("Version of Outpost")
    generation = text_field("Current generation")
    built_at = _time("When it was built", nullable=False)
    engine = text_field("Engine")
    schema_version = _count("Version of fields and analysis")
    stories = _count("Stories")
    sources = _count("Sources")
    publishers = _count("Publishers")
    newest_story = _time("Latest published_at")
    segments = _count("Segments that the stories lie in")
    deleted = _count("Documents that are deleted and not yet merged away")
    bytes = _count("Size on disk")


class HealthAnswer(AnswerSchema):
    status = _one_of(("ok", "ready"), "That it is")


class ProblemMeaning(AnswerSchema):
    type = text_field("Where it is explained", example="/problems/not-found")
    code = text_field("Stable code", example="not_found")
    status = fields.Integer(required=True, metadata={"description": "HTTP status"})
    title = text_field("Kind of problem")
    meaning = text_field("What it means, and what to do")


StorySelection = _selectable(StoryDetail)
