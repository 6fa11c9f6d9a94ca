"""What makes a story like another: the same distinctive words, at about the same time.

The likeness of two texts is a cosine, "lnc.ltc" in SMART's letters (Salton and Buckley 1988): a term weighs 1 + ln(tf),
in the story that is asked about times its IDF, both vectors of length 1. Without IDF on its side the length of a
document's vector depends on nothing else in the index, so that it is stored once and holds while stories come and go.
To the whole text comes a quarter of the likeness of the titles. Stories about one event are close in time: the sum is
multiplied by ``weigh_distance``. docs/ranking.md has what else was tried.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from index.analysis.schema import STORY_DEFAULTS, iter_tokens
from index.documents.story import Story
from index.engines.indexed import microseconds, text_of_story

TITLE_SHARE = 0.25
# What is left of the likeness of a story from another century, or without a time.
FLOOR = 0.2
_DAY = 24 * 3600 * 1_000_000  # µs
# Where half of the rest is lost. Bare headlines say little: only what comes within hours is about the same.
_SCALE, _HEADLINE_SCALE = 3 * _DAY, _DAY // 2
# Characters of each field in which a story says what it is about. The words of a whole story of 4 MB take seconds.
_MAX_TEXT = 10_000
# The terms of greatest weight that are looked for: a story of 700 words has 300, one of 40 words is asked for whole.
_MAX_TERMS = 128


@dataclass(frozen=True)
class MoreLikeThis:
    """What a story is like: of each term the weight in the whole text and in the title; a text that is the same gets
    1 in all where every term is looked for. ``published`` in µs since 1970, None for none; ``scale`` in µs."""

    weights: dict[str, tuple[float, float]]
    published: int | None
    scale: int


def make_more_like_this(story: Story, documents: int, doc_freq_of: Callable[[str], int]) -> MoreLikeThis:
    """``doc_freq_of`` tells how many of the ``documents`` have a term in the fields searched by default; of a long
    text only the beginning counts."""
    whole, titles = count_similarity_terms(story)
    idfs = {term: math.log(1 + documents / doc_freq) for term in whole if (doc_freq := doc_freq_of(term))}
    # Rarity is of the story's side alone: its own text, scaled to the cosine's length.
    own = {term: (1 + math.log(whole[term])) * idf for term, idf in idfs.items()}
    title = {term: idf for term, idf in idfs.items() if term in titles}
    share, title_share = 1 / (1 + TITLE_SHARE), TITLE_SHARE / (1 + TITLE_SHARE)
    length, title_length = share / length_of(own.values()), title_share / length_of(title.values())
    top = sorted(own, key=lambda term: (-own[term], term))[:_MAX_TERMS]
    weights = {term: (own[term] * length, title.get(term, 0.0) * title_length) for term in top}
    bare = not (story.summary or story.body)
    return MoreLikeThis(weights, microseconds(story.published_at or None), _HEADLINE_SCALE if bare else _SCALE)


def count_similarity_terms(story: Story) -> tuple[Counter[str], frozenset[str]]:
    """``count_terms`` of the beginnings of its texts: the terms that ``make_more_like_this`` asks for."""
    return count_terms(story, _MAX_TEXT)


def count_terms(story: Story, length: int | None = None) -> tuple[Counter[str], frozenset[str]]:
    """How often each term stands in the fields searched by default, and which stand in the title; of each field in the
    first ``length`` characters."""
    texts = text_of_story(story)
    whole = Counter(term for name in STORY_DEFAULTS for term, _, _ in iter_tokens(texts[name][:length]))
    return whole, frozenset(term for term, _, _ in iter_tokens(story.title[:length]))


def length_of(weights: Iterable[float]) -> float:
    """Euclid's, of a vector; 1 for one of nothing, which then stays what it is."""
    return math.sqrt(sum(weight * weight for weight in weights)) or 1.0


def weigh_distance(likeness: MoreLikeThis, published: int | None) -> float:
    """What to multiply the likeness of a story with: the nearer in time, the more, 1 at the same moment.

    A hyperbola over a floor: nothing that is far is lost in rounding, and what is much alike still comes before what
    merely happened on the same day. A story without a time is infinitely far; from one, all are as near.
    """
    if likeness.published is None:
        return 1.0
    if published is None:
        return FLOOR
    distance = abs(published - likeness.published)
    return FLOOR + (1 - FLOOR) * likeness.scale / (distance + likeness.scale)
