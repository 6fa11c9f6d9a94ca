"""Documents in which the terms of a phrase follow each other, and how often."""

from __future__ import annotations

import numpy as np
from numba import njit

from index.engines.columns.kernels.postings import (
    FIELD_SHIFT,
    MAX_FIELDS,
    POSITION_ARRAYS,
    POSITION_MASK,
    advance,
    gallop,
)
from index.engines.columns.kernels.scoring import FREQUENCIES
from index.engines.columns.kernels.signatures import INT64, INT64_MATRIX, kernel

# Checking every other term after each position of the rarest one may take this many steps per document. A document that
# needs more is read once from start to end; "x x x x …" in a long text of only "x" would take seconds otherwise.
_MAX_STEPS = 4096


@njit(cache=True, nogil=True)
def find_borders(phrase, borders):
    """The failure function of Knuth, Morris and Pratt: ``borders[i]`` is the length of the longest proper prefix of
    ``phrase[: i + 1]`` that is also its suffix."""
    matched = 0
    for i in range(len(phrase)):
        if i:
            matched = match_next(phrase, borders, matched, phrase[i])
        borders[i] = matched


@njit(cache=True, nogil=True)
def match_next(phrase, borders, matched, term):
    """How many terms of ``phrase`` match the text read so far, after reading ``term``; ``matched`` did before it."""
    if matched == len(phrase):
        matched = borders[matched - 1]
    while matched and phrase[matched] != term:
        matched = borders[matched - 1]
    return matched + (phrase[matched] == term)


@njit(cache=True, nogil=True)
def _is_phrase(start, offsets, at, position_offsets, positions):
    """Whether each term but the first occurs at its offset from position ``start`` in the document of postings
    ``at``."""
    for i in range(1, len(at)):
        expected = start + offsets[i]
        end = position_offsets[at[i] + 1]
        found = gallop(positions, position_offsets[at[i]], end, expected)
        if found >= end or positions[found] != expected:
            return False
    return True


@njit(cache=True, nogil=True)
def _count_by_reading(terms, at, phrase, borders, position_offsets, positions, mask):
    """How often ``phrase`` occurs in the document of postings ``at``, and how often in its title. Restores the order of
    the phrase's terms in the text and reads it once."""
    count = titles = 0
    begins, ends = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    for field in range(MAX_FIELDS):
        if not mask >> field & 1:
            continue
        size = 0
        for i in range(len(at)):
            begin, end = position_offsets[at[i]], position_offsets[at[i] + 1]
            begins[i] = gallop(positions, begin, end, np.int64(field) << FIELD_SHIFT)
            ends[i] = gallop(positions, begins[i], end, np.int64(field + 1) << FIELD_SHIFT)
            if ends[i] > begins[i]:
                size = max(size, (positions[ends[i] - 1] & POSITION_MASK) + 1)
        text = np.full(size, -1, np.int64)
        for i in range(len(at)):
            # Equal terms are neighbours in ``terms``.
            if i == 0 or terms[i, 0] != terms[i - 1, 0]:
                for position in range(begins[i], ends[i]):
                    text[positions[position] & POSITION_MASK] = terms[i, 0]
        matched = 0
        for term in text:
            matched = match_next(phrase, borders, matched, term)
            if matched == len(phrase):
                count += 1
                titles += field == 0
    return count, titles


@kernel([(INT64_MATRIX, POSITION_ARRAYS, INT64, FREQUENCIES)])
def count_phrase(terms, postings, mask, out):
    """Frequencies of a phrase in the fields of ``mask``, for each document that contains it.

    ``terms``, int64, has a row for each term: begin and end of its postings and its offset in the phrase. The rarest
    term comes first; equal terms are neighbours.
    """
    docs, _, position_offsets, positions = postings
    out_docs, out_counts, out_title_counts = out
    at, ends, offsets = terms[:, 0].copy(), terms[:, 1].copy(), terms[:, 2].copy()
    # The terms in the order of the phrase, each represented by the begin of its postings.
    phrase, borders = np.empty(len(terms), np.int64), np.empty(len(terms), np.int64)
    phrase[offsets] = terms[:, 0]
    find_borders(phrase, borders)
    n = 0
    while at[0] < ends[0]:
        reached = advance(at, ends, docs, docs[at[0]])
        if reached < 0:
            return n
        if reached != docs[at[0]]:
            # Skip to the next document of the list that lacks this one.
            at[0] = gallop(docs, at[0], ends[0], reached)
            continue
        count = titles = 0
        first, last = position_offsets[at[0]], position_offsets[at[0] + 1]
        if (last - first) * len(at) > _MAX_STEPS:
            count, titles = _count_by_reading(terms, at, phrase, borders, position_offsets, positions, mask)
            first = last
        for position in range(first, last):
            field = positions[position] >> FIELD_SHIFT
            start = np.int64(positions[position]) - offsets[0]
            if mask >> field & 1 and _is_phrase(start, offsets, at, position_offsets, positions):
                count += 1
                titles += field == 0
        if count:
            out_docs[n] = docs[at[0]]
            out_counts[n] = count
            out_title_counts[n] = titles
            n += 1
        at[0] += 1
    return n
