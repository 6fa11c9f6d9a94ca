"""What index/engines/base.py promises of words that are near to another; tests/engines/contract.py has the rest."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.documents.story import Story
from index.engines.whoosh import WhooshKind
from index.engines.whoosh.edits import count_edits
from tests.engines.contract_lookups import CHECKED, LookupContract
from tests.support.factories import make_story
from tests.support.strategies import WORDS, corpora

_typed = st.one_of(st.sampled_from([word.lower() for word in WORDS]), st.text("chiprelats", max_size=9))


class NearWordContract(LookupContract):
    """Near words."""

    @settings(CHECKED, max_examples=10)
    @given(corpora, st.lists(_typed, min_size=3, max_size=8), st.integers(0, 2))
    def test_near_words_are_those_that_reading_every_story_finds(
        self, corpus: list[Story], words: list[str], distance: int
    ) -> None:
        with self.serve(corpus) as engine, tempfile.TemporaryDirectory() as name:
            plain = WhooshKind().open(Path(name), LookupContract.build(_WhooshFuzzyTerms(), Path(name), corpus))
            for word in words:
                assert engine.fuzzy_terms(word, distance) == plain.fuzzy_terms(word, distance), word
            plain.close()

    def test_near_words_are_the_nearest_first_then_the_most_frequent_in_this_form(self) -> None:
        titles = ["ferry", "fery", "merry", "Merry", "berry", "ferries ferries", "fairy", "the ferry x", "ferrylike"]
        corpus = [make_story(str(n), title=title) for n, title in enumerate(titles)]
        with self.serve(corpus) as engine:
            found = [(one.word, one.distance, one.doc_freq, one.occurrences) for one in engine.fuzzy_terms("ferry", 2)]
        assert found == [
            ("ferry", 0, 3, 2),
            ("merry", 1, 2, 2),
            ("berry", 1, 1, 1),
            ("fery", 1, 1, 1),
            ("fairy", 2, 1, 1),
        ]

    @pytest.mark.parametrize("word", ["", "\ud800", "日" * 300, "the"])
    def test_what_is_near_to_nothing_is_no_error(self, word: str) -> None:
        with self.serve([make_story("1", title="The long story")]) as engine:
            assert engine.fuzzy_terms(word, 1) == []


class _WhooshFuzzyTerms(LookupContract):
    kind = WhooshKind()


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("", "ab", 2), ("chip", "chips", 1), ("chip", "cihp", 1), ("chip", "hcpi", 2), ("ca", "abc", 3)],
)
def test_neighbours_the_other_way_round_are_one_edit_and_no_place_is_edited_twice(
    one: str, other: str, edits: int
) -> None:
    assert count_edits(one, other) == count_edits(other, one) == edits
