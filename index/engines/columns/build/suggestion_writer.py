"""Writes the suggestions of a segment as arrays: the titles of its stories, and the queries that its words make.

A query is one word, or two words that are neighbours in titles. For the arrays ``NAME_tokens`` and ``NAME_suffixes``
see kernels/suffixes.py; ``NAME_starts`` has the first token of each text. Titles are in the order of document numbers,
newest first.
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
# A segment with this many titles keeps only pairs that occur in MIN_TITLES of them: 97,000 of the 1.2 million pairs in
# 228,612 titles. A smaller segment keeps all pairs, because the others of the same pair may be in other segments.
_LARGE = 10_000
_CHUNK = 1 << 20  # tokens counted at a time


def write_suggestions(
    save: Save,
    order: NDArray[np.int64],
    tokens: NDArray[np.int32],
    counts: NDArray[np.int32],
    spelled: Sequence[str],
    word_numbers: NDArray[np.int32],
    doc_freqs: NDArray[np.int64],
) -> None:
    """Write all suggestions of a segment.

    ``order[n]``: the document, by order of arrival, that gets the number n. ``tokens``: the words of all documents as
    numbers of ``spelled``; negative numbers are no words. ``counts[d, f]``: how many tokens field f of document d has;
    field 0 is the title. ``word_numbers``: for each of ``spelled`` its number among the sorted lower-case words, or
    negative for a stop word. ``doc_freqs``: the number of documents that each sorted word finds.
    """
    words = [""] * len(doc_freqs)
    stop_words = []
    # Each stop word gets a negative number of its own.
    numbers = word_numbers.copy()
    for spelled_number, word in enumerate(spelled):
        if word_numbers[spelled_number] >= 0:
            words[word_numbers[spelled_number]] = word.lower()
        else:
            stop_words.append(word)
            numbers[spelled_number] = -len(stop_words)
    occurrences = np.zeros(len(words), np.int64)
    for start in range(0, len(tokens), _CHUNK):
        chunk = tokens[start : start + _CHUNK]
        chunk = numbers[chunk[chunk >= 0]]
        occurrences += np.bincount(chunk[chunk >= 0], minlength=len(words))
    sizes = counts.sum(axis=1, dtype=np.int64)
    lengths = counts[order, 0].astype(np.int64)
    # From an index among the tokens of all titles to one in ``tokens``.
    shifts = (np.cumsum(sizes) - sizes)[order] - (np.cumsum(lengths) - lengths)
    title_indexes = np.repeat(shifts, lengths) + np.arange(lengths.sum())
    SegmentTexts(words, stop_words, doc_freqs, occurrences, numbers[tokens[title_indexes]], lengths).save(save)


class SegmentTexts:
    """The texts that a segment suggests from.

    ``words``: the sorted lower-case words; for each ``doc_freqs``, the number of documents it finds, and
    ``occurrences``, the number of its uses. ``titles``: the numbers of the words of all titles, by document number; a
    stop word has the number -1 - i for ``stop_words[i]``. ``lengths``: the number of words of each title.
    """

    def __init__(
        self,
        words: Sequence[str],
        stop_words: Sequence[str],
        doc_freqs: NDArray[np.int64],
        occurrences: NDArray[np.int64],
        titles: NDArray[np.int32],
        lengths: NDArray[np.int64],
    ) -> None:
        self._words, self._doc_freqs, self._occurrences = words, doc_freqs, occurrences
        self._titles, self._lengths = titles, lengths
        # Single letters, like the "s" of "Reuters's", make no query, neither alone nor in a pair.
        # The last entry is for stop words, whose numbers are negative.
        self._is_long = np.array([*[len(word) > 1 for word in words], False], bool)
        folds = [fold_word(word) for word in words]
        stop_folds = [fold_word(word.lower()) for word in stop_words]
        self._sorted_folds = sorted({*folds, *stop_folds}, key=str.encode)
        numbers = {fold: number for number, fold in enumerate(self._sorted_folds, 1)}
        # The number of the fold of each word. Stop words are at the end in reverse order: -1 is the last index.
        self._fold_numbers = np.array([numbers[fold] for fold in [*folds, *reversed(stop_folds)]], np.int32)

    def save(self, save: Save) -> None:
        save_strings(save, "folds", [fold.encode() for fold in self._sorted_folds])
        _save_texts(save, "titles", self._fold_numbers[self._titles], self._lengths)
        self._save_queries(save)

    def _save_queries(self, save: Save) -> None:
        """Write words and pairs, by weight (highest first), then occurrences (most first), then text."""
        single = np.flatnonzero((self._doc_freqs > 0) & self._is_long[:-1])
        first, second, title_counts = self._count_pairs()
        firsts = np.concatenate([single, first])
        seconds = np.concatenate([np.full(len(single), -1), second])
        weights = np.concatenate([self._doc_freqs[single], title_counts])
        occurrences = np.concatenate([self._occurrences[single], title_counts])
        order = np.lexsort((seconds, firsts, -occurrences, -weights))
        pairs = np.stack([firsts, seconds], axis=1)[order].astype(np.int32)
        save("queries_words", pairs)
        save("queries_sorted", np.lexsort((pairs[:, 1], pairs[:, 0])).astype(np.int32))
        save("queries_weights", weights[order].astype(np.int32))
        save("word_typed", np.minimum(self._occurrences, np.iinfo(np.int32).max).astype(np.int32))
        present = pairs >= 0
        _save_texts(save, "queries", self._fold_numbers[pairs[present]], present.sum(axis=1))

    def _count_pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The pairs of words that are neighbours in titles: first word, second word, number of titles."""
        titles, word_count = self._titles, len(self._words)
        docs = np.repeat(np.arange(len(self._lengths), dtype=np.int32), self._lengths)
        is_long = self._is_long[np.maximum(titles, -1)]
        starts = np.flatnonzero(is_long[:-1] & is_long[1:] & (docs[:-1] == docs[1:]))
        keys = titles[starts].astype(np.int64) * word_count + titles[starts + 1]
        min_titles = MIN_TITLES if len(self._lengths) >= _LARGE else 1
        if min_titles > 1:
            # Most pairs occur once. Dropping them here saves sorting them below, where a title counts a pair once.
            distinct, uses = np.unique(keys, return_counts=True)
            frequent = np.append(distinct[uses >= min_titles], np.iinfo(np.int64).max)
            is_frequent = frequent[np.searchsorted(frequent, keys)] == keys
            keys, starts = keys[is_frequent], starts[is_frequent]
        order = np.lexsort((docs[starts], keys))
        keys, pair_docs = keys[order], docs[starts][order]
        is_first_in_title = np.ones(len(keys), bool)
        is_first_in_title[1:] = (keys[1:] != keys[:-1]) | (pair_docs[1:] != pair_docs[:-1])
        distinct, title_counts = np.unique(keys[is_first_in_title], return_counts=True)
        distinct, title_counts = distinct[title_counts >= min_titles], title_counts[title_counts >= min_titles]
        return distinct // max(1, word_count), distinct % max(1, word_count), title_counts


def _save_texts(save: Save, name: str, words: NDArray[np.int32], lengths: NDArray[np.int64]) -> None:
    """Write texts given as numbers of words, one text after the other, each with ``lengths`` words."""
    tokens, starts = close_texts(words, lengths)
    save(f"{name}_tokens", tokens)
    save(f"{name}_starts", starts)
    save(f"{name}_suffixes", sort_suffixes(tokens))
