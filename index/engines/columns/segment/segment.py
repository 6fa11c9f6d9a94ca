"""An open segment of a collection: mapped columns, term look-up, stored documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.engines.columns.format.array_file import ArrayFile, map_file
from index.engines.columns.format.facet_columns import FacetColumn
from index.engines.columns.format.layout import COLUMNS, DOCUMENTS, SEGMENT, CollectionKind, SegmentInfo
from index.engines.columns.format.sorted_strings import SortedStrings
from index.engines.columns.kernels.postings import ImpactArrays, PositionArrays
from index.engines.columns.segment.budgets import TERMS
from index.engines.columns.segment.stored_hits import StoredHits
from index.engines.columns.segment.texts import SegmentSuggestions
from index.files.disk import read_regular

Read = Callable[[str], NDArray[Any]]


class Postings:
    """The postings of a group of fields; those of term ``t`` are ``starts[t]`` to ``starts[t + 1]``."""

    def __init__(self, read: Read, name: str) -> None:
        self.starts = read(f"{name}_starts")
        arrays = PositionArrays(
            read(f"{name}_docs"), read(f"{name}_fields"), read(f"{name}_place_starts"), read(f"{name}_places")
        )
        self.docs, self.fields, self.position_offsets, self.positions = arrays
        self.arrays = tuple(arrays)  # which kernels take

    def span(self, term: int | None) -> tuple[int, int]:
        """Begin and end of a term's postings; an empty span for None."""
        return (0, 0) if term is None else (int(self.starts[term]), int(self.starts[term + 1]))


class SegmentColumns:
    """The files that SegmentWriter wrote. They never change, so generations with a segment in common share this object.

    Raises OSError, ValueError, TypeError, KeyError or msgspec.MsgspecError if a file is missing or damaged.
    """

    def __init__(self, directory: Path, kind: CollectionKind) -> None:
        self.info = msgspec.json.decode(read_regular(directory / SEGMENT), type=SegmentInfo)
        self.size = self.info.documents
        self.fields = kind.fields
        self.field_numbers = {field.name: number for number, field in enumerate(kind.fields)}
        read = ArrayFile(directory / COLUMNS, self.info.arrays).read
        self.text, self.labels = Postings(read, "text"), Postings(read, "labels")
        self.text_impacts, self.title_impacts = read("text_whole"), read("text_title")
        self.impacts = tuple(ImpactArrays(self.text.docs, self.text.fields, self.text_impacts, self.title_impacts))
        self.title_doc_freqs = read("title_holding")
        self.lengths = read("lengths")
        self.norms = read("text_norms") if kind.stores_hits else None
        self.columns = {name: read(name) for name in ("published", "updated", "source_count")}
        self.ranks = {name: read(f"rank_{name}") for name in ("oldest", "updated", "sources")}
        self.facets = {name: FacetColumn(read, name, self.info.facets[name]) for name in kind.facets}
        self.terms, self.words, self.ids = (SortedStrings(read, name) for name in ("terms", "words", "ids"))
        self._word_terms, self.id_docs, self._doc_ids = read("word_terms"), read("id_docs"), read("doc_ids")
        self._document_starts, self._document_sizes = read("document_starts"), read("document_sizes")
        self.suggestions = SegmentSuggestions(read) if kind.suggests else None
        self._documents = map_file(directory / DOCUMENTS)
        self.stored_hits = StoredHits(directory, read, self.words) if kind.stores_hits else None
        # The cache finds a term in 2 µs instead of 20. Its function keeps the strings alive, not the segment, so that a
        # segment can be closed while others share the cache.
        self.find_term = TERMS.cached(partial(_find_term, self.terms))
        averages = [self.info.averages[field.name] for field in kind.fields]
        # Masks are below 2 to the number of fields, so all fit.
        self.average_length = lru_cache(maxsize=2 ** len(averages))(partial(_average_length, averages))


class Segment(SegmentColumns):
    """A segment of one generation. ``deleted`` marks deleted documents with 1; it is None if there are none. It is read
    from the file ``deleted``, if not None. Raises what SegmentColumns raises."""

    def __init__(self, directory: Path, kind: CollectionKind, deleted: Path | None) -> None:
        self._shared = _open_columns(directory, kind)
        self.__dict__.update(self._shared.__dict__)
        self.deleted = None if deleted is None else np.load(BytesIO(read_regular(deleted)), allow_pickle=False)

    @cached_property
    def everything(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """All documents, with scores of 0: the matches of a search without words."""
        docs, scores = np.arange(self.size, dtype=np.int32), np.zeros(self.size, np.float32)
        docs.flags.writeable = scores.flags.writeable = False
        return docs, scores

    def expand_prefix(self, prefix: str) -> NDArray[np.int32]:
        """The distinct terms of all words of this segment that begin with ``prefix``, ascending."""
        try:
            found = self.words.find_prefix(prefix.encode())
        except UnicodeEncodeError:
            return np.empty(0, np.int32)
        terms = self._word_terms[found.start : found.stop]
        if 8 * len(terms) < len(self.terms):
            return np.unique(terms)
        # Marking a million terms takes a tenth of the time of sorting them.
        marked = np.zeros(len(self.terms), np.bool_)
        marked[terms] = True
        return np.flatnonzero(marked).astype(np.int32)

    def find_document(self, ident: str) -> int | None:
        """The number of the document with an id; None if there is none or it is deleted."""
        try:
            at = self.ids.find(ident.encode())
        except UnicodeEncodeError:
            return None
        number = None if at is None else int(self.id_docs[at])
        return None if number is None or (self.deleted is not None and self.deleted[number]) else number

    def find_documents(self, ids: Iterable[str], candidates: NDArray[np.int32] | None) -> NDArray[np.int32]:
        """The numbers of the documents with some ids, ascending; only those of ``candidates`` unless it is None."""
        found = [number for ident in ids if (number := self.find_document(ident)) is not None]
        numbers = np.unique(np.array(found, np.int32))
        return numbers if candidates is None else np.intersect1d(numbers, candidates, assume_unique=True)

    def read_id(self, number: int) -> bytes:
        return self.ids[int(self._doc_ids[number])]

    def read_document(self, number: int) -> bytes:
        """The stored bytes of a document."""
        start = self._document_starts[number]
        return self._documents[start : start + self._document_sizes[number]]

    def close(self) -> None:
        """Release the files; each is unmapped with the last array that refers to it."""
        self.__dict__.clear()


# The segments that are open in this process, by the identity of their files.
_open: WeakValueDictionary[tuple[int, ...], SegmentColumns] = WeakValueDictionary()


def _open_columns(directory: Path, kind: CollectionKind) -> SegmentColumns:
    """Open a segment unless it is open. Generations hold the same files under different paths (hard links)."""
    stats = [(directory / name).stat() for name in (SEGMENT, COLUMNS, DOCUMENTS)]
    identity = tuple(number for stat in stats for number in (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    found = _open.get(identity)
    if found is None:
        found = _open[identity] = SegmentColumns(directory, kind)
    return found


def _find_term(terms: SortedStrings, term: str) -> int | None:
    """The number of a term, or None if no document has it."""
    try:
        return terms.find(term.encode())
    except UnicodeEncodeError:  # a lone surrogate, which no document has
        return None


def _average_length(averages: Sequence[float], mask: int) -> float:
    """The mean length of the fields of ``mask`` together, in terms; at least 1."""
    return max(1.0, sum(average for number, average in enumerate(averages) if mask >> number & 1))
