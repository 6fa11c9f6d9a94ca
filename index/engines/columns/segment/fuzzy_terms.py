"""Words within a few edits of another word."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from index.engines.columns.format.sorted_strings import SortedStrings


class WordsByLength:
    """The words of a segment by length, and how often each occurs. Decoding them takes 50 ms for 142,000 words, so it
    waits for the first use."""

    def __init__(self, words: SortedStrings, occurrences: NDArray[np.int32]) -> None:
        self._words, self._occurrences = words, occurrences

    @cached_property
    def _by_length(self) -> dict[int, tuple[list[str], list[int]]]:
        """The words of each length, and their numbers."""
        found: dict[int, tuple[list[str], list[int]]] = {}
        words = self._words
        for number in range(len(words)):
            word = words[number].decode()
            own = found.setdefault(len(word), ([], []))
            own[0].append(word)
            own[1].append(number)
        return found

    def find_fuzzy(self, word: str, distance: int) -> Iterator[tuple[str, int, int]]:
        """The words within ``distance`` edits (OSA) of ``word``: each with its distance and its number of occurrences
        in the segment."""
        for length in range(len(word) - distance, len(word) + distance + 1):
            words, numbers = self._by_length.get(length, ([], []))
            for near, edits, at in process.extract(word, words, scorer=OSA.distance, score_cutoff=distance, limit=None):
                yield near, int(edits), int(self._occurrences[numbers[at]])
