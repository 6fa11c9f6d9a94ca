"""Writes what answers are made of: the stored bytes of each story and the words of its texts in their order."""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from index.brief import encode_brief, find_texts
from index.documents import Story
from index.engines.columns import token_kernels
from index.engines.columns.files import ANSWERS
from index.highlight import MARKED, MAX_TEXT

_encode = msgspec.json.Encoder().encode


class Answer(Struct, frozen=True, gc=False):
    """``stored``: the brief, then the body, as ``parts`` tell: where the body begins, where title and summary begin and
    end in the brief, where the body ends. ``fits``: no text is too long to be marked by the kernels."""

    stored: bytes
    parts: tuple[int, int, int, int, int, int]
    source_titles: tuple[str, ...]
    fits: bool


def make_answer(story: Story, body: str) -> Answer:
    brief = encode_brief(story)
    # Only snippets show the body, and they have no line breaks.
    stored = brief + _encode(body.replace("\n", " "))[1:-1]
    titles = tuple([source.title for source in story.sources])
    fits = max(map(len, (story.title, story.summary, body, *titles))) <= MAX_TEXT
    return Answer(stored, (len(brief), *find_texts(brief), len(stored)), titles, fits)


class AnswerWriter:
    """Takes the answers of a segment in the order of its documents."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / ANSWERS
        self._file = open(self._path, "wb")  # noqa: SIM115 - until finish or abort
        self._parts = array.array("i")
        self._too_long: list[int] = []

    def add(self, answer: Answer) -> None:
        if not answer.fits:
            self._too_long.append(len(self._parts) // 6)
        self._file.write(answer.stored)
        self._parts.extend(answer.parts)

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
        marked = np.ascontiguousarray(counts[:, : len(MARKED)])
        starts = _starts(marked.sum(axis=1))
        size = int(marked.sum())
        words, gaps, sizes = np.empty(size, np.int32), np.empty(size, np.uint8), np.empty(size, np.uint8)
        spelled = [word.encode() for word in numbers]
        token_kernels.measure(
            tokens, _starts(counts.sum(axis=1)), marked, stored_starts[:, None] + parts[:, [1, 2, 3, 4, 0, 5]],
            self._map(), np.frombuffer(b"".join(spelled), np.uint8),
            np.append(_starts(np.array(list(map(len, spelled)), np.int64)), sum(map(len, spelled))),
            starts, words, gaps, sizes,
        )  # fmt: skip
        marked[self._too_long, 0] = -1
        # The last two are the names of what is no word: of none at all, and of the end of a source.
        names = np.concatenate([word_numbers, [token_kernels.END_OF_SOURCE, token_kernels.DROPPED]])
        save("answer_starts", stored_starts[order])
        save("answer_parts", parts[order].astype(np.int32))
        save("token_starts", starts[order])
        save("token_counts", marked[order])
        save("token_words", names.astype(np.int32)[words])
        save("token_gaps", gaps)
        save("token_sizes", sizes)

    def _map(self) -> NDArray[np.uint8]:
        # An empty file cannot be mapped.
        return np.memmap(self._path, np.uint8, "r") if self._path.stat().st_size else np.empty(0, np.uint8)


def _starts(sizes: NDArray[np.int64] | Sequence[int]) -> NDArray[np.int64]:
    """Where each of ``sizes`` begins when they stand one after the other."""
    ends = np.cumsum(sizes, dtype=np.int64)
    return ends - np.asarray(sizes, np.int64)
