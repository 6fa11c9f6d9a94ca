"""Document frequencies and idfs over all segments of a collection.

As in Lucene, deleted documents count until their segment is merged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.caching import FunctionCache
from index.engines.columns.segment.budgets import PREFIXES, TERMS
from index.engines.columns.segment.segment import Segment
from index.engines.scoring import TITLE_SHARE, idf

# A term in one segment, a row of ``term_rows`` of kernels: document frequency, begin and end of its postings, idf,
# title idf.
Row = tuple[int, int, int, float, float]


class Statistics:
    """Statistics of the terms of one collection; results are cached."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self.documents = sum(segment.size for segment in segments)
        self._rows = FunctionCache(self._find_row, TERMS)
        self._idfs = FunctionCache(self._compute_idfs, TERMS)
        self._idfs_in = FunctionCache(self._compute_idfs_in, TERMS)
        self._phrase_idfs = FunctionCache(self._compute_phrase_idf, TERMS)
        self._expanded = FunctionCache(self._expand_prefix, PREFIXES)

    def doc_freq(self, term: str, *, text: bool = True) -> int:
        """The number of documents with a term in the default fields or, without ``text``, in the others."""
        total = 0
        for segment in self._segments:
            begin, end = (segment.text if text else segment.labels).span(segment.find_term(term))
            total += end - begin
        return total

    def find_row(self, segment: Segment, term: str) -> Row:
        """The row of a term in one segment; its document frequency is 0 if the segment lacks it."""
        return self._rows[segment, term]

    def _find_row(self, key: tuple[Segment, str]) -> Row:
        segment, term = key
        begin, end = segment.text.span(segment.find_term(term))
        return (end - begin, begin, end, *self.idfs(term))

    def idfs(self, term: str) -> tuple[float, float]:
        """The idf of a term in the whole text, and its idf in the title times TITLE_SHARE."""
        return self._idfs[term]

    def _compute_idfs(self, term: str) -> tuple[float, float]:
        titles = 0
        for segment in self._segments:
            number = segment.find_term(term)
            titles += 0 if number is None else int(segment.title_doc_freqs[number])
        return idf(self.documents, self.doc_freq(term)), TITLE_SHARE * idf(self.documents, titles)

    def idfs_in(self, term: str, mask: int, text: bool) -> tuple[float, float]:
        """The idfs of a term if only the fields of ``mask`` are searched; ``text``: they belong to the group "text"."""
        return self._idfs_in[term, mask, text]

    def _compute_idfs_in(self, key: tuple[str, int, bool]) -> tuple[float, float]:
        term, mask, text = key
        found = 0
        for segment in self._segments:
            postings = segment.text if text else segment.labels
            begin, end = postings.span(segment.find_term(term))
            found += int(np.count_nonzero(postings.fields[begin:end] & mask))
        return idf(self.documents, found), self.idfs(term)[1]

    def expand_prefix(self, segment: Segment, prefix: str) -> NDArray[np.int32]:
        """The terms, in ``segment``, of all words of any segment that begin with ``prefix``."""
        return self._expanded[segment, prefix]

    def _expand_prefix(self, key: tuple[Segment, str]) -> NDArray[np.int32]:
        segment, prefix = key
        found = [segment.expand_prefix(prefix)]
        found += [_find_shared(segment, other, prefix) for other in self._segments if other is not segment]
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

    def phrase_idf(self, terms: tuple[str, ...], text: bool) -> float:
        """The sum of the idfs of its terms, as in Lucene."""
        return self._phrase_idfs[terms, text]

    def _compute_phrase_idf(self, key: tuple[tuple[str, ...], bool]) -> float:
        terms, text = key
        return sum(idf(self.documents, self.doc_freq(term, text=text)) for term in terms)


def _find_shared(segment: Segment, other: Segment, prefix: str) -> NDArray[np.int32]:
    """The terms, in ``segment``, of the words of ``other`` that begin with ``prefix``."""
    wanted = other.expand_prefix(prefix)
    if len(wanted) <= len(segment.terms):
        numbers = [segment.terms.find(other.terms[number]) for number in wanted.tolist()]
        return np.array([number for number in numbers if number is not None], np.int32)
    there = [other.terms.find(segment.terms[number]) for number in range(len(segment.terms))]
    return np.flatnonzero(np.isin([-1 if number is None else number for number in there], wanted)).astype(np.int32)
