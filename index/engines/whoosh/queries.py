"""The query tree of index.query to Whoosh's own queries, one to one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from whoosh import query as wq

from index.query import And, Node, Not, Or, Phrase, Prefix, Term

Expand = Callable[[str], Sequence[str]]


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


def compile_query(node: Node, boosts: dict[str, float], expand: Expand) -> wq.Query:
    """``boosts`` are the fields searched in where a leaf names none; ``expand`` gives the terms of a prefix."""

    def compile_node(node: Node) -> wq.Query:
        match node:
            case Term(_, term, field):
                return spread(field, lambda name, boost: wq.Term(name, term, boost=boost))
            case Phrase(_, (term,), field):
                return spread(field, lambda name, boost: wq.Term(name, term, boost=boost))
            case Phrase(_, terms, field):
                return spread(field, lambda name, boost: wq.Phrase(name, list(terms), boost=boost))
            case Prefix(text, field):
                expanded = expand(text)
                return spread(field, lambda name, boost: Expanded(name, expanded, boost=boost))
            case Not(child):
                return wq.AndNot(wq.Every(), compile_node(child))
            case And(children):
                wanted = [compile_node(child) for child in children if not isinstance(child, Not)]
                unwanted = [compile_node(child.child) for child in children if isinstance(child, Not)]
                positive = _either_or_all(wq.And, wanted) if wanted else wq.Every()
                return wq.AndNot(positive, _either_or_all(wq.Or, unwanted)) if unwanted else positive
            case Or(children):
                return _either_or_all(wq.Or, [compile_node(child) for child in children])

    def spread(field: str | None, make: Callable[[str, float], wq.Query]) -> wq.Query:
        if field is not None:
            return make(field, 1.0)
        return _either_or_all(wq.Or, [make(name, boost) for name, boost in boosts.items()])

    return compile_node(node)


def _either_or_all(kind: type, queries: list[Any]) -> wq.Query:
    return queries[0] if len(queries) == 1 else kind(queries) if queries else wq.NullQuery
