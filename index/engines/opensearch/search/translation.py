"""The query tree, filters and orders of index.query as OpenSearch's query language, node by node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from index.engines.indexed import microseconds
from index.engines.opensearch.format.mappings import TEXT
from index.engines.scoring import K1, TITLE_SHARE
from index.query.recency import HALF_LIFE
from index.query.requests import Filters, Sort, ValueFilter
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term

Json = dict[str, Any]
# The terms that words with a beginning have.
Expand = Callable[[str], Sequence[str]]
# What Lucene leaves out of BM25.
FACTOR = K1 + 1
# A list of terms may have 65,536, and so many words begin with a letter in ten million stories.
MAX_TERMS = 50_000
_NOTHING: Json = {"match_none": {}}
_EVERYTHING: Json = {"match_all": {}}
_NEWEST: list[Json] = [{"published": {"order": "desc", "missing": "_last"}}, {"id": "asc"}]
_FIRST: dict[Sort, list[Json]] = {
    Sort.RELEVANCE: [{"_score": "desc"}],
    Sort.NEWEST: [],
    Sort.OLDEST: [{"published": {"order": "asc", "missing": "_last"}}],
    Sort.UPDATED: [{"updated": {"order": "desc", "missing": "_last"}}],
    Sort.SOURCES: [{"source_count": "desc"}],
}
_RECENCY = """
if (doc['published'].size() == 0) { return _score * (1 - params.recency); }
double age = Math.max(0.0, (double) params.newest - doc['published'].value);
return _score * (1 - params.recency * age / (age + params.half));
"""


class Translator:
    """``defaults`` are the fields that ``TEXT`` has together, ``names`` all that there are."""

    def __init__(self, defaults: Sequence[str], names: Sequence[str], expand: Expand) -> None:
        self._defaults, self._names, self._expand = frozenset(defaults), frozenset(names), expand

    def translate(self, node: Node, search_in: Sequence[str]) -> Json:
        """A query that scores as docs/ranking.md says: the sum of what its leaves score; exclusions score nothing."""
        match node:
            case And(children):
                parts: dict[str, list[Json]] = {"must": [], "must_not": []}
                for child in children:
                    inner = child.child if isinstance(child, Not) else child
                    place = "must_not" if isinstance(child, Not) else "must"
                    parts[place].append(self.translate(inner, search_in))
                return _bool(**parts)
            case Or(children):
                return _any([self.translate(child, search_in) for child in children])
            case Not(child):
                return _bool(must_not=[self.translate(child, search_in)])
            case _:
                return self._leaf(node, search_in)

    def _leaf(self, leaf: Term | Phrase | Prefix, search_in: Sequence[str]) -> Json:
        if leaf.field is not None and leaf.field not in self._names:
            return _NOTHING
        names = {leaf.field} if leaf.field else set(search_in)
        terms = self._expand(leaf.text) if isinstance(leaf, Prefix) else ()
        if isinstance(leaf, Prefix) and not terms:
            return _NOTHING
        parts = [TEXT] if names >= self._defaults else sorted(names & self._defaults)
        queries = [_make_leaf(leaf, terms, name, FACTOR) for name in [*parts, *sorted(names - self._defaults)]]
        if "title" not in names or isinstance(leaf, Prefix):
            return _any(queries)
        # A word in the title counts half as much again: whatever has it matches already.
        return {"bool": {"must": [_any(queries)], "should": [_make_leaf(leaf, terms, "title", FACTOR * TITLE_SHARE)]}}


def _make_leaf(leaf: Term | Phrase | Prefix, terms: Sequence[str], name: str, boost: float) -> Json:
    match leaf:
        case Prefix():
            parts: list[Json] = [
                {"terms": {name: terms[at : at + MAX_TERMS]}} for at in range(0, len(terms), MAX_TERMS)
            ]
            return {"constant_score": {"filter": _any(parts)}}
        case Term(_, term) | Phrase(_, (term,)):
            return {"term": {name: {"value": term, "boost": boost}}}
        case Phrase(_, own):
            return {"match_phrase": {name: {"query": " ".join(own), "boost": boost}}}


def _bool(**parts: list[Json]) -> Json:
    given = {name: own for name, own in parts.items() if own}
    if "must" not in given:
        given["filter"] = [_EVERYTHING]
    return {"bool": given}


def _any(queries: Sequence[Json]) -> Json:
    if len(queries) == 1:
        return queries[0]
    return {"bool": {"should": queries, "minimum_should_match": 1}} if queries else _NOTHING


def translate_filter(wanted: ValueFilter) -> list[Json]:
    """What narrows by a facet, as filters."""
    name = f"facet.{wanted.facet}"
    filters: list[Json] = []
    if wanted.any_of:
        filters.append({"terms": {name: sorted(wanted.any_of)}})
    if wanted.none_of:
        filters.append({"bool": {"must_not": [{"terms": {name: sorted(wanted.none_of)}}]}})
    return filters


def translate_range(filters: Filters) -> list[Json]:
    """What narrows by time and number of sources."""
    found = translate_times(filters.published_from, filters.published_before)
    limits = {"gte": filters.min_sources, "lte": filters.max_sources}
    if given := {name: limit for name, limit in limits.items() if limit is not None}:
        found.append({"range": {"source_count": given}})
    return found


def translate_times(start: datetime | None, end: datetime | None) -> list[Json]:
    limits = {"gte": microseconds(start), "lt": microseconds(end)}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return [{"range": {"published": given}}] if given else []


def make_query(scored: Json | None, filters: Sequence[Json]) -> Json:
    """``scored`` None matches everything and scores 0."""
    if scored is None:
        return {"bool": {"filter": list(filters) or [_EVERYTHING]}}
    return {"bool": {"must": [scored], "filter": list(filters)}} if filters else scored


def weigh_recency(query: Json, recency: float, newest: int) -> Json:
    """index.query.recency: how much newer stories count for more."""
    params = {"recency": recency, "newest": newest, "half": HALF_LIFE}
    return {"script_score": {"query": query, "script": {"source": _RECENCY, "params": params}}}


def make_order(sort: Sort) -> list[Json]:
    return [*_FIRST[sort], *_NEWEST]
