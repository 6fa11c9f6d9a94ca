"""Facets: what is asked of the cluster, and what its answer says. Counts are exact or asked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from index.analysis.schema import fold_label, has_word_prefixes
from index.engines.opensearch.search.translation import translate_filter
from index.query.requests import FacetRequest, Filters
from index.query.results import Facet, FacetValue

Json = dict[str, Any]
# Values that are asked for beyond the wanted ones: as many may tie with the last of them.
_SPARE = 50
# An answer may have 65,535 buckets; what has more values is asked for in parts of so many.
MAX_VALUES = 10_000
_PARTS = "part"


class FacetCounter:
    """Counts one facet of a search: every filter obeyed but, unless asked so, its own.

    ``labels`` are those of all its values. ``make_request`` is asked again until ``read`` gives the facet.
    """

    def __init__(self, name: str, request: FacetRequest, filters: Filters, labels: Mapping[str, str]) -> None:
        self.name, self._request, self._labels = name, request, labels
        # What the search itself leaves for after counting: see ClusterEngine.
        later = [own for own in filters.values if own.facet in request.names and not request.filtered]
        self._others = [one for own in later if own.facet != name for one in translate_filter(own)]
        self._chosen = {value for own in filters.values if own.facet == name for value in own.any_of}
        self._containing: list[str] | None = None
        if request.containing:
            self._containing = [value for value, label in labels.items() if self._has_words(label)]
        # In the order of labels, or of some labels, each value counts.
        self._whole = request.sort == "value" or self._containing is not None
        self._size = len(labels) if self._whole else request.size + _SPARE

    def _has_words(self, label: str) -> bool:
        return has_word_prefixes(fold_label(label), self._request.containing)

    def make_request(self) -> Json:
        """Aggregations, by name."""
        field = f"facet.{self.name}"
        inner: Json = {"missing": {"missing": {"field": field}}}
        if self._containing is not None:
            for at in range(0, len(self._containing), MAX_VALUES):
                part = self._containing[at : at + MAX_VALUES]
                inner[f"{_PARTS}{at}"] = {"terms": {"field": field, "include": part, "size": len(part)}}
        elif self._size > MAX_VALUES:
            parts = -(-len(self._labels) // (MAX_VALUES // 2))
            for at in range(parts):
                include = {"partition": at, "num_partitions": parts}
                inner[f"{_PARTS}{at}"] = {"terms": {"field": field, "include": include, "size": MAX_VALUES}}
            self._whole = True
        else:
            inner[f"{_PARTS}0"] = {"terms": {"field": field, "size": max(1, self._size)}}
        if self._chosen:
            chosen = sorted(self._chosen)
            inner["chosen"] = {"terms": {"field": field, "include": chosen, "size": len(chosen)}}
        return {self.name: {"filter": {"bool": {"filter": self._others}}, "aggs": inner}}

    def read(self, answer: Json) -> Facet | None:
        """None where the answer leaves open which values come first: ``make_request`` then asks for more."""
        found = answer[self.name]
        parts = [own for name, own in found.items() if name.startswith(_PARTS)]
        counts = {bucket["key"]: bucket["doc_count"] for part in parts for bucket in part["buckets"]}
        rest = sum(part["sum_other_doc_count"] for part in parts)
        if rest and not self._is_settled(parts, counts):
            self._size *= 10
            return None
        for bucket in found["chosen"]["buckets"] if self._chosen else ():
            if bucket["key"] not in counts:
                counts[bucket["key"]] = bucket["doc_count"]
                rest -= bucket["doc_count"]
        return self._to_facet(counts, rest, found["missing"]["doc_count"])

    def _is_settled(self, parts: list[Json], counts: Mapping[str, int]) -> bool:
        """Whether the counts are exact, and no value beyond them may come before one that is shown."""
        if self._whole or any(part["doc_count_error_upper_bound"] for part in parts):
            return False
        ordered = sorted(counts.values(), reverse=True)
        return len(ordered) > self._request.size and ordered[self._request.size - 1] > ordered[-1]

    def _to_facet(self, counts: dict[str, int], rest: int, missing: int) -> Facet:
        chosen = self._chosen
        everything = [
            FacetValue(
                value=value, label=self._labels.get(value, value), count=counts.get(value, 0), selected=value in chosen
            )
            for value in counts.keys() | chosen
        ]
        if self._containing is not None:
            everything = [value for value in everything if self._has_words(value.label)]
        everything.sort(key=_order(self._request))
        size = self._request.size
        shown = everything[:size] + [value for value in everything[size:] if value.selected]
        other = rest + sum(value.count for value in everything) - sum(value.count for value in shown)
        return Facet(values=tuple(shown), other=other, missing=missing)


def _order(request: FacetRequest) -> Callable[[FacetValue], tuple[object, ...]]:
    if request.sort == "count":
        return lambda value: (-value.count, value.label.casefold(), value.value)
    return lambda value: (value.label.casefold(), value.value)
