"""Finds texts by the beginning of any of their words; kernels/suffixes.py describes the arrays."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.analysis.folding import TypedText, fold_text
from index.engines.columns.format.sorted_strings import SortedStrings, save_strings
from index.engines.columns.kernels.suffixes import INNER, close_texts, find_span, select_lowest, sort_suffixes
from index.engines.columns.segment.budgets import TERMS
from index.engines.columns.segment.fuzzy_terms import WordsByLength

Read = Callable[[str], NDArray[Any]]
# Whether a text begins with the query (else one of its later words does), and the number of the text.
TextMatch = tuple[bool, int]
# To keep more suffixes than this, sorting the whole range is faster than inserting them one by one.
_MAX_KEPT = 1_000


class PhrasePrefix(Struct, frozen=True):
    """A ``TypedText`` as word numbers: the words ``whole``, then a word in ``[low, high)``."""

    whole: NDArray[np.int32]
    low: int
    high: int


class FoldedWords:
    """The folded words of some texts, sorted and numbered from 1. ``find`` returns the PhrasePrefix of a TypedText, or
    None if one of its words occurs nowhere; it is cached, because titles and queries ask for the same."""

    def __init__(self, read: Read) -> None:
        self.find = TERMS.cached(partial(_find, SortedStrings(read, "folds")))


def _find(folds: SortedStrings, typed: TypedText) -> PhrasePrefix | None:
    """None if a word occurs nowhere."""
    try:
        *whole, last = [word.encode() for word in typed.words]
    except UnicodeEncodeError:  # a lone surrogate, which no text has
        return None
    numbers = []
    for word in whole:
        number = folds.find(word)
        if number is None:
            return None
        numbers.append(number + 1)
    ends = folds.find_prefix(last)
    if typed.closed and ends:
        # The word itself, if it is there, is the first of those that begin with it.
        ends = ends[:1] if folds[ends.start] == last else range(0)
    return PhrasePrefix(np.array(numbers, np.int32), ends.start + 1, ends.stop + 1) if ends else None


class TextPrefixIndex:
    """Finds texts, numbered from the best on, by the beginnings of their words."""

    def __init__(self, read: Read, name: str) -> None:
        self._tokens, self._suffixes = read(f"{name}_tokens"), read(f"{name}_suffixes")
        self._starts = read(f"{name}_starts").data

    def iter_matches(self, wanted: PhrasePrefix, first: int) -> Iterator[TextMatch]:
        """Each matching text once: those that begin with the query, then the others, each the best first. Finds
        ``first`` suffixes at once, then four times as many each time."""
        seen: set[int] = set()
        begin, end = find_span(self._tokens, self._suffixes, wanted.whole, wanted.low, wanted.high)
        suffixes = self._suffixes[begin:end]
        done, size = 0, min(first, len(suffixes))
        while done < size:
            if size > _MAX_KEPT:
                suffixes, size = np.sort(suffixes), len(suffixes)
            found = np.empty(size, np.uint32)
            n = select_lowest(self._tokens, suffixes, wanted.whole, wanted.low, wanted.high, size, found)
            for value, number in self._find_numbers(found[done:n]):
                if number not in seen:
                    seen.add(number)
                    yield value < INNER, number
            # Scan the range again for four times as many.
            done, size = (size, min(4 * size, len(suffixes))) if n == size else (size, size)

    def _find_numbers(self, suffixes: NDArray[np.uint32]) -> Iterator[tuple[int, int]]:
        """Each suffix with the number of its text; of neighbours in the same text only the first if there are many."""
        if len(suffixes) <= _MAX_KEPT:
            return ((value, bisect_right(self._starts, value & ~INNER) - 1) for value in suffixes.tolist())
        numbers = np.searchsorted(self._starts, (suffixes & np.uint32(INNER - 1)).astype(np.int32), "right")
        fresh = np.ones(len(numbers), np.bool_)
        fresh[1:] = numbers[1:] != numbers[:-1]
        return zip(suffixes[fresh].tolist(), (numbers[fresh] - 1).tolist(), strict=True)


class SegmentSuggestions:
    """The suggestions of a segment: ``titles`` by document, ``queries`` by weight; see suggestion_writer.py."""

    def __init__(self, read: Read) -> None:
        self.folds = FoldedWords(read)
        self.titles, self.queries = TextPrefixIndex(read, "titles"), TextPrefixIndex(read, "queries")
        self.query_words, self._sorted = read("queries_words"), read("queries_sorted")
        self.query_weights, self.word_occurrences = read("queries_weights"), read("word_typed")
        self.words = WordsByLength(SortedStrings(read, "words"), self.word_occurrences)

    def find_query(self, first: int, second: int) -> int | None:
        """The number of the query with these words, or None; ``second`` is -1 for a single word."""
        wanted = [first, second]
        at = bisect_left(self._sorted.data, wanted, key=lambda number: self.query_words[number].tolist())
        number = int(self._sorted[at]) if at < len(self._sorted) else None
        return number if number is not None and self.query_words[number].tolist() == wanted else None


def index_texts(texts: Sequence[str]) -> tuple[FoldedWords, TextPrefixIndex]:
    """An index in memory of ``texts``, the best first."""
    words = [fold_text(text) for text in texts]
    folds = sorted({word for own in words for word in own}, key=str.encode)
    numbers = {fold: number for number, fold in enumerate(folds, 1)}
    arrays: dict[str, NDArray[Any]] = {}
    save_strings(arrays.__setitem__, "folds", [fold.encode() for fold in folds])
    flat = np.array([numbers[word] for own in words for word in own], np.int32)
    tokens, starts = close_texts(flat, np.array([len(own) for own in words], np.int64))
    arrays |= {"texts_tokens": tokens, "texts_starts": starts, "texts_suffixes": sort_suffixes(tokens)}
    return FoldedWords(arrays.__getitem__), TextPrefixIndex(arrays.__getitem__, "texts")
