"""What makes a story like another: the words that are frequent in it and rare elsewhere."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

from index.documents import Story
from index.schema import iter_tokens

SIMILAR_FIELDS = ("title", "summary", "body")
# How many of a story's most distinctive words are asked for: Lucene's MoreLikeThis takes 25 too.
_MAX_TERMS = 25


def find_distinctive_terms(story: Story, documents: int, count_holding: Callable[[str], int]) -> dict[str, float]:
    """The story's words of greatest tf · idf over its summed text, with that weight; the greatest is 1.

    ``count_holding`` tells how many of the ``documents`` have a term.
    """
    frequencies: Counter[str] = Counter()
    for text in (story.title, story.summary, story.body):
        frequencies.update(term for term, _, _ in iter_tokens(text))
    weights = {}
    for term, frequency in frequencies.items():
        holding = count_holding(term)
        # A word that stands nowhere else finds nothing else.
        if holding > 1:
            weights[term] = frequency * math.log(1 + documents / holding)
    top = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:_MAX_TERMS]
    return {term: weight / top[0][1] for term, weight in top}
