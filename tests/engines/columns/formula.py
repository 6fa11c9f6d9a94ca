"""The scores of index.engines.scoring worked out document by document: slow, small, and right at a glance.

A hit scores the sum of what the leaves that it matches score; what a ``Not`` leaves in scores nothing. A leaf searches
one set of fields: those of the text that are asked for together, each of the others alone. On a set it scores

    rarity * BM25 share of the set + 0.5 * title's rarity * BM25 share of the title

with the second half only where the set has the title and more: a title searched alone is the whole text. The rarity of
a word counts the documents that have it in the set, or in the title; that of a phrase is the sum over its words, each
counted in the whole text (or, for a field that is none of the text, in all such fields) for both halves. A prefix
scores 1. Lengths and averages are in words, over all documents; an average is at least 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from index.analysis.schema import WORD, TextField, iter_tokens, term_of
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term

K1, B = 1.2, 0.75
# From a document's id to its score, for those that match.
Scores = dict[str, float]
Fields = Sequence[str]


class Formula:
    """Over documents given as texts of ``fields``, by id."""

    def __init__(self, fields: Iterable[TextField], texts: Mapping[str, Mapping[str, str]]) -> None:
        self._text = tuple(field.name for field in fields if field.default)
        self._labels = tuple(field.name for field in fields if not field.default)
        self._terms = {
            ident: {name: [term for term, _, _ in iter_tokens(text)] for name, text in own.items()}
            for ident, own in texts.items()
        }
        self._words = {word.lower() for own in texts.values() for text in own.values() for word in WORD.findall(text)}

    def score(self, node: Node | None, search_in: Fields) -> Scores:
        """Every match and its score; ``search_in`` are the fields of leaves that name none."""
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
                    for ident, own in self._terms.items()
                    if any(not meant.isdisjoint(own[name]) for name in fields)
                }
            case Term(_, term) | Phrase(_, (term,)):
                idf, title_idf = self._idf(term, fields), self._idf(term, ("title",))
                return self._combine((term,), fields, idf, title_idf)
            case Phrase(_, terms):
                everywhere = self._text if fields[0] in self._text else self._labels
                idf = sum(self._idf(term, everywhere) for term in terms)
                return self._combine(terms, fields, idf, idf)

    def _combine(self, terms: Sequence[str], fields: Fields, idf: float, title_idf: float) -> Scores:
        whole = self._shares(terms, fields)
        title = self._shares(terms, ("title",)) if "title" in fields and len(fields) > 1 else {}
        return {ident: idf * share + 0.5 * title_idf * title.get(ident, 0.0) for ident, share in whole.items()}

    def _idf(self, term: str, fields: Fields) -> float:
        """BM25's idf: how few documents have the term in one of ``fields``."""
        doc_freq = sum(any(term in own[name] for name in fields) for own in self._terms.values())
        return math.log(1 + (len(self._terms) - doc_freq + 0.5) / (doc_freq + 0.5))

    def _shares(self, terms: Sequence[str], fields: Fields) -> Scores:
        """BM25 without the rarity, of the documents that have ``terms`` one after the other in one of ``fields``."""
        lengths = {ident: sum(len(own[name]) for name in fields) for ident, own in self._terms.items()}
        average = max(1.0, sum(lengths.values()) / max(1, len(lengths)))
        shares = {}
        for ident, own in self._terms.items():
            count = sum(_count(terms, own[name]) for name in fields)
            if count:
                norm = 1 - B + B * lengths[ident] / average
                shares[ident] = count * (K1 + 1) / (count + K1 * norm)
        return shares


def _count(wanted: Sequence[str], terms: Sequence[str]) -> int:
    """How often ``wanted`` stands in ``terms``, overlaps included."""
    return sum(tuple(terms[at : at + len(wanted)]) == tuple(wanted) for at in range(len(terms)))


def _add(parts: Iterable[Scores]) -> Scores:
    total: Scores = {}
    for part in parts:
        for ident, score in part.items():
            total[ident] = total.get(ident, 0.0) + score
    return total
