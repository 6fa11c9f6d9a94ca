"""Changes to the indices of a generation where they are: kept in a file until all of them came in, so that faults in
the input change nothing. What a story says is counted anew from what it said before."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec.structs import replace

from index.analysis.schema import term_of
from index.documents.story import Source, Story
from index.engines.indexed import StoredSource, text_of_source
from index.engines.label_counts import LabelCounts, PublisherTally, Tallies, merge_citing
from index.engines.opensearch.build.bulk import BulkLoader
from index.engines.opensearch.build.writer import name_indices
from index.engines.opensearch.connection.client import Cluster
from index.engines.opensearch.format.documents import (
    BulkLine,
    StoryTexts,
    delete_line,
    describe_source,
    describe_story,
    entry_id,
    index_line,
)
from index.engines.opensearch.format.mappings import LISTS, SOURCES
from index.engines.opensearch.lookups.dictionary import (
    PAGE,
    TALLY_KIND,
    DictionaryIndex,
    describe_label,
    describe_tally,
)
from index.engines.opensearch.words.vocabulary import (
    PAIR_KIND,
    SOURCE_WORD_KIND,
    WORD_KIND,
    ClusterVocabulary,
    describe_pair,
    describe_source_word,
    describe_word,
)
from index.query.requests import FACETS
from index.query.results import IndexStatus

Json = dict[str, Any]
Keys = Iterable[tuple[str, str]]
# So many stories are looked up, counted and sent at once.
_CHUNK = 500
_decoder = msgspec.json.Decoder(Story | str)


class ClusterUpdater:
    """A GenerationUpdater (index.engines.base) of the generation ``name``, which has ``status`` until it ends.

    ``begin`` is called before the first change.
    """

    def __init__(
        self, cluster: Cluster, name: str, status: IndexStatus, begin: Callable[[], None] = lambda: None
    ) -> None:
        self._cluster, self._name, self._status, self._begin = cluster, name, status, begin
        self._lists = DictionaryIndex(cluster, name)
        self._bulk = BulkLoader(cluster)
        self._label_counts = LabelCounts()
        self._before: set[tuple[str, str]] = set()  # which label counts were looked up
        self._vocabulary = ClusterVocabulary()
        # A line is a story that comes in, or the id of one that goes.
        self._changes = tempfile.TemporaryFile()  # noqa: SIM115 - until finish or abort
        self._there: dict[str, bool] = {}  # of the stories in it
        self._sources: set[str] = set()

    def add(self, story: Story) -> None:
        self._there[story.id] = True
        self._changes.write(msgspec.json.encode(story) + b"\n")

    def delete(self, ident: str) -> bool:
        there = self._there.get(ident)
        if there is None:
            there = bool(self._find_stories([ident]))
        if there:
            self._there[ident] = False
            self._changes.write(msgspec.json.encode(ident) + b"\n")
        return there

    def finish(self) -> IndexStatus:
        self._begin()
        self._added = self._find_last() + 1
        self._changes.seek(0)
        while lines := list(islice(self._changes, _CHUNK)):
            self._apply(lines)
        self._changes.close()
        self._refresh()
        self._update_sources()
        self._bulk.add_all(self._iter_entries())
        self._bulk.finish()
        self._refresh()
        return self._count()

    def merge(self) -> IndexStatus:
        status = self.finish()
        self._cluster.send("POST", f"/{name_indices(self._name)}/_forcemerge", max_num_segments=1, request_timeout=3600)
        return status

    def abort(self) -> None:
        self._changes.close()
        self._bulk.abort()

    # --- stories -------------------------------------------------------------------------------------------------

    def _apply(self, lines: Sequence[bytes]) -> None:
        changes: dict[str, Story | None] = {}
        for line in lines:
            change = _decoder.decode(line)
            ident = change if isinstance(change, str) else change.id
            # The last of several stands where it comes: the first story that cites an article says more of it.
            changes.pop(ident, None)
            changes[ident] = None if isinstance(change, str) else change
        before = {story.id: story for story in self._find_stories(list(changes))}
        texts = {ident: StoryTexts(story) for ident, story in changes.items() if story}
        old = {ident: StoryTexts(story) for ident, story in before.items()}
        self._load_label_counts([*before.values(), *filter(None, changes.values())], [*texts.values(), *old.values()])
        for ident, story in changes.items():
            if ident in before:
                self._label_counts.remove(before[ident], old[ident].labels)
                self._vocabulary.add(old[ident], -1)
                self._sources.update(before[ident].source_ids())
            if story is None:
                self._bulk.add(delete_line(self._name, ident, f"story {ident}"))
                continue
            self._label_counts.add(story, texts[ident].labels)
            self._vocabulary.add(texts[ident])
            self._sources.update(story.source_ids())
            document = {**describe_story(story, texts[ident]), "added": self._added}
            self._added += 1
            self._bulk.add(index_line(self._name, ident, f"story {ident}", document))
        self._bulk.flush()

    def _find_stories(self, idents: Sequence[str]) -> list[Story]:
        if not idents:
            return []
        # In real time: what this updater has sent counts, though nobody finds it yet.
        answer = self._cluster.send("POST", f"/{self._name}/_mget", {"ids": list(idents)})
        return [msgspec.convert(one["_source"]["document"], Story) for one in answer["docs"] if one.get("found")]

    def _find_last(self) -> int:
        body = {"size": 0, "aggs": {"last": {"max": {"field": "added"}}}}
        return int(self._cluster.search([(self._name, body)])[0]["aggregations"]["last"]["value"] or 0)

    def _refresh(self) -> None:
        self._cluster.send("POST", f"/{name_indices(self._name)}/_refresh")

    def _count(self) -> IndexStatus:
        newest = {"newest": {"top_hits": {"size": 1, "sort": [{"published": {"order": "desc", "missing": "_last"}}]}}}
        whole: Json = {"size": 0, "track_total_hits": True}
        tallies = {"bool": {"filter": [{"term": {"kind": TALLY_KIND}}, {"range": {"holding": {"gte": 1}}}]}}
        stories, sources, publishers = self._cluster.search(
            [
                (self._name, {**whole, "aggs": newest}),
                (self._name + SOURCES, whole),
                (self._name + LISTS, {**whole, "query": tallies}),
            ]
        )
        latest = None
        for hit in stories["aggregations"]["newest"]["hits"]["hits"]:
            latest = msgspec.convert(hit["_source"]["document"], Story).published_at or None
        totals = [answer["hits"]["total"]["value"] for answer in (stories, sources, publishers)]
        return replace(self._status, stories=totals[0], sources=totals[1], publishers=totals[2], newest=latest)

    # --- sources -------------------------------------------------------------------------------------------------

    def _update_sources(self) -> None:
        """Each article that changed is merged anew from the stories that cite it now."""
        affected = sorted(self._sources)
        for at in range(0, len(affected), _CHUNK):
            idents = affected[at : at + _CHUNK]
            citing: dict[str, list[tuple[str, Source]]] = {ident: [] for ident in idents}
            for story in self._iter_citing(idents):
                for ident, source in zip(story.source_ids(), story.sources, strict=True):
                    if ident in citing:
                        citing[ident].append((story.id, source))
            old = self._find_sources(idents)
            new = {ident: merge_citing(ident, said) for ident, said in citing.items() if said}
            self._load(_publisher_keys([*old.values(), *new.values()]))
            self._bulk.add_all(self._replace_source(ident, old.get(ident), new.get(ident)) for ident in idents)

    def _replace_source(self, ident: str, old: StoredSource | None, new: StoredSource | None) -> BulkLine:
        index, about = self._name + SOURCES, f"source {ident}"
        if old:
            self._label_counts.count_source(old.source, -1)
            self._vocabulary.add_source(text_of_source(old.source), -1)
        if new is None:
            return delete_line(index, ident, about)
        self._label_counts.count_source(new.source)
        self._vocabulary.add_source(text_of_source(new.source))
        return index_line(index, ident, about, describe_source(new))

    def _iter_citing(self, idents: Sequence[str]) -> Iterator[Story]:
        """The stories that cite one of the articles, in the order in which they came."""
        body: Json = {
            "query": {"bool": {"filter": [{"terms": {"source_ids": list(idents)}}]}},
            "sort": [{"added": "asc"}, {"id": "asc"}], "size": _CHUNK,
        }  # fmt: skip
        while True:
            hits = self._cluster.search([(self._name, body)])[0]["hits"]["hits"]
            yield from (msgspec.convert(hit["_source"]["document"], Story) for hit in hits)
            if len(hits) < _CHUNK:
                return
            body = {**body, "search_after": hits[-1]["sort"]}

    def _find_sources(self, idents: Sequence[str]) -> dict[str, StoredSource]:
        answer = self._cluster.send("POST", f"/{self._name + SOURCES}/_mget", {"ids": list(idents)})
        found = (one["_source"]["document"] for one in answer["docs"] if one.get("found"))
        return {stored.id: stored for stored in (msgspec.convert(one, StoredSource) for one in found)}

    # --- lists ---------------------------------------------------------------------------------------------------

    def _load_label_counts(self, stories: Iterable[Story], texts: Iterable[StoryTexts]) -> None:
        keys = {(facet, value) for own in texts for facet, values in own.labels.items() for value in values}
        keys |= {(TALLY_KIND, publisher.id) for story in stories for publisher in story.publishers}
        self._load(keys)

    def _load(self, keys: Keys) -> None:
        """Look up the label counts of some values, to continue from them."""
        fresh = [key for key in keys if key not in self._before]
        self._before.update(fresh)
        tallies = self._label_counts.tallies
        for (kind, value), entry in self._lists.find(fresh).items():
            if kind == TALLY_KIND:
                tallies.publishers[value] = msgspec.convert(entry["document"], PublisherTally)
            else:
                tallies.labels.setdefault(kind, {})[value] = entry["document"]["spellings"]

    def _iter_entries(self) -> Iterator[BulkLine]:
        yield from _to_lines(self._name + LISTS, self._iter_label_counts())
        self._vocabulary.finish()
        yield from _to_lines(self._name + LISTS, self._iter_words())

    def _iter_label_counts(self) -> Iterator[tuple[str, str, Json | None]]:
        tallies: Tallies = self._label_counts.tallies
        for facet in FACETS:
            for value, spellings in tallies.labels.get(facet, {}).items():
                yield facet, value, describe_label(facet, value, spellings) if spellings else None
        for ident, tally in tallies.publishers.items():
            there = tally.story_count or tally.source_count
            yield TALLY_KIND, ident, describe_tally(ident, tally) if there else None

    def _iter_words(self) -> Iterator[tuple[str, str, Json | None]]:
        own = self._vocabulary
        changed = {word for word, change in own.typed.items() if change}
        known = self._find_typed(WORD_KIND, changed)
        # Words of a term that more or fewer stories have now, of which this update says nothing else.
        terms = {term for term, change in own.doc_freq.items() if change}
        doc_freq: dict[str, int] = {}
        for entry in self._find_of_terms(terms):
            known[entry["value"]] = entry
            doc_freq[entry["term"]] = entry["holding"]
        for word in changed | known.keys():
            entry = known.get(word, {})
            term = term_of(word) or ""
            typed = entry.get("typed", 0) + own.typed[word]
            now = entry.get("holding", doc_freq.get(term, 0)) + own.doc_freq[term]
            yield WORD_KIND, word, describe_word(word, max(0, now), typed) if typed > 0 else None
        for pair, titles in self._add_up(PAIR_KIND, own.pairs):
            yield PAIR_KIND, pair, describe_pair(pair, titles) if titles > 0 else None
        for word, typed in self._add_up(SOURCE_WORD_KIND, own.source_words):
            yield SOURCE_WORD_KIND, word, describe_source_word(word, typed) if typed > 0 else None

    def _find_typed(self, kind: str, values: Iterable[str]) -> dict[str, Json]:
        return {value: entry for (_, value), entry in self._lists.find((kind, value) for value in values).items()}

    def _find_of_terms(self, terms: Iterable[str]) -> Iterator[Json]:
        ordered = sorted(terms)
        for at in range(0, len(ordered), PAGE):
            yield from self._lists.iter_kind(WORD_KIND, filters=[{"terms": {"term": ordered[at : at + PAGE]}}])

    def _add_up(self, kind: str, changes: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        changed = {value: change for value, change in changes.items() if change}
        known = self._find_typed(kind, changed)
        return ((value, known.get(value, {}).get("typed", 0) + change) for value, change in changed.items())


def _publisher_keys(sources: Iterable[StoredSource]) -> Keys:
    publishers = (stored.source.publisher for stored in sources)
    return {(TALLY_KIND, publisher.id) for publisher in publishers if publisher and publisher.id}


def _to_lines(index: str, entries: Iterable[tuple[str, str, Json | None]]) -> Iterator[BulkLine]:
    for kind, value, entry in entries:
        ident, about = entry_id(kind, value), f"{kind} {value}"
        yield delete_line(index, ident, about) if entry is None else index_line(index, ident, about, entry)
