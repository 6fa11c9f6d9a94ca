"""The loops of the engine, compiled by numba and kept on disk. Each has a plain twin in tests/engines/columns.

Common arguments: ``docs`` are ascending document numbers, int32; ``n`` says how many entries of a buffer count;
``out_*`` are buffers of at least as many entries as can come out, and what is returned is how many did. Kernels
release the GIL and share nothing but what they are given.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numba import njit, types

# Types are given, so that all is compiled on import, and nothing else ever while a request waits. What is read may be a
# read-only mapping or not; OUT_ is written.
kernel = partial(njit, cache=True, nogil=True)
N, R, FLAG = types.int64, types.float64, types.boolean
INTS, LONGS, PLACES, BYTES, FLOATS = (
    types.Array(one, 1, "C", readonly=True)
    for one in (types.int32, types.int64, types.uint32, types.uint8, types.float32)
)
TABLE, LISTS, ROWS = (types.Array(one, 2, "C", readonly=True) for one in (types.int32, types.int64, types.float64))
OUT_INTS, OUT_LONGS, OUT_BYTES, OUT_FLOATS = types.int32[::1], types.int64[::1], types.uint8[::1], types.float32[::1]

# A place is a field number and a position in that field, in one uint32: consecutive words are consecutive numbers.
FIELD_SHIFT = 28
_POSITION_MASK = (1 << FIELD_SHIFT) - 1
_FIELDS = 8  # as many bits has a posting for its fields
# Looking for each term of a phrase after each place of the rarest one takes so many steps in a document at most. More
# would be seconds for "x x x x …" in long texts of nothing but "x".
_MAX_STEPS = 4096


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
def advance(at, ends, docs, doc):
    """Lead every list but the first to ``doc``. Returns the first document of a list that lacks it, ``doc`` where all
    have it, -1 where a list has come to its end."""
    for i in range(1, len(at)):
        at[i] = gallop(docs, at[i], ends[i], doc)
        if at[i] >= ends[i]:
            return -1
        if docs[at[i]] != doc:
            return docs[at[i]]
    return doc


@njit(cache=True, nogil=True)
def score_row(rows, at, whole, title):
    """What the postings at ``at`` score together, one of each list."""
    score = np.float32(0)
    for i in range(len(at)):
        score += np.float32(rows[i, 3]) * whole[at[i]] + np.float32(rows[i, 4]) * title[at[i]]
    return score


@kernel([(N, N, FLOATS, FLOATS, R, R, OUT_FLOATS)])
def score_list(begin, end, whole, title, idf, title_idf, out):
    """What each posting of a list scores: ``idf * whole[p] + title_idf * title[p]``."""
    for i in range(end - begin):
        out[i] = np.float32(idf) * whole[begin + i] + np.float32(title_idf) * title[begin + i]


# What is added up is kept by document: ``sums`` (all 0 between uses), ``seen`` (1 for what was met, else 0), and
# ``touched``, the documents met in the order in which they were; it needs room for one more than can be met. Each
# posting writes ``touched[n]`` and counts it only if the document is new: without a branch that cannot be foreseen,
# five words are added up in a sixth of the time.


@kernel([(ROWS, INTS, FLOATS, FLOATS, BYTES, N, OUT_FLOATS, OUT_BYTES, OUT_INTS, N)])
def add_terms(rows, docs, whole, title, fields, mask, sums, seen, touched, n):
    """Add up what the postings of some lists score; postings without a field of ``mask`` are passed over.

    ``rows`` are those of ``find_words`` in any order. Documents met for the first time go to ``touched`` from ``n`` on.
    """
    for i in range(len(rows)):
        idf, title_idf = np.float32(rows[i, 3]), np.float32(rows[i, 4])
        for p in range(int(rows[i, 1]), int(rows[i, 2])):
            if fields[p] & mask:
                doc = docs[p]
                touched[n] = doc
                n += seen[doc] == 0
                seen[doc] = 1
                sums[doc] += idf * whole[p] + title_idf * title[p]
    return n


@kernel([(INTS, FLOATS, OUT_FLOATS, OUT_BYTES, OUT_INTS, N)])
def add_scores(docs, scores, sums, seen, touched, n):
    """The same with scores that are worked out already."""
    for i in range(len(docs)):
        doc = docs[i]
        touched[n] = doc
        n += seen[doc] == 0
        seen[doc] = 1
        sums[doc] += scores[i]
    return n


@kernel([(INTS, LONGS, INTS, BYTES, N, types.float32, OUT_FLOATS, OUT_BYTES, OUT_INTS)])
def add_constant(terms, starts, docs, fields, mask, score, sums, seen, touched):
    """The documents that have one of ``terms`` in a field of ``mask``, each with one and the same score: what a prefix
    stands for. The postings of term ``t`` are ``starts[t]`` to ``starts[t + 1]``."""
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


@kernel([(OUT_FLOATS, OUT_BYTES, OUT_INTS, N, FLAG, OUT_INTS, OUT_FLOATS)])
def collect(sums, seen, touched, n, ascending, out_docs, out_scores):
    """Move what was added into ``out_*`` and leave ``sums`` and ``seen`` clean; in the order met unless ``ascending``.

    Sorting costs n log n, going through all documents a step each: the cheaper one is taken.
    """
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


@kernel([(INTS, FLOATS, INTS, FLOATS, OUT_INTS, OUT_FLOATS)])
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


@kernel([(INTS, FLOATS, INTS, OUT_BYTES, OUT_INTS, OUT_FLOATS)])
def subtract(docs, scores, unwanted, seen, out_docs, out_scores):
    """Documents that are not in ``unwanted``. ``seen`` is all 0, and is again afterwards.

    Looking for each document in a long list costs its logarithm; marking all of a list of about the same length and
    looking at the marks a tenth of that.
    """
    n = 0
    if len(unwanted) > 16 * len(docs):
        at = 0
        for i in range(len(docs)):
            at = gallop(unwanted, at, len(unwanted), docs[i])
            if at == len(unwanted) or unwanted[at] != docs[i]:
                out_docs[n] = docs[i]
                out_scores[n] = scores[i]
                n += 1
        return n
    for i in range(len(unwanted)):
        seen[unwanted[i]] = 1
    for i in range(len(docs)):
        if not seen[docs[i]]:
            out_docs[n] = docs[i]
            out_scores[n] = scores[i]
            n += 1
    for i in range(len(unwanted)):
        seen[unwanted[i]] = 0
    return n


@kernel([(N, N, INTS, BYTES, PLACES, PLACES, N, OUT_INTS, OUT_INTS, OUT_INTS)])
def count_in_fields(begin, end, docs, fields, position_offsets, positions, mask, out_docs, out_counts, out_titles):
    """Documents of a list with a field of ``mask``; how often the term stands in those fields, and in the title
    if that is one of them (it is field 0)."""
    n = 0
    for p in range(begin, end):
        if fields[p] & mask:
            count = titles = 0
            for at in range(position_offsets[p], position_offsets[p + 1]):
                field = positions[at] >> FIELD_SHIFT
                if mask >> field & 1:
                    count += 1
                    titles += field == 0
            out_docs[n] = docs[p]
            out_counts[n] = count
            out_titles[n] = titles
            n += 1
    return n


@njit(cache=True, nogil=True)
def _follows(start, offsets, at, position_offsets, positions):
    """Whether each other term stands at its offset from ``start`` in the document that ``at`` points to."""
    for i in range(1, len(at)):
        wanted = start + offsets[i]
        found = gallop(positions, position_offsets[at[i]], position_offsets[at[i] + 1], wanted)
        if found >= position_offsets[at[i] + 1] or positions[found] != wanted:
            return False
    return True


@njit(cache=True, nogil=True)
def find_borders(phrase, borders):
    """Knuth, Morris and Pratt's failure function: for the first 1, 2 … terms of ``phrase`` how many of them, less than
    all, stand at their start and at their end."""
    matched = 0
    for i in range(len(phrase)):
        if i:
            matched = match_next(phrase, borders, matched, phrase[i])
        borders[i] = matched


@njit(cache=True, nogil=True)
def match_next(phrase, borders, matched, term):
    """How many terms of ``phrase`` have matched after ``term``, where ``matched`` had before it."""
    if matched == len(phrase):
        matched = borders[matched - 1]
    while matched and phrase[matched] != term:
        matched = borders[matched - 1]
    return matched + (phrase[matched] == term)


@njit(cache=True, nogil=True)
def _count_by_reading(lists, at, phrase, borders, position_offsets, positions, mask):
    """How often ``phrase`` stands in the document that ``at`` points to, and how often in its title: its terms are put
    in their order and read once."""
    count = titles = 0
    begins, ends = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    for field in range(_FIELDS):
        if not mask >> field & 1:
            continue
        size = 0
        for i in range(len(at)):
            begin, end = position_offsets[at[i]], position_offsets[at[i] + 1]
            begins[i] = gallop(positions, begin, end, np.int64(field) << FIELD_SHIFT)
            ends[i] = gallop(positions, begins[i], end, np.int64(field + 1) << FIELD_SHIFT)
            if ends[i] > begins[i]:
                size = max(size, (positions[ends[i] - 1] & _POSITION_MASK) + 1)
        terms = np.full(size, -1, np.int64)
        for i in range(len(at)):
            # Equal terms stand side by side in ``lists``.
            if i == 0 or lists[i, 0] != lists[i - 1, 0]:
                for own in range(begins[i], ends[i]):
                    terms[positions[own] & _POSITION_MASK] = lists[i, 0]
        matched = 0
        for term in terms:
            matched = match_next(phrase, borders, matched, term)
            if matched == len(phrase):
                count += 1
                titles += field == 0
    return count, titles


@kernel([(LISTS, INTS, PLACES, PLACES, N, OUT_INTS, OUT_INTS, OUT_INTS)])
def count_phrase(lists, docs, position_offsets, positions, mask, out_docs, out_counts, out_titles):
    """The same for terms that stand one after the other.

    ``lists``, int64: for each term where its list begins and ends in ``docs``, and its place in the phrase; the
    shortest first, equal terms side by side.
    """
    at, ends, offsets = lists[:, 0].copy(), lists[:, 1].copy(), lists[:, 2].copy()
    # The terms in the order of the phrase, each by the begin of its list.
    phrase, borders = np.empty(len(lists), np.int64), np.empty(len(lists), np.int64)
    phrase[offsets] = lists[:, 0]
    find_borders(phrase, borders)
    n = 0
    while at[0] < ends[0]:
        reached = advance(at, ends, docs, docs[at[0]])
        if reached < 0:
            return n
        if reached != docs[at[0]]:
            # On to the first document that the longer list has.
            at[0] = gallop(docs, at[0], ends[0], reached)
            continue
        count = titles = 0
        first, last = position_offsets[at[0]], position_offsets[at[0] + 1]
        if (last - first) * len(at) > _MAX_STEPS:
            count, titles = _count_by_reading(lists, at, phrase, borders, position_offsets, positions, mask)
            first = last
        for own in range(first, last):
            field = positions[own] >> FIELD_SHIFT
            start = np.int64(positions[own]) - offsets[0]
            if mask >> field & 1 and _follows(start, offsets, at, position_offsets, positions):
                count += 1
                titles += field == 0
        if count:
            out_docs[n] = docs[at[0]]
            out_counts[n] = count
            out_titles[n] = titles
            n += 1
        at[0] += 1
    return n


@njit(cache=True, nogil=True)
def _saturate(tf, length, average, k1, b):
    return tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average)) if tf else 0.0


@kernel([(INTS, INTS, INTS, R, R, R, OUT_FLOATS)])
def saturate(docs, counts, lengths, average, k1, b, out):
    """BM25's share of how often and how long: ``tf (k1 + 1) / (tf + k1 (1 - b + b length / average))``."""
    for i in range(len(docs)):
        out[i] = _saturate(counts[i], lengths[docs[i]], average, k1, b)


@kernel([(INTS, INTS, INTS, TABLE, N, R, R, R, R, R, R, OUT_FLOATS)])
def score_counts(docs, counts, titles, lengths, mask, average, title_average, idf, title_idf, k1, b, out):
    """The formula from how often a leaf stands in the fields of ``mask`` (``lengths[field, document]``), and how often
    in the title, which counts once more where it is not the only one."""
    for i in range(len(docs)):
        length = 0
        for field in range(len(lengths)):
            if mask >> field & 1:
                length += lengths[field, docs[i]]
        score = idf * _saturate(counts[i], length, average, k1, b)
        if mask & 1 and mask != 1:
            score += title_idf * _saturate(titles[i], lengths[0, docs[i]], title_average, k1, b)
        out[i] = score
