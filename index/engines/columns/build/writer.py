"""Writes the files of a new generation."""

from __future__ import annotations

import os
from bisect import insort
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from index.documents.story import Story
from index.engines import indexed
from index.engines.columns.build.segment_writer import SegmentWriter, label_order
from index.engines.columns.build.stored_hit_writer import make_hit_record
from index.engines.columns.codec import write_toc
from index.engines.columns.format.layout import SOURCES, STORIES, CollectionKind, SegmentEntry, Segments, write_segments
from index.engines.indexed import StoredSource
from index.engines.label_counts import LabelCounts, SourceStore
from index.files.disk import read_regular
from index.query.results import IndexStatus

# Limits of a segment in documents and in words. They bound the memory of a build: 500,000 short stories with 24 million
# words take 1 GB. Larger segments make faster searches: each segment costs a search about 10 µs.
SEGMENT_SIZE, SEGMENT_WORDS = 500_000, 32_000_000


class ColumnsWriter:
    """A GenerationWriter (index.engines.base) of columns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stories = _CollectionWriter(directory, STORIES)
        self._sources = _CollectionWriter(directory, SOURCES)
        self._label_counts, self._cited = LabelCounts(), SourceStore(directory / "cited.sqlite")
        self._count = 0
        self._newest: datetime | None = None

    def add(self, story: Story) -> None:
        labels = indexed.labels_of(story)
        add_story(self._stories.current(), story, labels)
        self._label_counts.add(story, labels)
        self._cited.add(story)
        self._count += 1
        if story.published_at and (self._newest is None or story.published_at > self._newest):
            self._newest = story.published_at

    def finish(self) -> IndexStatus:
        for stored in self._cited.iter_merged():
            add_source(self._sources.current(), stored)
            self._label_counts.count_source(stored.source)
        self._cited.close()
        labels = self._label_counts.labels()
        entries = Segments(self._stories.finish(labels), self._sources.finish(labels))
        write_segments(self._directory, entries)
        for kind in (STORIES, SOURCES):
            write_toc(self._directory, kind, entries.of(kind))
        write_facets(self._directory, labels)
        publishers = self._label_counts.write(self._directory)
        sources = sum(entry.documents for entry in entries.sources)
        return IndexStatus(
            stories=self._count,
            sources=sources,
            publishers=publishers,
            newest=self._newest,
            segments=len(entries.stories),
        )

    def abort(self) -> None:
        self._stories.abort()
        self._sources.abort()
        self._cited.close()


class _CollectionWriter:
    """Writes one collection, and starts a new segment whenever the current one is full."""

    def __init__(self, directory: Path, kind: CollectionKind) -> None:
        self._directory, self._kind = directory / kind.name, kind
        self._written: list[SegmentEntry] = []
        self._writer = self._open()

    def current(self) -> SegmentWriter:
        """The segment that takes the next document."""
        if len(self._writer) >= SEGMENT_SIZE or self._writer.words >= SEGMENT_WORDS:
            # The labels are known only at the end. A segment may number the values of a facet in any order.
            self._finish_segment({})
            self._writer = self._open()
        return self._writer

    def finish(self, labels: Mapping[str, Mapping[str, str]]) -> tuple[SegmentEntry, ...]:
        self._finish_segment(labels)
        return tuple(self._written)

    def abort(self) -> None:
        self._writer.abort()

    def _finish_segment(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        self._written.append(SegmentEntry(self._writer.directory.name, self._writer.finish(labels), 0))

    def _open(self) -> SegmentWriter:
        return SegmentWriter(self._directory / f"{len(self._written) + 1:04}", self._kind)


def add_story(writer: SegmentWriter, story: Story, labels: Mapping[str, Mapping[str, str]]) -> None:
    """Add a story to a segment; ``labels`` is ``labels_of(story)``."""
    published = indexed.microseconds(story.published_at or None)
    updated = indexed.microseconds(story.updated_at or None)
    texts = indexed.text_of_story(story)
    writer.add(
        story.id,
        msgspec.json.encode(story),
        texts,
        {facet: tuple(values) for facet, values in labels.items()},
        published,
        published if updated is None else updated,
        len(story.sources),
        make_hit_record(story, texts["body"]),
    )


def add_source(writer: SegmentWriter, stored: StoredSource) -> None:
    """Add a source to a segment."""
    source = stored.source
    publisher = source.publisher.id if source.publisher else ""
    writer.add(
        stored.id,
        msgspec.json.encode(stored),
        indexed.text_of_source(source),
        {"publisher": (publisher,) if publisher else ()},
        indexed.microseconds(source.published_at or None),
    )


def write_facets(directory: Path, labels: Mapping[str, Mapping[str, str]]) -> None:
    """Write the table of each facet: its values with their labels, sorted by label, then value."""
    for facet in STORIES.facets:
        facet_labels = labels.get(facet, {})
        table = sorted(facet_labels.items(), key=_row_order)
        facet_path(directory, facet).write_bytes(msgspec.json.encode(table))


def update_facets(directory: Path, base: Path, changed: Mapping[str, Mapping[str, str]]) -> None:
    """Write the facet tables of ``base`` with the ``changed`` labels; the label "" removes a value.

    Links the file of a facet that has not changed.
    """
    for facet in STORIES.facets:
        path, changed_labels = facet_path(directory, facet), changed.get(facet, {})
        if not changed_labels:
            os.link(facet_path(base, facet), path)
            continue
        table = [(value, label) for value, label in read_table(base, facet) if value not in changed_labels]
        for value, label in changed_labels.items():
            if label:
                insort(table, (value, label), key=_row_order)
        path.write_bytes(msgspec.json.encode(table))


def read_labels(directory: Path) -> dict[str, dict[str, str]]:
    """The labels of a generation: facet -> value -> label."""
    return {facet: dict(read_table(directory, facet)) for facet in STORIES.facets}


def read_table(directory: Path, facet: str) -> list[tuple[str, str]]:
    """The values of a facet with their labels, in the order of the table."""
    return msgspec.json.decode(read_regular(facet_path(directory, facet)), type=list[tuple[str, str]])


def _row_order(row: tuple[str, str]) -> tuple[str, str]:
    value, label = row
    return label_order(value, {value: label})


def facet_path(directory: Path, facet: str) -> Path:
    return directory / f"facet_{facet}.json"
