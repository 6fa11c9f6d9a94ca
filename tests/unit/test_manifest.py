"""The manifest and its files: no bit of either can change unseen, and no manifest leads out of its generation."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import generations
from index.errors import IndexDamaged, IndexUnavailable, VersionMismatch
from index.files import manifest
from index.files.manifest import MANIFEST, Manifest, add_checksum, decode_manifest, encode_manifest
from index.indexer import build_index, delete_stories, update_index
from index.query.results import IndexStatus
from index.stores.directory import DirectoryStore
from tests.support.factories import build_stories, change_manifest, make_story, write_stories

REFUSED = (IndexDamaged, VersionMismatch, IndexUnavailable)
SMALL = 1_000
SAMPLED = 150


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with every kind of file: two segments, one with a deleted story."""
    root = tmp_path_factory.mktemp("manifest") / "index"
    build_stories(root, [make_story(str(n), topics=["AI"], sources=[{"title": "A", "url": "https://a.example/"}])
                         for n in range(3)])  # fmt: skip
    update_index(root, [write_stories(root.with_name("more.ndjson"), [make_story("1", title="Other")])])
    delete_stories(root, ["2"])
    return root


def open_anew(root: Path) -> tuple[Manifest, int]:
    """The index as a process that starts now finds it."""
    manifest._checksums.clear()
    opened = DirectoryStore(root).open_current()
    opened.engine.close()
    opened.release()
    return opened.manifest, opened.engine.get_status().stories


def flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def flip_bits(path: Path, bits: Iterable[int] | None = None) -> Iterator[int]:
    """The file with one bit flipped, one after the other, every one unless some are named; whole again at the end."""
    whole = path.read_bytes()
    # In place: a file that is cut and written anew is written to the disk at once.
    with open(path, "r+b", buffering=0) as file:
        for bit in range(8 * len(whole)) if bits is None else bits:
            os.pwrite(file.fileno(), bytes([whole[bit // 8] ^ 1 << bit % 8]), bit // 8)
            try:
                yield bit
            finally:
                os.pwrite(file.fileno(), whole[bit // 8 : bit // 8 + 1], bit // 8)


def sample_bits(path: Path, count: int) -> list[int]:
    size = 8 * path.stat().st_size
    return random.Random(5).sample(range(size), min(count, size))


def list_files(root: Path) -> list[Path]:
    directory = generations.find_current(root)
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_the_index_has_every_kind_of_file(root: Path) -> None:
    names = {path.name for path in list_files(root)}
    assert {"0001.deleted.npy", "ids.txt", "added.txt", "removed.txt", "segments.json", "census-changes.json"} <= names
    assert {path.parent.name for path in list_files(root)} >= {"0001", "0002"}


def test_every_bit_of_the_manifest_that_flips_is_found(root: Path) -> None:
    path = generations.find_current(root) / MANIFEST
    data, right = path.read_bytes(), open_anew(root)
    assert decode_manifest(data) == right[0]
    for bit in range(8 * len(data)):
        with pytest.raises(ValueError, match="was altered"):
            decode_manifest(flip(data, bit))
    for _ in flip_bits(path, sample_bits(path, SAMPLED)):
        with pytest.raises(IndexDamaged, match=r"manifest\.json was altered"):
            open_anew(root)
    assert open_anew(root) == right


def test_every_bit_of_current_that_flips_is_found_also_where_it_names_another_generation(root: Path) -> None:
    path = root / "current"
    current = generations.find_current(root)
    right = open_anew(root)
    # One that a reader still holds.
    other = current.with_name(current.name.replace("g3", "g2"))
    other.mkdir()
    for bit in flip_bits(path):
        try:
            name = generations.read_current(root)
        except REFUSED:
            continue
        assert name == current.name, f"bit {bit}"
    other.rmdir()
    assert open_anew(root) == right


def test_every_bit_of_a_small_file_that_flips_is_found(root: Path) -> None:
    directory, (right, _) = generations.find_current(root), open_anew(root)
    for path in list_files(root):
        if path.name != MANIFEST and path.stat().st_size <= SMALL:
            name = str(path.relative_to(directory))
            for bit in flip_bits(path):
                assert manifest.find_fault(directory, right, name, manifest.read_checksum), (name, bit)
    assert open_anew(root)[0] == right


def test_any_bit_of_any_file_that_flips_is_found_at_opening(root: Path) -> None:
    right = open_anew(root)
    for path in list_files(root):
        for _ in flip_bits(path, sample_bits(path, SAMPLED // 20)):
            with pytest.raises(IndexDamaged, match=f"{path.name} was altered"):
                open_anew(root)
    assert open_anew(root) == right


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_are_an_error_of_another_kind(data: bytes, sealed: bool) -> None:
    with pytest.raises(ValueError, match=r"altered|not what this version writes"):
        decode_manifest(add_checksum(b"{" + data) if sealed else data)


def make_manifest(**changes: object) -> Manifest:
    status = IndexStatus(stories=1, sources=2, publishers=3, newest=datetime(2025, 1, 1, tzinfo=UTC))
    made = Manifest(
        generation="g1-s1-f5", build="b", engine="columns", schema_version=1, format_version=5,
        built_at=datetime(2025, 1, 2, tzinfo=UTC), status=status, files={"a/b.txt": 1},
        checksums={"a/b.txt": 2**64 - 1},
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_manifest_is_json_that_begins_with_its_checksum_and_reads_back_the_same() -> None:
    data = encode_manifest(make_manifest())
    assert next(iter(json.loads(data))) == "checksum"
    assert json.loads(data)["generation"] == "g1-s1-f5"
    assert decode_manifest(data) == make_manifest()


@pytest.mark.parametrize(
    "file",
    ["../x", "/etc/passwd", "a/../../x", "..", ".", "", "./a", "a//b", "a/", "a/./b", "a\0b", "stories/../ids.txt"],
)
def test_a_file_outside_the_generation_or_in_another_spelling_is_refused(file: str) -> None:
    data = encode_manifest(make_manifest(files={file: 1}, checksums={file: 1}))
    with pytest.raises(ValueError, match="not in the generation"):
        decode_manifest(data)


def test_files_and_checksums_are_of_the_same_files() -> None:
    for changes in ({"files": {}}, {"checksums": {}}, {"checksums": {"a/b.txt": 1, "c": 1}}):
        with pytest.raises(ValueError, match="without a"):
            decode_manifest(encode_manifest(make_manifest(**changes)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'"build"', b'"built"'),
        lambda text: text.replace(b'"updating":false', b'"updating":0'),
        lambda text: text.replace(b'"g1-s1-f5"', b'"\xff"'),
        lambda text: text.replace(b'"files":{', b'"colour":{},"files":{'),
        lambda text: text[:-1],
        lambda text: text + b"}",
        lambda text: b"[]",
        lambda text: b"{" * 100_000,
    ],
)
def test_a_manifest_with_a_right_checksum_and_another_form_is_refused(change: Callable[[bytes], bytes]) -> None:
    text = msgspec.json.encode(make_manifest())
    with pytest.raises(ValueError, match="not what this version writes"):
        decode_manifest(add_checksum(change(text)))


def test_a_manifest_of_another_generation_is_refused(tmp_path: Path) -> None:
    root = build_stories(tmp_path / "index", [make_story()])
    change_manifest(generations.find_current(root), generation="g7-s1-f5")
    with pytest.raises(IndexDamaged, match="that of 'g7-s1-f5'"):
        open_anew(root)


def test_what_an_earlier_version_built_says_so_and_its_removed_ids_are_known_to_the_next_build(tmp_path: Path) -> None:
    root = build_stories(tmp_path / "index", [make_story("kept"), make_story("gone")])
    delete_stories(root, ["gone"])
    old = generations.find_current(root)
    # As format version 4 had it: no checksum in the manifest, the name alone in `current`.
    earlier = old.rename(old.with_name("g2-s1-f4"))
    content = json.loads((earlier / MANIFEST).read_bytes())
    del content["checksum"]
    (earlier / MANIFEST).write_text(json.dumps(content | {"format_version": 4, "generation": earlier.name}))
    (root / "current").write_text("g2-s1-f4\n")
    with pytest.raises(VersionMismatch, match="build it again with 'outpost build'"):
        open_anew(root)
    report = build_index(root, [write_stories(tmp_path / "in.ndjson", [make_story("kept")])])
    assert report.generation == "g3-s1-f5"
    opened = DirectoryStore(root).open_current()
    assert opened.story_ids.was_removed("gone")
    opened.engine.close()
    opened.release()
    assert not earlier.exists()


def test_a_file_that_the_manifest_does_not_name_changes_nothing(root: Path) -> None:
    """Whether documents are deleted is what segments.json says, not whether a file is there."""
    directory = generations.find_current(root)
    right = open_anew(root)
    marks = directory / "stories" / "0001.deleted.npy"
    extra = directory / "stories" / "0002.deleted.npy"
    assert marks.exists()
    assert not extra.exists()
    extra.write_bytes(b"\x93NUMPY garbage")
    try:
        assert open_anew(root) == right
    finally:
        extra.unlink()


def test_ids_that_were_altered_are_not_taken_over_by_the_next_build(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = build_stories(tmp_path / "index", [make_story("kept"), make_story("gone")])
    delete_stories(root, ["gone"])
    (generations.find_current(root) / "removed.txt").write_bytes(b"lost")
    build_index(root, [write_stories(tmp_path / "in.ndjson", [make_story("kept")])])
    assert "which stories were removed cannot be told" in caplog.text
    opened = DirectoryStore(root).open_current()
    assert not opened.story_ids.was_removed("lost")
    opened.engine.close()
    opened.release()
