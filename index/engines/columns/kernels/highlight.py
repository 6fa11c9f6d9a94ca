"""The loops that mark hits, compiled by numba and kept on disk; index/query/highlight.py is their twin.

Texts are the insides of JSON strings, as index.documents.stored_hit and the writer of a segment stored them: every byte
is one of UTF-8 or of an escape ("\\n"). A token is a word of a text: its number (``DROPPED`` for one that is no term),
the bytes between it and the one before, its own bytes (``token_kernels.LONG``: the row of ``long`` says how many).
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from index.engines.columns.kernels.highlight_matches import (
    find_all_borders,
    find_lower_bound,
    find_matches,
    find_window,
    merge_matches,
)
from index.engines.columns.kernels.postings import BYTES, INTS, LISTS, LONGS, TABLE, N, kernel
from index.engines.columns.kernels.tokens import BACKSLASH, END_OF_SOURCE, step

_QUOTE, _AMPERSAND, _APOSTROPHE, _LESS, _GREATER = 34, 38, 39, 60, 62
# One call marks so many documents as need at most so many bytes, or one: between two calls somebody looks at the clock.
# A hundred short stories need 700,000; the worst query takes 50 ms for 2,000,000.
_MAX_ROOM = 2_000_000
# Bytes of a character in a JSON string at most: those of "\\u0001".
_CHARACTER = 6
# Looked up for every byte of a text: blanks and letters take one and the same branch.
_SPECIAL = np.zeros(256, np.uint8)
_SPECIAL[[BACKSLASH, _AMPERSAND, _APOSTROPHE, _LESS, _GREATER]] = 1


@njit(cache=True, nogil=True)
def _mark_document(
    out, o, stored, start, parts, at, counts, words, gaps, sizes, long, word_terms, terms, prefixes, phrases, borders,
    opening, closing, length, max_text, reach, terms_at, begins, stops, firsts, lasts, found,
):  # fmt: skip
    field_at = np.empty(5, np.int64)
    field_at[0] = at
    for f in range(4):
        field_at[f + 1] = field_at[f] + counts[f]
    for f in range(3):
        find_matches(
            words[field_at[f] : field_at[f + 1]], word_terms, terms, prefixes, phrases, borders, f, reach, terms_at
        )
        found[f] = merge_matches(reach, counts[f], firsts[f], lasts[f])
    text_begin, text_end = start + parts[1], start + parts[2]
    o = _write(out, o, b'{"highlight":{"title":"')
    _locate(gaps, sizes, long, field_at[0], counts[0], text_begin, begins, stops)
    o = _write_marked(
        out, o, stored, text_begin, text_end, begins, stops, firsts[0], lasts[0], found[0], opening, closing, False
    )
    o = _write(out, o, b'","summary":"')
    in_body = found[2] > 0 or parts[3] == parts[4]
    field, text_begin, text_end = 1, start + parts[3], start + parts[4]
    _locate(gaps, sizes, long, field_at[1], counts[1], text_begin, begins, stops)
    o = _write_marked(
        out, o, stored, text_begin, text_end, begins, stops, firsts[1], lasts[1], found[1], opening, closing, False
    )
    if in_body:
        o = _write(out, o, b'"},"snippet":{"field":"body","text":"')
        field, text_begin, text_end = 2, start + parts[0], start + parts[5]
        _locate(gaps, sizes, long, field_at[2], counts[2], text_begin, begins, stops)
    else:
        o = _write(out, o, b'"},"snippet":{"field":"summary","text":"')
    o = _write_snippet(
        out, o, stored, text_begin, text_end, words[field_at[field] : field_at[field + 1]], word_terms, terms, begins,
        stops, firsts[field], lasts[field], found[field], opening, closing, length, max_text,
    )  # fmt: skip
    o = _write(out, o, b'"},"matches":{')
    for f in range(2):
        if found[f]:
            o = _write(out, o, b'"title":[' if f == 0 else (b',"summary":[' if found[0] else b'"summary":['))
            text_begin = start + parts[1 + 2 * f]
            _locate(gaps, sizes, long, field_at[f], counts[f], text_begin, begins, stops)
            o = _write_offsets(out, o, stored, text_begin, begins, stops, firsts[f], lasts[f], found[f])
    o = _write(out, o, b'},"matched_sources":[')
    own = words[field_at[3] : field_at[4]]
    find_matches(own, word_terms, terms, prefixes, phrases, borders, 3, reach, terms_at)
    o = _write_sources(out, o, own, reach)
    return _write(out, o, b"]}")


@njit(cache=True, nogil=True)
def _locate(gaps, sizes, long, at, n, begin, begins, stops):
    """Where each token's bytes begin and end."""
    row = find_lower_bound(long, at)
    here = begin
    done = 0
    while done < n:
        # Up to the next long one, which few texts have.
        until = n if row == len(long) else min(n, long[row, 0] - at)
        for i in range(done, until):
            begins[i] = here + gaps[at + i]
            here = begins[i] + sizes[at + i]
            stops[i] = here
        if until < n:
            begins[until] = here + long[row, 1]
            here = begins[until] + long[row, 2]
            stops[until] = here
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
    """A piece of a text with HTML escaped as html.escape does it; with ``one_line`` blanks for line breaks."""
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
def _write_marked(out, o, stored, begin, end, begins, stops, firsts, lasts, m, opening, closing, one_line):
    """The text from ``begin`` to ``end`` with its matches in tags; a match that reaches beyond is cut."""
    here = begin
    for i in range(m):
        first, last = max(begins[firsts[i]], begin), min(stops[lasts[i]], end)
        if first < last:
            o = _write_text(out, o, stored, here, first, one_line)
            o = _write(out, o, opening)
            o = _write_text(out, o, stored, first, last, one_line)
            o = _write(out, o, closing)
            here = last
    return _write_text(out, o, stored, here, end, one_line)


@njit(cache=True, nogil=True)
def _write_snippet(
    out, o, stored, begin, end, words, word_terms, terms, begins, stops, firsts, lasts, m, opening, closing, length,
    max_text,
):  # fmt: skip
    n = len(words)
    first, last = 0, n - 1
    if n > length:
        first = find_window(words, word_terms, terms, firsts, lasts, m, length)
        last = first + length - 1
    searched = _find_end(stored, begin, end, max_text)
    if last < n - 1 or (n and searched < end):
        searched = stops[last]
    if first > 0:
        begin = begins[first]
        o = _write(out, o, b"\xe2\x80\xa6 ")
    o = _write_marked(out, o, stored, begin, searched, begins, stops, firsts, lasts, m, opening, closing, True)
    return _write(out, o, b" \xe2\x80\xa6") if searched < end else o


@njit(cache=True, nogil=True)
def _find_end(stored, begin, end, max_text):
    """Where the first ``max_text`` characters of a text end."""
    if end - begin <= max_text:
        return end
    points = 0
    while begin < end:
        # Bytes 10xxxxxx go on with a character.
        points += stored[begin] & 0xC0 != 0x80
        if points > max_text:
            break
        begin += step(stored, begin)
    return begin


@njit(cache=True, nogil=True)
def _write_offsets(out, o, stored, begin, begins, stops, firsts, lasts, m):
    """``[start,end],…]``, in code points."""
    points, here = 0, begin
    for i in range(m):
        points += _count_points(stored, here, begins[firsts[i]])
        o = _write(out, o, b",[" if i else b"[")
        o = _write_number(out, o, points)
        here = stops[lasts[i]]
        points += _count_points(stored, begins[firsts[i]], here)
        out[o] = 44
        o = _write_number(out, o + 1, points)
        out[o] = 93
        o += 1
    return _write(out, o, b"]")


@njit(cache=True, nogil=True)
def _count_points(stored, begin, end):
    points, i = 0, begin
    while i < end:
        # Bytes 10xxxxxx go on with a character.
        points += stored[i] & 0xC0 != 0x80
        i += step(stored, i)
    return points


@njit(cache=True, nogil=True)
def _write_sources(out, o, words, reach):
    """The numbers of the sources with a match, from 1."""
    number, matched, some = 1, False, False
    for i in range(len(words)):
        if words[i] == END_OF_SOURCE:
            if matched:
                if some:
                    out[o] = 44
                    o += 1
                o = _write_number(out, o, number)
                some = True
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


@njit(cache=True, nogil=True)
def _measure_room(parts, doc, n, tags, max_text):
    """How many bytes a document of ``n`` tokens can need at most; ``tags``: bytes of both."""
    title, summary = parts[doc, 2] - parts[doc, 1], parts[doc, 4] - parts[doc, 3]
    text = title + summary + min(_CHARACTER * max_text, max(summary, parts[doc, 5] - parts[doc, 0]))
    # An apostrophe becomes six bytes; a match has tags in text and snippet, and two offsets of six digits.
    return 300 + 6 * text + n * (2 * tags + 24)


@kernel([(
    types.int64[::1], BYTES, LONGS, TABLE, LONGS, TABLE, INTS, BYTES, BYTES, LISTS, INTS, LISTS, LISTS, LONGS,
    BYTES, BYTES, N, N,
)])  # fmt: skip
def mark_documents(
    docs, stored, starts, parts, token_starts, token_counts, words, gaps, sizes, long, word_terms, terms, prefixes,
    phrases, opening, closing, length, max_text,
):  # fmt: skip
    """The JSON of index.query.highlight.Marker for the first of ``docs``, one after the other, and where each ends: for
    as many as have room in ``_MAX_ROOM``, or one.

    ``terms[k]``: a term, the fields it is looked for in as bits, its worth; ascending. ``prefixes[k]``: the first word,
    the one after the last, fields. ``phrases``: fields, number of terms, terms; phrase after phrase. ``opening`` and
    ``closing`` are the tags, ``length`` the words of a snippet, ``max_text`` is index.analysis.schema.MAX_TEXT.
    """
    tags = len(opening) + len(closing)
    room = most = marked = 0
    for doc in docs:
        n = 0
        for f in range(4):
            n += token_counts[doc, f]
        own = _measure_room(parts, doc, n, tags, max_text)
        if marked and room + own > _MAX_ROOM:
            break
        most = max(most, n)
        room += own
        marked += 1
    out = np.empty(room, np.uint8)
    ends = np.empty(marked, np.int64)
    # For each token of a text: the last token of the longest match that begins there, where its bytes begin and end.
    reach, terms_at = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    begins, stops = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64)
    # The first and the last token of each match in title, summary and the body.
    firsts, lasts = np.empty((3, most + 1), np.int64), np.empty((3, most + 1), np.int64)
    found = np.zeros(3, np.int64)
    borders = find_all_borders(phrases)
    o = 0
    for i in range(marked):
        doc = docs[i]
        o = _mark_document(
            out, o, stored, starts[doc], parts[doc], token_starts[doc], token_counts[doc], words, gaps, sizes, long,
            word_terms, terms, prefixes, phrases, borders, opening, closing, length, max_text, reach, terms_at, begins,
            stops, firsts, lasts, found,
        )  # fmt: skip
        ends[i] = o
    return out, ends
