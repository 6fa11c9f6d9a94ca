"""Counts facet values over all segments of a collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary, WeakValueDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.analysis.schema import fold_label, has_word_prefixes
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


class _LabelTable:
    """The values of a facet with their labels, in the order of the table. Generations share it while its file stays."""

    def __init__(self, path: Path) -> None:
        self.table = msgspec.json.decode(read_regular(path), type=list[tuple[str, str]])
        self.values = [value for value, _ in self.table]
        self._renumbered: WeakKeyDictionary[FacetColumn, NDArray[np.int32] | None] = WeakKeyDictionary()

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {value: number for number, value in enumerate(self.values)}

    @cached_property
    def _folded(self) -> list[str]:
        return [fold_label(label) for _, label in self.table]

    def find_containing(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """A mask of the values whose label has, for each of ``words``, a word that starts with it."""
        return np.array([has_word_prefixes(folded, words) for folded in self._folded], np.bool_)

    def renumber(self, column: FacetColumn) -> NDArray[np.int32] | None:
        """The index in the table of each code of a segment; None if codes and indexes are the same."""
        if column not in self._renumbered:
            # A value that only deleted documents have is not in the table. It is never counted, so any index will do.
            same = column.values == self.values
            numbers = [] if same else [self.numbers.get(value, 0) for value in column.values]
            self._renumbered[column] = None if same else np.array(numbers, np.int32)
        return self._renumbered[column]


# The tables that are open in this process, by device, inode, size and time of their files.
_open: WeakValueDictionary[tuple[int, ...], _LabelTable] = WeakValueDictionary()


def _open_table(path: Path) -> _LabelTable:
    stat = path.stat()
    identity = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    table = _open.get(identity)
    if table is None:
        table = _open[identity] = _LabelTable(path)
    return table


class FacetTable:
    """The values of a facet over all segments.

    ``table``: (value, label) rows, sorted by label, then value. ``renumbered[i]``: the index in the table of each code
    of segment i; None if they are the same.
    """

    def __init__(self, directory: Path, name: str, segments: Sequence[Segment]) -> None:
        self.name = name
        self._labels = _open_table(directory / f"facet_{name}.json")
        self.table = self._labels.table
        self.renumbered = [self._labels.renumber(segment.facets[name]) for segment in segments]
        self._sums: list[tuple[Docs, Docs]] = []

    @property
    def numbers(self) -> dict[str, int]:
        """The index of each value in the table."""
        return self._labels.numbers

    @contextmanager
    def borrow_sums(self) -> Iterator[tuple[Docs, Docs]]:
        """Buffers for one search: a sum for each value, all 0 before and after, and a list of the values touched.

        They are returned to the pool only on success: after an exception they hold partial sums.
        """
        try:
            buffers = self._sums.pop()
        except IndexError:
            buffers = np.zeros(len(self.table), np.int32), np.empty(len(self.table) + 1, np.int32)
        yield buffers
        self._sums.append(buffers)

    def find_containing(self, words: Sequence[str]) -> NDArray[np.bool_]:
        return self._labels.find_containing(words)


class FacetAccumulator:
    """Counts one facet, segment by segment."""

    def __init__(self, table: FacetTable, request: FacetRequest, filters: Filters) -> None:
        self.name = table.name
        self._table, self._request = table, request
        self._selected = {
            value for value_filter in filters.values if value_filter.facet == self.name for value in value_filter.any_of
        }
        # The usual case: the kernel that counts also selects the greatest counts.
        by_count = request.sort == "count" and not request.containing and not self._selected
        self._simple = by_count and len(table.renumbered) == 1 and table.renumbered[0] is None
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        self._total = self._missing = 0

    def add(
        self, segment_index: int, segment: Segment, scratch: Scratch, docs: Docs, failed_filters: FailedFilters | None
    ) -> None:
        """Count the values of the documents in one segment.

        A document counts if it passes all filters. The filter on this facet itself is ignored, unless the request says
        ``filtered``.
        """
        facet, counts, touched = segment.facets[self.name], scratch.counts[self.name], scratch.codes[self.name]
        if failed_filters is not None:
            ignored = 0 if self._request.filtered else filtering.filter_bit(segment, self.name)
            docs = docs[(failed_filters & ~np.uint8(ignored)) == 0]
        column = (docs, facet.sets, len(facet.values), counts, touched)
        if self._simple:
            codes, code_counts = np.empty((2, self._request.size), np.int32)
            distinct, total, missing = facet_kernels.count_top_values(*column, codes, code_counts)
            codes, code_counts = codes[:distinct], code_counts[:distinct]
        else:
            n, distinct, missing = facet_kernels.count_facet(*column)
            codes, code_counts = np.empty((2, distinct), np.int32)
            total = facet_kernels.drain_counts(touched, n, len(facet.values), counts, codes, code_counts)
        self._total += total
        self._missing += missing
        numbers = self._table.renumbered[segment_index]
        self._parts.append((codes if numbers is None else numbers[codes], code_counts))

    def to_facet(self) -> Facet:
        """The counts over all segments added so far, with labels, in the order of the request."""
        request, table = self._request, self._table.table
        codes, counts = self._add_up()
        total = self._total
        if request.containing:
            matching = self._table.find_containing(request.containing)[codes]
            codes, counts = codes[matching], counts[matching]
            total = int(counts.sum())
        top, top_counts = (codes, counts) if self._simple else _select_top(codes, counts, request)
        shown = [
            FacetValue(value=value, label=label, count=count, selected=value in self._selected)
            for code, count in zip(top.tolist(), top_counts.tolist(), strict=True)
            for value, label in [table[code]]
        ]
        hidden = self._find_hidden_selected(shown) if self._selected else ()
        if hidden:
            shown = _sort_values([*shown, *(self._count_value(*value, codes, counts) for value in hidden)], request)
        return Facet(values=tuple(shown), other=total - sum([value.count for value in shown]), missing=self._missing)

    def _add_up(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The table indexes of all values that occur, and their counts over all segments."""
        if len(self._parts) == 1:
            return self._parts[0]
        n = 0
        with self._table.borrow_sums() as (sums, touched):
            for codes, counts in self._parts:
                n = facet_kernels.add_counts(codes, counts, sums, touched, n)
            codes, counts = np.empty((2, n), np.int32)
            facet_kernels.drain_counts(touched, n, len(sums), sums, codes, counts)
        return codes, counts

    def _find_hidden_selected(self, shown: Sequence[FacetValue]) -> list[tuple[str, str]]:
        """The selected values that are not in ``shown``, with their labels."""
        numbers, table = self._table.numbers, self._table.table
        hidden = self._selected.difference([value.value for value in shown])
        labels = [(value, table[numbers[value]][1] if value in numbers else value) for value in hidden]
        return [
            (value, label) for value, label in labels if has_word_prefixes(fold_label(label), self._request.containing)
        ]

    def _count_value(self, value: str, label: str, codes: NDArray[np.int32], counts: NDArray[np.int32]) -> FacetValue:
        number = self._table.numbers.get(value, -1)
        return FacetValue(value=value, label=label, count=int(counts[codes == number].sum()), selected=True)


def _select_top(codes: Docs, counts: Docs, request: FacetRequest) -> tuple[Docs, Docs]:
    """The first ``request.size`` values in the order of the request; ties break by code, which is label order."""
    if request.sort == "value":
        order = np.argsort(codes)[: request.size]
        return codes[order], counts[order]
    top, top_counts = np.empty((2, request.size), np.int32)
    n = select_top_k(codes, counts, request.size, top, top_counts)
    return top[:n], top_counts[:n]


def _sort_values(values: list[FacetValue], request: FacetRequest) -> list[FacetValue]:
    """The values in the order of the request. Selected values stay, even beyond the size or with a count of 0."""
    by_count = request.sort == "count"
    values.sort(key=lambda value: (-value.count if by_count else 0, value.label.casefold(), value.value))
    return [*values[: request.size], *(value for value in values[request.size :] if value.selected)]
