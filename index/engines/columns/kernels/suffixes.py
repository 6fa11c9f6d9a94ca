"""Texts looked up by the beginning of any of their words: numbers of words, and all places where one begins, sorted.

``tokens``, int32: the words of text after text, numbered by their order from 1 on, a 0 after each text. Texts come best
first, so that of two places the lower one is the better. ``suffixes``, uint32: the places of all words, sorted by the
word there and the next one; INNER is set where the place is not the beginning of a text. The lowest numbers of a range
are therefore what is suggested: texts that begin so before the others, each the best first.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from index.engines.columns.kernels.postings import INTS, PLACES, N, kernel

INNER = 1 << 31
_PLACE = INNER - 1
_OUT_PLACES = types.uint32[::1]


def close_texts(words: NDArray[np.int32], lengths: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """``words`` of text after text with a 0 after each, and where each text begins."""
    starts = np.concatenate([[0], np.cumsum(lengths + 1)])
    tokens = np.zeros(starts[-1], np.int32)
    tokens[np.arange(len(words)) + np.repeat(np.arange(len(lengths)), lengths)] = words
    return tokens, starts.astype(np.int32)


def sort_suffixes(tokens: NDArray[np.int32]) -> NDArray[np.uint32]:
    """The suffixes of ``tokens``."""
    following = np.append(tokens[1:], np.int32(0))
    places = np.flatnonzero(tokens)
    keys = (tokens[places].astype(np.uint64) << np.uint64(32)) | following[places].astype(np.uint64)
    inner = np.concatenate([[False], tokens[:-1] != 0])[places]
    marked = places.astype(np.uint32) | np.where(inner, np.uint32(INNER), np.uint32(0))
    return marked[np.argsort(keys)]


@njit(cache=True, nogil=True)
def _find_lower_bound(tokens, suffixes, first, second):
    """How many suffixes are below the words ``first``, ``second``."""
    low, high = 0, len(suffixes)
    while low < high:
        middle = (low + high) >> 1
        place = suffixes[middle] & _PLACE
        word = tokens[place]
        if word < first or (word == first and tokens[place + 1] < second):
            low = middle + 1
        else:
            high = middle
    return low


@kernel([(INTS, PLACES, INTS, N, N)])
def find_span(tokens, suffixes, whole, low, high):
    """Where the suffixes begin and end that have the words ``whole`` and then one of ``[low, high)``. Of more than two
    words only the first two are looked at."""
    size = len(whole)
    if size == 0:
        return _find_lower_bound(tokens, suffixes, low, 0), _find_lower_bound(tokens, suffixes, high, 0)
    if size == 1:
        return _find_lower_bound(tokens, suffixes, whole[0], low), _find_lower_bound(tokens, suffixes, whole[0], high)
    begin = _find_lower_bound(tokens, suffixes, whole[0], whole[1])
    return begin, _find_lower_bound(tokens, suffixes, whole[0], whole[1] + 1)


@kernel([(INTS, PLACES, INTS, N, N, N, _OUT_PLACES)])
def select_lowest(tokens, suffixes, whole, low, high, k, out):
    """The ``k`` lowest of ``suffixes``, which have the first two words; the others are looked at. They come in any
    order; where they ascend each takes as long, however many are kept."""
    size = len(whole)
    n = 0
    for i in range(len(suffixes)):
        value = suffixes[i]
        if n == k and value > out[n - 1]:
            continue
        if size > 1:
            # A text ends in 0, which is no word, so nothing is read beyond its end.
            place = value & _PLACE
            at = 2
            while at < size and tokens[place + at] == whole[at]:
                at += 1
            if at < size or not low <= tokens[place + size] < high:
                continue
        at = n if n < k else k - 1
        while at > 0 and out[at - 1] > value:
            out[at] = out[at - 1]
            at -= 1
        out[at] = value
        n = min(n + 1, k)
    return n
