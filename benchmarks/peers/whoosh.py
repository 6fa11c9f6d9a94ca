"""Plain Whoosh, which scores every match: Outpost's reference engine."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.peers import FACET_SIZE, FACETS, HITS, BuildResult, count_bytes
from benchmarks.queries import BenchmarkQuery
from index.analysis.schema import STORY_DEFAULTS, STORY_FIELDS
from index.engines import engine_kind
from index.engines.base import Engine
from index.query.language import parse_query
from index.query.requests import FacetRequest, Filters, HighlightOptions, SearchQuery, Sort, ValueFilter
from index.readers.ndjson import AcceptedLine, iter_stories

_FIELDS = tuple(field.name for field in STORY_FIELDS)


class Whoosh:
    name = "Whoosh"
    max_queries = 3
    max_stories = 250_000

    _engine: Engine

    def build(self, file: Path, directory: Path) -> BuildResult:
        started = time.perf_counter()
        kind = engine_kind("whoosh")
        writer = kind.make_writer(directory)
        for read in iter_stories(file):
            if isinstance(read, AcceptedLine):
                writer.add(read.story)
        self._engine = kind.open(directory, writer.finish())
        return BuildResult(time.perf_counter() - started, count_bytes(directory))

    def search(self, query: BenchmarkQuery, *, facets: bool, documents: bool, highlights: bool) -> int:
        tree = parse_query(query.text, _FIELDS)
        facet_filter = query.facet_filter
        page = self._engine.search_stories(
            SearchQuery(
                tree=tree,
                search_in=STORY_DEFAULTS,
                filters=Filters(values=(ValueFilter(facet=facet_filter[0], any_of=frozenset({facet_filter[1]})),))
                if facet_filter
                else Filters(),
                sort=Sort.NEWEST if query.newest else Sort.RELEVANCE,
                highlighting=HighlightOptions() if highlights else None,
                facets=FacetRequest(names=FACETS, size=FACET_SIZE) if facets else FacetRequest(),
                limit=HITS,
            )
        )
        return page.total

    def close(self) -> None:
        self._engine.close()
