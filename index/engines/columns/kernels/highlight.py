"""Writes the highlights of hits as JSON; index/query/highlight.py is the plain reference.

Texts are read as the inside of JSON strings, as index.documents.stored_hit and the writer of a segment stored them.
tokens.py describes tokens. Functions called ``_write…`` append to ``out`` at ``o`` and return the new end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from index.engines.columns.kernels.highlight_matches import (
    HighlightQuery,
    TextMatches,
    find_all_borders,
    find_lower_bound,
    find_matches,
    find_window,
    merge_matches,
)
from index.engines.columns.kernels.signatures import (
    INT32_ARRAY,
    INT32_MATRIX,
    INT64,
    INT64_ARRAY,
    INT64_MATRIX,
    OUT_INT64_ARRAY,
    OUT_INT64_MATRIX,
    UINT8_ARRAY,
    kernel,
    tuple_of,
)
from index.engines.columns.kernels.tokens import BACKSLASH, END_OF_SOURCE, step

_QUOTE, _AMPERSAND, _APOSTROPHE, _LESS, _GREATER = 34, 38, 39, 60, 62
# One call highlights as many documents as need at most this many bytes, or a single one. The deadline is checked
# between calls. A hundred short stories need 700,000 bytes; the worst query takes 50 ms for 2,000,000.
_MAX_ROOM = 2_000_000
# The most bytes that a character takes in a JSON string: "\\u0001".
_MAX_CHARACTER = 6
# Looked up for every byte of a text, so that blanks and letters take the same branch.
_SPECIAL = np.zeros(256, np.uint8)
_SPECIAL[[BACKSLASH, _AMPERSAND, _APOSTROPHE, _LESS, _GREATER]] = 1


class HitArrays(NamedTuple):
    """The stored hits and texts of a segment and their tokens, by document.

    ``stored`` holds for each document, from ``starts`` on, its encoded hit and its body. ``parts``: where in them the
    hit ends and the body begins, begin and end of the title, begin and end of the summary, and the end of the body.
    ``token_counts``: tokens of title, summary, body and source titles; they begin at ``token_starts``. ``words``,
    ``gaps``, ``sizes``: by token; ``overflow``: rows as in tokens.py. ``word_terms`` maps words to terms.
    """

    stored: NDArray[np.uint8]
    starts: NDArray[np.int64]
    parts: NDArray[np.int32]
    token_starts: NDArray[np.int64]
    token_counts: NDArray[np.int32]
    words: NDArray[np.int32]
    gaps: NDArray[np.uint8]
    sizes: NDArray[np.uint8]
    overflow: NDArray[np.int64]
    word_terms: NDArray[np.int32]


class HighlightFormat(NamedTuple):
    """The opening and the closing tag, the words of a snippet, and index.analysis.schema.MAX_TEXT."""

    opening: NDArray[np.uint8]
    closing: NDArray[np.uint8]
    snippet_words: int
    max_text: int


class _Buffers(NamedTuple):
    """Room for one document. By token: the last token of the longest match that begins there, a buffer for
    ``find_matches``, begin and end of its bytes. ``firsts`` and ``lasts``: first and last token of each match in
    title, summary and body; ``counts``: how many matches each has."""

    reach: NDArray[np.int64]
    terms_at: NDArray[np.int64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]
    counts: NDArray[np.int64]


class _Text(NamedTuple):
    """A text, from byte ``begin`` to ``end`` of ``stored``, and where the bytes of its tokens begin and end."""

    stored: NDArray[np.uint8]
    begin: int
    end: int
    token_begins: NDArray[np.int64]
    token_ends: NDArray[np.int64]


_HIT_ARRAYS = tuple_of(
    UINT8_ARRAY, INT64_ARRAY, INT32_MATRIX, INT64_ARRAY, INT32_MATRIX, INT32_ARRAY, UINT8_ARRAY, UINT8_ARRAY,
    INT64_MATRIX, INT32_ARRAY,
)  # fmt: skip
_QUERY = tuple_of(OUT_INT64_MATRIX, OUT_INT64_MATRIX, OUT_INT64_ARRAY)
_FORMAT = tuple_of(UINT8_ARRAY, UINT8_ARRAY, INT64, INT64)


@njit(cache=True, nogil=True)
def _measure_room(parts, doc, tokens, tags, max_text):
    """The most bytes that the highlights of a document can take; ``tags``: bytes of both tags."""
    title, summary = parts[doc, 2] - parts[doc, 1], parts[doc, 4] - parts[doc, 3]
    text = title + summary + min(_MAX_CHARACTER * max_text, max(summary, parts[doc, 5] - parts[doc, 0]))
    # An apostrophe becomes six bytes. A match has tags in text and snippet, and two offsets of up to six digits.
    return 300 + 6 * text + tokens * (2 * tags + 24)


@njit(cache=True, nogil=True)
def _write_document(out, o, doc, hits, query, borders, style, buffers):
    stored, words, word_terms, counts = hits.stored, hits.words, hits.word_terms, hits.token_counts[doc]
    gaps, sizes, overflow = hits.gaps, hits.sizes, hits.overflow
    reach, terms_at, begins, ends = buffers.reach, buffers.terms_at, buffers.begins, buffers.ends
    firsts, lasts, matched = buffers.firsts, buffers.lasts, buffers.counts
    start, parts = hits.starts[doc], hits.parts[doc]
    at = np.empty(5, np.int64)  # where the tokens of each field begin
    at[0] = hits.token_starts[doc]
    for field in range(4):
        at[field + 1] = at[field] + counts[field]
    for field in range(3):
        find_matches(words[at[field] : at[field + 1]], word_terms, query, borders, field, reach, terms_at)
        matched[field] = merge_matches(reach, counts[field], firsts[field], lasts[field])
    title = _Text(stored, start + parts[1], start + parts[2], begins, ends)
    title_matches = TextMatches(firsts[0], lasts[0], matched[0])
    o = _write(out, o, b'{"highlight":{"title":"')
    _locate_tokens(gaps, sizes, overflow, at[0], counts[0], title.begin, begins, ends)
    o = _write_marked(out, o, title, title_matches, style, False)
    summary = _Text(stored, start + parts[3], start + parts[4], begins, ends)
    summary_matches = TextMatches(firsts[1], lasts[1], matched[1])
    o = _write(out, o, b'","summary":"')
    _locate_tokens(gaps, sizes, overflow, at[1], counts[1], summary.begin, begins, ends)
    o = _write_marked(out, o, summary, summary_matches, style, False)
    if matched[2] or parts[3] == parts[4]:
        field, text, matches = (
            2,
            _Text(stored, start + parts[0], start + parts[5], begins, ends),
            TextMatches(firsts[2], lasts[2], matched[2]),
        )
        o = _write(out, o, b'"},"snippet":{"field":"body","text":"')
        _locate_tokens(gaps, sizes, overflow, at[2], counts[2], text.begin, begins, ends)
    else:
        field, text, matches = 1, summary, summary_matches
        o = _write(out, o, b'"},"snippet":{"field":"summary","text":"')
    o = _write_snippet(out, o, text, words[at[field] : at[field + 1]], word_terms, query.terms, matches, style)
    o = _write(out, o, b'"},"matches":{')
    if matched[0]:
        o = _write(out, o, b'"title":[')
        _locate_tokens(gaps, sizes, overflow, at[0], counts[0], title.begin, begins, ends)
        o = _write_offsets(out, o, title, title_matches)
    if matched[1]:
        o = _write(out, o, b',"summary":[' if matched[0] else b'"summary":[')
        _locate_tokens(gaps, sizes, overflow, at[1], counts[1], summary.begin, begins, ends)
        o = _write_offsets(out, o, summary, summary_matches)
    o = _write(out, o, b'},"matched_sources":[')
    source_words = words[at[3] : at[4]]
    find_matches(source_words, word_terms, query, borders, 3, reach, terms_at)
    o = _write_sources(out, o, source_words, reach)
    return _write(out, o, b"]}")


@njit(cache=True, nogil=True)
def _locate_tokens(gaps, sizes, overflow, at, n, begin, begins, ends):
    """Write where the bytes of each token begin and end. The text begins at byte ``begin``; its ``n`` tokens begin at
    index ``at``."""
    row = find_lower_bound(overflow, at)
    here = begin
    done = 0
    while done < n:
        # Up to the next token with an overflow row, which few texts have.
        until = n if row == len(overflow) else min(n, overflow[row, 0] - at)
        for i in range(done, until):
            begins[i] = here + gaps[at + i]
            here = begins[i] + sizes[at + i]
            ends[i] = here
        if until < n:
            begins[until] = here + overflow[row, 1]
            here = begins[until] + overflow[row, 2]
            ends[until] = here
            row += 1
        done = until + 1


@njit(cache=True, nogil=True)
def _write(out, o, piece):
    for byte in piece:
        out[o] = byte
        o += 1
    return o


@njit(cache=True, nogil=True)
def _write_text(out, o, stored, begin, end, one_line):
    """Append part of a text, escaped as html.escape does it; with ``one_line``, line breaks become blanks."""
    i = begin
    while i < end:
        byte = stored[i]
        if not _SPECIAL[byte]:
            out[o] = byte
            o += 1
        elif byte == BACKSLASH:
            i += 1
            if stored[i] == _QUOTE:
                o = _write(out, o, b"&quot;")
            elif one_line and stored[i] == 110:  # the n of a line break
                out[o] = 32
                o += 1
            else:
                out[o] = BACKSLASH
                out[o + 1] = stored[i]
                o += 2
        elif byte == _AMPERSAND:
            o = _write(out, o, b"&amp;")
        elif byte == _APOSTROPHE:
            o = _write(out, o, b"&#x27;")
        elif byte == _LESS:
            o = _write(out, o, b"&lt;")
        else:
            o = _write(out, o, b"&gt;")
        i += 1
    return o


@njit(cache=True, nogil=True)
def _write_marked(out, o, text, matches, style, one_line):
    """Append a text with its matches in tags; a match that reaches beyond the text is cut."""
    stored, begin, end, token_begins, token_ends = text
    firsts, lasts, count = matches
    opening, closing = style.opening, style.closing
    here = begin
    for i in range(count):
        first, last = max(token_begins[firsts[i]], begin), min(token_ends[lasts[i]], end)
        if first < last:
            o = _write_text(out, o, stored, here, first, one_line)
            o = _write(out, o, opening)
            o = _write_text(out, o, stored, first, last, one_line)
            o = _write(out, o, closing)
            here = last
    return _write_text(out, o, stored, here, end, one_line)


@njit(cache=True, nogil=True)
def _write_snippet(out, o, text, words, word_terms, terms, matches, style):
    """Append the best window of a text, with an ellipsis where text is left out."""
    n, length = len(words), style.snippet_words
    first, last = 0, n - 1
    if n > length:
        first = find_window(words, word_terms, terms, matches, length)
        last = first + length - 1
    begin, end = text.begin, _find_end(text.stored, text.begin, text.end, style.max_text)
    if last < n - 1 or (n and end < text.end):
        end = text.token_ends[last]
    if first > 0:
        begin = text.token_begins[first]
        o = _write(out, o, b"\xe2\x80\xa6 ")
    window = _Text(text.stored, begin, end, text.token_begins, text.token_ends)
    o = _write_marked(out, o, window, matches, style, True)
    return _write(out, o, b" \xe2\x80\xa6") if end < text.end else o


@njit(cache=True, nogil=True)
def _find_end(stored, begin, end, max_text):
    """Where the first ``max_text`` characters of a text end."""
    if end - begin <= max_text:
        return end
    points = 0
    while begin < end:
        # Bytes 10xxxxxx continue a character.
        points += stored[begin] & 0xC0 != 0x80
        if points > max_text:
            break
        begin += step(stored, begin)
    return begin


@njit(cache=True, nogil=True)
def _write_offsets(out, o, text, matches):
    """Append ``[start,end],…]``: the matches in code points."""
    stored, here, _, token_begins, token_ends = text
    firsts, lasts, count = matches
    points = 0
    for i in range(count):
        begin, end = token_begins[firsts[i]], token_ends[lasts[i]]
        points += _count_points(stored, here, begin)
        o = _write(out, o, b",[" if i else b"[")
        o = _write_number(out, o, points)
        points += _count_points(stored, begin, end)
        here = end
        out[o] = 44
        o = _write_number(out, o + 1, points)
        out[o] = 93
        o += 1
    return _write(out, o, b"]")


@njit(cache=True, nogil=True)
def _count_points(stored, begin, end):
    points, i = 0, begin
    while i < end:
        # Bytes 10xxxxxx continue a character.
        points += stored[i] & 0xC0 != 0x80
        i += step(stored, i)
    return points


@njit(cache=True, nogil=True)
def _write_sources(out, o, words, reach):
    """Append the numbers, from 1, of the sources whose title has a match."""
    number, matched, any_written = 1, False, False
    for i in range(len(words)):
        if words[i] == END_OF_SOURCE:
            if matched:
                if any_written:
                    out[o] = 44
                    o += 1
                o = _write_number(out, o, number)
                any_written = True
            number, matched = number + 1, False
        elif reach[i] >= 0:
            matched = True
    return o


@njit(cache=True, nogil=True)
def _write_number(out, o, number):
    divisor = 1
    while number // divisor >= 10:
        divisor *= 10
    while divisor:
        out[o] = 48 + number // divisor % 10
        o += 1
        divisor //= 10
    return o


@kernel([(OUT_INT64_ARRAY, _HIT_ARRAYS, _QUERY, _FORMAT)])
def highlight_documents(docs, hits, query, style):
    """The JSON of index.query.highlight.HitHighlighter for the first of ``docs``: the bytes of document after document,
    and where each ends. Covers as many documents as fit in ``_MAX_ROOM``, at least one."""
    hits, query, style = HitArrays(*hits), HighlightQuery(*query), HighlightFormat(*style)
    tags = len(style.opening) + len(style.closing)
    parts, token_counts, max_text = hits.parts, hits.token_counts, style.max_text
    room = most_tokens = size = 0
    for doc in docs:
        tokens = 0
        for field in range(4):
            tokens += token_counts[doc, field]
        doc_room = _measure_room(parts, doc, tokens, tags, max_text)
        if size and room + doc_room > _MAX_ROOM:
            break
        most_tokens = max(most_tokens, tokens)
        room += doc_room
        size += 1
    out = np.empty(room, np.uint8)
    ends = np.empty(size, np.int64)
    n = most_tokens + 1
    buffers = _Buffers(
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64),
        np.empty((3, n), np.int64), np.empty((3, n), np.int64), np.empty(3, np.int64),
    )  # fmt: skip
    borders = find_all_borders(query.phrases)
    o = 0
    for i in range(size):
        o = _write_document(out, o, docs[i], hits, query, borders, style, buffers)
        ends[i] = o
    return out, ends
