"""JSON Feed 1.1."""

from __future__ import annotations

from typing import Any

import msgspec

from api.feeds.feed import Entry, Feed
from index.documents.stored_hit import format_time

MEDIA_TYPE = "application/feed+json"


def render(feed: Feed) -> bytes:
    """The feed as a JSON Feed document."""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.links["self"],
        "description": feed.description,
        "next_url": feed.links["next"],
        "language": feed.language,
        "items": [_describe(entry) for entry in feed.entries],
    }
    return msgspec.json.encode(_without_none(document))


def _describe(entry: Entry) -> dict[str, Any]:
    story = entry.story
    more = {"short_title": story.short_title or None, "related": entry.related or None}
    return _without_none(
        {
            "id": entry.id,
            "url": entry.url,
            "title": story.title,
            "content_html": entry.content,
            "summary": story.summary or None,
            "image": story.image_url or None,
            "date_published": format_time(story.published_at or None),
            "date_modified": format_time(story.updated_at or None),
            "authors": [{"name": story.curated_by}] if story.curated_by.strip() else None,
            "tags": entry.topics or None,
            "language": story.language,
            # JSON Feed reserves names with a leading "_" for extensions.
            "_outpost": _without_none(more) or None,
        }
    )


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    """Without null values, which JSON Feed does not allow."""
    return {name: value for name, value in document.items() if value is not None}
