"""The distinct words and terms of a segment, and their sorted dictionaries."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.analysis.schema import term_of
from index.engines.columns.format.sorted_strings import save_strings
from index.engines.columns.kernels.tokens import DROPPED

Save = Callable[[str, NDArray[Any]], None]


class SegmentVocabulary(dict[str, int]):
    """The number of each distinct word, exactly as spelled in the texts. Looking up a new word adds it.

    ``terms``: the number of each distinct term; ``word_terms[number]``: the term of a word, DROPPED for a stop word.
    Both kinds of numbers count in the order of first use. So the stemmer runs once for each distinct word.
    """

    def __init__(self) -> None:
        super().__init__()
        self.terms: dict[str, int] = {}
        self.word_terms = array.array("i")

    def __missing__(self, word: str) -> int:
        term = term_of(word)
        self.word_terms.append(DROPPED if term is None else self.terms.setdefault(term, len(self.terms)))
        self[word] = number = len(self)
        return number


class Dictionary(NamedTuple):
    """How the sorted dictionaries of a segment number its terms and words; int32 arrays.

    ``term_numbers``: by the number of a term in the vocabulary, its number among the sorted terms. ``word_numbers``: by
    the number of a word in the vocabulary, its number among the sorted lower-case words; DROPPED for a stop word.
    ``word_terms``: the sorted term of each sorted word.
    """

    term_numbers: NDArray[np.int32]
    word_numbers: NDArray[np.int32]
    word_terms: NDArray[np.int32]


def write_dictionary(save: Save, vocabulary: SegmentVocabulary) -> Dictionary:
    """Write the sorted terms, and the sorted lower-case words that prefix queries look up, with their terms."""
    term_numbers = _write_terms(save, vocabulary)
    lower = [
        word.lower().encode() if term >= 0 else None
        for word, term in zip(vocabulary, vocabulary.word_terms, strict=True)
    ]
    terms = {word: term for word, term in zip(lower, vocabulary.word_terms, strict=True) if word is not None}
    words = sorted(terms)
    save_strings(save, "words", words)
    word_terms = term_numbers[np.array([terms[word] for word in words], np.int64)]
    save("word_terms", word_terms)
    numbers = {word: number for number, word in enumerate(words)}
    word_numbers = np.array([DROPPED if word is None else numbers[word] for word in lower], np.int32)
    return Dictionary(term_numbers, word_numbers, word_terms)


def _write_terms(save: Save, vocabulary: SegmentVocabulary) -> NDArray[np.int32]:
    """Write the terms, sorted as UTF-8; returns their new numbers."""
    terms = sorted((term.encode(), number) for term, number in vocabulary.terms.items())
    term_numbers = np.empty(len(terms), np.int32)
    term_numbers[[number for _, number in terms]] = np.arange(len(terms), dtype=np.int32)
    save_strings(save, "terms", [term for term, _ in terms])
    return term_numbers
