"""Hits as the bytes of an answer: the stored briefs, marked by the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index.analysis import schema
from index.deadline import Deadline
from index.engines.columns.kernels.highlight import highlight_documents
from index.engines.columns.search.collection import Found
from index.engines.columns.segment.segment import Segment
from index.engines.columns.segment.stored_hits import StoredHits
from index.query.highlight import MARKED, query_terms, worth_of
from index.query.requests import HighlightOptions, SearchQuery
from index.query.results import Hit
from index.query.tree import Phrase, Prefix, Term, iter_positive

_FIELD_BITS = {name: 1 << number for number, name in enumerate(MARKED)}


class _Wanted:
    """What the kernels look for in one segment: see HighlightQuery."""

    def __init__(self, segment: Segment, stored_hits: StoredHits, query: SearchQuery, idfs: dict[str, float]) -> None:
        masks: dict[str, int] = dict.fromkeys(idfs, 0)
        # Each once, however often it stands in the query.
        prefixes: dict[tuple[int, ...], None] = {}
        phrases: dict[tuple[int, ...], None] = {}
        shared = _to_mask(query.search_in)
        for leaf in iter_positive(query.tree):
            mask = _FIELD_BITS.get(leaf.field, 0) if leaf.field else shared
            match leaf:
                case Term(_, term):
                    masks[term] |= mask
                case Prefix(text):
                    prefixes[(*stored_hits.find_words(text), mask)] = None
                case Phrase(_, own):
                    numbers = [number for term in own if (number := segment.find_term(term)) is not None]
                    if len(numbers) == len(own):
                        phrases[(mask, len(numbers), *numbers)] = None
        terms = [(segment.find_term(term), mask, worth_of(idfs[term])) for term, mask in masks.items()]
        known = sorted([row for row in terms if row[0] is not None])
        self.terms = np.array(known, np.int64).reshape(-1, 3)
        self.prefixes = np.array([*prefixes], np.int64).reshape(-1, 3)
        self.phrases = np.array([number for phrase in phrases for number in phrase], np.int64)


def make_hits(
    found: Sequence[Found],
    query: SearchQuery,
    find_idfs: Callable[[Sequence[str]], dict[str, float]],
    deadline: Deadline,
) -> tuple[Hit, ...]:
    """The documents found as hits, marked where the query asks for it. Raises QueryTimeout."""
    segments = list(dict.fromkeys(one.segment for one in found))
    if len(segments) == 1:
        return tuple(_make_hits(segments[0], found, query, find_idfs, deadline))
    hits = {
        one: hit
        for segment in segments
        for own in ([one for one in found if one.segment is segment],)
        for one, hit in zip(own, _make_hits(segment, own, query, find_idfs, deadline), strict=True)
    }
    return tuple(hits[one] for one in found)


def _make_hits(
    segment: Segment,
    found: Sequence[Found],
    query: SearchQuery,
    find_idfs: Callable[[Sequence[str]], dict[str, float]],
    deadline: Deadline,
) -> list[Hit]:
    stored_hits = segment.stored_hits
    assert stored_hits is not None, "only stories are searched for hits"
    numbers = np.array([one.number for one in found], np.int64)
    scores = [one.score for one in found]
    encoded_hits = stored_hits.read_hits(numbers, deadline)
    if query.highlighting is None:
        return list(map(Hit, scores, encoded_hits))
    idfs = find_idfs(query_terms(query.tree)) if query.highlighting.matches else {}
    wanted = _Wanted(segment, stored_hits, query if query.highlighting.matches else SearchQuery(), idfs)
    return list(map(Hit, scores, encoded_hits, _mark(stored_hits, numbers, wanted, query.highlighting, deadline)))


def _mark(
    stored_hits: StoredHits,
    numbers: NDArray[np.int64],
    wanted: _Wanted,
    highlighting: HighlightOptions,
    deadline: Deadline,
) -> list[bytes]:
    # As HighlightQuery and HighlightFormat name them.
    query = wanted.terms, wanted.prefixes, wanted.phrases
    style = *_make_tags(highlighting.tag), highlighting.words, schema.MAX_TEXT
    marks: list[bytes] = []
    while len(marks) < len(numbers):
        written, ends = highlight_documents(numbers[len(marks) :], stored_hits.arrays, query, style)
        whole: bytes = written[: ends[-1]].tobytes()
        deadline.spend(len(whole))
        marks += [whole[start:end] for start, end in pairwise([0, *ends.tolist()])]
    return marks


def _to_mask(names: Sequence[str]) -> int:
    return sum(_FIELD_BITS.get(name, 0) for name in set(names))


@lru_cache(maxsize=16)
def _make_tags(tag: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return np.frombuffer(f"<{tag}>".encode(), np.uint8), np.frombuffer(f"</{tag}>".encode(), np.uint8)
