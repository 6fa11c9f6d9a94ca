"""Stories that are like a story, by cosine similarity; index.engines.more_like_this describes the formula."""

from __future__ import annotations

import math

import numpy as np

from index.engines.columns.format.layout import NO_TIME
from index.engines.columns.kernels.disjunction import ACCUMULATOR
from index.engines.columns.kernels.postings import POSITION_ARRAYS
from index.engines.columns.kernels.signatures import (
    BOOLEAN,
    FLOAT32_ARRAY,
    FLOAT32_MATRIX,
    FLOAT64,
    FLOAT64_MATRIX,
    INT32_ARRAY,
    INT64,
    INT64_ARRAY,
    OUT_FLOAT32_ARRAY,
    kernel,
)

_NO_TIME = np.int64(NO_TIME)
# 1 + ln(tf) of small term frequencies: a look-up takes a tenth of the logarithm's time.
_LOGARITHMS = np.array([0.0] + [1 + math.log(count) for count in range(1, 256)], np.float32)


@kernel([(FLOAT64_MATRIX, POSITION_ARRAYS, FLOAT32_MATRIX, ACCUMULATOR)])
def add_likeness(term_rows, postings, norms, accumulator):
    """Add up the similarity of each document that has one of some terms. Returns how many documents were met.

    ``term_rows``, float64: document frequency, begin and end of the postings, and the term's weight in the whole text
    and in the title. ``norms[doc]``: the reciprocal lengths of the document's vectors of text and title.
    """
    docs, fields, offsets, _ = postings
    sums, seen, touched = accumulator
    n = 0
    for i in range(len(term_rows)):
        text_weight, title_weight = np.float32(term_rows[i, 3]), np.float32(term_rows[i, 4])
        for p in range(int(term_rows[i, 1]), int(term_rows[i, 2])):
            doc = docs[p]
            count = offsets[p + 1] - offsets[p]
            tf = _LOGARITHMS[count] if count < 256 else np.float32(1 + math.log(count))
            touched[n] = doc
            n += seen[doc] == 0
            seen[doc] = 1
            sums[doc] += text_weight * tf * norms[doc, 0] + title_weight * np.float32(fields[p] & 1) * norms[doc, 1]
    return n


@kernel([(INT32_ARRAY, FLOAT32_ARRAY, INT64_ARRAY, BOOLEAN, INT64, INT64, FLOAT64, OUT_FLOAT32_ARRAY)])
def weigh_distance(docs, scores, published, dated, time, scale, floor, out):
    """Scores multiplied by index.engines.more_like_this.weigh_distance; ``time`` (µs) counts only if the story is
    ``dated``."""
    for i in range(len(docs)):
        weight = 1.0
        if dated:
            weight = floor
            doc_time = published[docs[i]]
            if doc_time != _NO_TIME:
                weight += (1 - floor) * scale / (abs(doc_time - time) + scale)
        out[i] = scores[i] * weight


@kernel([(INT32_ARRAY, INT32_ARRAY, INT32_ARRAY, OUT_FLOAT32_ARRAY)])
def add_squares(docs, counts, titles, squares):
    """Add the square of each posting's weight to the squared lengths of the document's vectors: ``squares[2 * doc]`` is
    that of the text, ``squares[2 * doc + 1]`` that of the title."""
    for p in range(len(docs)):
        if counts[p]:
            tf = 1 + math.log(counts[p])
            squares[2 * docs[p]] += tf * tf
        squares[2 * docs[p] + 1] += titles[p] > 0
