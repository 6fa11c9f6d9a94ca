"""Whoosh's view of the terms of a segment: dictionary, statistics and postings, one field at a time.

This engine stores one postings list per term for a whole group of fields; Whoosh expects one per term and field.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from whoosh.codec import base
from whoosh.matching import LeafMatcher
from whoosh.reading import TermInfo, TermNotFound

from index.engines.columns.format.sorted_strings import SortedStrings
from index.engines.columns.kernels.postings import FIELD_SHIFT
from index.engines.columns.segment.segment import Postings, Segment

ID = "id"
_POSITION_MASK = (1 << FIELD_SHIFT) - 1
# Whoosh reads the postings of a term several times in one query, first for statistics, then for the matcher. An entry
# may be large (40 bytes a document), but only Whoosh's own tools use this module, never a request.
_CACHED_POSTINGS = 64


class FieldPostings(NamedTuple):
    """The postings of a term in one field: ``docs[i]`` has it at ``positions[starts[i]:starts[i + 1]]``."""

    docs: list[int]
    starts: list[int]
    positions: NDArray[np.uint32]


class Columns:
    """An open segment with its postings split by field. Field names include "id"."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.names = sorted((ID, *self.segment.field_numbers))
        self.read = lru_cache(maxsize=_CACHED_POSTINGS)(self._read)
        self.find_terms = lru_cache(maxsize=len(self.names))(self._find_terms)

    def strings(self, name: str) -> SortedStrings:
        """The sorted dictionary that contains the terms of a field."""
        return self.segment.ids if name == ID else self.segment.terms

    def postings(self, name: str) -> tuple[Postings, int]:
        """The postings of the group that a field belongs to, and the number of the field."""
        number = self.segment.field_numbers[name]
        return self.segment.text if self.segment.fields[number].default else self.segment.labels, number

    def _find_terms(self, name: str) -> NDArray[np.int64]:
        """The numbers of the terms that occur in a field, ascending, int64."""
        if name == ID:
            return np.arange(len(self.segment.ids))
        postings, number = self.postings(name)
        in_field = np.concatenate([[0], np.cumsum(postings.fields & (1 << number) != 0)])
        return np.flatnonzero(np.diff(in_field[postings.starts]))

    def doc_freq(self, name: str, term: bytes) -> int:
        """The number of documents with a term in a field, deleted ones included."""
        if name == ID:
            return int(self.segment.ids.find(term) is not None)
        postings, number = self.postings(name)
        begin, end = postings.span(self.segment.terms.find(term))
        return int(np.count_nonzero(postings.fields[begin:end] & (1 << number)))

    def _read(self, name: str, term: bytes) -> FieldPostings:
        """Raises KeyError if no document has the term in this field."""
        if not self.doc_freq(name, term):
            raise KeyError((name, term))
        if name == ID:
            return FieldPostings(
                [int(self.segment.id_docs[self.segment.ids.find(term)])], [0, 1], np.zeros(1, np.uint32)
            )
        postings, number = self.postings(name)
        begin, end = postings.span(self.segment.terms.find(term))
        bounds = postings.position_offsets[begin : end + 1].astype(np.int64)
        positions = postings.positions[bounds[0] : bounds[-1]]
        in_field = positions >> FIELD_SHIFT == number
        # Where the positions of each document begin after those of other fields are dropped.
        starts = np.concatenate([[0], np.cumsum(in_field)])[bounds - bounds[0]]
        matching = np.flatnonzero(postings.fields[begin:end] & (1 << number))
        docs = postings.docs[begin:end][matching]
        return FieldPostings(
            docs.tolist(), [*starts[matching].tolist(), int(starts[-1])], positions[in_field] & _POSITION_MASK
        )

    def make_term_info(self, name: str, term: bytes) -> TermInfo:
        """Whoosh's statistics of a term. Raises KeyError if no document has the term in this field."""
        docs, starts, _ = self.read(name, term)
        lengths = self.segment.lengths[self.segment.field_numbers[name]][docs] if name != ID else np.zeros(1, int)
        max_weight = float(np.diff(starts).max())
        return TermInfo(
            float(starts[-1]), len(docs), int(lengths.min()), int(lengths.max()), max_weight, docs[0], docs[-1]
        )

    def close(self) -> None:
        self.segment.close()
        self.__dict__.clear()


class TermsReader(base.TermsReader):  # type: ignore[misc]  # Whoosh has no types
    """The dictionary and the postings, sorted by field name, then by term. Terms are UTF-8."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __contains__(self, term: tuple[str, bytes]) -> bool:
        return self._columns.doc_freq(*term) > 0

    def indexed_field_names(self) -> list[str]:
        return self._columns.names

    def terms(self) -> Iterator[tuple[str, bytes]]:
        return self.terms_from("", b"")

    def terms_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[str, bytes]]:
        """The terms of a field from ``prefix`` on, then all terms of the later fields, as in Whoosh's own codec."""
        names = self._columns.names
        for name in names[bisect_left(names, fieldname) :]:
            strings, numbers = self._columns.strings(name), self._columns.find_terms(name)
            start = np.searchsorted(numbers, strings.find_lower_bound(prefix)) if name == fieldname else 0
            yield from ((name, strings[number]) for number in numbers[start:].tolist())

    def items(self) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        return self.items_from("", b"")

    def items_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        return ((term, self.term_info(*term)) for term in self.terms_from(fieldname, prefix))

    def term_info(self, fieldname: str, text: bytes) -> TermInfo:
        return self._columns.make_term_info(fieldname, text)

    def doc_frequency(self, fieldname: str, text: bytes) -> int:
        return self._columns.doc_freq(fieldname, text)

    def matcher(self, fieldname: str, text: bytes, format_: Any, scorer: Any = None) -> PostingsMatcher:
        try:
            postings = self._columns.read(fieldname, text)
        except KeyError:
            raise TermNotFound(f"No term {fieldname}:{text!r}") from None
        return PostingsMatcher(postings, format_, scorer, (fieldname, text))

    def cursor(self, fieldname: str, fieldobj: Any) -> FieldCursor:
        return FieldCursor(self._columns, fieldname, fieldobj)

    def close(self) -> None:
        """Close the segment. The DocumentReader shares it; Whoosh closes both readers together."""
        self._columns.close()


class FieldCursor(base.FieldCursor):  # type: ignore[misc]  # Whoosh has no types
    """A cursor over the terms of one field. Whoosh's fuzzy queries move along it."""

    def __init__(self, columns: Columns, name: str, field: Any) -> None:
        self._columns, self._name, self._field = columns, name, field
        self._strings, self._numbers = columns.strings(name), columns.find_terms(name)
        self._index = 0

    def first(self) -> str | None:
        return self._move_to(0)

    def find(self, string: str | bytes) -> str | None:
        """Move to the first term that is not below ``string``."""
        term = string if isinstance(string, bytes) else self._field.to_bytes(string)
        return self._move_to(int(np.searchsorted(self._numbers, self._strings.find_lower_bound(term))))

    def next(self) -> str | None:
        return self._move_to(self._index + 1)

    def text(self) -> str | None:
        return self._strings[self._numbers[self._index]].decode() if self.is_valid() else None

    # The same method for Whoosh's MultiCursor, which calls it ``term``.
    term = text

    def term_info(self) -> TermInfo | None:
        text = self.text()
        return None if text is None else self._columns.make_term_info(self._name, text.encode())

    def is_valid(self) -> bool:
        return self._index < len(self._numbers)

    def _move_to(self, index: int) -> str | None:
        self._index = index
        return self.text()


class PostingsMatcher(LeafMatcher):  # type: ignore[misc]  # Whoosh has no types
    """Iterates over the postings of one term in one field."""

    def __init__(
        self, postings: FieldPostings, format_: Any, scorer: Any, term: tuple[str, bytes], index: int = 0
    ) -> None:
        self._postings, self.format, self.scorer, self._term = postings, format_, scorer, term
        self._docs, self._starts = postings.docs, postings.starts
        self._index = index

    def is_active(self) -> bool:
        return self._index < len(self._docs)

    def reset(self) -> None:
        self._index = 0

    def copy(self) -> PostingsMatcher:
        return PostingsMatcher(self._postings, self.format, self.scorer, self._term, self._index)

    def id(self) -> int:
        return self._docs[self._index]

    def next(self) -> None:
        self._index += 1

    def skip_to(self, id: int) -> None:
        self._index = bisect_left(self._docs, id, self._index)

    def weight(self) -> float:
        return float(self._starts[self._index + 1] - self._starts[self._index])

    def value(self) -> bytes:
        """The posting in Whoosh's own encoding."""
        encoded: bytes = self.format.encode(self._positions()) if self.supports("positions") else b""
        return encoded

    def value_as(self, astype: str) -> Any:
        # Span queries read positions posting by posting; returning them directly saves pickling and unpickling.
        return self._positions() if astype == "positions" else super().value_as(astype)

    def supports_block_quality(self) -> bool:
        """False for every scorer: Whoosh loses hits when it skips blocks of postings by their maximum score."""
        return False

    def max_quality(self) -> float:
        """No bound. Whoosh calls this even without block quality, and adds up the values of several matchers."""
        return math.inf

    def _positions(self) -> list[int]:
        start, end = self._starts[self._index], self._starts[self._index + 1]
        positions: list[int] = self._postings.positions[start:end].tolist()
        return positions
