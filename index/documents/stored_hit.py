"""Stored hits: the JSON of a story as lists show it, encoded once when the index is built.

The schema ``StoryBrief`` in api/openapi/schemas.py describes the same fields; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from index.documents.identity import normalize_domain, slug_of
from index.documents.story import Publisher, Story

Json = dict[str, Any]
# Placeholder for the base URL in stored bytes. JSON text never contains this byte.
BASE = b"\0"
# The links of a story, without the base URL. They belong to the API, but stored hits contain them: an index has to be
# built again after a change.
STORIES_PATH = "/v1/stories/"  # followed by the id
SHARE_PATH = "/s/"  # followed by "slug-id"


def describe_hit(story: Story, base: str) -> Json:
    """The fields of a story in a list. ``base``: the URL that its links begin with."""
    slug = story.slug
    return {
        "id": story.id,
        "slug": slug,
        "url": f"{base}{STORIES_PATH}{story.id}",
        "share_url": f"{base}{SHARE_PATH}{slug}-{story.id}",
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
    """The fields of a publisher in a story."""
    return {
        "id": publisher.id,
        "name": publisher.label,
        "domain": normalize_domain(publisher.domain),
        "logo_url": publisher.logo_url or None,
    }


def format_time(time: datetime | None) -> str | None:
    """A time as RFC 3339 text in UTC, such as "2024-05-01T12:00:00Z"."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


def encode_hit(story: Story) -> bytes:
    """The JSON of ``describe_hit``, with the placeholder ``BASE`` before both paths."""
    # Each first match is the key itself: ids and slugs contain no quotes, and quotes within texts are escaped.
    relative = msgspec.json.encode(describe_hit(story, ""))
    return relative.replace(b'"url":"', b'"url":"' + BASE, 1).replace(b'"share_url":"', b'"share_url":"' + BASE, 1)


def insert_base_url(json: bytes, base: str) -> bytes:
    """Replace every placeholder ``BASE`` in ``json`` with ``base``."""
    return json.replace(BASE, msgspec.json.encode(base)[1:-1])


def find_text_offsets(stored_hit: bytes) -> tuple[int, int, int, int]:
    """Byte offsets in a stored hit: (title start, title end, summary start, summary end), without the quotes."""
    title = stored_hit.index(b'"title":"') + 9
    title_end = stored_hit.index(b'","short_title":"', title)
    summary = stored_hit.index(b'","summary":"', title_end) + 13
    return title, title_end, summary, stored_hit.index(b'","curated_by":"', summary)


def read_id(stored_hit: bytes) -> str:
    """The id of the story, which is the first field."""
    return stored_hit[7 : stored_hit.index(b'"', 7)].decode()
