"""What index/engines/base.py promises of stories of extreme texts, each alone in its segment."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from index.documents import Story
from index.highlight import Marker, query_terms
from index.language import parse_query
from index.query import FacetRequest, Marking, SearchQuery
from index.schema import WORD
from tests.engines.brute_force import BruteForce
from tests.engines.contract_lookups import CHECKED, ServesCorpora
from tests.factories import make_story
from tests.strategies import stories

EXTREMES = {
    "a word of 255 letters": "x" * 255,
    "a word of 256 letters": "x" * 256,
    "a word of 70,000 letters": "x" * 70_000,
    "long words beside short ones": ("short " + "y" * 300 + " ") * 50,
    "25,000 words": " ".join(f"w{number % 900}" for number in range(25_000)),
    "70,000 different words": " ".join(f"w{number}" for number in range(70_000)),
    "one word 70,000 times": "ferry " * 70_000,
    "one letter": "a",
    "stop words alone": "the and of " * 100,
    "punctuation alone": "... -- !? " * 100,
    "emoji": "👩‍🚀🤖 " * 500,
    "letters with a thousand accents": ("e" + "\u0301" * 1000 + " ") * 3,
    "Chinese without blanks": "漢字仮名" * 2000,
    "from right to left": "ספינה سفينة " * 500,
    "quotes and backslashes": '\\"' * 5000 + " end",
    "tabs and line breaks": "one\ttwo\nthree\r\n" * 500,
    "a word of many parts": ".".join(["part"] * 500),
    "capitals that grow in lower case": "İ" * 300,
}
_CHARACTERS = st.characters(exclude_categories=("Cc", "Cs"))
FIELDS = ("title", "summary", "topic", "body", "heading", "excerpt", "publisher", "author")


def make_extreme(field: str, text: str, ident: str = "1") -> Story:
    """A story with ``text`` in one of its fields."""
    fields: dict[str, object] = {}
    if field in ("title", "summary"):
        fields[field] = text
    elif field == "topic":
        fields["topics"] = [text]
    elif field in ("body", "heading"):
        paragraphs = [{"text": text if field == "body" else "A paragraph"}]
        fields["sections"] = [{"heading": text if field == "heading" else "", "paragraphs": paragraphs}]
    else:
        value: object = {"name": text} if field == "publisher" else text
        fields["sources"] = [{"url": "https://example.com/1", "title": "A source", field: value}]
    return make_story(ident, **fields)


class ExtremeContract(ServesCorpora):
    """Any text in any field can be built, looked up, searched and marked."""

    @pytest.mark.parametrize("field", ["title", "body"])
    @pytest.mark.parametrize("kind", EXTREMES)
    def test_a_story_of_an_extreme_text_is_a_segment_by_itself(self, field: str, kind: str) -> None:
        self._check([make_extreme(field, EXTREMES[kind])])

    @pytest.mark.parametrize("field", FIELDS)
    def test_stories_of_all_extreme_texts_are_one_segment(self, field: str) -> None:
        short = [text for text in EXTREMES.values() if len(text) < 20_000]
        self._check([make_extreme(field, text, str(number)) for number, text in enumerate(short)])

    @CHECKED
    @given(
        stories(), st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=5), st.integers(1, 400)
    )
    def test_any_text_repeated_is_searched_and_marked_as_its_twin_says(
        self, story: Story, part: str, times: int
    ) -> None:
        self._check([replace(story, summary=part * times)])

    def _check(self, corpus: Sequence[Story]) -> None:
        truth = BruteForce(corpus)
        marking = Marking()
        with self.serve(corpus) as engine:
            assert engine.find_stories([story.id for story in corpus]) == list(corpus)
            for text in _find_queries(corpus):
                tree = parse_query(text, ())
                query = SearchQuery(tree, facets=FacetRequest(("topic", "publisher")), limit=50, marking=marking)
                page = engine.search_stories(query)
                assert {hit.id for hit in page.hits} == {story.id for story in truth.match_stories(query)}
                assert page.total == len(page.hits)
                marker = Marker(query, marking, engine.find_rarities(query_terms(tree)))
                for hit in page.hits:
                    assert hit.marks == marker.mark(truth.stories[hit.id])


def _find_queries(corpus: Sequence[Story]) -> list[str]:
    """A word, a phrase and a beginning of the texts, and everything."""
    texts = [text for story in corpus for text in (story.title, story.summary, story.body) if text]
    words = [word[:300] for text in texts for word in WORD.findall(text[:2000])[:2]]
    return ["", *words, f'"{" ".join(words[:2])}"', f"{words[0][:3]}*" if words else ""]
