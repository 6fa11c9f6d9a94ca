"""Which ids a generation has, and which earlier ones had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from index.engines.opensearch.connection.client import Cluster
from index.engines.opensearch.lookups.dictionary import PAGE, REMOVED_KIND, DictionaryIndex
from index.near_names import find_similar_names

Json = dict[str, Any]
# So many before and after the place of an id are compared with it: ids of one make differ in their ends.
_AROUND = 100


class ClusterIds:
    """KnownIds (index.stores.base) of the generation ``name``."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self._name, self._lists = cluster, name, DictionaryIndex(cluster, name)

    def was_removed(self, ident: str) -> bool:
        return _is_text(ident) and bool(self._lists.find([(REMOVED_KIND, ident)]))

    def find_similar(self, ident: str) -> tuple[str, ...]:
        if not _is_text(ident):
            return ()
        # No id has more characters, and a term no more than 32,766 bytes.
        ident = ident[:200]
        searches = [
            (self._name, _page([{"range": {"id": {side: ident}}}], order, _AROUND))
            for side, order in (("lt", "desc"), ("gte", "asc"))
        ]
        before, after = (
            [hit["sort"][0] for hit in answer["hits"]["hits"]] for answer in self._cluster.search(searches)
        )
        return tuple(find_similar_names(ident, [*reversed(after), *before], 3))

    def iter_ever(self) -> Iterator[str]:
        """Every id that it has, or knows to be removed."""
        body = _page([], "asc", PAGE)
        while True:
            hits = self._cluster.search([(self._name, body)])[0]["hits"]["hits"]
            yield from (hit["sort"][0] for hit in hits)
            if len(hits) < PAGE:
                break
            body = {**body, "search_after": hits[-1]["sort"]}
        yield from (entry["value"] for entry in self._lists.iter_kind(REMOVED_KIND))


def _page(filters: list[Json], order: str, size: int) -> Json:
    query = {"bool": {"filter": filters}} if filters else {"match_all": {}}
    return {"query": query, "sort": [{"id": order}], "size": size, "_source": False, "track_total_hits": False}


def _is_text(ident: str) -> bool:
    """Whether it has no lone surrogate."""
    return not any(0xD800 <= ord(letter) <= 0xDFFF for letter in ident)
