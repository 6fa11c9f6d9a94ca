"""The arrays of postings that kernels read, and searching in sorted lists of documents.

The postings of a term are a range of these arrays, one posting per document, ascending. Arguments of all kernels:
``docs`` are ascending document numbers, int32. ``out_*`` are buffers with room for all results; the kernel returns how
many entries it wrote. ``term_rows``, float64, has a row for each term of a query: document frequency, begin and end of
its postings, idf, title idf.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from index.engines.columns.kernels.signatures import FLOAT32_ARRAY, INT32_ARRAY, UINT8_ARRAY, UINT32_ARRAY, tuple_of

# A position is stored in a uint32 as field number and word number in that field, so consecutive words have consecutive
# positions.
FIELD_SHIFT = 28
POSITION_MASK = (1 << FIELD_SHIFT) - 1
MAX_FIELDS = 8  # a posting has a bit for each field


class ImpactArrays(NamedTuple):
    """For each posting: the document, the bits of its fields, and the BM25 impact without idf in the whole text and in
    the title."""

    docs: NDArray[np.int32]
    fields: NDArray[np.uint8]
    text_impacts: NDArray[np.float32]
    title_impacts: NDArray[np.float32]


class PositionArrays(NamedTuple):
    """For each posting: the document, the bits of its fields, and where its positions begin in ``positions``; the next
    offset is their end."""

    docs: NDArray[np.int32]
    fields: NDArray[np.uint8]
    offsets: NDArray[np.uint32]
    positions: NDArray[np.uint32]


IMPACT_ARRAYS = tuple_of(INT32_ARRAY, UINT8_ARRAY, FLOAT32_ARRAY, FLOAT32_ARRAY)
POSITION_ARRAYS = tuple_of(INT32_ARRAY, UINT8_ARRAY, UINT32_ARRAY, UINT32_ARRAY)


@njit(cache=True, nogil=True)
def gallop(docs, low, high, target):
    """The first index in the ascending ``docs[low:high]`` whose entry is at least ``target``; ``high`` if there is
    none."""
    if low >= high or docs[low] >= target:
        return low
    step = 1
    while low + step < high and docs[low + step] < target:
        low += step
        step <<= 1
    high = min(high, low + step)
    while low + 1 < high:
        middle = (low + high) >> 1
        if docs[middle] < target:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True, nogil=True)
def advance(at, ends, docs, doc):
    """Move every list but the first to ``doc``: list ``i`` is at index ``at[i]`` and ends at ``ends[i]``.

    Returns ``doc`` if all lists contain it, the next document of the first list that does not, or -1 if a list is
    exhausted.
    """
    for i in range(1, len(at)):
        at[i] = gallop(docs, at[i], ends[i], doc)
        if at[i] >= ends[i]:
            return -1
        if docs[at[i]] != doc:
            return docs[at[i]]
    return doc
