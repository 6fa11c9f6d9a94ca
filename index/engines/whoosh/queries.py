"""The query tree (index.query.tree) over Whoosh's postings: Whoosh finds and scores the leaves, sets do the rest.

Whoosh's own AndNot returns documents that it should leave out (its matcher does not look at the first posting when
the excluded words begin in an earlier document), and its Not adds 1 to the score of what stays. What is combined
here is a dict for each leaf: slower, and as plain as the definition of the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from whoosh import query as wq

from index.deadline import Deadline
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term

# "a* b* c* …" would take minutes on 228,612 stories; looked at before each leaf, of which the slowest takes 0.5 s.
MAX_SECONDS = 10.0
Scores = dict[int, float]  # document number to score, of everything that matches


def begin_deadline(seconds: float | None) -> Deadline:
    """``seconds`` from now, at most ``MAX_SECONDS``, which is also what None stands for."""
    return Deadline(MAX_SECONDS, seconds)


class Expanded(wq.MultiTerm):  # type: ignore[misc]  # Whoosh has no types
    """Any of the given terms in one field, each hit scored 1: what a prefix stands for."""

    def __init__(self, fieldname: str, terms: Sequence[str], boost: float = 1.0) -> None:
        self.fieldname, self.words, self.boost = fieldname, terms, boost
        self.constantscore = True

    def field(self) -> str:
        return self.fieldname

    def _btexts(self, reader: Any) -> Iterator[bytes]:
        texts = (word.encode() for word in self.words)
        return (text for text in texts if (self.fieldname, text) in reader)

    def __hash__(self) -> int:
        return hash((self.fieldname, tuple(self.words), self.boost))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expanded) and vars(self) == vars(other)


class Evaluator:
    """Answers trees over one searcher. ``boosts`` are the fields searched in where a leaf names none; ``expand``
    gives the terms of a prefix. Raises QueryTimeout."""

    def __init__(
        self, searcher: Any, boosts: dict[str, float], expand: Callable[[str], Sequence[str]], deadline: Deadline
    ) -> None:
        self._searcher, self._boosts, self._expand = searcher, boosts, expand
        self._known: dict[Node, Scores] = {}
        self._deadline = deadline

    def match(self, node: Node) -> Scores:
        """Every match of ``node`` with its score: the sum of what its leaves score; exclusions score nothing."""
        match node:
            case Not(child):
                unwanted = self.match(child)
                return {number: 0.0 for number in range(self._searcher.doc_count_all()) if number not in unwanted}
            case And(children):
                # With nothing but exclusions, the first of them gives everything that the others narrow.
                children = tuple(sorted(children, key=lambda child: isinstance(child, Not)))
                found = self.match(children[0])
                for child in children[1:]:
                    found = self._narrow(found, child)
                return found
            case Or(children):
                return add_up([self.match(child) for child in children])
            case _:
                if node not in self._known:
                    names = {node.field: 1.0} if node.field else self._boosts
                    leaves = [self._make_leaf(node, *field) for field in names.items()]
                    self._known[node] = add_up([self._match_leaf(leaf) for leaf in leaves])
                return self._known[node]

    def match_term(self, term: str, weight: float) -> Scores:
        """Every document with ``term`` in one of the fields, its score times ``weight``."""
        fields = self._boosts.items()
        return add_up([self._match_leaf(wq.Term(name, term, boost=boost * weight)) for name, boost in fields])

    def _narrow(self, found: Scores, child: Node) -> Scores:
        if isinstance(child, Not):
            unwanted = self.match(child.child)
            return {number: score for number, score in found.items() if number not in unwanted}
        other = self.match(child)
        return {number: score + other[number] for number, score in found.items() if number in other}

    def _make_leaf(self, leaf: Term | Phrase | Prefix, name: str, boost: float) -> wq.Query:
        match leaf:
            case Term(_, term) | Phrase(_, (term,)):
                return wq.Term(name, term, boost=boost)
            case Phrase(_, terms):
                return wq.Phrase(name, list(terms), boost=boost)
            case Prefix(text):
                return Expanded(name, self._expand(text), boost=boost)

    def _match_leaf(self, query: wq.Query) -> Scores:
        """Every match of a query of Whoosh's: its matchers walked to their end, no limit and no skipping."""
        self._deadline.check()
        scores: Scores = {}
        for searcher, offset in self._searcher.leaf_searchers():
            matcher = query.matcher(searcher, self._searcher.context())
            while matcher.is_active():
                scores[offset + matcher.id()] = matcher.score()
                matcher.next()
        return scores


def add_up(parts: Sequence[Scores]) -> Scores:
    """Whatever is in some of ``parts``, with the sum of its scores."""
    total = dict(parts[0]) if parts else {}
    for part in parts[1:]:
        for number, score in part.items():
            total[number] = total.get(number, 0.0) + score
    return total
