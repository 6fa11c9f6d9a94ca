"""Writes the stored hits of a segment: their JSON, the bodies for snippets, and where each word is in these bytes.

Highlighting needs the positions of words in bytes, so that a search never analyses a text again.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.analysis import schema
from index.analysis.schema import WORD, iter_words
from index.documents.stored_hit import encode_hit, find_text_offsets
from index.documents.story import Story
from index.engines.columns.build.vocabulary import SegmentVocabulary
from index.engines.columns.format.layout import STORED_HITS
from index.engines.columns.kernels.tokens import (
    DROPPED,
    END_OF_SOURCE,
    OVERFLOW,
    DocumentTokens,
    Spellings,
    Texts,
    TokenBuffers,
    locate_words,
)
from index.query.highlight import HIGHLIGHTED_FIELDS, count_searched_titles

_encode = msgspec.json.Encoder().encode
_OFFSETS = 6  # entries of HitRecord.offsets


class HitRecord(Struct, frozen=True, gc=False):
    """One stored hit.

    ``stored``: the hit as JSON, then the body as the inside of a JSON string. ``offsets`` in ``stored``: the start of
    the body, start and end of the title, start and end of the summary, the end of the body. ``highlighted``: how many
    tokens of title, summary, body and source titles are searched for matches; None if all are.
    """

    stored: bytes
    offsets: tuple[int, int, int, int, int, int]
    source_titles: tuple[str, ...]
    highlighted: tuple[int, int, int, int] | None


def make_hit_record(story: Story, body: str) -> HitRecord:
    """The stored hit of a story; ``body`` is the text of its field "body"."""
    hit = encode_hit(story)
    # Only snippets show the body, and they have no line breaks. [1:-1] cuts off the quotes.
    stored = hit + _encode(body.replace("\n", " "))[1:-1]
    titles = tuple([source.title for source in story.sources])
    offsets = (len(hit), *find_text_offsets(hit), len(stored))
    return HitRecord(stored, offsets, titles, _count_highlighted(story, body, titles))


def _count_highlighted(story: Story, body: str, titles: Sequence[str]) -> tuple[int, int, int, int] | None:
    """How many tokens of each text are within its first MAX_TEXT characters; None if all are."""
    if max(len(story.title), len(story.summary), len(body), sum(map(len, titles))) <= schema.MAX_TEXT:
        return None
    title, summary, body_count = (sum(1 for _ in iter_words(text)) for text in (story.title, story.summary, body))
    # Each title has one more token, which marks its end.
    sources = sum(len(WORD.findall(source_title)) + 1 for source_title in titles[: count_searched_titles(titles)])
    return title, summary, body_count, sources


class StoredHitWriter:
    """Writes the stored hits of a segment, in the order in which its documents are added."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / STORED_HITS
        self._file = open(self._path, "wb")  # noqa: SIM115 - until finish or abort
        self._offsets = array.array("i")
        self._highlighted: dict[int, tuple[int, int, int, int]] = {}

    def add(self, hit_record: HitRecord) -> None:
        if hit_record.highlighted is not None:
            self._highlighted[len(self._offsets) // _OFFSETS] = hit_record.highlighted
        self._file.write(hit_record.stored)
        self._offsets.extend(hit_record.offsets)

    def abort(self) -> None:
        self._file.close()

    def finish(
        self,
        save: Callable[[str, NDArray[np.generic]], None],
        order: NDArray[np.int64],
        tokens: NDArray[np.int32],
        counts: NDArray[np.int32],
        vocabulary: SegmentVocabulary,
        word_numbers: NDArray[np.int32],
    ) -> None:
        """Write all arrays.

        ``order[n]``: the document, by order of arrival, that gets the number n. ``tokens``: the words of all documents
        by their numbers in ``vocabulary``; ``counts[d, f]``: how many field f of document d has. ``word_numbers``: the
        number of each word of the vocabulary in the sorted dictionary.
        """
        self._file.close()
        offsets = np.array(self._offsets, np.int64).reshape(len(order), _OFFSETS)
        stored_starts = _to_starts(offsets[:, 5])
        highlighted = self._count_highlighted_tokens(counts)
        token_starts = _to_starts(highlighted.sum(axis=1))
        words, gaps, sizes, overflow = self._locate_words(
            tokens,
            counts,
            highlighted,
            stored_starts[:, None] + offsets[:, [1, 2, 3, 4, 0, 5]],
            token_starts,
            vocabulary,
        )
        # Two names more, at the indexes -2 and -1, for the tokens that are no words: END_OF_SOURCE and DROPPED.
        names = np.concatenate([word_numbers, [END_OF_SOURCE, DROPPED]])
        save("answer_starts", stored_starts[order])
        save("answer_parts", offsets[order].astype(np.int32))
        save("token_starts", token_starts[order])
        save("token_counts", highlighted[order])
        save("token_words", names.astype(np.int32)[words])
        save("token_gaps", gaps)
        save("token_sizes", sizes)
        save("token_long", overflow)

    def _count_highlighted_tokens(self, counts: NDArray[np.int32]) -> NDArray[np.int32]:
        """By document and highlighted field: how many tokens are searched for matches."""
        # A copy always: a slice of one document would count as contiguous already, and stay a view.
        highlighted = counts[:, : len(HIGHLIGHTED_FIELDS)].copy()
        for document, token_counts in self._highlighted.items():
            highlighted[document] = token_counts
        return highlighted

    def _locate_words(
        self,
        tokens: NDArray[np.int32],
        counts: NDArray[np.int32],
        highlighted: NDArray[np.int32],
        text_bounds: NDArray[np.int64],
        token_starts: NDArray[np.int64],
        vocabulary: SegmentVocabulary,
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
        """Arrays over all highlighted tokens: word, bytes before it, its size in bytes; and the table of large ones."""
        size = int(highlighted.sum())
        words, gaps, sizes = np.empty(size, np.int32), np.empty(size, np.uint8), np.empty(size, np.uint8)
        spelled = [word.encode() for word in vocabulary]
        spelled_starts = _to_starts(np.array(list(map(len, spelled)), np.int64))
        texts = self._map_stored()
        # Each row covers at least OVERFLOW bytes, and no two share a byte.
        overflow = np.empty((len(texts) // OVERFLOW + 1, 3), np.int64)
        n = locate_words(
            DocumentTokens(tokens, _to_starts(counts.sum(axis=1)), counts),
            Texts(texts, text_bounds),
            Spellings(np.frombuffer(b"".join(spelled), np.uint8), np.append(spelled_starts, sum(map(len, spelled)))),
            highlighted,
            token_starts,
            TokenBuffers(words, gaps, sizes, overflow),
        )
        return words, gaps, sizes, overflow[:n]

    def _map_stored(self) -> NDArray[np.uint8]:
        # An empty file cannot be mapped.
        return np.memmap(self._path, np.uint8, "r") if self._path.stat().st_size else np.empty(0, np.uint8)


def _to_starts(sizes: NDArray[np.int64] | Sequence[int]) -> NDArray[np.int64]:
    """Where each of ``sizes`` starts when laid out one after the other."""
    ends = np.cumsum(sizes, dtype=np.int64)
    return ends - np.asarray(sizes, np.int64)
