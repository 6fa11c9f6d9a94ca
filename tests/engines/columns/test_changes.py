"""Updates write the same label counts and facet tables as a build of all stories, and share unchanged files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import generations
from index.documents.story import Story
from index.engines import indexed, label_counts
from index.engines.columns.build.writer import facet_path, read_labels, update_facets, write_facets
from index.engines.columns.format.layout import STORIES, read_segments
from index.engines.columns.search.collection import Collection
from index.engines.label_counts import IncrementalLabelCounts, LabelCounts, read_publishers
from index.indexer import delete_stories, update_index
from index.live import LiveIndex
from tests.support.factories import build_stories, make_story, write_stories

_names = st.sampled_from(("AI", "ai", "Ai", "Chips", "chips", "日本", "Æ"))
_publishers = st.sampled_from(
    ({"name": "Reuters"}, {"name": "REUTERS", "domain": "reuters.com"}, {"name": "cnn.com"}, {"name": "A\tB\nC"})
)
_sources = st.builds(
    lambda number, publisher: {"url": f"https://{number}.example.com/", "title": "T", "publisher": publisher},
    st.integers(0, 3),
    _publishers,
)
_stories = st.builds(
    lambda ident, topics, curator, sources: make_story(ident, topics=topics, curated_by=curator, sources=sources),
    st.sampled_from("abcde"),
    st.lists(_names, max_size=3),
    st.sampled_from(("", "Ada", "ada", "Bo\tb")),
    st.lists(_sources, max_size=2),
)


def count_all(stories: list[Story], directory: Path) -> int:
    """Write label counts and facet tables as a build of ``stories`` does; returns the number of publishers."""
    label_counter = LabelCounts()
    for story in stories:
        label_counter.add(story, indexed.labels_of(story))
        for source in story.sources:
            label_counter.count_source(source)
    write_facets(directory, label_counter.labels())
    return label_counter.write(directory)


def change(stories: dict[str, Story], changes: list[Story], base: Path, directory: Path) -> int:
    """Write label counts and facet tables as an update of ``base`` does; returns the number of publishers.

    A story of ``changes`` that is in ``stories`` in the same form is deleted; any other is added or replaced.
    """
    label_counter = IncrementalLabelCounts(base)
    for story in changes:
        before = stories.pop(story.id, None)
        if before:
            label_counter.remove(before, indexed.labels_of(before))
            for source in before.sources:
                label_counter.count_source(source, -1)
        if story != before:
            stories[story.id] = story
            label_counter.add(story, indexed.labels_of(story))
            for source in story.sources:
                label_counter.count_source(source)
    update_facets(directory, base, label_counter.changed_labels())
    return label_counter.write(directory)


@pytest.mark.parametrize("most", [0, 4, 1_000])
@settings(max_examples=60, deadline=None)
@given(st.lists(_stories, max_size=4), st.lists(st.lists(_stories, max_size=3), min_size=1, max_size=4))
def test_counts_and_facet_tables_after_updates_are_those_of_a_build(
    most: int, first: list[Story], updates: list[list[Story]]
) -> None:
    stories = {story.id: story for story in first}
    with tempfile.TemporaryDirectory() as name, patch.object(label_counts, "_MAX_CHANGES", most):
        base = Path(name) / "0"
        base.mkdir()
        count_all(list(stories.values()), base)
        for number, changes in enumerate(updates, start=1):
            directory, fresh = Path(name) / f"{number}", Path(name) / f"{number}-fresh"
            directory.mkdir()
            fresh.mkdir()
            count = change(stories, changes, base, directory)
            assert count == count_all(list(stories.values()), fresh)
            assert read_publishers(directory) == read_publishers(fresh)
            assert read_labels(directory) == read_labels(fresh)
            for facet in STORIES.facets:
                assert facet_path(directory, facet).read_bytes() == facet_path(fresh, facet).read_bytes()
            base = directory


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=20), st.lists(st.text(max_size=3), max_size=5))
def test_a_line_is_found_by_its_key(numbers: dict[str, int], others: list[str]) -> None:
    lines = sorted((label_counts._key("facet", key), str(number).encode()) for key, number in numbers.items())
    text = b"".join(key + b"\t" + number + b"\n" for key, number in lines)
    for key in (*numbers, *others):
        expected = str(numbers[key]).encode() if key in numbers else None
        assert label_counts._find_line(text, label_counts._key("facet", key)) == expected


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_stories(tmp_path / "index", [make_story(ident, topics=["AI"]) for ident in "abc"])


def open_stories(root: Path) -> Collection:
    directory = generations.find_current(root)
    return Collection(directory, STORIES, read_segments(directory))


def test_generations_share_an_unchanged_segment(root: Path) -> None:
    before = open_stories(root)
    delete_stories(root, ["b"])
    after = open_stories(root)
    assert after.segments[0].text_impacts is before.segments[0].text_impacts
    assert after.segments[0].find_term is before.segments[0].find_term
    # Each generation has its own deletions.
    assert before.segments[0].deleted is None
    deleted = after.segments[0].deleted
    assert deleted is not None
    assert np.count_nonzero(deleted) == 1
    assert before.find("b")
    assert not after.find("b")


def test_closing_one_generation_leaves_the_segments_of_another(root: Path) -> None:
    before = open_stories(root)
    delete_stories(root, ["b"])
    after = open_stories(root)
    before.close()
    doc = after.find("a")
    assert doc
    assert doc.segment.read_id(doc.number) == b"a"
    # These terms are not in the cache.
    assert doc.segment.find_term("stori") is not None
    assert doc.segment.find_term("missing") is None


def test_an_update_shares_the_files_that_it_does_not_change(root: Path, tmp_path: Path) -> None:
    before = generations.find_current(root)
    names = ("ids.txt", "census.tsv", "publishers.ndjson", "facet_topic.json", "facet_domain.json")
    inodes = {name: (before / name).stat().st_ino for name in names}
    held = LiveIndex(root)
    with held.borrow():
        update_index(root, [write_stories(tmp_path / "1.ndjson", [make_story("a", title="New", topics=["AI"])])])
        after = generations.find_current(root)
        assert {name: (after / name).stat().st_ino for name in names} == inodes
        update_index(root, [write_stories(tmp_path / "2.ndjson", [make_story("a", title="New", topics=["Chips"])])])
        last = generations.find_current(root)
        assert {name for name in names if (last / name).stat().st_ino != inodes[name]} == {"facet_topic.json"}
    held.close()
