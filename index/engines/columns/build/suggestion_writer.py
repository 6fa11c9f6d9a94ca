"""What a segment suggests, as arrays: the titles of its stories, and the queries that its words make.

A query is a word, or two words that are neighbours in titles. See suffixes.py for ``NAME_tokens`` and
``NAME_suffixes``; ``NAME_starts`` says where each text begins. Titles are in the order of document numbers, newest
first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.analysis.folding import fold_word
from index.engines.columns.format.sorted_strings import save_strings
from index.engines.columns.kernels.suffixes import close_texts, sort_suffixes
from index.query.requests import MIN_TITLES

Save = Callable[[str, NDArray[Any]], None]
# A segment of this size keeps only the pairs that stand in MIN_TITLES of its own titles: of 1.2 million pairs of
# 228,612 titles 97,000. A smaller one keeps all, for other segments may have the rest.
_LARGE = 10_000
_CHUNK = 1 << 20  # tokens that are counted at once


def write_suggestions(
    save: Save,
    order: NDArray[np.int64],
    tokens: NDArray[np.int32],
    counts: NDArray[np.int32],
    spelled: Sequence[str],
    numbers: NDArray[np.int32],
    doc_freq: NDArray[np.int64],
) -> None:
    """Of a segment's ``tokens``, document after document as they came, ``counts[d, f]`` of field f, the title first:
    numbers of words as they stand, ``spelled`` so, and ends, below 0.

    ``order[n]`` is the document that gets number n; ``numbers`` lead from a word as it stands to the sorted words in
    lower case, below 0 for a stop word; ``doc_freq`` is how many documents each of these finds.
    """
    words = [""] * len(doc_freq)
    stops = []
    # Stop words get numbers below 0 of their own.
    lowered = numbers.copy()
    for number, word in enumerate(spelled):
        if numbers[number] >= 0:
            words[numbers[number]] = word.lower()
        else:
            stops.append(word)
            lowered[number] = -len(stops)
    occurrences = np.zeros(len(words), np.int64)
    for at in range(0, len(tokens), _CHUNK):
        found = tokens[at : at + _CHUNK]
        found = lowered[found[found >= 0]]
        occurrences += np.bincount(found[found >= 0], minlength=len(words))
    sizes = counts.sum(axis=1, dtype=np.int64)
    lengths = counts[order, 0].astype(np.int64)
    begins = (np.cumsum(sizes) - sizes)[order] - (np.cumsum(lengths) - lengths)
    places = np.repeat(begins, lengths) + np.arange(lengths.sum())
    SegmentTexts(words, stops, doc_freq, occurrences, lowered[tokens[places]], lengths).save(save)


class SegmentTexts:
    """``words``: those of a segment in lower case, sorted; for each ``doc_freq``, how many documents it finds, and
    ``occurrences``, how often it stands there. ``titles``: numbers of words, title after title in the order of
    documents, below 0 for stop words: -1 for the first of ``stops``; ``lengths`` of them."""

    def __init__(
        self,
        words: Sequence[str],
        stops: Sequence[str],
        doc_freq: NDArray[np.int64],
        occurrences: NDArray[np.int64],
        titles: NDArray[np.int32],
        lengths: NDArray[np.int64],
    ) -> None:
        self.words, self.doc_freq, self.occurrences = words, doc_freq, occurrences
        self.titles, self.lengths = titles, lengths
        # The "s" of "Reuters's" and other single letters make no query, alone or beside a word.
        # A last place for stop words, which are below 0.
        self._long = np.array([*[len(word) > 1 for word in words], False], bool)
        folds = [fold_word(word) for word in words]
        stop_folds = [fold_word(word.lower()) for word in stops]
        self._sorted = sorted({*folds, *stop_folds}, key=str.encode)
        numbers = {fold: number for number, fold in enumerate(self._sorted, 1)}
        # Stop words from the end: -1 is the last place of an array.
        both = [*folds, *reversed(stop_folds)]
        self._folds = np.array([numbers[fold] for fold in both], np.int32)

    def save(self, save: Save) -> None:
        save_strings(save, "folds", [fold.encode() for fold in self._sorted])
        _save_texts(save, "titles", self._folds[self.titles], self.lengths)
        self._save_queries(save)

    def _save_queries(self, save: Save) -> None:
        """Words and pairs: of greatest weight first, then typed most, then in order of their text."""
        single = np.flatnonzero((self.doc_freq > 0) & self._long[:-1])
        first, second, titles = self._count_pairs()
        firsts = np.concatenate([single, first])
        seconds = np.concatenate([np.full(len(single), -1), second])
        weights = np.concatenate([self.doc_freq[single], titles])
        occurrences = np.concatenate([self.occurrences[single], titles])
        order = np.lexsort((seconds, firsts, -occurrences, -weights))
        pairs = np.stack([firsts, seconds], axis=1)[order].astype(np.int32)
        save("queries_words", pairs)
        save("queries_sorted", np.lexsort((pairs[:, 1], pairs[:, 0])).astype(np.int32))
        save("queries_weights", weights[order].astype(np.int32))
        save("word_typed", np.minimum(self.occurrences, np.iinfo(np.int32).max).astype(np.int32))
        there = pairs >= 0
        _save_texts(save, "queries", self._folds[pairs[there]], there.sum(axis=1))

    def _count_pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Words that are neighbours in titles: the first, the second, how many titles have them."""
        words, count = self.titles, len(self.words)
        docs = np.repeat(np.arange(len(self.lengths), dtype=np.int32), self.lengths)
        long = self._long[np.maximum(words, -1)]
        near = np.flatnonzero(long[:-1] & long[1:] & (docs[:-1] == docs[1:]))
        keys = words[near].astype(np.int64) * count + words[near + 1]
        least = MIN_TITLES if len(self.lengths) >= _LARGE else 1
        if least > 1:
            # Most pairs stand once: gone before each title's own repetitions are told apart.
            found, times = np.unique(keys, return_counts=True)
            found = np.append(found[times >= least], np.iinfo(np.int64).max)
            kept = found[np.searchsorted(found, keys)] == keys
            keys, near = keys[kept], near[kept]
        order = np.lexsort((docs[near], keys))
        keys, own = keys[order], docs[near][order]
        fresh = np.ones(len(keys), bool)
        fresh[1:] = (keys[1:] != keys[:-1]) | (own[1:] != own[:-1])
        found, titles = np.unique(keys[fresh], return_counts=True)
        found, titles = found[titles >= least], titles[titles >= least]
        return found // max(1, count), found % max(1, count), titles


def _save_texts(save: Save, name: str, words: NDArray[np.int32], lengths: NDArray[np.int64]) -> None:
    tokens, starts = close_texts(words, lengths)
    save(f"{name}_tokens", tokens)
    save(f"{name}_starts", starts)
    save(f"{name}_suffixes", sort_suffixes(tokens))
