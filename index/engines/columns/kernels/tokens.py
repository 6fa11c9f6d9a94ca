"""The tokens of stored texts, for highlighting.

A text is the inside of a JSON string: every byte belongs to UTF-8 or to an escape ("\\n"). A token is a word of a text:
its number, the gap (bytes between it and the previous token) and the size (its own bytes). The number is ``DROPPED``
for a word that is no term, and ``END_OF_SOURCE`` after the title of each source. Nearly all gaps and sizes fit into a
byte. ``OVERFLOW`` stands for 255 or more; the token then has a row in ``overflow``: its index, gap and size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

DROPPED, END_OF_SOURCE = -1, -2
OVERFLOW = 255
BACKSLASH = 92


class DocumentTokens(NamedTuple):
    """Word numbers of document after document. Field f of document d has ``counts[d, f]`` tokens; those of the document
    begin at ``starts[d]``."""

    words: NDArray[np.int32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int32]


class Texts(NamedTuple):
    """Text f of document d is ``bytes[bounds[d, 2 * f] : bounds[d, 2 * f + 1]]``. Fields beyond the bounds have no
    text."""

    bytes: NDArray[np.uint8]
    bounds: NDArray[np.int64]


class Spellings(NamedTuple):
    """The UTF-8 bytes of each word: those of word w begin at ``starts[w]`` and end at ``starts[w + 1]``."""

    bytes: NDArray[np.uint8]
    starts: NDArray[np.int64]


class TokenBuffers(NamedTuple):
    """Where ``locate_words`` writes the word number, gap and size of each token, and the overflow rows."""

    words: NDArray[np.int32]
    gaps: NDArray[np.uint8]
    sizes: NDArray[np.uint8]
    overflow: NDArray[np.int64]


@njit(cache=True, nogil=True)
def locate_words(tokens, texts, spellings, searched, starts, out):
    """Locate each token in its text, by searching for one word after the other. Returns the number of overflow rows.

    Only the first ``searched[d, f]`` tokens of field f of document d are written, from index ``starts[d]`` on.
    """
    n = 0
    for d in range(len(tokens.counts)):
        source, to = tokens.starts[d], starts[d]
        for f in range(searched.shape[1]):
            has_text = 2 * f < texts.bounds.shape[1]
            previous_end = here = texts.bounds[d, 2 * f] if has_text else 0
            text_end = texts.bounds[d, 2 * f + 1] if has_text else 0
            for i in range(searched[d, f]):
                word = tokens.words[source + i]
                out.words[to] = word
                out.gaps[to] = out.sizes[to] = 0
                if has_text:
                    first, size = spellings.starts[word], spellings.starts[word + 1] - spellings.starts[word]
                    while here < text_end and not _is_word(texts.bytes, here, text_end, spellings.bytes, first, size):
                        here += step(texts.bytes, here)
                    gap = here - previous_end
                    if gap >= OVERFLOW or size >= OVERFLOW:
                        out.overflow[n, 0], out.overflow[n, 1], out.overflow[n, 2] = to, gap, size
                        n += 1
                    out.gaps[to] = min(gap, OVERFLOW)
                    out.sizes[to] = min(size, OVERFLOW)
                    here += size
                    previous_end = here
                to += 1
            source += tokens.counts[d, f]
    return n


@njit(cache=True, nogil=True)
def _is_word(texts, at, end, spelled, first, size):
    if at + size > end:
        return False
    i = 0
    while i < size and texts[at + i] == spelled[first + i]:
        i += 1
    return i == size


@njit(cache=True, nogil=True)
def drop_stop_words(tokens, terms, counts, out, out_counts):
    """Write the term of each token to ``out`` and leave out tokens without one; ``out_counts[d, f]`` receives how many
    terms field f of document d has. Returns how many terms there are in all.

    ``terms[word]`` is below 0 for stop words; tokens below 0 are no words.
    """
    at = n = 0
    for d in range(counts.shape[0]):
        for f in range(counts.shape[1]):
            before = n
            for _ in range(counts[d, f]):
                if tokens[at] >= 0 and terms[tokens[at]] >= 0:
                    out[n] = terms[tokens[at]]
                    n += 1
                at += 1
            out_counts[d, f] = n - before
    return n


@njit(cache=True, nogil=True)
def step(texts, at):
    """The number of bytes of the JSON escape that begins at ``at``; 1 if none does."""
    if texts[at] != BACKSLASH:
        return 1
    return 6 if texts[at + 1] == 117 else 2  # backslash, u and four digits
