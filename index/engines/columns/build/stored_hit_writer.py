"""Writes what answers are made of: the stored bytes of each story and the words of its texts in their order."""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.analysis import schema
from index.analysis.schema import WORD, iter_words
from index.documents.stored_hit import encode_hit, find_texts
from index.documents.story import Story
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
from index.query.highlight import MARKED, count_searched

_encode = msgspec.json.Encoder().encode


class HitRecord(Struct, frozen=True, gc=False):
    """``stored``: the brief, then the body, as ``parts`` tell: where the body begins, where title and summary begin and
    end in the brief, where the body ends. ``searched``: how many tokens of title, summary, body and source titles
    matches are searched in, where that is not all of them."""

    stored: bytes
    parts: tuple[int, int, int, int, int, int]
    source_titles: tuple[str, ...]
    searched: tuple[int, int, int, int] | None


def make_hit_record(story: Story, body: str) -> HitRecord:
    stored_hit = encode_hit(story)
    # Only snippets show the body, and they have no line breaks.
    stored = stored_hit + _encode(body.replace("\n", " "))[1:-1]
    titles = tuple([source.title for source in story.sources])
    return HitRecord(
        stored, (len(stored_hit), *find_texts(stored_hit), len(stored)), titles, _count_searched(story, body, titles)
    )


def _count_searched(story: Story, body: str, titles: Sequence[str]) -> tuple[int, int, int, int] | None:
    if max(len(story.title), len(story.summary), len(body), sum(map(len, titles))) <= schema.MAX_TEXT:
        return None
    title, summary, own_body = (sum(1 for _ in iter_words(text)) for text in (story.title, story.summary, body))
    # An end follows the words of each title.
    sources = sum(len(WORD.findall(one)) + 1 for one in titles[: count_searched(titles)])
    return title, summary, own_body, sources


class StoredHitWriter:
    """Takes the answers of a segment in the order of its documents."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / STORED_HITS
        self._file = open(self._path, "wb")  # noqa: SIM115 - until finish or abort
        self._parts = array.array("i")
        self._searched: dict[int, tuple[int, int, int, int]] = {}

    def add(self, hit_record: HitRecord) -> None:
        if hit_record.searched is not None:
            self._searched[len(self._parts) // 6] = hit_record.searched
        self._file.write(hit_record.stored)
        self._parts.extend(hit_record.parts)

    def abort(self) -> None:
        self._file.close()

    def finish(
        self,
        save: Callable[[str, NDArray[np.generic]], None],
        order: NDArray[np.int64],
        tokens: NDArray[np.int32],
        counts: NDArray[np.int32],
        numbers: Mapping[str, int],
        word_numbers: NDArray[np.int32],
    ) -> None:
        """Write all arrays. ``tokens`` are those of all documents, ``counts[d, f]`` of each field; ``numbers`` are the
        words that they stand for, 0, 1, 2 …; ``word_numbers`` what they are called among the words of the segment."""
        self._file.close()
        parts = np.array(self._parts, np.int64).reshape(len(order), 6)
        stored_starts = _starts(parts[:, 5])
        # A copy also where there is one document: then the slice would be as contiguous as the whole, and stay a view.
        marked = counts[:, : len(MARKED)].copy()
        for document, searched in self._searched.items():
            marked[document] = searched
        starts = _starts(marked.sum(axis=1))
        size = int(marked.sum())
        words, gaps, sizes = np.empty(size, np.int32), np.empty(size, np.uint8), np.empty(size, np.uint8)
        spelled = [word.encode() for word in numbers]
        texts = self._map()
        # None of them has fewer bytes, and no two share one.
        overflow = np.empty((len(texts) // OVERFLOW + 1, 3), np.int64)
        spelling_starts = np.append(_starts(np.array(list(map(len, spelled)), np.int64)), sum(map(len, spelled)))
        n = locate_words(
            DocumentTokens(tokens, _starts(counts.sum(axis=1)), counts),
            Texts(texts, stored_starts[:, None] + parts[:, [1, 2, 3, 4, 0, 5]]),
            Spellings(np.frombuffer(b"".join(spelled), np.uint8), spelling_starts),
            marked, starts, TokenBuffers(words, gaps, sizes, overflow),
        )  # fmt: skip
        # The last two are the names of what is no word: of none at all, and of the end of a source.
        names = np.concatenate([word_numbers, [END_OF_SOURCE, DROPPED]])
        save("answer_starts", stored_starts[order])
        save("answer_parts", parts[order].astype(np.int32))
        save("token_starts", starts[order])
        save("token_counts", marked[order])
        save("token_words", names.astype(np.int32)[words])
        save("token_gaps", gaps)
        save("token_sizes", sizes)
        save("token_long", overflow[:n])

    def _map(self) -> NDArray[np.uint8]:
        # An empty file cannot be mapped.
        return np.memmap(self._path, np.uint8, "r") if self._path.stat().st_size else np.empty(0, np.uint8)


def _starts(sizes: NDArray[np.int64] | Sequence[int]) -> NDArray[np.int64]:
    """Where each of ``sizes`` begins when they stand one after the other."""
    ends = np.cumsum(sizes, dtype=np.int64)
    return ends - np.asarray(sizes, np.int64)
