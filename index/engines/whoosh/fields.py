"""How documents lie in a generation of this engine.

stories/ sources/    a Whoosh index each: text fields, the id, the document itself as stored JSON; beside it
  words.txt          every word that occurs there, lower case, sorted: what prefixes expand to
rows.ndjson          for each story, in document order, what filters, facets and sorting need
source_rows.ndjson   the same for each source
publishers.ndjson    PublisherRecord, by story count (index.engines.label_counts)
labels.json          facet -> id -> label
"""

from __future__ import annotations

from msgspec import Struct
from whoosh import fields

from index.analysis.schema import SOURCE_FIELDS, STORY_FIELDS, TextField, make_analyzer
from index.documents.story import Story
from index.engines.indexed import StoredSource, microseconds
from index.query.requests import FACETS

# Counted from 1000: see index.engines.engine_kind_of.
FORMAT_VERSION = 1003
STORIES, SOURCES = "stories", "sources"
ROWS, SOURCE_ROWS, WORDS = "rows.ndjson", "source_rows.ndjson", "words.txt"
LABELS = "labels.json"


class Row(Struct, array_like=True, frozen=True):
    """Times are microseconds since 1970, None for none; each facet is a tuple of ids."""

    id: str
    published: int | None
    updated: int | None
    source_count: int
    topic: tuple[str, ...]
    publisher: tuple[str, ...]
    curator: tuple[str, ...]
    language: tuple[str, ...]
    domain: tuple[str, ...]
    year: tuple[str, ...]
    month: tuple[str, ...]


class SourceRow(Struct, array_like=True, frozen=True):
    id: str
    published: int | None
    publisher: tuple[str, ...]
    stories: tuple[str, ...]


def make_story_schema() -> fields.Schema:
    return _make_schema(STORY_FIELDS)


def make_source_schema() -> fields.Schema:
    return _make_schema(SOURCE_FIELDS)


def _make_schema(table: tuple[TextField, ...]) -> fields.Schema:
    schema = fields.Schema(id=fields.ID(unique=True), document=fields.STORED)
    for field in table:
        schema.add(field.name, fields.TEXT(analyzer=make_analyzer(), phrase=True))
    return schema


def row_of(story: Story, labels: dict[str, dict[str, str]]) -> Row:
    published = microseconds(story.published_at or None)
    updated = microseconds(story.updated_at or None)
    return Row(
        story.id,
        published,
        published if updated is None else updated,
        len(story.sources),
        *(tuple(labels[facet]) for facet in FACETS),
    )


def row_of_source(stored: StoredSource) -> SourceRow:
    publisher = stored.source.publisher.id if stored.source.publisher else ""
    published = microseconds(stored.source.published_at or None)
    return SourceRow(stored.id, published, (publisher,) if publisher else (), stored.story_ids)
