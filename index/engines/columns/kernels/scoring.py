"""BM25 scores, from stored impacts or from term frequencies, and the recency boost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from index.engines.columns.format.layout import NO_TIME
from index.engines.columns.kernels.postings import FIELD_SHIFT, POSITION_ARRAYS, PositionArrays
from index.engines.columns.kernels.signatures import (
    FLOAT32_ARRAY,
    FLOAT64,
    INT32_ARRAY,
    INT32_MATRIX,
    INT64,
    INT64_ARRAY,
    OUT_FLOAT32_ARRAY,
    OUT_INT32_ARRAY,
    kernel,
    tuple_of,
)

_NO_TIME = np.int64(NO_TIME)


class Frequencies(NamedTuple):
    """Documents, how often a leaf of the query occurs in each, and how often in its title; buffers of int32."""

    docs: NDArray[np.int32]
    counts: NDArray[np.int32]
    title_counts: NDArray[np.int32]


class Formula(NamedTuple):
    """The parameters of BM25 for one leaf: mean lengths in terms, idf, and Lucene's k1 and b."""

    average_length: float
    average_title_length: float
    idf: float
    title_idf: float
    k1: float
    b: float


FREQUENCIES = tuple_of(OUT_INT32_ARRAY, OUT_INT32_ARRAY, OUT_INT32_ARRAY)
FORMULA = tuple_of(FLOAT64, FLOAT64, FLOAT64, FLOAT64, FLOAT64, FLOAT64)


@kernel([(INT64, INT64, FLOAT32_ARRAY, FLOAT32_ARRAY, FLOAT64, FLOAT64, OUT_FLOAT32_ARRAY)])
def score_list(begin, end, text_impacts, title_impacts, idf, title_idf, out):
    """The score of each posting from ``begin`` to ``end``: ``idf * text_impact + title_idf * title_impact``."""
    for i in range(end - begin):
        out[i] = np.float32(idf) * text_impacts[begin + i] + np.float32(title_idf) * title_impacts[begin + i]


@njit(cache=True, nogil=True)
def score_row(term_rows, at, text_impacts, title_impacts):
    """The score of a document that all terms match: the sum over the postings ``at``, one for each of ``term_rows``."""
    score = np.float32(0)
    for i in range(len(at)):
        score += np.float32(term_rows[i, 3]) * text_impacts[at[i]] + np.float32(term_rows[i, 4]) * title_impacts[at[i]]
    return score


@kernel([(POSITION_ARRAYS, INT64, INT64, INT64, FREQUENCIES)])
def count_in_fields(postings, begin, end, mask, out):
    """Term frequencies in the fields of ``mask``, for the postings from ``begin`` to ``end`` that have such a field.

    The title is field 0; its frequency is 0 if ``mask`` lacks it.
    """
    postings, out = PositionArrays(*postings), Frequencies(*out)
    docs, fields, offsets, positions = postings.docs, postings.fields, postings.offsets, postings.positions
    n = 0
    for p in range(begin, end):
        if fields[p] & mask:
            count = titles = 0
            for at in range(offsets[p], offsets[p + 1]):
                field = positions[at] >> FIELD_SHIFT
                if mask >> field & 1:
                    count += 1
                    titles += field == 0
            out.docs[n] = docs[p]
            out.counts[n] = count
            out.title_counts[n] = titles
            n += 1
    return n


@njit(cache=True, nogil=True)
def _saturate(tf, length, average, k1, b):
    return tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average)) if tf else 0.0


@kernel([(INT32_ARRAY, INT32_ARRAY, INT32_ARRAY, FLOAT64, FLOAT64, FLOAT64, OUT_FLOAT32_ARRAY)])
def saturate(docs, counts, lengths, average, k1, b, out):
    """The impact of each posting, which is BM25 without idf: ``tf (k1 + 1) / (tf + k1 (1 - b + b length / average))``.

    ``counts`` are by posting, ``lengths`` by document.
    """
    for i in range(len(docs)):
        out[i] = _saturate(counts[i], lengths[docs[i]], average, k1, b)


@kernel([(FREQUENCIES, INT64, INT32_MATRIX, INT64, FORMULA, OUT_FLOAT32_ARRAY)])
def score_counts(frequencies, n, lengths, mask, formula, out):
    """BM25 scores of the first ``n`` of ``frequencies`` in the fields of ``mask``; ``lengths[field, document]``.

    The title is scored once more if it is one of several fields.
    """
    frequencies, formula = Frequencies(*frequencies), Formula(*formula)
    k1, b = formula.k1, formula.b
    for i in range(n):
        doc = frequencies.docs[i]
        length = 0
        for field in range(len(lengths)):
            if mask >> field & 1:
                length += lengths[field, doc]
        score = formula.idf * _saturate(frequencies.counts[i], length, formula.average_length, k1, b)
        if mask & 1 and mask != 1:
            title_count, title_length = frequencies.title_counts[i], lengths[0, doc]
            score += formula.title_idf * _saturate(title_count, title_length, formula.average_title_length, k1, b)
        out[i] = score


@kernel([(INT32_ARRAY, FLOAT32_ARRAY, INT64_ARRAY, FLOAT64, INT64, INT64, OUT_FLOAT32_ARRAY)])
def weigh_recent(docs, scores, published, recency, newest, half_life, out):
    """Scores multiplied by index.query.recency.recency_factor; times in µs since 1970."""
    for i in range(len(docs)):
        time = published[docs[i]]
        share = 1.0
        if time != _NO_TIME:
            age = max(newest - time, 0)
            share = age / (age + half_life)
        out[i] = scores[i] * (1 - recency * share)
