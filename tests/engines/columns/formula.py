"""The scores of index.engines.scoring computed by brute force, document by document: slow and simple.

The score of a hit is the sum of the scores of its matching leaves; ``Not`` scores 0. A leaf is scored on field sets:
all text fields searched form one set, every other field is a set alone. The score on a set is

    idf * BM25 impact in the set + 0.5 * title idf * BM25 impact in the title

The second term counts only if the set has the title and other fields. The idf of a word is computed from the number of
documents with the word in the set, the title idf from those with it in the title. For a phrase both are the sum of the
idfs of its words in all text fields (or, outside the text, in all other fields). A prefix scores 1. Lengths and
averages are in words, over all documents; an average is at least 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from index.analysis.schema import WORD, TextField, iter_tokens, term_of
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term

K1, B = 1.2, 0.75
# The score of each matching document, by id.
Scores = dict[str, float]
Fields = Sequence[str]


class ScoreFormula:
    """Scores documents; ``texts``: by document id, the text of each of ``fields``."""

    def __init__(self, fields: Iterable[TextField], texts: Mapping[str, Mapping[str, str]]) -> None:
        self._text = tuple(field.name for field in fields if field.default)
        self._labels = tuple(field.name for field in fields if not field.default)
        self._terms = {
            ident: {name: [term for term, _, _ in iter_tokens(text)] for name, text in document.items()}
            for ident, document in texts.items()
        }
        self._words = {
            word.lower() for document in texts.values() for text in document.values() for word in WORD.findall(text)
        }

    def score(self, node: Node | None, search_in: Fields) -> Scores:
        """All matches and their scores; ``search_in``: the fields of leaves without a field prefix."""
        everything = dict.fromkeys(self._terms, 0.0)
        match node:
            case None:
                return everything
            case And(children):
                parts = [self.score(child, search_in) for child in children]
                return {i: sum(part[i] for part in parts) for i in everything if all(i in part for part in parts)}
            case Or(children):
                return _add(self.score(child, search_in) for child in children)
            case Not(child):
                unwanted = self.score(child, search_in)
                return {ident: 0.0 for ident in everything if ident not in unwanted}
            case leaf:
                named = search_in if leaf.field is None else (leaf.field,)
                text = tuple(name for name in named if name in self._text)
                sets = [text] if text else []
                sets += [(name,) for name in named if name in self._labels]
                return _add(self._score_leaf(leaf, fields) for fields in sets)

    def _score_leaf(self, leaf: Term | Phrase | Prefix, fields: Fields) -> Scores:
        match leaf:
            case Prefix(text):
                meant = {term_of(word) for word in self._words if word.startswith(text)}
                return {
                    ident: 1.0
                    for ident, document in self._terms.items()
                    if any(not meant.isdisjoint(document[name]) for name in fields)
                }
            case Term(_, term) | Phrase(_, (term,)):
                idf, title_idf = self._idf(term, fields), self._idf(term, ("title",))
                return self._combine((term,), fields, idf, title_idf)
            case Phrase(_, terms):
                everywhere = self._text if fields[0] in self._text else self._labels
                idf = sum(self._idf(term, everywhere) for term in terms)
                return self._combine(terms, fields, idf, idf)

    def _combine(self, terms: Sequence[str], fields: Fields, idf: float, title_idf: float) -> Scores:
        whole = self._impacts(terms, fields)
        title = self._impacts(terms, ("title",)) if "title" in fields and len(fields) > 1 else {}
        return {ident: idf * impact + 0.5 * title_idf * title.get(ident, 0.0) for ident, impact in whole.items()}

    def _idf(self, term: str, fields: Fields) -> float:
        """BM25's idf, from the number of documents that have the term in one of ``fields``."""
        doc_freq = sum(any(term in document[name] for name in fields) for document in self._terms.values())
        return math.log(1 + (len(self._terms) - doc_freq + 0.5) / (doc_freq + 0.5))

    def _impacts(self, terms: Sequence[str], fields: Fields) -> Scores:
        """BM25 without idf, for the documents with the consecutive ``terms`` in one of ``fields``."""
        lengths = {ident: sum(len(document[name]) for name in fields) for ident, document in self._terms.items()}
        average = max(1.0, sum(lengths.values()) / max(1, len(lengths)))
        impacts = {}
        for ident, document in self._terms.items():
            count = sum(_count(terms, document[name]) for name in fields)
            if count:
                norm = 1 - B + B * lengths[ident] / average
                impacts[ident] = count * (K1 + 1) / (count + K1 * norm)
        return impacts


def _count(phrase: Sequence[str], terms: Sequence[str]) -> int:
    """How often the sequence ``phrase`` occurs in ``terms``, overlaps included."""
    return sum(tuple(terms[start : start + len(phrase)]) == tuple(phrase) for start in range(len(terms)))


def _add(parts: Iterable[Scores]) -> Scores:
    total: Scores = {}
    for part in parts:
        for ident, score in part.items():
            total[ident] = total.get(ident, 0.0) + score
    return total
