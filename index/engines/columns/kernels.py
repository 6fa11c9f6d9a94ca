"""The loops of the engine, compiled by numba and kept on disk. Each has a plain twin in tests/engines/columns.

Common arguments: ``docs`` are ascending document numbers, int32; ``n`` says how many entries of a buffer count;
``out_*`` are buffers of at least as many entries as can come out, and what is returned is how many did. Kernels
release the GIL and share nothing but what they are given.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# A place is a field number and a position in that field, in one uint32: consecutive words are consecutive numbers.
FIELD_SHIFT = 28
_POSITION_MASK = (1 << FIELD_SHIFT) - 1


@njit(cache=True, nogil=True)
def gallop(docs, low, high, wanted):
    """The first place in ``docs[low:high]``, ascending, that is not below ``wanted``; ``high`` if there is none."""
    if low >= high or docs[low] >= wanted:
        return low
    step = 1
    while low + step < high and docs[low + step] < wanted:
        low += step
        step <<= 1
    high = min(high, low + step)
    while low + 1 < high:
        middle = (low + high) >> 1
        if docs[middle] < wanted:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True, nogil=True)
def and_terms(begins, ends, docs, whole, title, idf, title_idf, out_docs, out_scores):
    """Documents that are in every list ``docs[begins[i]:ends[i]]`` (the shortest first), and their scores.

    The score is the sum over the lists of ``idf[i] * whole[p] + title_idf[i] * title[p]``.
    """
    lists = len(begins)
    at = begins.copy()
    n = 0
    while at[0] < ends[0]:
        doc = docs[at[0]]
        there = True
        for i in range(1, lists):
            at[i] = gallop(docs, at[i], ends[i], doc)
            if at[i] >= ends[i]:
                return n
            if docs[at[i]] != doc:
                # On to the first document that the longer list has.
                at[0] = gallop(docs, at[0], ends[0], docs[at[i]])
                there = False
                break
        if there:
            score = np.float32(0)
            for i in range(lists):
                score += idf[i] * whole[at[i]] + title_idf[i] * title[at[i]]
            out_docs[n] = doc
            out_scores[n] = score
            n += 1
            at[0] += 1
    return n


@njit(cache=True, nogil=True)
def add_term(begin, end, docs, whole, title, idf, title_idf, fields, mask, sums, seen, touched, n):
    """Add a list's scores to ``sums``; documents met for the first time go to ``touched`` from ``n`` on.

    Postings without a field of ``mask`` are passed over.
    """
    for p in range(begin, end):
        if fields[p] & mask:
            doc = docs[p]
            if not seen[doc]:
                seen[doc] = 1
                sums[doc] = 0
                touched[n] = doc
                n += 1
            sums[doc] += idf * whole[p] + title_idf * title[p]
    return n


@njit(cache=True, nogil=True)
def add_scores(docs, scores, sums, seen, touched, n):
    """The same with scores that are worked out already."""
    for i in range(len(docs)):
        doc = docs[i]
        if not seen[doc]:
            seen[doc] = 1
            sums[doc] = 0
            touched[n] = doc
            n += 1
        sums[doc] += scores[i]
    return n


@njit(cache=True, nogil=True)
def add_constant(begins, ends, docs, fields, mask, seen, touched):
    """The documents that are in some list with a field of ``mask``: what a prefix stands for."""
    n = 0
    for i in range(len(begins)):
        for p in range(begins[i], ends[i]):
            doc = docs[p]
            if fields[p] & mask and not seen[doc]:
                seen[doc] = 1
                touched[n] = doc
                n += 1
    return n


@njit(cache=True, nogil=True)
def collect(sums, seen, touched, n, out_docs, out_scores):
    """Move what was added into ``out_*`` in ascending order, and leave ``seen`` clean.

    Sorting costs n log n, going through all documents a step each: the cheaper one is taken.
    """
    if n * 16 < len(seen):
        found = np.sort(touched[:n])
        for i in range(n):
            doc = found[i]
            out_docs[i] = doc
            out_scores[i] = sums[doc]
            seen[doc] = 0
    else:
        i = 0
        for doc in range(len(seen)):
            if seen[doc]:
                out_docs[i] = doc
                out_scores[i] = sums[doc]
                seen[doc] = 0
                i += 1
    return n


@njit(cache=True, nogil=True)
def intersect(docs, scores, other_docs, other_scores, out_docs, out_scores):
    """Documents in both, with the sum of both scores."""
    n = at = 0
    for i in range(len(docs)):
        at = gallop(other_docs, at, len(other_docs), docs[i])
        if at == len(other_docs):
            break
        if other_docs[at] == docs[i]:
            out_docs[n] = docs[i]
            out_scores[n] = scores[i] + other_scores[at]
            n += 1
    return n


@njit(cache=True, nogil=True)
def subtract(docs, scores, other_docs, out_docs, out_scores):
    """Documents that are not in ``other_docs``."""
    n = at = 0
    for i in range(len(docs)):
        at = gallop(other_docs, at, len(other_docs), docs[i])
        if at == len(other_docs) or other_docs[at] != docs[i]:
            out_docs[n] = docs[i]
            out_scores[n] = scores[i]
            n += 1
    return n


@njit(cache=True, nogil=True)
def count_in_fields(begin, end, docs, fields, place_starts, places, mask, out_docs, out_counts, out_titles):
    """Documents of a list with a field of ``mask``; how often the term stands in those fields, and in the title
    if that is one of them (it is field 0)."""
    n = 0
    for p in range(begin, end):
        if fields[p] & mask:
            count = titles = 0
            for at in range(place_starts[p], place_starts[p + 1]):
                field = places[at] >> FIELD_SHIFT
                if mask >> field & 1:
                    count += 1
                    titles += field == 0
            out_docs[n] = docs[p]
            out_counts[n] = count
            out_titles[n] = titles
            n += 1
    return n


@njit(cache=True, nogil=True)
def count_phrase(begins, ends, offsets, docs, place_starts, places, mask, out_docs, out_counts, out_titles):
    """The same for terms that stand one after the other; ``offsets[i]`` is the place of the i-th list's term in the
    phrase. The lists come with the shortest first."""
    lists = len(begins)
    at = begins.copy()
    n = 0
    while at[0] < ends[0]:
        doc = docs[at[0]]
        there = True
        for i in range(1, lists):
            at[i] = gallop(docs, at[i], ends[i], doc)
            if at[i] >= ends[i]:
                return n
            if docs[at[i]] != doc:
                there = False
                break
        if there:
            count = titles = 0
            for own in range(place_starts[at[0]], place_starts[at[0] + 1]):
                field = places[own] >> FIELD_SHIFT
                start = np.int64(places[own]) - offsets[0]
                if mask >> field & 1 and _follows(start, offsets, at, place_starts, places):
                    count += 1
                    titles += field == 0
            if count:
                out_docs[n] = doc
                out_counts[n] = count
                out_titles[n] = titles
                n += 1
        at[0] += 1
    return n


@njit(cache=True, nogil=True)
def _follows(start, offsets, at, place_starts, places):
    """Whether each other term stands at its offset from ``start`` in the document that ``at`` points to."""
    for i in range(1, len(at)):
        wanted = start + offsets[i]
        found = gallop(places, place_starts[at[i]], place_starts[at[i] + 1], wanted)
        if found >= place_starts[at[i] + 1] or places[found] != wanted:
            return False
    return True


@njit(cache=True, nogil=True)
def saturate(docs, counts, lengths, average, k1, b, out):
    """BM25's share of how often and how long: ``tf (k1 + 1) / (tf + k1 (1 - b + b length / average))``."""
    for i in range(len(docs)):
        tf = counts[i]
        out[i] = tf * (k1 + 1) / (tf + k1 * (1 - b + b * lengths[docs[i]] / average)) if tf else 0


# --- filters, order, facets --------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def fail_facet(docs, starts, codes, wanted, unwanted, needs_one, bit, fails):
    """Set ``bit`` in ``fails`` for documents that no code is ``wanted`` of (if ``needs_one``) or some ``unwanted``."""
    for i in range(len(docs)):
        found = not needs_one
        for at in range(starts[docs[i]], starts[docs[i] + 1]):
            if unwanted[codes[at]]:
                found = False
                break
            found = found or wanted[codes[at]]
        if not found:
            fails[i] |= bit


@njit(cache=True, nogil=True)
def fail_range(docs, values, low, high, bit, fails):
    """Set ``bit`` for documents whose value is not in ``[low, high]``."""
    for i in range(len(docs)):
        if values[docs[i]] < low or values[docs[i]] > high:
            fails[i] |= bit


@njit(cache=True, nogil=True)
def keep_passing(docs, scores, fails, out_docs, out_scores):
    """The documents without any failure."""
    n = 0
    for i in range(len(docs)):
        if not fails[i]:
            out_docs[n] = docs[i]
            out_scores[n] = scores[i]
            n += 1
    return n


@njit(cache=True, nogil=True)
def count_facet(docs, fails, own, starts, codes, counts, touched):
    """Count the codes of documents that fail at most in ``own``. Returns how many codes were met, to ``touched``,
    and how many documents have none."""
    met = missing = 0
    for i in range(len(docs)):
        if fails[i] & ~own:
            continue
        low, high = starts[docs[i]], starts[docs[i] + 1]
        missing += low == high
        for at in range(low, high):
            code = codes[at]
            if not counts[code]:
                touched[met] = code
                met += 1
            counts[code] += 1
    return met, missing


@njit(cache=True, nogil=True)
def best_scores(docs, scores, k, out_docs, out_scores):
    """The ``k`` best by score, then lowest number, in that order."""
    n = 0
    for i in range(len(docs)):
        score = scores[i]
        # Documents ascend: an equal score found later is no better.
        if n == k and score <= out_scores[n - 1]:
            continue
        at = n if n < k else k - 1
        while at > 0 and out_scores[at - 1] < score:
            out_scores[at] = out_scores[at - 1]
            out_docs[at] = out_docs[at - 1]
            at -= 1
        out_scores[at] = score
        out_docs[at] = docs[i]
        n = min(n + 1, k)
    return n


@njit(cache=True, nogil=True)
def lowest_ranks(docs, ranks, k, out_at):
    """Where in ``docs`` the ``k`` documents of lowest rank stand, in that order; no two have the same."""
    n = 0
    for i in range(len(docs)):
        rank = ranks[docs[i]]
        if n == k and rank >= ranks[docs[out_at[n - 1]]]:
            continue
        at = n if n < k else k - 1
        while at > 0 and ranks[docs[out_at[at - 1]]] > rank:
            out_at[at] = out_at[at - 1]
            at -= 1
        out_at[at] = i
        n = min(n + 1, k)
    return n


@njit(cache=True, nogil=True)
def most_frequent(codes, counts, k, out_at):
    """Where in ``codes`` the ``k`` of greatest count stand, in that order; of equal ones the lowest code first."""
    n = 0
    for i in range(len(codes)):
        at = n if n < k else k - 1
        if n == k and not _is_before(codes, counts, i, out_at[at]):
            continue
        while at > 0 and _is_before(codes, counts, i, out_at[at - 1]):
            out_at[at] = out_at[at - 1]
            at -= 1
        out_at[at] = i
        n = min(n + 1, k)
    return n


@njit(cache=True, nogil=True)
def _is_before(codes, counts, one, other):
    if counts[one] != counts[other]:
        return counts[one] > counts[other]
    return codes[one] < codes[other]
