"""Answer schemas: what the OpenAPI document says. Answers are made in api/answers.py, not dumped through these:
marshmallow dumps 20 hits at less than half the speed. Keys may be added, so none forbids others."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate

from index.query import FACETS, Interval, Sort


class Answer(Schema):
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
    return Answer.from_dict(loose, name=f"{schema.__name__}Selection")


def _text(description: str, *, nullable: bool = False, example: object = None) -> fields.String:
    metadata = {"description": description} | ({"example": example} if example is not None else {})
    return fields.String(required=True, allow_none=nullable, metadata=metadata)


def _count(description: str) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": description, "minimum": 0})


def _time(description: str, *, nullable: bool = True) -> fields.DateTime:
    return fields.DateTime(required=True, allow_none=nullable, metadata={"description": description})


def _one_of(words: Iterable[str], description: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf([*words]), metadata={"description": description})


def _list(schema: type[Schema], description: str) -> fields.List[Any]:
    return fields.List(fields.Nested(schema), required=True, metadata={"description": description})


class PublisherBrief(Answer):
    id = _text("Slug, the value for filters", example="harbor-ledger")
    name = _text("Name as the story has it")
    domain = _text("Domain, or empty")
    logo_url = _text("Logo", nullable=True)


class PublisherAnswer(PublisherBrief):
    story_count = _count("Stories with a source of this publisher")
    source_count = _count("Its articles")


class TopicAnswer(Answer):
    id = _text("Slug, the value for filters", example="open-source")
    label = _text("Label as sent", example="Open Source")


class StoryBrief(Answer):
    id = _text("Stable id", example="31001")
    slug = _text("Title in ASCII, for addresses")
    url = _text("The story in this API")
    share_url = _text("The story for readers")
    title = _text("Plain text; escape it in HTML")
    short_title = _text("A shorter title, or empty")
    summary = _text("Plain text, or empty")
    curated_by = _text("Who curated it, or empty")
    published_at = _time("UTC, or null")
    updated_at = _time("UTC, or null")
    language = _text("BCP 47", example="en")
    source_count = _count("Number of sources")
    publishers = _list(PublisherBrief, "Distinct, in order of appearance")
    topics = _list(TopicAnswer, "Topics")
    image_url = _text("Picture", nullable=True)


class ParagraphAnswer(Answer):
    text = _text("Plain text")
    citations = fields.List(fields.Integer(), required=True, metadata={"description": "Positions n in sources, from 1"})


class SectionAnswer(Answer):
    heading = _text("Heading, or empty")
    anchor = _text("Fragment, unique in the story")
    paragraphs = _list(ParagraphAnswer, "Paragraphs")


class SourceBase(Answer):
    id = _text("Stable id: of the canonical URL, else of story and position")
    url = _text("The article", nullable=True)
    title = _text("Title, or empty")
    publisher = fields.Nested(
        PublisherBrief, required=True, allow_none=True, metadata={"description": "Publisher, or null"}
    )
    author = _text("Author, or empty")
    published_at = _time("UTC, or null")
    excerpt = _text("Excerpt, or empty")


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


class HighlightAnswer(Answer):
    title = _text("HTML")
    summary = _text("HTML")


class SnippetAnswer(Answer):
    field = fields.String(
        required=True, validate=validate.OneOf(["body", "summary"]), metadata={"description": "Where it is from"}
    )
    text = _text("HTML")


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


class LinksAnswer(Answer):
    self = _text("This page")
    first = _text("The first page")
    next = _text("The next page", nullable=True)
    prev = _text("The page before", nullable=True)


class SearchLinksAnswer(LinksAnswer):
    feed = _text("The same search as a feed, newest first")


class ListAnswer(Answer):
    total = _count("Exact number of results")
    page = _count("This page, from 1")
    per_page = _count("Results a page")
    pages = _count("Number of pages")
    links = fields.Nested(LinksAnswer, required=True, metadata={"description": "Neighbouring pages"})
    next_cursor = _text("What cursor= reads on from, to the end; null after the last result", nullable=True)


class StoryList(ListAnswer):
    results = _list(_selectable(StoryBrief), "Newest first; with fields, only those keys")


class SourceList(ListAnswer):
    results = _list(SourceHit, "By relevance, or newest first")


class PublisherList(ListAnswer):
    results = _list(PublisherAnswer, "Publishers")


class RelatedList(Answer):
    total = _count("Number of results")
    results = _list(RelatedAnswer, "Curated, then sharing a source, then similar")


class StorySourceList(Answer):
    total = _count("Number of sources")
    results = _list(StorySource, "In the story's order")


class FacetValueAnswer(Answer):
    value = _text("Id, for the filter")
    label = _text("For people")
    count = _count("Stories, the filter on this facet aside")
    selected = fields.Boolean(required=True, metadata={"description": "Whether the search filters by it"})


class FacetAnswer(Answer):
    values = _list(FacetValueAnswer, "The first facet_size values, and every selected one")
    other = _count("Values beyond those, added up")
    missing = _count("Stories without a value")


class FacetValuesAnswer(FacetAnswer):
    facet = _one_of(FACETS, "The facet")
    generation = _text("The generation that answered")


class BucketAnswer(Answer):
    start = _time("When it begins", nullable=False)
    end = _time("When the next one begins", nullable=False)
    count = _count("Stories published in it")


class TimelineAnswer(Answer):
    interval = _one_of(Interval, "How long each stretch is")
    buckets = _list(BucketAnswer, "From the first story's to the last one's, with no gap")
    missing = _count("Stories without a time")
    total = _count("Stories found")
    generation = _text("The generation that answered")


class QueryAnswer(Answer):
    q = _text("As sent")
    parsed = _text("As understood")
    corrected = fields.Boolean(required=True, metadata={"description": "Whether parsed has other words than q"})
    did_you_mean = _text("A query that finds something without the filters, where nothing was found", nullable=True)
    match = _one_of(("all", "any"), "How many of the words must match")
    relaxed = _text("any where one of the words was enough, else null", nullable=True)
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
    generation = _text("The generation that answered")
    facets = fields.Dict(
        keys=fields.String(validate=validate.OneOf(FACETS)),
        values=fields.Nested(FacetAnswer),
        required=True,
        metadata={"description": "The facets asked for"},
    )
    results = _list(_selectable(HitAnswer), "Hits; with fields, only those keys")


class SuggestionAnswer(Answer):
    type = fields.String(
        required=True,
        validate=validate.OneOf(["query", "topic", "publisher", "story"]),
        metadata={"description": "What it is"},
    )
    text = _text("The query, the label, the name or the title; plain text", example="night ferry")
    highlight = _text("HTML: escaped, what was typed marked")
    id = _text("Of a topic, publisher or story; null of a query", nullable=True)
    count = _count("How many stories it leads to; 1 for a story")


class SuggestAnswer(Answer):
    query = _text("As sent")
    suggestions = _list(SuggestionAnswer, "Queries, then topics, publishers and stories, each the best first")


class FeedAuthorAnswer(Answer):
    name = _text("Who curated it")


class FeedMoreAnswer(Answer):
    short_title = fields.String(metadata={"description": "A shorter title"})
    related = fields.List(fields.String(), metadata={"description": "Ids of curated stories to go on with"})


class FeedItemAnswer(Answer):
    id = _text("Stable: the story in this API")
    url = _text("The story for readers")
    title = _text("Plain text")
    content_html = _text("Summary, text with citations, sources; escaped")
    summary = fields.String(metadata={"description": "Plain text"})
    image = fields.String(metadata={"description": "Picture"})
    date_published = fields.DateTime(metadata={"description": "UTC"})
    date_modified = fields.DateTime(metadata={"description": "UTC"})
    authors = fields.List(fields.Nested(FeedAuthorAnswer), metadata={"description": "Who curated it"})
    tags = fields.List(fields.String(), metadata={"description": "Topics"})
    language = _text("BCP 47")
    more = fields.Nested(FeedMoreAnswer, data_key="_outpost", metadata={"description": "What has no name there"})


class JsonFeedAnswer(Answer):
    version = _text("The format", example="https://jsonfeed.org/version/1.1")
    title = _text("The words and filters of the search")
    home_page_url = _text("The same search for readers")
    feed_url = _text("This page")
    description = _text("What it is")
    next_url = fields.String(metadata={"description": "Older stories; left out on the last page"})
    language = fields.String(metadata={"description": "BCP 47, where all items have the same"})
    items = _list(FeedItemAnswer, "Stories, newest first")


class FaultAnswer(Answer):
    parameter = _text("Name")
    code = _text("Kind of fault")
    value = _text("As sent", nullable=True)
    allowed = _text("What would be right", nullable=True)
    hint = _text("What may have been meant", nullable=True)


class ProblemAnswer(Answer):
    type = _text("Where the code is explained", example="/problems/not-found")
    title = _text("Kind of problem")
    status = fields.Integer(required=True, metadata={"description": "HTTP status"})
    code = _text("Stable code", example="not_found")
    detail = _text("This problem in a sentence")
    instance = _text("Path of the request")
    request_id = _text("Also in X-Request-ID and in the log")
    errors = fields.List(fields.Nested(FaultAnswer), metadata={"description": "Every faulty parameter"})
    message = fields.String(metadata={"description": "detail once more, for Algolia's clients, where they ask"})
    near = fields.List(fields.String(), metadata={"description": "Ids that look like the one asked for"})


class StatusAnswer(Answer):
    version = _text("Version of Outpost")
    generation = _text("Current generation")
    built_at = _time("When it was built", nullable=False)
    engine = _text("Engine")
    schema_version = _count("Version of fields and analysis")
    stories = _count("Stories")
    sources = _count("Sources")
    publishers = _count("Publishers")
    newest_story = _time("Latest published_at")
    segments = _count("Segments that the stories lie in")
    deleted = _count("Documents that are deleted and not yet merged away")
    bytes = _count("Size on disk")


def _optional(field: fields.Field[Any]) -> fields.Field[Any]:
    field.required = False
    return field


class OembedAnswer(Answer):
    version = _text("Of the protocol", example="1.0")
    type = _text("rich or link", example="rich")
    title = _text("Plain text; escape it in HTML")
    author_name = _text("Who curated it, or empty")
    provider_name = _text("This site")
    provider_url = _text("Where it is")
    html = _optional(_text("Rich: a quotation, without script"))
    width = fields.Integer(metadata={"description": "Rich: pixels that it takes across"})
    height = fields.Integer(metadata={"description": "Rich: about as many pixels as it takes from top to bottom"})


_NamedAnswer = Answer.from_dict({"name": _text("Name as the story has it")}, name="Named")
_OrganizationAnswer = Answer.from_dict(
    {
        "@type": _text("Organization"),
        "name": _text("Name"),
        "logo": _optional(_text("Picture")),
        "url": _optional(_text("Where it is")),
    },
    name="Organization",
)
_CitationAnswer = Answer.from_dict(
    {
        "@type": _text("Article"),
        "position": fields.Integer(required=True, metadata={"description": "Position in the story, from 1"}),
        "url": _optional(_text("The article")),
        "headline": _optional(_text("Title")),
        "description": _optional(_text("Excerpt")),
        "author": fields.Nested(_NamedAnswer, metadata={"description": "Author"}),
        "publisher": fields.Nested(_OrganizationAnswer, metadata={"description": "Publisher"}),
        "datePublished": _optional(_text("RFC 3339, UTC")),
    },
    name="Citation",
)
ArticleAnswer = Answer.from_dict(
    {
        "@context": _text("https://schema.org"),
        "@type": _text("NewsArticle"),
        "@id": _text("The page to share"),
        "identifier": _text("Stable id", example="31001"),
        "url": _text("The page to share"),
        "mainEntityOfPage": _text("The page to share"),
        "headline": _text("Title"),
        "alternativeHeadline": _optional(_text("A shorter title")),
        "description": _optional(_text("Summary")),
        "articleBody": _optional(_text("Headings and paragraphs, one a line")),
        "keywords": fields.List(fields.String(), metadata={"description": "Labels of topics"}),
        "inLanguage": _text("BCP 47", example="en"),
        "datePublished": _optional(_text("RFC 3339, UTC")),
        "dateModified": _optional(_text("RFC 3339, UTC")),
        "image": fields.List(fields.String(), metadata={"description": "Pictures"}),
        "author": fields.Nested(_NamedAnswer, metadata={"description": "Who curated it: a person or a desk"}),
        "publisher": fields.Nested(_OrganizationAnswer, required=True, metadata={"description": "This site"}),
        "citation": fields.List(fields.Nested(_CitationAnswer), metadata={"description": "The sources"}),
    },
    name="NewsArticle",
)


class HealthAnswer(Answer):
    status = _one_of(("ok", "ready"), "That it is")


class ProblemMeaning(Answer):
    type = _text("Where it is explained", example="/problems/not-found")
    code = _text("Stable code", example="not_found")
    status = fields.Integer(required=True, metadata={"description": "HTTP status"})
    title = _text("Kind of problem")
    meaning = _text("What it means, and what to do")


StorySelection = _selectable(StoryDetail)
