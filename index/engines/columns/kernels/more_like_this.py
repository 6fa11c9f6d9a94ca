"""The loops that find similar stories (index.engines.more_like_this), compiled by numba, as those of kernels.py are."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from index.engines.columns.format.layout import NO_TIME
from index.engines.columns.kernels.postings import (
    BYTES,
    FLAG,
    FLOATS,
    INTS,
    LONGS,
    OUT_BYTES,
    OUT_FLOATS,
    OUT_INTS,
    PLACES,
    ROWS,
    N,
    R,
    kernel,
)

_NO_TIME = np.int64(NO_TIME)
_NORMS = types.Array(types.float32, 2, "C", readonly=True)
# 1 + ln(tf) of the counts that occur: looked up in a tenth of the logarithm's time.
_LOGARITHMS = np.array([0.0] + [1 + math.log(count) for count in range(1, 256)], np.float32)


@kernel([(ROWS, INTS, BYTES, PLACES, _NORMS, OUT_FLOATS, OUT_BYTES, OUT_INTS)])
def add_likeness(rows, docs, fields, position_offsets, norms, sums, seen, touched):
    """Add up the likeness of each document that has one of some terms, as kernels.add_terms does scores.

    ``rows``, float64: for each term the length of its list, where it begins and ends in ``docs``, its weight in the
    whole text and in the title. ``norms[doc]``: one over the lengths of the document's two vectors.
    """
    n = 0
    for i in range(len(rows)):
        whole, title = np.float32(rows[i, 3]), np.float32(rows[i, 4])
        for p in range(int(rows[i, 1]), int(rows[i, 2])):
            doc = docs[p]
            count = position_offsets[p + 1] - position_offsets[p]
            share = _LOGARITHMS[count] if count < 256 else np.float32(1 + math.log(count))
            touched[n] = doc
            n += seen[doc] == 0
            seen[doc] = 1
            sums[doc] += whole * share * norms[doc, 0] + title * np.float32(fields[p] & 1) * norms[doc, 1]
    return n


@kernel([(INTS, FLOATS, LONGS, FLAG, N, N, R, OUT_FLOATS)])
def weigh_distance(docs, scores, published, dated, time, scale, floor, out):
    """Scores times index.engines.more_like_this.weigh_distance; ``time`` counts only if the story is ``dated``."""
    for i in range(len(docs)):
        weight = 1.0
        if dated:
            weight = floor
            own = published[docs[i]]
            if own != _NO_TIME:
                weight += (1 - floor) * scale / (abs(own - time) + scale)
        out[i] = scores[i] * weight


@kernel([(INTS, INTS, INTS, OUT_FLOATS)])
def add_squares(docs, counts, titles, squares):
    """Add to ``squares``, two a document, what each posting adds to the squared lengths of the document's vectors."""
    for p in range(len(docs)):
        if counts[p]:
            share = 1 + math.log(counts[p])
            squares[2 * docs[p]] += share * share
        squares[2 * docs[p] + 1] += titles[p] > 0
