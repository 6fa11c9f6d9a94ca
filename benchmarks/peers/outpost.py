"""Outpost, called as its commands and its API call it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from api.response.answers import answer_hits
from benchmarks.peers import FACET_SIZE, FACETS, HITS, BuildResult
from benchmarks.queries import BenchmarkQuery
from index.analysis.schema import STORY_DEFAULTS, STORY_FIELDS
from index.engines.columns.engine import ColumnsEngine
from index.indexer import build_index
from index.live import LiveIndex
from index.query.language import parse_query
from index.query.requests import FacetRequest, Filters, HighlightOptions, SearchQuery, Sort, ValueFilter

_FIELDS = tuple(field.name for field in STORY_FIELDS)
_FACET_REQUEST = FacetRequest(names=FACETS, size=FACET_SIZE)


class Outpost:
    name = "Outpost"
    max_queries = sys.maxsize
    max_stories = sys.maxsize

    def build(self, file: Path, directory: Path) -> BuildResult:
        report = build_index(directory, [file])
        started = time.perf_counter()
        self._live = LiveIndex(directory)
        with self._live.borrow():
            opened = time.perf_counter() - started
        first = time.perf_counter()
        self.search(BenchmarkQuery("", "and", ("news",)), facets=True, documents=True, highlights=True)
        first_query = time.perf_counter() - first
        return BuildResult(
            report.seconds, report.bytes, f"opened in {opened:.3f} s, first query {first_query * 1000:.1f} ms"
        )

    def search(self, query: BenchmarkQuery, *, facets: bool, documents: bool, highlights: bool) -> int:
        tree = parse_query(query.text, _FIELDS)
        facet_filter = query.facet_filter
        engine_query = SearchQuery(
            tree=tree,
            search_in=STORY_DEFAULTS,
            filters=Filters(values=(ValueFilter(facet=facet_filter[0], any_of=frozenset({facet_filter[1]})),))
            if facet_filter
            else Filters(),
            sort=Sort.NEWEST if query.newest else Sort.RELEVANCE,
            facets=_FACET_REQUEST if facets else FacetRequest(),
            limit=HITS,
            highlighting=HighlightOptions() if highlights else None,
        )
        with self._live.borrow() as generation:
            engine = generation.engine
            if not (documents or highlights) and isinstance(engine, ColumnsEngine):
                return engine.match_stories(engine_query).total
            page = engine.search_stories(engine_query)
            if highlights:
                answer_hits(page.hits, None, "")
        return page.total

    def close(self) -> None:
        self._live.close()
