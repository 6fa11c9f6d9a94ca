"""Texts are found by the beginnings of their words as reading each one finds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.analysis.folding import TypedText, fold_text
from index.engines.columns.kernels import suffixes
from index.engines.columns.kernels.suffixes import INNER, close_texts, find_span, select_lowest, sort_suffixes
from index.engines.columns.segment import texts
from index.engines.columns.segment.texts import index_texts
from tests.engines.columns.running import CHECKED, Array, find_kernels, given_array, room, run

# Texts of numbers of words, and what is looked for: whole words, then one of [low, high).
Text = list[int]
_texts = st.lists(st.lists(st.integers(1, 4), max_size=5), max_size=8)
_wanted = st.tuples(st.lists(st.integers(1, 4), max_size=4), st.integers(1, 5), st.integers(1, 5))


def make_arrays(texts: list[Text]) -> tuple[Array, Array]:
    """The tokens and the suffixes."""
    flat = np.array([word for text in texts for word in text], np.int32)
    tokens, _ = close_texts(flat, np.array([len(text) for text in texts], np.int64))
    return given_array(tokens, np.int32), given_array(sort_suffixes(tokens), np.uint32)


def find_all(texts: list[Text], whole: Text, low: int, high: int) -> list[int]:
    """The suffixes at whose place ``whole`` and then one of ``[low, high)`` stand, ascending."""
    found, start = [], 0
    for text in texts:
        for at in range(len(text) - len(whole)):
            if text[at : at + len(whole)] == whole and low <= text[at + len(whole)] < high:
                found.append(start + at if at == 0 else (start + at) | INNER)
        start += len(text) + 1
    return sorted(found)


@CHECKED
@given(_texts)
def test_suffixes_are_the_places_of_all_words_in_the_order_of_two_words(texts: list[Text]) -> None:
    tokens, own = make_arrays(texts)
    assert sorted(own.tolist()) == find_all(texts, [], 1, 5)
    places = [int(suffix) & ~INNER for suffix in own]
    keys = [tokens[place : place + 2].tolist() for place in places]
    assert keys == sorted(keys)


@CHECKED
@given(_texts, _wanted)
def test_find_span_is_where_the_first_two_words_stand(texts: list[Text], wanted: tuple[Text, int, int]) -> None:
    whole, low, high = wanted
    tokens, own = make_arrays(texts)
    begin, end = run(find_span, tokens, own, given_array(whole, np.int32), low, high)
    expected = (
        find_all(texts, whole, low, high) if len(whole) < 2 else find_all(texts, whole[:1], whole[1], whole[1] + 1)
    )
    assert sorted(own[begin:end].tolist()) == expected


@CHECKED
@given(_texts, _wanted, st.integers(1, 6))
def test_select_lowest_keeps_the_lowest_that_are_wanted(
    texts: list[Text], wanted: tuple[Text, int, int], k: int
) -> None:
    whole, low, high = wanted
    tokens, own = make_arrays(texts)
    numbers, out = given_array(whole, np.int32), room(k, np.uint32)
    begin, end = find_span(tokens, own, numbers, low, high)
    n = run(select_lowest, tokens, own[begin:end], numbers, low, high, k, out)
    assert out[:n].tolist() == find_all(texts, whole, low, high)[:k]


_words = st.lists(st.sampled_from(("night", "Night", "ferry", "ferries", "für", "u.s")), max_size=5).map(" ".join)


@settings(CHECKED, max_examples=200)
@given(
    st.lists(_words, max_size=12),
    _words.filter(bool),
    st.integers(1, 3),
    st.booleans(),
    st.integers(1, 4),
    st.integers(1, 9),
)
def test_matches_are_texts_that_begin_so_then_the_others_in_their_order(
    listed: list[str], looked_for: str, cut: int, closed: bool, first: int, most: int
) -> None:
    words = fold_text(looked_for)
    typed = TypedText(words=(*words[:-1], words[-1] if closed else words[-1][:cut]), closed=closed)
    folds, own = index_texts(listed)
    wanted = folds.find(typed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_MAX_KEPT", most)
        found = list(own.iter_matches(wanted, first)) if wanted else []
    places = [(typed.find_in(fold_text(text)), number) for number, text in enumerate(listed)]
    expected = [(True, number) for place, number in places if place == 0]
    expected += [(False, number) for place, number in places if place]
    assert found == expected


def test_every_kernel_has_a_test() -> None:
    public = [name for name in find_kernels(suffixes) if not name.startswith("_")]
    assert [name for name in public if not any(t.startswith(f"test_{name}_") for t in globals())] == []
