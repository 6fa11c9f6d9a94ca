"""What is asked of an index, and how well the answers are ordered."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from index.analysis.schema import STORY_DEFAULTS, WORD, term_of
from index.documents.story import Story
from index.engines.base import Engine
from index.engines.columns import ColumnsKind
from index.query.language import parse_query
from index.query.requests import SearchQuery, Sort
from tests.quality.judged import Judged
from tests.quality.measures import average_precision, mean, reciprocal_rank

# Beyond this many words of a known item nobody types.
_WORDS = (3, 4)
_SHOWN = 20


@contextmanager
def serve(stories: Sequence[Story]) -> Iterator[Engine]:
    """The columns over ``stories``."""
    with tempfile.TemporaryDirectory() as name:
        writer = ColumnsKind().make_writer(Path(name))
        for story in stories:
            writer.add(story)
        engine = ColumnsKind().open(Path(name), writer.finish())
        try:
            yield engine
        finally:
            engine.close()


def measure_questions(engine: Engine, judged: Judged) -> float:
    """MAP of searches with ``match=any``, over all that is found."""
    return mean(
        [average_precision(_search(engine, text, len(judged.stories)), answers) for text, answers in judged.questions]
    )


def measure_related(engine: Engine, judged: Judged, depth: int) -> float:
    """MAP of the stories similar to each that has mates, over the first ``depth``."""
    precisions = []
    for story in judged.stories:
        if mates := judged.mates.get(story.id):
            found = [other.id for other, _ in engine.find_similar(story, depth, frozenset())]
            precisions.append(average_precision(found, mates))
    return mean(precisions)


def measure_known_items(engine: Engine, stories: Sequence[Story], count: int) -> tuple[float, float]:
    """Stories drawn by lot, each looked for by three or four words of its title and summary, all of which must be
    there: the mean reciprocal rank in the first 20, and the share that comes first.

    Large files hold some stories twice: one of the same title and summary is as good.
    """
    lot = random.Random(6)
    ranks = []
    while len(ranks) < count:
        story = lot.choice(stories)
        words = sorted({word.lower() for word in WORD.findall(f"{story.title} {story.summary}") if _says_much(word)})
        if len(words) >= _WORDS[1]:
            text = " ".join(lot.sample(words, lot.choice(_WORDS)))
            found = engine.find_stories(_search(engine, text, _SHOWN, match_any=False))
            same = [one.id for one in found if (one.title, one.summary) == (story.title, story.summary)]
            ranks.append(reciprocal_rank([one.id for one in found], same))
    return mean(ranks), mean([rank == 1 for rank in ranks])


def _says_much(word: str) -> bool:
    return len(word) > 3 and word.isascii() and word.isalpha() and term_of(word) is not None


def _search(engine: Engine, text: str, limit: int, *, match_any: bool = True) -> list[str]:
    tree = parse_query(text, STORY_DEFAULTS, match_any=match_any)
    return [hit.id for hit in engine.search_stories(SearchQuery(tree=tree, sort=Sort.RELEVANCE, limit=limit)).hits]
