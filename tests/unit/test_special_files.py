"""What is no regular file, in the place of any file of an index or of the input: told clearly, never waited for."""

from __future__ import annotations

import errno
import mmap
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index import generations
from index.caching import Cache
from index.errors import BuildFailed, IndexDamaged, IndexUnavailable, InputUnreadable
from index.files import disk, manifest
from index.files.disk import make_directories, open_regular, populate, read_regular, replace_file
from index.indexer import build_index, update_index
from index.live import LiveIndex
from index.query.requests import SearchQuery
from index.readers.outpost_page import read_page
from index.stores.directory import DirectoryStore
from tests.support.factories import SAMPLE, build_stories, make_story, write_stories


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Whoever waits for the other end of a FIFO fails instead of hanging."""

    def stop(number: int, frame: object) -> None:
        raise AssertionError("waited for 60 seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # A path of a socket has at most 108 bytes.
        before = Path.cwd()
        os.chdir(path.parent)
        server.bind(path.name)
        os.chdir(before)


MAKE: dict[str, Callable[[Path], None]] = {
    "a FIFO": os.mkfifo,
    "a directory": Path.mkdir,
    "a socket": make_socket,
    "a character device": lambda path: path.symlink_to("/dev/zero"),
    "symbolic links": lambda path: path.symlink_to(path.name),
    "missing": lambda path: path.symlink_to("nowhere"),
}
kinds = pytest.mark.parametrize("kind", MAKE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = build_stories(tmp_path / "index", [make_story("1", sources=[{"title": "A"}]), make_story("2")])
    update_index(root, [write_stories(tmp_path / "more.ndjson", [make_story("2", title="Other")])])
    return root


def put(kind: str, path: Path) -> None:
    """Something else in the place of a file."""
    path.unlink()
    MAKE[kind](path)


def take_away(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


def ask(root: Path) -> int:
    live = LiveIndex(root)
    try:
        with live.borrow() as generation:
            return generation.engine.search_stories(SearchQuery()).total
    finally:
        live.close()


def list_files(root: Path) -> list[Path]:
    directory = generations.find_current(root)
    return sorted(path for path in directory.rglob("*") if path.is_file())


@kinds
def test_current_that_is_no_file_is_an_index_that_is_not_there(root: Path, kind: str) -> None:
    put(kind, root / "current")
    with pytest.raises(IndexUnavailable, match=kind):
        ask(root)
    # Whoever has it open goes on, and a build replaces it, unless it is a directory.
    if kind == "a directory":
        with pytest.raises(BuildFailed, match="is a directory"):
            build_index(root, [SAMPLE])
        assert len(list((root / "generations").iterdir())) == 1
        (root / "current").rmdir()
    build_index(root, [SAMPLE])
    assert ask(root) == 72


@kinds
def test_what_takes_the_place_of_current_does_not_displace_what_is_open(root: Path, kind: str) -> None:
    live = LiveIndex(root)
    with live.borrow() as before:
        pass
    put(kind, root / "current")
    with live.borrow() as after:
        assert after is before
    live.close()


@kinds
def test_each_file_of_a_generation_that_is_none_is_told_by_name(root: Path, kind: str) -> None:
    directory = generations.find_current(root)
    for path in list_files(root):
        kept = path.with_name("kept")
        path.rename(kept)
        MAKE[kind](path)
        name = str(path.relative_to(directory))
        with pytest.raises(IndexDamaged, match=f"{directory.name}/{name}.*{kind}"):
            ask(root)
        with pytest.raises((IndexUnavailable, BuildFailed)):
            update_index(root, [SAMPLE])
        [checked] = DirectoryStore(root).check()
        assert [fault for fault in checked.faults if name in fault and kind in fault]
        take_away(path)
        kept.rename(path)
    assert ask(root) == 2


@kinds
def test_a_build_beside_a_generation_that_is_broken_in_this_way_succeeds(root: Path, kind: str) -> None:
    for name in ("manifest.json", "ids.txt", "removed.txt"):
        put(kind, generations.find_current(root) / name)
        build_index(root, [SAMPLE])
        assert ask(root) == 72
    names = {path.name for path in (root / "generations").iterdir()}
    # A generation without a manifest is left to whoever made it.
    assert generations.read_current(root) in names
    assert len(names) == 1 or kind == "missing"


@kinds
def test_a_lock_that_is_no_file_is_told_clearly(root: Path, kind: str) -> None:
    put(kind, root / "build.lock")
    if kind == "missing":
        build_index(root, [SAMPLE])
        return
    with pytest.raises(BuildFailed, match=rf"{kind}.*build\.lock"):
        build_index(root, [SAMPLE])
    assert ask(root) == 2


@kinds
def test_leftovers_that_are_no_directory_are_removed_by_a_build(root: Path, kind: str) -> None:
    home = generations.directory_of(root)
    MAKE[kind](home / "building-g9")
    if kind != "a directory":
        MAKE[kind](root / "current.new")
    build_index(root, [SAMPLE])
    assert ask(root) == 72
    assert not os.path.lexists(home / "building-g9")


@kinds
def test_what_is_called_like_a_generation_and_is_none_does_not_stop_a_build(root: Path, kind: str) -> None:
    home = generations.directory_of(root)
    MAKE[kind](home / "g7-s1-f5")
    assert build_index(root, [SAMPLE]).generation == "g8-s1-f5"
    assert ask(root) == 72
    generations.write_current(root, "g7-s1-f5")
    with pytest.raises(IndexUnavailable, match="g7-s1-f5"):
        ask(root)


@kinds
@pytest.mark.parametrize("part", ["", "generations"])
def test_an_index_directory_that_is_none_is_told_clearly(tmp_path: Path, kind: str, part: str) -> None:
    if kind == "a directory":
        return
    root = tmp_path / "index"
    if part:
        root.mkdir()
    MAKE[kind](root / part)
    with pytest.raises(BuildFailed, match="could not write the index"):
        build_index(root, [SAMPLE])
    with pytest.raises(IndexUnavailable):
        ask(root)


@kinds
def test_input_that_is_no_file_is_told_clearly(tmp_path: Path, kind: str) -> None:
    if kind in ("a FIFO", "a character device"):
        return  # what <(…) and /dev/stdin are
    MAKE[kind](tmp_path / "in.ndjson")
    with pytest.raises(InputUnreadable, match=r"in\.ndjson: "):
        build_index(tmp_path / "index", [tmp_path / "in.ndjson"])
    with pytest.raises(InputUnreadable, match=r"in\.ndjson: "):
        read_page(tmp_path / "in.ndjson")


def test_stories_may_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    line = '{"id": "1", "title": "One"}'
    with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'w').write({line!r})"]):
        assert build_index(tmp_path / "index", [pipe]).status.stories == 1


@pytest.mark.parametrize("size", [101, 10_000_000])
def test_a_current_of_any_size_is_not_read_whole(root: Path, size: int) -> None:
    with open(root / "current", "wb") as file:
        file.truncate(size)
    with pytest.raises(IndexDamaged, match="more than 100 bytes"):
        ask(root)


def test_a_manifest_of_any_size_is_not_read_whole(root: Path) -> None:
    with open(generations.find_current(root) / "manifest.json", "r+b") as file:
        file.truncate(2**40)
    with pytest.raises(IndexDamaged, match=r"manifest\.json has more than"):
        ask(root)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO])
def test_what_cannot_be_read_for_now_is_no_damage(root: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = generations.find_current(root).name
    paths = [root / "current", *list_files(root)]
    real = os.open

    for path in paths:

        def refuse(file: object, *given: object, path: Path = path, **more: object) -> int:
            if str(file) == str(path):
                raise OSError(number, os.strerror(number), str(file))
            return real(file, *given, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", refuse)
        monkeypatch.setattr(manifest, "_checksums", Cache(manifest.CHECKSUMS))
        with pytest.raises(IndexUnavailable, match=f"cannot be read: {os.strerror(number)}") as caught:
            ask(root)
        assert type(caught.value) is IndexUnavailable
        assert path.name in str(caught.value)
    monkeypatch.undo()
    assert ask(root) == 2
    assert generations.find_current(root).name == refused


# --- opening, mapping, writing -------------------------------------------------------------------------------------


@kinds
def test_only_regular_files_are_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    MAKE[kind](path)
    with pytest.raises(OSError, match=kind if kind != "missing" else "No such file"):
        open(path, "rb", opener=open_regular)  # noqa: SIM115
    take_away(path)
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_regular(path, 4)


def test_pages_behind_the_end_of_a_file_that_was_cut_are_an_error_and_no_signal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10 * mmap.PAGESIZE))
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        if not populate(mapped):
            pytest.skip("this system cannot tell")
        file.truncate(mmap.PAGESIZE)
        assert populate(mapped, 0, mmap.PAGESIZE)
        with pytest.raises(OSError, match="Input/output error"):
            populate(mapped)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """What was synced, in order."""
    paths: list[Path] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


def test_the_parent_of_each_new_directory_is_synced(tmp_path: Path, synced: list[Path]) -> None:
    make_directories(tmp_path / "a" / "b" / "c")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    make_directories(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3


def test_a_first_build_syncs_all_that_leads_to_it(tmp_path: Path, synced: list[Path]) -> None:
    root = tmp_path / "new" / "index"
    build_index(root, [SAMPLE])
    directory = generations.find_current(root)
    for path in (tmp_path, tmp_path / "new", root, root / "generations"):
        assert path in synced, path
    building = directory.with_name("building-g1")
    wanted = {path.relative_to(directory) for path in directory.rglob("*")}
    assert {building / path for path in wanted} <= set(synced)
    # The switch comes last, and its directory after it.
    assert synced[-2:] == [root / "current.new", root]
    assert synced.index(root / "generations") > synced.index(building)


def test_refused_lines_are_durable_before_the_index_is(tmp_path: Path, synced: list[Path]) -> None:
    file = tmp_path / "in.ndjson"
    file.write_text('{"id": "a", "title": "A"}\n{"id": "b"}\n')
    report = build_index(tmp_path / "index", [file], skip_invalid=True)
    assert report.rejects == tmp_path / "index" / "rejects.ndjson"
    assert any(path.name == "rejects.ndjson" for path in synced)


def test_a_file_is_replaced_as_a_whole_whatever_was_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / "file.new").symlink_to("elsewhere")
    replace_file(path, b"new")
    assert (path.read_bytes(), (tmp_path / "elsewhere").read_bytes()) == (b"new", b"theirs")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["elsewhere", "file"]


def test_damage_is_what_stays_so() -> None:
    assert disk.is_damage(FileNotFoundError(errno.ENOENT, "x"))
    assert disk.is_damage(disk.NotRegular("x", 0o010000))
    assert not disk.is_damage(PermissionError(errno.EACCES, "x"))
    assert not disk.is_damage(OSError(errno.EMFILE, "x"))
