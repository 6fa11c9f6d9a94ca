"""A suffix array over texts: finds texts by the beginning of any of their words.

``tokens``, int32: the word numbers of text after text, from 1 in sorted order, with a 0 after each text. Texts come
best first, so of two positions the lower one is the better. ``suffixes``, uint32: the positions of all words, sorted by
the word there and the next one. INNER is set if the position is not the beginning of a text, so the lowest numbers of a
range are the best suggestions: texts that begin with the words, then the others, each the best first.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from index.engines.columns.kernels.signatures import INT32_ARRAY, INT64, OUT_UINT32_ARRAY, UINT32_ARRAY, kernel

INNER = 1 << 31
_POSITION_MASK = INNER - 1


def close_texts(words: NDArray[np.int32], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The ``tokens`` of texts and the position at which each text begins. ``words``: the words of text after text;
    ``lengths``: how many each text has."""
    starts = np.concatenate([[0], np.cumsum(lengths + 1)])
    tokens = np.zeros(starts[-1], np.int32)
    tokens[np.arange(len(words)) + np.repeat(np.arange(len(lengths)), lengths)] = words
    return tokens, starts.astype(np.int32)


def sort_suffixes(tokens: NDArray[np.int32]) -> NDArray[np.uint32]:
    """The ``suffixes`` of ``tokens``."""
    following = np.append(tokens[1:], np.int32(0))
    positions = np.flatnonzero(tokens)
    keys = (tokens[positions].astype(np.uint64) << np.uint64(32)) | following[positions].astype(np.uint64)
    inner = np.concatenate([[False], tokens[:-1] != 0])[positions]
    suffixes = positions.astype(np.uint32) | np.where(inner, np.uint32(INNER), np.uint32(0))
    return suffixes[np.argsort(keys)]


@njit(cache=True, nogil=True)
def _find_lower_bound(tokens, suffixes, first, second):
    """How many suffixes sort before the words ``first``, ``second``."""
    low, high = 0, len(suffixes)
    while low < high:
        middle = (low + high) >> 1
        position = suffixes[middle] & _POSITION_MASK
        word = tokens[position]
        if word < first or (word == first and tokens[position + 1] < second):
            low = middle + 1
        else:
            high = middle
    return low


@kernel([(INT32_ARRAY, UINT32_ARRAY, INT32_ARRAY, INT64, INT64)])
def find_span(tokens, suffixes, words, low, high):
    """The range ``(begin, end)`` of suffixes that start with ``words`` and then a word in ``[low, high)``. If there are
    more than two words, only the first two are compared."""
    size = len(words)
    if size == 0:
        return _find_lower_bound(tokens, suffixes, low, 0), _find_lower_bound(tokens, suffixes, high, 0)
    if size == 1:
        begin = _find_lower_bound(tokens, suffixes, words[0], low)
        return begin, _find_lower_bound(tokens, suffixes, words[0], high)
    begin = _find_lower_bound(tokens, suffixes, words[0], words[1])
    return begin, _find_lower_bound(tokens, suffixes, words[0], words[1] + 1)


@kernel([(INT32_ARRAY, UINT32_ARRAY, INT32_ARRAY, INT64, INT64, INT64, OUT_UINT32_ARRAY)])
def select_lowest(tokens, suffixes, words, low, high, k, out):
    """The ``k`` lowest of ``suffixes`` that start with ``words`` and then a word in ``[low, high)``, ascending.

    All ``suffixes`` start with the first two words, so only the others are compared. The input has any order.
    """
    size = len(words)
    n = 0
    for i in range(len(suffixes)):
        value = suffixes[i]
        if n == k and value > out[n - 1]:
            continue
        if size > 1:
            # A text ends with 0, which is no word, so nothing is read beyond its end.
            position = value & _POSITION_MASK
            at = 2
            while at < size and tokens[position + at] == words[at]:
                at += 1
            if at < size or not low <= tokens[position + size] < high:
                continue
        at = n if n < k else k - 1
        while at > 0 and out[at - 1] > value:
            out[at] = out[at - 1]
            at -= 1
        out[at] = value
        n = min(n + 1, k)
    return n
