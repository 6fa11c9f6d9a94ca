"""The encoded hits of a segment, and the tokens of its texts for highlighting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.deadline import Deadline
from index.engines.columns.format.array_file import map_file
from index.engines.columns.format.layout import STORED_HITS
from index.engines.columns.format.sorted_strings import SortedStrings
from index.engines.columns.kernels.highlight import HitArrays
from index.engines.columns.segment.budgets import TERMS


class StoredHits:
    """What StoredHitWriter wrote. ``arrays``: the fields of kernels.highlight.HitArrays as a plain tuple."""

    def __init__(self, directory: Path, read: Callable[[str], NDArray[Any]], words: SortedStrings) -> None:
        self._stored = map_file(directory / STORED_HITS)
        names = ("answer_starts", "answer_parts", "token_starts", "token_counts", "token_words", "token_gaps",
                 "token_sizes", "token_long", "word_terms")  # fmt: skip
        arrays = HitArrays(np.frombuffer(self._stored, np.uint8), *map(read, names))
        self._starts, self._parts = arrays.starts, arrays.parts
        self.arrays = tuple(arrays)  # which kernels take
        # A binary search for a prefix in 100,000 words takes 20 µs.
        self.find_words = TERMS.cached(partial(_find_words, words))

    def read_hits(self, numbers: NDArray[np.int64], deadline: Deadline) -> list[bytes]:
        """The result of ``encode_hit`` for each document, as bytes of JSON. Raises QueryTimeout."""
        stored, starts, sizes = self._stored, self._starts[numbers].tolist(), self._parts[numbers, 0].tolist()
        deadline.spend(sum(sizes))
        return [stored[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def _find_words(words: SortedStrings, prefix: str) -> tuple[int, int]:
    """The numbers of the words that begin with ``prefix``: the first one, and the end (exclusive)."""
    try:
        found = words.find_prefix(prefix.encode())
    except UnicodeEncodeError:  # a lone surrogate, which no document has
        return 0, 0
    return found.start, found.stop
