"""A generation that goes on from another one: its segments by hard links, a new one, and marks for what is gone."""

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
from index.engines.columns.search.collection import Collection, Found
from index.engines.columns.segment.segment import Segment
from index.engines.indexed import StoredSource
from index.engines.label_counts import IncrementalLabelCounts, merge_citing
from index.query.results import IndexStatus

# Segments of at most so many documents are merged into one when there are more than _MAX_ALIKE of them: each document
# is written again once a size, and a search looks into few segments. 100,000 stories are merged in about 5 seconds.
_SIZES = (10_000, 100_000)
_MAX_ALIKE = 8
_Labels = Mapping[str, Mapping[str, str]]
T = TypeVar("T")


class ColumnsUpdater:
    """A GenerationUpdater (index.engines.base) of columns: ``base`` is the generation to go on from."""

    def __init__(self, directory: Path, base: Path) -> None:
        self._directory, self._base = directory, base
        entries = read_segments(base)
        self._label_counts = IncrementalLabelCounts(base)
        self._stories = _Changes(directory, base, STORIES, entries)
        self._sources = _Changes(directory, base, SOURCES, entries)
        self._added: dict[str, Story] = {}
        self._removed: dict[str, Story] = {}

    def add(self, story: Story) -> None:
        self._added[story.id] = story

    def delete(self, ident: str) -> bool:
        found = self._stories.collection.find(ident)
        if found is None:
            return False
        self._take_out(found)
        return True

    def finish(self) -> IndexStatus:
        return self._finish(merge_all=False)

    def merge(self) -> IndexStatus:
        return self._finish(merge_all=True)

    def _finish(self, *, merge_all: bool) -> IndexStatus:
        for ident in self._added:
            if found := self._stories.collection.find(ident):
                self._take_out(found)
        for story in self._added.values():
            self._label_counts.add(story, indexed.labels_of(story))
        changed = self._change_sources()
        update_facets(self._directory, self._base, self._label_counts.changed_labels())
        stories = [(story, indexed.labels_of(story)) for story in self._added.values()]
        self._stories.write(stories, lambda writer, one: add_story(writer, *one))
        self._sources.write(changed, add_source)
        entries = Segments(self._stories.merge(merge_all), self._sources.merge(merge_all))
        write_segments(self._directory, entries)
        for kind in (STORIES, SOURCES):
            write_toc(self._directory, kind, entries.of(kind))
        return self._describe(entries)

    def abort(self) -> None:
        self._stories.close()
        self._sources.close()

    def _take_out(self, found: Found) -> None:
        """Mark a story as gone, unless it was taken out before."""
        story = msgspec.json.decode(found.segment.read_document(found.number), type=Story)
        if story.id not in self._removed:
            self._removed[story.id] = story
            self._stories.mark(found)
            self._label_counts.remove(story, indexed.labels_of(story))

    def _change_sources(self) -> list[StoredSource]:
        """The sources that other stories cite now than before, as they are now; the old ones are marked as gone."""
        touched = [*self._removed.values(), *self._added.values()]
        changed = []
        for ident in dict.fromkeys(ident for story in touched for ident in story.source_ids()):
            citing: dict[str, Story] = {}
            if found := self._sources.collection.find(ident):
                stored = msgspec.json.decode(found.segment.read_document(found.number), type=StoredSource)
                self._sources.mark(found)
                self._label_counts.count_source(stored.source, -1)
                gone = self._removed.keys() | self._added.keys()
                citing = {story: self._read_story(story) for story in stored.story_ids if story not in gone}
            citing |= {story.id: story for story in self._added.values() if ident in story.source_ids()}
            if citing:
                said = [
                    (story.id, source)
                    for story in citing.values()
                    for own, source in zip(story.source_ids(), story.sources, strict=True)
                    if own == ident
                ]
                changed.append(merge_citing(ident, said))
                self._label_counts.count_source(changed[-1].source)
        return changed

    def _read_story(self, ident: str) -> Story:
        found = self._stories.collection.find(ident)
        assert found is not None, f"{ident} cites a source and is not there"
        return msgspec.json.decode(found.segment.read_document(found.number), type=Story)

    def _describe(self, entries: Segments) -> IndexStatus:
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
class _Kept:
    """A segment and what is gone of it; ``path`` is where it lies."""

    name: str
    segment: Segment
    path: Path
    gone: NDArray[np.uint8]

    @property
    def live(self) -> int:
        return int(self.segment.size - self.gone.sum())


class _Changes:
    """One collection of the base and what becomes of it."""

    def __init__(self, directory: Path, base: Path, kind: CollectionKind, entries: Segments) -> None:
        self._directory, self._kind = directory, kind
        self.collection = Collection(base, kind, entries)
        self._kept = [
            _Kept(entry.name, segment, base / kind.name / entry.name, _copy_marks(segment))
            for entry, segment in zip(entries.of(kind), self.collection.segments, strict=True)
        ]
        self._next = max((int(entry.name) for entry in entries.of(kind)), default=0) + 1

    def mark(self, found: Found) -> None:
        kept = next(kept for kept in self._kept if kept.segment is found.segment)
        kept.gone[found.number] = 1

    def write(self, documents: Sequence[T], add: Callable[[SegmentWriter, T], None]) -> None:
        """A new segment of ``documents``, if there are any."""
        if documents:
            writer = self._open()
            for document in documents:
                add(writer, document)
            # A segment may number its values in any order; in that of all values it spares a search a step.
            self._take_in(writer, {})

    def merge(self, merge_all: bool) -> tuple[SegmentEntry, ...]:
        """Merge what should be, link the rest, write the marks; the segments as they are now."""
        for group in [self._kept] if merge_all else self._find_alike():
            self._merge(list(group))
        entries = []
        for kept in self._kept:
            if kept.live or len(self._kept) == 1:
                entries.append(self._keep(kept))
        return tuple(entries)

    def newest(self) -> datetime | None:
        """The latest time of all that is left."""
        latest = NO_TIME
        for kept in self._kept:
            times = kept.segment.columns["published"][kept.gone == 0]
            latest = max(latest, int(times.max(initial=NO_TIME)))
        return (
            None
            if latest == NO_TIME
            else datetime.fromtimestamp(latest // 1_000_000, UTC).replace(microsecond=latest % 1_000_000)
        )

    def close(self) -> None:
        for kept in self._kept:
            kept.segment.close()
        self._kept.clear()
        self.collection.close()

    def _open(self) -> SegmentWriter:
        path = self._directory / self._kind.name / f"{self._next:04}"
        self._next += 1
        return SegmentWriter(path, self._kind)

    def _take_in(self, writer: SegmentWriter, labels: _Labels) -> None:
        writer.finish(labels)
        path = writer.directory
        segment = Segment(path, self._kind, None)
        self._kept.append(_Kept(path.name, segment, path, np.zeros(segment.size, np.uint8)))

    def _find_alike(self) -> Iterator[list[_Kept]]:
        """Groups of small segments that are too many."""
        for size in _SIZES:
            alike = [kept for kept in self._kept if kept.live <= size]
            if len(alike) > _MAX_ALIKE:
                yield alike

    def _merge(self, group: list[_Kept]) -> None:
        if len(group) == 1 and not group[0].gone.any():
            return
        writer = self._open()
        for kept in group:
            for number in np.flatnonzero(kept.gone == 0).tolist():
                document = kept.segment.read_document(number)
                if self._kind is STORIES:
                    story = msgspec.json.decode(document, type=Story)
                    add_story(writer, story, indexed.labels_of(story))
                else:
                    add_source(writer, msgspec.json.decode(document, type=StoredSource))
        self._kept = [kept for kept in self._kept if kept not in group]
        self._take_in(writer, read_labels(self._directory))
        for kept in group:
            kept.segment.close()
            if kept.path.is_relative_to(self._directory):
                # Written by this update, and merged by it too.
                shutil.rmtree(kept.path)

    def _keep(self, kept: _Kept) -> SegmentEntry:
        target = self._directory / self._kind.name / kept.name
        if target != kept.path:
            target.mkdir(parents=True)
            # Not whatever lies there: these have been checked.
            for name in self._kind.files:
                os.link(kept.path / name, target / name)
        gone = int(kept.gone.sum())
        if gone:
            np.save(deleted_path(self._directory, self._kind, kept.name), kept.gone, allow_pickle=False)
        return SegmentEntry(kept.name, kept.segment.size, gone)


def _copy_marks(segment: Segment) -> NDArray[np.uint8]:
    return np.zeros(segment.size, np.uint8) if segment.deleted is None else segment.deleted.copy()
