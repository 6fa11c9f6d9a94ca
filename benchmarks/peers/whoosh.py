"""Plain Whoosh, every match looked at: Outpost's first engine."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.peers import FACET_SIZE, FACETS, HITS, Built, bytes_under
from benchmarks.queries import Question
from index.analysis.schema import STORY_DEFAULTS, STORY_FIELDS
from index.engines import engine_kind
from index.engines.base import Engine
from index.query.language import parse_query
from index.query.requests import FacetRequest, Filters, HighlightOptions, SearchQuery, Sort, ValueFilter
from index.readers.ndjson import AcceptedLine, iter_stories

_FIELDS = tuple(field.name for field in STORY_FIELDS)


class Whoosh:
    name = "Whoosh"
    patience = 3
    max_stories = 250_000

    _engine: Engine

    def build(self, file: Path, directory: Path) -> Built:
        started = time.perf_counter()
        kind = engine_kind("whoosh")
        writer = kind.make_writer(directory)
        for read in iter_stories(file):
            if isinstance(read, AcceptedLine):
                writer.add(read.story)
        self._engine = kind.open(directory, writer.finish())
        return Built(time.perf_counter() - started, bytes_under(directory))

    def search(self, question: Question, *, facets: bool, documents: bool, highlights: bool) -> int:
        tree = parse_query(question.text, _FIELDS)
        only = question.only
        page = self._engine.search_stories(
            SearchQuery(
                tree=tree,
                search_in=STORY_DEFAULTS,
                filters=Filters(values=(ValueFilter(facet=only[0], any_of=frozenset({only[1]})),))
                if only
                else Filters(),
                sort=Sort.NEWEST if question.newest else Sort.RELEVANCE,
                highlighting=HighlightOptions() if highlights else None,
                facets=FacetRequest(names=FACETS, size=FACET_SIZE) if facets else FacetRequest(),
                limit=HITS,
            )
        )
        return page.total

    def close(self) -> None:
        self._engine.close()
