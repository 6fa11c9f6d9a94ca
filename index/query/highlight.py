"""Highlights the matches of a query in the texts of a story. Needs the query tree and the analyzer, but no engine."""

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
# The fields in which matches are highlighted.
HIGHLIGHTED_FIELDS = ("title", "summary", "body", "source")
# The IDF of words that only a prefix matched.
_UNKNOWN = 1.0


@dataclass(slots=True)
class _FieldTerms:
    """The terms, prefixes and phrases to find in one field."""

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
    """Finds the matches of one query in texts. ``search_in``: the fields for words that name none."""

    def __init__(self, tree: Node | None, search_in: Sequence[str]) -> None:
        self._fields: dict[str, _FieldTerms] = defaultdict(_FieldTerms)
        for leaf in iter_positive(tree):
            for name in (leaf.field,) if leaf.field else search_in:
                targets = self._fields[name]
                match leaf:
                    case Term(_, term):
                        targets.terms.add(term)
                    case Prefix(text):
                        targets.prefixes += (text,)
                    case Phrase(_, terms):
                        targets.phrases.append(terms)

    def find_spans(self, name: str, text: str) -> list[Span]:
        """The matches in the text of the field ``name`` as ``[start, end)`` in code points, in order, without overlaps.

        A phrase is one span from its first word to its last.
        """
        targets = self._fields.get(name)
        if targets is None:
            return []
        words = iter_words(text)
        if not targets.phrases:
            return targets.find_words(words)
        all_words = list(words)
        return _merge(targets.find_words(all_words) + _find_phrases(all_words, targets.phrases))


class HitHighlighter:
    """Highlights the hits of one query. ``idfs``: the IDF of each of ``query_terms``.

    index/engines/columns/search/highlighting.py does the same in compiled code; this is the readable version.
    """

    def __init__(self, query: SearchQuery, highlighting: HighlightOptions, idfs: Mapping[str, float]) -> None:
        self._highlighter = Highlighter(query.tree if highlighting.matches else None, query.search_in)
        self._highlighting, self._idfs = highlighting, idfs

    def highlight(self, story: Story) -> bytes:
        """The JSON object with ``highlight``, ``snippet``, ``matches`` and ``matched_sources`` (docs/api.md)."""
        find, tag = self._highlighter.find_spans, self._highlighting.tag
        texts = {"title": story.title, "summary": story.summary}
        titles = [source.title for source in story.sources]
        spans = {name: find(name, text) for name, text in texts.items()}
        body = story.body
        body_spans = find("body", body)
        in_body = bool(body_spans) or not story.summary
        name, text, matches = ("body", body, body_spans) if in_body else ("summary", story.summary, spans["summary"])
        highlights = {
            "highlight": {field: insert_tags(text, spans[field], tag) for field, text in texts.items()},
            "snippet": {"field": name, "text": make_snippet(text, matches, self._highlighting.words, tag, self._idfs)},
            "matches": {field: field_spans for field, field_spans in spans.items() if field_spans},
            "matched_sources": [
                number
                for number, title in enumerate(titles[: count_searched_titles(titles)], start=1)
                if find("source", title)
            ],
        }
        return msgspec.json.encode(highlights)


def count_searched_titles(titles: Iterable[str]) -> int:
    """How many source titles are searched for matches: the first ones with at most MAX_TEXT characters together."""
    return sum(end <= schema.MAX_TEXT for end in accumulate(map(len, titles)))


def query_terms(tree: Node | None) -> list[str]:
    """The terms of a query whose IDF decides which snippet is best, sorted."""
    terms: set[str] = set()
    for leaf in iter_positive(tree):
        match leaf:
            case Term(_, term):
                terms.add(term)
            case Phrase(_, phrase_terms):
                terms.update(phrase_terms)
    return sorted(terms)


def _find_phrases(words: Sequence[re.Match[str]], phrases: Iterable[tuple[str, ...]]) -> list[Span]:
    """The spans of all phrases. Overlapping spans of one phrase are merged."""
    tokens = [(term, word.span()) for word in words if (term := term_of(word[0])) is not None]
    # Encodes each term as one letter, because str.find is fast, even for a phrase "x x x x" in a text of the same word.
    letters = {
        term: chr(number) for number, term in enumerate({term for phrase in phrases for term in phrase}, start=1)
    }
    text = "".join([letters.get(term, "\0") for term, _ in tokens])
    spans: list[Span] = []
    for phrase in dict.fromkeys(phrases):
        pattern = "".join([letters[term] for term in phrase])
        first = last = -1
        at = text.find(pattern)
        while at >= 0:
            if at > last:
                if last >= 0:
                    spans.append((tokens[first][1][0], tokens[last][1][1]))
                first = at
            last = at + len(phrase) - 1
            at = text.find(pattern, at + 1)
        if last >= 0:
            spans.append((tokens[first][1][0], tokens[last][1][1]))
    return spans


def escape(text: str) -> str:
    """html.escape, skipped for texts without special characters."""
    return html.escape(text) if _SPECIAL.search(text) else text


def insert_tags(text: str, spans: Sequence[Span], tag: str) -> str:
    """The text as escaped HTML with each span inside ``<tag>``."""
    if not spans:
        return escape(text)
    parts, last = [], 0
    for start, end in spans:
        parts += [escape(text[last:start]), f"<{tag}>", escape(text[start:end]), f"</{tag}>"]
        last = end
    return "".join([*parts, escape(text[last:])])


def make_snippet(
    text: str, spans: Sequence[Span], words: int, tag: str, idfs: Mapping[str, float] | None = None
) -> str:
    """The best ``words`` consecutive words of a text as HTML, with the matches inside ``<tag>``.

    Best are the words whose distinct matches have the highest sum of IDFs, then the most matches, then the closest.
    ``idfs``: from ``Engine.find_idfs``; without it, all terms count the same.
    """
    # A snippet is one line.
    text = text.replace("\n", " ")
    word_spans = (word.span() for word in iter_words(text))
    # Without a match, the snippet is the beginning; one more word shows whether the text continues.
    positions = list(word_spans if spans else islice(word_spans, words + 1))
    first = _best_window(text, positions, spans, words, idfs or {}) if len(positions) > words else 0
    last = min(first + words, len(positions)) - 1
    start = 0 if first == 0 else positions[first][0]
    end = min(len(text), schema.MAX_TEXT)
    if positions and (last < len(positions) - 1 or end < len(text)):
        end = positions[last][1]
    inside = [(max(a, start) - start, min(b, end) - start) for a, b in spans if a < end and b > start]
    return ("… " if start else "") + insert_tags(text[start:end], inside, tag) + (" …" if end < len(text) else "")


def _best_window(
    text: str, positions: Sequence[Span], spans: Sequence[Span], words: int, idfs: Mapping[str, float]
) -> int:
    """The index of the first word of the best snippet."""
    numbers = {start: number for number, (start, _) in enumerate(positions)}
    matches = [(numbers[start], _terms_in(text[start:end])) for start, end in spans if start in numbers]
    worth = {what: sum(snippet_weight(idfs.get(term, _UNKNOWN)) for term in what) for _, what in matches}
    best, best_value = 0, (0, 0, 0)
    # The window contains matches[low:high]. ``inside`` counts each distinct match, ``total`` is their summed weight.
    low = high = total = 0
    inside: Counter[tuple[str, ...]] = Counter()
    for number, _ in matches:
        # Start a few words before the first match, for context.
        first = min(max(0, number - words // 6), len(positions) - words)
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
    """1000 * IDF as an integer, so that sums do not depend on the order of addition."""
    return round(1000 * idf)


def _terms_in(matched: str) -> tuple[str, ...]:
    """The terms of a match. Matches with different terms are distinct."""
    return tuple(term for word in WORD.findall(matched) if (term := term_of(word)) is not None)


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
