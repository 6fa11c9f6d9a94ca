"""All segments of a collection as one: searched one after the other, hits and counts merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.engines.columns import filtering, kernels
from index.engines.columns.executor import Executor, Matches, Scratch, everything
from index.engines.columns.files import CollectionKind, Segments, deleted_path
from index.engines.columns.segment import Segment
from index.engines.columns.statistics import Statistics
from index.query import Facet, FacetRequest, FacetValue, Filters, Node, Sort

Match = Callable[[Executor], Matches]


@dataclass(frozen=True, slots=True)
class Found:
    """A document that matches: its segment, its number there, its score."""

    segment: Segment
    number: int
    score: float


@dataclass(frozen=True, slots=True)
class Page:
    total: int
    found: list[Found]
    facets: dict[str, Facet]


class FacetTable:
    """The values of a facet over all segments, in the order in which they are listed; ``renumbered[i]`` leads from the
    codes of the i-th segment to their places here, None where they are the same."""

    def __init__(self, directory: Path, name: str, segments: Sequence[Segment]) -> None:
        table = msgspec.json.decode((directory / f"facet_{name}.json").read_bytes(), type=list[tuple[str, str]])
        self.values = [value for value, _ in table]
        self.labels = dict(table)
        self._numbers: dict[str, int] | None = None
        self.renumbered = [self._renumber(segment.facets[name].values) for segment in segments]

    @property
    def numbers(self) -> dict[str, int]:
        if self._numbers is None:
            self._numbers = {value: number for number, value in enumerate(self.values)}
        return self._numbers

    def _renumber(self, values: list[str]) -> NDArray[np.int32] | None:
        if values == self.values:
            return None
        # What only deleted documents have stands in no list; it is counted nowhere, and any number will do.
        return np.array([self.numbers.get(value, 0) for value in values], np.int32)


class Collection:
    """The stories, or the sources, of a generation. Threads share it; each search takes scratch arrays from a pool."""

    def __init__(self, directory: Path, kind: CollectionKind, segments: Segments) -> None:
        self.segments = [
            Segment(directory / kind.name / entry.name, kind, deleted_path(directory, kind, entry.name))
            for entry in segments.of(kind)
        ]
        self.statistics = Statistics(self.segments)
        self._facets = {name: FacetTable(directory, name, self.segments) for name in kind.facets}
        self._scratch: dict[int, list[Scratch]] = {}

    def search(
        self,
        match: Match | None,
        search_in: Sequence[str],
        filters: Filters,
        sort: Sort,
        wanted: int,
        facets: FacetRequest = FacetRequest(),  # noqa: B008 - frozen
    ) -> Page:
        """The first ``wanted`` documents in order, the total, the facets. ``match`` None matches everything."""
        total, found = 0, []
        counts = {name: _Count(self._facets[name]) for name in facets.names}
        for place, segment in enumerate(self.segments):
            docs, scores = self._match(segment, match, search_in)
            fails = filtering.find_failures(segment, docs, filters)
            for name, count in counts.items():
                count.add(place, *filtering.count_values(segment, name, docs, fails))
            passing = filtering.keep_passing((docs, scores), fails)
            total += len(passing[0])
            best = filtering.find_best(segment, passing, sort, wanted)
            found.append([Found(segment, *one) for one in zip(best[0].tolist(), best[1].tolist(), strict=True)])
        counted = {name: count.to_facet(facets, filters, name) for name, count in counts.items()}
        return Page(total, _merge(found, sort, wanted), counted)

    def _match(self, segment: Segment, match: Match | None, search_in: Sequence[str]) -> Matches:
        if match is None:
            return everything(segment.size)
        with self._lend_scratch(segment.size) as scratch:
            return match(Executor(segment, self.statistics, scratch, search_in))

    @contextmanager
    def _lend_scratch(self, size: int) -> Iterator[Scratch]:
        free = self._scratch.setdefault(size, [])
        try:
            scratch = free.pop()
        except IndexError:
            scratch = Scratch(size)
        yield scratch
        # Not in a finally: what an error leaves half done is not lent again.
        free.append(scratch)

    def find(self, ident: str) -> Found | None:
        """The document of an id."""
        for segment in self.segments:
            number = segment.find_document(ident)
            if number is not None:
                return Found(segment, number, 0.0)
        return None

    def labels_of(self, facet: str) -> dict[str, str]:
        return self._facets[facet].labels if facet in self._facets else {}

    def close(self) -> None:
        for segment in self.segments:
            segment.close()
        self.__dict__.clear()


def match_tree(tree: Node | None) -> Match | None:
    return None if tree is None else lambda executor: executor.match(tree)


def _merge(found: list[list[Found]], sort: Sort, wanted: int) -> list[Found]:
    if len(found) == 1:
        return found[0]
    merged = [one for part in found for one in part]
    merged.sort(key=lambda one: filtering.order_key(one.segment, one.number, one.score, sort))
    return merged[:wanted]


class _Count:
    """The counts of one facet, gathered from segment after segment."""

    def __init__(self, table: FacetTable) -> None:
        self._table = table
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        self._missing = 0

    def add(self, place: int, codes: NDArray[np.int32], counts: NDArray[np.int32], missing: int) -> None:
        numbers = self._table.renumbered[place]
        self._parts.append((codes if numbers is None else numbers[codes], counts))
        self._missing += missing

    def to_facet(self, request: FacetRequest, filters: Filters, name: str) -> Facet:
        chosen = {value for own in filters.values if own.facet == name for value in own.any_of}
        codes, counts = self._add_up()
        if request.sort == "count":
            places = np.empty(request.size, np.int64)
            first = places[: kernels.most_frequent(codes, counts, request.size, places)]
        else:
            # Codes are in the order of labels.
            first = np.argsort(codes)[: request.size]
        table = self._table
        shown = [
            _make_value(table, code, count, chosen)
            for code, count in zip(codes[first].tolist(), counts[first].tolist(), strict=True)
        ]
        late = chosen.difference(value.value for value in shown)
        if late:
            shown = _place_selected([*shown, *(self._find_value(value, codes, counts) for value in late)], request)
        total = int(counts.sum())
        return Facet(tuple(shown), total - sum(value.count for value in shown), self._missing)

    def _add_up(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Each code that occurs, and how often, over all segments."""
        if len(self._parts) == 1:
            return self._parts[0]
        sums = np.zeros(len(self._table.values), np.int32)
        for codes, counts in self._parts:
            np.add.at(sums, codes, counts)
        codes = np.flatnonzero(sums).astype(np.int32)
        return codes, sums[codes]

    def _find_value(self, value: str, codes: NDArray[np.int32], counts: NDArray[np.int32]) -> FacetValue:
        """A selected value that is not among the first."""
        number = self._table.numbers.get(value)
        count = 0 if number is None else int(counts[codes == number].sum())
        return FacetValue(value, self._table.labels.get(value, value), count, True)


def _make_value(table: FacetTable, code: int, count: int, chosen: set[str]) -> FacetValue:
    value = table.values[code]
    return FacetValue(value, table.labels[value], count, value in chosen)


def _place_selected(values: list[FacetValue], request: FacetRequest) -> list[FacetValue]:
    """A selected value is listed even where the size would cut it off, or nothing has it: in its place in the order."""
    by_count = request.sort == "count"
    values.sort(key=lambda value: (-value.count if by_count else 0, value.label.casefold(), value.value))
    return [*values[: request.size], *(value for value in values[request.size :] if value.selected)]
