"""Matches of one segment, and the arrays that a thread works them out with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index.engines.columns.kernels.disjunction import Accumulator
from index.engines.columns.segment.segment import Segment

Docs = NDArray[np.int32]
Matches = tuple[Docs, NDArray[np.float32]]  # document numbers, each once, and their scores


def nothing() -> Matches:
    return np.empty(0, np.int32), np.empty(0, np.float32)


ANYWHERE: Docs = np.empty(0, np.int32)
ANYWHERE.flags.writeable = False  # as slices of mapped files are: numba compiles for one kind of array
NO_ROOM: Docs = np.empty(0, np.int32)


class Scratch:
    """Arrays of a thread's own, for one segment: sums of scores and marks (all 0 between uses), documents met; for
    each facet counts (all 0 between uses) and what was met of its values and sets."""

    def __init__(self, segment: Segment) -> None:
        self.seen = np.zeros(segment.size, np.uint8)
        sums, touched = np.zeros(segment.size, np.float32), np.empty(segment.size + 1, np.int32)
        self.accumulator = tuple(Accumulator(sums, self.seen, touched))
        facets = segment.facets.items()
        self.counts = {name: np.zeros(facet.size, np.int32) for name, facet in facets}
        self.codes = {name: np.empty(facet.size + len(facet.values) + 1, np.int32) for name, facet in facets}
