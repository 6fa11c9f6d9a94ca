"""The quick tokenizer says what Whoosh's analyzer says."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.analysis.schema import (
    MAX_TEXT,
    MAX_WORD,
    fold_label,
    has_word_prefixes,
    iter_tokens,
    iter_words,
    make_analyzer,
    term_of,
)
from tests.support.strategies import texts

ANALYZER = make_analyzer()


@settings(max_examples=400, deadline=None)
@given(st.one_of(texts, st.text(st.characters())))
@example("İstanbul ΟΔΟΣ. straße ﬁne")
@example("a" * MAX_WORD + " " + "b" * (MAX_WORD + 1))
@example("U.S.A. ... a..b .c. 3.14 _x_")
@example("running relational conditional generically happy flies")
def test_tokens_are_those_of_the_whoosh_analyzer_on_any_text(text: str) -> None:
    expected = [(token.text, token.startchar, token.endchar) for token in ANALYZER(text, chars=True)]
    assert list(iter_tokens(text)) == expected


@settings(max_examples=200, deadline=None)
@given(texts)
def test_the_term_of_a_word_cut_out_is_its_term_in_the_text(text: str) -> None:
    assert all(term_of(text[start:end]) == term for term, start, end in iter_tokens(text))


@settings(max_examples=100, deadline=None)
@given(texts)
def test_stop_words_take_no_place_in_whoosh_so_that_phrases_are_read_over_them(text: str) -> None:
    places = [token.pos for token in ANALYZER(text, positions=True)]
    assert places == list(range(places[0], places[0] + len(places))) if places else True


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The chips of Nvidia", ["chip", "nvidia"]),
        ("open-source", ["open", "sourc"]),
        ("C++ and C#", ["c", "c"]),
        ("U.S.", ["u."]),
        ("don't", ["don", "t"]),
        ("東京 は", ["東京", "は"]),
        ("x" * (MAX_WORD + 1), []),
        ("", []),
    ],
)
def test_words_become_terms_as_documented(text: str, terms: list[str]) -> None:
    assert [term for term, _, _ in iter_tokens(text)] == terms


def test_labels_are_looked_through_as_far_as_people_read_them() -> None:
    assert has_word_prefixes(fold_label("x " * 400 + "ferry"), ["ferr"])
    assert not has_word_prefixes(fold_label("x " * 500 + "ferry"), ["ferr"])


def test_matches_are_searched_in_words_that_end_within_the_first_characters() -> None:
    text = "ab " * (MAX_TEXT // 3) + "c cd"
    words = [word[0] for word in iter_words(text)]
    assert words[-2:] == ["ab", "c"]
    assert len(words) == MAX_TEXT // 3 + 1
    assert [word[0] for word in iter_words("ab cd")] == ["ab", "cd"]
