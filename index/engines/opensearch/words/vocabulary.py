"""The words of stories and sources, and which stand together: what prefixes, suggestions and corrections are found by.

Memory while building is bounded by the number of distinct words and of pairs that stand in several titles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

from msgspec import Struct, field

from index.analysis.folding import fold_text, show_word
from index.analysis.schema import WORD, term_of
from index.engines.opensearch.format.documents import StoryTexts, join_words
from index.engines.opensearch.format.mappings import MAX_KEY
from index.query.requests import MIN_TITLES

Json = dict[str, Any]
# A pair of words is suggested from so many titles on.
# Of so many stories' pairs only those are kept that stand in MIN_TITLES of these: most of them stand once.
_CHUNK = 100_000
WORD_KIND, PAIR_KIND, SOURCE_WORD_KIND = "word", "pair", "source_word"


class ClusterVocabulary(Struct):
    """Counts, or changes of counts: ``doc_freq`` of terms in stories, ``typed``: occurrences of words, ``pairs``
    of words in titles, ``source_words``: occurrences in sources."""

    doc_freq: Counter[str] = field(default_factory=Counter)
    typed: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    source_words: Counter[str] = field(default_factory=Counter)
    # As they are written: lower case and terms are looked for once, when all are counted.
    _written: Counter[str] = field(default_factory=Counter)
    _written_in_sources: Counter[str] = field(default_factory=Counter)
    _fresh_pairs: Counter[str] = field(default_factory=Counter)
    _stories: int = 0

    def add(self, texts: StoryTexts, sign: int = 1) -> None:
        """Take a story, or take it back."""
        _count(self.doc_freq, set(texts.default_terms), sign)
        _count(self._written, chain.from_iterable(texts.words.values()), sign)
        _count(self._fresh_pairs, _pairs(texts.words.get("title", ())), sign)
        self._stories += 1
        if self._stories % _CHUNK == 0:
            self._settle(MIN_TITLES)

    def add_source(self, texts: Mapping[str, str], sign: int = 1) -> None:
        _count(self._written_in_sources, chain.from_iterable(map(WORD.findall, texts.values())), sign)

    def finish(self) -> None:
        """After the last story and source."""
        _lower(self._written, self.typed)
        _lower(self._written_in_sources, self.source_words)
        self._settle(MIN_TITLES if self._stories >= _CHUNK else -len(self._fresh_pairs))

    def _settle(self, least: int) -> None:
        self.pairs.update({pair: count for pair, count in self._fresh_pairs.items() if count >= least})
        self._fresh_pairs.clear()

    def iter_entries(self) -> Iterator[tuple[str, str, Json]]:
        """(kind, value, entry of the lists) of everything."""
        for word, typed in self.typed.items():
            yield WORD_KIND, word, describe_word(word, self.doc_freq[term_of(word) or ""], typed)
        for pair, titles in self.pairs.items():
            yield PAIR_KIND, pair, describe_pair(pair, titles)
        for word, typed in self.source_words.items():
            yield SOURCE_WORD_KIND, word, describe_source_word(word, typed)


def describe_word(word: str, doc_freq: int, typed: int) -> Json:
    return {**_describe(WORD_KIND, word), "term": term_of(word), "size": len(word), "holding": doc_freq, "typed": typed}


def describe_pair(pair: str, titles: int) -> Json:
    return {**_describe(PAIR_KIND, pair), "holding": titles, "typed": titles}


def describe_source_word(word: str, typed: int) -> Json:
    return {"kind": SOURCE_WORD_KIND, "value": word, "term": term_of(word), "typed": typed}


def show_words(value: str) -> str:
    """A word or a pair as it is typed."""
    return " ".join(map(show_word, value.split(" ")))


def _describe(kind: str, value: str) -> Json:
    # Most words are in lower case and have no more to fold.
    words = value if value.isascii() else join_words(fold_text(show_words(value)))
    return {"kind": kind, "value": value, "key": words[:MAX_KEY], "words": words, "order": value}


def _lower(written: Counter[str], typed: Counter[str]) -> None:
    """Move the words that are searched for from one to the other, in lower case."""
    for word, count in written.items():
        if count and term_of(word) is not None:
            typed[word.lower()] += count
    written.clear()


def _pairs(title: Sequence[str]) -> set[str]:
    """Neighbours in a title that may be suggested: no stop words, no single letters."""
    words = [word.lower() if term_of(word) is not None else "" for word in title]
    return {f"{one} {other}" for one, other in pairwise(words) if len(one) > 1 and len(other) > 1}


def _count(counts: Counter[str], keys: Iterable[str], sign: int) -> None:
    if sign > 0:
        counts.update(keys)
    else:
        counts.subtract(keys)
