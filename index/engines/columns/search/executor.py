"""Runs a query tree over one segment: computes matches and scores with the kernels."""

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

# Documents, the frequency of a leaf in each, and in its title: kernels.scoring.Frequencies as a plain tuple.
_Frequencies = tuple[NDArray[np.int32], ...]


class SearchFields:
    """The fields that terms without a field prefix are searched in.

    ``text_mask``: a bit for each text field; ``label_masks``: one mask for each other field. ``have_impacts``: True if
    these are exactly the default fields, whose impacts are stored in the index.
    """

    def __init__(self, segment: Segment, search_in: Sequence[str]) -> None:
        numbers = [segment.field_numbers[name] for name in search_in]
        text = [number for number in numbers if segment.fields[number].default]
        self.text_mask = _to_mask(text)
        self.label_masks = [1 << number for number in numbers if not segment.fields[number].default]
        self.have_impacts = len(text) == sum(field.default for field in segment.fields) and not self.label_masks


class Executor:
    """Runs one query over one segment. Its scratch arrays must not be in use elsewhere.

    Methods raise QueryTimeout if the deadline passes; after that the scratch arrays must be thrown away.
    """

    __slots__ = ("_cache", "_deadline", "_scratch", "_search_fields", "_segment", "_statistics")

    def __init__(
        self,
        segment: Segment,
        statistics: Statistics,
        scratch: Scratch,
        search_fields: SearchFields,
        deadline: Deadline,
    ) -> None:
        self._segment, self._statistics, self._scratch = segment, statistics, scratch
        self._search_fields = search_fields
        self._deadline = deadline
        self._cache: dict[Node, Matches] = {}

    @property
    def everything(self) -> Matches:
        """All documents, scored 0."""
        return self._segment.everything

    def match(self, node: Node, *, ascending: bool = True) -> Matches:
        """All matches of ``node``. A score is the sum of the scores of the matching leaves; exclusions score 0.

        Documents come in ascending order if ``ascending``, else in any order, which saves sorting them.
        """
        self._deadline.check()
        match node:
            case And(children):
                return self._match_and(children)
            case Or(children):
                return self._match_or(children, ascending)
            case Not(child):
                return self._subtract(self._segment.everything, child)
            case _ if self._is_simple_term(node):
                return self._match_term(node.term)
            case _:
                # A repeated leaf, as in "a* a* a*", is matched once.
                matches = self._cache.get(node)
                if matches is None:
                    matches = self._cache[node] = self._match_leaf(node, ascending)
                return matches

    def match_candidates(self, tree: Node | None, candidates: Docs) -> Matches:
        """The matches of ``tree`` among ``candidates``, ascending; faster than ``match`` if candidates are few."""
        children = tree.children if isinstance(tree, And) else (tree,)
        terms = [child.term for child in children if child is not None and self._is_simple_term(child)]
        if terms and len(terms) == len(children):
            return self._match_conjunction(terms, candidates)
        scored = candidates, np.zeros(len(candidates), np.float32)
        return scored if tree is None else _intersect(self.match(tree), scored)

    def match_more_like_this(self, more_like_this: MoreLikeThis, *, ascending: bool) -> Matches:
        """The documents that share terms with a story, scored 0 to 1 by similarity."""
        segment, published = self._segment, more_like_this.published
        spans = [
            (self._statistics.find_row(segment, term)[:3], weights) for term, weights in more_like_this.weights.items()
        ]
        n = similar_kernels.add_likeness(
            np.array([(*span, *weights) for span, weights in spans]),
            segment.text.arrays,
            segment.norms,
            self._scratch.accumulator,
        )
        docs, similarities = self._collect(n, ascending=ascending)
        scores = np.empty_like(similarities)
        similar_kernels.weigh_distance(
            docs, similarities, segment.columns["published"], published is not None, published or 0,
            more_like_this.scale, FLOOR, scores,
        )  # fmt: skip
        return docs, scores

    # --- and, or, not --------------------------------------------------------------------------------------------

    def _is_simple_term(self, node: Node) -> TypeGuard[Term]:
        """True for a term whose scores can be computed from the stored impacts."""
        return isinstance(node, Term) and node.field is None and self._search_fields.have_impacts

    def _match_and(self, children: Sequence[Node]) -> Matches:
        """The intersection: simple terms first, then other children, then the exclusions."""
        terms = [child.term for child in children if self._is_simple_term(child)]
        matches = self._match_conjunction(terms) if terms else None
        if len(terms) == len(children) and matches is not None:
            return matches
        for child in children:
            if not self._is_simple_term(child) and not isinstance(child, Not):
                child_matches = self.match(child)
                matches = child_matches if matches is None else _intersect(matches, child_matches)
        matches = matches or self._segment.everything
        for child in children:
            if isinstance(child, Not):
                matches = self._subtract(matches, child.child)
        return matches

    def _match_conjunction(self, terms: Sequence[str], candidates: Docs | None = None) -> Matches:
        """The documents with all ``terms``, scored from the stored impacts."""
        if len(terms) == 1 and candidates is None:
            return self._match_term(terms[0])
        segment = self._segment
        rows = sorted([self._statistics.find_row(segment, term) for term in terms])
        shortest = rows[0][0] if candidates is None else min(rows[0][0], len(candidates))
        if not shortest:
            return nothing()
        docs, scores = np.empty(shortest, np.int32), np.empty(shortest, np.float32)
        n = find_words(
            np.array(rows), segment.impacts, candidates is not None, ANYWHERE if candidates is None else candidates,
            False, docs, scores, NO_ROOM,
        )  # fmt: skip
        return docs[:n], scores[:n]

    def _match_term(self, term: str) -> Matches:
        segment = self._segment
        size, begin, end, idf, title_idf = self._statistics.find_row(segment, term)
        scores = np.empty(size, np.float32)
        scoring.score_list(begin, end, segment.text_impacts, segment.title_impacts, idf, title_idf, scores)
        return segment.text.docs[begin:end], scores

    def _match_or(self, children: Sequence[Node], ascending: bool) -> Matches:
        """The union: scores are summed up in the scratch arrays."""
        excluded = [child.child for child in children if isinstance(child, Not)]
        if len(excluded) > 1:
            # "-a OR -b" equals "-(a b)". This is faster: each exclusion alone matches nearly every document.
            children = [*(child for child in children if not isinstance(child, Not)), Not(And(tuple(excluded)))]
        # All other children come before the simple terms, because matching them uses the same scratch arrays.
        n = self._add_all([self.match(child) for child in children if not self._is_simple_term(child)])
        rows = [
            self._statistics.find_row(self._segment, child.term) for child in children if self._is_simple_term(child)
        ]
        return self._collect(self._add_terms(rows, self._search_fields.text_mask, n), ascending=ascending)

    def _add_all(self, parts: Sequence[Matches]) -> int:
        """Add the scores of all ``parts`` to the scratch sums; returns the number of documents touched."""
        n = 0
        for docs, scores in parts:
            n = disjunction.add_scores(docs, scores, self._scratch.accumulator, n)
        return n

    def _add_terms(self, rows: Sequence[Row], mask: int, n: int) -> int:
        """Add the scores of terms to the scratch sums. ``n``: documents touched before; returns those touched after."""
        if not rows:
            return n
        return int(disjunction.add_terms(np.array(rows), self._segment.impacts, mask, self._scratch.accumulator, n))

    def _collect(self, n: int, *, ascending: bool = True) -> Matches:
        """The ``n`` touched documents with their sums; resets the scratch arrays to 0."""
        docs, scores = np.empty(n, np.int32), np.empty(n, np.float32)
        disjunction.collect(self._scratch.accumulator, n, ascending, docs, scores)
        return docs, scores

    def _subtract(self, matches: Matches, excluded: Node) -> Matches:
        docs, scores = np.empty_like(matches[0]), np.empty_like(matches[1])
        n = set_operations.subtract(*matches, self._find_documents(excluded), self._scratch.seen, docs, scores)
        return docs[:n], scores[:n]

    def _find_documents(self, node: Node) -> Docs:
        """The documents that match a node, without scores."""
        if self._is_simple_term(node):
            _, begin, end, _, _ = self._statistics.find_row(self._segment, node.term)
            return self._segment.text.docs[begin:end]
        return self.match(node)[0]

    # --- leaves --------------------------------------------------------------------------------------------------

    def _match_leaf(self, leaf: Term | Phrase | Prefix, ascending: bool) -> Matches:
        """The matches of a leaf in its own field, or else in all search fields, with summed scores."""
        if leaf.field is not None:
            number = self._segment.field_numbers.get(leaf.field)
            return nothing() if number is None else self._match_in(leaf, 1 << number, ascending)
        masks = [mask for mask in (self._search_fields.text_mask, *self._search_fields.label_masks) if mask]
        parts = [self._match_in(leaf, mask, ascending) for mask in masks]
        return parts[0] if len(parts) == 1 else self._collect(self._add_all(parts), ascending=ascending)

    def _match_in(self, leaf: Term | Phrase | Prefix, mask: int, ascending: bool) -> Matches:
        """The matches of a leaf in the fields of ``mask``; all of them must belong to one group of postings."""
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
        spans = [(*postings.span(self._segment.find_term(term)), offset) for offset, term in enumerate(terms)]
        # The rarest term first: the kernel checks the others only in its documents.
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
        """BM25 computed at query time, for leaves that the stored impacts do not cover.

        ``count`` writes documents, their term frequencies in the fields of ``mask`` and those in the title into three
        int32 arrays of length ``room``, and returns how many documents it wrote. ``idfs``: of the text, of the title.
        """
        frequencies = tuple(np.empty((3, room), np.int32))
        n = count(frequencies)
        segment, scores = self._segment, np.empty(n, np.float32)
        formula = segment.average_length(mask), segment.average_length(1), *idfs, K1, B
        scoring.score_counts(frequencies, n, segment.lengths, mask, formula, scores)
        return frequencies[0][:n], scores


def _intersect(first: Matches, second: Matches) -> Matches:
    short, long = (first, second) if len(first[0]) <= len(second[0]) else (second, first)
    docs, scores = np.empty_like(short[0]), np.empty_like(short[1])
    n = set_operations.intersect(*short, *long, docs, scores)
    return docs[:n], scores[:n]


def _to_mask(numbers: Sequence[int]) -> int:
    return sum(1 << number for number in numbers)
