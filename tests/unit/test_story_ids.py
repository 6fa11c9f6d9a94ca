"""What an index knows of stories that it has no more, and of ids that were mistyped."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.files import story_ids
from index.files.story_ids import StoryIds, update_story_ids, write_story_ids


def make_ids(directory: Path, present: list[str], before: StoryIds | None = None) -> StoryIds:
    directory.mkdir()
    write_story_ids(directory, present, before)
    return StoryIds(directory)


def test_a_story_is_removed_when_an_earlier_generation_had_it(tmp_path: Path) -> None:
    first = make_ids(tmp_path / "1", ["a", "b"])
    second = make_ids(tmp_path / "2", ["b", "c"], first)
    assert not first.was_removed("a")
    assert [ident for ident in "abcd" if second.was_removed(ident)] == ["a"]


def test_removals_are_remembered_over_generations_until_the_story_comes_back(tmp_path: Path) -> None:
    first = make_ids(tmp_path / "1", ["a", "b"])
    second = make_ids(tmp_path / "2", ["b"], first)
    third = make_ids(tmp_path / "3", ["c"], second)
    assert third.was_removed("a")
    assert third.was_removed("b")
    fourth = make_ids(tmp_path / "4", ["a", "c"], third)
    assert not fourth.was_removed("a")
    assert fourth.was_removed("b")


def test_a_mistyped_id_finds_those_that_look_like_it(tmp_path: Path) -> None:
    ids = make_ids(tmp_path / "1", [str(number) for number in range(31_000, 31_500)] + ["robots-at-sea"])
    assert "31141" in ids.find_similar("311141")
    assert len(ids.find_similar("31141x")) <= 3
    assert ids.find_similar("robots-at-see") == ("robots-at-sea",)
    assert ids.find_similar("zzz") == ()


@pytest.mark.parametrize("ident", ["", "\ud800", "日本", "x" * 10_000, "a\nb"])
def test_any_text_may_be_asked_for(tmp_path: Path, ident: str) -> None:
    ids = make_ids(tmp_path / "1", ["a", "b"])
    assert not ids.was_removed(ident)
    assert isinstance(ids.find_similar(ident), tuple)


def test_a_generation_after_none_has_lost_nothing(tmp_path: Path) -> None:
    assert make_ids(tmp_path / "1", ["a"]).all_ever() == {"a"}


_idents = st.sets(st.sampled_from("abcdefgh"), max_size=4)


@pytest.mark.parametrize("most", [0, 2, 100])
@settings(max_examples=60, deadline=None)
@given(_idents, st.lists(st.tuples(_idents, _idents), max_size=5))
def test_ids_after_updates_are_those_that_came_without_those_that_went(
    most: int, first: set[str], updates: list[tuple[set[str], set[str]]]
) -> None:
    present, ever = set(first), set(first)
    with tempfile.TemporaryDirectory() as name, patch.object(story_ids, "_MAX_ADDED", most):
        base = Path(name) / "0"
        make_ids(base, sorted(first))
        for number, (added, removed) in enumerate(updates, start=1):
            directory = Path(name) / str(number)
            directory.mkdir()
            removed = (removed & present) - added
            update_story_ids(directory, base, added, removed)
            present, ever, base = (present | added) - removed, ever | added, directory
            ids = StoryIds(directory)
            assert ids.present() == present
            assert ids.all_ever() == ever
            assert {ident for ident in "abcdefgh" if ids.was_removed(ident)} == ever - present
