"""Matches of one segment, and the scratch arrays that computing them needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.engines.columns.kernels.disjunction import Accumulator
from index.engines.columns.segment.segment import Segment

Docs = NDArray[np.int32]
Matches = tuple[Docs, NDArray[np.float32]]  # distinct document numbers and their scores


def nothing() -> Matches:
    return np.empty(0, np.int32), np.empty(0, np.float32)


ANYWHERE: Docs = np.empty(0, np.int32)
ANYWHERE.flags.writeable = False  # kernels are compiled for read-only arrays
NO_ROOM: Docs = np.empty(0, np.int32)


class Scratch:
    """Arrays for one segment, used by one thread at a time.

    ``accumulator``: the fields of kernels.disjunction.Accumulator; ``seen`` is one of them. ``counts`` (all 0 between
    uses) and ``codes``: by facet, what kernels.facets.count_facet writes to ``counts`` and ``touched``.
    """

    def __init__(self, segment: Segment) -> None:
        self.seen = np.zeros(segment.size, np.uint8)
        sums, touched = np.zeros(segment.size, np.float32), np.empty(segment.size + 1, np.int32)
        self.accumulator = tuple(Accumulator(sums, self.seen, touched))
        facets = segment.facets.items()
        self.counts = {name: np.zeros(facet.size, np.int32) for name, facet in facets}
        self.codes = {name: np.empty(facet.size + len(facet.values) + 1, np.int32) for name, facet in facets}
