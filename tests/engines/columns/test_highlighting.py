"""What the kernels mark in stored bytes is what index/query/highlight.py marks in texts, byte by byte."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.analysis import schema
from index.analysis.schema import MAX_TEXT, STORY_DEFAULTS, STORY_FIELDS
from index.deadline import Deadline
from index.documents.story import Paragraph, Section, Source, Story
from index.engines.columns.build.writer import ColumnsWriter
from index.engines.columns.engine import ColumnsEngine
from index.engines.columns.search import highlighting
from index.query.highlight import HitHighlighter, query_terms
from index.query.language import parse_query
from index.query.requests import HighlightOptions, SearchQuery
from index.query.tree import Node
from tests.engines.columns.running import MODULES, Checked
from tests.support.extremes import extreme_texts
from tests.support.strategies import any_text, markings, trees

FIELDS = tuple(field.name for field in STORY_FIELDS)
# What HTML and JSON escape, what separates words, stop words, words that meet, that lower case makes longer, no ASCII.
_PIECES = st.sampled_from(
    (*"<>&\"'\\\n\t.,", "&amp;", "\\n", "\\u0041", "…", " ", " ", "the", "of", "chip", "Chips", "relate", "relations",
     "x", "U.S.", "İx", "東京", "👩‍💻", "é")
)  # fmt: skip
_texts = st.lists(st.one_of(_PIECES, _PIECES, any_text), max_size=30).map(" ".join)
_glued = st.lists(_PIECES, max_size=30).map("".join)
hostile = st.one_of(_texts, _glued)


@st.composite
def hostile_stories(draw: st.DrawFn) -> Story:
    title = draw(hostile.filter(str.strip))
    body = tuple(
        Section(heading=draw(hostile), paragraphs=(Paragraph(text=draw(hostile)),))
        for _ in range(draw(st.integers(0, 2)))
    )
    sources = tuple(Source(title=draw(hostile)) for _ in range(draw(st.integers(0, 12))))
    return Story(id="1", title=title, summary=draw(hostile), sections=body, sources=sources)


@st.composite
def extreme_stories(draw: st.DrawFn) -> Story:
    sources = tuple(Source(title=draw(extreme_texts)) for _ in range(draw(st.integers(0, 4))))
    title = draw(extreme_texts.filter(str.strip))
    return Story(
        id="1",
        title=title,
        summary=draw(extreme_texts),
        sections=(Section(heading=draw(extreme_texts)),),
        sources=sources,
    )


@contextmanager
def serve(stories: Sequence[Story]) -> Iterator[ColumnsEngine]:
    with tempfile.TemporaryDirectory() as directory:
        writer = ColumnsWriter(Path(directory))
        for story in stories:
            writer.add(story)
        engine = ColumnsEngine(Path(directory), writer.finish())
        yield engine
        engine.close()


def expect_marks(engine: ColumnsEngine, stories: Sequence[Story], query: SearchQuery, how: HighlightOptions) -> None:
    """Every story, whether it matches or not."""
    highlighter = HitHighlighter(query, how, engine.find_idfs(query_terms(query.tree)))
    top = engine.match_stories(SearchQuery())
    hits = highlighting.make_hits(top.docs, _with(query, how), engine.find_idfs, Deadline(60))
    known = {story.id: story for story in stories}
    assert len(hits) == len(stories)
    for hit in hits:
        assert hit.highlights.decode() == highlighter.highlight(known[hit.id]).decode()


def _with(query: SearchQuery, how: HighlightOptions) -> SearchQuery:
    return SearchQuery(tree=query.tree, search_in=query.search_in, highlighting=how)


def query_of(text: str) -> SearchQuery:
    return SearchQuery(tree=parse_query(text, FIELDS))


@contextmanager
def checked_kernels() -> Iterator[None]:
    """The kernels as plain Python, every index into what is stored checked."""
    with ExitStack() as stack:
        for module in (*MODULES, highlighting):
            for name, kernel in [(name, one) for name, one in vars(module).items() if hasattr(one, "py_func")]:
                stack.enter_context(patch.object(module, name, kernel.py_func))
        yield


@settings(max_examples=150, deadline=None)
@given(hostile_stories(), st.lists(trees(FIELDS), min_size=4, max_size=8), markings)
def test_the_kernels_mark_what_reading_marks(story: Story, queries: list[Node | None], how: HighlightOptions) -> None:
    with serve([story]) as engine:
        for tree in queries:
            for search_in in (STORY_DEFAULTS, ("title",), ("body", "source")):
                expect_marks(engine, [story], SearchQuery(tree=tree, search_in=search_in), how)


@settings(max_examples=25, deadline=None)
@given(hostile_stories(), trees(FIELDS), markings)
def test_the_kernels_reach_for_nothing_that_is_not_there(
    story: Story, tree: Node | None, how: HighlightOptions
) -> None:
    with serve([story]) as engine:
        stored_hits = engine._stories.segments[0].stored_hits
        assert stored_hits is not None
        stored_hits.arrays = tuple(array.view(Checked) for array in stored_hits.arrays)
        with checked_kernels():
            expect_marks(engine, [story], SearchQuery(tree=tree), how)


@settings(max_examples=100, deadline=None)
@given(
    extreme_stories(), st.lists(trees(FIELDS), min_size=3, max_size=5), markings, st.sampled_from((3, 20, 300, 9999))
)
def test_long_words_gaps_and_texts_are_marked_as_reading_marks_them(
    story: Story, queries: list[Node | None], how: HighlightOptions, most: int
) -> None:
    with patch.object(schema, "MAX_TEXT", most), serve([story]) as engine:
        for tree in (*queries, parse_query("chip OR robot OR x*", FIELDS)):
            expect_marks(engine, [story], SearchQuery(tree=tree), how)


@settings(max_examples=15, deadline=None)
@given(extreme_stories(), trees(FIELDS), markings, st.sampled_from((3, 20, 300)))
def test_the_kernels_reach_for_nothing_that_is_not_there_in_long_texts(
    story: Story, tree: Node | None, how: HighlightOptions, most: int
) -> None:
    with patch.object(schema, "MAX_TEXT", most), serve([story]) as engine:
        stored_hits = engine._stories.segments[0].stored_hits
        assert stored_hits is not None
        stored_hits.arrays = tuple(array.view(Checked) for array in stored_hits.arrays)
        with checked_kernels():
            expect_marks(engine, [story], SearchQuery(tree=tree), how)


_words = st.lists(st.sampled_from(("alpha", "Alphas", "bravo", "the", "filler", "filler", "x'")), max_size=80)


@settings(max_examples=100, deadline=None)
@given(
    _words.map(" ".join),
    st.sampled_from(
        ("alpha", "alpha bravo", '"alpha bravo" x', "al*", "b* alpha", '"bravo filler" "filler the alpha"')
    ),
    st.integers(1, 20),
)
@example("filler " * 30 + "alpha bravo", '"alpha bravo"', 10)
# Eight times the same word says less than two words.
@example("alpha " * 8 + "filler " * 30 + "alpha bravo " + "filler " * 30, "alpha bravo", 10)
@example("bravo, alpha bravo, alpha", 'alpha OR bravo OR "alpha bravo"', 10)
def test_the_kernels_cut_the_same_piece_out_of_a_long_text(text: str, query: str, words: int) -> None:
    stories = [
        Story(id="1", title="A title", sections=(Section(heading=text),)),
        Story(id="2", title="A title", summary=text),
        Story(id="3", title="Alpha", summary="alpha"),
    ]
    with serve(stories) as engine:
        expect_marks(engine, stories, query_of(query), HighlightOptions(words=words))


@pytest.mark.parametrize(
    "text",
    [
        "chip " + "—" * 100 + " chips",  # more than 255 bytes between two words
        "chip " + "字" * 100 + " chips",  # a word of more than 255 bytes
        "chip " + "é" * 200 + " chips",  # one of 400 that is a term too long for Whoosh's sake
        "chip " * (MAX_TEXT // 5) + "chips",
        "a" * (MAX_TEXT - 2) + " chips",  # the end of what is looked at lies within a word
        "chip " * (MAX_TEXT // 5 - 1) + "chipchips",  # and within one that begins before it
        " " * (MAX_TEXT + 1) + "chip",
        "é" * MAX_TEXT + "chip",
        "chip " + "\\" * 127 + " chips",
        "chip " + "\\" * 128 + " chips",
    ],
    ids=range(10),
)
def test_a_text_of_long_words_or_gaps_is_marked_as_any_other(text: str) -> None:
    stories = [
        Story(id="1", title="A chip", summary=text),
        Story(id="2", title=text if text.strip() else "T"),
        Story(id="3", title="A chip", sections=(Section(heading=text),)),
        Story(id="4", title="A chip", sources=(Source(title="x"), Source(title=text), Source(title="chip"))),
    ]
    with serve(stories) as engine:
        expect_marks(engine, stories, query_of("chip"), HighlightOptions())
        expect_marks(engine, stories, query_of(""), HighlightOptions())


def test_as_many_sources_are_searched_as_have_their_titles_in_the_first_characters_of_all() -> None:
    titles = ("chip", "x" * (MAX_TEXT - 8), "chip", "chip", "chip")
    story = Story(id="1", title="T", sources=tuple(Source(title=title) for title in titles))
    with serve([story]) as engine:
        (hit,) = engine.search_stories(
            SearchQuery(tree=parse_query("chip", FIELDS), highlighting=HighlightOptions())
        ).hits
        assert hit.highlights.endswith(b'"matched_sources":[1,3]}')
        expect_marks(engine, [story], query_of("chip"), HighlightOptions())


def test_many_long_stories_are_marked_one_after_the_other() -> None:
    text = "chip robot, " * 8000
    stories = [Story(id=str(n), title=f"T {n}", summary=text[n:], sections=(Section(heading=text),)) for n in range(9)]
    with serve(stories) as engine:
        expect_marks(engine, stories, query_of("chip 'robot chip'"), HighlightOptions())


def test_a_source_is_marked_by_its_number_and_a_phrase_ends_with_its_title() -> None:
    titles = ("", "a new", "chip", "x", "A new, chip", "\n", "new\nchips")
    story = Story(id="1", title="T", sources=tuple(Source(title=title) for title in titles))
    with serve([story]) as engine:
        query = SearchQuery(tree=parse_query('"new chip"', FIELDS), highlighting=HighlightOptions())
        (hit,) = engine.search_stories(query).hits
        assert hit.highlights.endswith(b'"matched_sources":[5,7]}')
        expect_marks(engine, [story], query_of('"new chip" OR x'), HighlightOptions())


def test_a_text_of_nothing_but_matches_is_marked_quickly() -> None:
    story = Story(id="1", title="alpha", sections=(Section(heading="alpha " * 16_000),))
    with serve([story]) as engine:
        expect_marks(engine, [story], query_of("alpha"), HighlightOptions(words=100))
