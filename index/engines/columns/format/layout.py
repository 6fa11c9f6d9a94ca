"""How a generation of this engine lies on disk; docs/index-format.md says it at length.

    stories/0001/, stories/0002/ …   segments: columns that never change again, shared by generations (hard links):
        columns.bin                  all arrays, each aligned to 64 bytes, mapped read-only
        segment.json                 where each array lies, and what is no array
        documents.bin                the documents as stored
    stories/0001.deleted.npy         which of a segment's documents are gone; only where some are
    sources/…                        the same for sources
    segments.json                    which segments there are
    facet_topic.json …               values and labels of each facet, in the order in which they are listed
    publishers.ndjson, census…       see index.engines.label_counts

In a segment documents are numbered newest first, undated last, ties by id, so that a number is also a place in the
order that ties break by. Terms and ids are numbered by their order as UTF-8.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from index.analysis.schema import SOURCE_FIELDS, STORY_FIELDS, TextField
from index.engines.columns.format.array_file import ArrayEntry
from index.files.disk import read_regular
from index.query.requests import FACETS

FORMAT_VERSION = 5
SEGMENT, COLUMNS, DOCUMENTS, STORED_HITS = "segment.json", "columns.bin", "documents.bin", "answers.bin"
# The fields searched by default share one set of postings ("text"), which carries the stored weights; the others share
# a second one ("labels"). The first field of a collection is its title.
GROUPS = ("text", "labels")
NO_TIME = -(2**63)


class CollectionKind(Struct, frozen=True):
    """What stories and sources differ in: the directory, the fields, the facets, whether answers are stored and whether
    it is suggested from."""

    name: str
    fields: tuple[TextField, ...]
    facets: tuple[str, ...]
    stores_hits: bool = False
    suggests: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Of each segment."""
        return (SEGMENT, COLUMNS, DOCUMENTS, STORED_HITS) if self.stores_hits else (SEGMENT, COLUMNS, DOCUMENTS)


STORIES = CollectionKind("stories", STORY_FIELDS, FACETS, stores_hits=True, suggests=True)
SOURCES = CollectionKind("sources", SOURCE_FIELDS, ("publisher",))


class SegmentInfo(Struct, frozen=True):
    """``segment.json``: what arrays do not hold, and where those lie in ``columns.bin``.

    ``facets`` are the values of each facet by their codes. ``averages`` are the mean lengths of each field in words
    over all documents; ``average_whole`` that of the fields of "text" together: what the stored weights were worked
    out with.
    """

    documents: int
    average_whole: float
    averages: dict[str, float]
    facets: dict[str, list[str]]
    arrays: dict[str, ArrayEntry]


class SegmentEntry(Struct, frozen=True):
    """A segment as a generation has it. Where ``deleted`` documents are more than 0 a file has their marks."""

    name: str
    documents: int
    deleted: int


class Segments(Struct, frozen=True):
    """``segments.json``."""

    stories: tuple[SegmentEntry, ...]
    sources: tuple[SegmentEntry, ...]

    def of(self, kind: CollectionKind) -> tuple[SegmentEntry, ...]:
        return self.stories if kind is STORIES else self.sources


def read_segments(directory: Path) -> Segments:
    return msgspec.json.decode(read_regular(directory / "segments.json"), type=Segments)


def write_segments(directory: Path, segments: Segments) -> None:
    (directory / "segments.json").write_bytes(msgspec.json.encode(segments))


def deleted_path(directory: Path, kind: CollectionKind, segment: str) -> Path:
    return directory / kind.name / f"{segment}.deleted.npy"


def find_deleted_path(directory: Path, kind: CollectionKind, entry: SegmentEntry) -> Path | None:
    """The file that marks what is deleted of a segment, None where nothing is, whatever lies in the directory."""
    return deleted_path(directory, kind, entry.name) if entry.deleted else None
