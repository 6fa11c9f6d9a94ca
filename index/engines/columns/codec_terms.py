"""The terms of a segment as Whoosh wants them: dictionary, statistics, and postings of one field at a time, which the
lists of several fields hold together."""

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
_POSITION = (1 << FIELD_SHIFT) - 1
# Whoosh asks for a term's postings several times in one query: statistics first, then the matcher. These may be large,
# 40 bytes a document; only Whoosh's own tools read an index through this module, and no request does.
_REMEMBERED = 64


class FieldPostings(NamedTuple):
    """A term in one field: document ``docs[i]`` has it at the positions from ``starts[i]`` to ``starts[i + 1]``."""

    docs: list[int]
    starts: list[int]
    positions: NDArray[np.uint32]


class Columns:
    """An open segment, told apart by field where its lists hold several."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.names = sorted((ID, *self.segment.field_numbers))
        self.read = lru_cache(maxsize=_REMEMBERED)(self._read)
        self.find_terms = lru_cache(maxsize=len(self.names))(self._find_terms)

    def strings(self, name: str) -> SortedStrings:
        return self.segment.ids if name == ID else self.segment.terms

    def postings(self, name: str) -> tuple[Postings, int]:
        """The lists that a field shares with others, and its own number there."""
        number = self.segment.field_numbers[name]
        return self.segment.text if self.segment.fields[number].default else self.segment.labels, number

    def _find_terms(self, name: str) -> NDArray[np.int64]:
        """The numbers of the terms that a field has, ascending."""
        if name == ID:
            return np.arange(len(self.segment.ids))
        postings, number = self.postings(name)
        before = np.concatenate([[0], np.cumsum(postings.fields & (1 << number) != 0)])
        return np.flatnonzero(np.diff(before[postings.starts]))

    def count(self, name: str, term: bytes) -> int:
        """How many documents have a term, deleted ones included."""
        if name == ID:
            return int(self.segment.ids.find(term) is not None)
        postings, number = self.postings(name)
        begin, end = postings.span(self.segment.terms.find(term))
        return int(np.count_nonzero(postings.fields[begin:end] & (1 << number)))

    def _read(self, name: str, term: bytes) -> FieldPostings:
        """Raises KeyError where no document has the term."""
        if not self.count(name, term):
            raise KeyError((name, term))
        if name == ID:
            return FieldPostings(
                [int(self.segment.id_docs[self.segment.ids.find(term)])], [0, 1], np.zeros(1, np.uint32)
            )
        postings, number = self.postings(name)
        begin, end = postings.span(self.segment.terms.find(term))
        bounds = postings.position_offsets[begin : end + 1].astype(np.int64)
        positions = postings.positions[bounds[0] : bounds[-1]]
        own = positions >> FIELD_SHIFT == number
        # Where each document's places begin when those of other fields are left out.
        starts = np.concatenate([[0], np.cumsum(own)])[bounds - bounds[0]]
        held = np.flatnonzero(postings.fields[begin:end] & (1 << number))
        docs = postings.docs[begin:end][held]
        return FieldPostings(docs.tolist(), [*starts[held].tolist(), int(starts[-1])], positions[own] & _POSITION)

    def describe(self, name: str, term: bytes) -> TermInfo:
        """Whoosh's statistics of a term. Raises KeyError."""
        docs, starts, _ = self.read(name, term)
        lengths = self.segment.lengths[self.segment.field_numbers[name]][docs] if name != ID else np.zeros(1, int)
        most = float(np.diff(starts).max())
        return TermInfo(float(starts[-1]), len(docs), int(lengths.min()), int(lengths.max()), most, docs[0], docs[-1])

    def close(self) -> None:
        self.segment.close()
        self.__dict__.clear()


class TermsReader(base.TermsReader):  # type: ignore[misc]  # Whoosh has no types
    """The dictionary and the postings. Terms are UTF-8; a field's are in order, and fields by name."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def __contains__(self, term: tuple[str, bytes]) -> bool:
        return self._columns.count(*term) > 0

    def indexed_field_names(self) -> list[str]:
        return self._columns.names

    def terms(self) -> Iterator[tuple[str, bytes]]:
        return self.terms_from("", b"")

    def terms_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[str, bytes]]:
        """All terms from ``prefix`` on, and those of the fields after it, as Whoosh's own codec has it."""
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
        return self._columns.describe(fieldname, text)

    def doc_frequency(self, fieldname: str, text: bytes) -> int:
        return self._columns.count(fieldname, text)

    def matcher(self, fieldname: str, text: bytes, format_: Any, scorer: Any = None) -> PostingsMatcher:
        try:
            postings = self._columns.read(fieldname, text)
        except KeyError:
            raise TermNotFound(f"No term {fieldname}:{text!r}") from None
        return PostingsMatcher(postings, format_, scorer, (fieldname, text))

    def cursor(self, fieldname: str, fieldobj: Any) -> FieldCursor:
        return FieldCursor(self._columns, fieldname, fieldobj)

    def close(self) -> None:
        """Close the segment for the DocumentReader too: Whoosh's reader closes both."""
        self._columns.close()


class FieldCursor(base.FieldCursor):  # type: ignore[misc]  # Whoosh has no types
    """A place among the terms of one field: what fuzzy queries walk with."""

    def __init__(self, columns: Columns, name: str, field: Any) -> None:
        self._columns, self._name, self._field = columns, name, field
        self._strings, self._numbers = columns.strings(name), columns.find_terms(name)
        self._at = 0

    def first(self) -> str | None:
        return self._go(0)

    def find(self, string: str | bytes) -> str | None:
        """Go to the first term that is not below ``string``."""
        term = string if isinstance(string, bytes) else self._field.to_bytes(string)
        return self._go(int(np.searchsorted(self._numbers, self._strings.find_lower_bound(term))))

    def next(self) -> str | None:
        return self._go(self._at + 1)

    def text(self) -> str | None:
        return self._strings[self._numbers[self._at]].decode() if self.is_valid() else None

    # Whoosh's cursor over several segments calls it so.
    term = text

    def term_info(self) -> TermInfo | None:
        text = self.text()
        return None if text is None else self._columns.describe(self._name, text.encode())

    def is_valid(self) -> bool:
        return self._at < len(self._numbers)

    def _go(self, at: int) -> str | None:
        self._at = at
        return self.text()


class PostingsMatcher(LeafMatcher):  # type: ignore[misc]  # Whoosh has no types
    """Walks over one term's postings."""

    def __init__(
        self, postings: FieldPostings, format_: Any, scorer: Any, term: tuple[str, bytes], at: int = 0
    ) -> None:
        self._postings, self.format, self.scorer, self._term = postings, format_, scorer, term
        self._docs, self._starts = postings.docs, postings.starts
        self._at = at

    def is_active(self) -> bool:
        return self._at < len(self._docs)

    def reset(self) -> None:
        self._at = 0

    def copy(self) -> PostingsMatcher:
        return PostingsMatcher(self._postings, self.format, self.scorer, self._term, self._at)

    def id(self) -> int:
        return self._docs[self._at]

    def next(self) -> None:
        self._at += 1

    def skip_to(self, id: int) -> None:
        self._at = bisect_left(self._docs, id, self._at)

    def weight(self) -> float:
        return float(self._starts[self._at + 1] - self._starts[self._at])

    def value(self) -> bytes:
        """The posting as Whoosh would have stored it."""
        encoded: bytes = self.format.encode(self._positions()) if self.supports("positions") else b""
        return encoded

    def value_as(self, astype: str) -> Any:
        # Spans ask for positions posting by posting: nothing has to be pickled for them and read again.
        return self._positions() if astype == "positions" else super().value_as(astype)

    def supports_block_quality(self) -> bool:
        """No, whatever the scorer: skipping postings that cannot score enough is where Whoosh loses hits."""
        return False

    def max_quality(self) -> float:
        """Whoosh asks nevertheless, and adds up what its matchers of many words say as their maximum."""
        return math.inf

    def _positions(self) -> list[int]:
        positions: list[int] = self._postings.positions[self._starts[self._at] : self._starts[self._at + 1]].tolist()
        return positions
