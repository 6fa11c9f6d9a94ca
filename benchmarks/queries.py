"""The queries of the benchmarks, in classes. The same corpus gives the same queries."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.corpus import facet_values, searchable_text
from index.analysis.schema import term_of
from index.documents.story import Story

Shape = Literal["and", "or", "phrase", "prefix", "not"]

_SEED = 20
_SAMPLE = 8_000
_WORD = re.compile(r"(?<![\w.'’-])[a-z]{3,20}(?![\w.'’-])")
# Words by document frequency: minimum and maximum in a million stories.
_BANDS = {"rare": (10, 100), "middling": (500, 5_000), "frequent": (10_000, 1_000_000)}


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """One query of the class ``kind``. ``facet_filter``: (facet, id). ``newest``: sort by time instead of relevance."""

    kind: str
    shape: Shape
    words: tuple[str, ...]
    facet_filter: tuple[str, str] | None = None
    newest: bool = False

    @property
    def text(self) -> str:
        """The query in the language of Outpost. tantivy's language is the same, except for prefixes."""
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
class _SampledStory:
    words: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    facets: tuple[tuple[str, str], ...]


class CorpusSample:
    """The document frequency of each word, and a random sample of the stories."""

    def __init__(self, stories: Iterable[Story]) -> None:
        self._rng = random.Random(_SEED)  # noqa: S311 - the same queries at every run
        self.frequencies: Counter[str] = Counter()
        self.sample: list[_SampledStory] = []
        self.size = 0
        for story in stories:
            self._add_story(story)
        self.bands = {name: self._words_of(*ends) for name, ends in _BANDS.items()}

    def _add_story(self, story: Story) -> None:
        text = searchable_text(story).lower()
        self.frequencies.update(set(_WORD.findall(text)))
        # Reservoir sampling: each story has the same probability.
        slot = self.size if self.size < _SAMPLE else self._rng.randrange(self.size + 1)
        self.size += 1
        if slot < _SAMPLE:
            sampled = _sample(story)
            if slot < len(self.sample):
                self.sample[slot] = sampled
            else:
                self.sample.append(sampled)

    def _words_of(self, low: int, high: int) -> list[str]:
        lowest, highest = max(2, low * self.size // 1_000_000), max(3, high * self.size // 1_000_000)
        return sorted(w for w, n in self.frequencies.items() if lowest <= n <= highest and term_of(w))

    def is_known(self, word: str) -> bool:
        """Whether more than one story contains the word."""
        return self.frequencies[word] > 1

    def draw(self, rng: random.Random, min_words: int) -> tuple[_SampledStory, list[str]]:
        """A random story and its known words, of which it has at least ``min_words``."""
        while True:
            story = rng.choice(self.sample)
            words = [word for word in story.words if self.is_known(word)]
            if len(words) >= min_words:
                return story, words


def _sample(story: Story) -> _SampledStory:
    words = dict.fromkeys(w for w in _WORD.findall(searchable_text(story).lower()) if term_of(w))
    pairs = re.findall(r"(?<![\w.'’-])(?=([a-z]{3,20}) ([a-z]{3,20})(?![\w.'’-]))", story.summary.lower())
    usable_pairs = tuple((a, b) for a, b in pairs if term_of(a) and term_of(b))
    facets = tuple((name, value) for name, values in facet_values(story).items() for value in values)
    return _SampledStory(tuple(words), usable_pairs, facets)


def make_queries(sample: CorpusSample, count: int) -> list[BenchmarkQuery]:
    """``count`` distinct queries of each class; fewer if the corpus has too few words."""
    makers: dict[str, Callable[[random.Random, str], BenchmarkQuery]] = {
        **{f"one word, {band}": _one_word(sample, band) for band in ("rare", "middling", "frequent")},
        "two words": _several(sample, "and", 2),
        "three words": _several(sample, "and", 3),
        "two, either": _several(sample, "or", 2),
        "five, any": _several(sample, "or", 5),
        "phrase": _phrase(sample),
        "prefix": _prefix(sample),
        "exclusion": _several(sample, "not", 2),
        "filter": _filtered(sample),
        "newest first": _newest(sample),
        "none found": _none(sample),
    }
    queries: list[BenchmarkQuery] = []
    for kind, make in makers.items():
        rng = random.Random(f"{_SEED} {kind}")  # noqa: S311
        distinct: dict[BenchmarkQuery, None] = {}
        # A limit on attempts, because a small corpus has few words of some frequencies.
        for _ in range(20 * count):
            if len(distinct) < count:
                distinct.setdefault(make(rng, kind))
        queries += distinct
    return queries


Maker = Callable[[random.Random, str], BenchmarkQuery]


def _one_word(sample: CorpusSample, band: str) -> Maker:
    return lambda rng, kind: BenchmarkQuery(kind, "and", (rng.choice(sample.bands[band]),))


def _several(sample: CorpusSample, shape: Shape, count: int) -> Maker:
    return lambda rng, kind: BenchmarkQuery(kind, shape, tuple(rng.sample(sample.draw(rng, count)[1], count)))


def _phrase(sample: CorpusSample) -> Maker:
    def make(rng: random.Random, kind: str) -> BenchmarkQuery:
        while True:
            pairs = [p for p in sample.draw(rng, 2)[0].pairs if all(map(sample.is_known, p))]
            if pairs:
                return BenchmarkQuery(kind, "phrase", rng.choice(pairs))

    return make


def _prefix(sample: CorpusSample) -> Maker:
    long = [word for word in sample.bands["middling"] if len(word) > 5]
    return lambda rng, kind: BenchmarkQuery(kind, "prefix", (rng.choice(long)[:4],))


def _filtered(sample: CorpusSample) -> Maker:
    def make(rng: random.Random, kind: str) -> BenchmarkQuery:
        while True:
            story, words = sample.draw(rng, 1)
            if story.facets:
                return BenchmarkQuery(kind, "and", (rng.choice(words),), facet_filter=rng.choice(story.facets))

    return make


def _newest(sample: CorpusSample) -> Maker:
    words = sample.bands["middling"] + sample.bands["frequent"]
    return lambda rng, kind: BenchmarkQuery(kind, "and", (rng.choice(words),), newest=True)


def _none(sample: CorpusSample) -> Maker:
    """A query without hits: a word that does not occur, or words that never occur together."""

    def make(rng: random.Random, kind: str) -> BenchmarkQuery:
        word = rng.choice(sample.bands["middling"])
        if rng.random() < 0.5:
            return BenchmarkQuery(kind, "and", (word[::-1] + "qx",))
        # No story contains three random rare words and this one.
        return BenchmarkQuery(kind, "and", (word, *rng.sample(sample.bands["rare"], 3)))

    return make


def iter_distinct_texts(sample: CorpusSample, seed: int) -> Iterator[str]:
    """Distinct queries without end, each of one to three words of one story."""
    rng = random.Random(seed)  # noqa: S311
    seen: set[frozenset[str]] = set()
    while True:
        count = rng.choice((1, 2, 2, 2, 3, 3))
        words = rng.sample(sample.draw(rng, count)[1], count)
        if frozenset(words) not in seen:
            seen.add(frozenset(words))
            yield " ".join(words)


def group_by_class(queries: Iterable[BenchmarkQuery]) -> dict[str, list[BenchmarkQuery]]:
    """The queries of each class, in their order."""
    groups: defaultdict[str, list[BenchmarkQuery]] = defaultdict(list)
    for query in queries:
        groups[query.kind].append(query)
    return dict(groups)
