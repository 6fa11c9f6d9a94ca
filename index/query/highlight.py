"""Marks in the text of a hit what the query matched there. Knows the query tree and the analyzer, no engine."""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice

import msgspec

from index.analysis import schema
from index.analysis.schema import WORD, iter_words, term_of
from index.documents.story import Story
from index.query.requests import HighlightOptions, SearchQuery
from index.query.tree import Node, Phrase, Prefix, Term, iter_positive

Span = tuple[int, int]
_SPECIAL = re.compile("[&<>\"']")
# The fields that are marked in a hit.
HIGHLIGHTED_FIELDS = ("title", "summary", "body", "source")
# The IDF of words of which no more is known than that a prefix found them.
_UNKNOWN = 1.0


@dataclass(slots=True)
class _Wanted:
    """What is looked for in one field."""

    terms: set[str] = field(default_factory=set)
    prefixes: tuple[str, ...] = ()
    phrases: list[tuple[str, ...]] = field(default_factory=list)

    def find_words(self, words: Iterable[re.Match[str]]) -> list[Span]:
        terms, prefixes = self.terms, self.prefixes
        if not prefixes:
            return [word.span() for word in words if term_of(word[0]) in terms]
        return [
            word.span()
            for word in words
            if (term := term_of(word[0])) is not None and (term in terms or word[0].lower().startswith(prefixes))
        ]


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
        words = iter_words(text)
        if not wanted.phrases:
            return wanted.find_words(words)
        found = list(words)
        return _merge(wanted.find_words(found) + _find_phrases(found, wanted.phrases))


class HitHighlighter:
    """Marks the hits of one query: the twin of index/engines/columns/search/highlighting.py, written to be read.

    ``idfs`` are those of ``query_terms``.
    """

    def __init__(self, query: SearchQuery, highlighting: HighlightOptions, idfs: Mapping[str, float]) -> None:
        self._highlighter = Highlighter(query.tree if highlighting.matches else None, query.search_in)
        self._highlighting, self._idfs = highlighting, idfs

    def highlight(self, story: Story) -> bytes:
        """JSON of ``highlight``, ``snippet``, ``matches`` and ``matched_sources``: see docs/api.md."""
        find, tag = self._highlighter.find_spans, self._highlighting.tag
        texts = {"title": story.title, "summary": story.summary}
        titles = [source.title for source in story.sources]
        spans = {name: find(name, text) for name, text in texts.items()}
        body = story.body
        body_spans = find("body", body)
        in_body = bool(body_spans) or not story.summary
        name, text, found = ("body", body, body_spans) if in_body else ("summary", story.summary, spans["summary"])
        marks = {
            "highlight": {field: mark(text, spans[field], tag) for field, text in texts.items()},
            "snippet": {"field": name, "text": snippet(text, found, self._highlighting.words, tag, self._idfs)},
            "matches": {field: own for field, own in spans.items() if own},
            "matched_sources": [
                number
                for number, title in enumerate(titles[: count_searched_titles(titles)], start=1)
                if find("source", title)
            ],
        }
        return msgspec.json.encode(marks)


def count_searched_titles(titles: Iterable[str]) -> int:
    """How many titles of a story's sources matches are searched in: the first ones that together have at most
    ``MAX_TEXT`` characters."""
    return sum(end <= schema.MAX_TEXT for end in accumulate(map(len, titles)))


def query_terms(tree: Node | None) -> list[str]:
    """The terms by whose IDF snippets are chosen."""
    terms: set[str] = set()
    for leaf in iter_positive(tree):
        match leaf:
            case Term(_, term):
                terms.add(term)
            case Phrase(_, own):
                terms.update(own)
    return sorted(terms)


def _find_phrases(words: Sequence[re.Match[str]], phrases: Iterable[tuple[str, ...]]) -> list[Span]:
    """The spans of all phrases; those of one phrase that overlap are one."""
    tokens = [(term, word.span()) for word in words if (term := term_of(word[0])) is not None]
    # A letter for each term: str.find is fast, and as fast where a phrase is "x x x x" and so is the text.
    letters = {term: chr(number) for number, term in enumerate({term for own in phrases for term in own}, start=1)}
    text = "".join([letters.get(term, "\0") for term, _ in tokens])
    spans: list[Span] = []
    for phrase in dict.fromkeys(phrases):
        wanted = "".join([letters[term] for term in phrase])
        first = last = -1
        at = text.find(wanted)
        while at >= 0:
            if at > last:
                if last >= 0:
                    spans.append((tokens[first][1][0], tokens[last][1][1]))
                first = at
            last = at + len(phrase) - 1
            at = text.find(wanted, at + 1)
        if last >= 0:
            spans.append((tokens[first][1][0], tokens[last][1][1]))
    return spans


def escape(text: str) -> str:
    """html.escape, whose five passes most texts do not need."""
    return html.escape(text) if _SPECIAL.search(text) else text


def mark(text: str, spans: Sequence[Span], tag: str) -> str:
    """HTML: the text escaped, each span within ``<tag>``."""
    if not spans:
        return escape(text)
    parts, last = [], 0
    for start, end in spans:
        parts += [escape(text[last:start]), f"<{tag}>", escape(text[start:end]), f"</{tag}>"]
        last = end
    return "".join([*parts, escape(text[last:])])


def snippet(text: str, spans: Sequence[Span], words: int, tag: str, idfs: Mapping[str, float] | None = None) -> str:
    """HTML of the ``words`` words with the rarest different matches, then the most matches, then the closest ones.

    ``idfs`` are those of terms (``Engine.find_idfs``); without them all are worth the same.
    """
    # Line breaks between headings and paragraphs say nothing in an excerpt of one line.
    text = text.replace("\n", " ")
    found = (word.span() for word in iter_words(text))
    # Without a match it is the beginning, and one word more says that the text goes on.
    places = list(found if spans else islice(found, words + 1))
    first = _best_window(text, places, spans, words, idfs or {}) if len(places) > words else 0
    last = min(first + words, len(places)) - 1
    start = 0 if first == 0 else places[first][0]
    end = min(len(text), schema.MAX_TEXT)
    if places and (last < len(places) - 1 or end < len(text)):
        end = places[last][1]
    inside = [(max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and b > start]
    return ("… " if start else "") + mark(text[start:end], inside, tag) + (" …" if end < len(text) else "")


def _best_window(
    text: str, places: Sequence[Span], spans: Sequence[Span], words: int, idfs: Mapping[str, float]
) -> int:
    """The number of the word that the best window begins with."""
    numbers = {start: number for number, (start, _) in enumerate(places)}
    matches = [(numbers[start], _terms_in(text[start:end])) for start, end in spans if start in numbers]
    worth = {what: sum(snippet_weight(idfs.get(term, _UNKNOWN)) for term in what) for _, what in matches}
    best, best_value = 0, (0, 0, 0)
    # The matches from ``low`` to before ``high`` are in the window; how often each, and what the different ones are
    # worth together.
    low = high = total = 0
    inside: Counter[tuple[str, ...]] = Counter()
    for number, _ in matches:
        # A few words before the first match say where one is.
        first = min(max(0, number - words // 6), len(places) - words)
        while high < len(matches) and matches[high][0] < first + words:
            what = matches[high][1]
            total += 0 if inside[what] else worth[what]
            inside[what] += 1
            high += 1
        while matches[low][0] < first:
            what = matches[low][1]
            inside[what] -= 1
            total -= 0 if inside[what] else worth[what]
            low += 1
        value = total, high - low, matches[low][0] - matches[high - 1][0]
        if value > best_value:
            best, best_value = first, value
    return best


def snippet_weight(idf: float) -> int:
    """What a match of a term says, in thousandths: sums of them are the same in any order."""
    return round(1000 * idf)


def _terms_in(matched: str) -> tuple[str, ...]:
    """What makes two matches different."""
    return tuple(term for word in WORD.findall(matched) if (term := term_of(word)) is not None)


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
