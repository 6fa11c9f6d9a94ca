"""Every kernel does what its plain twin does, on mapped files too, and never reaches beyond an array."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from index.engines.columns.kernels import conjunction, disjunction, phrase, postings, scoring, set_operations
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
        self.text_impacts, self.title_impacts = weights(self.random, starts[-1]), weights(self.random, starts[-1])
        self.fields = given_array([self.random.randrange(1, 2**FIELDS) for _ in range(starts[-1])], np.uint8)
        self.impacts = self.docs, self.fields, self.text_impacts, self.title_impacts

    def __repr__(self) -> str:
        return f"Lists({self.size}, {self.lists}, fields={self.fields.tolist()})"

    def rows(self, chosen: list[int], idf: Array, title_idf: Array) -> Array:
        rows = [(self.ends[at] - self.begins[at], self.begins[at], self.ends[at]) for at in chosen]
        return given_array([(*row, *pair) for row, *pair in zip(rows, idf, title_idf, strict=True)], np.float64)

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
    assert run(postings.gallop, given_array(docs, np.int32), low, high, wanted) == expected
    assert run(postings.gallop, given_array(docs, np.uint32), low, high, np.int64(wanted)) == expected


@CHECKED
@given(lists, st.integers(0, 400))
def test_advance_leads_the_others_to_a_document_or_says_which_comes_first(lists: Lists, doc: int) -> None:
    at, ends = (np.array(own, np.int64) for own in (lists.begins, lists.ends))
    lacking = (own for own in lists.lists[1:] if doc not in own)
    later = [next((other for other in own if other > doc), -1) for own in lacking]
    reached = run(postings.advance, at, given_array(ends, np.int64), lists.docs, doc)
    assert reached == (later[0] if later else doc)
    if reached == doc:
        assert [lists.docs[place] for place in at[1:]] == [doc] * (len(at) - 1)


@CHECKED
@given(lists, chosen)
def test_score_row_adds_up_one_posting_of_each_list(lists: Lists, chosen: list[int]) -> None:
    own = [at for at in (at % len(lists.lists) for at in chosen) if lists.lists[at]]
    idf, title_idf = weights(lists.random, len(own)), weights(lists.random, len(own))
    places = [lists.random.randrange(lists.begins[at], lists.ends[at]) for at in own]
    expected = sum(idf[i] * lists.text_impacts[p] + title_idf[i] * lists.title_impacts[p] for i, p in enumerate(places))
    rows = lists.rows(own, idf, title_idf).reshape(-1, 5)
    assert (
        run(scoring.score_row, rows, given_array(places, np.int64), lists.text_impacts, lists.title_impacts) == expected
    )


class Anded:
    """Some of the lists, shortest first, what is in all of them and in one more that narrows, and what it scores."""

    def __init__(self, lists: Lists, chosen: list[int], limit: int | None) -> None:
        chosen = sorted((at % len(lists.lists) for at in chosen), key=lambda at: len(lists.lists[at]))
        idf, title_idf = weights(lists.random, len(chosen)), weights(lists.random, len(chosen))
        candidates = None if limit is None else lists.lists[limit % len(lists.lists)]
        limits = [] if candidates is None else [set(candidates)]
        scores = {}
        for doc in set.intersection(*(set(lists.lists[at]) for at in chosen), *limits):
            places = [lists.begins[at] + lists.lists[at].index(doc) for at in chosen]
            scores[doc] = sum(
                idf[i] * lists.text_impacts[p] + title_idf[i] * lists.title_impacts[p] for i, p in enumerate(places)
            )
        self.expected = sorted(scores.items())
        self.shortest = len(lists.lists[chosen[0]])
        columns = lists.rows(chosen, idf, title_idf), lists.impacts
        self.arguments = *columns, candidates is not None, given_array(candidates or [], np.int32)


anded = st.builds(Anded, lists, chosen, st.one_of(st.none(), st.integers(0, 3)))


@CHECKED
@given(anded, st.one_of(st.integers(0, 3), st.integers(0, 400)), st.booleans(), st.booleans())
def test_find_words_counts_all_and_keeps_the_best_or_the_first(
    anded: Anded, wanted: int, ranked: bool, keep: bool
) -> None:
    size = min(wanted, anded.shortest)
    best, scores = room(size, np.int32), room(size, np.float32)
    matches = room(anded.shortest if keep else 0, np.int32)
    total = run(conjunction.find_words, *anded.arguments, ranked, best, scores, matches)
    assert total == len(anded.expected)
    order = sorted(anded.expected, key=lambda hit: (-hit[1], hit[0])) if ranked else anded.expected
    assert list(zip(best[:total].tolist(), scores[:total].tolist(), strict=True)) == order[:wanted]
    if len(matches):
        assert matches[:total].tolist() == [doc for doc, _ in anded.expected]


@CHECKED
@given(lists, seeds)
def test_score_list_weighs_each_posting(lists: Lists, seed: int) -> None:
    for begin, end in zip(lists.begins, lists.ends, strict=True):
        idf, title_idf = (float(one) for one in weights(Random(seed), 2))
        out = room(end - begin, np.float32)
        run(scoring.score_list, begin, end, lists.text_impacts, lists.title_impacts, idf, title_idf, out)
        assert out.tolist() == [
            idf * lists.text_impacts[p] + title_idf * lists.title_impacts[p] for p in range(begin, end)
        ]


class Sums:
    """What is added up by document, with what was met before."""

    def __init__(self, size: int) -> None:
        self.arrays = np.zeros(size, np.float32), np.zeros(size, np.uint8), room(size + 1, np.int32)
        self.expected: dict[int, float] = {}

    def expect(self, doc: int, score: float) -> None:
        self.expected[doc] = self.expected.get(doc, 0) + score

    def check(self, n: int) -> None:
        sums, seen, touched = self.arrays
        assert touched[:n].tolist() == list(self.expected)
        assert {int(doc): float(sums[doc]) for doc in touched[:n]} == self.expected
        assert np.flatnonzero(seen).tolist() == sorted(self.expected)
        assert not np.delete(sums, list(self.expected)).any()


@CHECKED
@given(lists, chosen, masks)
def test_add_terms_adds_up_postings_of_the_fields_asked_for(lists: Lists, chosen: list[int], mask: int) -> None:
    own, n = Sums(lists.size), 0
    # In two goes: the second goes on where the first ended.
    for part in (chosen[::2], chosen[1::2]):
        terms = [at % len(lists.lists) for at in part]
        idf, title_idf = weights(lists.random, len(terms)), weights(lists.random, len(terms))
        for i, at in enumerate(terms):
            for place in lists.places_in(at, mask):
                own.expect(
                    int(lists.docs[place]),
                    idf[i] * lists.text_impacts[place] + title_idf[i] * lists.title_impacts[place],
                )
        rows = lists.rows(terms, idf, title_idf).reshape(-1, 5)
        n = run(disjunction.add_terms, given_array(rows, np.float64), lists.impacts, mask, own.arrays, n)
    own.check(n)


@CHECKED
@given(matches(3))
def test_add_scores_adds_up_what_was_worked_out(given_matches: tuple[int, list[tuple[Array, Array]]]) -> None:
    size, parts = given_matches
    own, n = Sums(size), 0
    for docs, scores in parts:
        for doc, score in zip(docs.tolist(), scores.tolist(), strict=True):
            own.expect(doc, score)
        n = run(disjunction.add_scores, docs, scores, own.arrays, n)
    own.check(n)


@CHECKED
@given(lists, st.lists(st.integers(0, 3), max_size=5), masks)
def test_add_constant_gives_each_document_of_some_list_the_score_once(
    lists: Lists, chosen: list[int], mask: int
) -> None:
    terms = [at % len(lists.lists) for at in chosen]
    own = Sums(lists.size)
    own.expected = dict.fromkeys([int(lists.docs[place]) for at in terms for place in lists.places_in(at, mask)], 2.5)
    starts = given_array([*lists.begins, lists.ends[-1]], np.int64)
    columns = given_array(terms, np.int32), starts, lists.docs, lists.fields
    own.check(run(disjunction.add_constant, *columns, mask, np.float32(2.5), own.arrays))


@CHECKED
@given(matches(1), seeds, st.booleans())
@example((400, [(given_array([0, 399], np.int32), given_array([1, 2], np.float32))]), 0, True)
@example((1, [(given_array([0], np.int32), given_array([3], np.float32))]), 0, True)
def test_collect_moves_out_what_was_added_and_leaves_no_mark(
    given_matches: tuple[int, list[tuple[Array, Array]]], seed: int, ascending: bool
) -> None:
    size, [(docs, scores)] = given_matches
    accumulator = sums, seen, touched = Sums(size).arrays
    sums[docs], seen[docs] = scores, 1
    touched[: len(docs)] = met = Random(seed).sample(docs.tolist(), len(docs))
    expected = dict(zip(docs.tolist(), scores.tolist(), strict=True))
    out_docs, out_scores = room(len(docs), np.int32), room(len(docs), np.float32)
    n = run(disjunction.collect, accumulator, len(docs), ascending, out_docs, out_scores)
    assert n == len(docs)
    assert out_docs.tolist() == (docs.tolist() if ascending else met)
    assert out_scores.tolist() == [expected[doc] for doc in out_docs.tolist()]
    assert not seen.any()
    assert not sums.any()


@CHECKED
@given(matches(2))
def test_intersect_keeps_documents_of_both_with_the_sum(given_matches: tuple[int, list[tuple[Array, Array]]]) -> None:
    _, [one, other] = given_matches
    mine, theirs = (dict(zip(docs.tolist(), scores.tolist(), strict=True)) for docs, scores in (one, other))
    docs, scores = room(len(mine), np.int32), room(len(mine), np.float32)
    n = run(set_operations.intersect, *one, *other, docs, scores)
    expected = [(doc, score + theirs[doc]) for doc, score in mine.items() if doc in theirs]
    assert list(zip(docs[:n].tolist(), scores[:n].tolist(), strict=True)) == expected


@CHECKED
@given(matches(2))
@example((400, [(given_array([7], np.int32), given_array([1], np.float32)), (given_array(range(399), np.int32),) * 2]))
def test_subtract_keeps_documents_that_the_other_has_not(given_matches: tuple[int, list[tuple[Array, Array]]]) -> None:
    size, [one, (unwanted, _)] = given_matches
    docs, scores = room(len(one[0]), np.int32), room(len(one[0]), np.float32)
    seen = np.zeros(size, np.uint8)
    n = run(set_operations.subtract, *one, unwanted, seen, docs, scores)
    mine = zip(one[0].tolist(), one[1].tolist(), strict=True)
    expected = [(doc, score) for doc, score in mine if doc not in set(unwanted.tolist())]
    assert list(zip(docs[:n].tolist(), scores[:n].tolist(), strict=True)) == expected
    assert not seen.any()


# --- places --------------------------------------------------------------------------------------------------


def _arrays(flat: FlatPostings) -> tuple[Array, ...]:
    """The fields of PositionArrays."""
    docs, fields = given_array(flat.docs, np.int32), given_array(flat.fields, np.uint8)
    return docs, fields, given_array(flat.position_offsets, np.uint32), given_array(flat.positions, np.uint32)


@CHECKED
@given(corpora, st.integers(0, TERMS - 1), masks)
def test_count_in_fields_counts_positions_of_the_fields_asked_for(docs: list[Document], term: int, mask: int) -> None:
    inverted = invert(docs)
    flat = FlatPostings(inverted)
    expected = []
    for posting in inverted[term]:
        fields = [field for field, _ in posting.positions if mask >> field & 1]
        if fields:
            expected.append((posting.doc, len(fields), fields.count(0)))
    begin, end = flat.term_starts[term : term + 2]
    out = tuple([room(end - begin, np.int32) for _ in range(3)])
    n = run(scoring.count_in_fields, _arrays(flat), begin, end, mask, out)
    assert list(zip(*(column[:n].tolist() for column in out), strict=True)) == expected


@CHECKED
@given(corpora, st.lists(st.integers(0, TERMS - 1), min_size=1, max_size=4), masks)
@example([[[1, 1, 1], [1], [], [], []]], [1, 1], 3)
# The longer list ends before the shorter one begins, where the postings of the next term begin, or none at all.
@example([[[1], [], [], [], []], [[1], [], [], [], []], [[0, 2], [], [], [], []]], [0, 1], 1)
@example([[[3], [], [], [], []], [[3], [], [], [], []], [[0], [], [], [], []]], [0, 3], 1)
@example([[[0], [1], [], [], []], [[0, 1], [], [], [], []]], [0, 1], 3)
def test_count_phrase_counts_where_its_terms_follow_each_other(
    docs: list[Document], terms: list[int], mask: int
) -> None:
    expected = []
    for doc, document in enumerate(docs):
        fields = [
            field
            for field, words in enumerate(document)
            for at in range(len(words))
            if mask >> field & 1 and words[at : at + len(terms)] == terms
        ]
        if fields:
            expected.append((doc, len(fields), fields.count(0)))
    inverted: dict[int, list[Posting]] = invert(docs)
    flat = FlatPostings(inverted)
    order = sorted(range(len(terms)), key=lambda at: len(inverted[terms[at]]))
    own = [(flat.term_starts[terms[at]], flat.term_starts[terms[at] + 1], at) for at in order]
    out = tuple([room(len(inverted[terms[order[0]]]), np.int32) for _ in range(3)])
    n = run(phrase.count_phrase, given_array(own, np.int64), _arrays(flat), mask, out)
    assert list(zip(*(column[:n].tolist() for column in out), strict=True)) == expected


@pytest.mark.parametrize("words", [1, 2, 3])
@given(seeds, st.integers(1, 30), st.integers(1, 900))
@CHECKED
def test_count_phrase_counts_as_well_where_terms_stand_often(words: int, seed: int, length: int, size: int) -> None:
    random = Random(seed)
    # Mostly the first word, so that long phrases stand in long texts.
    text = [min(random.randrange(words), random.randrange(8)) for _ in range(size)]
    at = random.randrange(size)
    terms = text[at : at + length]
    docs = [[text, [], text[1:], [3], terms], [[3], terms, [0], [], []]]
    inverted = invert(docs)
    flat = FlatPostings(inverted)
    order = sorted(range(len(terms)), key=lambda at: (len(inverted[terms[at]]), terms[at]))
    own = [(flat.term_starts[terms[at]], flat.term_starts[terms[at] + 1], at) for at in order]
    out = tuple([room(len(inverted[terms[order[0]]]), np.int32) for _ in range(3)])
    n = run(phrase.count_phrase, given_array(own, np.int64), _arrays(flat), 0b10101, out)
    expected = []
    for doc, document in enumerate(docs):
        found = [
            field
            for field in (0, 2, 4)
            for at in range(len(document[field]))
            if document[field][at : at + len(terms)] == terms
        ]
        if found:
            expected.append((doc, len(found), found.count(0)))
    assert list(zip(*(column[:n].tolist() for column in out), strict=True)) == expected


_phrases = st.lists(st.integers(0, 2), min_size=1, max_size=12)


@CHECKED
@given(_phrases)
def test_find_borders_finds_what_stands_at_both_ends(terms: list[int]) -> None:
    borders = room(len(terms), np.int64)
    run(phrase.find_borders, given_array(terms, np.int64), borders)
    for size in range(1, len(terms) + 1):
        own = terms[:size]
        assert borders[size - 1] == max(n for n in range(size) if own[:n] == own[size - n :])


@CHECKED
@given(_phrases, st.lists(st.integers(0, 3), max_size=40))
def test_match_next_knows_how_much_of_a_phrase_has_been_read(terms: list[int], text: list[int]) -> None:
    own, borders = given_array(terms, np.int64), room(len(terms), np.int64)
    phrase.find_borders(own, borders)
    matched = 0
    for end, term in enumerate(text, 1):
        matched = run(phrase.match_next, own, given_array(borders, np.int64), matched, term)
        assert matched == max(n for n in range(len(terms) + 1) if terms[:n] == text[end - n : end][:n] and n <= end)


def _share(tf: int, length: int, average: float, k1: float, b: float) -> float:
    return tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average))


@CHECKED
@given(sizes.flatmap(lambda size: st.tuples(st.just(size), documents_of(size))), seeds, st.floats(1, 1e4))
def test_saturate_is_the_share_of_bm25(sized: tuple[int, list[int]], seed: int, average: float) -> None:
    size, docs = sized
    random = Random(seed)
    counts = [random.choice((0, 1, 2, 50)) for _ in docs]
    lengths = [random.choice((0, 1, 7, 1_000_000)) for _ in range(size)]
    k1, b = 1.2, 0.75
    expected = [_share(tf, lengths[doc], average, k1, b) for doc, tf in zip(docs, counts, strict=True)]
    out = room(len(docs), np.float32)
    inputs = [given_array(values, np.int32) for values in (docs, counts, lengths)]
    run(scoring.saturate, *inputs, average, k1, b, out)
    np.testing.assert_allclose(out, np.array(expected), rtol=1e-6)


@CHECKED
@given(sizes.flatmap(lambda size: st.tuples(st.just(size), documents_of(size))), seeds, masks)
def test_score_counts_is_the_formula_with_the_title_once_more(
    sized: tuple[int, list[int]], seed: int, mask: int
) -> None:
    size, docs = sized
    random = Random(seed)
    titles = [random.choice((0, 1, 3)) for _ in docs]
    counts = [own + random.randrange(4) for own in titles]
    lengths = [[random.choice((0, 1, 7, 200)) for _ in range(size)] for _ in range(FIELDS)]
    expected = []
    for doc, tf, title_tf in zip(docs, counts, titles, strict=True):
        whole = sum(lengths[field][doc] for field in range(FIELDS) if mask >> field & 1)
        score = 3.0 * _share(tf, whole, 20.0, 1.2, 0.75) if tf else 0.0
        more = mask & 1 and mask != 1 and title_tf
        expected.append(score + (1.5 * _share(title_tf, lengths[0][doc], 5.0, 1.2, 0.75) if more else 0.0))
    out = room(len(docs), np.float32)
    frequencies = tuple([np.array(values, np.int32) for values in (docs, counts, titles)])
    formula = 20.0, 5.0, 3.0, 1.5, 1.2, 0.75
    run(scoring.score_counts, frequencies, len(docs), given_array(lengths, np.int32), mask, formula, out)
    np.testing.assert_allclose(out, np.array(expected), rtol=1e-6)


# --- the twins themselves ------------------------------------------------------------------------------------


def test_every_kernel_has_a_test_of_its_name() -> None:
    modules = (conjunction, disjunction, phrase, postings, scoring, set_operations)
    public = [name for module in modules for name in find_kernels(module) if not name.startswith("_")]
    public.remove("weigh_recent")  # test_selection.py tests it
    assert [name for name in public if not any(test.startswith(f"test_{name}_") for test in globals())] == []


def test_an_index_that_wraps_around_is_an_error_in_the_checked_run() -> None:
    def wraps(values: Any) -> Any:
        return values[-1]

    wraps.py_func = wraps  # type: ignore[attr-defined]
    with pytest.raises(IndexError):
        run(wraps, given_array([1], np.int32))
