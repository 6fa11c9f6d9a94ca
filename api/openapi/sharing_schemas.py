"""Schemas of answers in standard formats: JSON Feed, oEmbed and schema.org's NewsArticle."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from api.openapi.schemas import AnswerSchema, list_of, text_field


def make_optional(field: fields.Field[Any]) -> fields.Field[Any]:
    field.required = False
    return field


class FeedAuthorAnswer(AnswerSchema):
    name = text_field("Curator")


class FeedMoreAnswer(AnswerSchema):
    short_title = fields.String(metadata={"description": "Shorter title"})
    related = fields.List(fields.String(), metadata={"description": "Ids of related stories that the curator chose"})


class FeedItemAnswer(AnswerSchema):
    id = text_field("Stable id: URL of the story in this API")
    url = text_field("URL of the page of the story")
    title = text_field("Plain text")
    content_html = text_field("Summary, text with citations, and sources, as escaped HTML")
    summary = fields.String(metadata={"description": "Plain text"})
    image = fields.String(metadata={"description": "URL of the picture"})
    date_published = fields.DateTime(metadata={"description": "UTC"})
    date_modified = fields.DateTime(metadata={"description": "UTC"})
    authors = fields.List(fields.Nested(FeedAuthorAnswer), metadata={"description": "Curator"})
    tags = fields.List(fields.String(), metadata={"description": "Topics"})
    language = text_field("BCP 47 language tag")
    more = fields.Nested(
        FeedMoreAnswer, data_key="_outpost", metadata={"description": "Members that JSON Feed does not define"}
    )


class JsonFeedAnswer(AnswerSchema):
    version = text_field("The format", example="https://jsonfeed.org/version/1.1")
    title = text_field("The words and filters of the search")
    home_page_url = text_field("URL of the search page")
    feed_url = text_field("URL of this feed page")
    description = text_field("Description of the feed")
    next_url = fields.String(
        metadata={"description": "URL of the next page with older stories; missing on the last page"}
    )
    language = fields.String(
        metadata={"description": "BCP 47 language tag; missing if the items have several languages"}
    )
    items = list_of(FeedItemAnswer, "Stories, newest first")


class OembedAnswer(AnswerSchema):
    version = text_field("Version of oEmbed", example="1.0")
    type = text_field("rich or link", example="rich")
    title = text_field("Plain text; escape it in HTML")
    author_name = text_field("Curator, or empty")
    provider_name = text_field("Name of this site")
    provider_url = text_field("URL")
    html = make_optional(text_field("Only for rich: a blockquote, without scripts"))
    width = fields.Integer(metadata={"description": "Only for rich: width in pixels"})
    height = fields.Integer(metadata={"description": "Only for rich: approximate height in pixels"})


_NamedAnswer = AnswerSchema.from_dict({"name": text_field("Name as written in the story")}, name="Named")
_OrganizationAnswer = AnswerSchema.from_dict(
    {
        "@type": text_field("Organization"),
        "name": text_field("Name"),
        "logo": make_optional(text_field("URL of the picture")),
        "url": make_optional(text_field("URL")),
    },
    name="Organization",
)
_CitationAnswer = AnswerSchema.from_dict(
    {
        "@type": text_field("Article"),
        "position": fields.Integer(required=True, metadata={"description": "Position in the story, from 1"}),
        "url": make_optional(text_field("URL of the article")),
        "headline": make_optional(text_field("Title")),
        "description": make_optional(text_field("Excerpt")),
        "author": fields.Nested(_NamedAnswer, metadata={"description": "Author"}),
        "publisher": fields.Nested(_OrganizationAnswer, metadata={"description": "Publisher"}),
        "datePublished": make_optional(text_field("RFC 3339, UTC")),
    },
    name="Citation",
)
ArticleAnswer = AnswerSchema.from_dict(
    {
        "@context": text_field("https://schema.org"),
        "@type": text_field("NewsArticle"),
        "@id": text_field("URL of the page of the story"),
        "identifier": text_field("Stable id", example="31001"),
        "url": text_field("URL of the page of the story"),
        "mainEntityOfPage": text_field("URL of the page of the story"),
        "headline": text_field("Title"),
        "alternativeHeadline": make_optional(text_field("Shorter title")),
        "description": make_optional(text_field("Summary")),
        "articleBody": make_optional(text_field("Headings and paragraphs, one per line")),
        "keywords": fields.List(fields.String(), metadata={"description": "Labels of topics"}),
        "inLanguage": text_field("BCP 47 language tag", example="en"),
        "datePublished": make_optional(text_field("RFC 3339, UTC")),
        "dateModified": make_optional(text_field("RFC 3339, UTC")),
        "image": fields.List(fields.String(), metadata={"description": "Pictures"}),
        "author": fields.Nested(_NamedAnswer, metadata={"description": "Curator: a person or an organization"}),
        "publisher": fields.Nested(_OrganizationAnswer, required=True, metadata={"description": "Name of this site"}),
        "citation": fields.List(fields.Nested(_CitationAnswer), metadata={"description": "The sources"}),
    },
    name="NewsArticle",
)
