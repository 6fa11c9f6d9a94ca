"""One segment of a collection, open for reading: columns mapped from its files, terms looked up, documents read."""

from __future__ import annotations

import mmap
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.engines.columns.facet_columns import FacetColumn
from index.engines.columns.files import CollectionKind, SegmentInfo
from index.engines.columns.strings import Strings

# Terms whose number a segment remembers: a query's words are looked up in 2 µs instead of 20.
_REMEMBERED = 100_000


class Postings:
    """The lists of one group of fields: term ``t`` has the postings ``starts[t]`` to ``starts[t + 1]``."""

    def __init__(self, directory: Path, name: str) -> None:
        self.starts = load(directory, f"{name}_starts")
        self.docs = load(directory, f"{name}_docs")
        self.fields = load(directory, f"{name}_fields")
        self.place_starts = load(directory, f"{name}_place_starts")
        self.places = load(directory, f"{name}_places")

    def span(self, term: int | None) -> tuple[int, int]:
        """Where a term's postings begin and end; an empty span for None."""
        return (0, 0) if term is None else (int(self.starts[term]), int(self.starts[term + 1]))


class Segment:
    """What SegmentWriter wrote. ``deleted`` marks documents that are gone with 1; None where none is.

    Raises OSError, ValueError or msgspec's errors where files are not what they were.
    """

    def __init__(self, directory: Path, kind: CollectionKind, deleted: Path) -> None:
        self.info = msgspec.json.decode((directory / "segment.json").read_bytes(), type=SegmentInfo)
        self.size = self.info.documents
        self.deleted = np.load(deleted, allow_pickle=False) if deleted.exists() else None
        self.fields = kind.fields
        self.field_numbers = {field.name: number for number, field in enumerate(kind.fields)}
        self.text, self.labels = Postings(directory, "text"), Postings(directory, "labels")
        self.whole, self.title = load(directory, "text_whole"), load(directory, "text_title")
        self.title_holding = load(directory, "title_holding")
        self.lengths = load(directory, "lengths")
        self.columns = {name: load(directory, name) for name in ("published", "updated", "source_count")}
        self.ranks = {name: load(directory, f"rank_{name}") for name in ("oldest", "updated", "sources")}
        self.facets = {name: _open_facet(directory, name) for name in kind.facets}
        self.terms, self.words = Strings(directory / "terms"), Strings(directory / "words")
        self._word_terms = load(directory, "word_terms")
        self._ids, self._id_docs = Strings(directory / "ids"), load(directory, "id_docs")
        self._doc_ids = load(directory, "doc_ids")
        self._document_starts = load(directory, "document_starts")
        self._document_sizes = load(directory, "document_sizes")
        with open(directory / "documents.bin", "rb") as file:
            # An empty file cannot be mapped.
            size = (directory / "documents.bin").stat().st_size
            self._documents: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self.find_term = lru_cache(maxsize=_REMEMBERED)(self._find_term)

    @cached_property
    def everything(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """All documents, none with a score: what a search without words matches."""
        docs, scores = np.arange(self.size, dtype=np.int32), np.zeros(self.size, np.float32)
        docs.flags.writeable = scores.flags.writeable = False
        return docs, scores

    def _find_term(self, term: str) -> int | None:
        """The number of a term, or None where no document has it."""
        try:
            return self.terms.find(term.encode())
        except UnicodeEncodeError:  # a lone surrogate, which no document has
            return None

    def expand_prefix(self, prefix: str) -> NDArray[np.int32]:
        """The terms of all words of this segment that begin with ``prefix``, each once, in order."""
        try:
            found = self.words.find_prefix(prefix.encode())
        except UnicodeEncodeError:
            return np.empty(0, np.int32)
        return np.unique(self._word_terms[found.start : found.stop])

    def find_document(self, ident: str) -> int | None:
        """The number of the document of an id, unless it is deleted."""
        try:
            at = self._ids.find(ident.encode())
        except UnicodeEncodeError:
            return None
        number = None if at is None else int(self._id_docs[at])
        return None if number is None or (self.deleted is not None and self.deleted[number]) else number

    def read_id(self, number: int) -> bytes:
        return self._ids[int(self._doc_ids[number])]

    def read_document(self, number: int) -> bytes:
        """What was stored of a document."""
        start = self._document_starts[number]
        stored: bytes = self._documents[start : start + self._document_sizes[number]]
        return stored

    def close(self) -> None:
        """Let go of the files: a mapping ends with the last array over it."""
        self.__dict__.clear()


def _open_facet(directory: Path, name: str) -> FacetColumn:
    values = msgspec.json.decode((directory / f"facet_{name}.json").read_bytes(), type=list[str])
    return FacetColumn(partial(load, directory), name, values)


def load(directory: Path, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    # A plain array over the mapped bytes: np.memmap costs a microsecond more for each slice.
    return array.view(np.ndarray)
