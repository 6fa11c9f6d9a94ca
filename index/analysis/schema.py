"""The searchable fields and the analyzer that turns text into terms.

Raise SCHEMA_VERSION after every change here: an index built before the change would give wrong answers.
"""

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
    """A searchable field. ``default``: it is searched when a query names no field."""

    name: str
    default: bool = True


STORY_FIELDS = (
    TextField(name="title"),
    TextField(name="summary"),
    TextField(name="body"),
    TextField(name="source"),
    TextField(name="topic", default=False),
    TextField(name="publisher", default=False),
    TextField(name="curator", default=False),
)
SOURCE_FIELDS = (
    TextField(name="title"),
    TextField(name="excerpt"),
    TextField(name="author"),
    TextField(name="publisher"),
)
STORY_DEFAULTS = tuple(field.name for field in STORY_FIELDS if field.default)
SOURCE_DEFAULTS = tuple(field.name for field in SOURCE_FIELDS if field.default)

# Matches the same words as Whoosh's r"\w+(\.?\w+)*" without the nested repeat: "U.S." is one, "open-source" is two.
WORD = re.compile(r"\w+(?:\.\w+)*")
# Longer words are not indexed. Whoosh stores the length of a term in 16 bits; nobody searches for words this long.
MAX_WORD = 255
# Cache of words and their terms: 16 MB hold about 80,000.
WORDS = Budget(16 << 20)
# Characters of a label that ``fold_label`` reads.
_MAX_LABEL = 1000
# Highlighting reads this many characters of a field. Reading 100 hits of 4 MB each would block a worker for minutes.
MAX_TEXT = 100_000


def make_analyzer() -> Analyzer:
    """Whoosh's StemmingAnalyzer, except that it keeps one-letter words ("C++", "X") and drops words over MAX_WORD."""
    return RegexTokenizer(WORD) | LowercaseFilter() | StopFilter(minsize=1, maxsize=MAX_WORD) | StemFilter()


@WORDS.cached
def term_of(word: str) -> str | None:
    """The indexed term of a word, or None if the analyzer drops it (a stop word, or longer than MAX_WORD)."""
    lower = word.lower()
    if lower in STOP_WORDS or not 1 <= len(lower) <= MAX_WORD:
        return None
    return str(stem(lower))


def iter_tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (term, start, end) of each indexed word; offsets count code points.

    Gives the same tokens as the analyzer, several times faster.
    """
    for match in WORD.finditer(text):
        term = term_of(match[0])
        if term is not None:
            yield term, match.start(), match.end()


def iter_words(text: str) -> Iterator[re.Match[str]]:
    """Yield the words that highlighting reads: those that end within the first MAX_TEXT characters of ``text``."""
    words = WORD.finditer(text)
    return words if len(text) <= MAX_TEXT else takewhile(lambda word: word.end() <= MAX_TEXT, words)


def fold_label(label: str) -> str:
    """The case-folded words of a label, each after a blank, as ``has_word_prefixes`` reads them.

    Reads the first 1,000 characters.
    """
    return "".join([f" {word}" for word in WORD.findall(label[:_MAX_LABEL].casefold())])


def has_word_prefixes(folded_label: str, prefixes: Iterable[str]) -> bool:
    """True if every prefix begins some word of the label. Both must be folded."""
    return all(f" {prefix}" in folded_label for prefix in prefixes)
