"""Suggestions by going through all stories: slow and plainly right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from index.analysis.folding import TypedText, fold_text, show_word
from index.analysis.schema import STORY_DEFAULTS, WORD, term_of
from index.documents.story import Story
from index.engines.indexed import labels_of, microseconds, text_of_story
from index.query.requests import MAX_SUGGESTED, MIN_TITLES, SuggestionType
from index.query.results import Suggestion


def complete(
    stories: Iterable[Story],
    labels: Callable[[str], dict[str, str]],
    count: Callable[[str], int],
    kind: SuggestionType,
    typed: TypedText,
    limit: int,
) -> list[Suggestion]:
    """See Engine.complete. ``labels`` are those of a facet by id; ``count`` is how many stories a query finds."""
    match kind:
        case "query":
            found = _complete_queries(stories, typed, count)
        case "story":
            found = _complete_stories(stories, typed)
        case _:
            found = _complete_labels(stories, kind, labels(kind), typed)
    return [suggestion for suggestion, _ in zip(found, range(limit), strict=False)]


def count_words(stories: Iterable[Story]) -> Counter[str]:
    """How often each word stands in the stories, in lower case."""
    return Counter(
        word.lower() for story in stories for text in text_of_story(story).values() for word in WORD.findall(text)
    )


def _place(text: str, typed: TypedText) -> int | None:
    """0 where a text begins with what was typed, 1 where another word of it does, else None; None for a long text."""
    if len(text) > MAX_SUGGESTED:
        return None
    at = typed.find_in(fold_text(text))
    return None if at is None else min(at, 1)


def _complete_stories(stories: Iterable[Story], typed: TypedText) -> Iterator[Suggestion]:
    found = []
    for story in stories:
        if (place := _place(story.title, typed)) is not None:
            time = microseconds(story.published_at or None)
            found.append(((place, time is None, -(time or 0), story.id), story))
    seen = set()
    for _, story in sorted(found, key=lambda one: one[0]):
        if story.title not in seen:
            seen.add(story.title)
            yield Suggestion(type="story", text=story.title, id=story.id, count=1)


def _complete_labels(
    stories: Iterable[Story], kind: SuggestionType, labels: dict[str, str], typed: TypedText
) -> Iterator[Suggestion]:
    counts = Counter(value for story in stories for value in labels_of(story)[kind])
    found = [
        (place, -counts[value], label.casefold(), value, label)
        for value, label in labels.items()
        if counts[value] and (place := _place(label, typed)) is not None
    ]
    for _, negative, _, value, label in sorted(found):
        yield Suggestion(type=kind, text=label, id=value, count=-negative)


def _complete_queries(stories: Iterable[Story], typed: TypedText, count: Callable[[str], int]) -> Iterator[Suggestion]:
    doc_freq: Counter[str] = Counter()  # terms, by how many stories have them
    times: Counter[str] = Counter()  # words in lower case, by how often they stand anywhere
    pairs: Counter[tuple[str, str]] = Counter()  # by how many titles have them
    terms: dict[str, str] = {}
    for story in stories:
        own: set[str] = set()
        for name, text in text_of_story(story).items():
            for word in WORD.findall(text):
                if (term := term_of(word)) is not None:
                    terms[word.lower()] = term
                    times[word.lower()] += 1
                    own.update({term} if name in STORY_DEFAULTS else ())
        doc_freq.update(own)
        pairs.update(
            {pair for pair in pairwise(map(str.lower, WORD.findall(story.title))) if set(pair) <= terms.keys()}
        )
    weights: dict[tuple[str, ...], tuple[int, int]] = {}
    for word, term in terms.items():
        weights[(word,)] = doc_freq[term], times[word]
    for pair, titles in pairs.items():
        weights[pair] = (titles if titles >= MIN_TITLES else 0), titles
    weights = {words: weight for words, weight in weights.items() if weight[0] and min(map(len, words)) > 1}
    ordered = sorted(weights, key=lambda words: (-weights[words][0], -weights[words][1], " ".join(words)))
    seen = set()
    for wanted in (0, 1):
        for words in ordered:
            text = " ".join(map(show_word, words))
            own_terms = tuple(terms[word] for word in words)
            if _place(text, typed) == wanted and own_terms not in seen and (total := count(text)):
                seen.add(own_terms)
                yield Suggestion(type="query", text=text, id=None, count=total)
