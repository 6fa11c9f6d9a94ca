"""A read-only Whoosh codec over the columns.

With it ``whoosh.index.open_dir(generation / "stories")`` opens the arrays of this engine, and Whoosh's own searcher and
tools work on them. The server does not use this module. Whoosh's own files round the length of a field to one byte;
this codec returns exact lengths.
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
# Whoosh's default index name. Each directory holds one Whoosh generation.
_NAME, _GENERATION = "MAIN", 1
_KINDS = {kind.name: kind for kind in (STORIES, SOURCES)}


def write_toc(directory: Path, kind: CollectionKind, entries: Sequence[SegmentEntry]) -> None:
    """Write Whoosh's table of contents (a pickle) for one collection of the generation in ``directory``.

    Replaces an existing table in one step.
    """
    collection = directory / kind.name
    collection.mkdir(exist_ok=True)
    toc = TOC(make_schema(kind), [ColumnsSegment(kind, entry) for entry in entries], _GENERATION)
    with tempfile.TemporaryDirectory(dir=collection) as temporary:
        toc.write(FileStorage(temporary), _NAME)
        [toc_file] = Path(temporary).iterdir()
        toc_file.replace(collection / toc_file.name)


def make_schema(kind: CollectionKind) -> fields.Schema:
    """The Whoosh schema of a collection: its text fields, the id, and the stored JSON document."""
    schema = fields.Schema(**{ID: fields.ID(unique=True, stored=True), DOCUMENT: fields.STORED})
    for field in kind.fields:
        schema.add(field.name, fields.TEXT(analyzer=make_analyzer(), phrase=True))
    return schema


class ColumnsSegment(base.Segment):  # type: ignore[misc]  # Whoosh has no types
    """A segment as an entry of Whoosh's table of contents.

    Whoosh pickles it, so never rename this class, its attributes or this module.
    """

    def __init__(self, kind: CollectionKind, entry: SegmentEntry) -> None:
        super().__init__(_NAME)
        self.segid = self.directory = entry.name
        self.collection = kind.name

    def codec(self) -> ColumnsCodec:
        return ColumnsCodec()

    def doc_count_all(self) -> int:
        """Raises ReadOnlyError: only Whoosh's writer calls this, and it would replace the columns by its own files."""
        raise ReadOnlyError(
            f"Whoosh cannot write to {self.collection}/{self.directory}; "
            "use 'outpost update' or 'outpost delete' to change the index"
        )


class ColumnsCodec(base.Codec):  # type: ignore[misc]  # Whoosh has no types
    """Opens one segment for reading. The inherited methods that write raise NotImplementedError."""

    def __init__(self) -> None:
        self._columns: Columns | None = None

    def terms_reader(self, storage: Any, segment: ColumnsSegment) -> TermsReader:
        return TermsReader(self._open(storage, segment))

    def per_document_reader(self, storage: Any, segment: ColumnsSegment) -> DocumentReader:
        return DocumentReader(self._open(storage, segment).segment)

    def _open(self, storage: Any, segment: ColumnsSegment) -> Columns:
        if self._columns is None:
            collection, name, kind = Path(storage.folder), segment.directory, _KINDS[segment.collection]
            # Only the file name of ``deleted_path`` counts: the collection may be opened by any path, even ".".
            deleted = collection / deleted_path(collection, kind, name).name
            self._columns = Columns(Segment(collection / name, kind, deleted if deleted.exists() else None))
        return self._columns


class DocumentReader(base.PerDocumentReader):  # type: ignore[misc]  # Whoosh has no types
    """Deletions, field lengths in terms, and the stored fields (id and JSON) of each document."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment

    @cached_property
    def _deleted(self) -> frozenset[int]:
        deleted = self._segment.deleted
        return frozenset(() if deleted is None else np.flatnonzero(deleted).tolist())

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
        return self._reduce_lengths(fieldname, lambda lengths: lengths.sum(dtype=np.int64))

    def min_field_length(self, fieldname: str) -> int:
        return self._reduce_lengths(fieldname, np.min)

    def max_field_length(self, fieldname: str) -> int:
        return self._reduce_lengths(fieldname, np.max)

    def _reduce_lengths(self, name: str, reduce: Callable[[NDArray[np.int32]], Any]) -> int:
        """``reduce`` over the lengths of a field; 0 for the id, which has no length, and for an empty segment."""
        number = self._segment.field_numbers.get(name)
        return 0 if number is None or not self._segment.size else int(reduce(self._segment.lengths[number]))

    def stored_fields(self, docnum: int) -> dict[str, Any]:
        return {ID: self._segment.read_id(docnum).decode(), DOCUMENT: self._segment.read_document(docnum)}
