"""The query tree over one segment: matches and scores, worked out by the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from index.deadline import Deadline
from index.engines.columns.kernels import disjunction, scoring, set_operations
from index.engines.columns.kernels import more_like_this as similar_kernels
from index.engines.columns.kernels.conjunction import find_words
from index.engines.columns.kernels.phrase import count_phrase
from index.engines.columns.segment.matches import ANYWHERE, NO_ROOM, Docs, Matches, Scratch, nothing
from index.engines.columns.segment.segment import Postings, Segment
from index.engines.columns.segment.statistics import Row, Statistics
from index.engines.more_like_this import FLOOR, MoreLikeThis
from index.engines.scoring import K1, PREFIX_SCORE, TITLE_SHARE, B
from index.query.tree import And, Node, Not, Or, Phrase, Prefix, Term

# Documents, how often a leaf occurs in each, and in its title: kernels.scoring.Frequencies as a plain tuple.
_Frequencies = tuple[NDArray[np.int32], ...]


class Scope:
    """The fields that leaves without a field of their own are looked for in."""

    def __init__(self, segment: Segment, search_in: Sequence[str]) -> None:
        numbers = [segment.field_numbers[name] for name in search_in]
        text = [number for number in numbers if segment.fields[number].default]
        self.text_mask = _to_mask(text)
        self.label_masks = [1 << number for number in numbers if not segment.fields[number].default]
        # The stored weights are those of the whole text: of all default fields and no other.
        self.stored = len(text) == sum(field.default for field in segment.fields) and not self.label_masks


class Executor:
    """Answers trees over one segment with scratch arrays of its own. What takes too long raises QueryTimeout."""

    __slots__ = ("_deadline", "_known", "_scope", "_scratch", "_segment", "_statistics")

    def __init__(
        self, segment: Segment, statistics: Statistics, scratch: Scratch, scope: Scope, deadline: Deadline
    ) -> None:
        self._segment, self._statistics, self._scratch, self._scope = segment, statistics, scratch, scope
        self._deadline = deadline
        self._known: dict[Node, Matches] = {}

    @property
    def everything(self) -> Matches:
        return self._segment.everything

    def match(self, node: Node, *, ascending: bool = True) -> Matches:
        """Every match of ``node`` and its score: the sum of what its leaves score; exclusions score nothing.

        Documents come in any order unless ``ascending``, which saves sorting where only the best are wanted.
        """
        self._deadline.check()
        match node:
            case And(children):
                return self._match_all(children)
            case Or(children):
                return self._match_any(children, ascending)
            case Not(child):
                return self._subtract(self._segment.everything, child)
            case _ if self._is_plain(node):
                return self._match_term(node.term)
            case _:
                # "a* a* a*" is read once.
                known = self._known.get(node)
                if known is None:
                    known = self._known[node] = self._match_leaf(node, ascending)
                return known

    def match_candidates(self, tree: Node | None, candidates: Docs) -> Matches:
        """The matches that are in ``candidates``, ascending: for few of them a part of what all matches cost."""
        plain = [tree] if tree is not None and self._is_plain(tree) else tree.children if isinstance(tree, And) else ()
        terms = [child.term for child in plain if self._is_plain(child)]
        if terms and len(terms) == len(plain):
            return self._match_and(terms, candidates)
        limits = candidates, np.zeros(len(candidates), np.float32)
        return limits if tree is None else _intersect(self.match(tree), limits)

    def match_similar(self, likeness: MoreLikeThis, *, ascending: bool) -> Matches:
        """Documents that have some of the terms, each with its likeness, 0 to 1."""
        own, time = self._segment, likeness.published
        spans = [(self._statistics.find_row(own, term)[:3], weights) for term, weights in likeness.weights.items()]
        n = similar_kernels.add_likeness(
            np.array([(*span, *weights) for span, weights in spans]),
            own.text.arrays,
            own.norms,
            self._scratch.accumulator,
        )
        docs, scores = self._collect(n, ascending=ascending)
        weighed = np.empty_like(scores)
        similar_kernels.weigh_distance(
            docs, scores, own.columns["published"], time is not None, time or 0, likeness.scale, FLOOR, weighed
        )  # fmt: skip
        return docs, weighed

    # --- and, or, not --------------------------------------------------------------------------------------------

    def _is_plain(self, node: Node) -> TypeGuard[Term]:
        """Whether the stored weights answer it."""
        return isinstance(node, Term) and node.field is None and self._scope.stored

    def _match_all(self, children: Sequence[Node]) -> Matches:
        plain = [child.term for child in children if self._is_plain(child)]
        found = self._match_and(plain) if plain else None
        if len(plain) == len(children) and found is not None:
            return found
        for child in children:
            if not self._is_plain(child) and not isinstance(child, Not):
                matches = self.match(child)
                found = matches if found is None else _intersect(found, matches)
        found = found or self._segment.everything
        for child in children:
            if isinstance(child, Not):
                found = self._subtract(found, child.child)
        return found

    def _match_and(self, terms: Sequence[str], candidates: Docs | None = None) -> Matches:
        if len(terms) == 1 and candidates is None:
            return self._match_term(terms[0])
        own = self._segment
        rows = sorted([self._statistics.find_row(own, term) for term in terms])
        shortest = rows[0][0] if candidates is None else min(rows[0][0], len(candidates))
        if not shortest:
            return nothing()
        docs, scores = np.empty(shortest, np.int32), np.empty(shortest, np.float32)
        n = find_words(
            np.array(rows), own.impacts, candidates is not None, ANYWHERE if candidates is None else candidates, False,
            docs, scores, NO_ROOM,
        )  # fmt: skip
        return docs[:n], scores[:n]

    def _match_term(self, term: str) -> Matches:
        own = self._segment
        size, begin, end, idf, title_idf = self._statistics.find_row(own, term)
        scores = np.empty(size, np.float32)
        scoring.score_list(begin, end, own.text_impacts, own.title_impacts, idf, title_idf, scores)
        return own.text.docs[begin:end], scores

    def _match_any(self, children: Sequence[Node], ascending: bool) -> Matches:
        unwanted = [child.child for child in children if isinstance(child, Not)]
        if len(unwanted) > 1:
            # "-a OR -b" is "-(a b)": nearly every document is in each exclusion, and goes through the loops once.
            children = [*(child for child in children if not isinstance(child, Not)), Not(And(tuple(unwanted)))]
        # Whatever is no plain word comes first: working it out needs the scratch arrays too.
        n = self._add_all([self.match(child) for child in children if not self._is_plain(child)])
        rows = [self._statistics.find_row(self._segment, child.term) for child in children if self._is_plain(child)]
        return self._collect(self._add_terms(rows, self._scope.text_mask, n), ascending=ascending)

    def _add_all(self, parts: Sequence[Matches]) -> int:
        n = 0
        for docs, scores in parts:
            n = disjunction.add_scores(docs, scores, self._scratch.accumulator, n)
        return n

    def _add_terms(self, rows: Sequence[Row], mask: int, n: int) -> int:
        if not rows:
            return n
        accumulator = self._scratch.accumulator
        return int(disjunction.add_terms(np.array(rows), self._segment.impacts, mask, accumulator, n))

    def _collect(self, n: int, *, ascending: bool = True) -> Matches:
        docs, scores = np.empty(n, np.int32), np.empty(n, np.float32)
        disjunction.collect(self._scratch.accumulator, n, ascending, docs, scores)
        return docs, scores

    def _subtract(self, found: Matches, unwanted: Node) -> Matches:
        docs, scores = np.empty_like(found[0]), np.empty_like(found[1])
        n = set_operations.subtract(*found, self._find_documents(unwanted), self._scratch.seen, docs, scores)
        return docs[:n], scores[:n]

    def _find_documents(self, node: Node) -> Docs:
        """The matches of a node without their scores."""
        if self._is_plain(node):
            _, begin, end, _, _ = self._statistics.find_row(self._segment, node.term)
            return self._segment.text.docs[begin:end]
        return self.match(node)[0]

    # --- leaves --------------------------------------------------------------------------------------------------

    def _match_leaf(self, leaf: Term | Phrase | Prefix, ascending: bool) -> Matches:
        if leaf.field is not None:
            number = self._segment.field_numbers.get(leaf.field)
            return nothing() if number is None else self._match_in(leaf, 1 << number, ascending)
        masks = [mask for mask in (self._scope.text_mask, *self._scope.label_masks) if mask]
        parts = [self._match_in(leaf, mask, ascending) for mask in masks]
        return parts[0] if len(parts) == 1 else self._collect(self._add_all(parts), ascending=ascending)

    def _match_in(self, leaf: Term | Phrase | Prefix, mask: int, ascending: bool) -> Matches:
        """A leaf in the fields of ``mask``, which are all of one group."""
        text = self._segment.fields[mask.bit_length() - 1].default
        postings = self._segment.text if text else self._segment.labels
        match leaf:
            case Prefix(prefix):
                return self._match_prefix(prefix, mask, postings, ascending)
            case Term(_, term) | Phrase(_, (term,)):
                begin, end = postings.span(self._segment.find_term(term))

                def count(out: _Frequencies) -> int:
                    return int(scoring.count_in_fields(postings.arrays, begin, end, mask, out))

                return self._score_counts(end - begin, mask, self._statistics.idfs_in(term, mask, text), count)
            case Phrase(_, terms):
                return self._match_phrase(terms, mask, postings, text)

    def _match_prefix(self, prefix: str, mask: int, postings: Postings, ascending: bool) -> Matches:
        n = disjunction.add_constant(
            self._statistics.expand_prefix(self._segment, prefix), postings.starts, postings.docs, postings.fields,
            mask, np.float32(PREFIX_SCORE), self._scratch.accumulator,
        )  # fmt: skip
        return self._collect(n, ascending=ascending)

    def _match_phrase(self, terms: tuple[str, ...], mask: int, postings: Postings, text: bool) -> Matches:
        spans = [(*postings.span(self._segment.find_term(term)), at) for at, term in enumerate(terms)]
        spans.sort(key=lambda span: (span[1] - span[0], span[0]))
        room = spans[0][1] - spans[0][0]
        if not room:
            return nothing()
        term_spans = np.array(spans)
        idf = self._statistics.phrase_idf(terms, text)

        def count(out: _Frequencies) -> int:
            return int(count_phrase(term_spans, postings.arrays, mask, out))

        return self._score_counts(room, mask, (idf, TITLE_SHARE * idf), count)

    def _score_counts(
        self, room: int, mask: int, idfs: tuple[float, float], count: Callable[[_Frequencies], int]
    ) -> Matches:
        """The formula from how often a leaf stands in the fields of ``mask``: where no stored weight answers."""
        frequencies = tuple(np.empty((3, room), np.int32))
        n = count(frequencies)
        segment, scores = self._segment, np.empty(n, np.float32)
        formula = segment.average_length(mask), segment.average_length(1), *idfs, K1, B
        scoring.score_counts(frequencies, n, segment.lengths, mask, formula, scores)
        return frequencies[0][:n], scores


def _intersect(one: Matches, other: Matches) -> Matches:
    short, long = (one, other) if len(one[0]) <= len(other[0]) else (other, one)
    docs, scores = np.empty_like(short[0]), np.empty_like(short[1])
    n = set_operations.intersect(*short, *long, docs, scores)
    return docs[:n], scores[:n]


def _to_mask(numbers: Sequence[int]) -> int:
    return sum(1 << number for number in numbers)
