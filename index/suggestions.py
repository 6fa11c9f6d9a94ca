"""Suggestions for a search box: completions of the typed text, or trending topics while the box is empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, pairwise
from typing import get_args

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from index.analysis.folding import TypedText
from index.analysis.schema import WORD, term_of
from index.deadline import Deadline
from index.documents.stored_hit import insert_base_url
from index.engines.base import Engine
from index.live import OpenGeneration
from index.query.language import parse_query
from index.query.requests import MAX_SUGGESTED, MIN_TITLES, Filters, SearchQuery, SuggestionType, ValueFilter
from index.query.results import Suggestion

MAX_SUGGESTIONS = 10
KINDS: tuple[SuggestionType, ...] = get_args(SuggestionType)
# Types take turns in this order until the list is full: 10 suggestions have 4 queries and 2 of each other type.
_TURN_ORDER: tuple[SuggestionType, ...] = ("query", "query", "topic", "publisher", "story")
# Trending suggestions come from so many of the newest stories.
_TRENDING_STORIES = 500
# Stories are read in batches until this many bytes are read; 500 stories usually have 700,000 bytes.
_BATCH, _MAX_BYTES = 20, 4_000_000


def suggest(generation: OpenGeneration, typed: TypedText | None, limit: int) -> list[Suggestion]:
    """Completions of ``typed``: queries, then topics, publishers and stories, the best of each type first.

    A list of 10 has 4 queries and 2 of each other type; if a type has fewer, the others fill its place. If ``typed``
    is None, the suggestions are what the newest stories are about. Raises QueryTimeout.
    """
    engine = generation.engine
    deadline = Deadline(engine.max_seconds)
    if typed is None:
        trending = _find_trending(generation, deadline)
        return _mix_types(lambda kind, size: [item for item in trending if item.type == kind][:size], limit)
    return _mix_types(lambda kind, size: engine.suggest_completions(kind, typed, size, deadline.remaining()), limit)


def _mix_types(find: Callable[[SuggestionType, int], list[Suggestion]], limit: int) -> list[Suggestion]:
    """``limit`` suggestions of all types. ``find(kind, size)`` returns the best ``size`` suggestions of one type."""
    shares = Counter(kind for kind, _ in zip(cycle(_TURN_ORDER), range(limit), strict=False))
    by_type = {kind: find(kind, shares[kind]) if shares[kind] else [] for kind in KINDS}
    if sum(map(len, by_type.values())) < limit:
        # Some types have fewer than their share: the others may have more.
        by_type = {kind: find(kind, limit) if len(by_type[kind]) == shares[kind] else by_type[kind] for kind in KINDS}
        shares = _share_out({kind: len(suggestions) for kind, suggestions in by_type.items()}, limit)
    return [suggestion for kind in KINDS for suggestion in by_type[kind][: shares[kind]]]


def _share_out(sizes: dict[SuggestionType, int], limit: int) -> Counter[SuggestionType]:
    """How many suggestions of each type to take, in turns; ``sizes`` says how many there are."""
    shares: Counter[SuggestionType] = Counter()
    total = min(limit, sum(sizes.values()))
    for kind in cycle(_TURN_ORDER):
        if shares.total() == total:
            return shares
        shares[kind] += shares[kind] < sizes[kind]
    raise AssertionError("cycle() never ends")


class _Label(Struct):
    id: str


class _NewStory(Struct):
    """The part of a stored hit (index.documents.stored_hit) that trending suggestions are made of."""

    id: str
    title: str
    publishers: list[_Label]
    topics: list[_Label]


_decoder = msgspec.json.Decoder(_NewStory)


def _find_trending(generation: OpenGeneration, deadline: Deadline) -> tuple[Suggestion, ...]:
    """Computed once for each generation, because decoding the stories takes 10 ms."""
    if generation.trending is None:
        stories = _read_newest(generation.engine, deadline)
        generation.trending = tuple(_iter_trending(generation.engine, stories, deadline))
    return generation.trending


def _read_newest(engine: Engine, deadline: Deadline) -> list[_NewStory]:
    """The newest stories, at most ``_TRENDING_STORIES``, and none after ``_MAX_BYTES``."""
    stories: list[_NewStory] = []
    size = 0
    while len(stories) < _TRENDING_STORIES and size < _MAX_BYTES:
        query = SearchQuery(offset=len(stories), limit=_BATCH, seconds=deadline.remaining())
        stored_hits = [insert_base_url(hit.stored_hit, "") for hit in engine.search_stories(query).hits]
        stories += map(_decoder.decode, deadline.pace(stored_hits))
        size += sum(map(len, stored_hits))
        if len(stored_hits) < _BATCH:
            break
    return stories


def _iter_trending(engine: Engine, stories: Sequence[_NewStory], deadline: Deadline) -> Iterable[Suggestion]:
    """Phrases of two words that stand in most titles of ``stories``, then words; the most frequent topics and
    publishers; the newest stories. Ties break by text or id."""
    titles = [[word.lower() for word in WORD.findall(story.title[:MAX_SUGGESTED])] for story in stories]
    pairs = Counter(" ".join(pair) for title in titles for pair in set(pairwise(title)) if all(map(_is_query, pair)))
    words = Counter(word for title in titles for word in set(title) if _is_query(word))
    phrases = [text for text in _most_frequent(pairs) if pairs[text] >= MIN_TITLES]
    for text in [*phrases, *_most_frequent(words)][:MAX_SUGGESTIONS]:
        yield Suggestion(
            type="query",
            text=text,
            id=None,
            count=_count_matches(engine, SearchQuery(tree=parse_query(text, ())), deadline),
        )
    topics = Counter(value for story in stories for value in {topic.id for topic in story.topics} if value)
    publishers = Counter(publisher.id for story in stories for publisher in story.publishers)
    by_kind: dict[SuggestionType, Counter[str]] = {"topic": topics, "publisher": publishers}
    for kind, counts in by_kind.items():
        labels = engine.find_labels(kind)
        for value in _most_frequent(counts):
            filters = Filters(values=(ValueFilter(facet=kind, any_of=frozenset({value})),))
            yield Suggestion(
                type=kind,
                text=labels[value],
                id=value,
                count=_count_matches(engine, SearchQuery(filters=filters), deadline),
            )
    for story in [story for story in stories if len(story.title) <= MAX_SUGGESTED][:MAX_SUGGESTIONS]:
        yield Suggestion(type="story", text=story.title, id=story.id, count=1)


def _most_frequent(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda text: (-counts[text], text))[:MAX_SUGGESTIONS]


def _is_query(word: str) -> bool:
    """Whether a word may be suggested: not a stop word or single letter, and read as one word if typed."""
    return len(word) > 1 and term_of(word) is not None and WORD.fullmatch(word) is not None


def _count_matches(engine: Engine, query: SearchQuery, deadline: Deadline) -> int:
    return engine.search_stories(replace(query, limit=0, seconds=deadline.remaining())).total
