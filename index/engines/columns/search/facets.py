"""Counts of a facet's values over all segments of a collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary, WeakValueDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.analysis.schema import fold_words, has_words
from index.engines.columns.format.facet_columns import FacetColumn
from index.engines.columns.kernels import facets as facet_kernels
from index.engines.columns.kernels.top_k import select_top_k
from index.engines.columns.search import filtering
from index.engines.columns.search.filtering import FailedFilters
from index.engines.columns.segment.matches import Docs, Scratch
from index.engines.columns.segment.segment import Segment
from index.files.disk import read_regular
from index.query.requests import FacetRequest, Filters
from index.query.results import Facet, FacetValue


class _Values:
    """The table of a facet, which generations share while no label changes."""

    def __init__(self, path: Path) -> None:
        self.table = msgspec.json.decode(read_regular(path), type=list[tuple[str, str]])
        self.values = [value for value, _ in self.table]
        self._renumbered: WeakKeyDictionary[FacetColumn, NDArray[np.int32] | None] = WeakKeyDictionary()

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {value: number for number, value in enumerate(self.values)}

    @cached_property
    def _folded(self) -> list[str]:
        return [fold_words(label) for _, label in self.table]

    def find_containing(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """Which values have these beginnings of words in their labels."""
        return np.array([has_words(folded, words) for folded in self._folded], np.bool_)

    def renumber(self, column: FacetColumn) -> NDArray[np.int32] | None:
        """From the codes of a segment to places in the table; None where they are the same."""
        if column not in self._renumbered:
            # What only deleted documents have stands in no list; it is counted nowhere, and any number will do.
            same = column.values == self.values
            numbers = [] if same else [self.numbers.get(value, 0) for value in column.values]
            self._renumbered[column] = None if same else np.array(numbers, np.int32)
        return self._renumbered[column]


# The tables that are open in this process, by the identity of their files.
_open: WeakValueDictionary[tuple[int, ...], _Values] = WeakValueDictionary()


def _open_values(path: Path) -> _Values:
    stat = path.stat()
    identity = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    found = _open.get(identity)
    if found is None:
        found = _open[identity] = _Values(path)
    return found


class FacetTable:
    """The values of a facet over all segments, with their labels, in the order in which they are listed;
    ``renumbered[i]`` leads from the codes of the i-th segment to their places here, None where they are the same."""

    def __init__(self, directory: Path, name: str, segments: Sequence[Segment]) -> None:
        self.name = name
        self._values = _open_values(directory / f"facet_{name}.json")
        self.table = self._values.table
        self.renumbered = [self._values.renumber(segment.facets[name]) for segment in segments]

        self._sums: list[tuple[Docs, Docs]] = []

    @property
    def numbers(self) -> dict[str, int]:
        return self._values.numbers

    @contextmanager
    def borrow_sums(self) -> Iterator[tuple[Docs, Docs]]:
        """Arrays to add up in, one search at a time: a sum for each value, all 0 before and after; room for the values
        that were met, and one more."""
        try:
            own = self._sums.pop()
        except IndexError:
            own = np.zeros(len(self.table), np.int32), np.empty(len(self.table) + 1, np.int32)
        yield own
        self._sums.append(own)

    def find_containing(self, words: Sequence[str]) -> NDArray[np.bool_]:
        return self._values.find_containing(words)


class FacetCount:
    """The counts of one facet, gathered from segment after segment."""

    def __init__(self, table: FacetTable, request: FacetRequest, filters: Filters) -> None:
        self.name = table.name
        self._table, self._request = table, request
        self._chosen = {value for own in filters.values if own.facet == self.name for value in own.any_of}
        # Nearly always: then the loop that counts keeps the greatest counts itself.
        by_count = request.sort == "count" and not request.containing and not self._chosen
        self._simple = by_count and len(table.renumbered) == 1 and table.renumbered[0] is None
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        self._total = self._missing = 0

    def add(
        self, segment_index: int, segment: Segment, scratch: Scratch, docs: Docs, failed_filters: FailedFilters | None
    ) -> None:
        """Count the values that the matches have under every filter but, unless asked so, the facet's own."""
        facet, counts, touched = segment.facets[self.name], scratch.counts[self.name], scratch.codes[self.name]
        if failed_filters is not None:
            own = 0 if self._request.filtered else filtering.filter_bit(segment, self.name)
            docs = docs[(failed_filters & ~np.uint8(own)) == 0]
        column = (docs, facet.sets, len(facet.values), counts, touched)
        if self._simple:
            codes, found = np.empty((2, self._request.size), np.int32)
            different, total, missing = facet_kernels.count_top_values(*column, codes, found)
            codes, found = codes[:different], found[:different]
        else:
            met, different, missing = facet_kernels.count_facet(*column)
            codes, found = np.empty((2, different), np.int32)
            total = facet_kernels.drain_counts(touched, met, len(facet.values), counts, codes, found)
        self._total += total
        self._missing += missing
        numbers = self._table.renumbered[segment_index]
        self._parts.append((codes if numbers is None else numbers[codes], found))

    def to_facet(self) -> Facet:
        request, table = self._request, self._table.table
        codes, counts = self._add_up()
        total = self._total
        if request.containing:
            kept = self._table.find_containing(request.containing)[codes]
            codes, counts = codes[kept], counts[kept]
            total = int(counts.sum())
        first, first_counts = (codes, counts) if self._simple else _take_first(codes, counts, request)
        shown = [
            FacetValue(value, label, count, value in self._chosen)
            for code, count in zip(first.tolist(), first_counts.tolist(), strict=True)
            for value, label in [table[code]]
        ]
        late = self._find_late(shown) if self._chosen else ()
        if late:
            shown = _place_selected([*shown, *(self._count_value(*value, codes, counts) for value in late)], request)
        return Facet(tuple(shown), total - sum([value.count for value in shown]), self._missing)

    def _add_up(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Each code that occurs, and how often, over all segments."""
        if len(self._parts) == 1:
            return self._parts[0]
        n = 0
        with self._table.borrow_sums() as (sums, touched):
            for codes, counts in self._parts:
                n = facet_kernels.add_counts(codes, counts, sums, touched, n)
            codes, counts = np.empty((2, n), np.int32)
            facet_kernels.drain_counts(touched, n, len(sums), sums, codes, counts)
        return codes, counts

    def _find_late(self, shown: Sequence[FacetValue]) -> list[tuple[str, str]]:
        """Selected values that are not among the first, with their labels."""
        numbers, table = self._table.numbers, self._table.table
        late = self._chosen.difference([value.value for value in shown])
        labels = [(value, table[numbers[value]][1] if value in numbers else value) for value in late]
        return [(value, label) for value, label in labels if has_words(fold_words(label), self._request.containing)]

    def _count_value(self, value: str, label: str, codes: NDArray[np.int32], counts: NDArray[np.int32]) -> FacetValue:
        number = self._table.numbers.get(value, -1)
        return FacetValue(value, label, int(counts[codes == number].sum()), True)


def _take_first(codes: Docs, counts: Docs, request: FacetRequest) -> tuple[Docs, Docs]:
    """The values that are shown, in order; codes are in the order of labels."""
    if request.sort == "value":
        order = np.argsort(codes)[: request.size]
        return codes[order], counts[order]
    first, first_counts = np.empty((2, request.size), np.int32)
    n = select_top_k(codes, counts, request.size, first, first_counts)
    return first[:n], first_counts[:n]


def _place_selected(values: list[FacetValue], request: FacetRequest) -> list[FacetValue]:
    """A selected value is listed even where the size would cut it off, or nothing has it: in its place in the order."""
    by_count = request.sort == "count"
    values.sort(key=lambda value: (-value.count if by_count else 0, value.label.casefold(), value.value))
    return [*values[: request.size], *(value for value in values[request.size :] if value.selected)]
