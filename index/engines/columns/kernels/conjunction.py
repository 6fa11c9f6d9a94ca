"""Documents that contain all words of a query: the most frequent kind of search.

One kernel intersects, scores, counts and keeps the top hits. With rare words, calls and temporary arrays would cost
more than the postings.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from index.engines.columns.kernels.postings import IMPACT_ARRAYS, ImpactArrays, advance, gallop
from index.engines.columns.kernels.scoring import score_row
from index.engines.columns.kernels.signatures import (
    BOOLEAN,
    FLOAT64_MATRIX,
    INT32_ARRAY,
    OUT_FLOAT32_ARRAY,
    OUT_INT32_ARRAY,
    kernel,
)

# This many scores are computed and compared as a block before any is looked at by itself.
_BLOCK = 64


@njit(cache=True, nogil=True)
def _insert(doc, score, kept, ranked, out_docs, out_scores):
    """Insert a document that beats the last of the ``kept`` hits or still has room. Returns the new number of hits.

    Documents arrive in ascending order, so the first of equal scores stays first.
    """
    if kept < len(out_docs):
        kept += 1
    at = kept - 1
    while ranked and at > 0 and out_scores[at - 1] < score:
        out_docs[at], out_scores[at] = out_docs[at - 1], out_scores[at - 1]
        at -= 1
    out_docs[at], out_scores[at] = doc, score
    return kept


@njit(cache=True, nogil=True)
def _find_word(begin, end, postings, idf, title_idf, ranked, out_docs, out_scores):
    """The top hits of a single word: every posting is a match."""
    docs, text_impacts, title_impacts = postings.docs, postings.text_impacts, postings.title_impacts
    kept = 0
    scores = np.empty(_BLOCK, np.float32)
    if not ranked:
        end = min(end, begin + len(out_docs))
    for start in range(begin, end, _BLOCK):
        size = min(_BLOCK, end - start)
        threshold = out_scores[kept - 1] if kept and kept == len(out_docs) else np.float32(-1)
        better = 0
        for i in range(size):
            scores[i] = idf * text_impacts[start + i] + title_idf * title_impacts[start + i]
            better += scores[i] > threshold
        if better:
            for i in range(size):
                if kept < len(out_docs) or scores[i] > out_scores[kept - 1]:
                    kept = _insert(docs[start + i], scores[i], kept, ranked, out_docs, out_scores)


@kernel([(
    FLOAT64_MATRIX, IMPACT_ARRAYS, BOOLEAN, INT32_ARRAY, BOOLEAN, OUT_INT32_ARRAY, OUT_FLOAT32_ARRAY, OUT_INT32_ARRAY,
)])  # fmt: skip
def find_words(term_rows, postings, has_candidates, candidates, ranked, out_docs, out_scores, out_matches):
    """Count the documents that contain all terms and, if ``has_candidates``, are one of ``candidates``.

    ``out_docs`` and ``out_scores`` receive as many hits as fit: the best ones if ``ranked``, else the first ones.
    ``out_matches`` receives all matches in ascending order unless it is empty. ``term_rows`` start with the rarest
    term. A score is the sum over all terms of what ``scoring.score_list`` computes.
    """
    postings = ImpactArrays(*postings)
    docs, text_impacts, title_impacts = postings.docs, postings.text_impacts, postings.title_impacts
    if len(term_rows) == 1 and not has_candidates and not len(out_matches):
        begin, end = int(term_rows[0, 1]), int(term_rows[0, 2])
        idf, title_idf = np.float32(term_rows[0, 3]), np.float32(term_rows[0, 4])
        if len(out_docs):
            _find_word(begin, end, postings, idf, title_idf, ranked, out_docs, out_scores)
        return end - begin
    at, ends = term_rows[:, 1].astype(np.int64), term_rows[:, 2].astype(np.int64)
    candidate = total = kept = 0
    while at[0] < ends[0]:
        doc = docs[at[0]]
        if has_candidates:
            candidate = gallop(candidates, candidate, len(candidates), doc)
            if candidate == len(candidates):
                break
            if candidates[candidate] != doc:
                at[0] = gallop(docs, at[0], ends[0], candidates[candidate])
                continue
        reached = advance(at, ends, docs, doc)
        if reached < 0:
            break
        if reached != doc:
            # Skip to the next document of the list that lacks this one.
            at[0] = gallop(docs, at[0], ends[0], reached)
            continue
        if kept < len(out_docs) or (ranked and len(out_docs)):
            score = score_row(term_rows, at, text_impacts, title_impacts)
            if kept < len(out_docs) or score > out_scores[kept - 1]:
                kept = _insert(doc, score, kept, ranked, out_docs, out_scores)
        if len(out_matches):
            out_matches[total] = doc
        total += 1
        at[0] += 1
    return total
