"""Filters of matches: each filter sets a bit for the matches that fail it."""

from __future__ import annotations

from index.engines.columns.kernels.signatures import (
    BOOLEAN,
    FLOAT32_ARRAY,
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

# What a facet filter says about a value.
INCLUDED, EXCLUDED = 1, 2

# Those of FacetSets.
FACET_SETS = tuple_of(INT32_ARRAY, INT32_ARRAY, INT32_ARRAY)


@kernel([(INT32_ARRAY, FACET_SETS, UINT8_ARRAY, BOOLEAN, INT64, OUT_UINT8_ARRAY)])
def check_facet_filter(docs, sets, marks, requires_included, bit, failed_filters):
    """Set ``bit`` in ``failed_filters`` of documents that have an EXCLUDED value, or, if the filter
    ``requires_included``, no INCLUDED one.

    ``marks``, uint8: INCLUDED, EXCLUDED, both or 0 for each value, and a last 0 for the empty set.
    """
    by_document, starts, codes = sets
    for i in range(len(docs)):
        number = by_document[docs[i]]
        if number < len(marks):
            mark = marks[number]
        else:
            mark = 0
            at = number - len(marks)
            for j in range(starts[at], starts[at + 1]):
                mark |= marks[codes[j]]
        if mark & EXCLUDED or (requires_included and not mark & INCLUDED):
            failed_filters[i] |= bit


@kernel([
    (INT32_ARRAY, INT64_ARRAY, INT64, INT64, INT64, OUT_UINT8_ARRAY),
    (INT32_ARRAY, INT32_ARRAY, INT64, INT64, INT64, OUT_UINT8_ARRAY),
])  # fmt: skip
def check_range_filter(docs, values, low, high, bit, failed_filters):
    """Set ``bit`` in ``failed_filters`` of documents whose value is not in ``[low, high]``."""
    for i in range(len(docs)):
        if values[docs[i]] < low or values[docs[i]] > high:
            failed_filters[i] |= bit


@kernel([(INT32_ARRAY, FLOAT32_ARRAY, UINT8_ARRAY, INT64, OUT_INT32_ARRAY, OUT_FLOAT32_ARRAY)])
def apply_filters(docs, scores, failed_filters, ignored, out_docs, out_scores):
    """The documents that fail no filter but those whose bits are in ``ignored``."""
    n = 0
    for i in range(len(docs)):
        if not failed_filters[i] & ~ignored:
            out_docs[n] = docs[i]
            out_scores[n] = scores[i]
            n += 1
    return n
