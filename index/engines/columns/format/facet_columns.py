"""The values that documents have of a facet: by document, and by value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class FacetSets(NamedTuple):
    """The set of values of each document, as numbers, int32.

    With ``n`` values, the set of value ``c`` alone is number ``c`` and the empty set is number ``n``. Set ``n + 1 + i``
    has the values ``codes[starts[i]:starts[i + 1]]``. Nearly all documents have one value or none, so counting a
    document's values means counting one number.
    """

    by_document: NDArray[np.int32]
    starts: NDArray[np.int32]
    codes: NDArray[np.int32]


class FacetColumn:
    """A facet of a segment. ``values`` are its values by code, ``numbers`` the code of each value, ``size`` the number
    of different sets."""

    def __init__(self, read: Callable[[str], NDArray[Any]], name: str, values: list[str]) -> None:
        self.values = values
        self.numbers = {value: code for code, value in enumerate(values)}
        sets = FacetSets(read(f"facet_{name}_sets"), read(f"facet_{name}_set_starts"), read(f"facet_{name}_set_codes"))
        self.sets = tuple(sets)  # which kernels take
        self.size = len(values) + len(sets.starts)
        self._doc_starts, self._docs = read(f"facet_{name}_doc_starts"), read(f"facet_{name}_docs")

    def find_documents(self, values: Iterable[str]) -> NDArray[np.int32]:
        """The documents that have any of ``values``, ascending."""
        starts = self._doc_starts
        codes = [self.numbers[value] for value in values if value in self.numbers]
        lists = [self._docs[starts[code] : starts[code + 1]] for code in codes]
        if len(lists) == 1:
            return lists[0]
        docs = np.unique(np.concatenate([*lists, np.empty(0, np.int32)]))
        # Kernels are compiled for read-only arrays, as slices of mapped files are.
        docs.flags.writeable = False
        return docs

    def count_documents(self, deleted: NDArray[np.uint8] | None) -> NDArray[np.int64]:
        """The number of documents by value code, without those that ``deleted`` marks with 1."""
        if deleted is None:
            return np.diff(self._doc_starts).astype(np.int64)
        live = np.concatenate([[0], np.cumsum(deleted[self._docs] == 0)])[self._doc_starts]
        counts: NDArray[np.int64] = np.diff(live)
        return counts


def make_facet_arrays(sizes: NDArray[np.int64], codes: NDArray[np.int32], count: int) -> Mapping[str, NDArray[Any]]:
    """The arrays that FacetColumn reads, by the end of their names.

    ``sizes``: how many values each document has; ``codes``: these values, document after document; ``count``: how many
    values the facet has.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)])
    sets = np.full(len(sizes), count, np.int32)
    single = sizes == 1
    sets[single] = codes[starts[:-1][single]]
    numbers: dict[tuple[int, ...], int] = {}
    for doc in np.flatnonzero(sizes > 1).tolist():
        doc_codes = tuple(sorted(codes[starts[doc] : starts[doc + 1]].tolist()))
        sets[doc] = count + 1 + numbers.setdefault(doc_codes, len(numbers))
    docs = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    doc_freqs = np.bincount(codes, minlength=count)
    return {
        "sets": sets,
        "set_starts": np.concatenate([[0], np.cumsum([len(set_codes) for set_codes in numbers])]).astype(np.int32),
        "set_codes": np.array([code for set_codes in numbers for code in set_codes], np.int32),
        "doc_starts": np.concatenate([[0], np.cumsum(doc_freqs)]).astype(np.int32),
        "docs": docs[np.argsort(codes, kind="stable")],
    }
