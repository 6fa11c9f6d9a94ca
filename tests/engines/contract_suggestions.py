"""What index/engines/base.py promises of suggestions; tests/engines/contract.py has the rest.

The plain Whoosh engine goes through all stories: any other engine says the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.analysis.folding import parse_typed_text
from index.documents.story import Story
from index.engines.whoosh import WhooshKind
from index.query.language import parse_query
from index.query.requests import MAX_SUGGESTED, SearchQuery, SuggestionType
from index.query.results import Suggestion
from tests.engines.contract_lookups import CHECKED, LookupContract
from tests.support.factories import make_story
from tests.support.strategies import WORDS, corpora

KINDS: tuple[SuggestionType, ...] = get_args(SuggestionType)
_NAMES = (*WORDS, "AI", "c", "Reuters", "relative times")
_PIECES = ("chip", "chips ", "rel", "x", "the", "ıstan")
_starts = st.one_of(
    st.builds(
        lambda word, size: word[:size],
        st.sampled_from((*WORDS, "AI", "c", "Reuters", "relative times")),
        st.integers(1, 4),
    ),
    st.builds(
        " ".join, st.lists(st.sampled_from(("chip", "chips ", "rel", "x", "the", "ıstan")), min_size=1, max_size=3)
    ),
    st.text(max_size=3),
)


class SuggestionContract(LookupContract):
    """Completions of each kind."""

    @settings(CHECKED, max_examples=10)
    @given(corpora, st.lists(_starts, min_size=4, max_size=10), st.integers(1, 6))
    def test_what_is_typed_is_completed_as_by_going_through_all_stories(
        self, corpus: list[Story], texts: list[str], limit: int
    ) -> None:
        wanted = [typed for text in texts if (typed := parse_typed_text(text))]
        with self.serve(corpus) as engine, tempfile.TemporaryDirectory() as name:
            status = LookupContract.build(_Plain(), Path(name), corpus)
            plain = WhooshKind().open(Path(name), status)
            for typed in wanted:
                for kind in KINDS:
                    assert engine.complete(kind, typed, limit) == plain.complete(kind, typed, limit), (kind, typed)
            plain.close()

    def complete(self, corpus: Sequence[Story], kind: SuggestionType, text: str, limit: int = 10) -> list[Suggestion]:
        typed = parse_typed_text(text)
        assert typed
        with self.serve(corpus) as engine:
            return engine.complete(kind, typed, limit)

    def texts(self, corpus: Sequence[Story], kind: SuggestionType, text: str, limit: int = 10) -> list[str]:
        return [suggestion.text for suggestion in self.complete(corpus, kind, text, limit)]

    @pytest.mark.parametrize("typed", ["uber", "ÜBER", "über", "u\u0308ber"[:1] + "ber"])
    def test_case_and_diacritics_are_passed_over_on_both_sides(self, typed: str) -> None:
        corpus = [make_story("1", title="Überlingen", topics=["Über uns"])]
        assert self.texts(corpus, "story", typed) == ["Überlingen"]
        assert self.texts(corpus, "query", typed) == ["überlingen"]
        assert self.texts(corpus, "topic", typed) == ["Über uns"]

    def test_texts_that_begin_so_come_before_those_with_another_word_that_does(self) -> None:
        corpus = [
            make_story("1", title="The night ferry", published_at="2025-03-01T00:00:00Z"),
            make_story("2", title="Ferry robots", published_at="2025-01-01T00:00:00Z"),
            make_story("3", title="Ferries at night", published_at="2025-02-01T00:00:00Z"),
        ]
        assert self.texts(corpus, "story", "ferr") == ["Ferries at night", "Ferry robots", "The night ferry"]
        assert self.texts(corpus, "story", "erry") == []

    def test_several_words_stand_one_after_the_other_and_the_last_may_be_unfinished(self) -> None:
        corpus = [make_story("1", title="A night ferry for the quiet night"), make_story("2", title="Ferry night")]
        assert self.texts(corpus, "story", "night fer") == ["A night ferry for the quiet night"]
        assert self.texts(corpus, "story", "for the quiet n") == ["A night ferry for the quiet night"]
        assert self.texts(corpus, "story", "for the loud n") == []
        assert self.texts(corpus, "story", "ferry ") == ["Ferry night", "A night ferry for the quiet night"]
        assert self.texts(corpus, "story", "ferr ") == []

    def test_of_forms_that_find_the_same_the_one_typed_most_is_suggested_with_what_it_finds(self) -> None:
        titles = ["Ferries", "Ferries again", "A ferry", "Ferrous"]
        corpus = [make_story(str(n), title=title) for n, title in enumerate(titles)]
        found = self.complete(corpus, "query", "ferr")
        assert found == [
            Suggestion(type="query", text="ferries", id=None, count=3),
            Suggestion(type="query", text="ferrous", id=None, count=1),
        ]
        assert self.texts(corpus, "query", "ferry") == ["ferry"]

    def test_two_words_are_suggested_that_are_neighbours_in_three_titles(self) -> None:
        corpus = [make_story(str(n), title=f"Night ferry {n}", summary="open day") for n in range(3)]
        corpus += [make_story(str(n), title="Night train") for n in (3, 4)]
        corpus.append(make_story("5", title="A ferry in the night"))
        found = self.complete(corpus, "query", "night")
        assert found == [
            Suggestion(type="query", text="night", id=None, count=6),
            Suggestion(type="query", text="night ferry", id=None, count=4),
        ]
        assert self.texts(corpus, "query", "ferr") == ["ferry", "night ferry"]
        assert self.texts(corpus, "query", "day") == ["day"]

    def test_a_suggested_query_finds_as_many_stories_as_it_says(self) -> None:
        corpus = [make_story(str(n), title=title) for n, title in enumerate(["İstanbul", "Ferries", "Ferry U.S. c3po"])]
        with self.serve(corpus) as engine:
            for text in ("i", "f", "u", "c"):
                typed = parse_typed_text(text)
                assert typed
                found = engine.complete("query", typed, 10)
                assert found
                for suggestion in found:
                    query = SearchQuery(tree=parse_query(suggestion.text, ()))
                    assert engine.search_stories(query).total == suggestion.count > 0

    def test_a_title_that_several_stories_have_is_suggested_once_as_the_newest(self) -> None:
        corpus = [make_story(str(n), title="Same", published_at=f"2025-01-0{n}T00:00:00Z") for n in range(1, 9)]
        assert self.complete(corpus, "story", "sam", 2) == [Suggestion(type="story", text="Same", id="8", count=1)]

    def test_topics_and_publishers_come_by_how_many_stories_have_them(self) -> None:
        corpus = [
            make_story("1", topics=["Robots", "Rockets"], sources=[{"publisher": {"name": "Rock Review"}}]),
            make_story("2", topics=["Rockets", "Big Robots"]),
        ]
        assert self.complete(corpus, "topic", "ro") == [
            Suggestion(type="topic", text="Rockets", id="rockets", count=2),
            Suggestion(type="topic", text="Robots", id="robots", count=1),
            Suggestion(type="topic", text="Big Robots", id="big-robots", count=1),
        ]
        assert self.complete(corpus, "publisher", "rev") == [
            Suggestion(type="publisher", text="Rock Review", id="rock-review", count=1)
        ]

    def test_what_only_deleted_stories_had_is_never_suggested(self) -> None:
        # What ServesUpdated builds first and takes out again begins so.
        with self.serve([make_story("1", title="Zebra")]) as engine:
            typed = parse_typed_text("zz")
            assert typed
            assert all(engine.complete(kind, typed, 10) == [] for kind in KINDS)

    @pytest.mark.parametrize("text", ["\ud800", "\x00a", "日" * 500, "a " * 250, "\u0301", "ͺ"])
    def test_no_text_that_is_typed_is_an_error(self, text: str) -> None:
        typed = parse_typed_text(text)
        if typed:
            with self.serve([make_story("1")]) as engine:
                assert all(engine.complete(kind, typed, 3) == [] for kind in KINDS)

    def test_a_text_that_is_too_long_to_choose_from_a_list_is_not_suggested(self) -> None:
        texts = {"1": "Tide " + "x" * (MAX_SUGGESTED - 5), "2": "Tide " + "x" * (MAX_SUGGESTED - 4)}
        corpus = [
            make_story(ident, title=text, topics=[text], sources=[{"publisher": {"name": text}}])
            for ident, text in texts.items()
        ]
        for kind in ("story", "topic", "publisher"):
            assert [one.text for one in self.complete(corpus, kind, "tide")] == [texts["1"]], kind


class _Plain(LookupContract):
    kind = WhooshKind()
