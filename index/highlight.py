"""Marks in the text of a hit what the query matched there. Knows the query tree and the analyzer, no engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from index.query import Node, Phrase, Prefix, Term, iter_positive
from index.schema import WORD, term_of

Span = tuple[int, int]
# A page of 100 hits of 4 MB each would hold a worker for minutes; what lies behind is not looked at.
MAX_TEXT = 100_000


@dataclass(slots=True)
class _Wanted:
    terms: set[str] = field(default_factory=set)
    prefixes: tuple[str, ...] = ()
    phrases: list[tuple[str, ...]] = field(default_factory=list)


class Highlighter:
    """Finds the words of one query; ``search_in`` are the fields of words that name none."""

    def __init__(self, tree: Node | None, search_in: Sequence[str]) -> None:
        self._wanted: dict[str, _Wanted] = defaultdict(_Wanted)
        for leaf in iter_positive(tree):
            for name in (leaf.field,) if leaf.field else search_in:
                wanted = self._wanted[name]
                match leaf:
                    case Term(_, term):
                        wanted.terms.add(term)
                    case Prefix(text):
                        wanted.prefixes += (text,)
                    case Phrase(_, terms):
                        wanted.phrases.append(terms)

    def find_spans(self, name: str, text: str) -> list[Span]:
        """The matches in the text of a field as ``[start, end)`` in code points, in order, none overlapping.

        A phrase is one span, from its first word to its last.
        """
        wanted = self._wanted.get(name)
        if wanted is None:
            return []
        tokens = [
            (word[0].lower(), term, word.start(), word.end())
            for word in WORD.finditer(text[:MAX_TEXT])
            if (term := term_of(word[0])) is not None
        ]
        spans = [
            (start, end)
            for lower, term, start, end in tokens
            if term in wanted.terms or lower.startswith(wanted.prefixes)
        ]
        terms = [term for _, term, _, _ in tokens]
        for phrase in wanted.phrases:
            size = len(phrase)
            for place, term in enumerate(terms):
                if term == phrase[0] and tuple(terms[place : place + size]) == phrase:
                    spans.append((tokens[place][2], tokens[place + size - 1][3]))
        return _merge(spans)


def mark(text: str, spans: Iterable[Span], tag: str) -> str:
    """HTML: the text escaped, each span within ``<tag>``."""
    parts, last = [], 0
    for start, end in spans:
        parts += [escape(text[last:start]), f"<{tag}>", escape(text[start:end]), f"</{tag}>"]
        last = end
    return "".join([*parts, escape(text[last:])])


def snippet(text: str, spans: Sequence[Span], words: int, tag: str) -> str:
    """HTML of the ``words`` words with the most different matches, then the most matches, then the first."""
    # Line breaks between headings and paragraphs say nothing in an excerpt of one line.
    text = text.replace("\n", " ")
    places = [(word.start(), word.end()) for word in WORD.finditer(text[:MAX_TEXT])]
    if not places:
        return escape(text[:MAX_TEXT])
    first = _best_window(text, places, spans, words)
    last = min(first + words, len(places)) - 1
    start = 0 if first == 0 else places[first][0]
    end = len(text) if last == len(places) - 1 and len(text) <= MAX_TEXT else places[last][1]
    inside = [(max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and b > start]
    return ("… " if start else "") + mark(text[start:end], inside, tag) + (" …" if end < len(text) else "")


def _best_window(text: str, places: Sequence[Span], spans: Sequence[Span], words: int) -> int:
    """The number of the word that the best window begins with."""
    starts = {start: number for number, (start, _) in enumerate(places)}
    matches = [(starts[start], text[start:end].lower()) for start, end in spans if start in starts]
    latest = max(0, len(places) - words)
    best, best_value = 0, (0, 0)
    for number, _ in matches:
        # A few words before the first match say where one is.
        first = min(max(0, number - words // 6), latest)
        inside = [what for other, what in matches if first <= other < first + words]
        value = (len(set(inside)), len(inside))
        if value > best_value:
            best, best_value = first, value
    return best


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
