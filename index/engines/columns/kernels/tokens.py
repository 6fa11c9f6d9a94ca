"""The loops that write down the words of texts in their order, compiled by numba and kept on disk.

Texts are the insides of JSON strings, so that every byte is one of UTF-8 or of an escape ("\\n"). A token is a word of
a text: its number, the bytes between it and the one before, its own bytes. ``DROPPED`` stands for a word that is no
term; ``END_OF_SOURCE`` stands after the title of each source. Nearly all gaps and words fit into one byte: ``LONG``
stands for that number or a greater one, which a row of ``long`` has: the token's place, its gap, its size.
"""

from __future__ import annotations

from numba import njit

DROPPED, END_OF_SOURCE = -1, -2
LONG = 255
BACKSLASH = 92


@njit(cache=True, nogil=True)
def locate_words(
    tokens, token_starts, counts, marked, text_bounds, texts, spelled, spelled_starts, starts, words, gaps, sizes, long
):
    """Fill ``words``, ``gaps``, ``sizes`` and ``long`` of the marked texts, by looking for one word after the other.
    Returns the number of rows of ``long``.

    Text f of document d has ``counts[d, f]`` tokens, one text after the other from ``token_starts[d]`` in ``tokens``.
    The first ``marked[d, f]`` of them are filled in, from ``starts[d]`` on. The text lies at
    ``texts[text_bounds[d, 2 f]:text_bounds[d, 2 f + 1]]``; a text beyond those places has no bytes. ``spelled`` holds
    the bytes of each word.
    """
    n = 0
    for d in range(len(counts)):
        source, to = token_starts[d], starts[d]
        for f in range(marked.shape[1]):
            located = 2 * f < text_bounds.shape[1]
            before = here = text_bounds[d, 2 * f] if located else 0
            end = text_bounds[d, 2 * f + 1] if located else 0
            for i in range(marked[d, f]):
                word = tokens[source + i]
                words[to] = word
                gaps[to] = sizes[to] = 0
                if located:
                    first, size = spelled_starts[word], spelled_starts[word + 1] - spelled_starts[word]
                    while here < end and not _stands_at(texts, here, end, spelled, first, size):
                        here += step(texts, here)
                    gap = here - before
                    if gap >= LONG or size >= LONG:
                        long[n, 0], long[n, 1], long[n, 2] = to, gap, size
                        n += 1
                    gaps[to] = min(gap, LONG)
                    sizes[to] = min(size, LONG)
                    here += size
                    before = here
                to += 1
            source += counts[d, f]
    return n


@njit(cache=True, nogil=True)
def _stands_at(texts, at, end, spelled, first, size):
    if at + size > end:
        return False
    i = 0
    while i < size and texts[at + i] == spelled[first + i]:
        i += 1
    return i == size


@njit(cache=True, nogil=True)
def drop_stop_words(tokens, terms, counts, out, out_counts):
    """The terms of tokens, without those that are none; how many there are of each field of each document."""
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
    """Bytes of the escape that begins at ``at``, or 1."""
    if texts[at] != BACKSLASH:
        return 1
    return 6 if texts[at + 1] == 117 else 2  # backslash, u and four digits
