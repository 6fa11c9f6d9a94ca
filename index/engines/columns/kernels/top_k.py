"""The first k of many entries, without sorting all of them."""

from __future__ import annotations

from numba import njit

from index.engines.columns.kernels.signatures import (
    FLOAT32_ARRAY,
    INT32_ARRAY,
    INT64,
    OUT_FLOAT32_ARRAY,
    OUT_INT32_ARRAY,
    OUT_INT64_ARRAY,
    kernel,
)

# This many scores are compared as a block before any is looked at by itself.
_BLOCK = 64


@njit(cache=True, nogil=True)
def _is_better(value, number, other_value, other_number):
    return value > other_value or (value == other_value and number < other_number)


@njit(cache=True, nogil=True)
def insert(number, value, n, out_numbers, out_values):
    """Insert an entry among the ``n`` best so far, unless the buffers are full of better ones. Returns the new ``n``.

    Entries are ordered by descending value, then ascending number.
    """
    room = len(out_numbers)
    if n == room and (not room or not _is_better(value, number, out_values[n - 1], out_numbers[n - 1])):
        return n
    at = n if n < room else n - 1
    while at > 0 and _is_better(value, number, out_values[at - 1], out_numbers[at - 1]):
        out_values[at] = out_values[at - 1]
        out_numbers[at] = out_numbers[at - 1]
        at -= 1
    out_values[at] = value
    out_numbers[at] = number
    return min(n + 1, room)


@kernel([
    (INT32_ARRAY, FLOAT32_ARRAY, INT64, OUT_INT32_ARRAY, OUT_FLOAT32_ARRAY),
    (INT32_ARRAY, INT32_ARRAY, INT64, OUT_INT32_ARRAY, OUT_INT32_ARRAY),
])  # fmt: skip
def select_top_k(numbers, values, k, out_numbers, out_values):
    """The ``k`` entries of highest value, ties by lowest number, in that order; the input has any order."""
    n = 0
    for start in range(0, len(numbers), _BLOCK):
        end = min(start + _BLOCK, len(numbers))
        if n == k:
            # Most blocks hold nothing good enough. This loop without branches finds out.
            good = 0
            for i in range(start, end):
                good += values[i] >= out_values[k - 1]
            if not good:
                continue
        for i in range(start, end):
            n = insert(numbers[i], values[i], n, out_numbers[:k], out_values[:k])
    return n


@kernel([(INT32_ARRAY, INT32_ARRAY, INT64, OUT_INT64_ARRAY)])
def select_lowest_ranks(docs, ranks, k, out_indexes):
    """The indexes in ``docs`` of the ``k`` documents of lowest rank, in that order; ranks are distinct."""
    n = 0
    for i in range(len(docs)):
        rank = ranks[docs[i]]
        if n == k and rank >= ranks[docs[out_indexes[n - 1]]]:
            continue
        at = n if n < k else k - 1
        while at > 0 and ranks[docs[out_indexes[at - 1]]] > rank:
            out_indexes[at] = out_indexes[at - 1]
            at -= 1
        out_indexes[at] = i
        n = min(n + 1, k)
    return n
