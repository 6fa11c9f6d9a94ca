"""The lists of a generation: labels, publishers, words, ids that were removed. Read whole only where they are short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from index.analysis.folding import fold_text
from index.engines.label_counts import PublisherTally, Tallies, most_common
from index.engines.opensearch.connection.client import Cluster
from index.engines.opensearch.format.documents import entry_id, join_words, make_key
from index.engines.opensearch.format.mappings import LISTS

Json = dict[str, Any]
TALLY_KIND, REMOVED_KIND = "tally", "removed"
# What one request reads; a term of 32,766 bytes is too long to sort by, and nobody sees what comes after so many.
PAGE, _MAX_ORDER = 10_000, 1_000


def describe_label(facet: str, value: str, spellings: Mapping[str, int]) -> Json:
    """A facet's value with each spelling of its label."""
    label = most_common(spellings)
    folded = fold_text(label)
    return {
        "kind": facet, "value": value, "key": make_key(folded), "words": join_words(folded),
        "holding": sum(spellings.values()), "order": label.casefold()[:_MAX_ORDER],
        "document": {"label": label, "spellings": spellings},
    }  # fmt: skip


def describe_tally(ident: str, tally: PublisherTally) -> Json:
    return {"kind": TALLY_KIND, "value": ident, "holding": tally.story_count, "document": msgspec.to_builtins(tally)}


def describe_removed(ident: str) -> Json:
    return {"kind": REMOVED_KIND, "value": ident}


def iter_tallies(tallies: Tallies) -> Iterator[tuple[str, str, Json]]:
    """(kind, value, entry) of all labels and publishers."""
    for facet, values in tallies.labels.items():
        for value, spellings in values.items():
            yield facet, value, describe_label(facet, value, spellings)
    for ident, tally in tallies.publishers.items():
        yield TALLY_KIND, ident, describe_tally(ident, tally)


class DictionaryIndex:
    """Reads the lists of the generation ``name``."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self.index = cluster, name + LISTS

    def iter_kind(self, *kinds: str, filters: Sequence[Json] = ()) -> Iterator[Json]:
        """All entries of some kinds, page after page."""
        query = {"bool": {"filter": [{"terms": {"kind": kinds}}, *filters]}}
        body: Json = {"query": query, "size": PAGE, "sort": [{"value": "asc"}, {"kind": "asc"}]}
        while True:
            hits = self._cluster.search([(self.index, body)])[0]["hits"]["hits"]
            yield from (hit["_source"] for hit in hits)
            if len(hits) < PAGE:
                return
            body = {**body, "search_after": hits[-1]["sort"]}

    def find(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Json]:
        """The entries of (kind, value) that exist."""
        wanted = list(keys)
        found = {}
        for at in range(0, len(wanted), PAGE):
            idents = {entry_id(*key): key for key in wanted[at : at + PAGE]}
            answer = self._cluster.send("POST", f"/{self.index}/_mget", {"ids": list(idents)}, realtime="false")
            found.update({idents[one["_id"]]: one["_source"] for one in answer["docs"] if one.get("found")})
        return found

    def search_doc_freqs(self, terms: Sequence[str]) -> tuple[str, Json]:
        """The search that ``read_doc_freqs`` reads: how many stories have each term."""
        counts = {"terms": {"field": "term", "size": max(1, len(terms))}, "aggs": {"h": {"max": {"field": "holding"}}}}
        filters = [{"term": {"kind": "word"}}, {"terms": {"term": list(terms)}}]
        return self.index, {"query": {"bool": {"filter": filters}}, "size": 0, "aggs": {"terms": counts}}

    @staticmethod
    def read_doc_freqs(answer: Json, terms: Iterable[str]) -> dict[str, int]:
        found = {bucket["key"]: int(bucket["h"]["value"]) for bucket in answer["aggregations"]["terms"]["buckets"]}
        return {term: found.get(term, 0) for term in terms}
