"""A story as schema.org's NewsArticle, for search engines and linked data."""

from __future__ import annotations

from typing import Any

from index.documents.stored_hit import format_time
from index.documents.story import Publisher, Source, Story

# The publisher of stories in schema.org's sense; their sources have publishers of their own.
SITE_NAME = "Outpost"
Json = dict[str, Any]


def describe_article(story: Story, base: str) -> Json:
    """A NewsArticle. ``base`` is the base URL of its links."""
    address = f"{base}/s/{story.slug}-{story.id}"
    labels = [label for label in story.topics if label.strip()]
    return _without_blanks(
        {
            "@context": "https://schema.org",
            "@type": "NewsArticle",
            "@id": address,
            "identifier": story.id,
            "url": address,
            "mainEntityOfPage": address,
            "headline": story.title,
            "alternativeHeadline": story.short_title,
            "description": story.summary,
            "articleBody": story.body,
            "keywords": labels,
            "inLanguage": story.language,
            "datePublished": format_time(story.published_at or None),
            "dateModified": format_time(story.updated_at or None),
            "image": [story.image_url] if story.image_url else None,
            # No @type: the story does not say whether this is a person or an organization.
            "author": {"name": story.curated_by} if story.curated_by.strip() else None,
            "publisher": {"@type": "Organization", "name": SITE_NAME, "url": f"{base}/"},
            "citation": [_describe_source(source, n) for n, source in enumerate(story.sources, start=1)],
        }
    )


def _describe_source(source: Source, position: int) -> Json:
    return _without_blanks(
        {
            "@type": "Article",
            "position": position,
            "url": source.url or None,
            "headline": source.title,
            "description": source.excerpt,
            "author": {"name": source.author} if source.author.strip() else None,
            "publisher": _describe_publisher(source.publisher) if source.publisher and source.publisher.label else None,
            "datePublished": format_time(source.published_at or None),
        }
    )


def _describe_publisher(publisher: Publisher) -> Json:
    organization = {"@type": "Organization", "name": publisher.label, "logo": publisher.logo_url or None}
    return _without_blanks(organization)


def _without_blanks(described: Json) -> Json:
    return {key: value for key, value in described.items() if value not in (None, "", [])}
