"""The engine of a cluster: an Engine (index.engines.base) over the indices of one generation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import msgspec

from index.analysis.folding import TypedText
from index.analysis.schema import SOURCE_DEFAULTS, SOURCE_FIELDS, STORY_FIELDS, TextField
from index.caching import Budget, Cache, FunctionCache
from index.deadline import Deadline
from index.documents.stored_hit import encode_hit
from index.documents.story import Story
from index.engines.indexed import microseconds
from index.engines.label_counts import PublisherTally, sort_publishers
from index.engines.more_like_this import count_similarity_terms, make_more_like_this
from index.engines.opensearch.connection.client import Cluster, RequestRefused
from index.engines.opensearch.connection.deadline import MAX_SECONDS, begin_deadline
from index.engines.opensearch.format.mappings import SOURCES
from index.engines.opensearch.lookups.dictionary import PAGE, TALLY_KIND, DictionaryIndex
from index.engines.opensearch.search import counts, translation
from index.engines.opensearch.search.facets import FacetCounter
from index.engines.opensearch.search.more_like_this import make_similar
from index.engines.opensearch.search.pages import (
    make_source_page,
    make_window,
    read_search_after,
    read_story,
    to_record,
)
from index.engines.opensearch.search.snapshot import Replaced, Snapshot
from index.engines.opensearch.words.completion import ClusterCompleter, fuzzy_terms
from index.engines.opensearch.words.vocabulary import SOURCE_WORD_KIND, WORD_KIND
from index.engines.scoring import idf
from index.errors import IndexDamaged, IndexUnavailable, StaleCursor
from index.query.highlight import HitHighlighter, query_terms
from index.query.language import parse_query
from index.query.requests import FACETS, Interval, NumberName, SearchQuery, Sort, SourceQuery, SuggestionType
from index.query.results import (
    Facet,
    FuzzyTerm,
    Hit,
    IndexStatus,
    NumberStats,
    PublisherRecord,
    SearchPage,
    SourcePage,
    SourceRecord,
    Suggestion,
)

Json = dict[str, Any]
T = TypeVar("T")
# Results beyond this offset are read with search_after instead of from.
MAX_WINDOW = 10_000
_EXPORTED = 1_000  # documents per request of an export
# Cached document frequencies of terms and counts of texts: about 100,000 entries.
TERMS = Budget(16 << 20)
# Cached expansions of prefixes. A prefix of one letter may have 50,000 terms, which take 3 MB.
PREFIXES = Budget(64 << 20)
# Valid ids. Others are never sent to the cluster.
_ID = re.compile(r"[A-Za-z0-9._~:-]{1,200}")


class ClusterEngine:
    """Answers queries over the indices of one generation on a cluster.

    ``name``: the index of the stories; the names of the others begin with it. ``is_current``: returns False once the
    generation has been replaced or changed. Raises IndexDamaged if an index is missing.
    """

    # Each search goes over the network, but holds no core of this machine.
    retry_seconds, max_seconds = 1.0, MAX_SECONDS

    def __init__(
        self, cluster: Cluster, name: str, status: IndexStatus, is_current: Callable[[], bool] = lambda: True
    ) -> None:
        self._cluster, self._name, self._status = cluster, name, status
        self._lists = DictionaryIndex(cluster, name)
        self._sources = name + SOURCES
        self._snapshot = Snapshot(cluster, name, is_current)
        self._snapshot_of_sources = Snapshot(cluster, self._sources, is_current)
        self._expanded = FunctionCache(self._expand_prefix, PREFIXES)
        self._count = TERMS.cached(self._count_text)
        self._doc_freqs: Cache[str, int] = Cache(TERMS)
        self._labels: dict[str, dict[str, str]] = {}
        self._of_stories = _translator(STORY_FIELDS, lambda prefix: self._expanded[WORD_KIND, prefix])
        self._of_sources = _translator(SOURCE_FIELDS, lambda prefix: self._expanded[SOURCE_WORD_KIND, prefix])
        self._completer = ClusterCompleter(cluster, name, self._lists, lambda texts: list(map(self._count, texts)))
        for index in (name, self._sources, self._lists.index):
            self._search([(index, {"size": 0})])

    def _search(self, searches: Sequence[tuple[str, Json]], deadline: Deadline | None = None) -> list[Json]:
        try:
            return self._cluster.search(searches, deadline)
        except RequestRefused as error:
            raise self._explain(error) from error

    def _explain(self, error: RequestRefused) -> IndexUnavailable:
        kind = IndexDamaged if error.status == 404 else IndexUnavailable
        return kind(self._cluster.address, f"{self._name}: {error.reason}")

    # --- searching -----------------------------------------------------------------------------------------------

    def search_stories(self, query: SearchQuery) -> SearchPage:
        deadline = begin_deadline(query.seconds)
        if query.after:
            return self._read_on(self._snapshot, lambda place: self._search_stories(query, place, deadline))
        if query.offset + query.limit > MAX_WINDOW:
            page = self._search_stories(msgspec.structs.replace(query, offset=0, limit=0), {}, deadline)
            hits = self._skip_to(query, self._snapshot, self._make_body(query), deadline)
            return SearchPage(
                total=page.total,
                hits=self._make_hits(query, hits, deadline),
                facets=page.facets,
                after=read_search_after(hits),
            )
        return self._search_stories(query, {}, deadline)

    def _search_stories(self, query: SearchQuery, place: Json, deadline: Deadline) -> SearchPage:
        counters = [self._make_counter(name, query) for name in query.facets.names]
        body = {**self._describe(query, counters), **place}
        searches = [(self._name, body)]
        terms = query_terms(query.tree) if query.highlighting and query.highlighting.matches else []
        if unknown := [term for term in terms if term not in self._doc_freqs]:
            searches.append(self._lists.search_doc_freqs(unknown))
        answers = self._search(searches, deadline)
        if unknown:
            self._remember(unknown, answers[1])
        facets = self._read_facets(counters, {"query": body["query"], **place}, answers[0], deadline)
        total, hits = answers[0]["hits"]["total"]["value"], answers[0]["hits"]["hits"]
        return SearchPage(
            total=total, hits=self._make_hits(query, hits, deadline), facets=facets, after=read_search_after(hits)
        )

    def describe_search(self, query: SearchQuery) -> tuple[str, Json]:
        """The index and the body of the one request that most searches are: to try it without Outpost."""
        return self._name, self._describe(query, [self._make_counter(name, query) for name in query.facets.names])

    def _describe(self, query: SearchQuery, counters: Sequence[FacetCounter]) -> Json:
        body = {**self._make_body(query, faceted=query.facets.names), **make_window(query)}
        if aggregations := {name: own for counter in counters for name, own in counter.make_request().items()}:
            body["aggs"] = aggregations
        return body

    def _make_body(self, query: SearchQuery, faceted: Sequence[str] = ()) -> Json:
        """The search without what says which part of its hits: filters on a facet whose counts do not obey them come
        after counting."""
        later = () if query.facets.filtered else faceted
        before = [own for own in query.filters.values if own.facet not in later]
        after = [own for own in query.filters.values if own.facet in later]
        filters = translation.translate_range(query.filters)
        filters += [one for own in before for one in translation.translate_filter(own)]
        scored = None if query.tree is None else self._of_stories.translate(query.tree, query.search_in)
        asked = translation.make_query(scored, filters)
        if query.recency and query.sort is Sort.RELEVANCE:
            asked = translation.weigh_recency(asked, query.recency, microseconds(self._status.newest) or 0)
        body: Json = {
            "query": asked, "sort": translation.make_order(query.sort), "track_total_hits": True,
            "track_scores": query.tree is not None,
        }  # fmt: skip
        if narrowed := [one for own in after for one in translation.translate_filter(own)]:
            body["post_filter"] = {"bool": {"filter": narrowed}}
        return body

    def _make_hits(self, query: SearchQuery, hits: Sequence[Json], deadline: Deadline) -> tuple[Hit, ...]:
        highlighter = None
        if query.highlighting is not None:
            matched = query.highlighting.matches
            idfs = self.find_idfs(query_terms(query.tree)) if matched else {}
            highlighter = HitHighlighter(query, query.highlighting, idfs)
        made = []
        for hit in hits:
            story = read_story(hit)
            made.append(
                Hit(
                    score=hit["_score"] or 0.0,
                    stored_hit=encode_hit(story),
                    highlights=highlighter.highlight(story) if highlighter else b"",
                )
            )
            deadline.spend(len(made[-1].stored_hit) + len(made[-1].highlights))
        return tuple(made)

    def _make_counter(self, name: str, query: SearchQuery) -> FacetCounter:
        return FacetCounter(name, query.facets, query.filters, self._labels_of(name))

    def _read_facets(
        self, counters: Sequence[FacetCounter], body: Json, answer: Json, deadline: Deadline
    ) -> dict[str, Facet]:
        facets = {}
        for counter in counters:
            found = counter.read(answer["aggregations"])
            while found is None:
                more = {**body, "size": 0, "aggs": counter.make_request()}
                found = counter.read(self._search([(self._name, more)], deadline)[0]["aggregations"])
            facets[counter.name] = found
        return facets

    def date_histogram(self, query: SearchQuery, interval: Interval) -> tuple[dict[datetime, int], int]:
        return counts.date_histogram(self._counter(query), interval)

    def number_stats(self, query: SearchQuery, number: NumberName, size: int) -> NumberStats:
        return counts.compute_number_stats(self._counter(query), number, size)

    def _counter(self, query: SearchQuery) -> counts.Ask:
        deadline = begin_deadline(query.seconds)
        asked = {"query": self._make_body(query)["query"], "size": 0, "track_total_hits": True}
        return lambda more: self._search([(self._name, {**asked, **more})], deadline)[0]

    # --- reading on ----------------------------------------------------------------------------------------------

    def iter_documents(self, query: SearchQuery) -> Iterator[bytes]:
        # Read the first page now, so that errors are raised before the first document is returned.
        found = self._iter_documents(query)
        first = next(found, None)
        return _prepend(first, found) if first is not None else iter(())

    def _iter_documents(self, query: SearchQuery) -> Iterator[bytes]:
        for hit in self._snapshot.iter_hits(self._asker(), self._make_body(query), _EXPORTED):
            yield msgspec.json.encode(read_story(hit))

    def _read_on(self, snapshot: Snapshot, ask: Callable[[Json], T]) -> T:
        """For who has read a part. Raises StaleCursor where the index has been changed since."""
        try:
            return snapshot.read(ask)
        except Replaced as error:
            raise StaleCursor from error

    def _skip_to(
        self, query: SearchQuery | SourceQuery, snapshot: Snapshot, body: Json, deadline: Deadline
    ) -> list[Json]:
        """The hits of a page beyond what OpenSearch counts off, read on from the first."""
        ask = self._asker(deadline)
        return list(islice(snapshot.iter_hits(ask, body, PAGE, query.offset), query.limit))

    def _asker(self, deadline: Deadline | None = None) -> Callable[[Json], Json]:
        return lambda body: self._search([("", body)], deadline)[0]

    # --- sources -------------------------------------------------------------------------------------------------

    def search_sources(self, query: SourceQuery) -> SourcePage:
        filters = translation.translate_times(query.published_from, query.published_before)
        filters += translation.translate_filter(query.publishers)
        if query.story is not None:
            filters.append({"term": {"stories": query.story}})
        scored = None if query.tree is None else self._of_sources.translate(query.tree, SOURCE_DEFAULTS)
        sort = Sort.RELEVANCE if query.tree is not None else Sort.NEWEST
        body: Json = {
            "query": translation.make_query(scored, filters), "sort": translation.make_order(sort),
            "track_total_hits": True, "track_scores": query.tree is not None,
        }  # fmt: skip
        deadline = begin_deadline(query.seconds)
        if query.after:
            return self._read_on(
                self._snapshot_of_sources, lambda place: self._search_sources(query, body, place, deadline)
            )
        if query.offset + query.limit > MAX_WINDOW:
            total = self._search_sources(msgspec.structs.replace(query, offset=0, limit=0), body, {}, deadline).total
            return make_source_page(total, self._skip_to(query, self._snapshot_of_sources, body, deadline))
        return self._search_sources(query, body, {}, deadline)

    def _search_sources(self, query: SourceQuery, body: Json, place: Json, deadline: Deadline) -> SourcePage:
        whole = {**body, **make_window(query), **place}
        found = self._search([(self._sources, whole)], deadline)[0]["hits"]
        return make_source_page(found["total"]["value"], found["hits"])

    # --- similar stories -----------------------------------------------------------------------------------------

    def find_similar(
        self, story: Story, limit: int, exclude: frozenset[str], seconds: float | None = None
    ) -> list[tuple[Story, float]]:
        deadline = begin_deadline(seconds)
        doc_freq = self._find_doc_freqs(sorted(count_similarity_terms(story)[0]), deadline)
        likeness = make_more_like_this(story, self._status.stories, lambda term: doc_freq[term])
        if not likeness.weights or limit <= 0:
            return []
        left_out = sorted({story.id, *exclude})
        body = {"query": make_similar(likeness, left_out), "sort": translation.make_order(Sort.RELEVANCE)}
        search = self._name, {**body, "size": limit, "track_total_hits": False}
        hits = self._search([search], deadline)[0]["hits"]["hits"]
        return [(read_story(hit), min(1.0, hit["_score"])) for hit in hits]

    # --- words ---------------------------------------------------------------------------------------------------

    def suggest_completions(
        self, kind: SuggestionType, typed: TypedText, limit: int, seconds: float | None = None
    ) -> list[Suggestion]:
        if limit <= 0 or any(0xD800 <= ord(letter) <= 0xDFFF for word in typed.words for letter in word):
            return []
        try:
            return self._completer.complete(kind, typed, limit, begin_deadline(seconds))
        except RequestRefused as error:
            raise self._explain(error) from error

    def _count_text(self, text: str) -> int:
        return self.search_stories(SearchQuery(tree=parse_query(text, ()), limit=0)).total

    def fuzzy_terms(self, word: str, distance: int, seconds: float | None = None) -> list[FuzzyTerm]:
        try:
            return fuzzy_terms(self._cluster, self._lists, word, distance, begin_deadline(seconds))
        except RequestRefused as error:
            raise self._explain(error) from error

    def find_idfs(self, terms: Sequence[str]) -> dict[str, float]:
        doc_freq = self._find_doc_freqs(terms)
        return {term: idf(self._status.stories, doc_freq[term]) for term in terms}

    def _find_doc_freqs(self, terms: Sequence[str], deadline: Deadline | None = None) -> dict[str, int]:
        known = {term: count for term in terms if (count := self._doc_freqs.get(term)) is not None}
        unknown = [term for term in terms if term not in known]
        # A story of megabytes has more different words than an answer may have parts.
        for at in range(0, len(unknown), PAGE):
            part = unknown[at : at + PAGE]
            known |= self._remember(part, self._search([self._lists.search_doc_freqs(part)], deadline)[0])
        return known

    def _remember(self, terms: Sequence[str], answer: Json) -> dict[str, int]:
        fresh = self._lists.read_doc_freqs(answer, terms)
        for term, count in fresh.items():
            self._doc_freqs.add(term, count)
        return fresh

    def _expand_prefix(self, key: tuple[str, str]) -> tuple[str, ...]:
        """The terms of all words of a kind that begin with a prefix."""
        kind, prefix = key
        if not prefix or any(0xD800 <= ord(letter) <= 0xDFFF for letter in prefix):
            return ()
        filters: list[Json] = [{"prefix": {"value": prefix}}, {"range": {"typed": {"gte": 1}}}]
        found = (entry["term"] for entry in self._lists.iter_kind(kind, filters=filters))
        return tuple(dict.fromkeys(found))

    # --- looking up ----------------------------------------------------------------------------------------------

    def find_stories(self, ids: Sequence[str]) -> list[Story]:
        return [msgspec.convert(found, Story) for found in self._find_documents(self._name, ids)]

    def find_source(self, ident: str) -> SourceRecord | None:
        found = self._find_documents(self._sources, [ident])
        return to_record(found[0]) if found else None

    def _find_documents(self, index: str, ids: Sequence[str]) -> list[Json]:
        wanted = [ident for ident in ids if _ID.fullmatch(ident)]
        found = []
        for at in range(0, len(wanted), PAGE):
            part = wanted[at : at + PAGE]
            try:
                answer = self._cluster.send("POST", f"/{index}/_mget", {"ids": part}, realtime="false")
            except RequestRefused as error:
                raise self._explain(error) from error
            if broken := [one["error"] for one in answer["docs"] if "error" in one]:
                raise IndexUnavailable(self._cluster.address, f"{index}: {broken[0].get('reason')}")
            found += [one["_source"]["document"] for one in answer["docs"] if one["found"]]
        return found

    @cached_property
    def _publishers(self) -> list[PublisherRecord]:
        found = self._lists.iter_kind(TALLY_KIND, filters=[{"range": {"holding": {"gte": 1}}}])
        tallies = {entry["value"]: msgspec.convert(entry["document"], PublisherTally) for entry in found}
        return sort_publishers(tallies)

    def list_publishers(self) -> Sequence[PublisherRecord]:
        return self._publishers

    def find_labels(self, facet: str) -> dict[str, str]:
        return dict(self._labels_of(facet)) if facet in FACETS else {}

    def _labels_of(self, facet: str) -> dict[str, str]:
        if facet not in self._labels:
            entries = self._lists.iter_kind(facet, filters=[{"range": {"holding": {"gte": 1}}}])
            self._labels[facet] = {entry["value"]: entry["document"]["label"] for entry in entries}
        return self._labels[facet]

    def get_status(self) -> IndexStatus:
        return self._status

    def close(self) -> None:
        self._snapshot.close()
        self._snapshot_of_sources.close()
        self._cluster.close()


def _translator(fields: Sequence[TextField], expand: translation.Expand) -> translation.Translator:
    defaults = [field.name for field in fields if field.default]
    return translation.Translator(defaults, [field.name for field in fields], expand)


def _prepend(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
