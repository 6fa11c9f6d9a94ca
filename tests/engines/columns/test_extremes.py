"""Texts that are too long for the engine contract suite: lengths and positions that exceed 8 and 16 bits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from index.analysis.schema import STORY_DEFAULTS
from index.documents.story import EARLIEST, LATEST, Paragraph, Publisher, Section, Source, Story
from index.engines.base import Engine, GenerationWriter
from index.engines.columns import ColumnsKind
from index.query.highlight import HitHighlighter, query_terms
from index.query.language import parse_query
from index.query.requests import FACETS, FacetRequest, HighlightOptions, SearchQuery, Sort
from index.query.results import IndexStatus
from tests.support.factories import make_story

KIND = ColumnsKind()
LONG = {
    "a word of 100,000 letters": "chip " + "y" * 100_000 + " chip",
    "words of 65,535 and 65,536 bytes": "chip " + "y" * 65_535 + " " + "字" * 21_845 + "y chips",
    "gaps of 65,535 and 65,536 bytes": "chip " + "-" * 65_534 + "chip" + "—" * 21_845 + "-chips",
    "25,000 words": "chip " + " ".join(f"w{number}" for number in range(25_000)),
    "70,000 words": "chip " + " ".join(f"w{number}" for number in range(70_000)),
    "a word 70,000 times": "chip " * 70_000,
    "a million characters of one word": "chip " + "robot " * 166_666,
    "a quarter of a million blanks": "chip" + " " * 250_000 + "chip",
}
OTHERS = [make_story("a", title="A chip"), make_story("b", title="Robots", summary="w1 w2")]


@contextmanager
def serve_in_turn(story: Story) -> Iterator[Iterator[tuple[Engine, Sequence[Story]]]]:
    """Generations that have the story alone, added to others, merged with them, and deleted, each with its stories."""
    with tempfile.TemporaryDirectory() as name:
        yield _iter_generations(Path(name), story)


def _iter_generations(root: Path, story: Story) -> Iterator[tuple[Engine, Sequence[Story]]]:
    names = ("alone", "base", "added", "merged", "deleted")
    alone, base, added, merged, deleted = directories = [root / name for name in names]
    for directory in directories:
        directory.mkdir()
    yield from _open(alone, [story], KIND.make_writer(alone))
    yield from _open(base, OTHERS, KIND.make_writer(base))
    updater = KIND.make_updater(added, base)
    updater.add(story)
    yield from _reopen(added, updater.finish(), [*OTHERS, story])
    yield from _reopen(merged, KIND.make_updater(merged, added).merge(), [*OTHERS, story])
    updater = KIND.make_updater(deleted, merged)
    assert updater.delete(story.id)
    yield from _reopen(deleted, updater.finish(), OTHERS)


def _open(
    directory: Path, stories: Sequence[Story], writer: GenerationWriter
) -> Iterator[tuple[Engine, Sequence[Story]]]:
    for story in stories:
        writer.add(story)
    yield from _reopen(directory, writer.finish(), stories)


def _reopen(directory: Path, status: IndexStatus, stories: Sequence[Story]) -> Iterator[tuple[Engine, Sequence[Story]]]:
    engine = KIND.open(directory, status)
    try:
        yield engine, stories
    finally:
        engine.close()


@pytest.mark.parametrize("name", LONG)
def test_a_story_with_a_long_text_is_found_and_highlighted(name: str) -> None:
    text = LONG[name]
    sources = (Source(title=text, excerpt=text, author=text, publisher=Publisher(name="P")), Source(title="chip"))
    story = Story(
        id="1",
        title=text,
        summary=text,
        sections=(Section(heading="chip", paragraphs=(Paragraph(text=text),)),),
        sources=sources,
    )
    with serve_in_turn(story) as generations:
        for engine, stories in generations:
            known = {one.id: one for one in stories}
            tree = parse_query('chip OR "chip chip" OR rob* OR w6999*', STORY_DEFAULTS)
            query = SearchQuery(
                tree=tree, sort=Sort.RELEVANCE, facets=FacetRequest(names=FACETS), highlighting=HighlightOptions()
            )
            hits = engine.search_stories(query).hits
            assert {hit.id for hit in hits} == set(known)
            highlighter = HitHighlighter(query, HighlightOptions(), engine.find_idfs(query_terms(tree)))
            for hit in hits:
                assert hit.highlights == highlighter.highlight(known[hit.id])
            assert set(engine.iter_documents(SearchQuery())) == {msgspec.json.encode(one) for one in stories}
            engine.find_similar(story, 3, frozenset())


def test_long_phrases_of_repeated_words_match() -> None:
    text = "x y " * 3000 + "x " * 9000
    with serve_in_turn(make_story("1", title="T", summary=text, sections=[{"heading": text}])) as generations:
        for engine, stories in generations:
            there = len(stories) != len(OTHERS)
            for phrase, found in (
                ("x " * 250, True), ("x " * 249 + "y", False), ("x y " * 120, True), ("y " + "x " * 200, True),
                ("y y", False), ("x " * 9000, True), ("x " * 9001, False),
            ):  # fmt: skip
                query = SearchQuery(tree=parse_query(f'summary:"{phrase}"', STORY_DEFAULTS))
                assert engine.search_stories(query).total == (found and there), phrase[:20]


def test_ties_are_broken_by_id_even_at_the_earliest_and_latest_time() -> None:
    for time in (EARLIEST, LATEST - timedelta(microseconds=1)):
        stories = [make_story(f"{n:02}", title="chip " + "y" * 300, published_at=time.isoformat()) for n in range(40)]
        with tempfile.TemporaryDirectory() as name:
            for engine, _ in _open(Path(name), stories, KIND.make_writer(Path(name))):
                for sort in Sort:
                    query = SearchQuery(tree=parse_query("chip", ()), sort=sort, recency=1.0, limit=40)
                    assert [hit.id for hit in engine.search_stories(query).hits] == [story.id for story in stories]
                assert engine.get_status().newest == time


def test_a_story_with_thousands_of_parts_is_indexed_and_returned() -> None:
    story = make_story(
        "1",
        topics=[f"topic {n}" for n in range(3000)],
        sections=[{"heading": "a chip", "paragraphs": [{"text": "x", "citations": [1000]}]} for _ in range(3000)],
        sources=[
            {"url": f"https://{n}.example.com/", "title": f"w{n} chip", "publisher": {"name": f"Publisher {n}"}}
            for n in range(1000)
        ],
        related=[f"r{n}" for n in range(3000)],
    )
    with serve_in_turn(story) as generations:
        for engine, stories in generations:
            query = SearchQuery(
                tree=parse_query("source:w999 topic:2999", ("source", "topic")),
                facets=FacetRequest(names=FACETS, size=5),
                highlighting=HighlightOptions(),
            )
            page = engine.search_stories(query)
            if len(stories) == len(OTHERS):
                assert page.total == 0
                continue
            (hit,) = page.hits
            assert hit.highlights.endswith(b'"matched_sources":[1000]}')
            assert (page.facets["topic"].other, page.facets["publisher"].other) == (2995, 995)
            assert engine.find_stories(["1"]) == [story]
