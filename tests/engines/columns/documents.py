"""Small random documents of numbered terms, and their postings built with dicts: the plain twin of inversion.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

from index.engines.columns.kernels.postings import FIELD_SHIFT

TERMS, FIELDS = 4, 5
# One document: the terms of each field, one after the other.
Document = list[list[int]]

_fields = st.lists(st.integers(0, TERMS - 1), max_size=6)
_documents = st.lists(_fields, min_size=FIELDS, max_size=FIELDS)


def _make_many(seed: int, size: int) -> list[Document]:
    random = Random(seed)
    return [
        [
            [min(random.randrange(TERMS), random.randrange(TERMS)) for _ in range(random.randrange(5))]
            for _ in range(FIELDS)
        ]
        for _ in range(size)
    ]


corpora = st.one_of(st.lists(_documents, max_size=6), st.builds(_make_many, st.integers(0, 2**32), st.integers(1, 60)))


@dataclass
class Posting:
    """A term in a document; ``positions`` are (field, position)."""

    doc: int
    positions: list[tuple[int, int]]

    @property
    def field_bits(self) -> int:
        return sum(1 << field for field in {field for field, _ in self.positions})

    @property
    def titles(self) -> int:
        return sum(field == 0 for field, _ in self.positions)


def invert(documents: Sequence[Document], fields: Sequence[int] = range(FIELDS)) -> dict[int, list[Posting]]:
    """The postings of each term over ``fields``, documents and positions ascending."""
    inverted: dict[int, dict[int, list[tuple[int, int]]]] = {term: {} for term in range(TERMS)}
    for doc, document in enumerate(documents):
        for field in fields:
            for position, term in enumerate(document[field]):
                inverted[term].setdefault(doc, []).append((field, position))
    return {term: [Posting(doc, positions) for doc, positions in docs.items()] for term, docs in inverted.items()}


class FlatPostings:
    """The postings of all terms in flat lists, in the layout of the kernels."""

    def __init__(self, postings: dict[int, list[Posting]]) -> None:
        every = [posting for term in range(TERMS) for posting in postings[term]]
        self.term_starts = starts_of([len(postings[term]) for term in range(TERMS)])
        self.docs = [posting.doc for posting in every]
        self.fields = [posting.field_bits for posting in every]
        self.position_offsets = starts_of([len(posting.positions) for posting in every])
        self.positions = [
            (field << FIELD_SHIFT) + position for posting in every for field, position in posting.positions
        ]


def starts_of(sizes: Sequence[int]) -> list[int]:
    """Where each of ``sizes`` starts when laid out one after the other, and where the last one ends."""
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + size)
    return starts
