"""How rare a word is in a whole collection: summed over its segments, deleted documents included until they are merged
away, as Lucene does it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from index.engines.columns.segment import Segment
from index.engines.scoring import TITLE_SHARE, rarity

# A plain word in one segment, as word_kernels.find_words takes it: length, begin and end of its list, idf, title idf.
Row = tuple[int, int, int, float, float]
_REMEMBERED = 20_000


class Statistics:
    """Of one collection. What was worked out once is remembered."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self.documents = sum(segment.size for segment in segments)
        self.rarities = lru_cache(maxsize=_REMEMBERED)(self._rarities)
        self.find_row = lru_cache(maxsize=_REMEMBERED)(self._find_row)
        self.expand_prefix = lru_cache(maxsize=1_000)(self._expand_prefix)
        self.rarities_in = lru_cache(maxsize=_REMEMBERED)(self._rarities_in)
        self.phrase_rarity = lru_cache(maxsize=_REMEMBERED)(self._phrase_rarity)

    def holding(self, term: str, *, text: bool = True) -> int:
        """How many documents have a term in the fields searched by default, or else in the others."""
        total = 0
        for segment in self._segments:
            begin, end = (segment.text if text else segment.labels).span(segment.find_term(term))
            total += end - begin
        return total

    def _find_row(self, segment: Segment, term: str) -> Row:
        """A term in one segment; of length 0 where it has none of it."""
        begin, end = segment.text.span(segment.find_term(term))
        return (end - begin, begin, end, *self.rarities(term))

    def _rarities(self, term: str) -> tuple[float, float]:
        """The idf of a term in the whole text, and its share of the title's idf."""
        titles = 0
        for segment in self._segments:
            number = segment.find_term(term)
            titles += 0 if number is None else int(segment.title_holding[number])
        return rarity(self.documents, self.holding(term)), TITLE_SHARE * rarity(self.documents, titles)

    def _rarities_in(self, term: str, mask: int, text: bool) -> tuple[float, float]:
        """The same where only the fields of ``mask`` are searched."""
        found = 0
        for segment in self._segments:
            postings = segment.text if text else segment.labels
            begin, end = postings.span(segment.find_term(term))
            found += int(np.count_nonzero(postings.fields[begin:end] & mask))
        return rarity(self.documents, found), self.rarities(term)[1]

    def _expand_prefix(self, segment: Segment, prefix: str) -> NDArray[np.int32]:
        """The terms of ``segment`` that words of any segment with this beginning have."""
        found = [segment.expand_prefix(prefix)]
        found += [_find_shared(segment, other, prefix) for other in self._segments if other is not segment]
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

    def _phrase_rarity(self, terms: tuple[str, ...], text: bool) -> float:
        """As rare as its words are together, which Lucene does too."""
        return sum(rarity(self.documents, self.holding(term, text=text)) for term in terms)


def _find_shared(segment: Segment, other: Segment, prefix: str) -> NDArray[np.int32]:
    """The terms of ``segment`` that words of ``other`` with this beginning have: looked up from the shorter list."""
    wanted = other.expand_prefix(prefix)
    if len(wanted) <= len(segment.terms):
        numbers = [segment.terms.find(other.terms[number]) for number in wanted.tolist()]
        return np.array([number for number in numbers if number is not None], np.int32)
    there = [other.terms.find(segment.terms[number]) for number in range(len(segment.terms))]
    return np.flatnonzero(np.isin([-1 if number is None else number for number in there], wanted)).astype(np.int32)
