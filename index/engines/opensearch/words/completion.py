"""Suggestions and near words: looked up in the lists and the titles, then checked against the definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
from rapidfuzz.distance import OSA

from index.analysis.folding import TypedText, fold_text
from index.analysis.schema import MAX_WORD, term_of
from index.deadline import Deadline
from index.documents.story import Story
from index.engines.opensearch.connection.client import Cluster
from index.engines.opensearch.format.documents import join_words
from index.engines.opensearch.format.mappings import MAX_KEY
from index.engines.opensearch.lookups.dictionary import PAGE, DictionaryIndex
from index.engines.opensearch.search.translation import make_order
from index.engines.opensearch.words.vocabulary import PAIR_KIND, WORD_KIND, show_words
from index.query.requests import MAX_SUGGESTED, MIN_TITLES, Sort, SuggestionType
from index.query.results import FuzzyTerm, Suggestion, fuzzy_term_order

Json = dict[str, Any]
# So many times what is wanted is read at first: some are the same to a search, or find nothing.
_SPARE = 3
# Lucene's automata know no more edits.
_MAX_EDITS = 2
# Words that are suggested: of two letters, of at least one story; pairs: see Engine.suggest_completions.
_SUGGESTED: Json = {
    "bool": {
        "should": [
            {"bool": {"filter": [{"term": {"kind": WORD_KIND}}, {"range": {"size": {"gte": 2}}},
                                 {"range": {"holding": {"gte": 1}}}]}},
            {"bool": {"filter": [{"term": {"kind": PAIR_KIND}}, {"range": {"holding": {"gte": MIN_TITLES}}}]}},
        ],
        "minimum_should_match": 1,
    }
}  # fmt: skip
_BEST: list[Json] = [{"holding": "desc"}, {"typed": {"order": "desc", "missing": "_last"}}, {"order": "asc"},
                     {"value": "asc"}]  # fmt: skip


class ClusterCompleter:
    """``count`` tells for each of some texts how many stories it finds."""

    def __init__(
        self, cluster: Cluster, stories: str, lists: DictionaryIndex, count: Callable[[Sequence[str]], list[int]]
    ) -> None:
        self._cluster, self._stories, self._lists, self._count = cluster, stories, lists, count

    def complete(self, kind: SuggestionType, typed: TypedText, limit: int, deadline: Deadline) -> list[Suggestion]:
        """See Engine.suggest_completions. Raises QueryTimeout."""
        match kind:
            case "query":
                found = self._iter_queries(typed, limit, deadline)
            case "story":
                found = self._iter_stories(typed, limit, deadline)
            case _:
                found = self._iter_labels(kind, typed, limit, deadline)
        return list(islice(found, limit))

    def _iter_stories(self, typed: TypedText, limit: int, deadline: Deadline) -> Iterator[Suggestion]:
        seen = set()
        wanted = CompletionQuery(typed, "title_key", "title_words")
        for hit in self._iter_found(self._stories, wanted, [], make_order(Sort.NEWEST), limit, deadline):
            story = msgspec.convert(hit["_source"]["document"], Story)
            if story.title not in seen and wanted.is_in(story.title, hit["begins"]):
                seen.add(story.title)
                yield Suggestion(type="story", text=story.title, id=story.id, count=1)

    def _iter_labels(
        self, kind: SuggestionType, typed: TypedText, limit: int, deadline: Deadline
    ) -> Iterator[Suggestion]:
        wanted = CompletionQuery(typed)
        filters: list[Json] = [{"term": {"kind": kind}}, {"range": {"holding": {"gte": 1}}}]
        for hit in self._iter_found(self._lists.index, wanted, filters, _BEST, limit, deadline):
            entry = hit["_source"]
            label = entry["document"]["label"]
            if wanted.is_in(label, hit["begins"]):
                yield Suggestion(type=kind, text=label, id=entry["value"], count=entry["holding"])

    def _iter_queries(self, typed: TypedText, limit: int, deadline: Deadline) -> Iterator[Suggestion]:
        seen = set()
        wanted = CompletionQuery(typed)
        found = self._iter_found(self._lists.index, wanted, [_SUGGESTED], _BEST, limit, deadline)
        while batch := list(islice(found, _SPARE * limit)):
            fresh = []
            for hit in batch:
                text = show_words(hit["_source"]["value"])
                terms = tuple(map(term_of, text.split(" ")))
                if terms not in seen and wanted.is_in(text, hit["begins"]):
                    fresh.append((text, terms))
            for (text, terms), total in zip(fresh, self._count([text for text, _ in fresh]), strict=True):
                if total and terms not in seen:
                    seen.add(terms)
                    yield Suggestion(type="query", text=text, id=None, count=total)

    def _iter_found(
        self,
        index: str,
        wanted: CompletionQuery,
        filters: Sequence[Json],
        order: Sequence[Json],
        limit: int,
        deadline: Deadline,
    ) -> Iterator[Json]:
        """All candidates: those whose beginning may be what was typed, then the others; ``begins`` says which."""
        for begins in (True, False):
            query = {"bool": {**wanted.queries[begins], "filter": [*wanted.queries[begins]["filter"], *filters]}}
            body: Json = {"query": query, "sort": order, "size": _SPARE * limit, "track_total_hits": False}
            while True:
                hits = self._cluster.search([(index, body)], deadline)[0]["hits"]["hits"]
                yield from ({**hit, "begins": begins} for hit in deadline.pace(hits))
                if len(hits) < body["size"]:
                    break
                body = {**body, "size": min(PAGE, body["size"] * _SPARE), "search_after": hits[-1]["sort"]}


class CompletionQuery:
    """What texts are looked up by: ``key`` is a field of whole folded texts, ``words`` of their words."""

    def __init__(self, typed: TypedText, key: str = "key", words: str = "words") -> None:
        self._typed = typed
        whole = join_words(list(typed.words))
        # A key that was cut is compared as far as it goes.
        start = whole[: MAX_KEY - 1]
        if not typed.words[-1] and not typed.closed:
            start = join_words(list(typed.words[:-1]))[: MAX_KEY - 1]
        self.queries = {True: {"filter": [{"prefix": {key: start}}]}}
        self.queries[False] = {"filter": [self._inside(words)], "must_not": self.queries[True]["filter"]}

    def _inside(self, words: str) -> Json:
        *whole, last = self._typed.words
        if self._typed.closed:
            return {"match_phrase": {words: join_words(list(self._typed.words))}}
        if not last:
            # The beginning of any word: what follows is checked.
            return {"match_phrase": {words: join_words(whole)}}
        if not whole:
            return {"prefix": {words: last}}
        return {"match_phrase_prefix": {words: {"query": join_words(list(self._typed.words)), "max_expansions": 1000}}}

    def is_in(self, text: str, begins: bool) -> bool:
        """Whether it stands in a text: at its beginning, or else where a later word begins."""
        if len(text) > MAX_SUGGESTED:
            return False
        at = self._typed.find_in(fold_text(text))
        return at is not None and (at == 0) is begins


def fuzzy_terms(
    cluster: Cluster, lists: DictionaryIndex, word: str, distance: int, deadline: Deadline
) -> list[FuzzyTerm]:
    """See Engine.fuzzy_terms. Lucene finds candidates, rapidfuzz says how near they are."""
    if not 0 < len(word) <= MAX_WORD + distance or any(0xD800 <= ord(letter) <= 0xDFFF for letter in word):
        return []
    near: list[Json] = [{"term": {"value": word}}]
    if distance:
        fuzzy = {"value": word, "fuzziness": min(distance, _MAX_EDITS), "rewrite": "constant_score"}
        near.append({"fuzzy": {"value": fuzzy}})
        # Lucene finds no word all of whose letters would have to be edited.
        low, high = max(1, len(word) - distance), len(word) + distance
        if low <= distance:
            near.append({"range": {"size": {"gte": low, "lte": high if len(word) <= distance else distance}}})
    wanted = {"bool": {"should": near, "minimum_should_match": 1}}
    found = []
    for entry in deadline.pace(lists.iter_kind(WORD_KIND, filters=[wanted])):
        other = entry["value"]
        edits = OSA.distance(word, other, score_cutoff=distance)
        if edits <= distance:
            found.append(FuzzyTerm(word=other, distance=edits, doc_freq=entry["holding"], occurrences=entry["typed"]))
    return sorted(found, key=fuzzy_term_order)
