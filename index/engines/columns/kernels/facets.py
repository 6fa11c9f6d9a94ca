"""Counts of the values of a facet.

A document has a set of values, and each set has a number; see format/facet_columns.py. Numbers below ``value_count``
are single values, ``value_count`` is the empty set, and sets of several values follow.
"""

from __future__ import annotations

from index.engines.columns.kernels.filters import FACET_SETS
from index.engines.columns.kernels.signatures import INT32_ARRAY, INT64, OUT_INT32_ARRAY, kernel
from index.engines.columns.kernels.top_k import insert


@kernel([(INT32_ARRAY, FACET_SETS, INT64, OUT_INT32_ARRAY, OUT_INT32_ARRAY)])
def count_facet(docs, sets, value_count, counts, touched):
    """Count the values of documents: first their sets, then the values of each set.

    ``counts``, all 0 before, has an entry for each set. ``touched`` receives the numbers that were met; it has room for
    all sets, for each value once more, and for one more entry. Returns how many numbers were met, how many of them are
    values, and how many documents have no value.
    """
    by_document, starts, codes = sets
    met = 0
    for i in range(len(docs)):
        number = by_document[docs[i]]
        touched[met] = number
        met += counts[number] == 0
        counts[number] += 1
    missing = counts[value_count]
    counts[value_count] = 0
    end, found = met, 0
    for i in range(met):
        number = touched[i]
        found += number < value_count
        if number > value_count:
            for at in range(starts[number - value_count - 1], starts[number - value_count]):
                touched[end] = codes[at]
                end += counts[codes[at]] == 0
                counts[codes[at]] += counts[number]
            counts[number] = 0
    return end, found + end - met, missing


@kernel([(INT32_ARRAY, INT32_ARRAY, OUT_INT32_ARRAY, OUT_INT32_ARRAY, INT64)])
def add_counts(codes, counts, sums, touched, n):
    """Add the counts of some values, none of them 0, to ``sums``. Returns how many values were met so far.

    Values met for the first time are appended to ``touched`` after its first ``n`` entries. It has room for one more
    than all values.
    """
    for i in range(len(codes)):
        touched[n] = codes[i]
        n += sums[codes[i]] == 0
        sums[codes[i]] += counts[i]
    return n


@kernel([(INT32_ARRAY, INT64, INT64, OUT_INT32_ARRAY, OUT_INT32_ARRAY, OUT_INT32_ARRAY)])
def drain_counts(touched, met, value_count, counts, out_codes, out_counts):
    """Move the counts of the values in ``touched[:met]`` to ``out_*`` and reset ``counts`` to 0. Returns their sum."""
    n = total = 0
    for i in range(met):
        code = touched[i]
        if code < value_count:
            out_codes[n] = code
            out_counts[n] = counts[code]
            total += counts[code]
            counts[code] = 0
            n += 1
    return total


@kernel([(INT32_ARRAY, FACET_SETS, INT64, OUT_INT32_ARRAY, OUT_INT32_ARRAY, OUT_INT32_ARRAY, OUT_INT32_ARRAY)])
def count_top_values(docs, sets, value_count, counts, touched, out_codes, out_counts):
    """Do what ``count_facet`` does and keep the most frequent values, ties by lowest code, as many as fit in ``out_*``.

    Returns how many values were kept, the sum of all counts, and how many documents have no value. Resets ``counts`` to
    0.
    """
    met, _, missing = count_facet(docs, sets, value_count, counts, touched)
    kept = total = 0
    for i in range(met):
        code = touched[i]
        if code < value_count:
            total += counts[code]
            kept = insert(code, counts[code], kept, out_codes, out_counts)
            counts[code] = 0
    return kept, total, missing
