"""The kernels that choose among matches do what their plain twins do."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from index.engines.columns.format.facet_columns import FacetColumn, make_facet_arrays
from index.engines.columns.format.layout import NO_TIME
from index.engines.columns.kernels import facets, filters, scoring, top_k
from index.query.recency import HALF_LIFE, recency_factor
from tests.engines.columns.running import CHECKED, Array, find_kernels, given_array, room, run
from tests.engines.columns.test_kernels import documents_of, matches, seeds, sizes, weights


class Valued:
    """Documents of which each has some of a few codes; some are matches, and fail filters."""

    def __init__(self, size: int, docs: list[int], codes: int, seed: int) -> None:
        self.docs, self.codes, self.random = docs, codes, Random(seed)
        most = min(3, codes)
        self.values = [self.random.sample(range(codes), self.random.randint(0, most)) for _ in range(size)]
        # Often none, else one or several filters.
        self.failed_filters = [self.random.choice((0, 0, 1, 2, 4, 6, 7)) for _ in docs]

    def __repr__(self) -> str:
        return f"Valued({self.docs}, {self.values}, fails={self.failed_filters})"

    def columns(self) -> FacetColumn:
        sizes = np.array([len(values) for values in self.values], np.int64)
        codes = np.array([code for values in self.values for code in values], np.int32)
        arrays = make_facet_arrays(sizes, codes, self.codes)
        names = [str(code) for code in range(self.codes)]
        return FacetColumn(lambda name: given_array(arrays[name.removeprefix("facet_of_")], np.int32), "of", names)


valued = sizes.flatmap(lambda size: st.builds(Valued, st.just(size), documents_of(size), st.integers(0, 6), seeds))


@CHECKED
@given(valued, st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)), st.sampled_from((2, 4, 128)))
def test_check_facet_filter_marks_documents_without_a_wanted_or_with_an_unwanted_value(
    given_docs: Valued, wanted: set[int], unwanted: set[int], bit: int
) -> None:
    expected = []
    for doc, failed_filters in zip(given_docs.docs, given_docs.failed_filters, strict=True):
        own = set(given_docs.values[doc])
        expected.append(failed_filters | bit if own & unwanted or (wanted and not own & wanted) else failed_filters)
    marks = np.zeros(given_docs.codes + 1, np.uint8)
    for mark, codes in ((filters.INCLUDED, wanted), (filters.EXCLUDED, unwanted)):
        marks[[code for code in codes if code < given_docs.codes]] |= mark
    failed_filters = np.array(given_docs.failed_filters, np.uint8)
    docs, facet = given_array(given_docs.docs, np.int32), given_docs.columns()
    run(
        filters.check_facet_filter,
        docs,
        facet.sets,
        given_array(marks, np.uint8),
        bool(wanted),
        np.int64(bit),
        failed_filters,
    )
    assert failed_filters.tolist() == expected


@CHECKED
@given(valued, st.sets(st.integers(0, 7)))
def test_documents_of_values_are_found(given_docs: Valued, wanted: set[int]) -> None:
    found = given_docs.columns().find_documents(str(code) for code in wanted)
    assert found.tolist() == [doc for doc, values in enumerate(given_docs.values) if wanted & set(values)]


_LAST = 2**63 - 1
_values = (NO_TIME, NO_TIME + 1, -5, 0, 1, 2, _LAST)
_bounds = st.sampled_from((NO_TIME + 1, -5, 0, 1, 2, _LAST))


@CHECKED
@given(valued, _bounds, _bounds)
def test_check_range_filter_marks_documents_out_of_it_and_those_without_a_time(
    given_docs: Valued, low: int, high: int
) -> None:
    values = [given_docs.random.choice(_values) for _ in given_docs.values]
    expected = []
    for doc, failed_filters in zip(given_docs.docs, given_docs.failed_filters, strict=True):
        inside = values[doc] != NO_TIME and low <= values[doc] <= high
        expected.append(failed_filters if inside else failed_filters | 1)
    failed_filters = np.array(given_docs.failed_filters, np.uint8)
    docs = given_array(given_docs.docs, np.int32)
    run(filters.check_range_filter, docs, given_array(values, np.int64), low, high, 1, failed_filters)
    assert failed_filters.tolist() == expected


@CHECKED
@given(valued, st.sampled_from((0.25, 1.0)), st.sampled_from((0, 2, _LAST // 2)))
def test_weigh_recent_multiplies_scores_by_how_new_documents_are(
    given_docs: Valued, recency: float, newest: int
) -> None:
    times = [given_docs.random.choice((NO_TIME, -5, 0, 2, newest)) for _ in given_docs.values]
    docs, scores = given_array(given_docs.docs, np.int32), weights(given_docs.random, len(given_docs.docs))
    out = room(len(docs), np.float32)
    run(scoring.weigh_recent, docs, scores, given_array(times, np.int64), recency, newest, HALF_LIFE, out)
    known = [None if times[doc] == NO_TIME else times[doc] for doc in given_docs.docs]
    expected = [float(score) * recency_factor(recency, time, newest) for score, time in zip(scores, known, strict=True)]
    np.testing.assert_allclose(out, np.array(expected), rtol=1e-6)


@CHECKED
@given(valued, st.sampled_from((0, 1, 2, 4)))
def test_apply_filters_keeps_documents_that_fail_nothing_but_their_own(given_docs: Valued, own: int) -> None:
    docs, failed_filters = given_array(given_docs.docs, np.int32), given_array(given_docs.failed_filters, np.uint8)
    scores = weights(given_docs.random, len(docs))
    out_docs, out_scores = room(len(docs), np.int32), room(len(docs), np.float32)
    # An int64, as the compiled kernel has it: Python's own would not go with uint8 when negated.
    n = run(filters.apply_filters, docs, scores, failed_filters, np.int64(own), out_docs, out_scores)
    kept = [at for at, failed in enumerate(given_docs.failed_filters) if failed in (0, own)]
    assert out_docs[:n].tolist() == [given_docs.docs[at] for at in kept]
    assert out_scores[:n].tolist() == [float(scores[at]) for at in kept]


@CHECKED
@given(valued)
def test_count_facet_counts_values_and_documents_without_any(given_docs: Valued) -> None:
    expected: dict[int, int] = {}
    for doc in given_docs.docs:
        for code in given_docs.values[doc]:
            expected[code] = expected.get(code, 0) + 1
    docs, facet = given_array(given_docs.docs, np.int32), given_docs.columns()
    counts, touched = np.zeros(facet.size, np.int32), room(facet.size + given_docs.codes + 1, np.int32)
    met, different, missing = run(facets.count_facet, docs, facet.sets, given_docs.codes, counts, touched)
    assert {code: int(count) for code, count in enumerate(counts) if count} == expected
    assert sorted(code for code in touched[:met].tolist() if code < given_docs.codes) == sorted(expected)
    assert different == len(expected)
    assert missing == sum(not given_docs.values[doc] for doc in given_docs.docs)


@CHECKED
@given(valued, st.integers(0, 4))
def test_count_top_values_keeps_those_of_highest_count_and_adds_up_all(given_docs: Valued, wanted: int) -> None:
    expected = Counter(code for doc in given_docs.docs for code in given_docs.values[doc])
    docs, facet = given_array(given_docs.docs, np.int32), given_docs.columns()
    counts, touched = np.zeros(facet.size, np.int32), room(facet.size + given_docs.codes + 1, np.int32)
    codes, found = room(wanted, np.int32), room(wanted, np.int32)
    kept, total, missing = run(
        facets.count_top_values, docs, facet.sets, given_docs.codes, counts, touched, codes, found,
    )  # fmt: skip
    first = sorted(expected.items(), key=lambda counted: (-counted[1], counted[0]))[:wanted]
    assert list(zip(codes[:kept].tolist(), found[:kept].tolist(), strict=True)) == first
    assert total == expected.total()
    assert missing == sum(not given_docs.values[doc] for doc in given_docs.docs)
    assert not counts.any()


@CHECKED
@given(st.lists(st.dictionaries(st.integers(0, 30), st.integers(1, 9)), max_size=4))
def test_add_counts_adds_up_parts_and_tells_each_value_once(parts: list[dict[int, int]]) -> None:
    expected = sum(map(Counter, parts), Counter())
    sums, touched, n = np.zeros(31, np.int32), room(32, np.int32), 0
    for part in parts:
        n = run(
            facets.add_counts,
            given_array([*part], np.int32),
            given_array([*part.values()], np.int32),
            sums,
            touched,
            n,
        )
    assert sorted(touched[:n].tolist()) == sorted(expected)
    assert {value: int(sums[value]) for value in expected} == expected
    assert sums.sum() == expected.total()


@CHECKED
@given(st.dictionaries(st.integers(0, 30), st.integers(1, 9)))
def test_drain_counts_moves_them_out_and_leaves_none(expected: dict[int, int]) -> None:
    counts = np.zeros(40, np.int32)
    counts[list(expected)] = list(expected.values())
    codes, found = room(len(expected), np.int32), room(len(expected), np.int32)
    touched = given_array([35, *expected, 31, 30], np.int32)
    assert run(facets.drain_counts, touched, len(expected) + 2, 31, counts, codes, found) == sum(expected.values())
    assert dict(zip(codes.tolist(), found.tolist(), strict=True)) == expected
    assert not counts.any()


tops = st.one_of(st.integers(1, 4), st.integers(1, 500))


@CHECKED
@given(matches(1), tops, seeds)
def test_select_top_k_is_the_highest_with_ties_by_number_from_any_order(
    given_matches: tuple[int, list[tuple[Array, Array]]], k: int, seed: int
) -> None:
    _, [(docs, scores)] = given_matches
    order = Random(seed).sample(range(len(docs)), len(docs))
    expected = sorted(zip(docs.tolist(), scores.tolist(), strict=True), key=lambda hit: (-hit[1], hit[0]))[:k]
    out_docs, out_scores = room(k, np.int32), room(k, np.float32)
    n = run(
        top_k.select_top_k,
        given_array(docs[order], np.int32),
        given_array(scores[order], np.float32),
        k,
        out_docs,
        out_scores,
    )
    assert list(zip(out_docs[:n].tolist(), out_scores[:n].tolist(), strict=True)) == expected


@CHECKED
@given(matches(1), seeds, tops)
def test_select_lowest_ranks_are_the_first_in_the_order_of_ranks(
    given_matches: tuple[int, list[tuple[Array, Array]]], seed: int, k: int
) -> None:
    size, [(docs, _)] = given_matches
    ranks = Random(seed).sample(range(size), size)
    expected = sorted(range(len(docs)), key=lambda at: ranks[docs[at]])[:k]
    out = room(k, np.int64)
    n = run(top_k.select_lowest_ranks, docs, given_array(ranks, np.int32), k, out)
    assert out[:n].tolist() == expected


def test_every_kernel_has_a_test_of_its_name() -> None:
    kernels = {**find_kernels(filters), **find_kernels(facets), **find_kernels(top_k)}
    # The tests of the others cover ``insert``.
    public = [name for name in kernels if not name.startswith("_") and name != "insert"]
    assert [name for name in public if not any(test.startswith(f"test_{name}_") for test in globals())] == []
