"""Documents that contain any of several words: scores are added up in an array with an entry for each document.

Each posting writes its document to ``touched[n]`` but increases ``n`` only if the document is new. Without that
unpredictable branch, adding up five words takes a sixth of the time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.engines.columns.kernels.postings import IMPACT_ARRAYS
from index.engines.columns.kernels.signatures import (
    BOOLEAN,
    FLOAT32,
    FLOAT32_ARRAY,
    FLOAT64_MATRIX,
    INT32_ARRAY,
    INT64,
    INT64_ARRAY,
    OUT_FLOAT32_ARRAY,
    OUT_INT32_ARRAY,
    OUT_UINT8_ARRAY,
    UINT8_ARRAY,
    kernel,
    tuple_of,
)


class Accumulator(NamedTuple):
    """Scores by document. ``sums`` and ``seen`` (1 for documents that were met) are all 0 between uses; ``touched``
    lists the documents that were met, in that order, and has room for one more than there are documents."""

    sums: NDArray[np.float32]
    seen: NDArray[np.uint8]
    touched: NDArray[np.int32]


ACCUMULATOR = tuple_of(OUT_FLOAT32_ARRAY, OUT_UINT8_ARRAY, OUT_INT32_ARRAY)


@kernel([(FLOAT64_MATRIX, IMPACT_ARRAYS, INT64, ACCUMULATOR, INT64)])
def add_terms(term_rows, postings, mask, accumulator, n):
    """Add the scores of all postings of some terms that have a field of ``mask``.

    ``n`` documents were met before; returns how many there are afterwards.
    """
    docs, fields, text_impacts, title_impacts = postings
    sums, seen, touched = accumulator
    for i in range(len(term_rows)):
        idf, title_idf = np.float32(term_rows[i, 3]), np.float32(term_rows[i, 4])
        for p in range(int(term_rows[i, 1]), int(term_rows[i, 2])):
            if fields[p] & mask:
                doc = docs[p]
                touched[n] = doc
                n += seen[doc] == 0
                seen[doc] = 1
                sums[doc] += idf * text_impacts[p] + title_idf * title_impacts[p]
    return n


@kernel([(INT32_ARRAY, FLOAT32_ARRAY, ACCUMULATOR, INT64)])
def add_scores(docs, scores, accumulator, n):
    """Add scores that are already computed; ``n`` and the result are as in ``add_terms``."""
    sums, seen, touched = accumulator
    for i in range(len(docs)):
        doc = docs[i]
        touched[n] = doc
        n += seen[doc] == 0
        seen[doc] = 1
        sums[doc] += scores[i]
    return n


@kernel([(INT32_ARRAY, INT64_ARRAY, INT32_ARRAY, UINT8_ARRAY, INT64, FLOAT32, ACCUMULATOR)])
def add_constant(terms, starts, docs, fields, mask, score, accumulator):
    """Give every document that has one of ``terms`` in a field of ``mask`` the same score: the matches of a prefix.

    The postings of term ``t`` are ``starts[t]`` to ``starts[t + 1]``. Returns how many documents were met.
    """
    sums, seen, touched = accumulator
    n = 0
    for i in range(len(terms)):
        for p in range(starts[terms[i]], starts[terms[i] + 1]):
            if fields[p] & mask:
                doc = docs[p]
                touched[n] = doc
                n += seen[doc] == 0
                seen[doc] = 1
                sums[doc] = score
    return n


@kernel([(ACCUMULATOR, INT64, BOOLEAN, OUT_INT32_ARRAY, OUT_FLOAT32_ARRAY)])
def collect(accumulator, n, ascending, out_docs, out_scores):
    """Move the ``n`` documents that were met to ``out_*`` and reset ``sums`` and ``seen`` to 0.

    Documents come in ascending order if ``ascending``, else in the order in which they were met. To order them, the
    cheaper way is taken: sort them (n log n) or scan ``seen`` (a step for each document of the segment).
    """
    sums, seen, touched = accumulator
    if ascending and n * 16 >= len(seen):
        i = 0
        for doc in range(len(seen)):
            if seen[doc]:
                touched[i] = doc
                i += 1
    elif ascending:
        touched[:n].sort()
    for i in range(n):
        doc = touched[i]
        out_docs[i] = doc
        out_scores[i] = sums[doc]
        sums[doc] = 0
        seen[doc] = 0
    return n
