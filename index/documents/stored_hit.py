"""A story as lists show it: the part of an answer that never changes, made when the index is built.

``StoryBrief`` in api/openapi/schemas.py describes it; a test holds both equal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from index.documents.identity import normalize_domain, slug_of
from index.documents.story import Publisher, Story

Json = dict[str, Any]
# Stands in stored bytes where what comes before the paths of links belongs; no JSON holds this byte.
BASE = b"\0"


def describe_hit(story: Story, base: str) -> Json:
    """A story in a list. ``base`` stands before the paths of its links."""
    slug = story.slug
    return {
        "id": story.id,
        "slug": slug,
        "url": f"{base}/v1/stories/{story.id}",
        "share_url": f"{base}/s/{slug}-{story.id}",
        "title": story.title,
        "short_title": story.short_title,
        "summary": story.summary,
        "curated_by": story.curated_by,
        "published_at": format_time(story.published_at or None),
        "updated_at": format_time(story.updated_at or None),
        "language": story.language,
        "source_count": len(story.sources),
        "publishers": [describe_publisher(publisher) for publisher in story.publishers],
        "topics": [{"id": slug_of(label), "label": label} for label in story.topics if label.strip()],
        "image_url": story.image_url or None,
    }


def describe_publisher(publisher: Publisher) -> Json:
    return {
        "id": publisher.id,
        "name": publisher.label,
        "domain": normalize_domain(publisher.domain),
        "logo_url": publisher.logo_url or None,
    }


def format_time(time: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def encode_hit(story: Story) -> bytes:
    """The JSON of ``describe_hit`` with ``BASE`` before its two paths."""
    # Ids and slugs hold no quote, and one within a text follows a "\": the first places are the keys' own.
    relative = msgspec.json.encode(describe_hit(story, ""))
    return relative.replace(b'"url":"', b'"url":"' + BASE, 1).replace(b'"share_url":"', b'"share_url":"' + BASE, 1)


def insert_base_url(json: bytes, base: str) -> bytes:
    """``json`` with ``base`` in every place of ``BASE``."""
    return json.replace(BASE, msgspec.json.encode(base)[1:-1])


def find_text_offsets(stored_hit: bytes) -> tuple[int, int, int, int]:
    """Where title and summary begin and end in the bytes of ``encode_hit``, as JSON strings without quotes."""
    title = stored_hit.index(b'"title":"') + 9
    title_end = stored_hit.index(b'","short_title":"', title)
    summary = stored_hit.index(b'","summary":"', title_end) + 13
    return title, title_end, summary, stored_hit.index(b'","curated_by":"', summary)


def read_id(stored_hit: bytes) -> str:
    """The id, which stands first."""
    return stored_hit[7 : stored_hit.index(b'"', 7)].decode()
