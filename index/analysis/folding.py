"""Words as people compare them: without case and diacritics. What suggestions are looked up by and marked with."""

from __future__ import annotations

import unicodedata

from msgspec import Struct

from index.analysis.schema import WORD, iter_words
from index.caching import Budget, FunctionCache

# 4 MB are about 20,000 of the 140,000 letters of Unicode.
LETTERS = Budget(4 << 20)
# Letters that Unicode takes for letters of their own, and people for these.
_ALIKE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


def _fold_letter(code: int) -> str:
    parts = unicodedata.normalize("NFKD", chr(code)).casefold()
    kept = [part for part in unicodedata.normalize("NFKD", parts) if not unicodedata.category(part).startswith("M")]
    return "".join(kept).replace(" ", "").translate(_ALIKE)


# From a code point to what stands for it.
_folds = FunctionCache(_fold_letter, LETTERS)


def fold_word(word: str) -> str:
    """A word without case and diacritics, character by character: "Überlingen" is "uberlingen".

    It may come out empty.
    """
    return word.lower() if word.isascii() else word.translate(_folds)


def show_word(lowered: str) -> str:
    """A word in lower case so that it is one word when it is typed: the dot of a lower-cased "İ" is no letter."""
    return lowered.replace("i\u0307", "İ")


class Typed(Struct, frozen=True, kw_only=True):
    """What stands in a search box, folded: words one after the other, of which the last is the beginning of one, or
    ``closed`` by a blank and whole."""

    words: tuple[str, ...]
    closed: bool = False

    def find_in(self, words: list[str]) -> int | None:
        """The first place where they stand in folded ``words``; None where they do not."""
        size = len(self.words)
        *whole, last = self.words
        for at in range(len(words) - size + 1):
            end = words[at + size - 1]
            if (end == last if self.closed else end.startswith(last)) and words[at : at + size - 1] == whole:
                return at
        return None


def read_typed(text: str) -> Typed | None:
    """None where nothing of ``text`` is a word."""
    words = tuple(fold_word(word) for word in WORD.findall(text))
    return Typed(words=words, closed=text[-1].isspace()) if any(words) else None


def fold_text(text: str) -> list[str]:
    """The words of a text, folded."""
    return [fold_word(word) for word in WORD.findall(text)]


def find_typed(text: str, typed: Typed) -> tuple[int, int] | None:
    """The first place in ``text`` that is what was typed, as code points ``[start, end)``: in its first ``MAX_TEXT``
    characters."""
    words = list(iter_words(text))
    at = typed.find_in([fold_word(word[0]) for word in words])
    if at is None:
        return None
    last = words[at + len(typed.words) - 1]
    return words[at].start(), last.start() + _measure(last[0], len(typed.words[-1]))


def _measure(word: str, folded: int) -> int:
    """How many characters of a word make the first ``folded`` ones of what it is folded to."""
    size = 0
    for at, character in enumerate(word):
        if size >= folded:
            return at
        size += len(fold_word(character))
    return len(word)
