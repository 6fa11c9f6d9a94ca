"""Makes hits of documents: reads the stored hits, and highlights them with the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index.analysis import schema
from index.deadline import Deadline
from index.engines.columns.kernels.highlight import highlight_documents
from index.engines.columns.search.collection import ScoredDoc
from index.engines.columns.segment.segment import Segment
from index.engines.columns.segment.stored_hits import StoredHits
from index.query.highlight import HIGHLIGHTED_FIELDS, query_terms, snippet_weight
from index.query.requests import HighlightOptions, SearchQuery
from index.query.results import Hit
from index.query.tree import Phrase, Prefix, Term, iter_positive

_FIELD_BITS = {name: 1 << number for number, name in enumerate(HIGHLIGHTED_FIELDS)}


class _SegmentQuery:
    """The terms, prefixes and phrases of a query as arrays for one segment: the fields of HighlightQuery."""

    def __init__(self, segment: Segment, stored_hits: StoredHits, query: SearchQuery, idfs: dict[str, float]) -> None:
        masks: dict[str, int] = dict.fromkeys(idfs, 0)
        # Dicts as ordered sets: each prefix or phrase once, however often the query contains it.
        prefixes: dict[tuple[int, ...], None] = {}
        phrases: dict[tuple[int, ...], None] = {}
        default_mask = _to_mask(query.search_in)
        for leaf in iter_positive(query.tree):
            mask = _FIELD_BITS.get(leaf.field, 0) if leaf.field else default_mask
            match leaf:
                case Term(_, term):
                    masks[term] |= mask
                case Prefix(text):
                    prefixes[(*stored_hits.find_words(text), mask)] = None
                case Phrase(_, phrase_terms):
                    numbers = [number for term in phrase_terms if (number := segment.find_term(term)) is not None]
                    if len(numbers) == len(phrase_terms):
                        phrases[(mask, len(numbers), *numbers)] = None
        terms = [(segment.find_term(term), mask, snippet_weight(idfs[term])) for term, mask in masks.items()]
        known = sorted([row for row in terms if row[0] is not None])
        self.terms = np.array(known, np.int64).reshape(-1, 3)
        self.prefixes = np.array([*prefixes], np.int64).reshape(-1, 3)
        self.phrases = np.array([number for phrase in phrases for number in phrase], np.int64)


def make_hits(
    docs: Sequence[ScoredDoc],
    query: SearchQuery,
    find_idfs: Callable[[Sequence[str]], dict[str, float]],
    deadline: Deadline,
) -> tuple[Hit, ...]:
    """The stored hits of ``docs``, with highlights if the query asks for them. Raises QueryTimeout."""
    segments = list(dict.fromkeys(doc.segment for doc in docs))
    if len(segments) == 1:
        return tuple(_make_segment_hits(segments[0], docs, query, find_idfs, deadline))
    hits: dict[ScoredDoc, Hit] = {}
    for segment in segments:
        segment_docs = [doc for doc in docs if doc.segment is segment]
        segment_hits = _make_segment_hits(segment, segment_docs, query, find_idfs, deadline)
        hits.update(zip(segment_docs, segment_hits, strict=True))
    return tuple(hits[doc] for doc in docs)


def _make_segment_hits(
    segment: Segment,
    docs: Sequence[ScoredDoc],
    query: SearchQuery,
    find_idfs: Callable[[Sequence[str]], dict[str, float]],
    deadline: Deadline,
) -> list[Hit]:
    stored_hits = segment.stored_hits
    assert stored_hits is not None, "only stories have stored hits"
    numbers = np.array([doc.number for doc in docs], np.int64)
    scores = [doc.score for doc in docs]
    encoded_hits = stored_hits.read_hits(numbers, deadline)
    if query.highlighting is None:
        return list(map(Hit, scores, encoded_hits))
    idfs = find_idfs(query_terms(query.tree)) if query.highlighting.matches else {}
    highlight_query = _SegmentQuery(segment, stored_hits, query if query.highlighting.matches else SearchQuery(), idfs)
    highlights = _highlight(stored_hits, numbers, highlight_query, query.highlighting, deadline)
    return list(map(Hit, scores, encoded_hits, highlights))


def _highlight(
    stored_hits: StoredHits,
    numbers: NDArray[np.int64],
    highlight_query: _SegmentQuery,
    highlighting: HighlightOptions,
    deadline: Deadline,
) -> list[bytes]:
    """The highlights of each document as JSON. Raises QueryTimeout."""
    # Plain tuples of the fields of HighlightQuery and HighlightFormat.
    query = highlight_query.terms, highlight_query.prefixes, highlight_query.phrases
    style = *_make_tags(highlighting.tag), highlighting.words, schema.MAX_TEXT
    highlights: list[bytes] = []
    # One call of the kernel covers as many documents as fit into its buffer.
    while len(highlights) < len(numbers):
        buffer, ends = highlight_documents(numbers[len(highlights) :], stored_hits.arrays, query, style)
        json: bytes = buffer[: ends[-1]].tobytes()
        deadline.spend(len(json))
        highlights += [json[start:end] for start, end in pairwise([0, *ends.tolist()])]
    return highlights


def _to_mask(names: Sequence[str]) -> int:
    """The bits of the highlighted fields among ``names``."""
    return sum(_FIELD_BITS.get(name, 0) for name in set(names))


@lru_cache(maxsize=16)
def _make_tags(tag: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The opening and the closing tag, UTF-8 bytes as uint8."""
    return np.frombuffer(f"<{tag}>".encode(), np.uint8), np.frombuffer(f"</{tag}>".encode(), np.uint8)
