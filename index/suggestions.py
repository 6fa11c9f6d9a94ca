"""What is suggested for each key press, and what is current where nothing is typed yet."""

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
# Types take turns in this order until a list is full: of 10 suggestions 4 are queries, and 2 of each other type.
_TURNS: tuple[SuggestionType, ...] = ("query", "query", "topic", "publisher", "story")
# What the newest so many stories are about is current; a phrase is where so many of their titles have it.
_NEWEST = 500
# So many are read at once, and no more after so many bytes, of which 500 stories usually have 700,000.
_READ_AT_ONCE, _MAX_READ = 20, 4_000_000


def suggest(generation: OpenGeneration, typed: TypedText | None, limit: int) -> list[Suggestion]:
    """What ``typed`` may be completed to: queries, then topics, publishers and stories, each the best first.

    Types take turns: in a list of 10 are 4 queries and 2 of each other type, and what one lacks the others have.
    Where nothing is typed it is what the newest stories are about. Raises QueryTimeout.
    """
    engine = generation.engine
    deadline = Deadline(engine.max_seconds)
    if typed is None:
        current = _find_current(generation, deadline)
        return _mix(lambda kind, size: [one for one in current if one.type == kind][:size], limit)
    return _mix(lambda kind, size: engine.suggest_completions(kind, typed, size, deadline.remaining()), limit)


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


class _Labelled(Struct):
    id: str


class _Brief(Struct):
    """What of a brief (index.documents.stored_hit) tells what is current."""

    id: str
    title: str
    publishers: list[_Labelled]
    topics: list[_Labelled]


_decoder = msgspec.json.Decoder(_Brief)


def _find_current(generation: OpenGeneration, deadline: Deadline) -> tuple[Suggestion, ...]:
    """Read once a generation: decoding the stories takes 10 ms."""
    if generation.trending is None:
        stories = _read_newest(generation.engine, deadline)
        generation.trending = tuple(_describe_current(generation.engine, stories, deadline))
    return generation.trending


def _read_newest(engine: Engine, deadline: Deadline) -> list[_Brief]:
    """The newest stories, as far as ``_NEWEST`` or ``_MAX_READ`` goes."""
    stories: list[_Brief] = []
    size = 0
    while len(stories) < _NEWEST and size < _MAX_READ:
        query = SearchQuery(offset=len(stories), limit=_READ_AT_ONCE, seconds=deadline.remaining())
        stored_hits = [insert_base_url(hit.stored_hit, "") for hit in engine.search_stories(query).hits]
        stories += map(_decoder.decode, deadline.pace(stored_hits))
        size += sum(map(len, stored_hits))
        if len(stored_hits) < _READ_AT_ONCE:
            break
    return stories


def _describe_current(engine: Engine, stories: Sequence[_Brief], deadline: Deadline) -> Iterable[Suggestion]:
    """The phrases that most titles of ``stories`` have, else words; the topics and publishers most of them have; the
    newest of them. Ties by text or id."""
    titles = [[word.lower() for word in WORD.findall(story.title[:MAX_SUGGESTED])] for story in stories]
    pairs = Counter(" ".join(pair) for title in titles for pair in set(pairwise(title)) if all(map(_is_query, pair)))
    words = Counter(word for title in titles for word in set(title) if _is_query(word))
    phrases = [text for text in _most_frequent(pairs) if pairs[text] >= MIN_TITLES]
    for text in [*phrases, *_most_frequent(words)][:MAX_SUGGESTIONS]:
        yield Suggestion(
            type="query", text=text, id=None, count=_count(engine, SearchQuery(tree=parse_query(text, ())), deadline)
        )
    topics = Counter(value for story in stories for value in {topic.id for topic in story.topics} if value)
    publishers = Counter(publisher.id for story in stories for publisher in story.publishers)
    by_kind: dict[SuggestionType, Counter[str]] = {"topic": topics, "publisher": publishers}
    for kind, counts in by_kind.items():
        labels = engine.find_labels(kind)
        for value in _most_frequent(counts):
            filters = Filters(values=(ValueFilter(facet=kind, any_of=frozenset({value})),))
            yield Suggestion(
                type=kind, text=labels[value], id=value, count=_count(engine, SearchQuery(filters=filters), deadline)
            )
    for story in [story for story in stories if len(story.title) <= MAX_SUGGESTED][:MAX_SUGGESTIONS]:
        yield Suggestion(type="story", text=story.title, id=story.id, count=1)


def _most_frequent(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda text: (-counts[text], text))[:MAX_SUGGESTIONS]


def _is_query(word: str) -> bool:
    """Whether a word may be suggested: no stop word, no single letter, and a word again when it is typed."""
    return len(word) > 1 and term_of(word) is not None and WORD.fullmatch(word) is not None


def _count(engine: Engine, query: SearchQuery, deadline: Deadline) -> int:
    return engine.search_stories(replace(query, limit=0, seconds=deadline.remaining())).total
