"""Words without case and diacritics, as suggestions compare them; and what a person has typed so far."""

from __future__ import annotations

import unicodedata

from msgspec import Struct

from index.analysis.schema import WORD, iter_words
from index.caching import Budget, FunctionCache

# 4 MB hold about 20,000 of the 140,000 letters of Unicode.
LETTERS = Budget(4 << 20)
# Letters that Unicode does not decompose, with the ASCII letters that people type instead.
_ALIKE = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


def _fold_letter(code: int) -> str:
    parts = unicodedata.normalize("NFKD", chr(code)).casefold()
    letters = [part for part in unicodedata.normalize("NFKD", parts) if not unicodedata.category(part).startswith("M")]
    return "".join(letters).replace(" ", "").translate(_ALIKE)


# Code point -> folded text, computed on first use.
_folds = FunctionCache(_fold_letter, LETTERS)


def fold_word(word: str) -> str:
    """A word without case and diacritics, folded character by character: "Überlingen" becomes "uberlingen".

    The result may be empty.
    """
    return word.lower() if word.isascii() else word.translate(_folds)


def show_word(lowered: str) -> str:
    """A lower-cased word in a spelling that is one word when it is searched for.

    Lower-casing "İ" gives "i" and a combining dot, which is no letter and would split the word.
    """
    return lowered.replace("i\u0307", "İ")


class TypedText(Struct, frozen=True, kw_only=True):
    """The folded words of a search box. The last word is a prefix, unless ``closed``: a blank follows it."""

    words: tuple[str, ...]
    closed: bool = False

    def find_in(self, words: list[str]) -> int | None:
        """The index in ``words`` (folded) at which the typed words begin, or None if they do not occur."""
        size = len(self.words)
        *complete_words, last = self.words
        for start in range(len(words) - size + 1):
            end = words[start + size - 1]
            last_matches = end == last if self.closed else end.startswith(last)
            if last_matches and words[start : start + size - 1] == complete_words:
                return start
        return None


def parse_typed_text(text: str) -> TypedText | None:
    """Parse the content of a search box; None if it holds no word."""
    words = tuple(fold_word(word) for word in WORD.findall(text))
    return TypedText(words=words, closed=text[-1].isspace()) if any(words) else None


def fold_text(text: str) -> list[str]:
    """The words of a text, folded."""
    return [fold_word(word) for word in WORD.findall(text)]


def find_typed_text(text: str, typed: TypedText) -> tuple[int, int] | None:
    """The first match of the typed words in ``text`` as code points ``[start, end)``, or None.

    Reads the first ``MAX_TEXT`` characters.
    """
    words = list(iter_words(text))
    first = typed.find_in([fold_word(word[0]) for word in words])
    if first is None:
        return None
    last_word = words[first + len(typed.words) - 1]
    return words[first].start(), last_word.start() + _measure_prefix(last_word[0], len(typed.words[-1]))


def _measure_prefix(word: str, folded_length: int) -> int:
    """How many characters of ``word`` make up the first ``folded_length`` characters of the folded word."""
    size = 0
    for position, character in enumerate(word):
        if size >= folded_length:
            return position
        size += len(fold_word(character))
    return len(word)
