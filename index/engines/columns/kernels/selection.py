"""The loops that choose among matches: filters, order, facets. Compiled by numba, as those of kernels.py are."""

from __future__ import annotations

import numpy as np
from numba import njit

from index.engines.columns.format.layout import NO_TIME
from index.engines.columns.kernels.postings import (
    BYTES,
    FLAG,
    FLOATS,
    INTS,
    LONGS,
    OUT_BYTES,
    OUT_FLOATS,
    OUT_INTS,
    OUT_LONGS,
    N,
    R,
    kernel,
)

_NO_TIME = np.int64(NO_TIME)
# So many scores are compared at once before they are looked at one by one.
_BLOCK = 64


# What a facet's filter thinks of a value.
INCLUDED, EXCLUDED = 1, 2


@kernel([(INTS, INTS, INTS, INTS, BYTES, FLAG, N, OUT_BYTES)])
def check_facet_filter(docs, sets, set_starts, set_codes, marks, requires_included, bit, failed_filters):
    """Set ``bit`` in ``failed_filters`` of documents that have an EXCLUDED value, or, if the filter
    ``requires_included``, no INCLUDED one.

    ``marks``, uint8: what each value is, and 0 for the number after them, which stands for having none.
    """
    for i in range(len(docs)):
        number = sets[docs[i]]
        if number < len(marks):
            mark = marks[number]
        else:
            mark = 0
            at = number - len(marks)
            for j in range(set_starts[at], set_starts[at + 1]):
                mark |= marks[set_codes[j]]
        if mark & EXCLUDED or (requires_included and not mark & INCLUDED):
            failed_filters[i] |= bit


@kernel([(INTS, LONGS, N, N, N, OUT_BYTES), (INTS, INTS, N, N, N, OUT_BYTES)])
def check_range_filter(docs, values, low, high, bit, failed_filters):
    """Set ``bit`` for documents whose value is not in ``[low, high]``."""
    for i in range(len(docs)):
        if values[docs[i]] < low or values[docs[i]] > high:
            failed_filters[i] |= bit


@kernel([(INTS, FLOATS, LONGS, R, N, N, OUT_FLOATS)])
def weigh_recent(docs, scores, published, recency, newest, half_life, out):
    """Scores times index.query.recency.recency_factor."""
    for i in range(len(docs)):
        time = published[docs[i]]
        share = 1.0
        if time != _NO_TIME:
            age = max(newest - time, 0)
            share = age / (age + half_life)
        out[i] = scores[i] * (1 - recency * share)


@kernel([(INTS, FLOATS, BYTES, N, OUT_INTS, OUT_FLOATS)])
def apply_filters(docs, scores, failed_filters, own, out_docs, out_scores):
    """The documents that fail at most in ``own``."""
    n = 0
    for i in range(len(docs)):
        if not failed_filters[i] & ~own:
            out_docs[n] = docs[i]
            out_scores[n] = scores[i]
            n += 1
    return n


@kernel([(INTS, INTS, N, INTS, INTS, OUT_INTS, OUT_INTS)])
def count_facet(docs, sets, values, set_starts, set_codes, counts, touched):
    """Count the values of documents by counting their sets first, then taking those of several values apart.

    ``counts``, all 0 before, has room for all sets; ``touched`` for all of them, each value once more, and one.
    Returns how many numbers were met, to ``touched``, how many of them are values, and how many documents have none.
    """
    met = 0
    for i in range(len(docs)):
        number = sets[docs[i]]
        touched[met] = number
        met += counts[number] == 0
        counts[number] += 1
    missing = counts[values]
    counts[values] = 0
    end, found = met, 0
    for i in range(met):
        number = touched[i]
        found += number < values
        if number > values:
            for at in range(set_starts[number - values - 1], set_starts[number - values]):
                touched[end] = set_codes[at]
                end += counts[set_codes[at]] == 0
                counts[set_codes[at]] += counts[number]
            counts[number] = 0
    return end, found + end - met, missing


@kernel([(INTS, INTS, OUT_INTS, OUT_INTS, N)])
def add_counts(codes, counts, sums, touched, n):
    """Add the counts of some values, none of them 0, to ``sums``. Values met for the first time go to ``touched`` from
    ``n`` on, which has room for one more than all; returns how many are there."""
    for i in range(len(codes)):
        touched[n] = codes[i]
        n += sums[codes[i]] == 0
        sums[codes[i]] += counts[i]
    return n


@kernel([(INTS, N, N, OUT_INTS, OUT_INTS, OUT_INTS)])
def drain_counts(touched, met, values, counts, out_codes, out_counts):
    """Move what was counted to ``out_*``, and leave ``counts`` clean. Returns the sum of all counts."""
    n = total = 0
    for i in range(met):
        code = touched[i]
        if code < values:
            out_codes[n] = code
            out_counts[n] = counts[code]
            total += counts[code]
            counts[code] = 0
            n += 1
    return total


@njit(cache=True, nogil=True)
def _is_better(value, number, other_value, other_number):
    return value > other_value or (value == other_value and number < other_number)


@njit(cache=True, nogil=True)
def _keep(number, value, n, out_numbers, out_values):
    """Put one in its place among the ``n`` best so far, if it has one. Returns how many there are then."""
    room = len(out_numbers)
    if n == room and (not room or not _is_better(value, number, out_values[n - 1], out_numbers[n - 1])):
        return n
    at = n if n < room else n - 1
    while at > 0 and _is_better(value, number, out_values[at - 1], out_numbers[at - 1]):
        out_values[at] = out_values[at - 1]
        out_numbers[at] = out_numbers[at - 1]
        at -= 1
    out_values[at] = value
    out_numbers[at] = number
    return min(n + 1, room)


@kernel([(INTS, INTS, N, INTS, INTS, OUT_INTS, OUT_INTS, OUT_INTS, OUT_INTS)])
def count_top_values(docs, sets, values, set_starts, set_codes, counts, touched, out_codes, out_counts):
    """``count_facet``, and the values of greatest count, then of lowest code, in that order, as many as there is room
    for. Returns how many, the sum of all counts, and how many documents have none. ``counts`` is left clean."""
    met, _, missing = count_facet(docs, sets, values, set_starts, set_codes, counts, touched)
    kept = total = 0
    for i in range(met):
        code = touched[i]
        if code < values:
            total += counts[code]
            kept = _keep(code, counts[code], kept, out_codes, out_counts)
            counts[code] = 0
    return kept, total, missing


@kernel([(INTS, FLOATS, N, OUT_INTS, OUT_FLOATS), (INTS, INTS, N, OUT_INTS, OUT_INTS)])
def select_top_k(numbers, values, k, out_numbers, out_values):
    """The ``k`` of greatest value, then of lowest number, in that order; they come in any."""
    n = 0
    for start in range(0, len(numbers), _BLOCK):
        end = min(start + _BLOCK, len(numbers))
        if n == k:
            # Most blocks hold nothing good enough, which a loop without branches tells.
            good = 0
            for i in range(start, end):
                good += values[i] >= out_values[k - 1]
            if not good:
                continue
        for i in range(start, end):
            n = _keep(numbers[i], values[i], n, out_numbers[:k], out_values[:k])
    return n


@kernel([(INTS, INTS, N, OUT_LONGS)])
def select_lowest_ranks(docs, ranks, k, out_at):
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
