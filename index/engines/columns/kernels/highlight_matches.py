"""The loops that find what a query matches in the words of a text, and the best of them for a snippet: compiled by
numba and kept on disk. marking_kernels.py writes what they find; index/query/highlight.py is the twin of both.

``words`` are tokens as token_kernels.py has them; matches are the numbers of their first and last words.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from index.engines.columns.kernels.postings import find_borders, match_next
from index.engines.columns.kernels.tokens import END_OF_SOURCE

# Words of which no more is known than that a prefix found them: index.query.highlight.snippet_weight(1.0).
_UNKNOWN_WORTH = 1000


@njit(cache=True, nogil=True)
def find_lower_bound(rows, wanted):
    """How many rows begin with a number below ``wanted``; they ascend."""
    low, high = 0, len(rows)
    # Branches that cannot be foreseen cost more than a look at each of a few.
    while high - low > 8:
        middle = (low + high) >> 1
        if rows[middle, 0] < wanted:
            low = middle + 1
        else:
            high = middle
    while low < high and rows[low, 0] < wanted:
        low += 1
    return low


@njit(cache=True, nogil=True)
def _find(rows, wanted):
    """The row that begins with ``wanted``, or -1."""
    place = find_lower_bound(rows, wanted)
    return place if place < len(rows) and rows[place, 0] == wanted else -1


@njit(cache=True, nogil=True)
def find_matches(words, word_terms, terms, prefixes, phrases, borders, field, reach, terms_at):
    """For each word the last one of the longest match that begins with it, or -1."""
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
            _reach_phrase(words, word_terms, phrases, borders, begin, end, reach, terms_at)
        at = end


@njit(cache=True, nogil=True)
def _reach_phrase(words, word_terms, phrases, borders, begin, end, reach, terms_at):
    """The same for the phrase from ``begin`` to ``end``; words that are no terms are passed over. ``terms_at`` is where
    the terms stand that have been read since the phrase may have begun."""
    first_term, size = phrases[begin], end - begin
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
        matched = match_next(phrases[begin:end], borders[begin:end], matched, term)
        if matched == size:
            first = terms_at[n - size]
            reach[first] = max(reach[first], i)


@njit(cache=True, nogil=True)
def find_all_borders(phrases):
    """``kernels.find_borders`` of each phrase, in the places of its terms."""
    borders = np.zeros(len(phrases), np.int64)
    at = 0
    while at < len(phrases):
        begin, end = at + 2, at + 2 + phrases[at + 1]
        find_borders(phrases[begin:end], borders[begin:end])
        at = end
    return borders


@njit(cache=True, nogil=True)
def merge_matches(reach, n, firsts, lasts):
    """Matches that overlap become one: their first and last words; returns how many."""
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
def find_window(words, word_terms, terms, firsts, lasts, m, length):
    """The number of the word that the best snippet begins with: index.query.highlight says which is best."""
    # For each match what it is worth, and the last one before it, near enough to share a window, that is the same.
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
        # A few words before the first match say where one is.
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
            worth += terms[row, 2] if row >= 0 else _UNKNOWN_WORTH
    return worth


@njit(cache=True, nogil=True)
def _is_same(words, word_terms, first, last, other, other_last):
    """Whether two matches have the same terms."""
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
