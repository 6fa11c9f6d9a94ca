"""_highlightResult and _snippetResult: what matched, between the tags that the client names.

Texts are not escaped, as Algolia's are not: its widgets name tags that no text has, escape everything, and put real
tags in their place afterwards.
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


class Tags(Struct, frozen=True):
    pre: str
    post: str

    def put(self, text: str, spans: Iterable[Span]) -> str:
        """``text`` with each span between the tags."""
        parts, last = [], 0
        for start, end in spans:
            parts += [text[last:start], self.pre, text[start:end], self.post]
            last = end
        return "".join([*parts, text[last:]])

    def replace_marks(self, marked: str) -> str:
        """HTML with ``<mark>`` as its only element to plain text with these tags."""
        put = {"<mark>": self.pre, "</mark>": self.post}
        return "".join(put[part] if part in put else html.unescape(part) for part in _MARK.split(marked))


class HitHighlighter:
    """Marks what one query matches in attributes of hits. Raises QueryTimeout at the ``deadline``, which is looked at
    before each text."""

    def __init__(self, tree: Node | None, search_in: Sequence[str], tags: Tags, deadline: Deadline) -> None:
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
        self._all = {*self._words.values(), *self._prefixes}

    def highlight(self, field: str, text: str) -> Json:
        """A text of the index field, whole."""
        self._deadline.check()
        spans = self._highlighter.find_spans(field, text)
        matched = self._find_words(text, spans)
        level = "none" if not matched else "full" if len(matched) == len(self._all) else "partial"
        return {
            "value": self._tags.put(text, spans),
            "matchLevel": level,
            "fullyHighlighted": bool(spans) and "".join(text[a:b] for a, b in spans) == text,
            "matchedWords": matched,
        }

    def excerpt(self, field: str, text: str, words: int) -> Json:
        """The ``words`` words of it with the most matches."""
        self._deadline.check()
        spans = self._highlighter.find_spans(field, text)
        return self.read_excerpt(make_snippet(text, spans, words, "mark"), found=bool(spans))

    def read_excerpt(self, marked: str, *, found: bool) -> Json:
        """The same of an excerpt that is there already, with its matches in ``<mark>``."""
        value = self._tags.replace_marks(marked)
        whole = self._find_words(marked, [match.span(1) for match in re.finditer("<mark>(.*?)</mark>", marked)])
        level = "none" if not found else "full" if len(whole) == len(self._all) else "partial"
        return {"value": value, "matchLevel": level}

    def _find_words(self, text: str, spans: Iterable[Span]) -> list[str]:
        """Which words of the query were found there."""
        found: dict[str, None] = {}
        prefixes = tuple(self._prefixes)
        words = dict.fromkeys(word for start, end in spans for word in WORD.findall(text[start:end]))
        for word in words:
            if (known := self._words.get(term_of(word) or "")) is not None:
                found[known] = None
            if word.lower().startswith(prefixes):
                found |= dict.fromkeys(one for one in prefixes if word.lower().startswith(one))
                prefixes = tuple(one for one in prefixes if one not in found)
        return list(found)


def mark_beginnings(text: str, beginnings: Sequence[str], tags: Tags) -> str:
    """A facet's value with what was typed of its words marked."""
    spans = []
    for word in iter_words(text):
        sizes = [len(one) for one in beginnings if word[0].casefold().startswith(one)]
        if sizes:
            spans.append((word.start(), min(word.start() + max(sizes), word.end())))
    return tags.put(text, spans)
