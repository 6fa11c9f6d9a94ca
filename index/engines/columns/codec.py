"""The columns as a Whoosh index: a codec that only reads, so that ``whoosh.index.open_dir(generation / "stories")`` and
Whoosh's own searcher answer over the arrays that this engine searches.

Serving uses none of it: Whoosh's table of contents is a pickle, written for Whoosh's own tools. Whoosh stores a field's
length in one byte and loses some of it; from here it gets whole numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from whoosh import fields
from whoosh.codec import base
from whoosh.filedb.filestore import FileStorage, ReadOnlyError
from whoosh.index import TOC

from index.analysis.schema import make_analyzer
from index.engines.columns.codec_terms import ID, Columns, TermsReader
from index.engines.columns.format.layout import SOURCES, STORIES, CollectionKind, SegmentEntry, deleted_path
from index.engines.columns.segment.segment import Segment

DOCUMENT = "document"
# Whoosh's default name of an index, and the only generation that a directory of ours ever has.
_NAME, _GENERATION = "MAIN", 1
_KINDS = {kind.name: kind for kind in (STORIES, SOURCES)}


def write_toc(directory: Path, kind: CollectionKind, entries: Sequence[SegmentEntry]) -> None:
    """Write the table of contents of one collection in the generation ``directory``, replacing one that is there."""
    home = directory / kind.name
    home.mkdir(exist_ok=True)
    toc = TOC(make_schema(kind), [ColumnsSegment(kind, entry) for entry in entries], _GENERATION)
    with tempfile.TemporaryDirectory(dir=home) as name:
        toc.write(FileStorage(name), _NAME)
        [written] = Path(name).iterdir()
        written.replace(home / written.name)


def make_schema(kind: CollectionKind) -> fields.Schema:
    schema = fields.Schema(**{ID: fields.ID(unique=True, stored=True), DOCUMENT: fields.STORED})
    for field in kind.fields:
        schema.add(field.name, fields.TEXT(analyzer=make_analyzer(), phrase=True))
    return schema


class ColumnsSegment(base.Segment):  # type: ignore[misc]  # Whoosh has no types
    """What the table of contents says of a segment. It is pickled: the names of this class, of
    its attributes and of this module must stay."""

    def __init__(self, kind: CollectionKind, entry: SegmentEntry) -> None:
        super().__init__(_NAME)
        self.segid = self.directory = entry.name
        self.collection = kind.name

    def codec(self) -> ColumnsCodec:
        return ColumnsCodec()

    def doc_count_all(self) -> int:
        """Only Whoosh's writer asks: it would merge the columns into files of its own, and remove this table."""
        raise ReadOnlyError(f"{self.collection}/{self.directory} is read-only: 'outpost update' and 'delete' change it")


class ColumnsCodec(base.Codec):  # type: ignore[misc]  # Whoosh has no types
    """Opens one segment. Whatever would write raises NotImplementedError, as inherited."""

    def __init__(self) -> None:
        self._columns: Columns | None = None

    def terms_reader(self, storage: Any, segment: ColumnsSegment) -> TermsReader:
        return TermsReader(self._open(storage, segment))

    def per_document_reader(self, storage: Any, segment: ColumnsSegment) -> DocumentReader:
        return DocumentReader(self._open(storage, segment).segment)

    def _open(self, storage: Any, segment: ColumnsSegment) -> Columns:
        if self._columns is None:
            home, name, kind = Path(storage.folder), segment.directory, _KINDS[segment.collection]
            # Whatever path to ``home`` was given, "." too: only the name of the file is taken.
            deleted = home / deleted_path(home, kind, name).name
            self._columns = Columns(Segment(home / name, kind, deleted if deleted.exists() else None))
        return self._columns


class DocumentReader(base.PerDocumentReader):  # type: ignore[misc]  # Whoosh has no types
    """Deletions, lengths of fields in words, and what is stored of a document: its id and its JSON."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment

    @cached_property
    def _deleted(self) -> frozenset[int]:
        marks = self._segment.deleted
        return frozenset(() if marks is None else np.flatnonzero(marks).tolist())

    def doc_count(self) -> int:
        return self._segment.size - len(self._deleted)

    def doc_count_all(self) -> int:
        return self._segment.size

    def has_deletions(self) -> bool:
        return bool(self._deleted)

    def is_deleted(self, docnum: int) -> bool:
        return docnum in self._deleted

    def deleted_docs(self) -> frozenset[int]:
        return self._deleted

    def doc_field_length(self, docnum: int, fieldname: str, default: int = 0) -> int:
        number = self._segment.field_numbers.get(fieldname)
        return default if number is None else int(self._segment.lengths[number, docnum])

    def field_length(self, fieldname: str) -> int:
        return self._measure(fieldname, lambda lengths: lengths.sum(dtype=np.int64))

    def min_field_length(self, fieldname: str) -> int:
        return self._measure(fieldname, np.min)

    def max_field_length(self, fieldname: str) -> int:
        return self._measure(fieldname, np.max)

    def _measure(self, name: str, measure: Callable[[NDArray[np.int32]], Any]) -> int:
        """0 for the id, which has no length, and where there is no document."""
        number = self._segment.field_numbers.get(name)
        return 0 if number is None or not self._segment.size else int(measure(self._segment.lengths[number]))

    def stored_fields(self, docnum: int) -> dict[str, Any]:
        return {ID: self._segment.read_id(docnum).decode(), DOCUMENT: self._segment.read_document(docnum)}
