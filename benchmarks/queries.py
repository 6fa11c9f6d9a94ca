"""What is asked: classes of queries with words of the corpus, the same at every run over the same corpus."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.corpus import facets_of, text_of
from index.analysis.schema import term_of
from index.documents.story import Story

Shape = Literal["and", "or", "phrase", "prefix", "not"]

_SEED = 20
_SAMPLE = 8_000
_WORD = re.compile(r"(?<![\w.'’-])[a-z]{3,20}(?![\w.'’-])")
# How many of a million stories hold a word of the band, at least and at most.
_BANDS = {"rare": (10, 100), "middling": (500, 5_000), "frequent": (10_000, 1_000_000)}


@dataclass(frozen=True, slots=True)
class Question:
    """One query. ``only`` narrows to a (facet, id); ``newest`` sorts by time instead of relevance."""

    kind: str
    shape: Shape
    words: tuple[str, ...]
    only: tuple[str, str] | None = None
    newest: bool = False

    @property
    def text(self) -> str:
        """In the query language of Outpost; tantivy reads all but the prefix the same way."""
        match self.shape:
            case "or":
                return " OR ".join(self.words)
            case "phrase":
                return '"' + " ".join(self.words) + '"'
            case "prefix":
                return f"{self.words[0]}*"
            case "not":
                return f"{self.words[0]} -{self.words[1]}"
            case _:
                return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class _Sampled:
    words: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    facets: tuple[tuple[str, str], ...]


class Vocabulary:
    """How many stories hold each word, and some of the stories."""

    def __init__(self, stories: Iterable[Story]) -> None:
        self._rng = random.Random(_SEED)  # noqa: S311 - the same queries at every run
        self.frequencies: Counter[str] = Counter()
        self.sample: list[_Sampled] = []
        self.size = 0
        for story in stories:
            self._take(story)
        self.bands = {name: self._words_of(*ends) for name, ends in _BANDS.items()}

    def _take(self, story: Story) -> None:
        text = text_of(story).lower()
        self.frequencies.update(set(_WORD.findall(text)))
        # A reservoir: each story has the same chance to stay.
        place = self.size if self.size < _SAMPLE else self._rng.randrange(self.size + 1)
        self.size += 1
        if place < _SAMPLE:
            sampled = _sample(story)
            if place < len(self.sample):
                self.sample[place] = sampled
            else:
                self.sample.append(sampled)

    def _words_of(self, low: int, high: int) -> list[str]:
        least, most = max(2, low * self.size // 1_000_000), max(3, high * self.size // 1_000_000)
        return sorted(w for w, n in self.frequencies.items() if least <= n <= most and term_of(w))

    def is_known(self, word: str) -> bool:
        """Whether more than one story holds it."""
        return self.frequencies[word] > 1

    def draw(self, rng: random.Random, least: int) -> tuple[_Sampled, list[str]]:
        """A story and its words that others hold too, at least so many."""
        while True:
            story = rng.choice(self.sample)
            words = [word for word in story.words if self.is_known(word)]
            if len(words) >= least:
                return story, words


def _sample(story: Story) -> _Sampled:
    words = dict.fromkeys(w for w in _WORD.findall(text_of(story).lower()) if term_of(w))
    pairs = re.findall(r"(?<![\w.'’-])(?=([a-z]{3,20}) ([a-z]{3,20})(?![\w.'’-]))", story.summary.lower())
    kept = tuple((a, b) for a, b in pairs if term_of(a) and term_of(b))
    facets = tuple((name, value) for name, values in facets_of(story).items() for value in values)
    return _Sampled(tuple(words), kept, facets)


def make_questions(vocabulary: Vocabulary, count: int) -> list[Question]:
    """``count`` different queries of each class."""
    makers: dict[str, Callable[[random.Random, str], Question]] = {
        **{f"one word, {band}": _one_word(vocabulary, band) for band in ("rare", "middling", "frequent")},
        "two words": _several(vocabulary, "and", 2),
        "three words": _several(vocabulary, "and", 3),
        "two, either": _several(vocabulary, "or", 2),
        "five, any": _several(vocabulary, "or", 5),
        "phrase": _phrase(vocabulary),
        "prefix": _prefix(vocabulary),
        "exclusion": _several(vocabulary, "not", 2),
        "filter": _filtered(vocabulary),
        "newest first": _newest(vocabulary),
        "none found": _none(vocabulary),
    }
    questions: list[Question] = []
    for kind, make in makers.items():
        rng = random.Random(f"{_SEED} {kind}")  # noqa: S311
        made: dict[Question, None] = {}
        # A small corpus has too few words of a band.
        for _ in range(20 * count):
            if len(made) < count:
                made.setdefault(make(rng, kind))
        questions += made
    return questions


Maker = Callable[[random.Random, str], Question]


def _one_word(vocabulary: Vocabulary, band: str) -> Maker:
    return lambda rng, kind: Question(kind, "and", (rng.choice(vocabulary.bands[band]),))


def _several(vocabulary: Vocabulary, shape: Shape, count: int) -> Maker:
    return lambda rng, kind: Question(kind, shape, tuple(rng.sample(vocabulary.draw(rng, count)[1], count)))


def _phrase(vocabulary: Vocabulary) -> Maker:
    def make(rng: random.Random, kind: str) -> Question:
        while True:
            pairs = [p for p in vocabulary.draw(rng, 2)[0].pairs if all(map(vocabulary.is_known, p))]
            if pairs:
                return Question(kind, "phrase", rng.choice(pairs))

    return make


def _prefix(vocabulary: Vocabulary) -> Maker:
    long = [word for word in vocabulary.bands["middling"] if len(word) > 5]
    return lambda rng, kind: Question(kind, "prefix", (rng.choice(long)[:4],))


def _filtered(vocabulary: Vocabulary) -> Maker:
    def make(rng: random.Random, kind: str) -> Question:
        while True:
            story, words = vocabulary.draw(rng, 1)
            if story.facets:
                return Question(kind, "and", (rng.choice(words),), only=rng.choice(story.facets))

    return make


def _newest(vocabulary: Vocabulary) -> Maker:
    words = vocabulary.bands["middling"] + vocabulary.bands["frequent"]
    return lambda rng, kind: Question(kind, "and", (rng.choice(words),), newest=True)


def _none(vocabulary: Vocabulary) -> Maker:
    """A word that no story holds, or one rare word more than any story holds."""

    def make(rng: random.Random, kind: str) -> Question:
        word = rng.choice(vocabulary.bands["middling"])
        if rng.random() < 0.5:
            return Question(kind, "and", (word[::-1] + "qx",))
        # Backwards and short: rare words of three corners of the alphabet never stand together.
        return Question(kind, "and", (word, *rng.sample(vocabulary.bands["rare"], 3)))

    return make


def iter_different(vocabulary: Vocabulary, seed: int) -> Iterator[str]:
    """Endless plain queries of one to three words of one story, none twice."""
    rng = random.Random(seed)  # noqa: S311
    seen: set[frozenset[str]] = set()
    while True:
        count = rng.choice((1, 2, 2, 2, 3, 3))
        words = rng.sample(vocabulary.draw(rng, count)[1], count)
        if frozenset(words) not in seen:
            seen.add(frozenset(words))
            yield " ".join(words)


def group(questions: Iterable[Question]) -> dict[str, list[Question]]:
    """By class, in order."""
    groups: defaultdict[str, list[Question]] = defaultdict(list)
    for question in questions:
        groups[question.kind].append(question)
    return dict(groups)
