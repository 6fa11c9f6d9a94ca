"""What every engine indexes of a document: texts of fields, values of facets, times as numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from index.documents.identity import slug_of
from index.documents.story import Publisher, Source, Story


class StoredSource(Struct, frozen=True):
    """What is stored of a source."""

    id: str
    source: Source
    story_ids: tuple[str, ...]


def text_of_story(story: Story) -> dict[str, str]:
    """The text of each field of the story schema; values of a list stand a line each."""
    return {
        "title": story.title,
        "summary": story.summary,
        "body": story.body,
        "source": "\n".join(source.title for source in story.sources if source.title),
        "topic": "\n".join(story.topics),
        "publisher": "\n".join(publisher.label for publisher in story.publishers),
        "curator": story.curated_by,
    }


def text_of_source(source: Source) -> dict[str, str]:
    return {
        "title": source.title,
        "excerpt": source.excerpt,
        "author": source.author,
        "publisher": source.publisher.label if source.publisher else "",
    }


def labels_of(story: Story) -> dict[str, dict[str, str]]:
    """Facet -> id -> label of what the story has, without empty ones."""
    day = story.published_at.astimezone(UTC).isoformat() if story.published_at else ""
    return {
        "topic": {slug_of(label): label for label in story.topics if label.strip()},
        "publisher": {publisher.id: publisher.label for publisher in story.publishers},
        "curator": {slug_of(story.curated_by): story.curated_by} if story.curated_by.strip() else {},
        "language": {story.language.lower(): story.language},
        "domain": {domain: domain for source in story.sources if (domain := source.domain)},
        "year": {day[:4]: day[:4]} if day else {},
        "month": {day[:7]: day[:7]} if day else {},
    }


def microseconds(time: datetime | None) -> int | None:
    """Since 1970, exact: a float of seconds loses the last digits of the year 2199."""
    if time is None:
        return None
    delta = time - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def merge_sources(sources: list[Source]) -> Source:
    """What several stories say of one article: of each field the first that says something."""
    if len(sources) == 1:
        return sources[0]
    merged: dict[str, Any] = {}
    for source in reversed(sources):
        said = {name: getattr(source, name) for name in Source.__struct_fields__}
        merged |= {name: value for name, value in said.items() if value and value != Publisher()}
    return Source(**merged)
