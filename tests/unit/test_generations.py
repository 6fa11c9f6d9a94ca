"""Which generation is current, what is told of a broken one, and which may go."""

from __future__ import annotations

import contextlib
import gc
import shutil
from pathlib import Path

import pytest

from index import generations
from index.errors import IndexDamaged, IndexUnavailable, VersionMismatch
from index.live import LiveIndex
from index.query.requests import SearchQuery
from tests.support.factories import build_stories, change_manifest, make_story

STORY = make_story("1", topics=["AI"], sources=[{"title": "A source", "publisher": {"name": "Reuters"}}])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_stories(tmp_path / "index", [STORY])


@pytest.fixture
def directory(root: Path) -> Path:
    return generations.directory_of(root) / generations.read_current(root)


def ask(root: Path) -> int:
    """The number of stories that the index at ``root`` answers with."""
    live = LiveIndex(root)
    try:
        with live.borrow() as generation:
            generation.story_ids.find_similar("1")
            return generation.engine.search_stories(SearchQuery()).total
    finally:
        live.close()


def test_where_nothing_was_built_it_is_said_how_to(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(IndexUnavailable, match="outpost build"):
            ask(root)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\xff\xfe", b"g1", b"../../etc/passwd", b"g1-s1-f1/..", b"x" * 10_000, b"g1-s1-f1 g2-s1-f1"],
)
def test_a_current_that_names_no_generation_is_a_clear_error(root: Path, content: bytes) -> None:
    (root / "current").write_bytes(content)
    with pytest.raises(IndexUnavailable, match="current") as caught:
        ask(root)
    assert len(str(caught.value)) < 400 + len(str(root))


def test_a_current_that_names_a_generation_that_is_not_there_is_a_clear_error(root: Path) -> None:
    generations.write_current(root, "g99-s1-f5")
    with pytest.raises(IndexUnavailable, match="g99-s1-f5"):
        ask(root)


def test_a_current_that_is_a_directory_is_a_clear_error(root: Path) -> None:
    (root / "current").unlink()
    (root / "current").mkdir()
    with pytest.raises(IndexUnavailable, match="current"):
        ask(root)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"schema_version": 999}, "schema version is 999"),
        ({"format_version": 999}, "format version is 999"),
        ({"engine": "whoosh"}, "engine is whoosh"),
    ],
)
def test_a_generation_of_another_version_says_so_and_what_to_do(
    root: Path, directory: Path, changes: dict[str, object], what: str
) -> None:
    change_manifest(directory, **changes)
    with pytest.raises(VersionMismatch, match=what) as caught:
        ask(root)
    assert "outpost build" in str(caught.value)


def test_a_manifest_with_a_field_that_no_version_writes_is_damaged(root: Path, directory: Path) -> None:
    change_manifest(directory, colour="red")
    with pytest.raises(IndexDamaged, match="colour"):
        ask(root)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x00" * 100, b'{"generation": 5}', b"\xff"])
def test_a_manifest_that_is_not_whole_is_a_clear_error(root: Path, directory: Path, content: bytes) -> None:
    (directory / "manifest.json").write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"manifest\.json"):
        ask(root)


def files_of(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file() and p.name != "manifest.json")


def test_every_file_that_is_missing_or_cut_or_longer_is_named(root: Path, directory: Path, tmp_path: Path) -> None:
    assert len(files_of(directory)) > 5
    for path in files_of(directory):
        kept = path.read_bytes()
        name = str(path.relative_to(directory))
        path.unlink()
        with pytest.raises(IndexDamaged) as missing:
            ask(root)
        assert f"{name} is missing" in str(missing.value)
        for other in (kept[:-1], kept + b"x"):
            if other != kept:
                path.write_bytes(other)
                with pytest.raises(IndexDamaged) as cut:
                    ask(root)
                assert f"{name} has {len(other)} bytes instead of {len(kept)}" in str(cut.value)
        path.write_bytes(kept)
    assert ask(root) == 1


# Whoosh leaves files that it fails to read to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.parametrize("fill", [b"\x00", b"\xff", b"7"])
def test_a_file_of_the_right_size_and_wrong_content_is_damage_or_does_no_harm(
    root: Path, directory: Path, fill: bytes
) -> None:
    for path in files_of(directory):
        kept = path.read_bytes()
        path.write_bytes(fill * len(kept))
        with contextlib.suppress(IndexDamaged):
            assert ask(root) == 1, path
        path.write_bytes(kept)
    assert ask(root) == 1
    gc.collect()


def test_a_generation_that_is_gone_cannot_be_held(tmp_path: Path, directory: Path) -> None:
    shutil.rmtree(directory)
    assert generations.lock_shared(directory) is None


def test_only_generations_that_are_neither_current_nor_held_are_removed(root: Path, directory: Path) -> None:
    for name in ("g7-s1-f1", "g8-s1-f1", "g9-s2-f2"):
        shutil.copytree(directory, directory.parent / name)
    (directory.parent / "notes").mkdir()
    held = generations.lock_shared(directory.parent / "g8-s1-f1")
    assert held is not None
    with held:
        assert generations.remove_unused(root) == ["g7-s1-f1", "g9-s2-f2"]
    assert {path.name for path in directory.parent.iterdir()} == {directory.name, "g8-s1-f1", "notes"}
    assert ask(root) == 1


def test_a_generation_without_a_manifest_does_not_stop_the_removal_of_others(root: Path, directory: Path) -> None:
    (directory.parent / "g7-s1-f1").mkdir()
    shutil.copytree(directory, directory.parent / "g8-s1-f1")
    assert "g8-s1-f1" in generations.remove_unused(root)


def test_version_numbers_are_never_used_again(root: Path) -> None:
    generations.write_current(root, "g41-s1-f1")
    version, directory = generations.start_directory(root)
    assert version == 42
    assert directory.name == "building-g42"
    assert not list(directory.iterdir())


def test_an_index_that_may_only_be_read_serves(root: Path) -> None:
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert ask(root) == 1
    finally:
        for path in paths:
            path.chmod(0o700)


def test_no_file_stays_open_after_questions_and_errors(root: Path, directory: Path) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    ask(root)
    before = opened()
    ask(root)
    change_manifest(directory, schema_version=999)
    with pytest.raises(VersionMismatch):
        ask(root)
    assert opened() == before
