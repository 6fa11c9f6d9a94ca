"""The values that documents have of a facet, in three ways: by document, by value, and the sets of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class FacetColumn:
    """Each document has a set of values, and each set a number: that of code ``c`` alone is ``c``, the empty one
    ``len(values)``, those of several come after it. Nearly all documents have one value or none, so that to count
    them is to count one number a document."""

    def __init__(self, read: Callable[[str], NDArray[Any]], name: str, values: list[str]) -> None:
        self.values = values
        self.numbers = {value: code for code, value in enumerate(values)}
        self.sets = read(f"facet_{name}_sets")
        self.set_starts, self.set_codes = read(f"facet_{name}_set_starts"), read(f"facet_{name}_set_codes")
        self.size = len(values) + len(self.set_starts)  # how many sets there are
        self._doc_starts, self._docs = read(f"facet_{name}_doc_starts"), read(f"facet_{name}_docs")

    def find_documents(self, values: Iterable[str]) -> NDArray[np.int32]:
        """The documents that have one of ``values``, ascending."""
        starts = self._doc_starts
        codes = [self.numbers[value] for value in values if value in self.numbers]
        lists = [self._docs[starts[code] : starts[code + 1]] for code in codes]
        if len(lists) == 1:
            return lists[0]
        found = np.unique(np.concatenate([*lists, np.empty(0, np.int32)]))
        # As the slices of mapped files are: the kernels are compiled for one kind of array.
        found.flags.writeable = False
        return found

    def count_documents(self, deleted: NDArray[np.uint8] | None) -> NDArray[np.int64]:
        """How many documents have each value; ``deleted`` marks with 1 those that do not count."""
        if deleted is None:
            return np.diff(self._doc_starts).astype(np.int64)
        live = np.concatenate([[0], np.cumsum(deleted[self._docs] == 0)])[self._doc_starts]
        counts: NDArray[np.int64] = np.diff(live)
        return counts


def make_facet_arrays(sizes: NDArray[np.int64], codes: NDArray[np.int32], count: int) -> Mapping[str, NDArray[Any]]:
    """What FacetColumn reads, by the end of its name. ``sizes``: how many values each document has; ``codes``: these,
    one document after the other; ``count``: how many values there are."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    sets = np.full(len(sizes), count, np.int32)
    single = sizes == 1
    sets[single] = codes[starts[:-1][single]]
    numbers: dict[tuple[int, ...], int] = {}
    for doc in np.flatnonzero(sizes > 1).tolist():
        own = tuple(sorted(codes[starts[doc] : starts[doc + 1]].tolist()))
        sets[doc] = count + 1 + numbers.setdefault(own, len(numbers))
    docs = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    held = np.bincount(codes, minlength=count)
    return {
        "sets": sets,
        "set_starts": np.concatenate([[0], np.cumsum([len(own) for own in numbers])]).astype(np.int32),
        "set_codes": np.array([code for own in numbers for code in own], np.int32),
        "doc_starts": np.concatenate([[0], np.cumsum(held)]).astype(np.int32),
        "docs": docs[np.argsort(codes, kind="stable")],
    }
