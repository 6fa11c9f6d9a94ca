"""Words, labels, publishers and sources of a generation, counted anew from its stories: after an update that was
interrupted nobody knows which of its changes they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from index.documents.story import Story
from index.engines.opensearch.build.writer import ClusterWriter, name_indices
from index.engines.opensearch.connection.client import Cluster
from index.engines.opensearch.format.mappings import LISTS, SOURCES
from index.engines.opensearch.lookups.dictionary import REMOVED_KIND

Json = dict[str, Any]
_PAGE = 1_000


def recount(cluster: Cluster, name: str) -> None:
    cluster.send("POST", f"/{name_indices(name)}/_refresh")
    writer = ClusterWriter(cluster, name)
    for story in _iter_stories(cluster, name):
        writer.count(story)
    for index, kept in ((name + SOURCES, []), (name + LISTS, [{"term": {"kind": REMOVED_KIND}}])):
        everything = {"query": {"bool": {"filter": [{"match_all": {}}], "must_not": kept}}}
        cluster.send("POST", f"/{index}/_delete_by_query", everything, refresh="true", request_timeout=3600)
    writer.finish()


def _iter_stories(cluster: Cluster, name: str) -> Iterator[Story]:
    """In the order in which they came."""
    body: Json = {"sort": [{"added": "asc"}, {"id": "asc"}], "size": _PAGE, "track_total_hits": False}
    while True:
        hits = cluster.search([(name, body)])[0]["hits"]["hits"]
        yield from (msgspec.convert(hit["_source"]["document"], Story) for hit in hits)
        if len(hits) < _PAGE:
            return
        body = {**body, "search_after": hits[-1]["sort"]}
