"""Answers in forms that others have laid down: JSON Feed, oEmbed and schema.org's articles."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from api.openapi.schemas import AnswerSchema, list_of, text_field


def optional(field: fields.Field[Any]) -> fields.Field[Any]:
    field.required = False
    return field


class FeedAuthorAnswer(AnswerSchema):
    name = text_field("Who curated it")


class FeedMoreAnswer(AnswerSchema):
    short_title = fields.String(metadata={"description": "A shorter title"})
    related = fields.List(fields.String(), metadata={"description": "Ids of curated stories to go on with"})


class FeedItemAnswer(AnswerSchema):
    id = text_field("Stable: the story in this API")
    url = text_field("The story for readers")
    title = text_field("Plain text")
    content_html = text_field("Summary, text with citations, sources; escaped")
    summary = fields.String(metadata={"description": "Plain text"})
    image = fields.String(metadata={"description": "Picture"})
    date_published = fields.DateTime(metadata={"description": "UTC"})
    date_modified = fields.DateTime(metadata={"description": "UTC"})
    authors = fields.List(fields.Nested(FeedAuthorAnswer), metadata={"description": "Who curated it"})
    tags = fields.List(fields.String(), metadata={"description": "Topics"})
    language = text_field("BCP 47")
    more = fields.Nested(FeedMoreAnswer, data_key="_outpost", metadata={"description": "What has no name there"})


class JsonFeedAnswer(AnswerSchema):
    version = text_field("The format", example="https://jsonfeed.org/version/1.1")
    title = text_field("The words and filters of the search")
    home_page_url = text_field("The same search for readers")
    feed_url = text_field("This page")
    description = text_field("What it is")
    next_url = fields.String(metadata={"description": "Older stories; left out on the last page"})
    language = fields.String(metadata={"description": "BCP 47, where all items have the same"})
    items = list_of(FeedItemAnswer, "Stories, newest first")


class OembedAnswer(AnswerSchema):
    version = text_field("Of the protocol", example="1.0")
    type = text_field("rich or link", example="rich")
    title = text_field("Plain text; escape it in HTML")
    author_name = text_field("Who curated it, or empty")
    provider_name = text_field("This site")
    provider_url = text_field("Where it is")
    html = optional(text_field("Rich: a quotation, without script"))
    width = fields.Integer(metadata={"description": "Rich: pixels that it takes across"})
    height = fields.Integer(metadata={"description": "Rich: about as many pixels as it takes from top to bottom"})


_NamedAnswer = AnswerSchema.from_dict({"name": text_field("Name as the story has it")}, name="Named")
_OrganizationAnswer = AnswerSchema.from_dict(
    {
        "@type": text_field("Organization"),
        "name": text_field("Name"),
        "logo": optional(text_field("Picture")),
        "url": optional(text_field("Where it is")),
    },
    name="Organization",
)
_CitationAnswer = AnswerSchema.from_dict(
    {
        "@type": text_field("Article"),
        "position": fields.Integer(required=True, metadata={"description": "Position in the story, from 1"}),
        "url": optional(text_field("The article")),
        "headline": optional(text_field("Title")),
        "description": optional(text_field("Excerpt")),
        "author": fields.Nested(_NamedAnswer, metadata={"description": "Author"}),
        "publisher": fields.Nested(_OrganizationAnswer, metadata={"description": "Publisher"}),
        "datePublished": optional(text_field("RFC 3339, UTC")),
    },
    name="Citation",
)
ArticleAnswer = AnswerSchema.from_dict(
    {
        "@context": text_field("https://schema.org"),
        "@type": text_field("NewsArticle"),
        "@id": text_field("The page to share"),
        "identifier": text_field("Stable id", example="31001"),
        "url": text_field("The page to share"),
        "mainEntityOfPage": text_field("The page to share"),
        "headline": text_field("Title"),
        "alternativeHeadline": optional(text_field("A shorter title")),
        "description": optional(text_field("Summary")),
        "articleBody": optional(text_field("Headings and paragraphs, one a line")),
        "keywords": fields.List(fields.String(), metadata={"description": "Labels of topics"}),
        "inLanguage": text_field("BCP 47", example="en"),
        "datePublished": optional(text_field("RFC 3339, UTC")),
        "dateModified": optional(text_field("RFC 3339, UTC")),
        "image": fields.List(fields.String(), metadata={"description": "Pictures"}),
        "author": fields.Nested(_NamedAnswer, metadata={"description": "Who curated it: a person or a desk"}),
        "publisher": fields.Nested(_OrganizationAnswer, required=True, metadata={"description": "This site"}),
        "citation": fields.List(fields.Nested(_CitationAnswer), metadata={"description": "The sources"}),
    },
    name="NewsArticle",
)
