"""The loop for what most people ask: all words must stand in a document, and the best or the first are wanted. One call
finds, scores, counts and chooses: a rare word costs more in calls and in arrays between them than in postings."""

from __future__ import annotations

import numpy as np
from numba import njit

from index.engines.columns.kernels.postings import (
    FLAG,
    FLOATS,
    INTS,
    OUT_FLOATS,
    OUT_INTS,
    ROWS,
    advance,
    gallop,
    kernel,
    score_row,
)

# So many scores are worked out and compared at once before they are looked at one by one.
_BLOCK = 64


@njit(cache=True, nogil=True)
def _keep(doc, score, kept, ranked, out_docs, out_scores):
    """Take a document that is better than the last one kept, or where there is room; documents come ascending, so that
    of equal scores the first stays before. Returns how many are kept."""
    if kept < len(out_docs):
        kept += 1
    at = kept - 1
    while ranked and at > 0 and out_scores[at - 1] < score:
        out_docs[at], out_scores[at] = out_docs[at - 1], out_scores[at - 1]
        at -= 1
    out_docs[at], out_scores[at] = doc, score
    return kept


@njit(cache=True, nogil=True)
def _find_word(begin, end, docs, whole, title, idf, title_idf, ranked, out_docs, out_scores):
    """One list, of which every posting is a match."""
    kept = 0
    scores = np.empty(_BLOCK, np.float32)
    if not ranked:
        end = min(end, begin + len(out_docs))
    for start in range(begin, end, _BLOCK):
        size = min(_BLOCK, end - start)
        least = out_scores[kept - 1] if kept and kept == len(out_docs) else np.float32(-1)
        good = 0
        for i in range(size):
            scores[i] = idf * whole[start + i] + title_idf * title[start + i]
            good += scores[i] > least
        if good:
            for i in range(size):
                if kept < len(out_docs) or scores[i] > out_scores[kept - 1]:
                    kept = _keep(docs[start + i], scores[i], kept, ranked, out_docs, out_scores)


@kernel([(ROWS, INTS, FLOATS, FLOATS, FLAG, INTS, FLAG, OUT_INTS, OUT_FLOATS, OUT_INTS)])
def find_words(rows, docs, whole, title, has_candidates, candidates, ranked, out_docs, out_scores, out_matches):
    """How many documents are in every list, and in ``candidates`` if it is ``has_candidates``.

    The best of them, or the first unless ``ranked``, go to ``out_docs`` with their scores, as many as there is room
    for; all go to ``out_matches``, ascending, if it has any. A document scores what its postings do in all lists
    (``kernels.score_list``).

    ``rows``, float64: for each list its length, where it begins and ends in ``docs``, idf, title_idf; shortest first.
    """
    if len(rows) == 1 and not has_candidates and not len(out_matches):
        begin, end = int(rows[0, 1]), int(rows[0, 2])
        idf, title_idf = np.float32(rows[0, 3]), np.float32(rows[0, 4])
        if len(out_docs):
            _find_word(begin, end, docs, whole, title, idf, title_idf, ranked, out_docs, out_scores)
        return end - begin
    at, ends = rows[:, 1].astype(np.int64), rows[:, 2].astype(np.int64)
    inside = found = kept = 0
    while at[0] < ends[0]:
        doc = docs[at[0]]
        if has_candidates:
            inside = gallop(candidates, inside, len(candidates), doc)
            if inside == len(candidates):
                break
            if candidates[inside] != doc:
                at[0] = gallop(docs, at[0], ends[0], candidates[inside])
                continue
        reached = advance(at, ends, docs, doc)
        if reached < 0:
            break
        if reached != doc:
            # On to the first document that the longer list has.
            at[0] = gallop(docs, at[0], ends[0], reached)
            continue
        if kept < len(out_docs) or (ranked and len(out_docs)):
            score = score_row(rows, at, whole, title)
            if kept < len(out_docs) or score > out_scores[kept - 1]:
                kept = _keep(doc, score, kept, ranked, out_docs, out_scores)
        if len(out_matches):
            out_matches[found] = doc
        found += 1
        at[0] += 1
    return found
