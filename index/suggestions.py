"""What is suggested for each key press, and what is current where nothing is typed yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, pairwise
from typing import get_args

from index.documents import Story
from index.engines.base import Engine
from index.folding import Typed
from index.identity import slug_of
from index.language import parse_query
from index.live import OpenGeneration
from index.query import Filters, SearchQuery, Suggestion, SuggestionType, ValueFilter
from index.schema import WORD, term_of

MAX_SUGGESTIONS = 10
KINDS: tuple[SuggestionType, ...] = get_args(SuggestionType)
# Types take turns in this order until a list is full: of 10 suggestions 4 are queries, and 2 of each other type.
_TURNS: tuple[SuggestionType, ...] = ("query", "query", "topic", "publisher", "story")
# What the newest so many stories are about is current; a phrase is where so many of their titles have it.
_NEWEST = 500
_MIN_TITLES = 3


def suggest(generation: OpenGeneration, typed: Typed | None, limit: int) -> list[Suggestion]:
    """What ``typed`` may be completed to: queries, then topics, publishers and stories, each the best first.

    Types take turns: in a list of 10 are 4 queries and 2 of each other type, and what one lacks the others have.
    Where nothing is typed it is what the newest stories are about.
    """
    if typed is None:
        current = _find_current(generation)
        return _mix(lambda kind, size: [one for one in current if one.type == kind][:size], limit)
    return _mix(lambda kind, size: generation.engine.complete(kind, typed, size), limit)


def _mix(find: Callable[[SuggestionType, int], list[Suggestion]], limit: int) -> list[Suggestion]:
    """``limit`` suggestions of all types; ``find`` gives the best so many of one."""
    shares = Counter(kind for kind, _ in zip(cycle(_TURNS), range(limit), strict=False))
    found = {kind: find(kind, shares[kind]) if shares[kind] else [] for kind in KINDS}
    if sum(map(len, found.values())) < limit:
        # Some have less than their share: the others go on.
        found = {kind: find(kind, limit) if len(found[kind]) == shares[kind] else found[kind] for kind in KINDS}
        shares = _share_out({kind: len(own) for kind, own in found.items()}, limit)
    return [suggestion for kind in KINDS for suggestion in found[kind][: shares[kind]]]


def _share_out(sizes: dict[SuggestionType, int], limit: int) -> Counter[SuggestionType]:
    """How many of each type, by turns, until all are taken."""
    shares: Counter[SuggestionType] = Counter()
    wanted = min(limit, sum(sizes.values()))
    for kind in cycle(_TURNS):
        if shares.total() == wanted:
            return shares
        shares[kind] += shares[kind] < sizes[kind]
    raise AssertionError("cycle ends")


def _find_current(generation: OpenGeneration) -> tuple[Suggestion, ...]:
    """Read once a generation: decoding the stories takes 10 ms."""
    if generation.current is None:
        engine = generation.engine
        hits = engine.search_stories(SearchQuery(limit=_NEWEST)).hits
        generation.current = tuple(_describe_current(engine, engine.find_stories([hit.id for hit in hits])))
    return generation.current


def _describe_current(engine: Engine, stories: Sequence[Story]) -> Iterable[Suggestion]:
    """The phrases that most titles of ``stories`` have, else words; the topics and publishers most of them have; the
    newest of them. Ties by text or id."""
    titles = [[word.lower() for word in WORD.findall(story.title)] for story in stories]
    pairs = Counter(" ".join(pair) for title in titles for pair in set(pairwise(title)) if all(map(_is_query, pair)))
    words = Counter(word for title in titles for word in set(title) if _is_query(word))
    phrases = [text for text in _most_frequent(pairs) if pairs[text] >= _MIN_TITLES]
    for text in [*phrases, *_most_frequent(words)][:MAX_SUGGESTIONS]:
        yield Suggestion("query", text, None, _count(engine, SearchQuery(parse_query(text, ()), limit=0)))
    topics = Counter(value for story in stories for value in {slug_of(label) for label in story.topics} if value)
    publishers = Counter(publisher.id for story in stories for publisher in story.publishers)
    by_kind: dict[SuggestionType, Counter[str]] = {"topic": topics, "publisher": publishers}
    for kind, counts in by_kind.items():
        labels = engine.find_labels(kind)
        for value in _most_frequent(counts):
            filters = Filters((ValueFilter(kind, frozenset({value})),))
            yield Suggestion(kind, labels[value], value, _count(engine, SearchQuery(filters=filters, limit=0)))
    for story in stories[:MAX_SUGGESTIONS]:
        yield Suggestion("story", story.title, story.id, 1)


def _most_frequent(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda text: (-counts[text], text))[:MAX_SUGGESTIONS]


def _is_query(word: str) -> bool:
    """Whether a word may be suggested: no stop word, no single letter, and a word again when it is typed."""
    return len(word) > 1 and term_of(word) is not None and WORD.fullmatch(word) is not None


def _count(engine: Engine, query: SearchQuery) -> int:
    return engine.search_stories(query).total
