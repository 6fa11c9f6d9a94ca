"""The field table and the analyzer: what is searchable, how text becomes terms. A change here needs a new
SCHEMA_VERSION, for an index built before it would answer wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

from msgspec import Struct
from whoosh.analysis import STOP_WORDS, Analyzer, LowercaseFilter, RegexTokenizer, StemFilter, StopFilter
from whoosh.lang.porter import stem

from index.caching import Budget

SCHEMA_VERSION = 1


class TextField(Struct, frozen=True, kw_only=True):
    """A searchable field. ``boost`` multiplies its score; ``default``: searched when no field is named."""

    name: str
    boost: float = 1.0
    default: bool = True


STORY_FIELDS = (
    TextField(name="title", boost=3.0),
    TextField(name="summary", boost=2.0),
    TextField(name="body"),
    TextField(name="source"),
    TextField(name="topic", default=False),
    TextField(name="publisher", default=False),
    TextField(name="curator", default=False),
)
SOURCE_FIELDS = (
    TextField(name="title", boost=2.0),
    TextField(name="excerpt"),
    TextField(name="author"),
    TextField(name="publisher"),
)
STORY_DEFAULTS = tuple(field.name for field in STORY_FIELDS if field.default)
SOURCE_DEFAULTS = tuple(field.name for field in SOURCE_FIELDS if field.default)

# Equal to Whoosh's r"\w+(\.?\w+)*" without its nested repeat: "U.S." is one word, "open-source" two.
WORD = re.compile(r"\w+(?:\.\w+)*")
# Whoosh stores a term's length in 16 bits; nobody types a word of more than 255 letters.
MAX_WORD = 255
# 16 MB are about 80,000 words with their terms.
WORDS = Budget(16 << 20)
_MAX_LABEL = 1000
# Matches to mark are searched in so many characters of a field: 100 hits of 4 MB each would hold a worker for minutes.
MAX_TEXT = 100_000


def make_analyzer() -> Analyzer:
    """Whoosh's StemmingAnalyzer, but for words of one letter ("C++", "X", "GPT 5"), which stay, and very long ones."""
    return RegexTokenizer(WORD) | LowercaseFilter() | StopFilter(minsize=1, maxsize=MAX_WORD) | StemFilter()


@WORDS.cached
def term_of(word: str) -> str | None:
    """The term that the analyzer makes of one word, or None where it drops it (a stop word, an endless one)."""
    lower = word.lower()
    if lower in STOP_WORDS or not 1 <= len(lower) <= MAX_WORD:
        return None
    return str(stem(lower))


def iter_tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """(term, start, end) of each indexed word, offsets in code points: the analyzer's tokens, a few times faster."""
    for match in WORD.finditer(text):
        term = term_of(match[0])
        if term is not None:
            yield term, match.start(), match.end()


def iter_words(text: str) -> Iterator[re.Match[str]]:
    """The words of a text that matches are searched in: those that end within its first ``MAX_TEXT`` characters."""
    words = WORD.finditer(text)
    return words if len(text) <= MAX_TEXT else takewhile(lambda word: word.end() <= MAX_TEXT, words)


def fold_words(text: str) -> str:
    """The words of a label, of its first 1,000 characters, case folded, each after a blank: what ``has_words`` looks
    through."""
    return "".join([f" {word}" for word in WORD.findall(text[:_MAX_LABEL].casefold())])


def has_words(folded: str, beginnings: Iterable[str]) -> bool:
    """Whether for each of some folded words there is a word that begins with it."""
    return all(f" {word}" in folded for word in beginnings)
