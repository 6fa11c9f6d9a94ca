"""Inverts tokens in document order into postings in term order, with two counting sorts.

``tokens`` are the terms of document after document, and in each of field after field; field f of document d has
``lengths[d, f]`` of them. ``renumbered`` maps these term numbers to those of the sorted dictionary. ``group_of`` maps a
field to its group, "text" or "labels". ``order[n]`` is the document that gets number n.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from index.engines.columns.kernels.postings import FIELD_SHIFT


@njit(cache=True, nogil=True)
def count_positions(tokens, renumbered, group_of, lengths, counts):
    """Add the number of positions of each term in each group of fields to ``counts[group, term]``."""
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
    """Write each position of one group, and its document, among those of its term, documents and positions ascending.

    ``starts`` is where each document's tokens begin. ``next_offset[term]`` is where its next position goes.
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
    """The document frequency of each term; its positions are those from ``term_offsets[term]`` to the next offset."""
    for term in range(len(counts)):
        last = -1
        n = 0
        for at in range(term_offsets[term], term_offsets[term + 1]):
            if position_docs[at] != last:
                last = position_docs[at]
                n += 1
        counts[term] = n


@njit(cache=True, nogil=True)
def fill_postings(term_offsets, position_docs, positions, docs, fields, position_offsets, text_counts, title_counts):
    """Write a posting for each run of positions of one term in one document: the document, the bits of its fields,
    where its positions begin, and the term's frequencies in the whole text and in the title (field 0)."""
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
                text_counts[p] = 0
                title_counts[p] = 0
            field = positions[at] >> FIELD_SHIFT
            fields[p] |= np.uint8(1 << field)
            text_counts[p] += 1
            title_counts[p] += field == 0
    position_offsets[p + 1] = len(positions)


@njit(cache=True, nogil=True)
def sum_lengths(lengths, order, group_of, group, out):
    """The length of each document over the fields of a group, in the order of the new document numbers."""
    for n in range(len(order)):
        total = 0
        for f in range(lengths.shape[1]):
            if group_of[f] == group:
                total += lengths[order[n], f]
        out[n] = total
