"""Tokens of documents turned into postings are what dicts make of them, on mapped files too and within every array."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from index.engines.columns.kernels import inversion
from index.engines.columns.kernels.postings import FIELD_SHIFT
from tests.engines.columns.documents import FIELDS, TERMS, Document, FlatPostings, corpora, invert, starts_of
from tests.engines.columns.running import CHECKED, Array, find_kernels, given_array, room, run


@dataclass
class Tokens:
    """Documents as they come in: ``order[n]`` is the one that gets number n, ``renumbered`` leads from the numbers that
    terms have in ``incoming`` to those of the dictionary, ``group_of`` from a field to its group."""

    incoming: list[Document]
    order: list[int]
    renumbered: list[int]
    group_of: list[int]

    @property
    def numbered(self) -> list[Document]:
        """The documents by number, with the terms of the dictionary."""
        return [[[self.renumbered[term] for term in field] for field in self.incoming[came]] for came in self.order]

    def fields(self, group: int) -> list[int]:
        return [field for field in range(FIELDS) if self.group_of[field] == group]

    def arrays(self) -> tuple[Array, Array, Array, Array]:
        """The tokens, ``renumbered``, ``group_of`` and the lengths."""
        tokens = [term for document in self.incoming for field in document for term in field]
        lengths = np.array([[len(field) for field in document] for document in self.incoming], np.int32)
        groups = given_array(self.group_of, np.int32)
        shaped = given_array(lengths.reshape(len(self.incoming), FIELDS), np.int32)
        return given_array(tokens, np.int32), given_array(self.renumbered, np.int32), groups, shaped


@st.composite
def made_tokens(draw: st.DrawFn) -> Tokens:
    incoming = draw(corpora)
    order = draw(st.permutations(range(len(incoming))))
    groups = draw(st.lists(st.integers(0, 1), min_size=FIELDS, max_size=FIELDS))
    return Tokens(incoming, order, draw(st.permutations(range(TERMS))), groups)


# Nothing at all; nothing but empty fields; one word in the last field of the last document.
_EMPTY = Tokens([], [], [0, 1, 2, 3], [0, 0, 0, 0, 1])
_BLANK = Tokens([[[], [], [], [], []]], [0], [3, 2, 1, 0], [0, 0, 0, 0, 1])
_LAST = Tokens([[[], [], [], [], []], [[], [], [], [], [3]]], [1, 0], [3, 2, 1, 0], [0, 0, 0, 0, 1])


def _count_positions(flat: FlatPostings) -> list[int]:
    """How many positions each term has."""
    starts = [flat.position_offsets[at] for at in flat.term_starts]
    return [end - begin for begin, end in pairwise(starts)]


def _docs_of_positions(flat: FlatPostings) -> list[int]:
    sizes = pairwise(flat.position_offsets)
    return [doc for doc, (begin, end) in zip(flat.docs, sizes, strict=True) for _ in range(begin, end)]


@CHECKED
@given(made_tokens())
@example(_EMPTY)
@example(_BLANK)
@example(_LAST)
def test_count_positions_counts_the_positions_of_each_term_in_each_group(tokens: Tokens) -> None:
    counts = np.zeros((2, TERMS), np.int64)
    run(inversion.count_positions, *tokens.arrays(), counts)
    for group in (0, 1):
        twin = FlatPostings(invert(tokens.numbered, tokens.fields(group)))
        assert counts[group].tolist() == _count_positions(twin)


@CHECKED
@given(made_tokens(), st.integers(0, 1))
@example(_EMPTY, 0)
@example(_BLANK, 1)
@example(_LAST, 1)
def test_scatter_positions_sorts_places_by_term_then_document_then_position(tokens: Tokens, group: int) -> None:
    twin = FlatPostings(invert(tokens.numbered, tokens.fields(group)))
    words, renumbered, group_of, lengths = tokens.arrays()
    sizes = [sum(map(len, document)) for document in tokens.incoming]
    starts, order = given_array(starts_of(sizes)[:-1], np.int64), given_array(tokens.order, np.int64)
    term_offsets = starts_of(_count_positions(twin))
    next_offset = np.array(term_offsets[:-1], np.int64)
    docs, positions = room(len(twin.positions), np.int32), room(len(twin.positions), np.uint32)
    run(
        inversion.scatter_positions,
        words,
        renumbered,
        group_of,
        group,
        lengths,
        starts,
        order,
        next_offset,
        docs,
        positions,
    )
    assert docs.tolist() == _docs_of_positions(twin)
    assert positions.tolist() == twin.positions
    assert next_offset.tolist() == term_offsets[1:]


@CHECKED
@given(corpora)
@example([])
@example(_BLANK.incoming)
def test_count_postings_counts_the_documents_of_each_term(docs: list[Document]) -> None:
    inverted = invert(docs)
    twin = FlatPostings(inverted)
    counts = room(TERMS, np.int64)
    term_offsets = given_array(starts_of(_count_positions(twin)), np.int64)
    run(inversion.count_postings, term_offsets, given_array(_docs_of_positions(twin), np.int32), counts)
    assert counts.tolist() == [len(inverted[term]) for term in range(TERMS)]


@CHECKED
@given(corpora)
@example([])
@example(_BLANK.incoming)
# The last document of one term is the first of the next.
@example([[[0, 1, 2, 3], [], [], [], [3]]])
def test_fill_postings_makes_a_posting_of_the_positions_of_each_document(docs: list[Document]) -> None:
    inverted = invert(docs)
    twin = FlatPostings(inverted)
    size = len(twin.docs)
    out_docs, fields, position_offsets = room(size, np.int32), room(size, np.uint8), room(size + 1, np.uint32)
    whole, title = room(size, np.int32), room(size, np.int32)
    inputs = [
        given_array(starts_of(_count_positions(twin)), np.int64),
        given_array(_docs_of_positions(twin), np.int32),
        given_array(twin.positions, np.uint32),
    ]
    run(inversion.fill_postings, *inputs, out_docs, fields, position_offsets, whole, title)
    every = [posting for term in range(TERMS) for posting in inverted[term]]
    assert out_docs.tolist() == twin.docs
    assert fields.tolist() == twin.fields
    assert position_offsets.tolist() == twin.position_offsets
    assert whole.tolist() == [len(posting.positions) for posting in every]
    assert title.tolist() == [posting.titles for posting in every]


@CHECKED
@given(made_tokens(), st.integers(0, 1))
@example(_EMPTY, 0)
def test_sum_lengths_adds_up_the_fields_of_a_group(tokens: Tokens, group: int) -> None:
    _, _, group_of, lengths = tokens.arrays()
    out = room(len(tokens.incoming), np.int32)
    run(inversion.sum_lengths, lengths, given_array(tokens.order, np.int64), group_of, group, out)
    assert out.tolist() == [sum(len(document[field]) for field in tokens.fields(group)) for document in tokens.numbered]


def test_a_position_holds_the_last_field_that_bits_of_a_posting_have_room_for() -> None:
    positions = given_array([7 << FIELD_SHIFT | (1 << FIELD_SHIFT) - 1], np.uint32)
    docs, fields, position_offsets = room(1, np.int32), room(1, np.uint8), room(2, np.uint32)
    whole, title = room(1, np.int32), room(1, np.int32)
    inputs = [given_array([0, 1], np.int64), given_array([0], np.int32), positions]
    run(inversion.fill_postings, *inputs, docs, fields, position_offsets, whole, title)
    assert (fields.tolist(), whole.tolist(), title.tolist()) == ([128], [1], [0])


def test_every_kernel_has_a_test_of_its_name() -> None:
    assert [name for name in find_kernels(inversion) if not any(t.startswith(f"test_{name}_") for t in globals())] == []
