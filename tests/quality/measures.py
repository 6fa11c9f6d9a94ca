"""How good an order is, as trec_eval counts it."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def average_precision(found: Sequence[str], wanted: Collection[str]) -> float:
    """The mean, over all that is wanted, of the precision where it stands; 0 for what was not found."""
    precisions, seen = 0.0, 0
    for place, ident in enumerate(found, start=1):
        if ident in wanted:
            seen += 1
            precisions += seen / place
    return precisions / len(wanted)


def reciprocal_rank(found: Sequence[str], wanted: Collection[str]) -> float:
    """One over the place of the first that is wanted."""
    return next((1 / place for place, ident in enumerate(found, start=1) if ident in wanted), 0.0)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
