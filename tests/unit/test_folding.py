"""Words without case and diacritics, and where in a text stands what was typed."""

from __future__ import annotations

import pytest
from hypothesis import given

from index.analysis.folding import find_typed_text, fold_text, fold_word, parse_typed_text, show_word
from index.analysis.schema import MAX_TEXT, WORD
from tests.support.strategies import any_text


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        ("Überlingen", "uberlingen"),
        ("İstanbul", "istanbul"),
        ("Straße", "strasse"),
        ("ΟΔΟΣ", "οδοσ"),
        ("Łódź", "lodz"),
        ("Ærø", "aero"),
        ("東京", "東京"),
        ("U.S", "u.s"),
    ],
)
def test_a_word_loses_its_case_and_its_marks(word: str, folded: str) -> None:
    assert fold_word(word) == fold_word(word.lower()) == fold_word(word.upper()) == folded


@given(any_text)
def test_a_fold_is_that_of_its_characters_and_of_what_is_typed_in_lower_case(text: str) -> None:
    for word in WORD.findall(text):
        assert fold_word(word) == "".join(map(fold_word, word)) == fold_word(word.lower())
        assert " " not in fold_word(word)


@given(any_text)
def test_a_word_that_is_shown_in_lower_case_is_one_word_when_it_is_typed(text: str) -> None:
    for word in WORD.findall(text):
        shown = show_word(word.lower())
        assert WORD.fullmatch(shown)
        assert shown.lower() == word.lower()


@pytest.mark.parametrize("text", ["", "  ", "-", "!?"])
def test_without_a_word_nothing_is_typed(text: str) -> None:
    assert parse_typed_text(text) is None


@pytest.mark.parametrize(
    ("text", "typed", "found"),
    [
        ("The night ferry", "night fe", "night fe"),
        ("Ölpreis: die Straße", "strasse", "Straße"),
        ("Ölpreis: die Straße", "stras", "Straß"),
        ("Ölpreis", "OL", "Öl"),
        ("Æro and Aero", "aer", "Ær"),
        ("Open-source chips", "open sou", "Open-sou"),
        ("Night, ferries; ferry", "ferry ", "ferry"),
        ("Night, ferries; ferry", "ferr", "ferr"),
        ("U.S. troops", "u.s", "U.S"),
    ],
)
def test_what_was_typed_is_found_in_a_text_as_it_stands_there(text: str, typed: str, found: str) -> None:
    read = parse_typed_text(typed)
    assert read
    span = find_typed_text(text, read)
    assert span
    assert text[slice(*span)] == found


@pytest.mark.parametrize("typed", ["erry", "night ferry", "ferries ", "ferry x"])
def test_what_stands_nowhere_is_not_found(typed: str) -> None:
    read = parse_typed_text(typed)
    assert read
    assert find_typed_text("Ferry at night", read) is None


@given(any_text, any_text)
def test_a_place_is_found_where_folded_words_say_so(text: str, typed: str) -> None:
    if read := parse_typed_text(typed):
        assert (find_typed_text(text, read) is None) == (read.find_in(fold_text(text)) is None)


def test_what_was_typed_is_looked_for_in_as_many_characters_as_matches_are() -> None:
    read = parse_typed_text("ferry")
    assert read
    assert find_typed_text("x" * (MAX_TEXT - 6) + " ferry", read) == (MAX_TEXT - 5, MAX_TEXT)
    assert find_typed_text("x" * (MAX_TEXT - 5) + " ferry", read) is None
