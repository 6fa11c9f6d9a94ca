"""The query tree over one segment: matches and scores, worked out by the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from index.engines.columns import kernels
from index.engines.columns.scoring import K1, PREFIX_SCORE, TITLE_SHARE, B
from index.engines.columns.segment import Postings, Segment
from index.engines.columns.statistics import Statistics
from index.query import And, Node, Not, Or, Phrase, Prefix, Term

Matches = tuple[NDArray[np.int32], NDArray[np.float32]]  # document numbers, ascending, and their scores


def nothing() -> Matches:
    return np.empty(0, np.int32), np.empty(0, np.float32)


def everything(size: int) -> Matches:
    return np.arange(size, dtype=np.int32), np.zeros(size, np.float32)


class Scratch:
    """Arrays of a thread's own, as long as a segment: sums of scores, marks (all 0 between uses), numbers met."""

    def __init__(self, size: int) -> None:
        self.sums = np.zeros(size, np.float32)
        self.seen = np.zeros(size, np.uint8)
        self.touched = np.empty(size, np.int32)


class Executor:
    """Answers trees over one segment with scratch arrays of its own; ``search_in`` are the fields of leaves that name
    none."""

    def __init__(self, segment: Segment, statistics: Statistics, scratch: Scratch, search_in: Sequence[str]) -> None:
        self._segment, self._statistics, self._scratch = segment, statistics, scratch
        numbers = [segment.field_numbers[name] for name in search_in]
        text = [number for number in numbers if segment.fields[number].default]
        self._text_mask = _to_mask(text)
        self._label_masks = [1 << number for number in numbers if not segment.fields[number].default]
        # The stored weights are those of the whole text: of all default fields and no other.
        self._stored = len(text) == sum(field.default for field in segment.fields) and not self._label_masks
        self._known: dict[Node, Matches] = {}

    def match(self, node: Node) -> Matches:
        """Every match of ``node`` and its score: the sum of what its leaves score; exclusions score nothing."""
        match node:
            case And(children):
                return self._match_all(children)
            case Or(children):
                return self._match_any(children)
            case Not(child):
                return self._subtract(everything(self._segment.size), child)
            case _ if self._is_plain(node):
                return self._match_and([node.term])
            case _:
                # "a* a* a*" is read once.
                if node not in self._known:
                    self._known[node] = self._match_leaf(node)
                return self._known[node]

    def match_weighted(self, weights: Mapping[str, float], fields: Sequence[str]) -> Matches:
        """Documents with some of the terms in one of ``fields``; what a term scores is multiplied by its weight."""
        mask = _to_mask([self._segment.field_numbers[name] for name in fields])
        n = 0
        for term, weight in weights.items():
            n = self._add_term(term, weight, mask, n)
        return self._collect(n)

    # --- and, or, not --------------------------------------------------------------------------------------------

    def _is_plain(self, node: Node) -> TypeGuard[Term]:
        """Whether the stored weights answer it."""
        return self._stored and isinstance(node, Term) and node.field is None

    def _match_all(self, children: Sequence[Node]) -> Matches:
        plain = [child.term for child in children if self._is_plain(child)]
        found = self._match_and(plain) if plain else None
        for child in children:
            if not self._is_plain(child) and not isinstance(child, Not):
                matches = self.match(child)
                found = matches if found is None else _intersect(found, matches)
        found = found or everything(self._segment.size)
        for child in children:
            if isinstance(child, Not):
                found = self._subtract(found, child.child)
        return found

    def _match_and(self, terms: Sequence[str]) -> Matches:
        own, spans = self._segment, []
        for term in terms:
            begin, end = own.text.span(own.find_term(term))
            if begin == end:
                return nothing()
            spans.append((end - begin, begin, end, *self._statistics.rarities(term)))
        spans.sort()
        _, begins, ends, idf, title_idf = zip(*spans, strict=True)
        docs, scores = np.empty(spans[0][0], np.int32), np.empty(spans[0][0], np.float32)
        n = kernels.and_terms(
            np.array(begins, np.int64), np.array(ends, np.int64), own.text.docs, own.whole, own.title,
            np.array(idf, np.float32), np.array(title_idf, np.float32), docs, scores,
        )  # fmt: skip
        return docs[:n], scores[:n]

    def _match_any(self, children: Sequence[Node]) -> Matches:
        # Whatever is no plain word comes first: working it out needs the scratch arrays too.
        others = [self.match(child) for child in children if not self._is_plain(child)]
        n = self._add_all(others)
        for child in children:
            if self._is_plain(child):
                n = self._add_term(child.term, 1.0, self._text_mask, n)
        return self._collect(n)

    def _add_all(self, parts: Sequence[Matches]) -> int:
        n = 0
        for docs, scores in parts:
            n = kernels.add_scores(docs, scores, self._scratch.sums, self._scratch.seen, self._scratch.touched, n)
        return n

    def _add_term(self, term: str, weight: float, mask: int, n: int) -> int:
        own, scratch = self._segment, self._scratch
        begin, end = own.text.span(own.find_term(term))
        idf, title_idf = self._statistics.rarities(term)
        added: int = kernels.add_term(
            begin, end, own.text.docs, own.whole, own.title, np.float32(weight * idf), np.float32(weight * title_idf),
            own.text.fields, mask, scratch.sums, scratch.seen, scratch.touched, n,
        )  # fmt: skip
        return added

    def _collect(self, n: int) -> Matches:
        docs, scores = np.empty(n, np.int32), np.empty(n, np.float32)
        kernels.collect(self._scratch.sums, self._scratch.seen, self._scratch.touched, n, docs, scores)
        return docs, scores

    def _subtract(self, found: Matches, unwanted: Node) -> Matches:
        docs, scores = np.empty_like(found[0]), np.empty_like(found[1])
        n = kernels.subtract(*found, self.match(unwanted)[0], docs, scores)
        return docs[:n], scores[:n]

    # --- leaves --------------------------------------------------------------------------------------------------

    def _match_leaf(self, leaf: Term | Phrase | Prefix) -> Matches:
        if leaf.field is not None:
            number = self._segment.field_numbers.get(leaf.field)
            return nothing() if number is None else self._match_in(leaf, 1 << number)
        parts = [self._match_in(leaf, mask) for mask in (self._text_mask, *self._label_masks) if mask]
        return parts[0] if len(parts) == 1 else self._collect(self._add_all(parts))

    def _match_in(self, leaf: Term | Phrase | Prefix, mask: int) -> Matches:
        """A leaf in the fields of ``mask``, which are all of one group."""
        text = self._segment.fields[mask.bit_length() - 1].default
        postings = self._segment.text if text else self._segment.labels
        match leaf:
            case Prefix(prefix):
                return self._match_prefix(prefix, mask, postings)
            case Term(_, term) | Phrase(_, (term,)):
                begin, end = postings.span(self._segment.find_term(term))

                def count(*out: Any) -> int:
                    return int(kernels.count_in_fields(
                        begin, end, postings.docs, postings.fields, postings.place_starts, postings.places, mask, *out
                    ))  # fmt: skip

                return self._score_counts(end - begin, mask, self._statistics.rarities_in(term, mask, text), count)
            case Phrase(_, terms):
                return self._match_phrase(terms, mask, postings, text)

    def _match_prefix(self, prefix: str, mask: int, postings: Postings) -> Matches:
        terms = self._statistics.expand_prefix(self._segment, prefix)
        begins, ends = postings.starts[terms], postings.starts[terms + 1]
        scratch = self._scratch
        n = kernels.add_constant(begins, ends, postings.docs, postings.fields, mask, scratch.seen, scratch.touched)
        docs, scores = self._collect(n)
        scores[:] = PREFIX_SCORE
        return docs, scores

    def _match_phrase(self, terms: Sequence[str], mask: int, postings: Postings, text: bool) -> Matches:
        spans = [(*postings.span(self._segment.find_term(term)), at) for at, term in enumerate(terms)]
        spans.sort(key=lambda span: span[1] - span[0])
        begins, ends, offsets = (np.array(column, np.int64) for column in zip(*spans, strict=True))
        idf = self._statistics.phrase_rarity(terms, text=text)

        def count(*out: Any) -> int:
            return int(kernels.count_phrase(
                begins, ends, offsets, postings.docs, postings.place_starts, postings.places, mask, *out
            ))  # fmt: skip

        return self._score_counts(int(ends[0] - begins[0]), mask, (idf, TITLE_SHARE * idf), count)

    def _score_counts(self, room: int, mask: int, rarities: tuple[float, float], count: Callable[..., int]) -> Matches:
        """The formula from how often a leaf stands in the fields of ``mask``: where no stored weight answers."""
        docs, counts, titles = (np.empty(room, np.int32) for _ in range(3))
        n = count(docs, counts, titles)
        docs, counts, titles = docs[:n], counts[:n], titles[:n]
        scores = self._saturate(docs, counts, mask) * np.float32(rarities[0])
        # A title searched alone is the whole text, and not a title besides.
        if mask & 1 and mask != 1:
            scores += self._saturate(docs, titles, 1) * np.float32(rarities[1])
        return docs, scores

    def _saturate(self, docs: NDArray[np.int32], counts: NDArray[np.int32], mask: int) -> NDArray[np.float32]:
        own = self._segment
        numbers = [number for number in range(len(own.fields)) if mask >> number & 1]
        lengths = np.zeros(own.size, np.int32) if len(numbers) > 1 else own.lengths[numbers[0]]
        if len(numbers) > 1:
            for number in numbers:
                lengths += own.lengths[number]
        average = max(1.0, sum(own.info.averages[own.fields[number].name] for number in numbers))
        out = np.empty(len(docs), np.float32)
        kernels.saturate(docs, counts, lengths, average, K1, B, out)
        return out


def _intersect(one: Matches, other: Matches) -> Matches:
    short, long = sorted((one, other), key=lambda matches: len(matches[0]))
    docs, scores = np.empty_like(short[0]), np.empty_like(short[1])
    n = kernels.intersect(*short, *long, docs, scores)
    return docs[:n], scores[:n]


def _to_mask(numbers: Sequence[int]) -> int:
    return sum(1 << number for number in numbers)
