"""From tokens in the order of documents to postings in the order of terms: two counting sorts, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit

from index.engines.columns.kernels.postings import FIELD_SHIFT


@njit(cache=True, nogil=True)
def count_positions(tokens, renumbered, group_of, lengths, counts):
    """How many places each term has in each group of fields, to ``counts[group, term]``.

    ``tokens`` are the terms of document after document, in each the fields one after the other, ``lengths[d, f]``
    many; ``renumbered`` leads from the numbers there to the order of the dictionary.
    """
    at = 0
    for d in range(lengths.shape[0]):
        for f in range(lengths.shape[1]):
            for _ in range(lengths[d, f]):
                counts[group_of[f], renumbered[tokens[at]]] += 1
                at += 1


@njit(cache=True, nogil=True)
def scatter_positions(
    tokens, renumbered, group_of, group, lengths, starts, order, next_offset, position_docs, positions
):
    """Write each place of one group to where its term's places are: document numbers and places ascend within a term.

    ``order[n]`` is the document that gets number n, ``starts`` where each document's tokens begin, ``next_offset``
    where each term's next place goes.
    """
    for n in range(len(order)):
        d = order[n]
        at = starts[d]
        for f in range(lengths.shape[1]):
            if group_of[f] != group:
                at += lengths[d, f]
                continue
            for position in range(lengths[d, f]):
                term = renumbered[tokens[at]]
                to = next_offset[term]
                position_docs[to] = n
                positions[to] = (f << FIELD_SHIFT) | position
                next_offset[term] = to + 1
                at += 1


@njit(cache=True, nogil=True)
def count_postings(term_offsets, position_docs, counts):
    """How many documents each term has."""
    for term in range(len(counts)):
        last = -1
        n = 0
        for at in range(term_offsets[term], term_offsets[term + 1]):
            if position_docs[at] != last:
                last = position_docs[at]
                n += 1
        counts[term] = n


@njit(cache=True, nogil=True)
def fill_postings(term_offsets, position_docs, positions, docs, fields, position_offsets, whole_counts, title_counts):
    """A posting for each run of places of one document: its number, its fields as bits, where its places begin, how
    often the term stands in the whole text and in the title (field 0)."""
    p = -1
    for term in range(len(term_offsets) - 1):
        last = -1
        for at in range(term_offsets[term], term_offsets[term + 1]):
            if position_docs[at] != last:
                last = position_docs[at]
                p += 1
                docs[p] = last
                fields[p] = 0
                position_offsets[p] = at
                whole_counts[p] = 0
                title_counts[p] = 0
            field = positions[at] >> FIELD_SHIFT
            fields[p] |= np.uint8(1 << field)
            whole_counts[p] += 1
            title_counts[p] += field == 0
    position_offsets[p + 1] = len(positions)


@njit(cache=True, nogil=True)
def sum_lengths(lengths, order, group_of, group, out):
    """The length of each document over the fields of a group, in the order of numbers."""
    for n in range(len(order)):
        total = 0
        for f in range(lengths.shape[1]):
            if group_of[f] == group:
                total += lengths[order[n], f]
        out[n] = total
