"""Pages of results: the requested window, and hits of the cluster as results of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from index.documents.story import Story
from index.engines.indexed import StoredSource
from index.query.requests import SearchQuery, SourceQuery
from index.query.results import SourcePage, SourceRecord

Json = dict[str, Any]


def make_window(query: SearchQuery | SourceQuery) -> Json:
    """The part of a search body that selects the page: ``search_after`` or ``from``, and ``size``."""
    start = {"search_after": msgspec.json.decode(query.after)} if query.after else {"from": query.offset}
    return {**start, "size": query.limit}


def read_search_after(hits: Sequence[Json]) -> str:
    """The ``search_after`` token of the next page, "" after an empty page."""
    return msgspec.json.encode(hits[-1]["sort"]).decode() if hits else ""


def read_story(hit: Json) -> Story:
    return msgspec.convert(hit["_source"]["document"], Story)


def read_source(hit: Json) -> SourceRecord:
    return to_record(hit["_source"]["document"])


def to_record(document: Json) -> SourceRecord:
    stored = msgspec.convert(document, StoredSource)
    return SourceRecord(id=stored.id, source=stored.source, story_ids=stored.story_ids)


def make_source_page(total: int, hits: Sequence[Json]) -> SourcePage:
    return SourcePage(
        total=total,
        hits=tuple((read_source(hit), hit["_score"] or 0.0) for hit in hits),
        after=read_search_after(hits),
    )
