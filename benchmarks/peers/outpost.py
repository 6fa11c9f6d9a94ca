"""Outpost: built, opened, asked and answered as the commands and the API do it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from api.response.answers import answer_hits
from benchmarks.peers import FACET_SIZE, FACETS, HITS, Built
from benchmarks.queries import Question
from index.analysis.schema import STORY_DEFAULTS, STORY_FIELDS
from index.engines.columns.engine import ColumnsEngine
from index.indexer import build_index
from index.live import LiveIndex
from index.query.language import parse_query
from index.query.requests import FacetRequest, Filters, HighlightOptions, SearchQuery, Sort, ValueFilter

_FIELDS = tuple(field.name for field in STORY_FIELDS)
_COUNTED = FacetRequest(FACETS, FACET_SIZE)


class Outpost:
    name = "Outpost"
    patience = sys.maxsize
    max_stories = sys.maxsize

    def build(self, file: Path, directory: Path) -> Built:
        report = build_index(directory, [file])
        started = time.perf_counter()
        self._live = LiveIndex(directory)
        with self._live.borrow():
            opened = time.perf_counter() - started
        first = time.perf_counter()
        self.search(Question("", "and", ("news",)), facets=True, documents=True, highlights=True)
        asked = time.perf_counter() - first
        return Built(report.seconds, report.bytes, f"opened in {opened:.3f} s, first query {asked * 1000:.1f} ms")

    def search(self, question: Question, *, facets: bool, documents: bool, highlights: bool) -> int:
        tree = parse_query(question.text, _FIELDS)
        only = question.only
        query = SearchQuery(
            tree=tree,
            search_in=STORY_DEFAULTS,
            filters=Filters((ValueFilter(only[0], frozenset({only[1]})),)) if only else Filters(),
            sort=Sort.NEWEST if question.newest else Sort.RELEVANCE,
            facets=_COUNTED if facets else FacetRequest(),
            limit=HITS,
            highlighting=HighlightOptions() if highlights else None,
        )
        with self._live.borrow() as generation:
            engine = generation.engine
            if not (documents or highlights) and isinstance(engine, ColumnsEngine):
                return engine.match_stories(query).total
            page = generation.engine.search_stories(query)
            if highlights:
                answer_hits(page.hits, None, "")
        return page.total

    def close(self) -> None:
        self._live.close()
