"""The files of a generation of this engine; docs/index-format.md describes them in full.

    stories/0001/, stories/0002/ …   segments; they never change, and generations share them (hard links):
        columns.bin                  all arrays, each aligned to 64 bytes, mapped read-only
        segment.json                 the location of each array, and other values
        documents.bin                the stored documents
        answers.bin                  the stored hits and their texts (stories only)
    stories/0001.deleted.npy         marks of deleted documents; only if there are any
    sources/…                        the same for sources
    segments.json                    the list of segments
    facet_topic.json …               values and labels of each facet, in the order of listing
    publishers.ndjson, census…       see index.engines.label_counts

Documents of a segment are numbered newest first, undated last, ties by id, so that document numbers also break ties
between equal scores. Terms and ids are numbered in the order of their UTF-8 bytes.
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
# Two groups of fields have postings of their own: those searched by default ("text"), whose impacts are stored, and the
# others ("labels"). The first field of a collection is its title.
GROUPS = ("text", "labels")
NO_TIME = -(2**63)


class CollectionKind(Struct, frozen=True):
    """How stories and sources differ. ``name`` is the directory; ``stores_hits``: encoded hits are stored for search
    results and highlighting; ``suggests``: titles and words are suggested."""

    name: str
    fields: tuple[TextField, ...]
    facets: tuple[str, ...]
    stores_hits: bool = False
    suggests: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files of a segment."""
        return (SEGMENT, COLUMNS, DOCUMENTS, STORED_HITS) if self.stores_hits else (SEGMENT, COLUMNS, DOCUMENTS)


STORIES = CollectionKind("stories", STORY_FIELDS, FACETS, stores_hits=True, suggests=True)
SOURCES = CollectionKind("sources", SOURCE_FIELDS, ("publisher",))


class SegmentInfo(Struct, frozen=True):
    """``segment.json``: the locations of the arrays in ``columns.bin``, and values that are no arrays.

    ``facets``: the values of each facet by code. ``averages``: the mean length of each field, in terms. Impacts were
    computed with ``average_whole``, the mean length of all fields of "text" together.
    """

    documents: int
    average_whole: float
    averages: dict[str, float]
    facets: dict[str, list[str]]
    arrays: dict[str, ArrayEntry]


class SegmentEntry(Struct, frozen=True):
    """A segment of a generation. A file marks its deleted documents if ``deleted``, their number, is above 0."""

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
    """The file that marks the deleted documents of a segment; None if the entry has none, even if a file exists."""
    return deleted_path(directory, kind, entry.name) if entry.deleted else None
