"""Finds the words of a text that match a query, and the best window of them for a snippet.

highlight.py writes what these kernels find; index/query/highlight.py is the plain reference of both. ``words`` are the
token numbers that tokens.py describes. A match is a range of tokens: its first and its last one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from index.engines.columns.kernels.phrase import find_borders, match_next
from index.engines.columns.kernels.tokens import END_OF_SOURCE

# The worth of a word that only a prefix matches: index.query.highlight.snippet_weight(1.0).
_PREFIX_WORTH = 1000


class HighlightQuery(NamedTuple):
    """What is highlighted, int64; fields are bits of the fields of index.query.highlight.HIGHLIGHTED_FIELDS.

    ``terms``: rows of term, fields, worth, ascending. ``prefixes``: rows of first word, end of the words (exclusive),
    fields. ``phrases``: fields, number of terms, terms; phrase after phrase.
    """

    terms: NDArray[np.int64]
    prefixes: NDArray[np.int64]
    phrases: NDArray[np.int64]


class TextMatches(NamedTuple):
    """The first and the last token of each match in a text, and how many matches there are."""

    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]
    size: int


@njit(cache=True, nogil=True)
def find_lower_bound(rows, target):
    """How many rows begin with a number below ``target``; rows are ascending."""
    low, high = 0, len(rows)
    # A scan of a few rows costs less than unpredictable branches.
    while high - low > 8:
        middle = (low + high) >> 1
        if rows[middle, 0] < target:
            low = middle + 1
        else:
            high = middle
    while low < high and rows[low, 0] < target:
        low += 1
    return low


@njit(cache=True, nogil=True)
def _find(rows, target):
    """The index of the row that begins with ``target``, or -1."""
    at = find_lower_bound(rows, target)
    return at if at < len(rows) and rows[at, 0] == target else -1


@njit(cache=True, nogil=True)
def find_matches(words, word_terms, query, borders, field, reach, terms_at):
    """Write to ``reach[i]`` the last token of the longest match that begins with token i, or -1.

    ``word_terms`` maps words to terms; ``borders`` is from ``find_all_borders``; ``terms_at`` is a buffer with an entry
    for each token.
    """
    terms, prefixes, phrases = query.terms, query.prefixes, query.phrases
    for i in range(len(words)):
        reach[i] = -1
        word = words[i]
        if word < 0:
            continue
        row = _find(terms, word_terms[word])
        if row >= 0 and terms[row, 1] >> field & 1:
            reach[i] = i
        for p in range(len(prefixes)):
            if prefixes[p, 2] >> field & 1 and prefixes[p, 0] <= word < prefixes[p, 1]:
                reach[i] = i
                break
    at = 0
    while at < len(phrases):
        begin, end = at + 2, at + 2 + phrases[at + 1]
        if phrases[at] >> field & 1:
            _reach_phrase(words, word_terms, phrases[begin:end], borders[begin:end], reach, terms_at)
        at = end


@njit(cache=True, nogil=True)
def _reach_phrase(words, word_terms, phrase, borders, reach, terms_at):
    """Extend ``reach`` by the matches of one phrase; words without a term are skipped.

    ``terms_at`` receives the tokens of the terms that were read since the phrase may have begun.
    """
    first_term, size = phrase[0], len(phrase)
    matched = n = 0
    for i in range(len(words)):
        word = words[i]
        if word < 0:
            if word == END_OF_SOURCE:
                matched = 0
            continue
        term = word_terms[word]
        if not matched:
            if term != first_term:
                continue
            n = 0
        terms_at[n] = i
        n += 1
        matched = match_next(phrase, borders, matched, term)
        if matched == size:
            first = terms_at[n - size]
            reach[first] = max(reach[first], i)


@njit(cache=True, nogil=True)
def find_all_borders(phrases):
    """The result of ``phrase.find_borders`` for each phrase, at the indexes of its terms in ``phrases``."""
    borders = np.zeros(len(phrases), np.int64)
    at = 0
    while at < len(phrases):
        begin, end = at + 2, at + 2 + phrases[at + 1]
        find_borders(phrases[begin:end], borders[begin:end])
        at = end
    return borders


@njit(cache=True, nogil=True)
def merge_matches(reach, n, firsts, lasts):
    """Write the matches in the first ``n`` tokens to ``firsts`` and ``lasts``, overlapping ones as one. Returns how
    many there are."""
    m = i = 0
    while i < n:
        last = reach[i]
        if last < 0:
            i += 1
            continue
        firsts[m] = i
        while i <= last:
            last = max(last, reach[i])
            i += 1
        lasts[m] = last
        m += 1
    return m


@njit(cache=True, nogil=True)
def find_window(words, word_terms, terms, matches, length):
    """The first token of the best snippet of ``length`` words; index.query.highlight defines which is best."""
    firsts, lasts, m = matches.firsts, matches.lasts, matches.size
    # For each match its worth, and the last equal match before it that is near enough to share a window, or -1.
    worths, same = np.empty(m, np.int64), np.empty(m, np.int64)
    for i in range(m):
        worths[i] = _worth(words, word_terms, terms, firsts[i], lasts[i])
        same[i] = -1
        j = i - 1
        while j >= 0 and firsts[j] > firsts[i] - length:
            if worths[j] == worths[i] and _is_same(words, word_terms, firsts[i], lasts[i], firsts[j], lasts[j]):
                same[i] = j
                break
            j -= 1
    best = best_worth = best_count = best_spread = 0
    low = high = 0
    for i in range(m):
        # A window begins a few words before its first match, which show the context.
        first = min(max(0, firsts[i] - length // 6), len(words) - length)
        while firsts[low] < first:
            low += 1
        while high < m and firsts[high] < first + length:
            high += 1
        worth = 0
        for j in range(low, high):
            if same[j] < low:
                worth += worths[j]
        count, spread = high - low, firsts[high - 1] - firsts[low]
        if worth > best_worth or (
            worth == best_worth and (count > best_count or (count == best_count and spread < best_spread))
        ):
            best, best_worth, best_count, best_spread = first, worth, count, spread
    return best


@njit(cache=True, nogil=True)
def _worth(words, word_terms, terms, first, last):
    worth = 0
    for i in range(first, last + 1):
        if words[i] >= 0:
            row = _find(terms, word_terms[words[i]])
            worth += terms[row, 2] if row >= 0 else _PREFIX_WORTH
    return worth


@njit(cache=True, nogil=True)
def _is_same(words, word_terms, first, last, other, other_last):
    """Whether two matches consist of the same terms."""
    while True:
        while first <= last and words[first] < 0:
            first += 1
        while other <= other_last and words[other] < 0:
            other += 1
        if first > last or other > other_last:
            return first > last and other > other_last
        if word_terms[words[first]] != word_terms[words[other]]:
            return False
        first += 1
        other += 1
