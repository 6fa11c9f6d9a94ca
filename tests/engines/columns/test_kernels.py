"""Every kernel does what its plain twin does, on mapped files too, and never reaches beyond an array."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from index.engines.columns import kernels
from index.engines.columns.files import NO_TIME
from tests.engines.columns.documents import FIELDS, TERMS, Document, FlatPostings, Posting, corpora, invert, starts_of
from tests.engines.columns.running import CHECKED, Array, find_kernels, given_array, room, run

sizes = st.one_of(st.integers(1, 12), st.integers(1, 400))
seeds = st.integers(0, 2**32)
masks = st.integers(1, 2**FIELDS - 1)


def documents_of(size: int) -> SearchStrategy[list[int]]:
    """Ascending numbers below ``size``: none, one, both ends, all, or any."""
    some = st.sets(st.integers(0, size - 1), max_size=12).map(sorted)
    many = st.builds(lambda seed, share: _pick(Random(seed), size, share), seeds, st.sampled_from((0.1, 0.5, 0.9)))
    ends = st.sampled_from(([], [0], [size - 1], sorted({0, size - 1}), list(range(size))))
    return st.one_of(some, many, ends)


def _pick(random: Random, size: int, share: float) -> list[int]:
    return [doc for doc in range(size) if random.random() < share]


def weights(random: Random, count: int) -> Array:
    """Eighths, of which float32 loses nothing, so that sums are equal in any order; many are the same."""
    return given_array([random.randrange(24) / 8 for _ in range(count)], np.float32)


class Lists:
    """Postings of several terms in one array."""

    def __init__(self, size: int, lists: list[list[int]], seed: int) -> None:
        self.size, self.lists, self.random = size, lists, Random(seed)
        starts = starts_of([len(own) for own in lists])
        self.begins, self.ends = starts[:-1], starts[1:]
        self.docs = given_array([doc for own in lists for doc in own], np.int32)
        self.whole, self.title = weights(self.random, starts[-1]), weights(self.random, starts[-1])
        self.fields = given_array([self.random.randrange(1, 2**FIELDS) for _ in range(starts[-1])], np.uint8)

    def __repr__(self) -> str:
        return f"Lists({self.size}, {self.lists}, fields={self.fields.tolist()})"

    def spans(self, chosen: list[int]) -> tuple[Array, Array]:
        return tuple(given_array([values[at] for at in chosen], np.int64) for values in (self.begins, self.ends))  # type: ignore[return-value]

    def places_in(self, at: int, mask: int = 255) -> range | list[int]:
        return [place for place in range(self.begins[at], self.ends[at]) if self.fields[place] & mask]


lists = sizes.flatmap(
    lambda size: st.builds(Lists, st.just(size), st.lists(documents_of(size), min_size=1, max_size=4), seeds)
)
# A word may stand twice in a query.
chosen = st.lists(st.integers(0, 3), min_size=1, max_size=5)


@st.composite
def matches(draw: st.DrawFn, count: int) -> tuple[int, list[tuple[Array, Array]]]:
    """``count`` times documents and scores, over one number of documents."""
    size, random = draw(sizes), Random(draw(seeds))
    docs = [draw(documents_of(size)) for _ in range(count)]
    return size, [(given_array(own, np.int32), weights(random, len(own))) for own in docs]


# --- lists ---------------------------------------------------------------------------------------------------


@CHECKED
@given(sizes.flatmap(documents_of), st.integers(-2, 402), st.integers(0, 400), st.integers(0, 400))
def test_gallop_finds_the_first_place_not_below(docs: list[int], wanted: int, one: int, other: int) -> None:
    low, high = sorted((min(one, len(docs)), min(other, len(docs))))
    expected = next((at for at in range(low, high) if docs[at] >= wanted), high)
    assert run(kernels.gallop, given_array(docs, np.int32), low, high, wanted) == expected
    assert run(kernels.gallop, given_array(docs, np.uint32), low, high, np.int64(wanted)) == expected


@CHECKED
@given(lists, chosen)
def test_and_terms_keeps_documents_of_all_lists_and_sums_their_weights(lists: Lists, chosen: list[int]) -> None:
    chosen = sorted((at % len(lists.lists) for at in chosen), key=lambda at: len(lists.lists[at]))
    idf, title_idf = weights(lists.random, len(chosen)), weights(lists.random, len(chosen))
    expected = {}
    for doc in set.intersection(*(set(lists.lists[at]) for at in chosen)):
        places = [lists.begins[at] + lists.lists[at].index(doc) for at in chosen]
        expected[doc] = sum(idf[i] * lists.whole[p] + title_idf[i] * lists.title[p] for i, p in enumerate(places))
    shortest = len(lists.lists[chosen[0]])
    docs, scores = room(shortest, np.int32), room(shortest, np.float32)
    n = run(kernels.and_terms, *lists.spans(chosen), lists.docs, lists.whole, lists.title, idf, title_idf, docs, scores)
    assert list(zip(docs[:n].tolist(), scores[:n].tolist(), strict=True)) == sorted(expected.items())


@CHECKED
@given(lists, chosen, masks)
def test_add_term_adds_up_postings_of_the_fields_asked_for(lists: Lists, chosen: list[int], mask: int) -> None:
    sums, seen, touched = room(lists.size, np.float32), np.zeros(lists.size, np.uint8), room(lists.size, np.int32)
    expected: dict[int, float] = {}
    n = 0
    for at in (at % len(lists.lists) for at in chosen):
        idf, title_idf = weights(lists.random, 2)
        for place in lists.places_in(at, mask):
            doc = int(lists.docs[place])
            expected[doc] = expected.get(doc, 0) + idf * lists.whole[place] + title_idf * lists.title[place]
        n = run(
            kernels.add_term, lists.begins[at], lists.ends[at], lists.docs, lists.whole, lists.title, idf, title_idf,
            lists.fields, mask, sums, seen, touched, n,
        )  # fmt: skip
    assert touched[:n].tolist() == list(expected)
    assert {doc: float(sums[doc]) for doc in expected} == expected
    assert np.flatnonzero(seen).tolist() == sorted(expected)


@CHECKED
@given(matches(3))
def test_add_scores_adds_up_what_was_worked_out(given_matches: tuple[int, list[tuple[Array, Array]]]) -> None:
    size, parts = given_matches
    sums, seen, touched = room(size, np.float32), np.zeros(size, np.uint8), room(size, np.int32)
    expected: dict[int, float] = {}
    n = 0
    for docs, scores in parts:
        for doc, score in zip(docs.tolist(), scores.tolist(), strict=True):
            expected[doc] = expected.get(doc, 0) + score
        n = run(kernels.add_scores, docs, scores, sums, seen, touched, n)
    assert touched[:n].tolist() == list(expected)
    assert {doc: float(sums[doc]) for doc in expected} == expected
    assert np.flatnonzero(seen).tolist() == sorted(expected)


@CHECKED
@given(lists, st.lists(st.integers(0, 3), max_size=5), masks)
def test_add_constant_marks_each_document_of_some_list_once(lists: Lists, chosen: list[int], mask: int) -> None:
    chosen = [at % len(lists.lists) for at in chosen]
    expected = dict.fromkeys(int(lists.docs[place]) for at in chosen for place in lists.places_in(at, mask))
    seen, touched = np.zeros(lists.size, np.uint8), room(lists.size, np.int32)
    n = run(kernels.add_constant, *lists.spans(chosen), lists.docs, lists.fields, mask, seen, touched)
    assert touched[:n].tolist() == list(expected)
    assert np.flatnonzero(seen).tolist() == sorted(expected)


@CHECKED
@given(matches(1), seeds)
@example((400, [(given_array([0, 399], np.int32), given_array([1, 2], np.float32))]), 0)
@example((1, [(given_array([0], np.int32), given_array([3], np.float32))]), 0)
def test_collect_sorts_what_was_added_and_leaves_no_mark(
    given_matches: tuple[int, list[tuple[Array, Array]]], seed: int
) -> None:
    size, [(docs, scores)] = given_matches
    sums, seen, touched = room(size, np.float32), np.zeros(size, np.uint8), room(size, np.int32)
    sums[docs], seen[docs] = scores, 1
    touched[: len(docs)] = Random(seed).sample(docs.tolist(), len(docs))
    out_docs, out_scores = room(len(docs), np.int32), room(len(docs), np.float32)
    n = run(kernels.collect, given_array(sums, np.float32), seen, touched, len(docs), out_docs, out_scores)
    assert n == len(docs)
    assert (out_docs.tolist(), out_scores.tolist()) == (docs.tolist(), scores.tolist())
    assert not seen.any()


@CHECKED
@given(matches(2))
def test_intersect_keeps_documents_of_both_with_the_sum(given_matches: tuple[int, list[tuple[Array, Array]]]) -> None:
    _, [one, other] = given_matches
    mine, theirs = (dict(zip(docs.tolist(), scores.tolist(), strict=True)) for docs, scores in (one, other))
    docs, scores = room(len(mine), np.int32), room(len(mine), np.float32)
    n = run(kernels.intersect, *one, *other, docs, scores)
    expected = [(doc, score + theirs[doc]) for doc, score in mine.items() if doc in theirs]
    assert list(zip(docs[:n].tolist(), scores[:n].tolist(), strict=True)) == expected


@CHECKED
@given(matches(2))
def test_subtract_keeps_documents_that_the_other_has_not(given_matches: tuple[int, list[tuple[Array, Array]]]) -> None:
    _, [one, (unwanted, _)] = given_matches
    docs, scores = room(len(one[0]), np.int32), room(len(one[0]), np.float32)
    n = run(kernels.subtract, *one, unwanted, docs, scores)
    mine = zip(one[0].tolist(), one[1].tolist(), strict=True)
    expected = [(doc, score) for doc, score in mine if doc not in set(unwanted.tolist())]
    assert list(zip(docs[:n].tolist(), scores[:n].tolist(), strict=True)) == expected


# --- places --------------------------------------------------------------------------------------------------


def _arrays(flat: FlatPostings) -> list[Array]:
    return [given_array(flat.place_starts, np.uint32), given_array(flat.places, np.uint32)]


@CHECKED
@given(corpora, st.integers(0, TERMS - 1), masks)
def test_count_in_fields_counts_places_of_the_fields_asked_for(docs: list[Document], term: int, mask: int) -> None:
    inverted = invert(docs)
    flat = FlatPostings(inverted)
    expected = []
    for posting in inverted[term]:
        fields = [field for field, _ in posting.places if mask >> field & 1]
        if fields:
            expected.append((posting.doc, len(fields), fields.count(0)))
    begin, end = flat.term_starts[term : term + 2]
    out = [room(end - begin, np.int32) for _ in range(3)]
    columns = [given_array(flat.docs, np.int32), given_array(flat.fields, np.uint8), *_arrays(flat)]
    n = run(kernels.count_in_fields, begin, end, *columns, mask, *out)
    assert list(zip(*(column[:n].tolist() for column in out), strict=True)) == expected


@CHECKED
@given(corpora, st.lists(st.integers(0, TERMS - 1), min_size=1, max_size=4), masks)
@example([[[1, 1, 1], [1], [], [], []]], [1, 1], 3)
# The longer list ends before the shorter one begins, where the postings of the next term begin, or none at all.
@example([[[1], [], [], [], []], [[1], [], [], [], []], [[0, 2], [], [], [], []]], [0, 1], 1)
@example([[[3], [], [], [], []], [[3], [], [], [], []], [[0], [], [], [], []]], [0, 3], 1)
@example([[[0], [1], [], [], []], [[0, 1], [], [], [], []]], [0, 1], 3)
def test_count_phrase_counts_where_its_terms_follow_each_other(
    docs: list[Document], phrase: list[int], mask: int
) -> None:
    expected = []
    for doc, document in enumerate(docs):
        fields = [
            field
            for field, terms in enumerate(document)
            for at in range(len(terms))
            if mask >> field & 1 and terms[at : at + len(phrase)] == phrase
        ]
        if fields:
            expected.append((doc, len(fields), fields.count(0)))
    inverted: dict[int, list[Posting]] = invert(docs)
    flat = FlatPostings(inverted)
    order = sorted(range(len(phrase)), key=lambda at: len(inverted[phrase[at]]))
    begins = given_array([flat.term_starts[phrase[at]] for at in order], np.int64)
    ends = given_array([flat.term_starts[phrase[at] + 1] for at in order], np.int64)
    out = [room(len(inverted[phrase[order[0]]]), np.int32) for _ in range(3)]
    columns = [given_array(order, np.int64), given_array(flat.docs, np.int32), *_arrays(flat)]
    n = run(kernels.count_phrase, begins, ends, *columns, mask, *out)
    assert list(zip(*(column[:n].tolist() for column in out), strict=True)) == expected


@CHECKED
@given(sizes.flatmap(lambda size: st.tuples(st.just(size), documents_of(size))), seeds, st.floats(1, 1e4))
def test_saturate_is_the_share_of_bm25(sized: tuple[int, list[int]], seed: int, average: float) -> None:
    size, docs = sized
    random = Random(seed)
    counts = [random.choice((0, 1, 2, 50)) for _ in docs]
    lengths = [random.choice((0, 1, 7, 1_000_000)) for _ in range(size)]
    k1, b = 1.2, 0.75
    expected = []
    for doc, tf in zip(docs, counts, strict=True):
        length_share = (1 - b) + b * lengths[doc] / average
        expected.append(tf * (k1 + 1) / (tf + k1 * length_share))
    out = room(len(docs), np.float32)
    inputs = [given_array(values, np.int32) for values in (docs, counts, lengths)]
    run(kernels.saturate, *inputs, average, k1, b, out)
    np.testing.assert_allclose(out, np.array(expected), rtol=1e-6)


# --- filters, order, facets ----------------------------------------------------------------------------------


class Valued:
    """Documents of which each has some of a few codes; some are matches, and fail filters."""

    def __init__(self, size: int, docs: list[int], codes: int, seed: int) -> None:
        self.docs, self.codes, self.random = docs, codes, Random(seed)
        most = min(3, codes)
        self.values = [self.random.sample(range(codes), self.random.randint(0, most)) for _ in range(size)]
        # Often none, else one or several filters.
        self.fails = [self.random.choice((0, 0, 1, 2, 4, 6, 7)) for _ in docs]

    def __repr__(self) -> str:
        return f"Valued({self.docs}, {self.values}, fails={self.fails})"

    def columns(self) -> list[Array]:
        starts = given_array(starts_of([len(values) for values in self.values]), np.int32)
        return [starts, given_array([code for values in self.values for code in values], np.int32)]


valued = sizes.flatmap(lambda size: st.builds(Valued, st.just(size), documents_of(size), st.integers(0, 6), seeds))


@CHECKED
@given(valued, st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)), st.booleans(), st.sampled_from((2, 4, 128)))
def test_fail_facet_marks_documents_without_a_wanted_or_with_an_unwanted_value(
    given_docs: Valued, wanted: set[int], unwanted: set[int], needs_one: bool, bit: int
) -> None:
    expected = []
    for doc, fails in zip(given_docs.docs, given_docs.fails, strict=True):
        own = set(given_docs.values[doc])
        expected.append(fails | bit if own & unwanted or (needs_one and not own & wanted) else fails)
    marks = [given_array([code in some for code in range(given_docs.codes)], np.uint8) for some in (wanted, unwanted)]
    fails = np.array(given_docs.fails, np.uint8)
    docs = given_array(given_docs.docs, np.int32)
    run(kernels.fail_facet, docs, *given_docs.columns(), *marks, needs_one, bit, fails)
    assert fails.tolist() == expected


_LAST = 2**63 - 1
_values = (NO_TIME, NO_TIME + 1, -5, 0, 1, 2, _LAST)
_bounds = st.sampled_from((NO_TIME + 1, -5, 0, 1, 2, _LAST))


@CHECKED
@given(valued, _bounds, _bounds)
def test_fail_range_marks_documents_out_of_it_and_those_without_a_time(given_docs: Valued, low: int, high: int) -> None:
    values = [given_docs.random.choice(_values) for _ in given_docs.values]
    expected = []
    for doc, fails in zip(given_docs.docs, given_docs.fails, strict=True):
        inside = values[doc] != NO_TIME and low <= values[doc] <= high
        expected.append(fails if inside else fails | 1)
    fails = np.array(given_docs.fails, np.uint8)
    docs = given_array(given_docs.docs, np.int32)
    run(kernels.fail_range, docs, given_array(values, np.int64), low, high, 1, fails)
    assert fails.tolist() == expected


@CHECKED
@given(valued)
def test_keep_passing_keeps_documents_that_fail_nothing(given_docs: Valued) -> None:
    docs, fails = given_array(given_docs.docs, np.int32), given_array(given_docs.fails, np.uint8)
    scores = weights(given_docs.random, len(docs))
    out_docs, out_scores = room(len(docs), np.int32), room(len(docs), np.float32)
    n = run(kernels.keep_passing, docs, scores, fails, out_docs, out_scores)
    kept = [at for at, failed in enumerate(given_docs.fails) if failed == 0]
    assert out_docs[:n].tolist() == [given_docs.docs[at] for at in kept]
    assert out_scores[:n].tolist() == [float(scores[at]) for at in kept]


@CHECKED
@given(valued, st.sampled_from((0, 1, 2, 4)))
def test_count_facet_counts_under_every_filter_but_its_own(given_docs: Valued, own: int) -> None:
    passing = [doc for doc, fails in zip(given_docs.docs, given_docs.fails, strict=True) if fails in (0, own)]
    expected: dict[int, int] = {}
    for doc in passing:
        for code in given_docs.values[doc]:
            expected[code] = expected.get(code, 0) + 1
    docs, fails = given_array(given_docs.docs, np.int32), given_array(given_docs.fails, np.uint8)
    counts, touched = np.zeros(given_docs.codes, np.int32), room(given_docs.codes, np.int32)
    # An int64, as the compiled kernel has it: Python's own would not go with uint8 when negated.
    met, missing = run(kernels.count_facet, docs, fails, np.int64(own), *given_docs.columns(), counts, touched)
    assert touched[:met].tolist() == list(expected)
    assert {code: int(count) for code, count in enumerate(counts) if count} == expected
    assert missing == sum(not given_docs.values[doc] for doc in passing)


tops = st.one_of(st.integers(1, 4), st.integers(1, 500))


@CHECKED
@given(matches(1), tops)
def test_best_scores_are_the_highest_with_ties_by_number(
    given_matches: tuple[int, list[tuple[Array, Array]]], k: int
) -> None:
    _, [(docs, scores)] = given_matches
    expected = sorted(zip(docs.tolist(), scores.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))[:k]
    out_docs, out_scores = room(k, np.int32), room(k, np.float32)
    n = run(kernels.best_scores, docs, scores, k, out_docs, out_scores)
    assert list(zip(out_docs[:n].tolist(), out_scores[:n].tolist(), strict=True)) == expected


@CHECKED
@given(matches(1), seeds, tops)
def test_lowest_ranks_are_the_first_in_the_order_of_ranks(
    given_matches: tuple[int, list[tuple[Array, Array]]], seed: int, k: int
) -> None:
    size, [(docs, _)] = given_matches
    ranks = Random(seed).sample(range(size), size)
    expected = sorted(range(len(docs)), key=lambda at: ranks[docs[at]])[:k]
    out = room(k, np.int64)
    n = run(kernels.lowest_ranks, docs, given_array(ranks, np.int32), k, out)
    assert out[:n].tolist() == expected


# --- the twins themselves ------------------------------------------------------------------------------------


def test_every_kernel_has_a_test_of_its_name() -> None:
    public = [name for name in find_kernels(kernels) if not name.startswith("_")]
    assert [name for name in public if not any(test.startswith(f"test_{name}_") for test in globals())] == []


def test_an_index_that_wraps_around_is_an_error_in_the_checked_run() -> None:
    def wraps(values: Any) -> Any:
        return values[-1]

    wraps.py_func = wraps  # type: ignore[attr-defined]
    with pytest.raises(IndexError):
        run(wraps, given_array([1], np.int32))


@CHECKED
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), max_size=30, unique_by=lambda pair: pair[0]),
    st.integers(1, 10),
)
def test_most_frequent_puts_equal_ones_in_the_order_of_codes(pairs: list[tuple[int, int]], k: int) -> None:
    codes = np.array([code for code, _ in pairs], np.int32)
    counts = np.array([count for _, count in pairs], np.int32)
    expected = sorted(range(len(pairs)), key=lambda at: (-pairs[at][1], pairs[at][0]))[:k]
    out = np.empty(k, np.int64)
    assert out[: kernels.most_frequent(codes, counts, k, out)].tolist() == expected
    assert out[: kernels.most_frequent.py_func(codes, counts, k, out)].tolist() == expected
