"""_highlightResult and _snippetResult: texts with tags around the matches.

The client chooses the tags. Texts are not escaped, as with Algolia: its widgets send placeholders as tags, escape the
whole text, and then replace the placeholders by HTML tags.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from index.analysis.schema import WORD, iter_words, term_of
from index.deadline import Deadline
from index.query.highlight import Highlighter, Span, make_snippet
from index.query.tree import Node, Phrase, Prefix, Term, iter_positive

Json = dict[str, object]
_MARK = re.compile("(</?mark>)")


class HighlightTags(Struct, frozen=True, kw_only=True):
    """The texts to insert before and after each match."""

    before: str
    after: str

    def insert(self, text: str, spans: Iterable[Span]) -> str:
        """``text`` with each span between the tags."""
        parts, last = [], 0
        for start, end in spans:
            parts += [text[last:start], self.before, text[start:end], self.after]
            last = end
        return "".join([*parts, text[last:]])

    def replace_marks(self, marked: str) -> str:
        """Convert HTML that has ``<mark>`` as its only element to plain text with these tags."""
        tags = {"<mark>": self.before, "</mark>": self.after}
        return "".join(tags[part] if part in tags else html.unescape(part) for part in _MARK.split(marked))


class AttributeHighlighter:
    """Highlights the matches of one query in attributes of hits.

    ``highlight`` and ``make_snippet`` raise QueryTimeout if the deadline has passed when they begin.
    """

    def __init__(self, tree: Node | None, search_in: Sequence[str], tags: HighlightTags, deadline: Deadline) -> None:
        self._highlighter, self._tags, self._deadline = Highlighter(tree, search_in), tags, deadline
        self._words: dict[str, str] = {}
        self._prefixes: dict[str, None] = {}
        for leaf in iter_positive(tree):
            match leaf:
                case Term(text, term):
                    self._words[term] = text.lower()
                case Phrase(texts, terms):
                    self._words |= dict(zip(terms, map(str.lower, texts), strict=True))
                case Prefix(text):
                    self._prefixes[text] = None
        self._query_words = {*self._words.values(), *self._prefixes}

    def highlight(self, field: str, text: str) -> Json:
        """The _highlightResult of a text of the index field ``field``."""
        self._deadline.check()
        spans = self._highlighter.find_spans(field, text)
        matched = self._find_words(text, spans)
        return {
            "value": self._tags.insert(text, spans),
            "matchLevel": self._find_level(matched) if matched else "none",
            "fullyHighlighted": bool(spans) and "".join(text[a:b] for a, b in spans) == text,
            "matchedWords": matched,
        }

    def make_snippet(self, field: str, text: str, words: int) -> Json:
        """The _snippetResult of a text: the ``words`` consecutive words with the most matches."""
        self._deadline.check()
        spans = self._highlighter.find_spans(field, text)
        return self.convert_snippet(make_snippet(text, spans, words, "mark"), has_match=bool(spans))

    def convert_snippet(self, marked: str, *, has_match: bool) -> Json:
        """The _snippetResult of a snippet in HTML, with its matches in ``<mark>``."""
        value = self._tags.replace_marks(marked)
        matched = self._find_words(marked, [match.span(1) for match in re.finditer("<mark>(.*?)</mark>", marked)])
        level = self._find_level(matched) if has_match else "none"
        return {"value": value, "matchLevel": level}

    def _find_level(self, matched: Sequence[str]) -> str:
        return "full" if len(matched) == len(self._query_words) else "partial"

    def _find_words(self, text: str, spans: Iterable[Span]) -> list[str]:
        """The words of the query that occur in the spans."""
        matched: dict[str, None] = {}
        prefixes = tuple(self._prefixes)
        words = dict.fromkeys(word for start, end in spans for word in WORD.findall(text[start:end]))
        for word in words:
            if (known := self._words.get(term_of(word) or "")) is not None:
                matched[known] = None
            if word.lower().startswith(prefixes):
                matched |= dict.fromkeys(prefix for prefix in prefixes if word.lower().startswith(prefix))
                prefixes = tuple(prefix for prefix in prefixes if prefix not in matched)
        return list(matched)


def highlight_prefixes(text: str, prefixes: Sequence[str], tags: HighlightTags) -> str:
    """Highlight the beginning of each word that starts with one of the case-folded ``prefixes`` (the longest)."""
    spans = []
    for word in iter_words(text):
        lengths = [len(prefix) for prefix in prefixes if word[0].casefold().startswith(prefix)]
        if lengths:
            spans.append((word.start(), min(word.start() + max(lengths), word.end())))
    return tags.insert(text, spans)
