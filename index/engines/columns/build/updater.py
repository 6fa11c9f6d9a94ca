"""Makes a generation from another one: hard links to its segments, a segment of new documents, and deletion marks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.documents.story import Story
from index.engines import indexed
from index.engines.columns.build.segment_writer import SegmentWriter
from index.engines.columns.build.writer import add_source, add_story, read_labels, update_facets
from index.engines.columns.codec import write_toc
from index.engines.columns.format.layout import (
    NO_TIME,
    SOURCES,
    STORIES,
    CollectionKind,
    SegmentEntry,
    Segments,
    deleted_path,
    read_segments,
    write_segments,
)
from index.engines.columns.search.collection import Collection, ScoredDoc
from index.engines.columns.segment.segment import Segment
from index.engines.indexed import StoredSource
from index.engines.label_counts import IncrementalLabelCounts, merge_citing
from index.query.results import IndexStatus

# Merge policy: more than _MAX_PER_TIER segments of at most so many documents are merged into one. So a document is
# rewritten at most once per tier, and a search reads few segments. 100,000 stories are merged in about 5 seconds.
_TIERS = (10_000, 100_000)
_MAX_PER_TIER = 8
T = TypeVar("T")


class ColumnsUpdater:
    """A GenerationUpdater (index.engines.base) for columns; ``base`` is the directory of the generation to update."""

    def __init__(self, directory: Path, base: Path) -> None:
        self._directory, self._base = directory, base
        entries = read_segments(base)
        self._label_counts = IncrementalLabelCounts(base)
        self._stories = _CollectionUpdate(directory, base, STORIES, entries)
        self._sources = _CollectionUpdate(directory, base, SOURCES, entries)
        self._added: dict[str, Story] = {}
        self._removed: dict[str, Story] = {}

    def add(self, story: Story) -> None:
        self._added[story.id] = story

    def delete(self, ident: str) -> bool:
        hit = self._stories.collection.find(ident)
        if hit is None:
            return False
        self._remove(hit)
        return True

    def finish(self) -> IndexStatus:
        return self._finish(merge_all=False)

    def merge(self) -> IndexStatus:
        return self._finish(merge_all=True)

    def _finish(self, *, merge_all: bool) -> IndexStatus:
        for ident in self._added:
            if hit := self._stories.collection.find(ident):
                self._remove(hit)
        for story in self._added.values():
            self._label_counts.add(story, indexed.labels_of(story))
        changed_sources = self._update_sources()
        update_facets(self._directory, self._base, self._label_counts.changed_labels())
        self._stories.write(
            list(self._added.values()), lambda writer, story: add_story(writer, story, indexed.labels_of(story))
        )
        self._sources.write(changed_sources, add_source)
        entries = Segments(self._stories.merge(merge_all), self._sources.merge(merge_all))
        write_segments(self._directory, entries)
        for kind in (STORIES, SOURCES):
            write_toc(self._directory, kind, entries.of(kind))
        return self._make_status(entries)

    def abort(self) -> None:
        self._stories.close()
        self._sources.close()

    def _remove(self, hit: ScoredDoc) -> None:
        """Mark a story as deleted, and uncount its labels. Does nothing if this was done before."""
        story = msgspec.json.decode(hit.segment.read_document(hit.number), type=Story)
        if story.id not in self._removed:
            self._removed[story.id] = story
            self._stories.delete(hit)
            self._label_counts.remove(story, indexed.labels_of(story))

    def _update_sources(self) -> list[StoredSource]:
        """Mark all sources of added and removed stories as deleted; returns those that are still cited, as of now."""
        touched = [*self._removed.values(), *self._added.values()]
        changed = []
        for ident in dict.fromkeys(ident for story in touched for ident in story.source_ids()):
            citing: dict[str, Story] = {}
            if hit := self._sources.collection.find(ident):
                stored = msgspec.json.decode(hit.segment.read_document(hit.number), type=StoredSource)
                self._sources.delete(hit)
                self._label_counts.count_source(stored.source, -1)
                outdated = self._removed.keys() | self._added.keys()
                citing = {story: self._read_story(story) for story in stored.story_ids if story not in outdated}
            citing |= {story.id: story for story in self._added.values() if ident in story.source_ids()}
            if citing:
                versions = [
                    (story.id, source)
                    for story in citing.values()
                    for source_id, source in zip(story.source_ids(), story.sources, strict=True)
                    if source_id == ident
                ]
                changed.append(merge_citing(ident, versions))
                self._label_counts.count_source(changed[-1].source)
        return changed

    def _read_story(self, ident: str) -> Story:
        hit = self._stories.collection.find(ident)
        assert hit is not None, f"a source lists the story {ident}, which is not in the index"
        return msgspec.json.decode(hit.segment.read_document(hit.number), type=Story)

    def _make_status(self, entries: Segments) -> IndexStatus:
        newest = self._stories.newest()
        publishers = self._label_counts.write(self._directory)
        live = {
            kind.name: sum(entry.documents - entry.deleted for entry in entries.of(kind)) for kind in (STORIES, SOURCES)
        }
        deleted = sum(entry.deleted for entry in (*entries.stories, *entries.sources))
        self.abort()
        return IndexStatus(
            stories=live["stories"],
            sources=live["sources"],
            publishers=publishers,
            newest=newest,
            segments=len(entries.stories),
            deleted=deleted,
        )


@dataclass(slots=True, eq=False)
class _LiveSegment:
    """A segment of the new generation. ``path``: its present directory; ``deleted``: 1 for each deleted document."""

    name: str
    segment: Segment
    path: Path
    deleted: NDArray[np.uint8]

    @property
    def live(self) -> int:
        """The number of documents that are not deleted."""
        return int(self.segment.size - self.deleted.sum())


class _CollectionUpdate:
    """One collection: the segments of the base, open for look-ups, and those of the new generation."""

    def __init__(self, directory: Path, base: Path, kind: CollectionKind, entries: Segments) -> None:
        self._directory, self._kind = directory, kind
        self.collection = Collection(base, kind, entries)
        self._segments = [
            _LiveSegment(entry.name, segment, base / kind.name / entry.name, _copy_deleted(segment))
            for entry, segment in zip(entries.of(kind), self.collection.segments, strict=True)
        ]
        self._next_number = max((int(entry.name) for entry in entries.of(kind)), default=0) + 1

    def delete(self, hit: ScoredDoc) -> None:
        """Mark a document of the base as deleted."""
        live = next(live for live in self._segments if live.segment is hit.segment)
        live.deleted[hit.number] = 1

    def write(self, documents: Sequence[T], add: Callable[[SegmentWriter, T], None]) -> None:
        """Write ``documents``, if there are any, to a new segment."""
        if documents:
            writer = self._open_writer()
            for document in documents:
                add(writer, document)
            # Without labels values are numbered in any order, which is correct; with them a search saves a step.
            self._finish_segment(writer, {})

    def merge(self, merge_all: bool) -> tuple[SegmentEntry, ...]:
        """Merge segments by the merge policy, link the others, and write deletion marks; returns all segments."""
        for group in [self._segments] if merge_all else self._find_full_tiers():
            self._merge_group(list(group))
        return tuple(self._link(live) for live in self._segments if live.live or len(self._segments) == 1)

    def newest(self) -> datetime | None:
        """The latest publication time of the documents that are not deleted; None if none has a time."""
        latest = NO_TIME
        for live in self._segments:
            times = live.segment.columns["published"][live.deleted == 0]
            latest = max(latest, int(times.max(initial=NO_TIME)))
        if latest == NO_TIME:
            return None
        return datetime.fromtimestamp(latest // 1_000_000, UTC).replace(microsecond=latest % 1_000_000)

    def close(self) -> None:
        for live in self._segments:
            live.segment.close()
        self._segments.clear()
        self.collection.close()

    def _open_writer(self) -> SegmentWriter:
        path = self._directory / self._kind.name / f"{self._next_number:04}"
        self._next_number += 1
        return SegmentWriter(path, self._kind)

    def _finish_segment(self, writer: SegmentWriter, labels: Mapping[str, Mapping[str, str]]) -> None:
        writer.finish(labels)
        path = writer.directory
        segment = Segment(path, self._kind, None)
        self._segments.append(_LiveSegment(path.name, segment, path, np.zeros(segment.size, np.uint8)))

    def _find_full_tiers(self) -> Iterator[list[_LiveSegment]]:
        """The groups of segments that the merge policy merges, each after the group before it was merged."""
        for max_documents in _TIERS:
            tier = [live for live in self._segments if live.live <= max_documents]
            if len(tier) > _MAX_PER_TIER:
                yield tier

    def _merge_group(self, group: list[_LiveSegment]) -> None:
        if len(group) == 1 and not group[0].deleted.any():
            return
        writer = self._open_writer()
        for live in group:
            for doc in np.flatnonzero(live.deleted == 0).tolist():
                self._copy_document(writer, live.segment.read_document(doc))
        self._segments = [live for live in self._segments if live not in group]
        self._finish_segment(writer, read_labels(self._directory))
        for live in group:
            live.segment.close()
            if live.path.is_relative_to(self._directory):
                # This update wrote the segment, and has merged it already.
                shutil.rmtree(live.path)

    def _copy_document(self, writer: SegmentWriter, document: bytes) -> None:
        if self._kind is STORIES:
            story = msgspec.json.decode(document, type=Story)
            add_story(writer, story, indexed.labels_of(story))
        else:
            add_source(writer, msgspec.json.decode(document, type=StoredSource))

    def _link(self, live: _LiveSegment) -> SegmentEntry:
        """Link the files of a segment into the new generation, unless it was written there, and write its deletions."""
        target = self._directory / self._kind.name / live.name
        if target != live.path:
            target.mkdir(parents=True)
            # Only the files of a segment, which were checked when it was opened; the directory may hold others.
            for name in self._kind.files:
                os.link(live.path / name, target / name)
        deleted = int(live.deleted.sum())
        if deleted:
            np.save(deleted_path(self._directory, self._kind, live.name), live.deleted, allow_pickle=False)
        return SegmentEntry(live.name, live.segment.size, deleted)


def _copy_deleted(segment: Segment) -> NDArray[np.uint8]:
    return np.zeros(segment.size, np.uint8) if segment.deleted is None else segment.deleted.copy()
