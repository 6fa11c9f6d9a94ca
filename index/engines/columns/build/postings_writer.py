"""Inverts the tokens of a segment: writes postings for each group of fields, and BM25 impacts for the text fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.analysis.schema import TextField
from index.engines import scoring
from index.engines.columns.format.layout import GROUPS
from index.engines.columns.kernels import inversion
from index.engines.columns.kernels import more_like_this as similar_kernels
from index.engines.columns.kernels.scoring import saturate

Save = Callable[[str, NDArray[Any]], None]
_TEXT_GROUP = GROUPS.index("text")


class AverageLengths(NamedTuple):
    """Mean lengths in terms over all documents of a segment: of all text fields together, and of each field by name."""

    text: float
    fields: dict[str, float]


class _GroupPostings(NamedTuple):
    """The postings of one group of fields.

    Term t has the postings ``starts[t]`` to ``starts[t + 1]``. Posting p is document ``docs[p]`` with the field bits
    ``fields[p]`` and the positions from ``position_offsets[p]`` to ``position_offsets[p + 1]``. ``frequencies`` and
    ``title_frequencies``: how often the term occurs in the group, and in the title.
    """

    starts: NDArray[np.int64]
    docs: NDArray[np.int32]
    fields: NDArray[np.uint8]
    position_offsets: NDArray[np.uint32]
    positions: NDArray[np.uint32]
    frequencies: NDArray[np.int32]
    title_frequencies: NDArray[np.int32]


class PostingsWriter:
    """Writes the postings of one segment.

    ``order[n]``: the document, by order of arrival, that gets the number n. ``tokens``: term numbers from 0 to
    ``len(term_numbers)``, document after document and field after field; ``lengths[d, f]``: the number of tokens in
    field f of document d. ``term_numbers``: the sorted number of each term.
    """

    def __init__(
        self,
        save: Save,
        fields: Sequence[TextField],
        order: NDArray[np.int64],
        tokens: NDArray[np.int32],
        lengths: NDArray[np.int32],
        term_numbers: NDArray[np.int32],
    ) -> None:
        self._save, self._fields, self._order = save, fields, order
        self._tokens, self._lengths, self._term_numbers = tokens, lengths, term_numbers
        self._group_of = np.array([0 if field.default else 1 for field in fields], np.int32)
        self.averages = _average_lengths(fields, lengths)

    def write(self, *, norms: bool) -> NDArray[np.int64]:
        """Write all postings; with ``norms`` also the vector lengths that "more like this" divides by.

        Returns the document frequency of each sorted term in the text fields.
        """
        position_counts = np.zeros((len(GROUPS), len(self._term_numbers)), np.int64)
        inversion.count_positions(self._tokens, self._term_numbers, self._group_of, self._lengths, position_counts)
        doc_freqs = np.empty(0, np.int64)
        for group, name in enumerate(GROUPS):
            postings = self._invert(group, position_counts[group])
            self._save_postings(name, postings)
            if group == _TEXT_GROUP:
                doc_freqs = np.diff(postings.starts)
                self._write_impacts(postings)
                if norms:
                    self._write_norms(postings)
                self._write_title_doc_freqs(postings)
        self._save("lengths", self._lengths[self._order].T.copy())
        return doc_freqs

    def _invert(self, group: int, position_counts: NDArray[np.int64]) -> _GroupPostings:
        """The postings of a group, whose terms have ``position_counts`` positions each."""
        term_offsets = _to_offsets(position_counts)
        position_docs = np.empty(term_offsets[-1], np.int32)
        positions = np.empty(term_offsets[-1], np.uint32)
        document_starts = _to_offsets(self._lengths.sum(axis=1, dtype=np.int64))[:-1]
        inversion.scatter_positions(
            self._tokens, self._term_numbers, self._group_of, group, self._lengths, document_starts, self._order,
            term_offsets[:-1].copy(), position_docs, positions,
        )  # fmt: skip
        doc_freqs = np.zeros(len(position_counts), np.int64)
        inversion.count_postings(term_offsets, position_docs, doc_freqs)
        starts = _to_offsets(doc_freqs)
        size = int(starts[-1])
        docs, fields = np.empty(size, np.int32), np.empty(size, np.uint8)
        position_offsets = np.empty(size + 1, np.uint32)
        frequencies, title_frequencies = np.empty(size, np.int32), np.empty(size, np.int32)
        inversion.fill_postings(
            term_offsets, position_docs, positions, docs, fields, position_offsets, frequencies, title_frequencies
        )
        return _GroupPostings(starts, docs, fields, position_offsets, positions, frequencies, title_frequencies)

    def _save_postings(self, name: str, postings: _GroupPostings) -> None:
        self._save(f"{name}_starts", postings.starts)
        self._save(f"{name}_docs", postings.docs)
        self._save(f"{name}_fields", postings.fields)
        self._save(f"{name}_place_starts", postings.position_offsets)
        self._save(f"{name}_places", postings.positions)

    def _write_impacts(self, postings: _GroupPostings) -> None:
        """Write the BM25 impact of each posting (its score without the idf), in the whole text and in the title."""
        text_lengths = np.empty(len(self._order), np.int32)
        inversion.sum_lengths(self._lengths, self._order, self._group_of, _TEXT_GROUP, text_lengths)
        title_lengths = np.ascontiguousarray(self._lengths[:, 0][self._order])
        title_average = self.averages.fields[self._fields[0].name]
        impacts = np.empty(len(postings.docs), np.float32)
        for name, frequencies, lengths, average in (
            ("text_whole", postings.frequencies, text_lengths, self.averages.text),
            ("text_title", postings.title_frequencies, title_lengths, title_average),
        ):
            saturate(postings.docs, frequencies, lengths, max(1.0, average), scoring.K1, scoring.B, impacts)
            self._save(name, impacts)

    def _write_norms(self, postings: _GroupPostings) -> None:
        """Write 1 / the vector length of the text and of the title of each document; 0 for an empty one."""
        squares = np.zeros(2 * len(self._order), np.float32)
        similar_kernels.add_squares(postings.docs, postings.frequencies, postings.title_frequencies, squares)
        vector_lengths = np.sqrt(squares).reshape(-1, 2)
        norms = np.divide(1, vector_lengths, out=np.zeros_like(vector_lengths), where=vector_lengths > 0)
        self._save("text_norms", norms)

    def _write_title_doc_freqs(self, postings: _GroupPostings) -> None:
        """Write the number of titles that contain each term."""
        in_title = np.concatenate([[0], np.cumsum(postings.title_frequencies > 0)])
        self._save("title_holding", np.diff(in_title[postings.starts]).astype(np.int32))


def _average_lengths(fields: Sequence[TextField], lengths: NDArray[np.int32]) -> AverageLengths:
    text = [number for number, field in enumerate(fields) if field.default]
    return AverageLengths(
        _mean(lengths[:, text].sum(axis=1, dtype=np.int32)),
        {field.name: _mean(lengths[:, number]) for number, field in enumerate(fields)},
    )


def _mean(lengths: NDArray[np.int32]) -> float:
    return float(lengths.mean()) if len(lengths) else 0.0


def _to_offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of ``sizes`` starts when laid out one after the other, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
